//! Changing and removing what was written.

use std::collections::BTreeMap;

use grammers_tl_types::{enums, functions, types};

use super::failure::Failure;
use super::help::{CAPTION_MAX, MESSAGE_MAX};
use super::send::clean_text;
use super::{Call, media, now, updates};
use crate::telegram::state::State;
use crate::telegram::world::event::{Effect, Event, Holder, Target};
use crate::telegram::world::model::Message;
use crate::telegram::world::peer::Peer;

pub(super) fn edit_message(
    call: &mut Call<'_>,
    request: functions::messages::EditMessage,
) -> Result<enums::Updates, Failure> {
    let peer = call.writable(&request.peer)?;
    let message = call.state.world.message(call.me, peer, request.id).cloned();
    let message = message.filter(|m| m.content.action.is_none()).ok_or_else(|| Failure::bad("MESSAGE_ID_INVALID"))?;
    if !may_edit(call, peer, &message) {
        return Err(Failure::forbidden("MESSAGE_AUTHOR_REQUIRED"));
    }
    let old = &message.content;
    let attached = match &request.media {
        Some(input) => media::take(call, input)?,
        None => old.attached.clone(),
    };
    let (text, entities) = match &request.message {
        Some(text) => {
            let max = if attached.is_captioned() { CAPTION_MAX } else { MESSAGE_MAX };
            clean_text(text, request.entities, call.me, max)?
        }
        None => (old.text.clone(), old.entities.clone()),
    };
    if text.is_empty() && !attached.stands_alone() {
        return Err(Failure::bad("MESSAGE_EMPTY"));
    }
    if (&text, &entities, &attached) == (&old.text, &old.entities, &old.attached) {
        return Err(Failure::bad("MESSAGE_NOT_MODIFIED"));
    }
    call.spend(peer, 1)?;
    let target = target(peer, &message);
    let no_webpage = request.no_webpage;
    let effects = call.commit(vec![Event::Edited { target, text, entities, attached, no_webpage, date: now() }])?;
    let mut view = call.view();
    let own = effects.iter().filter_map(|effect| match effect {
        Effect::Step { holder, entry } if *holder == view.holder_of(peer) => Some((*holder, entry)),
        _ => None,
    });
    let own: Vec<_> = own.collect();
    let mut list = Vec::new();
    for (holder, entry) in own {
        list.extend(view.update(holder, entry));
    }
    Ok(view.updates(list))
}

/// Which copies of the message an edit reaches.
pub(crate) fn target(peer: Peer, message: &Message) -> Target {
    match peer {
        Peer::Channel(channel) => Target::Channel { channel, id: message.id },
        Peer::User(_) | Peer::Group(_) => Target::Copies(message.content.uid),
    }
}

fn may_edit(call: &Call<'_>, peer: Peer, message: &Message) -> bool {
    let is_post_of_mine = matches!(peer, Peer::Channel(id)
    if call.state.world.channels.get(&id).is_some_and(|c| {
        c.is_broadcast() && c.role(call.me).is_some_and(|role| role.is_admin())
    }));
    (message.content.author == call.me && message.content.forward.is_none()) || is_post_of_mine
}

pub(super) fn delete_messages(
    call: &mut Call<'_>,
    request: functions::messages::DeleteMessages,
) -> Result<enums::messages::AffectedMessages, Failure> {
    let events = mailbox_deletion(call.state, call.me, &request.id, request.revoke);
    let holder = Holder::Account(call.me);
    let before = updates::state(call, None).pts;
    let effects = call.commit(events)?;
    Ok(affected(&effects, holder, before).into())
}

/// The deletion of one mailbox's messages, and of all their copies when it revokes.
pub(crate) fn mailbox_deletion(state: &State, user: i64, ids: &[i32], revokes: bool) -> Vec<Event> {
    let mut per_holder: BTreeMap<i64, Vec<i32>> = BTreeMap::new();
    for id in ids {
        let message = state.world.accounts.get(&user).and_then(|account| account.messages.get(id));
        let Some(message) = message else { continue };
        if revokes {
            for (holder, copy) in state.world.copies_of(message.content.uid) {
                per_holder.entry(*holder).or_default().push(*copy);
            }
        } else {
            per_holder.entry(user).or_default().push(*id);
        }
    }
    let date = now();
    per_holder.into_iter().map(|(holder, ids)| Event::Deleted { holder: Holder::Account(holder), ids, date }).collect()
}

pub(super) fn delete_channel_messages(
    call: &mut Call<'_>,
    request: functions::channels::DeleteMessages,
) -> Result<enums::messages::AffectedMessages, Failure> {
    let id = call.input_channel(&request.channel)?;
    let channel = call.channel(id)?;
    let is_admin = channel.role(call.me).is_some_and(|role| role.is_admin());
    let is_mine = |id: &i32| channel.messages.get(id).is_none_or(|m| m.content.author == call.me);
    if !is_admin && !request.id.iter().all(is_mine) {
        return Err(Failure::forbidden("MESSAGE_DELETE_FORBIDDEN"));
    }
    let before = channel.pts;
    let holder = Holder::Channel(id);
    let effects = call.commit(vec![Event::Deleted { holder, ids: request.id, date: now() }])?;
    Ok(affected(&effects, holder, before).into())
}

fn affected(effects: &[Effect], of: Holder, before: i32) -> types::messages::AffectedMessages {
    let moved = effects.iter().find_map(|effect| match effect {
        Effect::Step { holder, entry } if *holder == of => Some((entry.pts, entry.count)),
        _ => None,
    });
    let (pts, pts_count) = moved.unwrap_or((before, 0));
    types::messages::AffectedMessages { pts, pts_count }
}
