//! Coupons' rows, against a real PostgreSQL.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    Clock as _, CouponId, Currency, Email, FixedClock, Money, PaymentId, PlanId, UserId,
    billing::{
        Interval,
        PaymentPurpose::{self, Renew, Subscribe, Upgrade},
    },
    coupon::{Code, Duration, Purchase, RedemptionState, Reduction, Refusal, Terms},
};
use store::coupons::{self, CouponError, Discount, GaveUp, Listed, Owned, Redeemed, Written};

use crate::{harness, ledger};

mod races;

pub fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::USD)
}

/// A coupon of half the price that limits nothing.
pub fn half() -> Terms {
    Terms {
        reduction: Reduction::Percent(50),
        duration: Duration::Once,
        currency: None,
        minimum: None,
        plans: Vec::new(),
        interval: None,
        first_purchase: false,
        combinable: false,
        per_user_max: None,
        redemptions_max: None,
        starts_at: None,
        ends_at: None,
    }
}

pub fn buy(purpose: PaymentPurpose, minor: i64) -> Purchase {
    Purchase { plan: PlanId::PRO, interval: Interval::Month, purpose, list: usd(minor) }
}

/// Tenants and coupons in a database of their own.
#[derive(Clone)]
pub struct Shop {
    pub clock: Arc<FixedClock>,
    pub pool: store::PgPool,
}

impl Shop {
    pub async fn new() -> Self {
        let stack = harness::shared().await;
        Self { clock: Arc::new(ledger::clock()), pool: harness::database(&stack).await }
    }

    pub async fn tenant(&self) -> UserId {
        let user = UserId::new(&*self.clock);
        let email = Email::parse(&format!("{user}@example.org")).unwrap();
        let mut database = self.pool.acquire().await.unwrap();
        store::users::insert(&mut database, user, &email, "hash", self.clock.now()).await.unwrap();
        user
    }

    pub async fn coupon(&self, code: &str, terms: Terms) -> CouponId {
        terms.validate().unwrap();
        let id = CouponId::new(&*self.clock);
        let written = Written { code: Code::parse(code).unwrap(), note: String::new(), terms };
        let mut database = self.pool.acquire().await.unwrap();
        coupons::insert(&mut database, id, &written, None, self.clock.now()).await.unwrap();
        id
    }

    pub async fn find(&self, id: CouponId) -> Listed {
        coupons::find(&mut self.pool.acquire().await.unwrap(), id).await.unwrap().unwrap()
    }

    pub fn payment(&self) -> PaymentId {
        PaymentId::new(&*self.clock)
    }

    pub async fn quote(&self, user: UserId, codes: &[&str], purchase: &Purchase) -> Result<i64, Refusal> {
        let mut database = self.pool.acquire().await.unwrap();
        reason(coupons::quote(&mut database, user, &owned(codes), purchase, self.clock.now()).await)
    }

    /// Reserves in a transaction of its own, which is rolled back when a coupon does not hold.
    pub async fn reserve(
        &self,
        user: UserId,
        payment: PaymentId,
        codes: &[&str],
        purchase: &Purchase,
    ) -> Result<i64, Refusal> {
        let mut transaction = self.pool.begin().await.unwrap();
        let codes = owned(codes);
        let found = coupons::reserve(&mut transaction, user, payment, &codes, purchase, self.clock.now()).await;
        let found = reason(found)?;
        transaction.commit().await.unwrap();
        Ok(found)
    }

    pub async fn redeem(&self, payment: PaymentId) -> Redeemed {
        let mut transaction = self.pool.begin().await.unwrap();
        let found = coupons::redeem(&mut transaction, payment, self.clock.now()).await.unwrap();
        transaction.commit().await.unwrap();
        found
    }

    pub async fn release(&self, payment: PaymentId) {
        let mut transaction = self.pool.begin().await.unwrap();
        coupons::release(&mut transaction, payment, self.clock.now()).await.unwrap();
        transaction.commit().await.unwrap();
    }

