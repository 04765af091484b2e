//! Reading messages: by window, by search, by id; and marking them as read.

use grammers_tl_types::{enums, functions, types};

use super::failure::Failure;
use super::{Call, now, updates};
use crate::telegram::wire::chat::count;
use crate::telegram::world::event::{Effect, Event};
use crate::telegram::world::model::{FileKind, Message};
use crate::telegram::world::peer::Peer;
use crate::telegram::world::query::{Window, select};

/// The most messages in one answer.
const PAGE_MAX: usize = 100;

/// The window that a request means: the same fields under the same names in several requests.
macro_rules! window {
    ($request:ident) => {
        Window {
            offset_id: $request.offset_id,
            offset_date: $request.offset_date,
            add_offset: $request.add_offset,
            limit: page($request.limit),
            max_id: $request.max_id,
            min_id: $request.min_id,
        }
    };
}

pub(super) fn get_history(
    call: &mut Call<'_>,
    request: functions::messages::GetHistory,
) -> Result<enums::messages::Messages, Failure> {
    let peer = call.readable(&request.peer)?;
    let world = &call.state.world;
    let ids = world.history(call.me, peer, window!(request)).iter().map(|m| m.id).collect();
    Ok(answer(call, peer, ids, world.ids(call.me, peer).len()))
}

/// The messages of one forum topic.
pub(super) fn get_replies(
    call: &mut Call<'_>,
    request: functions::messages::GetReplies,
) -> Result<enums::messages::Messages, Failure> {
    let peer = call.readable(&request.peer)?;
    let top = request.msg_id;
    Ok(filtered(call, peer, window!(request), |message| in_thread(message, top)))
}

pub(super) fn search(
    call: &mut Call<'_>,
    request: functions::messages::Search,
) -> Result<enums::messages::Messages, Failure> {
    let peer = call.readable(&request.peer)?;
    let from = request.from_id.as_ref().map(|from| call.readable(from)).transpose()?;
    let window = Window {
        offset_id: request.offset_id,
        offset_date: 0,
        add_offset: request.add_offset,
        limit: (request.limit.max(0) as usize).min(PAGE_MAX),
        max_id: request.max_id,
        min_id: request.min_id,
    };
    let query = request.q.to_lowercase();
    let matches = |message: &Message| {
        let content = &message.content;
        content.action.is_none()
            && content.text.to_lowercase().contains(&query)
            && from.is_none_or(|from| from == Peer::User(content.author))
            && request.top_msg_id.is_none_or(|top| in_thread(message, top))
            && (request.min_date == 0 || content.date > request.min_date)
            && (request.max_date == 0 || content.date < request.max_date)
            && passes(call, &request.filter, message)
    };
    Ok(filtered(call, peer, window, matches))
}

fn in_thread(message: &Message, top: i32) -> bool {
    message.id == top || message.reply.is_some_and(|reply| reply.to == top || reply.topic == Some(top))
}

fn passes(call: &Call<'_>, filter: &enums::MessagesFilter, message: &Message) -> bool {
    let kind = message.content.attached.media.and_then(|id| call.state.world.files.get(&id)).map(|file| file.kind);
    match filter {
        enums::MessagesFilter::InputMessagesFilterEmpty => true,
        enums::MessagesFilter::InputMessagesFilterPhotos | enums::MessagesFilter::InputMessagesFilterPhotoVideo => {
            kind == Some(FileKind::Photo)
        }
        enums::MessagesFilter::InputMessagesFilterDocument => kind == Some(FileKind::Document),
        _ => false,
    }
}

fn filtered(
    call: &Call<'_>,
    peer: Peer,
    window: Window,
    matches: impl Fn(&Message) -> bool,
) -> enums::messages::Messages {
    let world = &call.state.world;
    let message = |id: i32| world.message(call.me, peer, id);
    let found: Vec<i32> =
        world.ids(call.me, peer).iter().copied().filter(|id| message(*id).is_some_and(&matches)).collect();
    let ids = select(&found, window, |id| message(id).map_or(0, |m| m.content.date));
    answer(call, peer, ids, found.len())
}

fn page(limit: i32) -> usize {
    (limit.max(1) as usize).min(PAGE_MAX)
}

