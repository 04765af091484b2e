//! What becomes of a tenant's pairs and accounts when what they may have has changed.

use chrono::{DateTime, Utc};
use domain::{
    AccountId, AccountStatus, ChatId, CopyMode, PairId, PairStatus, Platform, UserId,
    gate::{self, Action, Bar, Member, Move, Standing, Use, Way},
    pair::Endpoint,
    plan::{Features, Limit, Terms},
    rules::PairOptions,
};
use serde::Deserialize as _;
use sqlx::PgConnection;

use super::{HELD, lock_user, tenancy};
use crate::StoreError;

/// What was paused and resumed. The rows say so already, and nothing is claimed or hosted against them; workflows have
/// to be told, after the commit: [`super::pair_told`] and [`super::account_told`] note that they were.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Pairs that the plan pauses.
    pub pairs_paused: Vec<PairId>,
    /// Pairs that the plan had paused and resumes.
    pub pairs_resumed: Vec<PairId>,
    /// Accounts that the plan pauses; their hosts see it in the lease, their workflows at the next hosting.
    pub accounts_paused: Vec<AccountId>,
    /// Accounts that the plan had paused and resumes.
    pub accounts_resumed: Vec<AccountId>,
}

impl Applied {
    /// True when nothing had to change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pairs_paused.is_empty()
            && self.pairs_resumed.is_empty()
            && self.accounts_paused.is_empty()
            && self.accounts_resumed.is_empty()
    }
}

/// Settles a tenant's accounts and pairs by their plan: pauses the newest that are too many, and those that use what
/// the plan does not include; resumes what it has paused where there is room again, oldest first. What the tenant has
/// paused stays as it is, and nothing is deleted. Twice is the same as once. To be called within a transaction, with
/// nothing locked but the tenant.
pub async fn apply(connection: &mut PgConnection, user: UserId, now: DateTime<Utc>) -> Result<Applied, StoreError> {
    let mut applied = Applied::default();
    if !lock_user(connection, user).await? {
        return Ok(applied);
    }
    let Some(tenancy) = tenancy(connection, user).await? else { return Ok(applied) };
    let terms = tenancy.terms();
    // Accounts before pairs, as whoever takes a lease locks them.
    settle_accounts(connection, user, &terms, now, &mut applied).await?;
    settle_pairs(connection, user, &terms, now, &mut applied).await?;
    sqlx::query!("UPDATE users SET plan_stale_since = NULL WHERE id = $1", user as UserId).execute(connection).await?;
    Ok(applied)
}

/// [`apply`] for when the tenant has only given up room, or uses less: nothing can be too many then, so that nothing is
/// looked at unless the plan has paused something.
pub async fn give_room(connection: &mut PgConnection, user: UserId, now: DateTime<Utc>) -> Result<Applied, StoreError> {
    let waits = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM pairs WHERE user_id = $1 AND reason_code = 'plan_limit' AND deleted_at IS NULL)
               OR EXISTS (SELECT FROM accounts WHERE user_id = $1 AND plan_held_since IS NOT NULL) AS "waits!""#,
        user as UserId
    )
    .fetch_one(&mut *connection)
    .await?;
    if waits { apply(connection, user, now).await } else { Ok(Applied::default()) }
}

async fn settle_accounts(
    connection: &mut PgConnection,
    user: UserId,
    terms: &Terms,
    now: DateTime<Utc>,
    applied: &mut Applied,
) -> Result<(), StoreError> {
    let rows = sqlx::query!(
        r#"SELECT id, platform, status, plan_held_since IS NOT NULL AS "held!" FROM accounts
           WHERE user_id = $1 AND status <> 'logged_out' ORDER BY created_at, id"#,
        user as UserId
    )
    .fetch_all(&mut *connection)
    .await?;
    for platform in Platform::ALL {
        let accounts: Vec<_> = rows.iter().filter(|row| row.platform == platform).collect();
        let members: Vec<Member> = accounts
            .iter()
            .map(|row| Member { standing: account_standing(row.held, row.status), permitted: !terms.suspended })
            .collect();
        let limit = Limit::accounts(platform);
        let bar = match terms.suspended {
            true => Bar::Suspended,
            false => Bar::Limit { limit, allowed: terms.limits.get(limit).unwrap_or(0), used: running(&members) },
        };
        for (index, moved) in gate::settle(&members, terms.limits.get(limit)) {
            let Some(row) = accounts.get(index) else { continue };
            match moved {
                Move::Hold => {
                    super::hold(connection, row.id, (bar.code(), &bar.to_string()), now).await?;
                    applied.accounts_paused.push(row.id);
                }
                Move::Release => {
                    release_account(connection, row.id, now).await?;
                    if row.status == AccountStatus::Paused {
                        applied.accounts_resumed.push(row.id);
                    }
                }
            }
        }
    }
    Ok(())
}

fn account_standing(held: bool, status: AccountStatus) -> Standing {
    match (held, status) {
        (true, _) => Standing::Held,
        (false, AccountStatus::Paused) => Standing::Stopped,
        (false, _) => Standing::Running,
    }
}

fn running(members: &[Member]) -> u64 {
    u64::try_from(members.iter().filter(|member| member.standing == Standing::Running).count()).unwrap_or(u64::MAX)
}

