//! The proof of the books: what is stored is computed anew from what was posted.

use chrono::{DateTime, Utc};
use domain::{
    LedgerEntryId,
    ledger::{AccountKind, Discrepancy, DiscrepancyKind},
};
use sqlx::PgConnection;

use crate::StoreError;

/// Discrepancies of one kind that are named; there may be more.
const NAMED_MAX: i64 = 100;

/// A proof that was made.
#[derive(Clone, Debug)]
pub struct Proof {
    /// When.
    pub at: DateTime<Utc>,
    /// How many accounts there were.
    pub accounts: i64,
    /// How many entries.
    pub entries: i64,
    /// How much was wrong: the number of `discrepancies`.
    pub found: i64,
    /// What was wrong; of each kind at most 100.
    pub discrepancies: Vec<Discrepancy>,
}

/// Computes everything anew that is stored, and names what differs; nothing, while the books are right. It reads all
/// postings, and locks nothing: each comparison is one statement and sees one moment.
///
/// # Errors
/// When the database fails.
pub async fn prove(connection: &mut PgConnection) -> Result<Vec<Discrepancy>, StoreError> {
    let mut found = unbalanced_entries(connection).await?;
    found.extend(differing_accounts(connection).await?);
    found.extend(unbalanced_currencies(connection).await?);
    found.extend(differing_reversals(connection).await?);
    Ok(found)
}

/// Proves, and keeps what came of it.
///
/// # Errors
/// When the database fails.
pub async fn prove_and_record(connection: &mut PgConnection, now: DateTime<Utc>) -> Result<Proof, StoreError> {
    let discrepancies = prove(connection).await?;
    let found = i64::try_from(discrepancies.len()).unwrap_or(i64::MAX);
    let row = sqlx::query!(
        r#"INSERT INTO ledger_proofs (at, accounts, entries, found, discrepancies)
           SELECT $1, (SELECT count(*) FROM ledger_accounts), (SELECT count(*) FROM ledger_entries), $2, $3
           RETURNING accounts, entries"#,
        now,
        found,
        serde_json::to_value(&discrepancies)?
    )
    .fetch_one(connection)
    .await?;
    Ok(Proof { at: now, accounts: row.accounts, entries: row.entries, found, discrepancies })
}

/// The last proof, if there ever was one.
///
/// # Errors
/// When the database fails.
pub async fn last_proof(connection: &mut PgConnection) -> Result<Option<Proof>, StoreError> {
    let row =
        sqlx::query!("SELECT at, accounts, entries, found, discrepancies FROM ledger_proofs ORDER BY id DESC LIMIT 1")
            .fetch_optional(connection)
            .await?;
    row.map(|row| {
        let discrepancies = serde_json::from_value(row.discrepancies)?;
        Ok(Proof { at: row.at, accounts: row.accounts, entries: row.entries, found: row.found, discrepancies })
    })
    .transpose()
}

/// Forgets proofs from before `before` that have found nothing; the last one stays.
///
/// # Errors
/// When the database fails.
pub async fn prune_proofs(connection: &mut PgConnection, before: DateTime<Utc>) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "DELETE FROM ledger_proofs WHERE at < $1 AND found = 0 AND id < (SELECT max(id) FROM ledger_proofs)",
        before
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

async fn unbalanced_entries(connection: &mut PgConnection) -> Result<Vec<Discrepancy>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT e.id AS "id!: LedgerEntryId", coalesce(p.currency, '') AS "currency!",
                  coalesce(sum(p.amount), 0)::bigint AS "sum!"
           FROM ledger_entries e LEFT JOIN ledger_postings p ON p.entry_id = e.id
           GROUP BY e.id, p.currency HAVING coalesce(sum(p.amount), 0) <> 0 OR count(p.leg) = 0 LIMIT $1"#,
        NAMED_MAX
    )
    .fetch_all(connection)
    .await?;
    let found = rows.into_iter().map(|row| Discrepancy {
        kind: DiscrepancyKind::EntryUnbalanced,
        subject: row.id.to_string(),
        currency: row.currency,
        expected: 0,
        found: row.sum,
    });
    Ok(found.collect())
}

