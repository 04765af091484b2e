//! Telling connected clients what happened.

use std::collections::{BTreeMap, BTreeSet};

use grammers_tl_types::{Identifiable as _, Serializable as _, enums, types};

use super::clock;
use super::state::State;
use super::wire::View;
use super::wire::chat::inside;
use super::world::event::{Effect, Holder};
use super::world::model::Change;
use super::world::peer::Peer;

/// How many steps one pushed packet tells of.
const PUSHED_TOGETHER_MAX: usize = 50;

/// Updates that several members of a channel get in the same words; only the people and chats beside them differ.
struct Shared {
    updates: Vec<u8>,
    mentioned: BTreeSet<Peer>,
}

impl State {
    /// Tells every client what happened, each with one packet for all: what was made together arrives together.
    pub(super) fn push(&self, effects: &[Effect], except: Option<(i64, i64)>) {
        if let Some(channel) = only_channel(effects) {
            for effects in effects.chunks(PUSHED_TOGETHER_MAX) {
                self.push_to_members(channel, &effects.iter().collect::<Vec<_>>(), except);
            }
            return;
        }
        let mut told: BTreeMap<i64, Vec<&Effect>> = BTreeMap::new();
        for effect in effects {
            match effect {
                Effect::Step { holder: Holder::Account(user), .. } | Effect::Membership { user, .. } => {
                    told.entry(*user).or_default().push(effect);
                }
                Effect::Step { holder: Holder::Channel(id), .. } => {
                    for user in self.world.channels.get(id).into_iter().flat_map(inside) {
                        told.entry(user).or_default().push(effect);
                    }
                }
            }
        }
        for (user, effects) in told {
            for effects in effects.chunks(PUSHED_TOGETHER_MAX) {
                self.push_to(user, except, || self.describe(user, effects));
            }
        }
    }

    /// The members of a channel read the same updates, except for their own messages, which say so.
    fn push_to_members(&self, id: i64, effects: &[&Effect], except: Option<(i64, i64)>) {
        let Some(channel) = self.world.channels.get(&id) else { return };
        let authors: BTreeSet<i64> = effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::Step { entry, .. } => match entry.change {
                    Change::New(id) | Change::Edit(id) => Some(channel.messages.get(&id)?.content.author),
                    _ => None,
                },
                Effect::Membership { .. } => None,
            })
            .collect();
        let mut shared = None;
        for user in inside(channel) {
            self.push_to(user, except, || match authors.contains(&user) {
                true => self.describe(user, effects),
                false => self.complete(user, shared.get_or_insert_with(|| self.shared(user, effects))),
            });
        }
    }

    fn push_to(&self, user: i64, except: Option<(i64, i64)>, mut describe: impl FnMut() -> Option<Vec<u8>>) {
        let Some(keys) = self.world.keys_of.get(&user) else { return };
        let mut body = None;
        for key_id in keys {
            let except = except.filter(|(key, _)| key == key_id).map(|(_, session)| session);
            if !self.live.has_listeners(*key_id, except) {
                continue;
            }
            if let Some(body) = body.get_or_insert_with(&mut describe) {
                self.live.push(*key_id, except, body);
            }
        }
    }

    fn describe(&self, user: i64, effects: &[&Effect]) -> Option<Vec<u8>> {
        self.complete(user, &self.shared(user, effects))
    }

    fn shared(&self, user: i64, effects: &[&Effect]) -> Shared {
        let mut view = View::new(&self.world, user);
        let updates: Vec<enums::Update> = effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::Step { holder, entry } => view.update(*holder, entry),
                Effect::Membership { channel, .. } => {
                    view.mention(Peer::Channel(*channel));
                    Some(types::UpdateChannel { channel_id: *channel }.into())
                }
            })
            .collect();
        let updates = if updates.is_empty() { Vec::new() } else { updates.to_bytes() };
        Shared { updates, mentioned: view.into_mentioned() }
    }

    /// The packet for one account: the access hashes in it are that account's own.
    fn complete(&self, user: i64, shared: &Shared) -> Option<Vec<u8>> {
        if shared.updates.is_empty() {
            return None;
        }
        let (users, chats) = View::with(&self.world, user, shared.mentioned.clone()).peers();
        let mut body = Vec::with_capacity(shared.updates.len() + 512);
        types::Updates::CONSTRUCTOR_ID.serialize(&mut body);
        body.extend_from_slice(&shared.updates);
        users.serialize(&mut body);
        chats.serialize(&mut body);
        clock::now().serialize(&mut body);
        0i32.serialize(&mut body);
        Some(body)
    }
}

/// The channel that all effects are steps of.
fn only_channel(effects: &[Effect]) -> Option<i64> {
    let Effect::Step { holder: Holder::Channel(first), .. } = effects.first()? else { return None };
    let of_first =
        |effect: &Effect| matches!(effect, Effect::Step { holder, .. } if *holder == Holder::Channel(*first));
    effects.iter().all(of_first).then_some(*first)
}
