//! One user, whole.

use domain::{
    UserId,
    notification::{Kind, Preference},
};
use salvo::prelude::*;
use serde::Serialize;
use store::{
    admin::{AccountFilter, PairFilter, UserFilter},
    error_logs::Filter,
};

use super::{
    accounts::AdminAccountOut,
    pairs::AdminPairOut,
    payments::{AdminPaymentOut, AgreementOut, FiguresOut},
    users::AdminUserOut,
};
use crate::{
    auth::{PathId, Staff},
    error::{ApiError, Thing},
    routes::{
        api_keys::KeyOut,
        error_logs::ErrorLogOut,
        plans::{UsageOut, usage_of},
        sessions::SignInOut,
    },
    state::AppState,
};

/// More accounts or pairs than this are looked for in their own lists.
const LISTED_MAX: i64 = 1_000;
/// The latest payments.
const PAYMENTS: i64 = 20;
/// The latest troubles.
const ERRORS: i64 = 20;

/// How a user wants one kind of message.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = AdminPreference))]
pub(crate) struct PreferenceOut {
    /// The kind, such as `health_alert`.
    #[salvo(schema(value_type = String))]
    kind: Kind,
    /// `email`, `bot`, `both` or `off`.
    #[salvo(schema(value_type = String))]
    preference: Preference,
}

/// What a user wants to be told, and when not.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = AdminNotificationSettings))]
pub(crate) struct NotificationsOut {
    /// By kind.
    preferences: Vec<PreferenceOut>,
    /// The zone of the quiet hours.
    zone: String,
    /// When quiet hours begin, as `HH:MM`; null: there are none.
    quiet_from: Option<String>,
    /// When they end.
    quiet_to: Option<String>,
    /// Promotions are taken.
    promotions: bool,
    /// The bot is linked.
    bot_linked: bool,
}

/// One user, whole.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = AdminUserDetail))]
pub(crate) struct AdminUserDetailOut {
    /// As in the list.
    user: AdminUserOut,
    /// What they use of each limit, exceptions included.
    usage: UsageOut,
    /// Sign-ins that are good, newest first.
    sessions: Vec<SignInOut>,
    /// API keys that are good, without their secrets, newest first.
    api_keys: Vec<KeyOut>,
    /// Accounts that are not logged out, newest first.
    accounts: Vec<AdminAccountOut>,
    /// Pairs, newest first.
    pairs: Vec<AdminPairOut>,
    /// What they have paid so far, by currency.
    paid: Vec<FiguresOut>,
    /// The latest payments, newest first.
    payments: Vec<AdminPaymentOut>,
    /// Agreements with payment providers, newest first.
    agreements: Vec<AgreementOut>,
    /// The latest troubles, newest first.
    errors: Vec<ErrorLogOut>,
    /// What they want to be told.
    notifications: NotificationsOut,
}

/// Reads one user, whole.
#[endpoint(operation_id = "admin_read_user", tags("admin"))]
pub(crate) async fn read(
    _staff: Staff,
    app: AppState,
    id: PathId<UserId>,
) -> Result<Json<AdminUserDetailOut>, ApiError> {
    let (id, now) = (id.0, app.clock.now());
    let missing = || ApiError::NotFound(Thing::User);
    let usage = usage_of(&app, id).await?.ok_or_else(missing)?;
    let mut database = app.database().await?;
    let this = UserFilter { id: Some(id), ..UserFilter::default() };
    let user = store::admin::users(&mut database, &this, 1).await?.pop().ok_or_else(missing)?;
    let sessions = store::sessions::list(&mut database, id, now).await?;
    let keys = store::api_keys::list(&mut database, id, now).await?;
    let filter = AccountFilter { user: Some(id), ..AccountFilter::default() };
    let accounts = store::admin::accounts(&mut database, &filter, LISTED_MAX).await?;
    let filter = PairFilter { user: Some(id), ..PairFilter::default() };
    let pairs = store::admin::pairs(&mut database, &filter, LISTED_MAX).await?;
    let errors = store::error_logs::list(&mut database, id, Filter::default(), ERRORS).await?;
    let catalogue = store::plans::catalogue(&mut database).await?;
    let paid = store::payments::figures(&mut database, id).await?;
    let asked = store::payments::Asked { user: Some(id), ..store::payments::Asked::default() };
    let payments = store::payments::list_all(&mut database, &asked, PAYMENTS).await?;
    let agreements = store::payments::agreements::list(&mut database, id).await?;
    let preferences = store::notifications::preferences(&mut database, id).await?;
    let settings = store::notifications::settings(&mut database, id).await?;
    Ok(Json(AdminUserDetailOut {
        user: user.into(),
        usage,
        sessions: sessions.into_iter().map(|session| SignInOut::new(session, None)).collect(),
        api_keys: keys.into_iter().map(KeyOut::from).collect(),
        accounts: accounts.into_iter().map(|row| AdminAccountOut::new(row, now)).collect(),
        pairs: pairs.into_iter().map(|row| AdminPairOut::new(row, now)).collect(),
        paid: paid.into_iter().map(FiguresOut::from).collect(),
        payments: payments.iter().map(|one| AdminPaymentOut::new(one, &catalogue)).collect(),
        agreements: agreements.into_iter().map(AgreementOut::from).collect(),
        errors: errors.into_iter().map(ErrorLogOut::from).collect(),
        notifications: NotificationsOut {
            preferences: preferences.into_iter().map(|(kind, preference)| PreferenceOut { kind, preference }).collect(),
            quiet_from: settings.quiet.as_ref().map(|quiet| quiet.from()),
            quiet_to: settings.quiet.as_ref().map(|quiet| quiet.to()),
            zone: settings.zone,
            promotions: settings.promotions,
            bot_linked: settings.bot_linked,
        },
    }))
}
