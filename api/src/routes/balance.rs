//! What a tenant has on account, and what has changed it.

use chrono::{DateTime, Utc};
use domain::{Currency, LedgerEntryId, UserId, ledger::EntryKind};
use salvo::prelude::*;
use serde::Serialize;
use store::{
    PgConnection,
    ledger::{Balance, UserEntry},
};

use super::page;
use crate::{
    auth::Actor,
    error::ApiError,
    money::{CurrencyDoc, MoneyOut},
    state::AppState,
};

/// What a tenant has of one currency. Decimals with all digits of the currency.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = Balance))]
pub(crate) struct BalanceOut {
    /// Of which currency.
    #[salvo(schema(value_type = CurrencyDoc))]
    currency: Currency,
    /// All of it.
    posted: String,
    /// What is set aside of it, for purchases that are under way.
    held: String,
    /// What can be spent: the one less the other.
    available: String,
}

impl From<Balance> for BalanceOut {
    fn from(balance: Balance) -> Self {
        Self {
            currency: balance.posted.currency,
            posted: balance.posted.decimal(),
            held: balance.held.decimal(),
            available: balance.available().decimal(),
        }
    }
}

/// What a tenant has.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = Balances))]
pub(crate) struct BalancesOut {
    /// One for each currency that there ever was something of.
    pub(in crate::routes) balances: Vec<BalanceOut>,
}

/// Something that has changed a balance.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = BalanceEntry))]
pub(crate) struct EntryOut {
    /// Names it; `before` takes it.
    #[salvo(schema(value_type = crate::wire::LedgerEntryIdDoc))]
    id: LedgerEntryId,
    /// Why.
    #[salvo(schema(value_type = crate::wire::LedgerEntryKindDoc))]
    kind: EntryKind,
    /// By how much, negative for what was spent; one for each currency.
    amounts: Vec<MoneyOut>,
    /// The entry that it undoes.
    #[salvo(schema(value_type = Option<crate::wire::LedgerEntryIdDoc>))]
    reverses: Option<LedgerEntryId>,
    /// For people; may be empty.
    note: String,
    /// When.
    #[salvo(schema(value_type = String, format = DateTime))]
    at: DateTime<Utc>,
}

impl From<UserEntry> for EntryOut {
    fn from(entry: UserEntry) -> Self {
        Self {
            id: entry.id,
            kind: entry.kind,
            amounts: entry.amounts.into_iter().map(MoneyOut::from).collect(),
            reverses: entry.reverses,
            note: entry.note,
            at: entry.at,
        }
    }
}

/// A page of what has changed a balance.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = BalanceEntries))]
pub(crate) struct EntriesOut {
    /// Newest first.
    pub(in crate::routes) entries: Vec<EntryOut>,
    /// What to pass as `before` for the next page; null on the last one.
    #[salvo(schema(value_type = Option<crate::wire::LedgerEntryIdDoc>))]
    pub(in crate::routes) next: Option<LedgerEntryId>,
}

/// Shows what is on account, of every currency that there ever was something of. It pays for what is bought next.
#[endpoint(operation_id = "read_balance", tags("billing"))]
pub(crate) async fn read(actor: Actor, app: AppState) -> Result<Json<BalancesOut>, ApiError> {
    Ok(Json(balances(&mut *app.database().await?, actor.user).await?))
}

/// Lists what has changed the balances, newest first. What went in and out at once, such as a payment that was spent on
/// its plan, is not there.
#[endpoint(
    operation_id = "list_balance_entries",
    tags("billing"),
    parameters(
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 200, description = "Entries on a page: 1 to 200, 50 unless given."),
        ("before" = Option<crate::wire::LedgerEntryIdDoc>, Query, description = "Only entries older than this `id`.")
    )
)]
pub(crate) async fn entries(actor: Actor, app: AppState, req: &mut Request) -> Result<Json<EntriesOut>, ApiError> {
    Ok(Json(entries_of(&mut *app.database().await?, actor.user, req).await?))
}

/// What somebody has.
pub(super) async fn balances(database: &mut PgConnection, user: UserId) -> Result<BalancesOut, ApiError> {
    let balances = store::ledger::balances(database, user).await?;
    Ok(BalancesOut { balances: balances.into_iter().map(BalanceOut::from).collect() })
}

/// The page of somebody's entries that is asked for.
pub(super) async fn entries_of(
    database: &mut PgConnection,
    user: UserId,
    req: &Request,
) -> Result<EntriesOut, ApiError> {
    let (limit, before) = (page::size(req)?, page::before(req)?);
    let found = store::ledger::user_entries(database, user, before, limit + 1).await?;
    let (found, next) = page::cut(found, limit, |entry| entry.id);
    Ok(EntriesOut { entries: found.into_iter().map(EntryOut::from).collect(), next })
}