    pub async fn keep(&self, user: UserId, code: &str) -> Result<Owned, Refusal> {
        let mut transaction = self.pool.begin().await.unwrap();
        let kept = coupons::keep(&mut transaction, user, code, self.clock.now()).await.map_err(refusal)?;
        transaction.commit().await.unwrap();
        Ok(kept)
    }

    pub async fn give_up(&self, user: UserId, code: &str) -> GaveUp {
        let mut transaction = self.pool.begin().await.unwrap();
        let code = Code::parse(code).unwrap();
        let gave_up = coupons::give_up(&mut transaction, user, &code, self.clock.now()).await.unwrap();
        transaction.commit().await.unwrap();
        gave_up
    }

    pub async fn owned(&self, user: UserId) -> Vec<(RedemptionState, Option<u32>)> {
        let mut database = self.pool.acquire().await.unwrap();
        let owned = coupons::owned(&mut database, user, None, 50, self.clock.now()).await.unwrap();
        owned.into_iter().map(|one| (one.state, one.periods_left)).collect()
    }

    /// Pays a purchase; answers what was taken off.
    pub async fn pay(&self, user: UserId, codes: &[&str], purchase: &Purchase) -> Result<i64, Refusal> {
        let payment = self.payment();
        let taken = self.reserve(user, payment, codes, purchase).await?;
        match self.redeem(payment).await {
            Redeemed::Counted(discount) => assert_eq!(discount.amount.minor, taken),
            Redeemed::Nothing => assert_eq!(taken, 0),
            Redeemed::Gone => panic!("what was reserved is gone"),
        }
        Ok(taken)
    }

    /// What is counted is what is there.
    pub async fn adds_up(&self) {
        let wrong: i64 = sqlx::query_scalar(
            "SELECT (SELECT count(*) FROM coupons c WHERE c.taken > coalesce(c.redemptions_max, c.taken) OR c.taken <>
                         (SELECT count(*) FROM coupon_redemptions r WHERE r.coupon_id = c.id AND r.state <> 'released'))
                  + (SELECT count(*) FROM coupon_redemptions r WHERE r.periods_taken <>
                         (SELECT count(*) FROM coupon_discounts d
                          WHERE d.redemption_id = r.id AND d.counts AND d.state <> 'released'))
                  + (SELECT count(*) FROM coupon_redemptions r WHERE (r.state = 'used') <> EXISTS
                         (SELECT FROM coupon_discounts d WHERE d.redemption_id = r.id AND d.state = 'redeemed'))",
        )
        .fetch_one(&self.pool)
        .await
        .unwrap();
        assert_eq!(wrong, 0, "rows do not add up");
    }
}

fn owned(codes: &[&str]) -> Vec<String> {
    codes.iter().map(|code| (*code).to_owned()).collect()
}

fn refusal(error: CouponError) -> Refusal {
    match error {
        CouponError::Refused(refused) => refused.reason,
        CouponError::Store(error) => panic!("{error:?}"),
    }
}

fn reason(found: Result<Discount, CouponError>) -> Result<i64, Refusal> {
    found.map(|discount| discount.amount.minor).map_err(refusal)
}

#[tokio::test]
async fn a_discount_is_quoted_reserved_and_redeemed_and_twice_is_once() {
    let shop = Shop::new().await;
    let (user, id) = (shop.tenant().await, shop.coupon("HALF-1", half()).await);
    let wanted = buy(Subscribe, 999);
    assert_eq!(shop.quote(user, &[" half-1 ", "HALF-1"], &wanted).await, Ok(499), "folded, and each code once");
    assert_eq!(shop.quote(user, &["HALF-2"], &wanted).await, Err(Refusal::NotFound));
    assert_eq!(shop.quote(user, &["no code at all"], &wanted).await, Err(Refusal::NotFound));
    assert_eq!(shop.quote(user, &["HALF-1"; 6], &wanted).await, Err(Refusal::TooMany));
    assert_eq!(shop.find(id).await.taken, 0, "a quote takes nothing");
    let payment = shop.payment();
    assert_eq!(shop.redeem(payment).await, Redeemed::Nothing);
    for _ in 0..2 {
        assert_eq!(shop.reserve(user, payment, &["half-1"], &wanted).await, Ok(499));
        assert_eq!((shop.find(id).await.taken, shop.owned(user).await.len()), (1, 1));
    }
    for _ in 0..2 {
        let discount = Discount { amount: usd(499), coupons: vec![id] };
        assert_eq!(shop.redeem(payment).await, Redeemed::Counted(discount));
    }
    assert_eq!(shop.owned(user).await, [(RedemptionState::Used, Some(0))]);
    // What was paid for stays redeemed.
    shop.release(payment).await;
    assert_eq!(shop.owned(user).await, [(RedemptionState::Used, Some(0))]);
    let parts = coupons::of_payment(&mut shop.pool.acquire().await.unwrap(), payment).await.unwrap();
    assert_eq!((parts[0].code.as_str(), parts[0].amount, parts.len()), ("HALF-1", usd(499), 1));
    shop.adds_up().await;
}

