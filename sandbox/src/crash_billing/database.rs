//! The product's database, read with `psql` once all is quiet: what it believes of money and plans.

use std::path::PathBuf;

use anyhow::Context as _;
use serde::{Deserialize, de::DeserializeOwned};
use tokio::process::Command;

use crate::stack::Stack;

/// A payment.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct PaymentRow {
    /// `pay_…`.
    pub id: String,
    /// `settled`, `review`, …
    pub state: String,
    /// How much was to be paid at the provider, in the smallest unit.
    pub amount: i64,
}

/// Money that has come, as the product knows it.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct ReceiptRow {
    /// The payment.
    pub payment: String,
    /// Through which provider.
    pub provider: String,
    /// The provider's id.
    pub external: String,
    /// `granted`, `credited`, `returned` or `undecided`.
    pub state: String,
    /// How much.
    pub amount: i64,
    /// What the provider has kept.
    pub fee: i64,
    /// Of which currency.
    pub currency: String,
}

/// Money that has gone back, as the product knows it.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct ReversalRow {
    /// Through which provider.
    pub provider: String,
    /// The provider's id.
    pub external: String,
    /// The provider's id of the receipt.
    pub receipt: String,
    /// How much.
    pub amount: i64,
    /// Of which currency.
    pub currency: String,
}

/// A refund that was asked for.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct RefundRow {
    /// Which.
    pub id: String,
    /// Of which payment.
    pub payment: String,
    /// `asked`, `pending`, `by_hand`, `done` or `failed`.
    pub state: String,
}

/// An agreement.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct AgreementRow {
    /// The provider's id.
    pub external: String,
    /// `pending`, `active`, `suspended` or `ended`.
    pub state: String,
}

/// A tenant's plan.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct PlanRow {
    /// The tenant's address.
    pub email: String,
    /// The code of the plan that holds.
    pub plan: String,
    /// Months that the subscription is paid for, from the beginning of its period.
    pub months: Option<i64>,
}

/// An account of a provider in the ledger.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct ClearingRow {
    /// Which provider.
    pub provider: String,
    /// Of which currency.
    pub currency: String,
    /// Its balance.
    pub posted: i64,
}

/// How often something is wrong that must never be.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct FindingRow {
    /// What.
    pub what: String,
    /// How often.
    pub count: i64,
}

/// Events of payment providers.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub struct EventsRow {
    /// Those on record.
    pub all: i64,
    /// Those of them that nobody has passed on yet.
    pub new: i64,
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// Payments.
    pub payments: Vec<PaymentRow>,
    /// Money that has come.
    pub receipts: Vec<ReceiptRow>,
    /// Money that has gone back.
    pub reversals: Vec<ReversalRow>,
    /// Refunds.
    pub refunds: Vec<RefundRow>,
    /// Agreements.
    pub agreements: Vec<AgreementRow>,
    /// Plans.
    pub plans: Vec<PlanRow>,
    /// Accounts of providers.
    pub clearing: Vec<ClearingRow>,
    /// What is wrong with the ledger, invoices and coupons by themselves.
    pub findings: Vec<FindingRow>,
    /// Settlements of one payment more often than once.
    pub settled_twice: Vec<FindingRow>,
}

const PAYMENTS: &str = "SELECT 'pay_' || replace(id::text, '-', '') AS id, state, amount FROM payments";

const RECEIPTS: &str = "SELECT 'pay_' || replace(payment_id::text, '-', '') AS payment, provider,
    external_id AS external, state, amount, fee, currency FROM payment_receipts";

const REVERSALS: &str = "SELECT v.provider, v.external_id AS external, r.external_id AS receipt, v.amount, v.currency
    FROM payment_reversals v JOIN payment_receipts r ON r.id = v.receipt_id";

const REFUNDS: &str = "SELECT id, 'pay_' || replace(payment_id::text, '-', '') AS payment, state FROM refunds";

const AGREEMENTS: &str = "SELECT external_id AS external, state FROM agreements";

/// Periods of a year count twelve months.
const PLANS: &str = "SELECT u.email, p.code AS plan,
        (extract(year FROM s.paid_until) * 12 + extract(month FROM s.paid_until)
         - extract(year FROM s.period_start) * 12 - extract(month FROM s.period_start))::bigint AS months
    FROM users u JOIN plans p ON p.id = u.plan_id
    LEFT JOIN subscriptions s ON s.user_id = u.id AND s.ended_at IS NULL";

const CLEARING: &str = "SELECT provider, currency, posted FROM ledger_accounts WHERE kind = 'provider'";

