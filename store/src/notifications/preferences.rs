//! What users want to be told, how, and when not. What they turn off is not sent any more even when it was asked for
//! before.

use chrono::{DateTime, Utc};
use domain::{
    UserId,
    notification::{DropReason, Kind, Preference, QuietHours, Topic, Wishes},
};
use sqlx::PgConnection;

use crate::StoreError;

/// What holds for all kinds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The zone of the quiet hours, also while there are none.
    pub zone: String,
    /// When nothing that can wait is sent.
    pub quiet: Option<QuietHours>,
    /// Promotions are taken.
    pub promotions: bool,
    /// The bot is linked.
    pub bot_linked: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { zone: "UTC".to_owned(), quiet: None, promotions: true, bot_linked: false }
    }
}

/// Quiet hours as the columns hold them. Those of a zone that is not known any more are none: better a message at
/// night than none at all.
pub(super) fn quiet_hours(from: Option<i16>, to: Option<i16>, zone: Option<&str>) -> Option<QuietHours> {
    QuietHours::new(u16::try_from(from?).ok()?, u16::try_from(to?).ok()?, zone?).ok()
}

/// What the user has chosen for each kind of which they have a choice, in the order of [`Kind::CHOSEN`].
pub async fn preferences(connection: &mut PgConnection, user: UserId) -> Result<Vec<(Kind, Preference)>, StoreError> {
    let rows = sqlx::query!("SELECT kind, preference FROM notification_preferences WHERE user_id = $1", user as UserId)
        .fetch_all(connection)
        .await?;
    let chosen = |kind| rows.iter().find(|row| row.kind == kind).map(|row| row.preference);
    Ok(Kind::CHOSEN.into_iter().map(|kind| (kind, chosen(kind).unwrap_or(kind.default_preference()))).collect())
}

/// What holds for all kinds.
pub async fn settings(connection: &mut PgConnection, user: UserId) -> Result<Settings, StoreError> {
    let row = sqlx::query!(
        r#"SELECT zone, quiet_from_minute, quiet_to_minute, promotions_off_at IS NULL AS "promotions!",
                  bot_linked_at IS NOT NULL AS "bot_linked!"
           FROM notification_settings WHERE user_id = $1"#,
        user as UserId
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map_or_else(Settings::default, |row| Settings {
        quiet: quiet_hours(row.quiet_from_minute, row.quiet_to_minute, Some(&row.zone)),
        zone: row.zone,
        promotions: row.promotions,
        bot_linked: row.bot_linked,
    }))
}

/// What the user wants of this kind; `None` when there is no such user.
pub(super) async fn wishes(
    connection: &mut PgConnection,
    user: UserId,
    kind: Kind,
) -> Result<Option<Wishes>, StoreError> {
    let row = sqlx::query!(
        r#"SELECT p.preference AS "preference?", s.zone AS "zone?", s.quiet_from_minute, s.quiet_to_minute,
                  s.promotions_off_at IS NULL AS "promotions!", s.bot_linked_at IS NOT NULL AS "bot_linked!"
           FROM users u LEFT JOIN notification_preferences p ON p.user_id = u.id AND p.kind = $2
           LEFT JOIN notification_settings s ON s.user_id = u.id WHERE u.id = $1"#,
        user as UserId,
        kind as Kind
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| Wishes {
        preference: row.preference.unwrap_or(kind.default_preference()),
        promotions: row.promotions,
        bot_linked: row.bot_linked,
        quiet: quiet_hours(row.quiet_from_minute, row.quiet_to_minute, row.zone.as_deref()),
    }))
}

/// Sets how the user wants these kinds; a kind without a choice is passed over. What waits and is not wanted any more is
/// dropped.
pub async fn change_preferences(
    connection: &mut PgConnection,
    user: UserId,
    chosen: &[(Kind, Preference)],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    for (kind, preference) in chosen.iter().filter(|(kind, _)| !kind.is_transactional()) {
        sqlx::query!(
            "INSERT INTO notification_preferences (user_id, kind, preference, updated_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT ON CONSTRAINT notification_preferences_pkey
             DO UPDATE SET preference = excluded.preference, updated_at = excluded.updated_at",
            user as UserId,
            *kind as Kind,
            *preference as Preference,
            now
        )
        .execute(&mut *connection)
        .await?;
    }
    drop_unwanted(connection, user).await
}

