//! Every id of Causeway, from one macro: a `UUIDv7` inside, `<prefix>_<32 hex digits>` on the wire.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::{Timestamp, Uuid};

use crate::clock::Clock;

/// A text that is not an id of the expected kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an id of the form {prefix}_<32 hex digits>")]
pub struct IdError {
    prefix: &'static str,
}

fn new_uuid(clock: &dyn Clock) -> Uuid {
    let now = clock.now();
    let seconds = u64::try_from(now.timestamp()).unwrap_or(0);
    Uuid::new_v7(Timestamp::from_unix(uuid::NoContext, seconds, now.timestamp_subsec_nanos()))
}

macro_rules! id {
    ($(#[$meta:meta])* $name:ident, $prefix:literal) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(transparent))]
        pub struct $name(Uuid);

        impl $name {
            /// What stands before the underscore on the wire.
            pub const PREFIX: &'static str = $prefix;

            /// A new id, ordered by the clock's time.
            #[must_use]
            pub fn new(clock: &dyn Clock) -> Self {
                Self(new_uuid(clock))
            }

            /// The id that a database column holds.
            #[must_use]
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The bare UUID, for a database parameter.
            #[must_use]
            pub const fn as_uuid(&self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "_{}"), self.0.simple())
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let wrong = IdError { prefix: $prefix };
                let hex = text.strip_prefix(concat!($prefix, "_")).ok_or_else(|| wrong.clone())?;
                if hex.len() != 32 {
                    return Err(wrong);
                }
                Uuid::try_parse(hex).map(Self).map_err(|_| wrong)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }
    };
}

id!(
    /// A tenant: one registered user of the API.
    UserId,
    "user"
);
id!(
    /// Somebody who has registered and not proven yet that the address is theirs.
    RegistrationId,
    "reg"
);
id!(
    /// One sign-in of a person, with all the tokens that came of it.
    SessionId,
    "ses"
);
id!(
    /// An API key of a tenant.
    ApiKeyId,
    "key"
);
id!(
    /// A linked platform account: a Telegram user session or a Discord bot.
    AccountId,
    "acc"
);
id!(
    /// A forwarding pair.
    PairId,
    "pair"
);
id!(
    /// One revision of one source message as it was ingested.
    SourceMessageId,
    "msg"
);
id!(
    /// One comparison of a source's history with the ledger.
    ReconciliationId,
    "rec"
);
id!(
    /// One stored attachment of a source message.
    MediaId,
    "media"
);
id!(
    /// One message to a user or to the operator.
    NotificationId,
    "ntf"
);
id!(
    /// One act of staff on many things at once.
    BulkActId,
    "bulk"
);
id!(
    /// News of the operator to the tenants of some plans.
    AnnouncementId,
    "ann"
);
id!(
    /// What a tenant pays for: a row of the table `plans`.
    PlanId,
    "plan"
);
id!(
    /// One checkout, or one payment that a provider made by itself for a period.
    PaymentId,
    "pay"
);
id!(
    /// One movement of money that has come for a payment.
    ReceiptId,
    "rct"
);
id!(
    /// One movement of a payment's money that has gone back.
    ReversalId,
    "rev"
);
id!(
    /// One refund of a payment, in part or whole.
    RefundId,
    "rfd"
);
id!(
    /// One event of a payment provider, as it was received.
    PaymentEventId,
    "pev"
);
id!(
    /// A tenant's agreement with a provider that payments are made by itself.
    AgreementId,
    "agr"
);
id!(
    /// One invoice.
    InvoiceId,
    "inv"
);
id!(
    /// A coupon.
    CouponId,
    "cpn"
);
id!(
    /// One entry of the ledger, with all its postings.
    LedgerEntryId,
    "led"
);
id!(
    /// Money of a tenant that is set aside.
    HoldId,
    "hold"
);

impl PlanId {
    /// The plan that every tenant begins with and falls back to.
    pub const FREE: Self = Self(Uuid::from_u128(0x0193_5000_0000_7000_8000_0000_0000_0001));
    /// The middle one of the plans that a new database has.
    pub const PRO: Self = Self(Uuid::from_u128(0x0193_5000_0000_7000_8000_0000_0000_0002));
    /// The highest one of the plans that a new database has.
    pub const ELITE: Self = Self(Uuid::from_u128(0x0193_5000_0000_7000_8000_0000_0000_0003));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::clock::SystemClock;

    #[test]
    fn an_id_survives_the_wire() {
        let id = PairId::new(&SystemClock);
        assert_eq!(id.to_string().parse::<PairId>(), Ok(id));
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!(serde_json::from_str::<PairId>(&json).unwrap(), id);
    }

    #[test]
    fn an_id_of_another_kind_is_refused() {
        let id = UserId::new(&SystemClock).to_string();
        assert!(id.parse::<PairId>().is_err());
        assert!("pair_".parse::<PairId>().is_err());
        assert!("pair_zz".parse::<PairId>().is_err());
        assert!("".parse::<PairId>().is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_text_is_an_id_or_refused(text in "pair_[0-9a-fA-F]{30,34}|pair_[-{}0-9a-f]{32}|.{0,40}") {
            if let Ok(id) = text.parse::<PairId>() {
                prop_assert_eq!(id.to_string(), text.to_lowercase());
            }
        }
    }
}
