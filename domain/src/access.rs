//! Who may do what: roles of people, scopes of API keys, and what a route asks for.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// What a person is to this installation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(type_name = "role", rename_all = "snake_case"))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A tenant.
    #[default]
    User,
    /// Helps tenants: sees everything but secrets, and mends what is stuck.
    Support,
    /// Runs the installation: may also change plans, suspend, delete and announce.
    Admin,
}

impl Role {
    /// The name on the wire and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Support => "support",
            Self::Admin => "admin",
        }
    }

    /// True for those who may sign in as staff.
    #[must_use]
    pub fn is_staff(self) -> bool {
        self >= Self::Support
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no role, or no scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected one of {expected}")]
pub struct NameError {
    expected: &'static str,
}

impl FromStr for Role {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        [Self::User, Self::Support, Self::Admin]
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or(NameError { expected: "user, support, admin" })
    }
}

/// What an API key may do. A person who is signed in has all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(type_name = "scope", rename_all = "snake_case"))]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Look at anything of the tenant's.
    Read,
    /// Make, change and delete pairs; decide about dead letters.
    Forward,
    /// Link, pause and log out accounts on the platforms.
    Accounts,
    /// Change what the tenant is told, and how.
    Notifications,
    /// Buy, change and cancel a plan.
    Billing,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Read, Self::Forward, Self::Accounts, Self::Notifications, Self::Billing];

    /// The name on the wire and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Forward => "forward",
            Self::Accounts => "accounts",
            Self::Notifications => "notifications",
            Self::Billing => "billing",
        }
    }
}

/// What a route asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody; counted by address.
    Open,
    /// Anybody, and never refused for asking often: health and metrics.
    Probe,
    /// A payment provider, which proves itself with what it sends; never refused for asking often.
    Hook,
    /// Whoever holds the signed link.
    Link,
    /// A tenant who is signed in, or an API key of theirs with this scope.
    Tenant(Scope),
    /// A tenant who is signed in: an API key may not change who the tenant is.
    Person,
    /// Somebody signed in as staff with at least this role, from an allowed address.
    Staff(Role),
    /// The operator, by the token of the process.
    Operator,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_ordered_and_named() {
        assert!(Role::Admin > Role::Support && Role::Support > Role::User);
        assert!(!Role::User.is_staff() && Role::Support.is_staff() && Role::Admin.is_staff());
        for role in [Role::User, Role::Support, Role::Admin] {
            assert_eq!(role.to_string().parse(), Ok(role));
        }
        assert!("root".parse::<Role>().is_err());
    }

    #[test]
    fn scopes_have_the_names_of_the_wire() {
        for scope in Scope::ALL {
            assert_eq!(serde_json::to_value(scope).unwrap(), scope.as_str());
        }
    }
}