/// Sets what holds for all kinds, but for the link of the bot, which [`set_bot_linked`] sets. What waits and is not
/// wanted any more is dropped.
pub async fn change_settings(
    connection: &mut PgConnection,
    user: UserId,
    settings: &Settings,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let minute = |minute: u16| i16::try_from(minute).unwrap_or(i16::MAX);
    sqlx::query!(
        "INSERT INTO notification_settings AS s
             (user_id, zone, quiet_from_minute, quiet_to_minute, promotions_off_at, updated_at)
         VALUES ($1, $2, $3, $4, CASE WHEN $5 THEN NULL ELSE $6::timestamptz END, $6)
         ON CONFLICT ON CONSTRAINT notification_settings_pkey DO UPDATE
         SET zone = excluded.zone, quiet_from_minute = excluded.quiet_from_minute,
             quiet_to_minute = excluded.quiet_to_minute, updated_at = excluded.updated_at,
             promotions_off_at = CASE WHEN $5 THEN NULL ELSE coalesce(s.promotions_off_at, $6) END",
        user as UserId,
        settings.zone,
        settings.quiet.as_ref().map(|quiet| minute(quiet.from_minute())),
        settings.quiet.as_ref().map(|quiet| minute(quiet.to_minute())),
        settings.promotions,
        now
    )
    .execute(&mut *connection)
    .await?;
    drop_unwanted(connection, user).await
}

/// Turns off what the reader of a message has asked for: e-mails of a kind, or promotions. False when there is no such
/// user. Doing it twice does nothing the second time.
pub async fn unsubscribe(
    connection: &mut PgConnection,
    user: UserId,
    topic: Topic,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let kind = match topic {
        Topic::Kind(kind) => kind,
        Topic::Promotions => Kind::Announcement,
    };
    let Some(wishes) = wishes(connection, user, kind).await? else { return Ok(false) };
    match topic {
        Topic::Kind(kind) => {
            let preference = wishes.preference.without_email();
            change_preferences(connection, user, &[(kind, preference)], now).await?;
        }
        Topic::Promotions => {
            let settings = Settings { promotions: false, ..settings(connection, user).await? };
            change_settings(connection, user, &settings, now).await?;
        }
    }
    Ok(true)
}

/// Remembers whether the user has linked the bot: call it in the transaction that links or unlinks. What waits for a
/// bot that is not linked any more is dropped.
pub async fn set_bot_linked(
    connection: &mut PgConnection,
    user: UserId,
    linked: bool,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO notification_settings AS s (user_id, bot_linked_at, updated_at)
         VALUES ($1, CASE WHEN $2 THEN $3::timestamptz END, $3)
         ON CONFLICT ON CONSTRAINT notification_settings_pkey DO UPDATE
         SET bot_linked_at = CASE WHEN $2 THEN coalesce(s.bot_linked_at, $3) END, updated_at = excluded.updated_at",
        user as UserId,
        linked,
        now
    )
    .execute(&mut *connection)
    .await?;
    drop_unwanted(connection, user).await
}

/// Drops what waits for a user and is not wanted any more.
async fn drop_unwanted(connection: &mut PgConnection, user: UserId) -> Result<(), StoreError> {
    sqlx::query!(
        "WITH unwanted AS (
           SELECT s.notification_id, s.channel,
                  CASE WHEN n.promotional AND o.promotions_off_at IS NOT NULL THEN $2
                       WHEN s.channel = 'bot' AND o.bot_linked_at IS NULL THEN $4
                       WHEN p.preference::text NOT IN ('both', s.channel::text) THEN $6
                  END AS code
           FROM notifications n JOIN notification_sends s ON s.notification_id = n.id
           LEFT JOIN notification_preferences p ON p.user_id = n.user_id AND p.kind = n.kind
           LEFT JOIN notification_settings o ON o.user_id = n.user_id
           WHERE n.user_id = $1 AND s.state = 'pending' AND s.priority > 0)
         UPDATE notification_sends s
         SET state = 'dropped', reason_code = u.code,
             reason = CASE u.code WHEN $2 THEN $3 WHEN $4 THEN $5 ELSE $7 END
         FROM unwanted u
         WHERE s.notification_id = u.notification_id AND s.channel = u.channel AND s.state = 'pending'
           AND u.code IS NOT NULL",
        user as UserId,
        DropReason::PromotionsOff.code(),
        DropReason::PromotionsOff.text(),
        DropReason::BotNotLinked.code(),
        DropReason::BotNotLinked.text(),
        DropReason::PreferenceOff.code(),
        DropReason::PreferenceOff.text()
    )
    .execute(connection)
    .await?;
    Ok(())
}
