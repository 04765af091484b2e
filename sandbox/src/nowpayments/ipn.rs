//! Notifications of payments: how they are spelled and signed, in which order they go, and whether they go at all.

mod post;
mod sign;

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

pub use self::{
    post::{Batch, deliver},
    sign::{Signing, signature},
};
use super::{clock::any_below, json::Spelling, model::Payment};

/// Notifications that are remembered, sent or not.
const REMEMBERED: usize = 20_000;

/// In which order those of one act go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sequence {
    /// One after the other, as things happened.
    #[default]
    InOrder,
    /// One after the other, the last one first.
    Reversed,
    /// All at once.
    Together,
}

/// How notifications go. What a request does not name is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Delivery {
    /// They wait until they are released.
    pub hold: bool,
    /// They never go.
    pub drop: bool,
    /// How often each goes; at least once.
    pub copies: u32,
    /// In which order.
    pub order: Sequence,
    /// How amounts are spelled.
    pub spelling: Spelling,
    /// How they are signed.
    pub signing: Signing,
    /// New payments are told of too, as `waiting`.
    pub announce: bool,
    /// Of a hundred so many never go.
    pub lose_percent: u64,
    /// Of a hundred so many go twice as often.
    pub double_percent: u64,
    /// Each goes later by up to so much, in milliseconds, and so in any order.
    pub late_ms_max: u64,
    /// How often one that was not answered with 2xx goes again.
    pub retries: u32,
    /// The pause before it does, in milliseconds.
    pub pause_ms: u64,
}

impl Default for Delivery {
    fn default() -> Self {
        Self {
            hold: false,
            drop: false,
            copies: 1,
            order: Sequence::InOrder,
            spelling: Spelling::Javascript,
            signing: Signing::Javascript,
            announce: true,
            lose_percent: 0,
            double_percent: 0,
            late_ms_max: 0,
            retries: 3,
            pause_ms: 60_000,
        }
    }
}

impl Delivery {
    /// With what `changes` names; `None` when it names what there is not.
    #[must_use]
    pub fn with(self, changes: &serde_json::Value) -> Option<Self> {
        let mut whole = serde_json::to_value(self).ok()?;
        for (name, value) in changes.as_object()? {
            whole[name] = value.clone();
        }
        serde_json::from_value(whole).ok()
    }
}

/// What has become of a notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It waits to be released.
    Held,
    /// It never goes.
    Dropped,
    /// It is on its way, or goes again.
    Sending,
    /// It was answered with 2xx, each copy of it.
    Delivered,
    /// It was not, and does not go again.
    Failed,
}

/// A notification.
#[derive(Clone, Debug, Serialize)]
pub struct Ipn {
    /// Numbered as things happened.
    pub number: u64,
    /// Of which payment.
    pub payment: u64,
    /// The merchant's name of the order.
    pub order_id: Option<String>,
    /// What it says.
    pub status: &'static str,
    /// What has become of it.
    pub state: State,
    /// The answers so far: a status, or why there was none.
    pub answers: Vec<String>,
    /// Where it goes.
    pub url: String,
    /// The body.
    pub body: String,
    /// The header `x-nowpayments-sig`.
    pub signature: Option<String>,
    /// How it goes.
    pub delivery: Delivery,
}

/// All of them that are remembered, oldest first.
#[derive(Debug, Default)]
pub struct Ipns {
    last: u64,
    all: VecDeque<Ipn>,
}

impl Ipns {
    /// Writes down what is to be told of a payment as it is now; `None` when nobody wants to be told.
    pub fn add(&mut self, payment: &Payment, mut delivery: Delivery, secret: &str) -> Option<Ipn> {
        let url = payment.callback.clone()?;
        let notice = payment.notice();
        let (body, signature) = sign::signed(&notice, delivery.spelling, delivery.signing, secret);
        if any_below(100) < delivery.double_percent {
            delivery.copies = delivery.copies.max(1).saturating_mul(2);
        }
        let lost = delivery.drop || any_below(100) < delivery.lose_percent;
        let state = match (lost, delivery.hold) {
            (true, _) => State::Dropped,
            (false, true) => State::Held,
            (false, false) => State::Sending,
        };
        self.last += 1;
        let (order_id, status) = (payment.order_id.clone(), payment.status.name());
        let (number, payment, answers) = (self.last, payment.id, Vec::new());
        let ipn = Ipn { number, payment, order_id, status, state, answers, url, body, signature, delivery };
        if self.all.len() >= REMEMBERED {
            self.all.pop_front();
        }
        self.all.push_back(ipn.clone());
        Some(ipn)
    }

    /// Those that are remembered.
    pub fn iter(&self) -> impl Iterator<Item = &Ipn> {
        self.all.iter()
    }

    /// Takes those that wait, of one payment or all: they are on their way, or never go.
    pub fn release(&mut self, payment: Option<u64>, to: State) -> Vec<Ipn> {
        let held = |ipn: &&mut Ipn| ipn.state == State::Held && payment.is_none_or(|id| ipn.payment == id);
        let released = self.all.iter_mut().filter(held).map(|ipn| {
            ipn.state = to;
            ipn.clone()
        });
        released.collect()
    }

    /// Notes an answer; the state is changed when one is given.
    fn answered(&mut self, number: u64, answer: String, state: Option<State>) {
        if let Some(ipn) = self.all.iter_mut().find(|ipn| ipn.number == number) {
            ipn.answers.push(answer);
            ipn.state = state.unwrap_or(ipn.state);
        }
    }
}
