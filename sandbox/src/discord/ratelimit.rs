//! Rate limits: a fixed window per bot, route and channel, and one second's window per bot over all routes.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{call::Reply, id::Id};

/// What the headers say while limits are off: valid, and never a reason to wait.
const OFF_LIMIT: u64 = 10_000;

/// Settings of the limiter.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Off by default, so that measurements measure something else.
    pub enabled: bool,
    /// Requests per bucket and window.
    pub bucket_limit: u64,
    /// Length of a bucket's window, in seconds.
    pub bucket_reset_s: f64,
    /// Requests of one bot per second over all buckets.
    pub global_per_s: u64,
    /// Bytes per uploaded file.
    pub attachment_max_bytes: usize,
}

impl Default for Limits {
    /// Discord's numbers for sending messages and for a whole bot.
    fn default() -> Self {
        Self {
            enabled: false,
            bucket_limit: 5,
            bucket_reset_s: 5.0,
            global_per_s: 50,
            attachment_max_bytes: 10 * 1024 * 1024,
        }
    }
}

/// Counts requests.
#[derive(Debug, Default)]
pub struct Limiter {
    /// The settings in force.
    pub limits: Limits,
    buckets: HashMap<Bucket, Window>,
    bots: HashMap<Id, Window>,
}

/// What is counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Bucket {
    /// Who asks; 0 for webhooks.
    pub bot: Id,
    /// Method and path pattern.
    pub route: String,
    /// The channel, guild or webhook in the path.
    pub major: String,
}

#[derive(Clone, Copy, Debug, Default)]
struct Window {
    used: u64,
    resets_ms: u64,
}

/// The verdict on one request, with the headers that go with it.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Headers of the answer.
    pub headers: Vec<(&'static str, String)>,
    /// Set when the answer is 429.
    pub refused: Option<Refusal>,
}

/// A 429.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Refusal {
    /// Seconds to wait.
    pub retry_after: f64,
    /// The limit of the whole bot, not of one bucket.
    pub global: bool,
}

impl Limiter {
    /// Counts one request at `now_ms`.
    pub fn check(&mut self, bucket: Bucket, now_ms: u64) -> Verdict {
        let limits = self.limits;
        let hash = bucket_hash(&bucket.route);
        if !limits.enabled {
            let open = Window { used: 1, resets_ms: now_ms + 1000 };
            return Verdict { headers: headers(&hash, OFF_LIMIT, open, now_ms), refused: None };
        }
        let bot = self.bots.entry(bucket.bot).or_default();
        if !bot.take(limits.global_per_s, 1000, now_ms) {
            let retry_after = bot.wait_s(now_ms);
            return Verdict { headers: Vec::new(), refused: Some(Refusal { retry_after, global: true }) };
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds of a setting")]
        let length_ms = (limits.bucket_reset_s.max(0.0) * 1000.0) as u64;
        let window = self.buckets.entry(bucket).or_default();
        let taken = window.take(limits.bucket_limit, length_ms, now_ms);
        let refused = (!taken).then(|| Refusal { retry_after: window.wait_s(now_ms), global: false });
        Verdict { headers: headers(&hash, limits.bucket_limit, *window, now_ms), refused }
    }

    /// New settings; counting starts again.
    pub fn set(&mut self, limits: Limits) {
        *self = Self { limits, ..Self::default() };
    }
}

impl Refusal {
    /// The 429 for a request on `route`, with whatever headers the bucket has.
    #[must_use]
    pub fn reply(self, route: &str, mut headers: Vec<(&'static str, String)>) -> Reply {
        let body = json!({
            "message": "You are being rate limited.", "retry_after": self.retry_after, "global": self.global, "code": 0,
        });
        if self.global {
            headers.push(("X-RateLimit-Global", "true".to_owned()));
        } else if headers.is_empty() {
            headers.extend([
                ("X-RateLimit-Limit", "5".to_owned()),
                ("X-RateLimit-Remaining", "0".to_owned()),
                ("X-RateLimit-Reset", decimal(seconds(super::clock::now_ms()) + self.retry_after)),
                ("X-RateLimit-Reset-After", decimal(self.retry_after)),
                ("X-RateLimit-Bucket", bucket_hash(route)),
            ]);
        }
        headers.push(("X-RateLimit-Scope", if self.global { "global" } else { "user" }.to_owned()));
        headers.push(("Retry-After", decimal(self.retry_after)));
        headers.push(("Via", "1.1 sandbox".to_owned()));
        Reply { headers, ..Reply::with_status(429, &body) }
    }
}

impl Window {
    fn take(&mut self, limit: u64, length_ms: u64, now_ms: u64) -> bool {
        if now_ms >= self.resets_ms {
            *self = Self { used: 0, resets_ms: now_ms + length_ms };
        }
        let free = self.used < limit;
        self.used += u64::from(free);
        free
    }

