//! The parts of the stack, in the order in which they are started.

use std::fmt;

use nix::sys::signal::Signal;

/// One process of the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The private PostgreSQL cluster.
    Postgres,
    /// The Temporal development server with its UI.
    Temporal,
    /// The Telegram sandbox server.
    Telegram,
    /// The Discord sandbox server.
    Discord,
    /// The mail sandbox server.
    Smtp,
    /// The PayPal sandbox server.
    Paypal,
    /// The NOWPayments sandbox server.
    Nowpayments,
    /// `causeway-worker`.
    Worker,
    /// `causeway-api`.
    Api,
}

impl Part {
    /// Every part; each may rely on those before it.
    pub const ALL: [Self; 9] = [
        Self::Postgres,
        Self::Temporal,
        Self::Telegram,
        Self::Discord,
        Self::Smtp,
        Self::Paypal,
        Self::Nowpayments,
        Self::Worker,
        Self::Api,
    ];

    /// The name in messages.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::Temporal => "Temporal",
            Self::Telegram => "Telegram sandbox",
            Self::Discord => "Discord sandbox",
            Self::Smtp => "mail sandbox",
            Self::Paypal => "PayPal sandbox",
            Self::Nowpayments => "NOWPayments sandbox",
            Self::Worker => "worker",
            Self::Api => "API",
        }
    }

    /// The name of its log file, without the extension.
    #[must_use]
    pub const fn slug(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Temporal => "temporal",
            Self::Telegram => "telegram",
            Self::Discord => "discord",
            Self::Smtp => "smtp",
            Self::Paypal => "paypal",
            Self::Nowpayments => "nowpayments",
            Self::Worker => "worker",
            Self::Api => "api",
        }
    }

    /// What asks the part to finish its work and leave. PostgreSQL's SIGTERM would wait for its clients; SIGINT
    /// ends their sessions first.
    #[must_use]
    pub const fn graceful(self) -> Signal {
        match self {
            Self::Postgres => Signal::SIGINT,
            Self::Temporal
            | Self::Telegram
            | Self::Discord
            | Self::Smtp
            | Self::Paypal
            | Self::Nowpayments
            | Self::Worker
            | Self::Api => Signal::SIGTERM,
        }
    }

    /// What ends the part when the stack itself dies. PostgreSQL's children live in sessions of their own, so the
    /// postmaster has to end them: SIGQUIT is its immediate stop, and no less crash-safe than SIGKILL.
    #[must_use]
    pub const fn immediate(self) -> Signal {
        match self {
            Self::Postgres => Signal::SIGQUIT,
            Self::Temporal
            | Self::Telegram
            | Self::Discord
            | Self::Smtp
            | Self::Paypal
            | Self::Nowpayments
            | Self::Worker
            | Self::Api => Signal::SIGKILL,
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.title())
    }
}
