//! Payment providers: how they are asked, what they answer, and how their webhooks are proved genuine.
//!
//! Everything that knows a provider's wire format is here, one file or folder per provider, behind [`Provider`]. What the
//! money means is `store`'s and `workflows`' business; nothing here keeps anything.

mod error;
mod nowpayments;
mod paypal;
mod provider;
mod providers;
mod settings;

pub use error::{ProviderError, Verdict, WebhookError};
pub use provider::{
    AgreementStanding, AgreementState, Created, Event, Handover, Kind, Order, Phase, Provider, Receipt, Reduced,
    Reference, RefundOrder, RefundStanding, RefundState, Reversal, Standing, WebhookHeaders,
};
pub use providers::Providers;
