//! What the token of an e-mail proves and does, and for how long.

use chrono::TimeDelta;

/// Registrations whose address nobody has proven are forgotten after this time.
pub const REGISTRATIONS_KEPT: TimeDelta = TimeDelta::days(7);
/// Registrations that wait for the same address at most; a further one takes the place of the oldest.
pub const REGISTRATIONS_MAX: i64 = 5;
/// The time in which mails to one address are counted.
pub const MAILS_WINDOW: TimeDelta = TimeDelta::hours(1);
/// Mails to one address in that time, whoever asks for them: enough for somebody impatient, no good for a bombardment.
pub const MAILS_MAX: i32 = 5;

/// What a mailed token is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(type_name = "proof_purpose", rename_all = "snake_case"))]
pub enum Purpose {
    /// Proves that an address is its user's, or makes the user who has registered with it.
    VerifyEmail,
    /// Sets another password without knowing the old one.
    ResetPassword,
    /// Proves that a user's new address is theirs, and makes it theirs.
    ChangeEmail,
    /// Brings a user's former address back.
    UndoEmailChange,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 4] = [Self::VerifyEmail, Self::ResetPassword, Self::ChangeEmail, Self::UndoEmailChange];

    /// How long a token is good: a day to find the mail; an hour where it opens the account; three days to notice that
    /// somebody else has changed the address.
    #[must_use]
    pub const fn lifetime(self) -> TimeDelta {
        match self {
            Self::VerifyEmail | Self::ChangeEmail => TimeDelta::hours(24),
            Self::ResetPassword => TimeDelta::hours(1),
            Self::UndoEmailChange => TimeDelta::hours(72),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_opens_an_account_is_good_for_the_shortest_time() {
        let shortest = Purpose::ALL.into_iter().min_by_key(|purpose| purpose.lifetime());
        assert_eq!(shortest, Some(Purpose::ResetPassword));
        assert!(Purpose::ALL.iter().all(|purpose| purpose.lifetime() <= REGISTRATIONS_KEPT));
    }
}
