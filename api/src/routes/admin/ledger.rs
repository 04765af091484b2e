//! The books, as staff see them.

use chrono::{DateTime, Utc};
use domain::ledger::{AccountKind, Discrepancy, DiscrepancyKind};
use salvo::prelude::*;
use serde::Serialize;
use store::ledger::{Credit, Proof, SystemAccount};

use crate::{auth::Staff, error::ApiError, money::MoneyOut, routes::balance::BalanceOut, state::AppState};

/// An account of the installation itself.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = LedgerAccount))]
pub(crate) struct LedgerAccountOut {
    /// What it is.
    #[salvo(schema(value_type = crate::wire::LedgerAccountKindDoc))]
    kind: AccountKind,
    /// Whose clearing, of a provider's.
    provider: Option<String>,
    /// What it has; negative for what was spent, or what a provider owes.
    balance: MoneyOut,
}

impl From<SystemAccount> for LedgerAccountOut {
    fn from(account: SystemAccount) -> Self {
        Self { kind: account.kind, provider: account.provider, balance: account.posted.into() }
    }
}

/// What all users have of one currency.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = LedgerCredit))]
pub(crate) struct CreditOut {
    /// How many accounts that are.
    accounts: i64,
    /// Of these, accounts of users who have left.
    orphaned: i64,
    /// All of them together.
    balance: BalanceOut,
}

impl From<Credit> for CreditOut {
    fn from(credit: Credit) -> Self {
        Self { accounts: credit.accounts, orphaned: credit.orphaned, balance: credit.balance.into() }
    }
}

/// Something wrong with the books. Amounts are in the currency's smallest unit.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = LedgerDiscrepancy))]
pub(crate) struct DiscrepancyOut {
    /// What.
    #[salvo(schema(value_type = crate::wire::LedgerDiscrepancyKindDoc))]
    kind: DiscrepancyKind,
    /// Where: an entry's id, an account such as `provider/paypal`, a user's by its number (`user/12`), or `all`.
    subject: String,
    /// Of which currency; empty for an entry that moves nothing.
    currency: String,
    /// What there should be.
    expected: i64,
    /// What there is.
    found: i64,
}

impl From<Discrepancy> for DiscrepancyOut {
    fn from(it: Discrepancy) -> Self {
        Self { kind: it.kind, subject: it.subject, currency: it.currency, expected: it.expected, found: it.found }
    }
}

/// What a proof of the books has found.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = LedgerProof))]
pub(crate) struct ProofOut {
    /// When it was made.
    #[salvo(schema(value_type = String, format = DateTime))]
    at: DateTime<Utc>,
    /// How many accounts there were.
    accounts: i64,
    /// How many entries.
    entries: i64,
    /// What was wrong; of each kind at most 100. Empty while the books are right.
    discrepancies: Vec<DiscrepancyOut>,
}

impl From<Proof> for ProofOut {
    fn from(proof: Proof) -> Self {
        Self {
            at: proof.at,
            accounts: proof.accounts,
            entries: proof.entries,
            discrepancies: proof.discrepancies.into_iter().map(DiscrepancyOut::from).collect(),
        }
    }
}

/// The books.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = Ledger))]
pub(crate) struct LedgerOut {
    /// The installation's own accounts.
    accounts: Vec<LedgerAccountOut>,
    /// What users have, by currency.
    credits: Vec<CreditOut>,
    /// The last proof; null before the first.
    proof: Option<ProofOut>,
}

/// Shows the books: the installation's own accounts, what users have all together, and what the last proof has found.
#[endpoint(operation_id = "admin_read_ledger", tags("admin"))]
pub(crate) async fn read(_staff: Staff, app: AppState) -> Result<Json<LedgerOut>, ApiError> {
    let mut database = app.database().await?;
    let accounts = store::ledger::system_accounts(&mut database).await?;
    let credits = store::ledger::credits(&mut database).await?;
    let proof = store::ledger::last_proof(&mut database).await?;
    Ok(Json(LedgerOut {
        accounts: accounts.into_iter().map(LedgerAccountOut::from).collect(),
        credits: credits.into_iter().map(CreditOut::from).collect(),
        proof: proof.map(ProofOut::from),
    }))
}
