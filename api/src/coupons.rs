//! Codes of coupons, against those who guess them.

use std::net::IpAddr;

use domain::{UserId, coupon::Refusal};
use store::coupons::Refused;

use crate::{error::ApiError, sign_in::Attempt, state::AppState};

/// Does `work` with codes that the tenant has typed, unless too many lately were no coupon's: theirs, or those from where
/// they are. What it answers with `coupon_not_found` counts as a guess; a good code does not forgive any.
pub(crate) async fn guarded<T>(
    app: &AppState,
    user: UserId,
    address: IpAddr,
    work: impl Future<Output = Result<T, ApiError>>,
) -> Result<T, ApiError> {
    let attempt = Attempt::at_coupons(user, address);
    attempt.admit(app).await?;
    match work.await {
        Err(error @ ApiError::Coupon(Refused { reason: Refusal::NotFound, .. })) => Err(attempt.fail(app, error).await),
        answer => answer,
    }
}
