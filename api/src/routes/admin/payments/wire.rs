//! Payments as staff see them.

use chrono::{DateTime, Utc};
use domain::{
    AgreementId, PaymentId, Plan, ReceiptId, RefundId, ReversalId, UserId,
    payment::{AgreementState, Decision, ReceiptState, RefundState},
};
use salvo::{
    oapi::{Components, RefOr, Schema},
    prelude::*,
};
use serde::Serialize;
use store::payments::{
    Figures, Listed, Payment, agreements::Agreement, receipts::Receipt, refunds::Refund, reversals::Reversal,
};

use crate::{money::MoneyOut, routes::payments::wire::PaymentOut, wire::one_of};

macro_rules! docs {
    ($($(#[$meta:meta])* $doc:ident = $enum:ty;)*) => {
        $($(#[$meta])*
        pub(crate) struct $doc;

        impl ToSchema for $doc {
            fn to_schema(_components: &mut Components) -> RefOr<Schema> {
                one_of(<$enum>::ALL)
            }
        })*
    };
}

docs! {
    /// What became of money that has come.
    ReceiptStateDoc = ReceiptState;
    /// Where a refund stands.
    RefundStateDoc = RefundState;
    /// Where an agreement stands.
    AgreementStateDoc = AgreementState;
    /// What is decided about money that does not fit.
    DecisionDoc = Decision;
}

/// A payment in the list of staff.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = AdminPayment))]
pub(crate) struct AdminPaymentOut {
    /// Whose; null: they have left.
    #[salvo(schema(value_type = Option<String>))]
    user: Option<UserId>,
    /// The provider's id; null: it does not know of it.
    external: Option<String>,
    /// Money of it waits for a decision.
    undecided: bool,
    /// As its tenant sees it.
    payment: PaymentOut,
}

impl AdminPaymentOut {
    pub(crate) fn new(listed: &Listed, catalogue: &[Plan]) -> Self {
        Self {
            user: listed.payment.user,
            external: listed.payment.external.clone(),
            undecided: listed.is_undecided,
            payment: PaymentOut::new(&listed.payment, catalogue),
        }
    }
}

/// Money that has come.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = PaymentReceipt))]
pub(super) struct ReceiptOut {
    /// `rct_…`.
    #[salvo(schema(value_type = String))]
    id: ReceiptId,
    /// The provider's id.
    external: String,
    /// What became of it.
    #[salvo(schema(value_type = ReceiptStateDoc))]
    state: ReceiptState,
    /// How much.
    amount: MoneyOut,
    /// What the provider has kept of it.
    fee: MoneyOut,
    /// Why it was not granted by itself, as a code.
    review_code: Option<String>,
    /// The same for people.
    review: Option<String>,
    /// When it came.
    #[salvo(schema(value_type = String, format = DateTime))]
    received_at: DateTime<Utc>,
    /// When it was decided about.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    decided_at: Option<DateTime<Utc>>,
}

impl From<Receipt> for ReceiptOut {
    fn from(receipt: Receipt) -> Self {
        let (review_code, review) = receipt.review.unzip();
        Self {
            id: receipt.id,
            external: receipt.external,
            state: receipt.state,
            amount: receipt.amount.into(),
            fee: receipt.fee.into(),
            review_code,
            review,
            received_at: receipt.received_at,
            decided_at: receipt.decided_at,
        }
    }
}

/// Money that has gone back.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = PaymentReversal))]
pub(super) struct ReversalOut {
    /// `rev_…`.
    #[salvo(schema(value_type = String))]
    id: ReversalId,
    /// The receipt that it takes back.
    #[salvo(schema(value_type = String))]
    receipt: ReceiptId,
    /// The provider's id.
    external: String,
    /// Our refund; null: it was made at the provider.
    #[salvo(schema(value_type = Option<crate::wire::RefundIdDoc>))]
    refund: Option<RefundId>,
    /// Taken back by the payer's bank or the provider.
    chargeback: bool,
    /// How much.
    amount: MoneyOut,
    /// When.
    #[salvo(schema(value_type = String, format = DateTime))]
    at: DateTime<Utc>,
}

impl From<Reversal> for ReversalOut {
    fn from(reversal: Reversal) -> Self {
        Self {
            id: reversal.id,
            receipt: reversal.receipt,
            external: reversal.external,
            refund: reversal.refund,
            chargeback: reversal.chargeback,
            amount: reversal.amount.into(),
            at: reversal.at,
        }
    }
}

/// Money that is to be given back.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = Refund))]
pub(crate) struct RefundOut {
    /// `rfd_…`.
    #[salvo(schema(value_type = crate::wire::RefundIdDoc))]
    id: RefundId,
    /// Of which payment.
    #[salvo(schema(value_type = crate::wire::PaymentIdDoc))]
    payment: PaymentId,
    /// The receipt; null: what the balance had paid, to the balance.
    #[salvo(schema(value_type = Option<String>))]
    receipt: Option<ReceiptId>,
    /// Where it stands.
    #[salvo(schema(value_type = RefundStateDoc))]
    state: RefundState,
    /// How much.
    amount: MoneyOut,
    /// Everything of the payment is given back with it.
    whole: bool,
    /// The provider's id.
    external: Option<String>,
    /// What the payer is told.
    note: String,
    /// Who asked; null: the operator.
    #[salvo(schema(value_type = Option<String>))]
    asked_by: Option<UserId>,
    /// Why it stands where it does.
    reason: Option<String>,
    /// When it was asked for.
    #[salvo(schema(value_type = String, format = DateTime))]
    created_at: DateTime<Utc>,
    /// When the money was back.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    done_at: Option<DateTime<Utc>>,
}

impl From<Refund> for RefundOut {
    fn from(refund: Refund) -> Self {
        Self {
            id: refund.id,
            payment: refund.payment,
            receipt: refund.receipt,
            state: refund.state,
            amount: refund.amount.into(),
            whole: refund.whole,
            external: refund.external,
            note: refund.note,
            asked_by: refund.asked_by,
            reason: refund.reason,
            created_at: refund.created_at,
            done_at: refund.done_at,
        }
    }
}

/// A tenant's agreement with a provider.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = Agreement))]
pub(crate) struct AgreementOut {
    /// `agr_…`.
    #[salvo(schema(value_type = String))]
    id: AgreementId,
    /// The payment that it began with.
    #[salvo(schema(value_type = crate::wire::PaymentIdDoc))]
    payment: PaymentId,
    /// The provider's code.
    provider: String,
    /// The provider's id.
    external: String,
    /// Where it stands.
    #[salvo(schema(value_type = AgreementStateDoc))]
    state: AgreementState,
    /// What each period costs.
    amount: MoneyOut,
    /// When it makes the next payment.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    next_payment_at: Option<DateTime<Utc>>,
    /// Payments in a row that failed.
    failed_payments: i32,
    /// Why the last one failed.
    last_failure: Option<String>,
    /// It is to be ended at the provider.
    ending: bool,
    /// Why it ends, or has ended.
    end_reason: Option<String>,
    /// When it ended.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    ended_at: Option<DateTime<Utc>>,
}

impl From<Agreement> for AgreementOut {
    fn from(agreement: Agreement) -> Self {
        Self {
            id: agreement.id,
            payment: agreement.payment,
            provider: agreement.provider,
            external: agreement.external,
            state: agreement.state,
            amount: agreement.price.amount.into(),
            next_payment_at: agreement.next_payment_at,
            failed_payments: agreement.failed_payments,
            last_failure: agreement.last_failure.map(|(_, why)| why),
            ending: agreement.is_ending,
            end_reason: agreement.end_reason,
            ended_at: agreement.ended_at,
        }
    }
}

/// One payment, whole.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = AdminPaymentDetail))]
pub(crate) struct PaymentDetailOut {
    /// Whose; null: they have left.
    #[salvo(schema(value_type = Option<String>))]
    user: Option<UserId>,
    /// The provider's id; null: it does not know of it.
    external: Option<String>,
    /// When the provider was asked last.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    asked_at: Option<DateTime<Utc>>,
    /// As its tenant sees it.
    payment: PaymentOut,
    /// Money that has come, oldest first.
    receipts: Vec<ReceiptOut>,
    /// Money that has gone back, oldest first.
    reversals: Vec<ReversalOut>,
    /// Refunds, oldest first.
    refunds: Vec<RefundOut>,
    /// The agreement that it began, or that has paid it.
    agreement: Option<AgreementOut>,
}

impl PaymentDetailOut {
    pub(super) fn new(
        payment: &Payment,
        catalogue: &[Plan],
        (receipts, reversals, refunds, agreement): (Vec<Receipt>, Vec<Reversal>, Vec<Refund>, Option<Agreement>),
    ) -> Self {
        Self {
            user: payment.user,
            external: payment.external.clone(),
            asked_at: payment.asked_at,
            payment: PaymentOut::new(payment, catalogue),
            receipts: receipts.into_iter().map(ReceiptOut::from).collect(),
            reversals: reversals.into_iter().map(ReversalOut::from).collect(),
            refunds: refunds.into_iter().map(RefundOut::from).collect(),
            agreement: agreement.map(AgreementOut::from),
        }
    }
}

/// What somebody has paid so far, in one currency.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = PaymentFigures))]
pub(crate) struct FiguresOut {
    /// Payments that have bought something.
    payments: i64,
    /// What was paid, at providers and from the balance.
    paid: MoneyOut,
    /// What has gone back.
    refunded: MoneyOut,
}

impl From<Figures> for FiguresOut {
    fn from(figures: Figures) -> Self {
        Self { payments: figures.payments, paid: figures.paid.into(), refunded: figures.refunded.into() }
    }
}
