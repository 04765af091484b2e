//! Faults that tests inject: which requests they meet and what they do.

use grammers_tl_types as tl;
use serde::{Deserialize, Serialize};

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// The request fails with `420 FLOOD_WAIT_<seconds>`.
    FloodWait,
    /// The request fails with `code` and `message`.
    RpcError,
    /// Every matching connection is closed once, at once.
    DropConnections,
    /// New connections are closed until the fault is deleted or used up.
    RefuseConnections,
    /// The request is carried out; then the connection is closed without an answer.
    LoseAnswer,
    /// The request is carried out at once; its answer comes `ms` later.
    Delay,
    /// Every session of `user` is ended at once.
    Revoke,
    /// The number `phone` is banned at once and for good.
    Ban,
    /// The code that was sent to `phone` expires at once.
    ExpireCode,
    /// The next difference (of a channel, unless `method` says otherwise) is "too long".
    TooLong,
}

/// A fault as it was asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Fault {
    /// Given by the server.
    #[serde(default)]
    pub(crate) id: u64,
    pub(crate) kind: Kind,
    /// Only this method, such as `messages.sendMessage`; any when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) method: Option<String>,
    /// Only requests of this account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<i64>,
    /// Only requests about this number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) phone: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) seconds: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<String>,
    /// How many requests it still meets; 1 when absent, except that connections are refused until it is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) times: Option<u32>,
}

/// A request as faults see it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'a> {
    pub(crate) constructor: u32,
    /// 0 before login.
    pub(crate) user: i64,
    /// The body, searched for the digits of a phone number.
    pub(crate) body: &'a [u8],
}

/// The faults that wait for a request.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    waiting: Vec<Fault>,
    last_id: u64,
}

impl Faults {
    /// Gives the fault an id; kinds that act on requests or connections to come are kept.
    pub(crate) fn add(&mut self, mut fault: Fault) -> u64 {
        self.last_id += 1;
        fault.id = self.last_id;
        let waits = match fault.kind {
            Kind::DropConnections | Kind::Revoke | Kind::Ban | Kind::ExpireCode => false,
            Kind::FloodWait
            | Kind::RpcError
            | Kind::RefuseConnections
            | Kind::LoseAnswer
            | Kind::Delay
            | Kind::TooLong => true,
        };
        if waits {
            self.waiting.push(fault);
        }
        self.last_id
    }

    pub(crate) fn list(&self) -> &[Fault] {
        &self.waiting
    }

    pub(crate) fn clear(&mut self) {
        self.waiting.clear();
    }

    /// Whether a new connection of `user` (None: not known yet) is refused. A fault that names a user waits until the
    /// connection says whose it is.
    pub(crate) fn refuses(&mut self, user: Option<i64>) -> bool {
        let at = self.waiting.iter().position(|f| f.kind == Kind::RefuseConnections && f.user == user);
        let Some(at) = at else { return false };
        if self.waiting[at].times.is_some() {
            self.consume(at);
        }
        true
    }

    /// Takes the first fault of one of `kinds` that this request meets.
    pub(crate) fn take(&mut self, kinds: &[Kind], request: Request<'_>) -> Option<Fault> {
        let at = self.waiting.iter().position(|f| kinds.contains(&f.kind) && f.meets(request))?;
        let fault = self.waiting[at].clone();
        self.consume(at);
        Some(fault)
    }

    fn consume(&mut self, at: usize) {
        let left = self.waiting[at].times.unwrap_or(1).saturating_sub(1);
        if left == 0 {
            self.waiting.remove(at);
        } else {
            self.waiting[at].times = Some(left);
        }
    }
}

impl Fault {
    fn meets(&self, request: Request<'_>) -> bool {
        let method = match (&self.method, self.kind) {
            (Some(method), _) => tl::name_for_id(request.constructor) == method,
            (None, Kind::TooLong) => tl::name_for_id(request.constructor) == "updates.getChannelDifference",
            // Without a method the fault means the product's calls, not the keep-alive and set-up of its library.
            (None, _) => !tl::name_for_id(request.constructor).starts_with("help."),
        };
        let user = self.user.is_none_or(|user| user == request.user);
        let phone = self.phone.as_ref().is_none_or(|phone| mentions(request.body, phone));
        method && user && phone
    }
}

/// Whether the digits of `phone` stand in the request, whatever the punctuation between them.
fn mentions(body: &[u8], phone: &str) -> bool {
    let digits = |bytes: &[u8]| bytes.iter().copied().filter(u8::is_ascii_digit).collect::<Vec<_>>();
    let (haystack, needle) = (digits(body), digits(phone.as_bytes()));
    !needle.is_empty() && haystack.windows(needle.len()).any(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::{Fault, Faults, Kind, Request};
    use grammers_tl_types::{Identifiable as _, functions};

    fn fault(json: &str) -> Fault {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_fault_meets_only_its_requests_and_only_so_often() {
        let mut faults = Faults::default();
        faults.add(fault(r#"{"kind":"flood_wait","method":"messages.sendMessage","user":7,"seconds":3,"times":2}"#));
        let send = functions::messages::SendMessage::CONSTRUCTOR_ID;
        let request = |constructor, user| Request { constructor, user, body: &[] };
        let mut met = |constructor, user| faults.take(&[Kind::FloodWait], request(constructor, user)).is_some();
        assert!(!met(send, 8));
        assert!(!met(functions::messages::GetHistory::CONSTRUCTOR_ID, 7));
        assert!(met(send, 7));
        assert!(met(send, 7));
        assert!(!met(send, 7));
    }

    #[test]
    fn a_phone_is_found_whatever_its_punctuation() {
        let mut faults = Faults::default();
        faults.add(fault(r#"{"kind":"rpc_error","phone":"+999 123","code":400,"message":"X"}"#));
        let constructor = functions::auth::SendCode::CONSTRUCTOR_ID;
        let mut met = |body: &[u8]| faults.take(&[Kind::RpcError], Request { constructor, user: 0, body }).is_some();
        assert!(!met(b"+998 123"));
        assert!(met(b"+999-123"));
    }
}