async fn differing_accounts(connection: &mut PgConnection) -> Result<Vec<Discrepancy>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT a.id, a.kind, a.provider, a.currency, a.posted, a.held,
                  coalesce(p.sum, 0) AS "posted_sum!", coalesce(h.sum, 0) AS "held_sum!"
           FROM ledger_accounts a
           LEFT JOIN (SELECT account_id, sum(amount)::bigint AS sum FROM ledger_postings GROUP BY account_id) p
               ON p.account_id = a.id
           LEFT JOIN (SELECT account_id, sum(amount)::bigint AS sum FROM ledger_holds WHERE state = 'open'
                      GROUP BY account_id) h
               ON h.account_id = a.id
           WHERE a.posted <> coalesce(p.sum, 0) OR a.held <> coalesce(h.sum, 0)
              OR a.kind = 'user' AND a.posted < a.held
           ORDER BY a.id LIMIT $1"#,
        NAMED_MAX
    )
    .fetch_all(connection)
    .await?;
    let mut found = Vec::new();
    for row in rows {
        let subject = name(row.id, row.kind, row.provider.as_deref());
        let mut compare = |kind, expected, is, wrong| {
            if wrong {
                let (subject, currency) = (subject.clone(), row.currency.clone());
                found.push(Discrepancy { kind, subject, currency, expected, found: is });
            }
        };
        compare(DiscrepancyKind::PostedDiffers, row.posted_sum, row.posted, row.posted != row.posted_sum);
        compare(DiscrepancyKind::HeldDiffers, row.held_sum, row.held, row.held != row.held_sum);
        let overdrawn = !row.kind.may_be_negative() && row.posted < row.held;
        compare(DiscrepancyKind::Overdrawn, row.held, row.posted, overdrawn);
    }
    Ok(found)
}

/// What people call an account: a tenant's by its number, because what was found may outlive them.
fn name(id: i64, kind: AccountKind, provider: Option<&str>) -> String {
    match (kind, provider) {
        (AccountKind::User, _) => format!("user/{id}"),
        (kind, Some(provider)) => format!("{}/{provider}", kind.as_str()),
        (kind, None) => kind.as_str().to_owned(),
    }
}

async fn unbalanced_currencies(connection: &mut PgConnection) -> Result<Vec<Discrepancy>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT currency, sum(posted)::bigint AS "sum!" FROM ledger_accounts
           GROUP BY currency HAVING sum(posted) <> 0 ORDER BY currency LIMIT $1"#,
        NAMED_MAX
    )
    .fetch_all(connection)
    .await?;
    let found = rows.into_iter().map(|row| Discrepancy {
        kind: DiscrepancyKind::CurrencyUnbalanced,
        subject: "all".to_owned(),
        currency: row.currency,
        expected: 0,
        found: row.sum,
    });
    Ok(found.collect())
}

async fn differing_reversals(connection: &mut PgConnection) -> Result<Vec<Discrepancy>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT r.id, d.currency AS "currency!", d.sum AS "sum!" FROM ledger_entries r
           CROSS JOIN LATERAL (
               SELECT p.account_id, p.currency, sum(p.amount)::bigint AS sum FROM ledger_postings p
               WHERE p.entry_id IN (r.id, r.reverses) GROUP BY p.account_id, p.currency HAVING sum(p.amount) <> 0) d
           WHERE r.reverses IS NOT NULL ORDER BY r.id LIMIT $1"#,
        NAMED_MAX
    )
    .fetch_all(connection)
    .await?;
    let found = rows.into_iter().map(|row| Discrepancy {
        kind: DiscrepancyKind::ReversalDiffers,
        subject: row.id.to_string(),
        currency: row.currency,
        expected: 0,
        found: row.sum,
    });
    Ok(found.collect())
}
