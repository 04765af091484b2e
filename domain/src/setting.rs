//! Settings that staff changes while everything runs. They are rows of the table `settings`: one JSON value for each key.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

/// The longest message to tenants, in characters.
pub const MESSAGE_CHARS_MAX: usize = 500;
/// The fastest that announcements may go out, in messages a minute over all channels.
pub const ANNOUNCEMENTS_PER_MINUTE_MAX: u32 = 100_000;
/// Unless set otherwise: as fast as one bot may write to many people, about 30 a second, leaves little room for alerts.
const ANNOUNCEMENTS_PER_MINUTE_DEFAULT: u32 = 600;

/// Tenants are told to wait while something is being done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Maintenance {
    /// What tenants would change is refused. They may look, and staff may do everything.
    pub on: bool,
    /// What tenants are told; empty: that there is maintenance.
    pub message: String,
    /// When it is expected to be over: it ends by itself then.
    pub until: Option<DateTime<Utc>>,
    /// Nothing is carried either: what comes in is recorded and waits.
    pub stop_forwarding: bool,
}

impl Maintenance {
    /// Whether it is going on.
    #[must_use]
    pub fn is_on(&self, now: DateTime<Utc>) -> bool {
        self.on && self.until.is_none_or(|until| now < until)
    }

    /// Whether messages wait for its end.
    #[must_use]
    pub fn holds_forwarding(&self, now: DateTime<Utc>) -> bool {
        self.stop_forwarding && self.is_on(now)
    }
}

/// Who may register.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Registration {
    /// Nobody new may.
    pub closed: bool,
}

/// How announcements are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Announcements {
    /// At most so many messages a minute, over all channels.
    pub per_minute: u32,
}

impl Default for Announcements {
    fn default() -> Self {
        Self { per_minute: ANNOUNCEMENTS_PER_MINUTE_DEFAULT }
    }
}

/// All settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Key `maintenance`.
    pub maintenance: Maintenance,
    /// Key `registration`.
    pub registration: Registration,
    /// Key `announcements`.
    pub announcements: Announcements,
}

/// One setting with its new value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    /// See [`Maintenance`].
    Maintenance(Maintenance),
    /// See [`Registration`].
    Registration(Registration),
    /// See [`Announcements`].
    Announcements(Announcements),
}

/// Why a setting cannot have this value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// The message to tenants is too long.
    #[error("the message has at most {MESSAGE_CHARS_MAX} characters")]
    Message,
    /// Announcements would never, or too quickly, go out.
    #[error("announcements go out at 1 to {ANNOUNCEMENTS_PER_MINUTE_MAX} a minute")]
    Rate,
}

impl SettingError {
    /// The field that is wrong.
    #[must_use]
    pub const fn field(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Rate => "per_minute",
        }
    }
}

impl Setting {
    /// The key in the database.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        match self {
            Self::Maintenance(_) => "maintenance",
            Self::Registration(_) => "registration",
            Self::Announcements(_) => "announcements",
        }
    }

    /// Checks what its fields may hold.
    ///
    /// # Errors
    /// The rule that is broken.
    pub fn validate(&self) -> Result<(), SettingError> {
        match self {
            Self::Maintenance(it) if it.message.chars().count() > MESSAGE_CHARS_MAX => Err(SettingError::Message),
            Self::Announcements(it) if !(1..=ANNOUNCEMENTS_PER_MINUTE_MAX).contains(&it.per_minute) => {
                Err(SettingError::Rate)
            }
            Self::Maintenance(_) | Self::Registration(_) | Self::Announcements(_) => Ok(()),
        }
    }
}

impl Settings {
    /// The settings of the rows that there are. What is absent, or cannot be read any more, is what it is by default; keys
    /// that are not known belong to another version.
    #[must_use]
    pub fn of<'a>(rows: impl IntoIterator<Item = (&'a str, &'a Value)>) -> Self {
        let mut settings = Self::default();
        for (key, value) in rows {
            match key {
                "maintenance" => settings.maintenance = read(value),
                "registration" => settings.registration = read(value),
                "announcements" => settings.announcements = read(value),
                _ => (),
            }
        }
        settings
    }
}

fn read<T: DeserializeOwned + Default>(value: &Value) -> T {
    T::deserialize(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_there_is_the_default() {
        assert_eq!(Settings::of([]), Settings::default());
        let (closed, odd) = (json!({ "closed": true }), json!("odd"));
        let settings = Settings::of([("registration", &closed), ("announcements", &odd), ("newer", &closed)]);
        assert!(settings.registration.closed);
        assert_eq!(settings.announcements, Announcements::default());
    }

    #[test]
    fn maintenance_ends_when_it_was_said_to() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
        let endless = Maintenance { on: true, ..Maintenance::default() };
        let ends = Maintenance { until: Some(now), stop_forwarding: true, ..endless.clone() };
        let before = now - TimeDelta::seconds(1);
        assert!(endless.is_on(now) && !endless.holds_forwarding(now));
        assert!(ends.is_on(before) && ends.holds_forwarding(before));
        assert!(!ends.is_on(now) && !ends.holds_forwarding(now));
        let off = Maintenance { on: false, stop_forwarding: true, ..Maintenance::default() };
        assert!(!off.is_on(now) && !off.holds_forwarding(now));
    }

    #[test]
    fn values_have_bounds() {
        let long = Maintenance { message: "é".repeat(MESSAGE_CHARS_MAX + 1), ..Maintenance::default() };
        assert_eq!(Setting::Maintenance(long).validate(), Err(SettingError::Message));
        for per_minute in [0, ANNOUNCEMENTS_PER_MINUTE_MAX + 1] {
            assert_eq!(Setting::Announcements(Announcements { per_minute }).validate(), Err(SettingError::Rate));
        }
        assert_eq!(Setting::Announcements(Announcements::default()).validate(), Ok(()));
        assert_eq!(Setting::Registration(Registration::default()).validate(), Ok(()));
    }
}
