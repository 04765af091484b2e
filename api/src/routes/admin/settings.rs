//! Settings that hold for the whole installation, and maintenance, which is one of them.

use chrono::{DateTime, Utc};
use domain::{
    UserId,
    setting::{Announcements, Maintenance, Registration, Setting, Settings},
};
use salvo::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::settings::Row;

use super::{
    act::{Acting, Deed},
    page,
};
use crate::{auth::Staff, body::JsonBody, error::ApiError, state::AppState};

/// Maintenance. Whatever is absent is off, empty or without an end.
#[derive(Deserialize, ToSchema)]
#[salvo(schema(name = MaintenanceChange))]
#[serde(deny_unknown_fields)]
pub(crate) struct MaintenanceIn {
    /// What users would change is refused with `503 maintenance`. They may look and sign in and out; staff may do everything.
    on: bool,
    /// What users are told, at most 500 characters.
    #[serde(default)]
    message: String,
    /// When it ends by itself.
    #[serde(default)]
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    until: Option<DateTime<Utc>>,
    /// Nothing is carried either: what comes in is recorded and waits for the end.
    #[serde(default)]
    stop_forwarding: bool,
    /// Why, 1 to 500 characters; it goes into the audit log.
    reason: String,
}

/// Who may register.
#[derive(Deserialize, ToSchema)]
#[salvo(schema(name = RegistrationChange))]
#[serde(deny_unknown_fields)]
pub(crate) struct RegistrationIn {
    /// Nobody new may.
    closed: bool,
}

/// How announcements are sent.
#[derive(Deserialize, ToSchema)]
#[salvo(schema(name = AnnouncementsChange))]
#[serde(deny_unknown_fields)]
pub(crate) struct AnnouncementsIn {
    /// At most so many messages a minute: 1 to 100,000.
    per_minute: u32,
}

/// Settings to change; what is absent or null stays.
#[derive(Deserialize, ToSchema)]
#[salvo(schema(name = SettingsChange))]
#[serde(deny_unknown_fields)]
pub(crate) struct SettingsIn {
    /// Who may register.
    #[serde(default)]
    registration: Option<RegistrationIn>,
    /// How announcements are sent.
    #[serde(default)]
    announcements: Option<AnnouncementsIn>,
    /// Why, 1 to 500 characters.
    reason: String,
}

/// Maintenance.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = Maintenance))]
pub(crate) struct MaintenanceOut {
    /// It is switched on.
    on: bool,
    /// It is going on just now: on, and not at its end.
    active: bool,
    /// What users are told.
    message: String,
    /// When it ends by itself; null: never.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    until: Option<DateTime<Utc>>,
    /// Nothing is carried either.
    stop_forwarding: bool,
}

/// Who changed a setting last.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = SettingChanged))]
pub(crate) struct ChangedOut {
    /// Which: `maintenance`, `registration` or `announcements`.
    key: String,
    /// When.
    #[salvo(schema(value_type = String, format = DateTime))]
    at: DateTime<Utc>,
    /// Who.
    #[salvo(schema(value_type = Option<String>))]
    by: Option<UserId>,
}

/// All settings.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = Settings))]
pub(crate) struct SettingsOut {
    /// Maintenance.
    maintenance: MaintenanceOut,
    /// Nobody new may register.
    registration_closed: bool,
    /// Announcements that go out in a minute, at most.
    announcements_per_minute: u32,
    /// What was ever changed.
    changed: Vec<ChangedOut>,
}

impl SettingsOut {
    fn new(rows: Vec<Row>, now: DateTime<Utc>) -> Self {
        let Settings { maintenance, registration, announcements } =
            Settings::of(rows.iter().map(|row| (row.key.as_str(), &row.value)));
        let changed = rows.into_iter().map(|row| ChangedOut { key: row.key, at: row.updated_at, by: row.updated_by });
        Self {
            maintenance: MaintenanceOut {
                on: maintenance.on,
                active: maintenance.is_on(now),
                message: maintenance.message,
                until: maintenance.until,
                stop_forwarding: maintenance.stop_forwarding,
            },
            registration_closed: registration.closed,
            announcements_per_minute: announcements.per_minute,
            changed: changed.collect(),
        }
    }
}

/// Reads the settings.
#[endpoint(operation_id = "admin_read_settings", tags("admin"))]
pub(crate) async fn read(_staff: Staff, app: AppState) -> Result<Json<SettingsOut>, ApiError> {
    let rows = store::settings::rows(&mut *app.database().await?).await?;
    Ok(Json(SettingsOut::new(rows, app.clock.now())))
}

/// Changes settings. Every process keeps to the new ones at once, or within a minute where it could not be told.
#[endpoint(operation_id = "admin_change_settings", tags("admin"))]
pub(crate) async fn change(
    acting: Acting,
    app: AppState,
    body: JsonBody<SettingsIn>,
) -> Result<Json<SettingsOut>, ApiError> {
    let SettingsIn { registration, announcements, reason } = body.0;
    let registration = registration.map(|given| Setting::Registration(Registration { closed: given.closed }));
    let announcements =
        announcements.map(|given| Setting::Announcements(Announcements { per_minute: given.per_minute }));
    let settings: Vec<Setting> = registration.into_iter().chain(announcements).collect();
    set(&acting, &app, "settings.change", &settings, &reason).await
}

/// Switches maintenance on or off.
#[endpoint(operation_id = "admin_set_maintenance", tags("admin"))]
pub(crate) async fn maintain(
    acting: Acting,
    app: AppState,
    body: JsonBody<MaintenanceIn>,
) -> Result<Json<SettingsOut>, ApiError> {
    let MaintenanceIn { on, message, until, stop_forwarding, reason } = body.0;
    if on && until.is_some_and(|until| until <= app.clock.now()) {
        return Err(ApiError::UntilPassed);
    }
    let setting = Setting::Maintenance(Maintenance { on, message, until, stop_forwarding });
    set(&acting, &app, "settings.maintenance", &[setting], &reason).await
}

async fn set(
    acting: &Acting,
    app: &AppState,
    action: &str,
    settings: &[Setting],
    reason: &str,
) -> Result<Json<SettingsOut>, ApiError> {
    let (reason, now) = (page::reason(reason)?, app.clock.now());
    let (mut before, mut keys) = (serde_json::Map::new(), Vec::new());
    let mut act = acting.begin(app).await?;
    for setting in settings {
        setting.validate()?;
        let former = store::settings::set(&mut act, setting, acting.actor(), now).await?;
        before.insert(setting.key().to_owned(), json!(former));
        keys.push(setting.key());
    }
    let rows = store::settings::rows(&mut act).await?;
    let after = rows.iter().filter(|row| keys.contains(&row.key.as_str()));
    let after: serde_json::Map<_, _> = after.map(|row| (row.key.clone(), row.value.clone())).collect();
    let deed = Deed {
        action,
        subject: keys.join(","),
        user: None,
        before: Some(before.into()),
        after: Some(after.into()),
        reason: Some(reason),
    };
    act.commit(deed).await?;
    app.settings.forget();
    Ok(Json(SettingsOut::new(rows, now)))
}
