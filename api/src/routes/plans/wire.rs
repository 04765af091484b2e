//! Limits, features and prices on the wire.

use domain::{
    Currency, Money, PlanId,
    billing::{Interval, Price},
    plan::{Exception, Features, Limits},
};
use salvo::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{error::ApiError, money::CurrencyDoc};

/// How much of everything; null is no limit, and has to be said.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlanLimits {
    /// Pairs that are not deleted.
    #[serde(deserialize_with = "Option::deserialize")]
    #[salvo(schema(required = true))]
    pairs: Option<u32>,
    /// Telegram accounts that are not logged out.
    #[serde(deserialize_with = "Option::deserialize")]
    #[salvo(schema(required = true))]
    telegram_accounts: Option<u32>,
    /// Discord bots that are not logged out.
    #[serde(deserialize_with = "Option::deserialize")]
    #[salvo(schema(required = true))]
    discord_accounts: Option<u32>,
    /// Messages in one minute of the clock, over all accounts.
    #[serde(deserialize_with = "Option::deserialize")]
    #[salvo(schema(required = true))]
    messages_per_minute: Option<u32>,
    /// Messages in one UTC day, over all accounts.
    #[serde(deserialize_with = "Option::deserialize")]
    #[salvo(schema(required = true))]
    messages_per_day: Option<u32>,
    /// Requests to the API in one minute.
    #[serde(deserialize_with = "Option::deserialize")]
    #[salvo(schema(required = true))]
    requests_per_minute: Option<u32>,
    /// Bytes of one attachment; a larger one becomes a notice.
    #[serde(deserialize_with = "Option::deserialize")]
    #[salvo(schema(required = true))]
    media_bytes: Option<u64>,
}

impl From<Limits> for PlanLimits {
    fn from(limits: Limits) -> Self {
        Self {
            pairs: limits.pairs_max,
            telegram_accounts: limits.telegram_accounts_max,
            discord_accounts: limits.discord_accounts_max,
            messages_per_minute: limits.messages_per_minute,
            messages_per_day: limits.messages_per_day,
            requests_per_minute: limits.requests_per_minute,
            media_bytes: limits.media_bytes_max,
        }
    }
}

impl From<PlanLimits> for Limits {
    fn from(limits: PlanLimits) -> Self {
        Self {
            pairs_max: limits.pairs,
            telegram_accounts_max: limits.telegram_accounts,
            discord_accounts_max: limits.discord_accounts,
            messages_per_minute: limits.messages_per_minute,
            messages_per_day: limits.messages_per_day,
            requests_per_minute: limits.requests_per_minute,
            media_bytes_max: limits.media_bytes,
        }
    }
}

/// What is included.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlanFeatures {
    /// Messages posted as the destination account's own.
    copy_mode: bool,
    /// Pairs that read what another pair of the same tenant writes.
    chain_forwarding: bool,
    /// Pairs with an end on Discord.
    discord_forwarding: bool,
    /// Posts under the name and picture of the author.
    webhook_identity: bool,
    /// Options that leave messages out.
    filters: bool,
    /// Reports.
    reports: bool,
}

impl From<Features> for PlanFeatures {
    fn from(features: Features) -> Self {
        Self {
            copy_mode: features.copy_mode,
            chain_forwarding: features.chain_forwarding,
            discord_forwarding: features.discord_forwarding,
            webhook_identity: features.webhook_identity,
            filters: features.filters,
            reports: features.reports,
        }
    }
}

impl From<PlanFeatures> for Features {
    fn from(features: PlanFeatures) -> Self {
        Self {
            copy_mode: features.copy_mode,
            chain_forwarding: features.chain_forwarding,
            discord_forwarding: features.discord_forwarding,
            webhook_identity: features.webhook_identity,
            filters: features.filters,
            reports: features.reports,
        }
    }
}

/// Limits for one tenant; what is absent or null is what the plan says.
#[derive(Default, Deserialize, ToSchema)]
#[salvo(schema(name = LimitExceptions))]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LimitsIn {
    /// Pairs.
    pairs: Option<u32>,
    /// Telegram accounts.
    telegram_accounts: Option<u32>,
    /// Discord bots.
    discord_accounts: Option<u32>,
    /// Messages in one minute of the clock, at least 1.
    messages_per_minute: Option<u32>,
    /// Messages in one UTC day, at least 1.
    messages_per_day: Option<u32>,
    /// Requests to the API in one minute, at least 1.
    requests_per_minute: Option<u32>,
    /// Bytes of one attachment.
    media_bytes: Option<u64>,
}

/// Features for one tenant; what is absent or null is what the plan says.
#[derive(Default, Deserialize, ToSchema)]
#[salvo(schema(name = FeatureExceptions))]
#[serde(default, deny_unknown_fields)]
pub(crate) struct FeaturesIn {
    copy_mode: Option<bool>,
    chain_forwarding: Option<bool>,
    discord_forwarding: Option<bool>,
    webhook_identity: Option<bool>,
    filters: Option<bool>,
    reports: Option<bool>,
}

impl LimitsIn {
    /// The exception that the two are together.
    pub(crate) fn with(self, features: FeaturesIn) -> Exception {
        Exception {
            limits: Limits {
                pairs_max: self.pairs,
                telegram_accounts_max: self.telegram_accounts,
                discord_accounts_max: self.discord_accounts,
                messages_per_minute: self.messages_per_minute,
                messages_per_day: self.messages_per_day,
                requests_per_minute: self.requests_per_minute,
                media_bytes_max: self.media_bytes,
            },
            copy_mode: features.copy_mode,
            chain_forwarding: features.chain_forwarding,
            discord_forwarding: features.discord_forwarding,
            webhook_identity: features.webhook_identity,
            filters: features.filters,
            reports: features.reports,
        }
    }
}

/// What a period of a plan costs.
#[derive(Deserialize, Serialize, ToSchema)]
#[salvo(schema(name = PlanPrice))]
#[serde(deny_unknown_fields)]
pub(crate) struct PriceTerms {
    /// How long a period is.
    #[salvo(schema(value_type = crate::wire::IntervalDoc))]
    interval: Interval,
    /// A decimal, with no more digits than the currency has: `10.00`.
    #[salvo(schema(pattern = "^[0-9]{1,13}(\\.[0-9]+)?$"))]
    amount: String,
    /// The ISO 4217 code.
    #[salvo(schema(value_type = CurrencyDoc))]
    currency: String,
}

impl PriceTerms {
    pub(crate) fn of(price: &Price) -> Self {
        let Price { interval, amount, .. } = *price;
        Self { interval, amount: amount.decimal(), currency: amount.currency.code().to_owned() }
    }

    /// The price of the plan, exactly as it was spelled.
    pub(crate) fn read(&self, plan: PlanId) -> Result<Price, ApiError> {
        let amount = Money::parse(&self.amount, Currency::parse(&self.currency)?)?;
        Ok(Price { plan, interval: self.interval, amount })
    }
}