#[tokio::test]
async fn what_was_not_paid_is_given_back_and_taken_again_when_the_money_comes_late() {
    let shop = Shop::new().await;
    let (early, other) = (shop.tenant().await, shop.tenant().await);
    let id = shop.coupon("LAST", Terms { redemptions_max: Some(1), ..half() }).await;
    let (payment, wanted) = (shop.payment(), buy(Subscribe, 1_000));
    assert_eq!(shop.reserve(early, payment, &["LAST"], &wanted).await, Ok(500));
    assert_eq!(shop.quote(other, &["LAST"], &wanted).await, Err(Refusal::Exhausted));
    for _ in 0..2 {
        shop.release(payment).await;
        assert_eq!(shop.find(id).await.taken, 0);
    }
    assert_eq!(shop.owned(early).await, []);
    // Nobody else came: the late money finds it.
    assert!(matches!(shop.redeem(payment).await, Redeemed::Counted(_)));
    assert_eq!((shop.find(id).await.taken, shop.owned(early).await), (1, vec![(RedemptionState::Used, Some(0))]));
    shop.adds_up().await;

    let id = shop.coupon("LAST-2", Terms { redemptions_max: Some(1), ..half() }).await;
    let payment = shop.payment();
    assert_eq!(shop.reserve(early, payment, &["LAST-2"], &wanted).await, Ok(500));
    shop.release(payment).await;
    assert_eq!(shop.pay(other, &["LAST-2"], &wanted).await, Ok(500));
    for _ in 0..2 {
        assert_eq!(shop.redeem(payment).await, Redeemed::Gone);
        assert_eq!(shop.find(id).await.taken, 1);
    }
    shop.adds_up().await;
}

#[tokio::test]
async fn a_repeating_coupon_is_good_for_as_many_payments_as_it_says() {
    let shop = Shop::new().await;
    let (user, stranger) = (shop.tenant().await, shop.tenant().await);
    let terms = Terms { duration: Duration::Repeating(3), per_user_max: Some(1), ..half() };
    let id = shop.coupon("THREE", terms).await;
    assert_eq!(shop.pay(user, &["THREE"], &buy(Subscribe, 1_000)).await, Ok(500));
    // Neither the end of the coupon nor its being switched off takes back what was promised.
    let mut database = shop.pool.acquire().await.unwrap();
    coupons::set_active(&mut database, id, false, shop.clock.now()).await.unwrap();
    assert_eq!(shop.pay(user, &[], &buy(Renew, 1_000)).await, Ok(500));
    assert_eq!(shop.pay(user, &[], &buy(Upgrade, 700)).await, Ok(350), "the rest of a period is no other one");
    assert_eq!(shop.owned(user).await, [(RedemptionState::Used, Some(1))]);
    let failed = shop.payment();
    assert_eq!(shop.reserve(user, failed, &[], &buy(Renew, 1_000)).await, Ok(500));
    assert_eq!(shop.quote(user, &[], &buy(Renew, 1_000)).await, Ok(0), "the last one is reserved");
    shop.release(failed).await;
    assert_eq!(shop.pay(user, &[], &buy(Renew, 1_000)).await, Ok(500));
    assert_eq!(shop.pay(user, &[], &buy(Renew, 1_000)).await, Ok(0));
    assert_eq!(shop.redeem(failed).await, Redeemed::Gone, "its last payment was another one");
    assert_eq!(shop.owned(user).await, [(RedemptionState::Used, Some(0))]);
    assert_eq!(shop.pay(stranger, &["THREE"], &buy(Subscribe, 1_000)).await, Err(Refusal::Inactive));
    assert_eq!(shop.find(id).await.taken, 1);
    shop.adds_up().await;

    shop.coupon("EVER", Terms { duration: Duration::Forever, ..half() }).await;
    for purpose in [Subscribe, Renew, Renew, Renew] {
        let codes: &[&str] = if purpose == Subscribe { &["EVER"] } else { &[] };
        assert_eq!(shop.pay(stranger, codes, &buy(purpose, 10)).await, Ok(5));
    }
    assert_eq!(shop.pay(stranger, &["EVER"], &buy(Renew, 10)).await, Ok(5), "named or not, it is theirs");
    assert_eq!(shop.owned(stranger).await, [(RedemptionState::Used, None)]);
    let other = Purchase { plan: PlanId::ELITE, ..buy(Renew, 10) };
    assert_eq!(shop.quote(stranger, &[], &other).await, Ok(5));
    shop.adds_up().await;
}

