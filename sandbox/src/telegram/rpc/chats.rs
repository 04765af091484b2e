//! Basic groups.

use grammers_tl_types::{Serializable as _, enums, functions, types};

use super::failure::Failure;
use super::{Call, now};
use crate::telegram::wire::chat::group_participants;
use crate::telegram::wire::template;
use crate::telegram::world::event::{Effect, Event, NewChat};
use crate::telegram::world::model::{ChatKind, Role};
use crate::telegram::world::peer::Peer;

pub(super) fn get_chats(
    call: &mut Call<'_>,
    request: functions::messages::GetChats,
) -> Result<enums::messages::Chats, Failure> {
    let view = call.view();
    let chats: Vec<enums::Chat> = request.id.iter().filter_map(|id| view.group(*id)).collect();
    if chats.len() < request.id.len() {
        return Err(Failure::bad("CHAT_ID_INVALID"));
    }
    Ok(types::messages::Chats { chats }.into())
}

pub(super) fn get_full_chat(
    call: &mut Call<'_>,
    request: functions::messages::GetFullChat,
) -> Result<enums::messages::ChatFull, Failure> {
    let id = request.chat_id;
    if !call.state.may_read(call.me, Peer::Group(id)) {
        return Err(Failure::bad("CHAT_ID_INVALID"));
    }
    let mut view = call.view();
    let group = view.world.groups.get(&id).ok_or_else(|| Failure::bad("CHAT_ID_INVALID"))?;
    view.mention(Peer::Group(id));
    for user in group.members.keys() {
        view.mention(Peer::User(*user));
    }
    let full_chat = types::ChatFull {
        can_set_username: false,
        has_scheduled: false,
        translations_disabled: false,
        has_welcome_messages: false,
        id,
        about: String::new(),
        participants: group_participants(group),
        chat_photo: None,
        notify_settings: template::<types::PeerNotifySettings>(&[]).into(),
        exported_invite: None,
        bot_info: None,
        pinned_msg_id: None,
        folder_id: None,
        call: None,
        ttl_period: None,
        groupcall_default_join_as: None,
        theme_emoticon: None,
        requests_pending: None,
        recent_requesters: None,
        available_reactions: None,
        reactions_limit: None,
    };
    let (users, chats) = view.peers();
    Ok(types::messages::ChatFull { full_chat: full_chat.into(), chats, users }.into())
}

pub(super) fn create_chat(
    call: &mut Call<'_>,
    request: functions::messages::CreateChat,
) -> Result<enums::messages::InvitedUsers, Failure> {
    let title = title(request.title)?;
    let members = request.users.iter().map(|user| call.input_user(user)).collect::<Result<Vec<_>, _>>()?;
    let id = call.state.world.next_id();
    let chat = NewChat { id, kind: ChatKind::Group, title, username: None, creator: call.me, members, date: now() };
    let effects = call.commit(vec![Event::ChatMade { chat }])?;
    Ok(invited(call, Peer::Group(id), &effects))
}

pub(super) fn add_chat_user(
    call: &mut Call<'_>,
    request: functions::messages::AddChatUser,
) -> Result<enums::messages::InvitedUsers, Failure> {
    let peer = Peer::Group(request.chat_id);
    let user = call.input_user(&request.user_id)?;
    if !call.state.may_read(call.me, peer) {
        return Err(Failure::bad("CHAT_ID_INVALID"));
    }
    if call.state.may_read(user, peer) {
        return Err(Failure::bad("USER_ALREADY_PARTICIPANT"));
    }
    let event = Event::MemberSet { chat: peer, user, role: Role::Member, by: call.me, date: now() };
    let effects = call.commit(vec![event])?;
    Ok(invited(call, peer, &effects))
}

pub(super) fn delete_chat_user(
    call: &mut Call<'_>,
    request: functions::messages::DeleteChatUser,
) -> Result<enums::Updates, Failure> {
    let peer = Peer::Group(request.chat_id);
    let user = call.input_user(&request.user_id)?;
    if user != call.me {
        call.require_admin(peer)?;
    }
    if !call.state.may_read(user, peer) {
        return Err(Failure::bad("USER_NOT_PARTICIPANT"));
    }
    let role = if user == call.me { Role::Left } else { Role::Kicked };
    let effects = call.commit(vec![Event::MemberSet { chat: peer, user, role, by: call.me, date: now() }])?;
    Ok(own_updates(call, peer, &effects))
}

pub(super) fn edit_chat_title(
    call: &mut Call<'_>,
    request: functions::messages::EditChatTitle,
) -> Result<enums::Updates, Failure> {
    let peer = Peer::Group(request.chat_id);
    call.require_admin(peer)?;
    let title = title(request.title)?;
    let effects = call.commit(vec![Event::TitleSet { chat: peer, title, by: call.me, date: now() }])?;
    Ok(own_updates(call, peer, &effects))
}

/// A usable chat title.
pub(super) fn title(text: String) -> Result<String, Failure> {
    match text.trim() {
        "" => Err(Failure::bad("CHAT_TITLE_EMPTY")),
        trimmed => Ok(trimmed.to_owned()),
    }
}

/// What the caller's own step in the chat looks like as an answer.
pub(super) fn own_updates(call: &Call<'_>, peer: Peer, effects: &[Effect]) -> enums::Updates {
    let mut view = call.view();
    view.mention(peer);
    let own = view.holder_of(peer);
    let mut list = Vec::new();
    for effect in effects {
        match effect {
            Effect::Step { holder, entry } if *holder == own => list.extend(view.update(own, entry)),
            Effect::Step { .. } => {}
            Effect::Membership { channel, .. } => {
                list.push(types::UpdateChannel { channel_id: *channel }.into());
            }
        }
    }
    view.updates(list)
}

pub(super) fn invited(call: &Call<'_>, peer: Peer, effects: &[Effect]) -> enums::messages::InvitedUsers {
    let updates = own_updates(call, peer, effects);
    types::messages::InvitedUsers { updates, missing_invitees: Vec::new() }.into()
}

/// Notification settings with nothing set, serialised: a mandatory part of several structures.
pub(super) fn no_notify_settings() -> Vec<u8> {
    enums::PeerNotifySettings::from(template::<types::PeerNotifySettings>(&[])).to_bytes()
}
