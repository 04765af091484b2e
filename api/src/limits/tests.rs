//! The limiter without a database: what a replica does by itself. That replicas keep one limit together is shown in
//! `domain::rate` and, with a database, in tests/it/rate_limits.rs.

use domain::{FixedClock, UserId};
use salvo::prelude::Response;

use super::*;
use crate::limits::standing::Standing as Told;

struct Scene {
    limits: Limits,
    clock: Arc<FixedClock>,
    metrics: Arc<Metrics>,
}

/// A replica whose database is away, at the beginning of a window of nobody in particular.
fn scene(factor: u32) -> Scene {
    let clock = Arc::new(FixedClock::at(DateTime::UNIX_EPOCH + TimeDelta::days(20_000)));
    let metrics = Arc::new(Metrics::new().unwrap());
    let pool = store::connect(&"postgres://postgres@127.0.0.1:1/none".to_owned().into()).unwrap();
    let settings = LimitSettings { anonymous_per_minute: 60, factor };
    let limits = Limits::new(settings, pool, Arc::clone(&clock) as Arc<dyn Clock>, Arc::clone(&metrics));
    Scene { limits, clock, metrics }
}

fn user(number: u128) -> Caller {
    Caller::User(UserId::from_uuid(uuid::Uuid::from_u128(number)))
}

fn headers(write: impl FnOnce(&mut Response)) -> (Option<String>, Option<String>) {
    let mut res = Response::new();
    write(&mut res);
    let text = |name: &str| res.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    (text("ratelimit"), text("ratelimit-policy"))
}

#[tokio::test]
async fn without_the_database_the_limit_stands() {
    let Scene { limits, clock, metrics } = scene(1);
    for number in 0..5 {
        let standing = limits.take(user(0), 5).await.unwrap();
        assert_eq!(standing.remaining(), Some(4 - number));
    }
    let refused = limits.take(user(0), 5).await.unwrap_err();
    assert_eq!(refused.retry_after_seconds(), 60);
    assert!(limits.take(user(1), 5).await.is_ok(), "another caller has a limit of its own");
    clock.advance(TimeDelta::milliseconds(59_500));
    assert_eq!(limits.take(user(0), 5).await.unwrap_err().retry_after_seconds(), 1);
    clock.advance(TimeDelta::milliseconds(500));
    assert!(limits.take(user(0), 5).await.is_ok());
    let text = metrics.text().unwrap();
    assert!(text.contains(r#"causeway_api_rate_limited_total{caller="user"} 2"#), "{text}");
    assert!(text.contains(r#"causeway_api_rate_leases_total{outcome="away"}"#), "{text}");
}

#[tokio::test]
async fn many_requests_at_once_are_counted_one_by_one() {
    let limits = Arc::new(scene(1).limits);
    let tries = (0..64).map(|_| {
        let limits = Arc::clone(&limits);
        tokio::spawn(async move { limits.take(user(0), 20).await.is_ok() })
    });
    let mut admitted = 0;
    for outcome in futures::future::join_all(tries).await {
        admitted += usize::from(outcome.unwrap());
    }
    assert_eq!(admitted, 20);
}

#[tokio::test]
async fn addresses_of_one_subscriber_share_a_limit() {
    let Scene { limits, .. } = scene(1);
    let address = |text: &str| Caller::Address(text.parse().unwrap());
    for host in ["2001:db8::1", "2001:db8::2", "2001:db8::3"] {
        limits.take(address(host), 3).await.unwrap();
    }
    assert!(limits.take(address("2001:db8::4"), 3).await.is_err());
    assert!(limits.take(address("2001:db8:0:1::4"), 3).await.is_ok());
}

#[tokio::test]
async fn zero_is_no_limit_and_the_factor_multiplies() {
    for (per_minute, factor) in [(0, 1), (5, 0)] {
        let Scene { limits, .. } = scene(factor);
        for _ in 0..100 {
            let standing = limits.take(user(0), per_minute).await.unwrap();
            assert_eq!(headers(|res| standing.write(res)), (None, None));
        }
    }
    let Scene { limits, .. } = scene(10);
    assert_eq!(limits.take(user(0), 5).await.unwrap().remaining(), Some(49));
}

#[tokio::test]
async fn callers_whose_window_is_over_are_forgotten() {
    let Scene { limits, clock, .. } = scene(1);
    for number in 0..u128::try_from(CALLERS_KEPT).unwrap() {
        limits.take(user(number), 5).await.unwrap();
    }
    clock.advance(TimeDelta::minutes(2));
    limits.take(user(1 << 64), 5).await.unwrap();
    assert_eq!(limits.lock().by_caller.len(), 1);
}

#[test]
fn the_header_fields_are_those_of_the_draft() {
    let now = DateTime::UNIX_EPOCH;
    let resets_at = now + TimeDelta::milliseconds(29_001);
    let standing = Told::new(domain::rate::Standing { limit: 60, remaining: 59, resets_at }, now);
    let (limit, policy) = headers(|res| standing.write(res));
    assert_eq!(limit.as_deref(), Some(r#""default";r=59;t=30"#));
    assert_eq!(policy.as_deref(), Some(r#""default";q=60;w=60"#));
}