#[tokio::test]
async fn a_coupon_that_is_kept_waits_for_its_payment_and_for_no_longer_than_it_may() {
    let shop = Shop::new().await;
    let (user, other) = (shop.tenant().await, shop.tenant().await);
    let terms = Terms { redemptions_max: Some(1), plans: vec![PlanId::PRO], ..half() };
    let id = shop.coupon("KEEP", terms).await;
    let kept = shop.keep(user, "keep").await.unwrap();
    assert_eq!(shop.keep(user, "KEEP").await.unwrap().id, kept.id, "twice is once");
    assert_eq!(kept.kept_until, Some(shop.clock.now() + TimeDelta::days(coupons::KEPT_DAYS)));
    assert_eq!(shop.keep(other, "keep").await.unwrap_err(), Refusal::Exhausted);
    assert_eq!(shop.quote(user, &[], &Purchase { plan: PlanId::ELITE, ..buy(Renew, 100) }).await, Ok(0));
    let checkout = shop.payment();
    assert_eq!(shop.reserve(user, checkout, &[], &buy(Subscribe, 100)).await, Ok(50));
    assert_eq!(shop.give_up(user, "keep").await, GaveUp::InUse);
    shop.release(checkout).await;
    assert_eq!(shop.owned(user).await, [(RedemptionState::Kept, Some(1))], "it is kept for the next one");
    assert_eq!(shop.give_up(user, "keep").await, GaveUp::Done);
    assert_eq!(shop.give_up(user, "keep").await, GaveUp::Unknown);
    assert_eq!(shop.find(id).await.taken, 0);

    shop.keep(other, "keep").await.unwrap();
    shop.clock.advance(TimeDelta::days(coupons::KEPT_DAYS));
    assert_eq!(shop.owned(other).await, [], "it was kept for too long");
    assert_eq!(shop.quote(other, &[], &buy(Renew, 100)).await, Ok(0));
    assert_eq!(shop.keep(user, "keep").await.unwrap().state, RedemptionState::Kept, "somebody else has it now");
    assert_eq!(shop.pay(user, &[], &buy(Renew, 100)).await, Ok(50));
    assert_eq!(shop.owned(user).await, [(RedemptionState::Used, Some(0))]);
    let row = &coupons::redemptions(&mut shop.pool.acquire().await.unwrap(), id, None, 10).await.unwrap()[1];
    assert_eq!((row.user, row.state), (Some(other), RedemptionState::Released));
    shop.adds_up().await;

    let ends = shop.clock.now() + TimeDelta::days(1);
    shop.coupon("SHORT", Terms { ends_at: Some(ends), ..half() }).await;
    assert_eq!(shop.keep(user, "short").await.unwrap().kept_until, Some(ends));
}

