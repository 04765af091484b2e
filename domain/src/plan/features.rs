//! What a plan allows.

use super::Exception;

/// Something that a plan has or has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Feature {
    /// Messages posted as the destination account's own, instead of forwarded.
    CopyMode,
    /// Pairs that read what another pair of the same tenant writes.
    ChainForwarding,
    /// Pairs with an end on Discord.
    DiscordForwarding,
    /// Posts under the name and picture of the author.
    WebhookIdentity,
    /// Options that leave messages out.
    Filters,
    /// Reports.
    Reports,
}

impl Feature {
    /// Every feature.
    pub const ALL: [Self; 6] = [
        Self::CopyMode,
        Self::ChainForwarding,
        Self::DiscordForwarding,
        Self::WebhookIdentity,
        Self::Filters,
        Self::Reports,
    ];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CopyMode => "copy_mode",
            Self::ChainForwarding => "chain_forwarding",
            Self::DiscordForwarding => "discord_forwarding",
            Self::WebhookIdentity => "webhook_identity",
            Self::Filters => "filters",
            Self::Reports => "reports",
        }
    }

    /// What it is, for people.
    #[must_use]
    pub const fn as_words(self) -> &'static str {
        match self {
            Self::CopyMode => "copy mode",
            Self::ChainForwarding => "chains of pairs",
            Self::DiscordForwarding => "forwarding from or to Discord",
            Self::WebhookIdentity => "posting under the author's name",
            Self::Filters => "filters",
            Self::Reports => "reports",
        }
    }
}

/// A set of features: those of a plan, or those that a pair uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Features {
    /// [`Feature::CopyMode`].
    pub copy_mode: bool,
    /// [`Feature::ChainForwarding`].
    pub chain_forwarding: bool,
    /// [`Feature::DiscordForwarding`].
    pub discord_forwarding: bool,
    /// [`Feature::WebhookIdentity`].
    pub webhook_identity: bool,
    /// [`Feature::Filters`].
    pub filters: bool,
    /// [`Feature::Reports`].
    pub reports: bool,
}

impl Features {
    /// None of them.
    pub const NONE: Self = Self {
        copy_mode: false,
        chain_forwarding: false,
        discord_forwarding: false,
        webhook_identity: false,
        filters: false,
        reports: false,
    };

    /// All of them.
    pub const ALL: Self = Self {
        copy_mode: true,
        chain_forwarding: true,
        discord_forwarding: true,
        webhook_identity: true,
        filters: true,
        reports: true,
    };

    /// Is it in the set?
    #[must_use]
    pub const fn has(&self, feature: Feature) -> bool {
        match feature {
            Feature::CopyMode => self.copy_mode,
            Feature::ChainForwarding => self.chain_forwarding,
            Feature::DiscordForwarding => self.discord_forwarding,
            Feature::WebhookIdentity => self.webhook_identity,
            Feature::Filters => self.filters,
            Feature::Reports => self.reports,
        }
    }

    /// The first feature that is in this set and not in `other`.
    #[must_use]
    pub fn beyond(&self, other: &Self) -> Option<Feature> {
        Feature::ALL.into_iter().find(|feature| self.has(*feature) && !other.has(*feature))
    }

    /// What is in one of the two.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            copy_mode: self.copy_mode || other.copy_mode,
            chain_forwarding: self.chain_forwarding || other.chain_forwarding,
            discord_forwarding: self.discord_forwarding || other.discord_forwarding,
            webhook_identity: self.webhook_identity || other.webhook_identity,
            filters: self.filters || other.filters,
            reports: self.reports || other.reports,
        }
    }

    /// These, with what `exception` grants and takes away.
    #[must_use]
    pub fn except(self, exception: &Exception) -> Self {
        Self {
            copy_mode: exception.copy_mode.unwrap_or(self.copy_mode),
            chain_forwarding: exception.chain_forwarding.unwrap_or(self.chain_forwarding),
            discord_forwarding: exception.discord_forwarding.unwrap_or(self.discord_forwarding),
            webhook_identity: exception.webhook_identity.unwrap_or(self.webhook_identity),
            filters: exception.filters.unwrap_or(self.filters),
            reports: exception.reports.unwrap_or(self.reports),
        }
    }
}
