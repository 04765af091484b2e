//! The list of conversations.

use std::sync::LazyLock;

use grammers_tl_types::{enums, functions, types};

use super::failure::Failure;
use super::{Call, updates};
use crate::telegram::wire::chat::count;
use crate::telegram::wire::{View, template};
use crate::telegram::world::peer::Peer;

/// The most conversations in one answer.
const PAGE_MAX: usize = 100;

static NOTIFY: LazyLock<types::PeerNotifySettings> = LazyLock::new(|| template(&[]));

pub(super) fn get_dialogs(
    call: &mut Call<'_>,
    request: functions::messages::GetDialogs,
) -> Result<enums::messages::Dialogs, Failure> {
    if call.is_bot() {
        return Err(Failure::bad("BOT_METHOD_INVALID"));
    }
    let all = conversations(&call.view());
    let total = all.len();
    let limit = (request.limit.max(1) as usize).min(PAGE_MAX);
    // No folder but the main one exists.
    let in_folder = request.folder_id.unwrap_or(0) == 0;
    let begin = match after(call, &request) {
        Some(last) => all.iter().position(|c| c.peer == last).map_or(total, |at| at + 1),
        None if request.offset_date > 0 => all.partition_point(|c| c.date >= request.offset_date),
        None => 0,
    };
    let page: Vec<Peer> = match in_folder {
        true => all[begin.min(total)..].iter().take(limit).map(|c| c.peer).collect(),
        false => Vec::new(),
    };
    let is_whole = !in_folder || (begin == 0 && page.len() == total);
    let mut view = call.view();
    let (dialogs, messages) = describe(&mut view, &page);
    let (users, chats) = view.peers();
    if is_whole {
        return Ok(types::messages::Dialogs { dialogs, messages, chats, users }.into());
    }
    Ok(types::messages::DialogsSlice { count: count(total), dialogs, messages, chats, users }.into())
}

pub(super) fn get_pinned_dialogs(
    call: &mut Call<'_>,
    _: functions::messages::GetPinnedDialogs,
) -> Result<enums::messages::PeerDialogs, Failure> {
    Ok(peer_dialogs(call, &[]))
}

pub(super) fn get_peer_dialogs(
    call: &mut Call<'_>,
    request: functions::messages::GetPeerDialogs,
) -> Result<enums::messages::PeerDialogs, Failure> {
    let mut peers = Vec::new();
    for wanted in &request.peers {
        if let enums::InputDialogPeer::Peer(wanted) = wanted {
            peers.push(call.readable(&wanted.peer)?);
        }
    }
    Ok(peer_dialogs(call, &peers))
}

fn peer_dialogs(call: &Call<'_>, peers: &[Peer]) -> enums::messages::PeerDialogs {
    let mut view = call.view();
    let (dialogs, messages) = describe(&mut view, peers);
    let (users, chats) = view.peers();
    let state = updates::state(call, None).into();
    types::messages::PeerDialogs { dialogs, messages, chats, users, state }.into()
}

/// The conversation after which the page begins.
fn after(call: &Call<'_>, request: &functions::messages::GetDialogs) -> Option<Peer> {
    match &request.offset_peer {
        enums::InputPeer::Empty => None,
        // A chat that was left meanwhile cannot be read any more, but still marks the place.
        enums::InputPeer::Channel(channel) => Some(Peer::Channel(channel.channel_id)),
        enums::InputPeer::Chat(chat) => Some(Peer::Group(chat.chat_id)),
        enums::InputPeer::User(user) => Some(Peer::User(user.user_id)),
        other => call.readable(other).ok(),
    }
}

struct Conversation {
    peer: Peer,
    date: i32,
}

/// Every conversation of the account, the latest first.
fn conversations(view: &View<'_>) -> Vec<Conversation> {
    let Some(account) = view.world.accounts.get(&view.me) else { return Vec::new() };
    let date_of = |peer: Peer| {
        let newest = view.world.ids(view.me, peer).last()?;
        Some(view.world.message(view.me, peer, *newest)?.content.date)
    };
    let mailbox = account.dialogs.keys().copied().filter_map(|peer| Some(Conversation { peer, date: date_of(peer)? }));
    let channels = account.channels.keys().filter_map(|id| {
        let channel = view.world.channels.get(id)?;
        channel.role(view.me).filter(|role| role.is_inside())?;
        let peer = Peer::Channel(*id);
        Some(Conversation { peer, date: date_of(peer).unwrap_or(channel.date) })
    });
    let mut all: Vec<Conversation> = mailbox.chain(channels).collect();
    all.sort_by(|a, b| b.date.cmp(&a.date).then(b.peer.cmp(&a.peer)));
    all
}

/// The conversations and the newest message of each.
fn describe(view: &mut View<'_>, peers: &[Peer]) -> (Vec<enums::Dialog>, Vec<enums::Message>) {
    let (mut dialogs, mut messages) = (Vec::new(), Vec::new());
    for peer in peers {
        let Some(dialog) = dialog(view, *peer) else { continue };
        let holder = view.holder_of(*peer);
        messages.extend(view.held(holder, dialog.top_message));
        dialogs.push(dialog.into());
    }
    (dialogs, messages)
}

/// One conversation; it is mentioned in the answer.
pub(super) fn dialog(view: &mut View<'_>, peer: Peer) -> Option<types::Dialog> {
    view.mention(peer);
    let read_outbox = view
        .world
        .accounts
        .get(&view.me)
        .and_then(|account| account.dialogs.get(&peer))
        .map_or(0, |dialog| dialog.read_outbox);
    let top_message = view.world.ids(view.me, peer).last().copied().unwrap_or(0);
    Some(types::Dialog {
        pinned: false,
        unread_mark: false,
        view_forum_as_messages: false,
        peer: peer.to_tl(),
        top_message,
        read_inbox_max_id: view.read_inbox(peer),
        read_outbox_max_id: if matches!(peer, Peer::Channel(_)) { top_message } else { read_outbox },
        unread_count: view.unread(peer),
        unread_mentions_count: 0,
        unread_reactions_count: 0,
        unread_poll_votes_count: 0,
        notify_settings: NOTIFY.clone().into(),
        pts: match peer {
            Peer::Channel(id) => Some(view.world.channels.get(&id)?.pts),
            Peer::User(_) | Peer::Group(_) => None,
        },
        draft: None,
        folder_id: None,
        ttl_period: None,
    })
}