/// A payment that was settled, as its table has it.
async fn settled(shop: &Shop, user: UserId) {
    sqlx::query(
        "INSERT INTO payments (id, user_id, state, purpose, plan_id, period, currency, price, list, credit, discount,
                               from_balance, amount, provider, expires_at, settled_at, created_at, updated_at)
         VALUES ($1, $2, 'settled', 'subscribe', $3, 'month', 'USD', 10, 10, 0, 0, 0, 10, 'paypal', $4, $4, $4, $4)",
    )
    .bind(shop.payment().as_uuid())
    .bind(user.as_uuid())
    .bind(PlanId::PRO.as_uuid())
    .bind(shop.clock.now())
    .execute(&shop.pool)
    .await
    .unwrap();
}

#[tokio::test]
async fn a_first_purchase_is_the_first_one() {
    let shop = Shop::new().await;
    let wanted = buy(Subscribe, 100);
    let first = Terms { first_purchase: true, ..half() };
    for code in ["FIRST-1", "FIRST-2"] {
        shop.coupon(code, first.clone()).await;
    }
    let (payer, buyer) = (shop.tenant().await, shop.tenant().await);
    settled(&shop, payer).await;
    assert_eq!(shop.quote(payer, &["FIRST-1"], &wanted).await, Err(Refusal::FirstPurchase));
    assert_eq!(shop.keep(payer, "first-1").await.unwrap_err(), Refusal::FirstPurchase);
    shop.keep(buyer, "first-2").await.unwrap();
    let checkout = shop.payment();
    assert_eq!(shop.reserve(buyer, checkout, &["FIRST-1"], &wanted).await, Ok(50));
    assert_eq!(shop.quote(buyer, &["FIRST-2"], &wanted).await, Err(Refusal::FirstPurchase), "one is under way");
    shop.release(checkout).await;
    assert_eq!(shop.pay(buyer, &["FIRST-1"], &wanted).await, Ok(50));
    assert_eq!(shop.quote(buyer, &[], &buy(Renew, 100)).await, Ok(0), "what is kept waits in vain");
    assert_eq!(shop.quote(buyer, &["FIRST-1"], &wanted).await, Err(Refusal::FirstPurchase));
}

#[tokio::test]
async fn every_reason_is_told_by_its_own_name() {
    let shop = Shop::new().await;
    let (user, now) = (shop.tenant().await, shop.clock.now());
    let wanted = buy(Subscribe, 1_000);
    let hour = TimeDelta::hours(1);
    let fixed = Money::new(100, Currency::EUR);
    let cases: [(Refusal, Terms); 6] = [
        (Refusal::NotStarted, Terms { starts_at: Some(now + hour), ..half() }),
        (Refusal::Expired, Terms { ends_at: Some(now), ..half() }),
        (Refusal::Plan, Terms { plans: vec![PlanId::ELITE], ..half() }),
        (Refusal::Interval, Terms { interval: Some(Interval::Year), ..half() }),
        (Refusal::Currency, Terms { reduction: Reduction::Fixed(fixed), currency: Some(Currency::EUR), ..half() }),
        (Refusal::Minimum, Terms { minimum: Some(usd(1_001)), currency: Some(Currency::USD), ..half() }),
    ];
    for (number, (expected, terms)) in cases.into_iter().enumerate() {
        let code = format!("CODE-{number}");
        shop.coupon(&code, terms).await;
        assert_eq!(shop.quote(user, &[&code], &wanted).await, Err(expected));
        assert_eq!(shop.reserve(user, shop.payment(), &[&code], &wanted).await, Err(expected));
    }
    let id = shop.coupon("ONCE", Terms { per_user_max: Some(1), ..half() }).await;
    assert_eq!(shop.pay(user, &["ONCE"], &wanted).await, Ok(500));
    assert_eq!(shop.quote(user, &["ONCE"], &wanted).await, Err(Refusal::UserLimit));
    assert_eq!(shop.quote(shop.tenant().await, &["ONCE"], &wanted).await, Ok(500));
    coupons::set_active(&mut shop.pool.acquire().await.unwrap(), id, false, now).await.unwrap();
    assert_eq!(shop.quote(user, &["ONCE"], &wanted).await, Err(Refusal::Inactive));
    shop.adds_up().await;
}

