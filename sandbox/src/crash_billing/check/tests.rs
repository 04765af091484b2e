//! Each fault is found, and nothing else.

use super::*;
use crate::crash_billing::database::{
    AgreementRow, ClearingRow, FindingRow, PaymentRow, PlanRow, RefundRow, ReversalRow,
};

fn movement(external: &str, payment: &str, agreement: Option<&str>) -> Movement {
    Movement {
        provider: "paypal",
        external: external.into(),
        payment: payment.into(),
        agreement: agreement.map(str::to_owned),
        amount: 1_000,
        fee: Some(84),
    }
}

fn receipt(external: &str, payment: &str) -> ReceiptRow {
    ReceiptRow {
        payment: payment.into(),
        provider: "paypal".into(),
        external: external.into(),
        state: "granted".into(),
        amount: 1_000,
        fee: 84,
        currency: "USD".into(),
    }
}

/// Two payments, one of them by an agreement with two sales, and a refund.
fn good() -> (Truth, Rows, Vec<Expected>) {
    let truth = Truth {
        came: vec![
            movement("C1", "pay_1", None),
            movement("S1", "pay_2", Some("I-1")),
            movement("S2", "pay_2", Some("I-1")),
        ],
        back: vec![Back {
            provider: "paypal",
            external: "R1".into(),
            movement: "C1".into(),
            amount: 1_000,
            refund: Some("ref_1".into()),
        }],
        running: BTreeSet::from(["I-1".to_owned()]),
        ..Truth::default()
    };
    let rows = Rows {
        payments: vec![PaymentRow { id: "pay_1".into(), state: "refunded".into(), amount: 1_000 }],
        receipts: vec![receipt("C1", "pay_1"), receipt("S1", "pay_2"), receipt("S2", "pay_3")],
        reversals: vec![ReversalRow {
            provider: "paypal".into(),
            external: "R1".into(),
            receipt: "C1".into(),
            amount: 1_000,
            currency: "USD".into(),
        }],
        refunds: vec![RefundRow { id: "ref_1".into(), payment: "pay_1".into(), state: "done".into() }],
        agreements: vec![AgreementRow { external: "I-1".into(), state: "active".into() }],
        plans: vec![PlanRow { email: "a@b.co".into(), plan: "pro".into(), months: Some(2) }],
        clearing: vec![ClearingRow { provider: "paypal".into(), currency: "USD".into(), posted: -3_000 + 252 + 1_000 }],
        findings: vec![FindingRow { what: "nothing".into(), count: 0 }],
        settled_twice: Vec::new(),
    };
    let expected = vec![Expected { email: "a@b.co".into(), plan: "pro", months: Some(2) }];
    (truth, rows, expected)
}

fn faults(change: impl FnOnce(&mut Truth, &mut Rows, &mut Vec<Expected>)) -> Vec<Fault> {
    let (mut truth, mut rows, mut expected) = good();
    change(&mut truth, &mut rows, &mut expected);
    compare(&truth, &rows, &expected).0.into_iter().map(|offence| offence.fault).collect()
}

#[test]
fn what_is_right_is_clean() {
    assert_eq!(faults(|_, _, _| ()), []);
}

#[test]
fn money_that_is_not_on_record_is_lost() {
    let lost = faults(|truth, _, _| truth.came.push(movement("C9", "pay_9", None)));
    assert_eq!(lost, [Fault::Lost]);
    let lost = faults(|truth, _, _| {
        truth.back.push(Back {
            provider: "paypal",
            external: "R2".into(),
            movement: "S1".into(),
            amount: 1,
            refund: None,
        });
    });
    assert_eq!(lost, [Fault::Lost]);
    assert_eq!(faults(|_, rows, _| rows.refunds[0].state = "pending".into()), [Fault::Lost]);
    assert_eq!(faults(|truth, _, _| truth.forgotten.push("O1".into())), [Fault::Lost]);
}

#[test]
fn who_pays_twice_is_double_charged() {
    let twice = faults(|truth, rows, _| {
        truth.came.push(movement("C2", "pay_1", None));
        rows.receipts.push(receipt("C2", "pay_1"));
        rows.clearing[0].posted -= 1_000 - 84;
    });
    assert_eq!(twice, [Fault::DoubleCharged]);
    let settled = faults(|_, rows, _| rows.settled_twice.push(FindingRow { what: "pay_1".into(), count: 2 }));
    assert_eq!(settled, [Fault::DoubleCharged]);
    assert_eq!(faults(|_, rows, _| rows.agreements[0].state = "ended".into()), [Fault::DoubleCharged]);
    assert_eq!(faults(|truth, _, _| truth.keys_reused = 1), [Fault::DoubleCharged]);
}

#[test]
fn books_that_do_not_add_up_are_out_of_balance() {
    assert_eq!(faults(|_, rows, _| rows.findings[0].count = 3), [Fault::LedgerImbalance]);
    assert_eq!(faults(|_, rows, _| rows.clearing[0].posted += 1), [Fault::LedgerImbalance]);
    let phantom = faults(|_, rows, _| {
        rows.receipts.push(receipt("C8", "pay_8"));
        rows.clearing[0].posted -= 1_000 - 84;
    });
    assert_eq!(phantom, [Fault::LedgerImbalance]);
    assert_eq!(faults(|_, rows, _| rows.receipts[0].payment = "pay_7".into()), [Fault::LedgerImbalance]);
}

#[test]
fn plans_are_what_was_paid_for() {
    assert_eq!(faults(|_, rows, _| rows.plans[0].plan = "free".into()), [Fault::PlanWrong]);
    assert_eq!(faults(|_, rows, _| rows.plans[0].months = Some(3)), [Fault::PlanWrong]);
    assert_eq!(
        faults(|_, rows, expected| {
            rows.plans[0].months = None;
            expected[0].months = None
        }),
        []
    );
    assert_eq!(faults(|_, rows, _| rows.plans.clear()), [Fault::Lost]);
}

#[test]
fn coins_are_known_by_their_number() {
    let row =
        ReceiptRow { provider: "nowpayments".into(), external: "payment:5077125051".into(), ..receipt("", "pay_1") };
    assert_eq!(external_of(&row), "5077125051");
    let row = ReceiptRow { external: "5077125051".into(), ..row };
    assert_eq!(external_of(&row), "5077125051");
}
