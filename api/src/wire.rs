//! How the document describes values of the domain: names as enumerations, ids by their form. For `value_type` of a field
//! and for parameters; the values themselves are read and written by `domain`.

use domain::{
    AccountId, AccountStatus, ChatKind, CopyMode, DeliveryState, InvoiceId, LedgerEntryId, MediaKind, NotificationId,
    Operation, PairId, PairStatus, PaymentEventId, PaymentId, Platform, RefundId, Role, Scope,
    billing::{
        Interval,
        invoice::{DocumentKind, LineKind},
    },
    coupon::RedemptionState,
    ledger::{AccountKind, DiscrepancyKind, EntryKind},
    notification,
    notification::{Preference, SendState},
    pace,
};
use salvo::oapi::{BasicType, Components, Object, RefOr, Schema, ToSchema};
use serde::Serialize;

/// Every variant of an enum stands here: one that is missing does not compile.
macro_rules! names {
    ($($(#[$meta:meta])* $doc:ident = $enum:ty { $($variant:ident),* $(,)? })*) => {
        $($(#[$meta])*
        pub(crate) struct $doc;

        impl ToSchema for $doc {
            fn to_schema(_components: &mut Components) -> RefOr<Schema> {
                type Named = $enum;
                const _: fn(Named) = |name| match name { $(Named::$variant)|* => () };
                one_of(&[$(Named::$variant),*])
            }
        })*
    };
}

pub(crate) fn one_of(names: &[impl Serialize]) -> RefOr<Schema> {
    let names = names.iter().filter_map(|name| serde_json::to_value(name).ok());
    Object::with_type(BasicType::String).enum_values(names).into()
}

names! {
    /// Where an account lives.
    PlatformDoc = Platform { Telegram, Discord }
    /// The life of an account.
    AccountStatusDoc = AccountStatus {
        New, AwaitingCode, AwaitingPassword, Connecting, Online, Reconnecting, Paused, Limited, Revoked, Banned, LoggedOut,
    }
    /// What a person is to the installation.
    RoleDoc = Role { User, Support, Admin }
    /// What an API key may do.
    ScopeDoc = Scope { Read, Forward, Accounts, Notifications, Billing }
    /// Whose words a pair carries.
    CopyModeDoc = CopyMode { Copy, Forward }
    /// Whether a pair carries.
    PairStatusDoc = PairStatus { Active, Paused, Blocked }
    /// How far a delivery is.
    DeliveryStateDoc = DeliveryState { Pending, Sending, Sent, Skipped, Dead }
    /// What a delivery does.
    OperationDoc = Operation { Post, Edit, Delete }
    /// What a chat is.
    ChatKindDoc = ChatKind { Direct, Group, Channel, Text, Thread, Forum }
    /// What an attachment is.
    MediaKindDoc = MediaKind { Photo, Video, VideoNote, Animation, Audio, Voice, Sticker, Document }
    /// What a budget is for.
    PaceScopeDoc = pace::Scope { Account, Global, Reads, Chat }
    /// What a notification is about.
    NotificationKindDoc = notification::Kind {
        EmailVerification, PasswordReset, EmailChange, SecurityNotice, SessionWarning, LimitReached, HealthAlert,
        Announcement, Report, Payment,
    }
    /// The way that a notification takes.
    ChannelDoc = notification::Channel { Email, Bot }
    /// How a kind of notification is wanted.
    PreferenceDoc = Preference { Email, Bot, Both, Off }
    /// Whose balance.
    LedgerAccountKindDoc = AccountKind {
        User, Provider, Revenue, Refunds, Discounts, Fees, Chargebacks, Adjustments,
    }
    /// Why money was moved.
    LedgerEntryKindDoc = EntryKind { Settlement, Deposit, Refund, Chargeback, Proration, Adjustment, Reversal }
    /// What a proof of the books may find.
    LedgerDiscrepancyKindDoc = DiscrepancyKind {
        EntryUnbalanced, PostedDiffers, HeldDiffers, Overdrawn, CurrencyUnbalanced, ReversalDiffers,
    }
    /// How far a notification is on a channel.
    SendStateDoc = SendState { Pending, Sending, Sent, Failed, Dropped }
    /// How long one payment lasts.
    IntervalDoc = Interval { Month, Year }
    /// Where a redemption of a coupon stands.
    RedemptionStateDoc = RedemptionState { Kept, Reserved, Used, Released }
    /// Which document of money it is.
    DocumentKindDoc = DocumentKind { Invoice, CreditNote }
    /// What a line of such a document is.
    LineKindDoc = LineKind { Item, Discount, Credit, Refund }
}

macro_rules! ids {
    ($($(#[$meta:meta])* $doc:ident = $id:ty;)*) => {
        $($(#[$meta])*
        pub(crate) struct $doc;

        impl ToSchema for $doc {
            fn to_schema(_components: &mut Components) -> RefOr<Schema> {
                id(<$id>::PREFIX).into()
            }
        })*
    };
}

ids! {
    /// Names an account.
    AccountIdDoc = AccountId;
    /// Names a pair.
    PairIdDoc = PairId;
    /// Names an entry of the ledger.
    LedgerEntryIdDoc = LedgerEntryId;
    /// Names a notification.
    NotificationIdDoc = NotificationId;
    /// Names an invoice or a credit note.
    InvoiceIdDoc = InvoiceId;
    /// Names a payment.
    PaymentIdDoc = PaymentId;
    /// Names a refund.
    RefundIdDoc = RefundId;
    /// Names an event of a payment provider.
    PaymentEventIdDoc = PaymentEventId;
}

/// An id of ours: its prefix and 32 hexadecimal digits.
pub(crate) fn id(prefix: &str) -> Object {
    Object::with_type(BasicType::String).pattern(format!("^{prefix}_[0-9a-f]{{32}}$"))
}

/// A platform's id of a chat: a decimal number other than 0, as text.
pub(crate) struct ChatIdDoc;

impl ToSchema for ChatIdDoc {
    fn to_schema(_components: &mut Components) -> RefOr<Schema> {
        decimal("^-?[1-9][0-9]{0,18}$")
    }
}

/// A platform's number above 0, as text.
pub(crate) struct NumberDoc;

impl ToSchema for NumberDoc {
    fn to_schema(_components: &mut Components) -> RefOr<Schema> {
        decimal("^[1-9][0-9]{0,18}$")
    }
}

fn decimal(pattern: &str) -> RefOr<Schema> {
    Object::with_type(BasicType::String).pattern(pattern).into()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn shown<T: ToSchema>() -> Value {
        serde_json::to_value(T::to_schema(&mut Components::new())).unwrap()
    }

    #[test]
    fn names_are_those_of_the_wire() {
        assert_eq!(shown::<CopyModeDoc>(), json!({ "type": "string", "enum": ["copy", "forward"] }));
        assert_eq!(shown::<MediaKindDoc>()["enum"][2], "video_note");
        assert_eq!(shown::<NotificationKindDoc>()["enum"].as_array().unwrap().len(), notification::Kind::ALL.len());
    }

    #[test]
    fn ids_are_those_of_the_wire() {
        let id = PairId::new(&domain::SystemClock).to_string();
        let (prefix, digits) = id.split_once('_').unwrap();
        assert_eq!(shown::<PairIdDoc>()["pattern"], format!("^{prefix}_[0-9a-f]{{{}}}$", digits.len()));
    }
}
