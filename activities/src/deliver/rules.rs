//! What the rules of the pair say when a delivery's turn has come. A message as first written was judged when it was
//! received; what is judged here is what could not be then: albums, which come item by item, edits, duplicates, and
//! whether the active hours are open when its turn has come.

use std::{borrow::Cow, sync::Arc};

use domain::{
    Message, Operation, Platform,
    message::Avatar,
    render::Pings,
    rules::{Decision, DuplicateCheck, Moment, Rules, Scope, Unreadable},
};
use store::{
    StoreError, deliveries,
    pairs::Pair,
    rules::{Closed, hold_for_hours},
};
use workflows::forwarding::Next;

use super::{Delivery, outgoing::Outgoing};
use crate::platform::{Mentions, Persona};

/// What the rules say.
pub(super) enum Ruled<'m> {
    /// It is carried, and looks like this.
    Carried(Box<Carried<'m>>),
    /// It is not carried: code and words.
    Refused(&'static str, String),
}

/// A message that is carried.
pub(super) struct Carried<'m> {
    /// As it has to look.
    pub shown: Cow<'m, Message>,
    /// Under whose name, and whom it pings.
    pub voice: Voice,
}

/// Under whose name something is written, and whether it pings.
#[derive(Clone, Debug)]
pub(super) struct Voice {
    /// The author at the source; `None` for our own name.
    pub persona: Option<Persona>,
    /// Whom the text pings.
    pub pings: Option<Pings>,
    /// Whether the destination may show what is behind links.
    pub link_previews: bool,
}

/// Our own name, pinging nobody, with previews.
impl Default for Voice {
    fn default() -> Self {
        Self { persona: None, pings: None, link_previews: true }
    }
}

impl Voice {
    /// `outgoing` in this voice. A native forward keeps its own.
    pub fn lent(self, outgoing: Outgoing) -> Outgoing {
        Outgoing { voice: self, ..outgoing }
    }

    /// Whether those named in the text are notified.
    pub const fn mentions(&self) -> Mentions {
        if self.pings.is_some() { Mentions::Allowed } else { Mentions::None }
    }

    fn of(rules: &Rules, message: &Message, pair: &Pair) -> Self {
        let options = rules.options();
        let as_author = options.webhook_identity && pair.destination_platform == Platform::Discord;
        let author = message.author.as_ref();
        let name = author.map(|author| author.name.as_str()).or(message.chat_title.as_deref());
        let persona = name.filter(|_| as_author).map(|name| Persona {
            name: name.to_owned(),
            avatar_url: match author.and_then(|author| author.avatar.as_ref()) {
                Some(Avatar::Url { url }) => Some(url.clone()),
                // Telegram shows its pictures to its own clients only; see `portray`.
                Some(Avatar::TelegramPhoto { .. }) | None => None,
            },
        });
        Self { persona, pings: pair.pings(options), link_previews: options.link_previews }
    }
}

impl Delivery<'_> {
    /// What the rules say of `message`, which is whole: of an album, all items.
    pub(super) async fn ruled<'m>(&self, message: &'m Message) -> Result<Ruled<'m>, StoreError> {
        let rules = match self.rules() {
            Ok(rules) => rules,
            Err(error) => return Ok(Ruled::Refused(Unreadable::CODE, error.to_string())),
        };
        // What stands there in part is finished, and what is gone at the source goes, whatever the rules say now.
        if self.row.sent_parts.is_empty() && self.row.operation != Operation::Delete {
            if let Some((code, text)) = self.refusal(&rules, message) {
                return Ok(Ruled::Refused(code, text));
            }
            if self.row.operation == Operation::Post && self.is_duplicate(&rules, message).await? {
                let (rule, text) = (DuplicateCheck::RULE, DuplicateCheck::TEXT);
                return Ok(Ruled::Refused(DuplicateCheck::CODE, format!("{rule}: {text}")));
            }
        }
        let mut voice = Voice::of(&rules, message, self.pair);
        if let Some(persona) = &mut voice.persona {
            self.portray(persona, message).await?;
        }
        let shown = rules.transform(message, self.pair.source_platform, &self.pair.source_chat());
        Ok(Ruled::Carried(Box::new(Carried { shown, voice })))
    }

    /// Puts a message whose turn has come outside of the active hours back until they begin; `None` within them. What
    /// stands there in part is finished, whatever the hours.
    pub(super) async fn held_for_hours(&self) -> Result<Option<Next>, StoreError> {
        let Ok(rules) = self.rules() else { return Ok(None) };
        let now = self.context.clock.now();
        let Some((until, text)) = rules.held_until(now).filter(|_| self.row.sent_parts.is_empty()) else {
            return Ok(None);
        };
        let (pair, seq) = (self.pair.id, self.row.seq);
        let closed = Closed { version: self.pair.updated_at, until, text: &text };
        let mut database = self.context.database().await?;
        if !hold_for_hours(&mut database, pair, seq, closed, now).await? {
            // The next drain reads the pair anew.
            deliveries::unclaim(&mut database, pair, &[seq]).await?;
            return Ok(Some(Next::More));
        }
        let ms = u64::try_from((until - now).num_milliseconds()).unwrap_or(0).saturating_add(1);
        Ok(Some(Next::In { ms, reason: text }))
    }

    /// Why an edit or a deletion is not carried at all.
    pub(super) fn switched_off(&self) -> Option<(&'static str, &'static str)> {
        let rules = self.rules().ok()?;
        match self.row.operation {
            Operation::Edit if !rules.options().carry_edits => {
                Some(("edits_off", "carry_edits: the pair carries no edits"))
            }
            Operation::Delete if !rules.options().carry_deletes => {
                Some(("deletes_off", "carry_deletes: the pair carries no deletions"))
            }
            Operation::Post | Operation::Edit | Operation::Delete => None,
        }
    }

    /// What was to be carried and never will be is no duplicate of anything.
    pub(super) async fn release(&self) -> Result<(), StoreError> {
        if self.rules().is_ok_and(|rules| rules.options().duplicates.is_some()) {
            let mut database = self.context.database().await?;
            store::rules::release_content(&mut database, self.pair.id, self.row.seq).await?;
        }
        Ok(())
    }

    fn rules(&self) -> Result<Arc<Rules>, Unreadable> {
        let pair = self.pair;
        store::rules::compiled(&self.context.rules, pair.id, pair.updated_at, &pair.options_json)
    }

    fn refusal(&self, rules: &Rules, message: &Message) -> Option<(&'static str, String)> {
        if !self.row.album && message.revision == 0 {
            // It was judged when it was received.
            return None;
        }
        // Its age was judged when it was received, and its turn has come, so only what it is counts.
        let moment = Moment { received_at: message.sent_at, due_at: message.sent_at };
        match rules.decide(message, moment).decision {
            Decision::Skip { rule, code, text } => Some((code, format!("{rule}: {text}"))),
            Decision::Carry { .. } | Decision::Hold { .. } => None,
        }
    }

    async fn is_duplicate(&self, rules: &Rules, message: &Message) -> Result<bool, StoreError> {
        let scope = Scope {
            pair: self.pair.id,
            user: self.pair.user_id,
            platform: self.pair.destination_platform,
            destination: self.pair.destination_chat_id,
        };
        let Some(check) = rules.duplicate_check(message, scope) else { return Ok(false) };
        let mut database = self.context.database().await?;
        let (sealer, now) = (&self.context.sealer, self.context.clock.now());
        let delivery = (self.pair.id, self.row.seq);
        Ok(!store::rules::claim_content(&mut database, sealer, delivery, check, message.sent_at, now).await?)
    }
}
