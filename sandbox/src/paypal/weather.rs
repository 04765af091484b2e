//! What becomes of new webhooks on their way: sent at once in good weather; held back, lost, doubled or late in bad.

use serde::{Deserialize, Serialize};

/// The weather, as the control API sets it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Weather {
    /// Nothing is sent until it is released.
    pub hold: bool,
    /// Of 100 webhooks, so many are never sent.
    pub lose_percent: u8,
    /// Only those whose type begins with one of these are lost; without any, all may be.
    pub lose_only: Vec<String>,
    /// Of 100 webhooks, so many are sent a second time.
    pub double_percent: u8,
    /// Each is late by up to this, in milliseconds: those of one moment come in any order.
    pub late_ms_max: u64,
}

/// What becomes of one webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Held back.
    Held,
    /// Never sent.
    Lost,
    /// Sent so many times, each late by so much, in milliseconds.
    Sent {
        /// The first copy's.
        late_ms: u64,
        /// The second one's, where there is one.
        again_ms: Option<u64>,
    },
}

impl Weather {
    /// The fate of one webhook of a type; `random` gives any numbers.
    pub fn fate(&self, event_type: &str, mut random: impl FnMut() -> u64) -> Fate {
        let mut happens = |percent: u8| percent > 0 && random() % 100 < u64::from(percent);
        if self.hold {
            return Fate::Held;
        }
        let may_be_lost = self.lose_only.is_empty() || self.lose_only.iter().any(|kind| event_type.starts_with(kind));
        if may_be_lost && happens(self.lose_percent) {
            return Fate::Lost;
        }
        let doubled = happens(self.double_percent);
        let mut late = || if self.late_ms_max == 0 { 0 } else { random() % (self.late_ms_max + 1) };
        Fate::Sent { late_ms: late(), again_ms: doubled.then(late) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weather_decides() {
        let sent = |late_ms, again_ms| Fate::Sent { late_ms, again_ms };
        assert_eq!(Weather::default().fate("A", || 0), sent(0, None));
        assert_eq!(Weather { hold: true, ..Weather::default() }.fate("A", || 99), Fate::Held);
        let bad = Weather { lose_percent: 10, double_percent: 50, late_ms_max: 30, ..Weather::default() };
        assert_eq!(bad.fate("A", || 9), Fate::Lost);
        assert_eq!(bad.fate("A", || 20), sent(20, Some(20)));
        assert_eq!(bad.fate("A", || 64), sent(2, None));
        let choosy = Weather { lose_only: vec!["CHECKOUT.".into()], ..bad };
        assert_eq!(choosy.fate("CHECKOUT.ORDER.APPROVED", || 9), Fate::Lost);
        assert_eq!(choosy.fate("PAYMENT.SALE.COMPLETED", || 9), sent(9, Some(9)));
    }
}
