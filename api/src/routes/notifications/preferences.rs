//! What a user wants to be told, and how.

use domain::notification::{Kind, Preference, QuietHours};
use salvo::prelude::*;
use serde::{Deserialize, Serialize};
use store::{
    PgConnection, StoreError,
    notifications::{self as stored, Settings},
};

use crate::{auth::Actor, body::JsonBody, error::ApiError, state::AppState};

/// How each kind is wanted: `email`, `bot`, `both` or `off`. What concerns the account itself, such as a password reset,
/// always comes by e-mail and is not here.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[salvo(schema(name = NotificationKinds))]
#[serde(deny_unknown_fields)]
pub(crate) struct KindsDoc {
    /// A session is about to end, or has ended.
    #[salvo(schema(value_type = crate::wire::PreferenceDoc))]
    session_warning: Preference,
    /// A limit of the plan is reached.
    #[salvo(schema(value_type = crate::wire::PreferenceDoc))]
    limit_reached: Preference,
    /// An account or a pair has stopped carrying messages.
    #[salvo(schema(value_type = crate::wire::PreferenceDoc))]
    health_alert: Preference,
    /// News of whoever runs this installation.
    #[salvo(schema(value_type = crate::wire::PreferenceDoc))]
    announcement: Preference,
    /// A report is ready.
    #[salvo(schema(value_type = crate::wire::PreferenceDoc))]
    report: Preference,
    /// A payment is due, was made or has failed.
    #[salvo(schema(value_type = crate::wire::PreferenceDoc))]
    payment: Preference,
}

impl KindsDoc {
    fn read(chosen: &[(Kind, Preference)]) -> Self {
        let of = |kind: Kind| {
            let found = chosen.iter().find(|(one, _)| *one == kind);
            found.map_or(kind.default_preference(), |(_, preference)| *preference)
        };
        Self {
            session_warning: of(Kind::SessionWarning),
            limit_reached: of(Kind::LimitReached),
            health_alert: of(Kind::HealthAlert),
            announcement: of(Kind::Announcement),
            report: of(Kind::Report),
            payment: of(Kind::Payment),
        }
    }

    const fn chosen(self) -> [(Kind, Preference); 6] {
        [
            (Kind::SessionWarning, self.session_warning),
            (Kind::LimitReached, self.limit_reached),
            (Kind::HealthAlert, self.health_alert),
            (Kind::Announcement, self.announcement),
            (Kind::Report, self.report),
            (Kind::Payment, self.payment),
        ]
    }
}

/// A stretch of every day; one that ends before it begins ends on the next day.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[salvo(schema(name = QuietHours))]
#[serde(deny_unknown_fields)]
pub(crate) struct QuietHoursDoc {
    /// `HH:MM`, such as `22:00`.
    from: String,
    /// `HH:MM`, such as `07:00`.
    to: String,
}

/// What you want to be told, and how.
#[derive(Deserialize, ToSchema)]
#[salvo(schema(name = NotificationPreferencesChange))]
#[serde(deny_unknown_fields)]
pub(crate) struct PreferencesIn {
    /// How each kind is wanted.
    kinds: KindsDoc,
    /// When nothing that can wait is sent; null for never.
    #[salvo(schema(required = false))]
    quiet_hours: Option<QuietHoursDoc>,
    /// The IANA time zone of the quiet hours, such as `Europe/Berlin`.
    time_zone: String,
    /// Promotions are welcome.
    promotions: bool,
}

/// What you want to be told, and how.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = NotificationPreferences))]
pub(crate) struct PreferencesOut {
    /// How each kind is wanted.
    kinds: KindsDoc,
    /// When nothing that can wait is sent; null for never.
    quiet_hours: Option<QuietHoursDoc>,
    /// The IANA time zone of the quiet hours.
    time_zone: String,
    /// Promotions are welcome.
    promotions: bool,
    /// The Telegram bot is linked: without it, `bot` means nothing and `both` means e-mail.
    bot_linked: bool,
}

/// Reads what you want to be told, and how.
#[endpoint(operation_id = "read_notification_preferences", tags("notifications"))]
pub(crate) async fn read(actor: Actor, app: AppState) -> Result<Json<PreferencesOut>, ApiError> {
    Ok(Json(shown(&mut *app.database().await?, actor).await?))
}

/// Sets what you want to be told, and how. What waits and is not wanted any more is not sent.
#[endpoint(operation_id = "set_notification_preferences", tags("notifications"))]
pub(crate) async fn set(
    actor: Actor,
    app: AppState,
    body: JsonBody<PreferencesIn>,
) -> Result<Json<PreferencesOut>, ApiError> {
    let PreferencesIn { kinds, quiet_hours, time_zone, promotions } = body.0;
    let zone = QuietHours::zone_named(&time_zone).map_err(ApiError::QuietHours)?.name().to_owned();
    let quiet = quiet_hours.map(|hours| QuietHours::parse(&hours.from, &hours.to, &zone)).transpose();
    let quiet = quiet.map_err(ApiError::QuietHours)?;
    let now = app.clock.now();
    let mut transaction = app.transaction().await?;
    let settings = Settings { zone, quiet, promotions, ..Settings::default() };
    stored::change_settings(&mut transaction, actor.user, &settings, now).await?;
    stored::change_preferences(&mut transaction, actor.user, &kinds.chosen(), now).await?;
    let out = shown(&mut transaction, actor).await?;
    transaction.commit().await.map_err(StoreError::from)?;
    Ok(Json(out))
}

async fn shown(database: &mut PgConnection, actor: Actor) -> Result<PreferencesOut, ApiError> {
    let chosen = stored::preferences(database, actor.user).await?;
    let settings = stored::settings(database, actor.user).await?;
    Ok(PreferencesOut {
        kinds: KindsDoc::read(&chosen),
        quiet_hours: settings.quiet.map(|quiet| QuietHoursDoc { from: quiet.from(), to: quiet.to() }),
        time_zone: settings.zone,
        promotions: settings.promotions,
        bot_linked: settings.bot_linked,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_with_a_choice_is_there_and_keeps_its_name() {
        let kinds = KindsDoc::read(&[(Kind::Report, Preference::Off)]);
        assert_eq!(kinds.chosen().map(|(kind, _)| kind), Kind::CHOSEN);
        let json = serde_json::to_value(kinds).unwrap();
        for (kind, preference) in kinds.chosen() {
            assert_eq!(json[kind.as_str()], preference.as_str());
            let expected = if kind == Kind::Report { Preference::Off } else { kind.default_preference() };
            assert_eq!(preference, expected);
        }
    }
}