/// Only what was paused has to be told: an account in another state is not waiting for its plan.
async fn release_account(
    connection: &mut PgConnection,
    account: AccountId,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE accounts SET plan_held_since = NULL,
                plan_untold_since = CASE WHEN status = 'paused' THEN $2 ELSE plan_untold_since END,
                reason_code = CASE WHEN status = 'paused' THEN NULL ELSE reason_code END,
                reason = CASE WHEN status = 'paused' THEN NULL ELSE reason END,
                status = CASE WHEN status = 'paused' THEN 'connecting' ELSE status END, updated_at = $2
         WHERE id = $1 AND plan_held_since IS NOT NULL",
        account as AccountId,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// One pair, as far as its plan has a say in it.
pub(super) struct Carried {
    id: PairId,
    source: Endpoint,
    destination: Endpoint,
    mode: CopyMode,
    options: serde_json::Value,
    status: PairStatus,
    reason_code: Option<String>,
}

impl Carried {
    pub(super) const fn way(&self) -> Way {
        Way { source: self.source, destination: self.destination }
    }

    fn standing(&self) -> Standing {
        match self.status {
            PairStatus::Active | PairStatus::Blocked => Standing::Running,
            PairStatus::Paused if self.reason_code.as_deref().is_some_and(|code| HELD.contains(&code)) => {
                Standing::Held
            }
            PairStatus::Paused => Standing::Stopped,
        }
    }

    /// What it uses. Whether that is a chain is only asked where `terms` have none.
    fn needs(&self, all: &[Self], terms: &Terms) -> Features {
        // What cannot be read here is not carried either: its drains fail.
        let options = PairOptions::deserialize(&self.options).unwrap_or_default();
        let others = all.iter().filter(|other| other.id != self.id).map(Self::way);
        Features {
            chain_forwarding: !terms.features.chain_forwarding && gate::joins_a_chain(self.way(), others),
            ..gate::needs(self.way(), self.mode, &options)
        }
    }
}

/// The tenant's pairs, oldest first; with `near`, only those that write to the chat where it reads, or read the one where
/// it writes.
pub(super) async fn carried(
    connection: &mut PgConnection,
    user: UserId,
    near: Option<Way>,
) -> Result<Vec<Carried>, StoreError> {
    let rows = sqlx::query!(
        "SELECT p.id, p.source_account_id, s.platform AS source_platform, p.source_chat_id, p.source_topic_id,
                p.destination_account_id, d.platform AS destination_platform, p.destination_chat_id,
                p.destination_topic_id, p.mode, p.options, p.status, p.reason_code
         FROM pairs p JOIN accounts s ON s.id = p.source_account_id JOIN accounts d ON d.id = p.destination_account_id
         WHERE p.user_id = $1 AND p.deleted_at IS NULL
           AND ($2::bigint IS NULL OR p.destination_chat_id = $2 OR p.source_chat_id = $3)
         ORDER BY p.created_at, p.id",
        user as UserId,
        near.map(|way| way.source.chat.get()),
        near.map(|way| way.destination.chat.get())
    )
    .fetch_all(connection)
    .await?;
    let end = |account: AccountId, platform: Platform, chat: ChatId, topic| Endpoint { account, platform, chat, topic };
    let pairs = rows.into_iter().map(|row| Carried {
        id: row.id,
        source: end(row.source_account_id, row.source_platform, row.source_chat_id, row.source_topic_id),
        destination: end(
            row.destination_account_id,
            row.destination_platform,
            row.destination_chat_id,
            row.destination_topic_id,
        ),
        mode: row.mode,
        options: row.options,
        status: row.status,
        reason_code: row.reason_code,
    });
    Ok(pairs.collect())
}

async fn settle_pairs(
    connection: &mut PgConnection,
    user: UserId,
    terms: &Terms,
    now: DateTime<Utc>,
    applied: &mut Applied,
) -> Result<(), StoreError> {
    let pairs = carried(connection, user, None).await?;
    let barred = |pair: &Carried| {
        let needs = pair.needs(&pairs, terms);
        gate::permits(terms, &Use::default(), Action::CarryPair { needs }).err()
    };
    let bars: Vec<Option<Bar>> = pairs.iter().map(barred).collect();
    let members: Vec<Member> = pairs
        .iter()
        .zip(&bars)
        .map(|(pair, bar)| Member { standing: pair.standing(), permitted: bar.is_none() })
        .collect();
    let max = terms.limits.get(Limit::Pairs);
    let surplus = Bar::Limit { limit: Limit::Pairs, allowed: max.unwrap_or(0), used: running(&members) };
    let mut moves: Vec<_> = gate::settle(&members, max)
        .into_iter()
        .filter_map(|(index, moved)| Some((pairs.get(index)?.id, moved, bars.get(index)?.unwrap_or(surplus))))
        .collect();
    // In the order in which an ingest locks pairs.
    moves.sort_by_key(|(id, ..)| *id);
    for (id, moved, bar) in moves {
        match moved {
            Move::Hold if hold_pair(connection, id, &bar, now).await? => applied.pairs_paused.push(id),
            Move::Release if release_pair(connection, id, now).await? => applied.pairs_resumed.push(id),
            Move::Hold | Move::Release => (),
        }
    }
    Ok(())
}

async fn hold_pair(
    connection: &mut PgConnection,
    pair: PairId,
    bar: &Bar,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE pairs SET status = 'paused', reason_code = $2, reason = $3, plan_untold_since = $4, updated_at = $4
         WHERE id = $1 AND deleted_at IS NULL AND status <> 'paused'",
        pair as PairId,
        bar.code(),
        bar.to_string(),
        now
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

async fn release_pair(connection: &mut PgConnection, pair: PairId, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE pairs SET status = 'active', reason_code = NULL, reason = NULL, plan_untold_since = $3, updated_at = $3
         WHERE id = $1 AND deleted_at IS NULL AND status = 'paused' AND reason_code = ANY($2)",
        pair as PairId,
        &HELD.map(str::to_owned)[..],
        now
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}
