//! Where a payment stands at the provider.

use std::fmt;

/// A status. The provider gives meanings and no table of transitions: a payment that has expired may still be paid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// Nothing has come.
    Waiting,
    /// Coins were seen, and are not buried under enough blocks.
    Confirming,
    /// They are.
    Confirmed,
    /// They are on their way to our wallet.
    Sending,
    /// Less has come than was asked for.
    PartiallyPaid,
    /// Nothing has come in time.
    Expired,
    /// Something went wrong at the provider.
    Failed,
    /// All of it has reached our wallet.
    Finished,
    /// It went back to the payer.
    Refunded,
    /// One that is not documented, by its name.
    Unknown(String),
}

impl Status {
    /// The status of this name.
    pub fn parse(name: &str) -> Self {
        match name.to_ascii_lowercase().as_str() {
            "waiting" => Self::Waiting,
            "confirming" => Self::Confirming,
            "confirmed" => Self::Confirmed,
            "sending" => Self::Sending,
            "partially_paid" => Self::PartiallyPaid,
            "expired" => Self::Expired,
            "failed" => Self::Failed,
            "finished" => Self::Finished,
            "refunded" => Self::Refunded,
            _ => Self::Unknown(name.chars().take(40).collect()),
        }
    }

    /// How far along it is. Of two answers about one payment the one further along is the newer: none goes back.
    pub const fn rank(&self) -> u8 {
        match self {
            Self::Waiting | Self::Unknown(_) => 0,
            Self::Confirming => 1,
            Self::Confirmed => 2,
            Self::Sending | Self::PartiallyPaid => 3,
            Self::Expired | Self::Failed => 4,
            Self::Finished => 5,
            Self::Refunded => 6,
        }
    }

    /// True while coins are on their way and nothing is final.
    pub const fn is_moving(&self) -> bool {
        matches!(self, Self::Confirming | Self::Confirmed | Self::Sending | Self::Unknown(_))
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Waiting => "waiting",
            Self::Confirming => "confirming",
            Self::Confirmed => "confirmed",
            Self::Sending => "sending",
            Self::PartiallyPaid => "partially_paid",
            Self::Expired => "expired",
            Self::Failed => "failed",
            Self::Finished => "finished",
            Self::Refunded => "refunded",
            Self::Unknown(name) => name,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_status_has_its_name_and_no_later_one_ranks_lower() {
        let names = [
            "waiting",
            "confirming",
            "confirmed",
            "sending",
            "partially_paid",
            "expired",
            "failed",
            "finished",
            "refunded",
        ];
        let ranks: Vec<u8> = names.iter().map(|name| Status::parse(name).rank()).collect();
        assert_eq!(ranks, [0, 1, 2, 3, 3, 4, 4, 5, 6]);
        for name in names {
            assert_eq!(Status::parse(name).to_string(), name);
            assert_eq!(Status::parse(&name.to_uppercase()), Status::parse(name));
        }
        assert_eq!(Status::parse("dreaming"), Status::Unknown("dreaming".into()));
        assert!(Status::parse("dreaming").is_moving() && !Status::Finished.is_moving());
    }
}
