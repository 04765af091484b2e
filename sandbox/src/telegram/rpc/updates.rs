//! States and differences: what an account or a channel has gone through since the client last knew.

use grammers_tl_types::{enums, functions, types};

use super::failure::Failure;
use super::{Call, now};
use crate::telegram::faults::{Kind, Request};
use crate::telegram::wire::View;
use crate::telegram::world::event::Holder;
use crate::telegram::world::model::{Change, LogEntry};
use crate::telegram::world::peer::Peer;

/// How many steps one difference carries; the client asks again for the rest.
const DIFFERENCE_MAX: usize = 500;
/// Further behind than this, a mailbox difference is "too long": the client has to start over.
const MAILBOX_BEHIND_MAX: usize = 100_000;
/// Further behind than this, a channel difference is "too long": the client has to read the history.
const CHANNEL_BEHIND_MAX: usize = 10_000;
/// The largest channel difference; clients name a smaller limit themselves.
const CHANNEL_DIFFERENCE_MAX: usize = 1000;
/// How many of the newest messages come with a "too long".
const TOO_LONG_MESSAGES: usize = 20;

pub(super) fn get_state(
    call: &mut Call<'_>,
    _: functions::updates::GetState,
) -> Result<enums::updates::State, Failure> {
    Ok(state(call, None).into())
}

/// The state at `pts`, or the present one. `seq` never moves: every change counts in a mailbox or channel.
pub(super) fn state(call: &Call<'_>, pts: Option<i32>) -> types::updates::State {
    let current = call.state.world.accounts.get(&call.me).map_or(1, |account| account.pts);
    types::updates::State { pts: pts.unwrap_or(current), qts: 0, date: now(), seq: 1, unread_count: 0 }
}

pub(super) fn get_difference(
    call: &mut Call<'_>,
    request: functions::updates::GetDifference,
) -> Result<enums::updates::Difference, Failure> {
    if request.pts <= 0 {
        return Err(Failure::bad("PERSISTENT_TIMESTAMP_EMPTY"));
    }
    let asked = <functions::updates::GetDifference as grammers_tl_types::Identifiable>::CONSTRUCTOR_ID;
    let injected = call.state.faults.take(&[Kind::TooLong], Request { constructor: asked, user: call.me, body: &[] });
    let current = state(call, None);
    let holder = Holder::Account(call.me);
    let mut view = call.view();
    let steps = view.world.log_after(holder, request.pts);
    let behind_max = request.pts_total_limit.map_or(MAILBOX_BEHIND_MAX, |limit| limit.max(0) as usize);
    if injected.is_some() || steps.len() > behind_max {
        return Ok(types::updates::DifferenceTooLong { pts: current.pts }.into());
    }
    let is_whole = steps.len() <= DIFFERENCE_MAX;
    let steps = &steps[..steps.len().min(DIFFERENCE_MAX)];
    let (new_messages, mut other_updates) = split(&mut view, holder, steps);
    if is_whole {
        other_updates.extend(channels_changed_since(&mut view, request.date));
    }
    if new_messages.is_empty() && other_updates.is_empty() && steps.is_empty() {
        return Ok(types::updates::DifferenceEmpty { date: current.date, seq: current.seq }.into());
    }
    let (users, chats) = view.peers();
    if is_whole {
        return Ok(types::updates::Difference {
            new_messages,
            new_encrypted_messages: Vec::new(),
            other_updates,
            chats,
            users,
            state: current.into(),
        }
        .into());
    }
    let reached = steps.last().map(|entry| entry.pts);
    let intermediate = types::updates::State { date: request.date.max(1), ..state(call, reached) };
    Ok(types::updates::DifferenceSlice {
        new_messages,
        new_encrypted_messages: Vec::new(),
        other_updates,
        chats,
        users,
        intermediate_state: intermediate.into(),
    }
    .into())
}

/// New messages apart, everything else as updates.
fn split(view: &mut View<'_>, holder: Holder, steps: &[LogEntry]) -> (Vec<enums::Message>, Vec<enums::Update>) {
    let (mut messages, mut updates) = (Vec::new(), Vec::new());
    for entry in steps {
        match &entry.change {
            Change::New(id) => messages.extend(view.held(holder, *id)),
            Change::Edit(_) | Change::Delete(_) | Change::ReadInbox { .. } | Change::ReadOutbox { .. } => {
                updates.extend(view.update(holder, entry));
            }
        }
    }
    (messages, updates)
}

/// A nudge for every channel of the account in which something happened since `date`.
fn channels_changed_since(view: &mut View<'_>, date: i32) -> Vec<enums::Update> {
    let world = view.world;
    let Some(account) = world.accounts.get(&view.me) else { return Vec::new() };
    let mut updates = Vec::new();
    for id in account.channels.keys() {
        let Some(channel) = world.channels.get(id) else { continue };
        let is_inside = channel.role(view.me).is_some_and(|role| role.is_inside());
        if is_inside && channel.log.last().is_some_and(|entry| entry.date >= date) {
            view.mention(Peer::Channel(*id));
            updates.push(types::UpdateChannelTooLong { channel_id: *id, pts: None }.into());
        }
    }
    updates
}

pub(super) fn get_channel_difference(
    call: &mut Call<'_>,
    request: functions::updates::GetChannelDifference,
) -> Result<enums::updates::ChannelDifference, Failure> {
    let id = call.input_channel(&request.channel)?;
    if request.pts <= 0 {
        return Err(Failure::bad("PERSISTENT_TIMESTAMP_EMPTY"));
    }
    let asked = <functions::updates::GetChannelDifference as grammers_tl_types::Identifiable>::CONSTRUCTOR_ID;
    let injected = call.state.faults.take(&[Kind::TooLong], Request { constructor: asked, user: call.me, body: &[] });
    let holder = Holder::Channel(id);
    let current = call.channel(id)?.pts;
    let mut view = call.view();
    let steps = view.world.log_after(holder, request.pts);
    if injected.is_some() || steps.len() > CHANNEL_BEHIND_MAX {
        return too_long(call, id);
    }
    if steps.is_empty() {
        return Ok(types::updates::ChannelDifferenceEmpty { r#final: true, pts: current, timeout: None }.into());
    }
    let limit = (request.limit.max(1) as usize).min(CHANNEL_DIFFERENCE_MAX);
    let is_whole = steps.len() <= limit;
    let steps = &steps[..steps.len().min(limit)];
    let (new_messages, other_updates) = split(&mut view, holder, steps);
    view.mention(Peer::Channel(id));
    let (users, chats) = view.peers();
    Ok(types::updates::ChannelDifference {
        r#final: is_whole,
        pts: steps.last().map_or(current, |entry| entry.pts),
        timeout: None,
        new_messages,
        other_updates,
        chats,
        users,
    }
    .into())
}

fn too_long(call: &Call<'_>, id: i64) -> Result<enums::updates::ChannelDifference, Failure> {
    let peer = Peer::Channel(id);
    let mut view = call.view();
    let dialog = super::dialogs::dialog(&mut view, peer).ok_or_else(|| Failure::bad("CHANNEL_INVALID"))?;
    let window = crate::telegram::world::query::Window { limit: TOO_LONG_MESSAGES, ..Default::default() };
    let world = view.world;
    let messages = world.history(view.me, peer, window).into_iter().map(|m| view.message(m)).collect();
    let (users, chats) = view.peers();
    Ok(types::updates::ChannelDifferenceTooLong {
        r#final: true,
        timeout: None,
        dialog: dialog.into(),
        messages,
        chats,
        users,
    }
    .into())
}
