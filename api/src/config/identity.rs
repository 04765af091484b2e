//! Settings of who may become a user, and how staff sign in.

use std::str::FromStr;

/// How somebody becomes a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registration {
    /// By following a link in an e-mail: nobody learns whether an address is known.
    Verified,
    /// At once: for private installations without mail.
    Open,
}

impl FromStr for Registration {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "verified" => Ok(Self::Verified),
            "open" => Ok(Self::Open),
            _ => Err(()),
        }
    }
}

/// Whether staff may sign in without a second factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StaffSecondFactor {
    /// They may not.
    Required,
    /// They may, as long as they have none.
    Optional,
}

impl FromStr for StaffSecondFactor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "required" => Ok(Self::Required),
            "optional" => Ok(Self::Optional),
            _ => Err(()),
        }
    }
}
