//! When the health of a hosted account is checked.

use std::time::Duration;

use domain::AccountId;

/// Health is checked this often unless the worker's setting says otherwise.
pub const HEALTH_CHECK_PERIOD: Duration = Duration::from_secs(300);
/// The first check of a hosting.
const FIRST_HEALTH_CHECK: Duration = Duration::from_secs(5);

/// The time until the next check, after `checks` of them in this hosting. The second one comes at some time of the first
/// period, so that accounts which were hosted at once do not ask at once for ever.
pub(super) fn wait(account: AccountId, checks: u32, period: Duration) -> Duration {
    match checks {
        // The setting is the host's: it is learnt soon after the hosting began.
        0 => FIRST_HEALTH_CHECK.min(period),
        1 => period * u32::from(account.as_uuid().as_bytes()[15]) / u32::from(u8::MAX),
        _ => period,
    }
}
