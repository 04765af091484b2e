//! Subscriptions of all users: listed, looked at, ended.

use chrono::{DateTime, Utc};
use domain::{
    UserId,
    billing::{Interval, SubscriptionStatus},
    subscription::{CancelWhen, EndReason},
};
use salvo::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::admin::{SubscriptionFilter, SubscriptionRow};

use super::{
    act::{Acting, Deed},
    page,
};
use crate::{
    auth::{PathId, Staff},
    body::JsonBody,
    error::{ApiError, Thing},
    money::MoneyOut,
    routes::{
        page as pages,
        subscription::{CancelWhenDoc, SubscriptionOut, SubscriptionStatusDoc, ViewOut, view},
    },
    state::AppState,
    subscription,
};

/// One user's subscription in the list.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = StaffSubscription))]
pub(crate) struct StaffSubscriptionOut {
    /// `user_…`.
    #[salvo(schema(value_type = String))]
    user: UserId,
    /// The user's address.
    email: String,
    /// Where it stands.
    #[salvo(schema(value_type = SubscriptionStatusDoc))]
    status: SubscriptionStatus,
    /// The plan's code.
    plan: String,
    /// Paid by the month or by the year.
    #[salvo(schema(value_type = crate::wire::IntervalDoc))]
    interval: Interval,
    /// What a period costs, as it was agreed on.
    price: MoneyOut,
    /// When the period that runs ends, or the last one ended.
    #[salvo(schema(value_type = String, format = DateTime))]
    period_end: DateTime<Utc>,
    /// When it ends by its tenant's wish.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    cancel_at: Option<DateTime<Utc>>,
    /// A payment provider pays for the next period by itself.
    renews_by_agreement: bool,
    /// The code of the plan that staff has given and that holds instead.
    given_plan: Option<String>,
    /// When something is due for it; in the past, its workflow is late.
    #[salvo(schema(value_type = Option<String>, format = DateTime))]
    due_at: Option<DateTime<Utc>>,
}

impl From<SubscriptionRow> for StaffSubscriptionOut {
    fn from(row: SubscriptionRow) -> Self {
        Self {
            user: row.user,
            email: row.email,
            status: row.status,
            plan: row.plan,
            interval: row.interval,
            price: row.amount.into(),
            period_end: row.period_end,
            cancel_at: row.cancel_at,
            renews_by_agreement: row.has_agreement,
            given_plan: row.granted_plan,
            due_at: row.due_at,
        }
    }
}

/// A page of subscriptions.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = StaffSubscriptions))]
pub(crate) struct StaffSubscriptionsOut {
    /// Those of the youngest users first.
    subscriptions: Vec<StaffSubscriptionOut>,
    /// What to pass as `before` for the next page; null on the last one.
    #[salvo(schema(value_type = Option<String>))]
    next: Option<UserId>,
}

/// Lists subscriptions, those of the youngest users first.
#[endpoint(
    operation_id = "admin_list_subscriptions",
    tags("admin"),
    parameters(
        ("status" = Option<SubscriptionStatusDoc>, Query, description = "Only those that stand so."),
        ("plan" = Option<String>, Query, description = "Only those of this plan's code."),
        ("email" = Option<String>, Query, description = "Only users whose address has this in it."),
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 200, description = "Entries on a page: 1 to 200, 50 unless given."),
        ("before" = Option<String>, Query, description = "The `next` of the page before.")
    )
)]
pub(crate) async fn list(
    _staff: Staff,
    app: AppState,
    req: &mut Request,
) -> Result<Json<StaffSubscriptionsOut>, ApiError> {
    let (status, plan) = (page::named(req, "status", "this is no status of a subscription")?, page::text(req, "plan")?);
    let (email, limit) = (page::text(req, "email")?.map(|email| email.to_lowercase()), page::limit(req)?);
    let before = pages::before(req)?;
    let filter = SubscriptionFilter { status, plan: plan.as_deref(), email_part: email.as_deref(), before };
    let rows = store::admin::subscriptions(&mut *app.database().await?, &filter, limit + 1).await?;
    let (rows, next) = page::cut(rows, limit, |row| row.user);
    Ok(Json(StaffSubscriptionsOut { subscriptions: rows.into_iter().map(StaffSubscriptionOut::from).collect(), next }))
}

/// Shows a user's subscription and what happened to it, newest first, as the user sees it.
#[endpoint(
    operation_id = "admin_read_subscription",
    tags("admin"),
    parameters(
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 200, description = "Events on a page: 1 to 200, 50 unless given."),
        ("before" = Option<i64>, Query, minimum = 1, description = "Only events older than this `id`.")
    )
)]
pub(crate) async fn read(
    _staff: Staff,
    app: AppState,
    id: PathId<UserId>,
    req: &mut Request,
) -> Result<Json<ViewOut>, ApiError> {
    let (limit, before) = (pages::size(req)?, pages::before(req)?);
    let mut database = app.database().await?;
    Ok(Json(view(&mut database, id.0, before, limit).await?))
}

/// An end by staff.
#[derive(Deserialize, ToSchema)]
#[salvo(schema(name = StaffSubscriptionEnd))]
#[serde(deny_unknown_fields)]
pub(crate) struct EndIn {
    /// `now`, or `period_end`: when what is paid is over.
    #[salvo(schema(value_type = CancelWhenDoc))]
    when: CancelWhen,
    /// Why, 1 to 500 characters; it goes into the audit log.
    reason: String,
}

/// Ends a user's subscription, now or when what is paid is over. Money is given back by a refund. It can be called again.
#[endpoint(operation_id = "admin_cancel_subscription", tags("admin"))]
pub(crate) async fn cancel(
    acting: Acting,
    app: AppState,
    id: PathId<UserId>,
    body: JsonBody<EndIn>,
) -> Result<Json<SubscriptionOut>, ApiError> {
    let (user, now, reason) = (id.0, app.clock.now(), page::reason(&body.0.reason)?);
    let mut act = acting.begin(&app).await?;
    if !store::plans::lock_user(&mut act, user).await? {
        return Err(ApiError::NotFound(Thing::User));
    }
    let before = store::subscriptions::find(&mut act, user).await?;
    let wish = (body.0.when, EndReason::Staff);
    let wished = store::subscriptions::cancel(&mut act, &app.sealer, user, wish, now).await??;
    let catalogue = store::plans::catalogue(&mut act).await?;
    let after = &wished.subscription;
    act.commit(Deed {
        action: "user.subscription_cancel",
        subject: user.to_string(),
        user: Some(user),
        before: Some(json!({ "status": before.map(|one| one.status) })),
        after: Some(json!({ "status": after.status, "cancel_at": after.cancel_at })),
        reason: Some(reason),
    })
    .await?;
    let current = subscription::settle(&app, user, wished, now).await;
    Ok(Json(SubscriptionOut::new(&current, &catalogue)))
}
