//! Settings that staff changes while everything runs.

use chrono::{DateTime, Utc};
use domain::{
    UserId,
    setting::{Setting, Settings},
};
use serde_json::Value;
use sqlx::PgConnection;

use crate::StoreError;

/// The channel that is notified when a setting changes.
pub const CHANNEL: &str = "settings";

/// All settings, as they hold now.
pub async fn read(connection: &mut PgConnection) -> Result<Settings, StoreError> {
    let rows = rows(connection).await?;
    Ok(Settings::of(rows.iter().map(|row| (row.key.as_str(), &row.value))))
}

/// One setting that was changed.
#[derive(Clone, Debug)]
pub struct Row {
    /// Which.
    pub key: String,
    /// Its value, in the form of its type in `domain::setting`.
    pub value: Value,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
    /// By whom; `None`: the operator.
    pub updated_by: Option<UserId>,
}

/// Every setting that was ever changed.
pub async fn rows(connection: &mut PgConnection) -> Result<Vec<Row>, StoreError> {
    let rows = sqlx::query_as!(Row, "SELECT key, value, updated_at, updated_by FROM settings ORDER BY key")
        .fetch_all(connection)
        .await?;
    Ok(rows)
}

/// Sets one setting, and returns what its row held before. The value must pass [`Setting::validate`].
pub async fn set(
    connection: &mut PgConnection,
    setting: &Setting,
    by: Option<UserId>,
    now: DateTime<Utc>,
) -> Result<Option<Value>, StoreError> {
    let value = match setting {
        Setting::Maintenance(it) => serde_json::to_value(it)?,
        Setting::Registration(it) => serde_json::to_value(it)?,
        Setting::Announcements(it) => serde_json::to_value(it)?,
    };
    let before = sqlx::query_scalar!("SELECT value FROM settings WHERE key = $1 FOR UPDATE", setting.key())
        .fetch_optional(&mut *connection)
        .await?;
    if before.as_ref() != Some(&value) {
        sqlx::query!(
            "INSERT INTO settings (key, value, updated_at, updated_by) VALUES ($1, $2, $3, $4)
             ON CONFLICT ON CONSTRAINT settings_pkey DO UPDATE
             SET value = excluded.value, updated_at = excluded.updated_at, updated_by = excluded.updated_by",
            setting.key(),
            value,
            now,
            by as Option<UserId>
        )
        .execute(connection)
        .await?;
    }
    Ok(before)
}