    const fn wait_s(self, now_ms: u64) -> f64 {
        seconds(self.resets_ms.saturating_sub(now_ms))
    }
}

fn headers(bucket: &str, limit: u64, window: Window, now_ms: u64) -> Vec<(&'static str, String)> {
    vec![
        ("X-RateLimit-Limit", limit.to_string()),
        ("X-RateLimit-Remaining", limit.saturating_sub(window.used).to_string()),
        ("X-RateLimit-Reset", decimal(seconds(window.resets_ms))),
        ("X-RateLimit-Reset-After", decimal(window.wait_s(now_ms))),
        ("X-RateLimit-Bucket", bucket.to_owned()),
    ]
}

fn bucket_hash(route: &str) -> String {
    hex::encode(&Sha256::digest(route)[..16])
}

fn decimal(seconds: f64) -> String {
    format!("{seconds:.3}")
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 are far below 2^52")]
const fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(channel: &str) -> Bucket {
        Bucket { bot: Id(1), route: "POST /channels/:channel/messages".to_owned(), major: channel.to_owned() }
    }

    fn header(verdict: &Verdict, name: &str) -> String {
        verdict.headers.iter().find(|(known, _)| *known == name).unwrap().1.clone()
    }

    #[test]
    fn a_bucket_empties_and_refills_and_others_do_not_suffer() {
        let mut limiter = Limiter::default();
        limiter.set(Limits { enabled: true, bucket_limit: 2, bucket_reset_s: 1.5, ..Limits::default() });
        let first = limiter.check(bucket("5"), 1_000);
        assert_eq!(
            (header(&first, "X-RateLimit-Remaining"), header(&first, "X-RateLimit-Limit")),
            ("1".into(), "2".into())
        );
        assert_eq!(header(&limiter.check(bucket("5"), 1_500), "X-RateLimit-Reset-After"), "1.000");
        let refused = limiter.check(bucket("5"), 2_000).refused.unwrap();
        assert_eq!(refused, Refusal { retry_after: 0.5, global: false });
        assert!(limiter.check(bucket("6"), 2_000).refused.is_none());
        assert!(limiter.check(bucket("5"), 2_500).refused.is_none());
    }

    #[test]
    fn the_global_limit_counts_over_all_buckets() {
        let mut limiter = Limiter::default();
        limiter.set(Limits { enabled: true, global_per_s: 2, ..Limits::default() });
        assert!(limiter.check(bucket("1"), 0).refused.is_none());
        assert!(limiter.check(bucket("2"), 0).refused.is_none());
        let refused = limiter.check(bucket("3"), 400).refused.unwrap();
        assert_eq!(refused, Refusal { retry_after: 0.6, global: true });
        assert!(refused.reply("r", Vec::new()).headers.contains(&("X-RateLimit-Global", "true".to_owned())));
        assert!(limiter.check(bucket("3"), 1_000).refused.is_none());
    }

    #[test]
    fn switched_off_it_never_refuses_and_never_says_that_nothing_is_left() {
        let mut limiter = Limiter::default();
        for _ in 0..100 {
            let verdict = limiter.check(bucket("1"), 0);
            assert!(verdict.refused.is_none());
            assert_eq!(header(&verdict, "X-RateLimit-Remaining"), "9999");
        }
    }
}
