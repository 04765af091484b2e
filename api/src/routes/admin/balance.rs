//! A user's balance, and changing it by hand.

use domain::{
    LedgerEntryId, Money, UserId,
    ledger::{self, EntryKind, NOTE_CHARS_MAX},
};
use salvo::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use store::ledger::{Account, Balance, NewEntry, Posting};

use super::{
    act::{Acting, Deed},
    page,
};
use crate::{
    auth::{PathId, Staff},
    body::JsonBody,
    error::{ApiError, Thing},
    idempotency::RequestKey,
    money::MoneyIn,
    routes::balance::{BalanceOut, BalancesOut, EntriesOut, EntryOut, balances, entries_of},
    state::AppState,
};

/// What a user has, and what has changed it.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = AdminBalance))]
pub(crate) struct AdminBalanceOut {
    /// One for each currency that there ever was something of.
    balances: Vec<BalanceOut>,
    /// What has changed them, newest first.
    entries: Vec<EntryOut>,
    /// What to pass as `before` for the next page; null on the last one.
    #[salvo(schema(value_type = Option<crate::wire::LedgerEntryIdDoc>))]
    next: Option<LedgerEntryId>,
}

/// Which way money goes.
#[derive(Clone, Copy, Deserialize, Serialize, ToSchema)]
#[salvo(schema(name = BalanceDirection))]
#[serde(rename_all = "snake_case")]
pub(crate) enum Direction {
    /// To the user.
    Credit,
    /// From the user.
    Debit,
}

/// A change of a balance by hand.
#[derive(Deserialize, ToSchema)]
#[salvo(schema(name = BalanceChange))]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeIn {
    /// `credit` gives, `debit` takes.
    direction: Direction,
    /// How much; more than nothing.
    amount: MoneyIn,
    /// Why, 1 to 500 characters; it goes into the audit log.
    reason: String,
    /// What the user reads beside it, at most 500 characters. It outlives the user, so nothing about a person stands in
    /// it.
    #[serde(default)]
    note: String,
}

/// What a change of a balance has made of it.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = BalanceChanged))]
pub(crate) struct ChangedOut {
    /// The entry that has changed it.
    #[salvo(schema(value_type = crate::wire::LedgerEntryIdDoc))]
    entry: LedgerEntryId,
    /// It was there before: this request has moved nothing.
    replayed: bool,
    /// What the user has of the currency now.
    balance: BalanceOut,
}

/// Shows what a user has on account, and what has changed it, newest first.
#[endpoint(
    operation_id = "admin_read_balance",
    tags("admin"),
    parameters(
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 200, description = "Entries on a page: 1 to 200, 50 unless given."),
        ("before" = Option<crate::wire::LedgerEntryIdDoc>, Query, description = "Only entries older than this `id`.")
    )
)]
pub(crate) async fn read(
    _staff: Staff,
    app: AppState,
    id: PathId<UserId>,
    req: &mut Request,
) -> Result<Json<AdminBalanceOut>, ApiError> {
    let mut database = app.database().await?;
    store::users::find(&mut database, id.0).await?.ok_or(ApiError::NotFound(Thing::User))?;
    let EntriesOut { entries, next } = entries_of(&mut database, id.0, req).await?;
    let BalancesOut { balances } = balances(&mut database, id.0).await?;
    Ok(Json(AdminBalanceOut { balances, entries, next }))
}

/// Changes a user's balance by hand, once for each `Idempotency-Key`: goodwill, a payment that came by another way, a
/// mistake. Nobody is debited more than they have available.
#[endpoint(operation_id = "admin_change_balance", tags("admin"))]
pub(crate) async fn change(
    acting: Acting,
    app: AppState,
    id: PathId<UserId>,
    key: RequestKey,
    body: JsonBody<ChangeIn>,
) -> Result<Json<ChangedOut>, ApiError> {
    let (user, body, now) = (id.0, body.0, app.clock.now());
    let (reason, amount, note) = (page::reason(&body.reason)?, body.amount.read()?, note(&body.note)?);
    let mut act = acting.begin(&app).await?;
    if !store::plans::lock_user(&mut act, user).await? {
        return Err(ApiError::NotFound(Thing::User));
    }
    let account = Account::User(user);
    let before = store::ledger::balance(&mut act, &account, amount.currency).await?;
    let postings = [posting(body.direction, user, amount)];
    let key = entry_key(user, &key);
    let entry = NewEntry { key: &key, kind: EntryKind::Adjustment, reference: None, postings: &postings, note };
    let posted = store::ledger::post(&mut act, &entry, now).await?;
    let after = store::ledger::balance(&mut act, &account, amount.currency).await?;
    if !posted.replayed {
        let after = json!({ "balance": shown(after), "direction": body.direction, "amount": amount.to_string(),
                            "entry": posted.id });
        act.commit(Deed {
            action: "user.balance",
            subject: user.to_string(),
            user: Some(user),
            before: Some(json!({ "balance": shown(before) })),
            after: Some(after),
            reason: Some(reason),
        })
        .await?;
    }
    Ok(Json(ChangedOut { entry: posted.id, replayed: posted.replayed, balance: after.into() }))
}

fn posting(direction: Direction, user: UserId, amount: Money) -> Posting {
    match direction {
        Direction::Credit => Posting::new(Account::Adjustments, Account::User(user), amount),
        Direction::Debit => Posting::new(Account::User(user), Account::Adjustments, amount),
    }
}

/// The entry's key: what staff chose, for this user alone, and without the user's id in clear, because entries outlive
/// their tenants.
fn entry_key(user: UserId, key: &RequestKey) -> String {
    format!("adjustment/{}", hex::encode(Sha256::digest(format!("{user}/{}", key.0))))
}

/// A note as it is stored.
fn note(text: &str) -> Result<&str, ApiError> {
    let text = text.trim();
    ledger::check_note(text).map(|()| text).map_err(|_| ApiError::NoteLength)
}

fn shown(balance: Balance) -> String {
    balance.posted.to_string()
}

// The document says so in words.
const _: () = assert!(NOTE_CHARS_MAX == 500);

#[cfg(test)]
mod tests {
    use domain::SystemClock;

    use super::*;

    #[test]
    fn a_key_is_of_one_user_and_does_not_show_them() {
        let (one, other) = (UserId::new(&SystemClock), UserId::new(&SystemClock));
        let key = |user| entry_key(user, &RequestKey("k".into()));
        assert_eq!(key(one), key(one));
        assert_ne!(key(one), key(other));
        assert!(!key(one).contains(&one.as_uuid().simple().to_string()));
        assert!(ledger::check_key(&key(one)).is_ok());
    }

    #[test]
    fn a_note_is_trimmed_and_bounded() {
        assert_eq!(note("  thanks \n").unwrap(), "thanks");
        assert_eq!(note("").unwrap(), "");
        assert!(matches!(note(&"x".repeat(501)), Err(ApiError::NoteLength)));
        assert!(matches!(note("a\0b"), Err(ApiError::NoteLength)));
    }
}