#[tokio::test]
async fn coupons_go_together_when_all_of_them_may() {
    let shop = Shop::new().await;
    let user = shop.tenant().await;
    let together = Terms { combinable: true, ..half() };
    let five = Terms { reduction: Reduction::Fixed(usd(500)), currency: Some(Currency::USD), ..together.clone() };
    shop.coupon("HALF", together.clone()).await;
    shop.coupon("FIVE", five).await;
    shop.coupon("ALONE", half()).await;
    shop.coupon("ALL", Terms { reduction: Reduction::Percent(100), duration: Duration::Forever, ..together }).await;
    let wanted = buy(Subscribe, 800);
    assert_eq!(shop.quote(user, &["FIVE", "HALF"], &wanted).await, Ok(800), "400, and what is left");
    assert_eq!(shop.quote(user, &["FIVE", "ALONE"], &wanted).await, Err(Refusal::NotCombinable));
    shop.keep(user, "five").await.unwrap();
    assert_eq!(shop.quote(user, &["HALF"], &buy(Subscribe, 2_000)).await, Ok(1_500), "what stands joins in");
    assert_eq!(shop.quote(user, &["ALONE"], &buy(Subscribe, 2_000)).await, Ok(1_000));
    assert_eq!(shop.quote(user, &["ALL"], &wanted).await, Ok(800), "all of it needs no provider");
    // What takes nothing any more is not used up.
    assert_eq!(shop.pay(user, &["ALL"], &wanted).await, Ok(800));
    assert_eq!(shop.owned(user).await, [(RedemptionState::Used, None), (RedemptionState::Kept, Some(1))]);
    shop.adds_up().await;
}

#[tokio::test]
async fn what_a_coupon_cost_is_counted_by_day_and_currency() {
    let shop = Shop::new().await;
    let id = shop.coupon("HALF", Terms { duration: Duration::Forever, ..half() }).await;
    let (first, second, third) = (shop.tenant().await, shop.tenant().await, shop.tenant().await);
    let start: DateTime<Utc> = shop.clock.now();
    shop.pay(first, &["HALF"], &buy(Subscribe, 1_000)).await.unwrap();
    shop.pay(first, &[], &buy(Renew, 1_000)).await.unwrap();
    shop.clock.advance(TimeDelta::days(1));
    let euros = Purchase { list: Money::new(300, Currency::EUR), ..buy(Subscribe, 0) };
    shop.pay(second, &["HALF"], &euros).await.unwrap();
    shop.keep(third, "HALF").await.unwrap();
    let open = shop.payment();
    shop.reserve(shop.tenant().await, open, &["HALF"], &euros).await.unwrap();
    let mut database = shop.pool.acquire().await.unwrap();
    let until = shop.clock.now() + TimeDelta::hours(1);
    let all = coupons::statistics(&mut database, id, start, until).await.unwrap();
    assert_eq!((all.used, all.kept, all.reserved, all.released, all.users), (2, 1, 1, 0, 2));
    let given: Vec<_> = all.given.iter().map(|given| (given.payments, given.amount)).collect();
    assert_eq!(given, [(1, Money::new(150, Currency::EUR)), (2, usd(1_000))]);
    assert_eq!(all.days.iter().map(|day| day.redemptions).collect::<Vec<_>>(), [1, 1]);
    assert_eq!(all.day_discounts.len(), 2);
    let today = coupons::statistics(&mut database, id, start + TimeDelta::hours(1), until).await.unwrap();
    assert_eq!((today.days.len(), today.day_discounts.len(), today.used), (1, 1, 2));
    assert!(!coupons::remove(&mut database, id).await.unwrap(), "somebody has redeemed it");
    let unused = shop.coupon("UNUSED", half()).await;
    assert!(coupons::remove(&mut database, unused).await.unwrap());
    // The books outlive their tenant.
    sqlx::query("DELETE FROM users WHERE id = $1").bind(first.as_uuid()).execute(&mut *database).await.unwrap();
    let after = coupons::statistics(&mut database, id, start, until).await.unwrap();
    assert_eq!((after.given, after.used, after.users), (all.given, 2, 1));
    shop.adds_up().await;
}
