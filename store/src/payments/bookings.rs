//! What the ledger is told of a payment: one entry for each thing that happens to its money, by a key of its own.

use domain::{
    Money, PaymentId, UserId,
    ledger::{Account, EntryKind, Posting},
    payment::Grant,
};
use sqlx::PgConnection;

use super::{Books, receipts::Receipt, reference, unbooked};
use crate::{
    StoreError,
    ledger::{self, NewEntry},
};

/// Postings, without those of nothing.
#[derive(Debug, Default)]
pub(super) struct Bookings(Vec<Posting>);

impl Bookings {
    pub fn add(&mut self, from: Account, to: Account, amount: Money) {
        if amount.minor > 0 {
            self.0.push(Posting::new(from, to, amount));
        }
    }

    /// Money that has come through providers, less what they keep, to an account.
    pub fn came(&mut self, receipts: &[Receipt], to: &Account) {
        for receipt in receipts {
            let provider = Account::provider(&receipt.provider);
            self.add(provider.clone(), to.clone(), receipt.amount);
            self.add(Account::Fees, provider, receipt.fee);
        }
    }

    /// Posts them as one entry; nothing when there are none. `to` names it within the payment.
    pub async fn post(
        self,
        connection: &mut PgConnection,
        books: &Books<'_>,
        (payment, kind, what): (PaymentId, EntryKind, &str),
        note: &str,
    ) -> Result<(), StoreError> {
        if self.0.is_empty() {
            return Ok(());
        }
        let key = format!("payment/{payment}/{what}");
        let entry = NewEntry { key: &key, kind, reference: reference(payment), postings: &self.0, note };
        ledger::post(connection, &entry, books.now).await.map_err(unbooked)?;
        Ok(())
    }

    /// Locks their accounts, before what is set aside is let go.
    pub async fn lock(&self, connection: &mut PgConnection, books: &Books<'_>) -> Result<(), StoreError> {
        let of = |account: &Account, posting: &Posting| (account.clone(), posting.amount.currency);
        let accounts = self.0.iter().flat_map(|posting| [of(&posting.from, posting), of(&posting.to, posting)]);
        ledger::lock(connection, accounts.collect::<Vec<_>>(), books.now).await.map_err(unbooked)
    }
}

/// What was bought is paid: with the money that has come, coupons, credit from before and the balance. What is too much
/// stays on the balance; `short` is what staff lets off.
pub(super) fn settlement(user: UserId, grant: &Grant, receipts: &[Receipt], short: Money) -> Bookings {
    let (mut bookings, tenant) = (Bookings::default(), Account::User(user));
    bookings.came(receipts, &tenant);
    bookings.add(Account::Discounts, tenant.clone(), grant.discount);
    bookings.add(Account::Adjustments, tenant.clone(), short);
    let sum = grant.paid.minor + grant.discount.minor + grant.from_balance.minor;
    bookings.add(tenant.clone(), Account::Revenue, Money::new(sum, grant.list.currency));
    // More is left of what was paid before than the new thing costs.
    let left = Money::new(grant.credit.minor - grant.list.minor, grant.list.currency);
    bookings.add(Account::Revenue, tenant, left);
    bookings
}

/// Money that has come buys nothing: it is the tenant's.
pub(super) fn deposit(user: UserId, receipts: &[Receipt]) -> Bookings {
    let mut bookings = Bookings::default();
    bookings.came(receipts, &Account::User(user));
    bookings
}

/// Money that has come is given back, and was never anybody's.
pub(super) fn rejection(receipts: &[Receipt]) -> Bookings {
    let mut bookings = Bookings::default();
    bookings.came(receipts, &Account::Adjustments);
    bookings
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use domain::{Currency, FixedClock, PaymentId, ReceiptId, billing::PaymentPurpose, payment::ReceiptState};
    use proptest::prelude::*;

    use super::*;

    fn usd(minor: i64) -> Money {
        Money::new(minor, Currency::USD)
    }

    fn receipt(minor: i64, fee: i64) -> Receipt {
        let clock = FixedClock::at(Default::default());
        Receipt {
            id: ReceiptId::new(&clock),
            payment: PaymentId::new(&clock),
            provider: "paypal".into(),
            external: "C-1".into(),
            state: ReceiptState::Undecided,
            amount: usd(minor),
            fee: usd(fee),
            review: None,
            received_at: Default::default(),
            decided_at: None,
        }
    }

    fn sums(bookings: &Bookings) -> BTreeMap<Account, i64> {
        let mut sums = BTreeMap::new();
        for posting in &bookings.0 {
            *sums.entry(posting.from.clone()).or_default() -= posting.amount.minor;
            *sums.entry(posting.to.clone()).or_default() += posting.amount.minor;
        }
        sums
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_settlement_takes_from_the_balance_exactly_what_was_agreed_on(
            paid in 0_i64..100_000, surplus in 0_i64..1_000, discount in 0_i64..10_000, held in 0_i64..10_000,
            credit in 0_i64..10_000, beyond in 0_i64..10_000, fee in 0_i64..100,
        ) {
            let list = if beyond > 0 { credit } else { paid + discount + held + credit };
            let (paid, discount, held) = if beyond > 0 { (0, 0, 0) } else { (paid, discount, held) };
            let user = UserId::new(&FixedClock::at(Default::default()));
            let grant = Grant {
                purpose: PaymentPurpose::Upgrade, list: usd(list), credit: usd(credit + beyond),
                discount: usd(discount), from_balance: usd(held), paid: usd(paid), surplus: usd(surplus),
                is_as_agreed: true,
            };
            let came = [receipt(paid + surplus, fee.min(paid + surplus))];
            let sums = sums(&settlement(user, &grant, &came, usd(0)));
            let of = |account: &Account| sums.get(account).copied().unwrap_or(0);
            prop_assert_eq!(of(&Account::User(user)), surplus + beyond - held);
            prop_assert_eq!(of(&Account::provider("paypal")), came[0].fee.minor - paid - surplus);
            prop_assert_eq!(of(&Account::Revenue), paid + discount + held - beyond);
            prop_assert_eq!(sums.values().sum::<i64>(), 0);
        }
    }
}