/// The messages with everybody whom they name; `total` is the size of the whole list.
fn answer(call: &Call<'_>, peer: Peer, ids: Vec<i32>, total: usize) -> enums::messages::Messages {
    let mut view = call.view();
    let holder = view.holder_of(peer);
    let messages: Vec<enums::Message> = ids.into_iter().filter_map(|id| view.held(holder, id)).collect();
    view.mention(peer);
    let (users, chats) = view.peers();
    if let Peer::Channel(id) = peer {
        return types::messages::ChannelMessages {
            inexact: false,
            pts: view.world.channels.get(&id).map_or(1, |channel| channel.pts),
            count: count(total),
            offset_id_offset: None,
            messages,
            topics: Vec::new(),
            chats,
            users,
        }
        .into();
    }
    if messages.len() == total {
        return types::messages::Messages { messages, topics: Vec::new(), chats, users }.into();
    }
    types::messages::MessagesSlice {
        inexact: false,
        count: count(total),
        next_rate: None,
        offset_id_offset: None,
        search_flood: None,
        messages,
        topics: Vec::new(),
        chats,
        users,
    }
    .into()
}

pub(super) fn get_messages(
    call: &mut Call<'_>,
    request: functions::messages::GetMessages,
) -> Result<enums::messages::Messages, Failure> {
    let me = call.me;
    let mut view = call.view();
    let account = view.world.accounts.get(&me);
    let find = |id: i32| account.and_then(|account| account.messages.get(&id));
    let mut messages = Vec::new();
    for (id, message) in request.id.iter().filter_map(|wanted| wanted_message(wanted, find)) {
        messages.push(message.map_or_else(|| empty(id, None), |message| view.message(message)));
    }
    let (users, chats) = view.peers();
    Ok(types::messages::Messages { messages, topics: Vec::new(), chats, users }.into())
}

pub(super) fn get_channel_messages(
    call: &mut Call<'_>,
    request: functions::channels::GetMessages,
) -> Result<enums::messages::Messages, Failure> {
    let id = call.input_channel(&request.channel)?;
    let mut view = call.view();
    let channel = view.world.channels.get(&id).ok_or_else(|| Failure::bad("CHANNEL_INVALID"))?;
    let find = |id: i32| channel.messages.get(&id);
    let mut messages = Vec::new();
    for (id, message) in request.id.iter().filter_map(|wanted| wanted_message(wanted, find)) {
        messages.push(message.map_or_else(|| empty(id, Some(channel.id)), |message| view.message(message)));
    }
    view.mention(Peer::Channel(id));
    let (users, chats) = view.peers();
    Ok(types::messages::ChannelMessages {
        inexact: false,
        pts: channel.pts,
        count: count(messages.len()),
        offset_id_offset: None,
        messages,
        topics: Vec::new(),
        chats,
        users,
    }
    .into())
}

/// The id and the message that an `InputMessage` means; None when it means nothing that can be named.
fn wanted_message<'a>(
    wanted: &enums::InputMessage,
    find: impl Fn(i32) -> Option<&'a Message>,
) -> Option<(i32, Option<&'a Message>)> {
    match wanted {
        enums::InputMessage::Id(wanted) => Some((wanted.id, find(wanted.id))),
        enums::InputMessage::ReplyTo(wanted) => {
            let to = find(wanted.id)?.reply?.to;
            Some((to, find(to)))
        }
        enums::InputMessage::Pinned | enums::InputMessage::CallbackQuery(_) => None,
    }
}

fn empty(id: i32, channel: Option<i64>) -> enums::Message {
    types::MessageEmpty { id, peer_id: channel.map(|id| Peer::Channel(id).to_tl()) }.into()
}

pub(super) fn read_history(
    call: &mut Call<'_>,
    request: functions::messages::ReadHistory,
) -> Result<enums::messages::AffectedMessages, Failure> {
    let peer = call.readable(&request.peer)?;
    let effects = mark_read(call, peer, request.max_id)?;
    let moved = effects.iter().find_map(|effect| match effect {
        Effect::Step { entry, .. } => Some((entry.pts, entry.count)),
        Effect::Membership { .. } => None,
    });
    let (pts, pts_count) = moved.unwrap_or((updates::state(call, None).pts, 0));
    Ok(types::messages::AffectedMessages { pts, pts_count }.into())
}

pub(super) fn read_channel_history(
    call: &mut Call<'_>,
    request: functions::channels::ReadHistory,
) -> Result<bool, Failure> {
    let id = call.input_channel(&request.channel)?;
    mark_read(call, Peer::Channel(id), request.max_id)?;
    Ok(true)
}

fn mark_read(call: &mut Call<'_>, peer: Peer, max_id: i32) -> Result<Vec<Effect>, Failure> {
    let newest = call.state.world.ids(call.me, peer).last().copied().unwrap_or(0);
    // 0 means everything.
    let max_id = if max_id == 0 { newest } else { max_id.min(newest) };
    if max_id <= call.view().read_inbox(peer) {
        return Ok(Vec::new());
    }
    call.commit(vec![Event::Read { user: call.me, peer, max_id, date: now() }])
}
