//! Whom an announcement would reach now.

use domain::{
    PlanId,
    announcement::{Reader, Skip, way},
    notification::{Kind, Preference},
};
use sqlx::PgConnection;

use super::{Written, ids};
use crate::StoreError;

/// How many tenants an announcement would reach.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audience {
    /// Tenants of its plans.
    pub total: i64,
    /// Of these, by e-mail.
    pub by_email: i64,
    /// By the bot; many get it by both.
    pub by_bot: i64,
    /// Those who get it by at least one of both.
    pub reached: i64,
    /// Those who do not, by reason.
    pub skipped: Vec<(Skip, i64)>,
}

impl Audience {
    fn add(&mut self, way: Result<Preference, Skip>, count: i64) {
        self.total += count;
        match way {
            Ok(way) => {
                self.reached += count;
                self.by_email += if way.within(Preference::Email) == Preference::Off { 0 } else { count };
                self.by_bot += if way.within(Preference::Bot) == Preference::Off { 0 } else { count };
            }
            Err(skip) => match self.skipped.iter_mut().find(|(known, _)| *known == skip) {
                Some((_, counted)) => *counted += count,
                None => self.skipped.push((skip, count)),
            },
        }
    }
}

/// Counts whom it would reach if everybody had their turn now.
pub async fn audience(connection: &mut PgConnection, written: &Written) -> Result<Audience, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT u.suspended_at IS NOT NULL AS "suspended!", u.email_verified_at IS NOT NULL AS "verified!",
                  p.preference AS "preference?", s.promotions_off_at IS NULL AS "promotions!",
                  s.bot_linked_at IS NOT NULL AS "bot_linked!", count(*) AS "count!"
           FROM users u LEFT JOIN notification_preferences p ON p.user_id = u.id AND p.kind = 'announcement'
           LEFT JOIN notification_settings s ON s.user_id = u.id
           WHERE u.plan_id = ANY ($1) GROUP BY 1, 2, 3, 4, 5"#,
        &ids(&written.plans)
    )
    .fetch_all(connection)
    .await?;
    let mut audience = Audience::default();
    for row in rows {
        let reader = Reader {
            suspended: row.suspended,
            verified: row.verified,
            preference: row.preference.unwrap_or(Kind::Announcement.default_preference()),
            promotions: row.promotions,
            bot_linked: row.bot_linked,
        };
        audience.add(way(&reader, written.promotional, written.via), row.count);
    }
    audience.skipped.sort_by_key(|(skip, _)| skip.code());
    Ok(audience)
}

/// How many tenants these plans have.
pub(super) async fn count(connection: &mut PgConnection, plans: &[PlanId]) -> Result<i64, StoreError> {
    let count =
        sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM users WHERE plan_id = ANY ($1)"#, &ids(plans) as _)
            .fetch_one(connection)
            .await?;
    Ok(count)
}