/// Each must count 0. The ledger is proved from its postings, whatever the product's own proof says.
const FINDINGS: &str = "
    SELECT 'entries whose postings do not sum to zero' AS what, count(*) AS count FROM
        (SELECT FROM ledger_postings GROUP BY entry_id, currency HAVING sum(amount) <> 0) e
    UNION ALL SELECT 'entries without postings', count(*) FROM ledger_entries e
        WHERE NOT EXISTS (SELECT FROM ledger_postings p WHERE p.entry_id = e.id)
    UNION ALL SELECT 'accounts whose balance is not the sum of their postings', count(*) FROM ledger_accounts a
        WHERE a.posted <> (SELECT coalesce(sum(p.amount), 0) FROM ledger_postings p WHERE p.account_id = a.id)
    UNION ALL SELECT 'accounts that hold what no open hold holds', count(*) FROM ledger_accounts a
        WHERE a.held <> (SELECT coalesce(sum(h.amount), 0) FROM ledger_holds h
                         WHERE h.account_id = a.id AND h.state = 'open')
    UNION ALL SELECT 'currencies whose accounts do not sum to zero', count(*) FROM
        (SELECT FROM ledger_accounts GROUP BY currency HAVING sum(posted) <> 0) c
    UNION ALL SELECT 'tenants below zero', count(*) FROM ledger_accounts WHERE kind = 'user' AND posted < held
    UNION ALL SELECT 'open holds of payments that are over', count(*) FROM ledger_holds h
        JOIN payments p ON p.id = h.reference
        WHERE h.state = 'open' AND p.state NOT IN ('created', 'pending', 'processing', 'review')
    UNION ALL SELECT 'discounts that the ledger does not know, in the smallest unit', abs(
        (SELECT coalesce(sum(amount), 0) FROM coupon_discounts WHERE state = 'redeemed')
        + (SELECT coalesce(sum(posted), 0) FROM ledger_accounts WHERE kind = 'discounts'))
    UNION ALL SELECT 'discounts of payments that are over and still reserved', count(*) FROM coupon_discounts d
        JOIN payments p ON p.id = d.payment_id
        WHERE d.state = 'reserved' AND p.state NOT IN ('created', 'pending', 'processing', 'review')
    UNION ALL SELECT 'coupons redeemed more often than they may be', count(*) FROM coupons c
        WHERE c.redemptions_max < (SELECT count(*) FROM coupon_redemptions r
                                   WHERE r.coupon_id = c.id AND r.state <> 'released')
    UNION ALL SELECT 'gaps in the numbers of invoices', count(*) FROM invoice_series s
        WHERE s.last <> (SELECT count(*) FROM invoices i WHERE i.kind = s.kind AND i.year = s.year)
    UNION ALL SELECT 'settled payments without an invoice', count(*) FROM payments p
        WHERE p.period_end IS NOT NULL AND NOT EXISTS
            (SELECT FROM invoices i WHERE i.payment_id = p.id AND i.kind = 'invoice')
    UNION ALL SELECT 'payments with more than one invoice', count(*) FROM
        (SELECT FROM invoices WHERE kind = 'invoice' GROUP BY payment_id HAVING count(*) > 1) i";

const SETTLED_TWICE: &str = "SELECT 'pay_' || replace(reference::text, '-', '') AS what, count(*) AS count
    FROM ledger_entries WHERE kind = 'settlement' GROUP BY reference HAVING count(*) > 1";

/// Events of payment providers.
const EVENTS: &str = "SELECT count(*) AS all, count(*) FILTER (WHERE state = 'new') AS new FROM payment_events";

/// What is still to be done: no number of it may be left when all is quiet.
const OPEN: &str = "SELECT 'events' AS what, count(*) AS count FROM payment_events WHERE state = 'new'
    UNION ALL SELECT 'payments', count(*) FROM payments WHERE state IN ('created', 'processing')
    UNION ALL SELECT 'refunds', count(*) FROM refunds WHERE state IN ('asked', 'pending')
    UNION ALL SELECT 'ends', (SELECT count(*) FROM payments WHERE end_at IS NOT NULL)
        + (SELECT count(*) FROM agreements WHERE end_at IS NOT NULL)";

/// The database of a stack.
#[derive(Debug)]
pub struct Database {
    psql: PathBuf,
    url: String,
}

impl Database {
    /// That of a stack whose PostgreSQL has been started.
    ///
    /// # Errors
    /// When `psql` is not beside its server.
    pub fn of(stack: &Stack) -> anyhow::Result<Self> {
        let psql = stack.postgres_bin().context("PostgreSQL is not running")?.join("psql");
        anyhow::ensure!(psql.is_file(), "{} is missing: install the client of PostgreSQL", psql.display());
        Ok(Self { psql, url: stack.urls().database })
    }

    /// All rows that matter.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn rows(&self) -> anyhow::Result<Rows> {
        Ok(Rows {
            payments: self.query(PAYMENTS).await?,
            receipts: self.query(RECEIPTS).await?,
            reversals: self.query(REVERSALS).await?,
            refunds: self.query(REFUNDS).await?,
            agreements: self.query(AGREEMENTS).await?,
            plans: self.query(PLANS).await?,
            clearing: self.query(CLEARING).await?,
            findings: self.query(FINDINGS).await?,
            settled_twice: self.query(SETTLED_TWICE).await?,
        })
    }

    /// What is still to be done, without what there is nothing of.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn open(&self) -> anyhow::Result<Vec<FindingRow>> {
        let open: Vec<FindingRow> = self.query(OPEN).await?;
        Ok(open.into_iter().filter(|row| row.count > 0).collect())
    }

    /// How many events of payment providers there are.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn events(&self) -> anyhow::Result<EventsRow> {
        self.query(EVENTS).await?.pop().context("a count has no row")
    }

    async fn query<T: DeserializeOwned>(&self, query: &str) -> anyhow::Result<Vec<T>> {
        let wrapped = format!("SELECT coalesce(json_agg(q), '[]') FROM ({query}) q");
        let said = Command::new(&self.psql)
            .args(["-X", "-At", "-q", "-v", "ON_ERROR_STOP=1", "-c", &wrapped, &self.url])
            .kill_on_drop(true)
            .output()
            .await
            .context("cannot run psql")?;
        // Not the command itself: it has the password.
        anyhow::ensure!(said.status.success(), "psql: {}", String::from_utf8_lossy(&said.stderr).trim());
        serde_json::from_slice(&said.stdout).with_context(|| format!("unexpected rows of: {query}"))
    }
}
