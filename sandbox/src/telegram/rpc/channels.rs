//! Broadcast channels and supergroups.

use grammers_tl_types::{Serializable as _, enums, functions, types};

use super::chats::{invited, no_notify_settings, own_updates, title};
use super::failure::Failure;
use super::{Call, now};
use crate::telegram::wire::chat::{count, inside};
use crate::telegram::wire::template;
use crate::telegram::world::event::{Event, NewChat};
use crate::telegram::world::model::{ChatKind, Role};
use crate::telegram::world::peer::Peer;

pub(super) fn create_channel(
    call: &mut Call<'_>,
    request: functions::channels::CreateChannel,
) -> Result<enums::Updates, Failure> {
    let kind = match (request.broadcast, request.forum) {
        (true, _) => ChatKind::Channel,
        (false, true) => ChatKind::Forum,
        (false, false) => ChatKind::Supergroup,
    };
    let title = title(request.title)?;
    let id = call.state.world.next_id();
    let creator = call.me;
    let chat = NewChat { id, kind, title, username: None, creator, members: Vec::new(), date: now() };
    let effects = call.commit(vec![Event::ChatMade { chat }])?;
    Ok(own_updates(call, Peer::Channel(id), &effects))
}

pub(super) fn get_channels(
    call: &mut Call<'_>,
    request: functions::channels::GetChannels,
) -> Result<enums::messages::Chats, Failure> {
    let ids = request.id.iter().map(|channel| call.any_channel(channel)).collect::<Result<Vec<_>, _>>()?;
    if let [id] = ids[..]
        && !call.state.may_read(call.me, Peer::Channel(id))
    {
        return Err(Failure::bad("CHANNEL_PRIVATE"));
    }
    let view = call.view();
    Ok(types::messages::Chats { chats: ids.into_iter().filter_map(|id| view.channel(id)).collect() }.into())
}

pub(super) fn get_full_channel(
    call: &mut Call<'_>,
    request: functions::channels::GetFullChannel,
) -> Result<enums::messages::ChatFull, Failure> {
    let id = call.input_channel(&request.channel)?;
    let mut view = call.view();
    let peer = Peer::Channel(id);
    view.mention(peer);
    let channel = view.world.channels.get(&id).ok_or_else(|| Failure::bad("CHANNEL_INVALID"))?;
    // Two flag words, id, empty text, three counts, the photo, the settings, no bots, the state.
    let mut prefix = vec![0; 8];
    id.serialize(&mut prefix);
    String::new().serialize(&mut prefix);
    [0i32; 3].iter().for_each(|n| n.serialize(&mut prefix));
    enums::Photo::Empty(types::PhotoEmpty { id: 0 }).serialize(&mut prefix);
    prefix.extend(no_notify_settings());
    Vec::<enums::BotInfo>::new().serialize(&mut prefix);
    channel.pts.serialize(&mut prefix);
    let full = types::ChannelFull {
        can_view_participants: !channel.is_broadcast(),
        participants_count: Some(count(inside(channel).count())),
        read_inbox_max_id: view.read_inbox(peer),
        unread_count: view.unread(peer),
        ..template(&prefix)
    };
    let (users, chats) = view.peers();
    Ok(types::messages::ChatFull { full_chat: full.into(), chats, users }.into())
}

pub(super) fn get_participant(
    call: &mut Call<'_>,
    request: functions::channels::GetParticipant,
) -> Result<enums::channels::ChannelParticipant, Failure> {
    let id = call.input_channel(&request.channel)?;
    let Peer::User(user) = call.readable(&request.participant)? else {
        return Err(Failure::bad("PARTICIPANT_ID_INVALID"));
    };
    let mut view = call.view();
    let channel = view.world.channels.get(&id).ok_or_else(|| Failure::bad("CHANNEL_INVALID"))?;
    let participant = view.participant(channel, user).ok_or_else(|| Failure::bad("USER_NOT_PARTICIPANT"))?;
    view.mention(Peer::User(user));
    view.mention(Peer::Channel(id));
    let (users, chats) = view.peers();
    Ok(types::channels::ChannelParticipant { participant, chats, users }.into())
}

pub(super) fn get_participants(
    call: &mut Call<'_>,
    request: functions::channels::GetParticipants,
) -> Result<enums::channels::ChannelParticipants, Failure> {
    let id = call.input_channel(&request.channel)?;
    let channel = call.channel(id)?;
    if channel.is_broadcast() {
        call.require_admin(Peer::Channel(id))?;
    }
    let mut view = call.view();
    let channel = view.world.channels.get(&id).ok_or_else(|| Failure::bad("CHANNEL_INVALID"))?;
    let is_wanted = |role: Role| match &request.filter {
        enums::ChannelParticipantsFilter::ChannelParticipantsAdmins => role.is_admin(),
        enums::ChannelParticipantsFilter::ChannelParticipantsKicked(_) => role == Role::Kicked,
        enums::ChannelParticipantsFilter::ChannelParticipantsBanned(_) => role == Role::Restricted,
        _ => role.is_inside(),
    };
    let wanted: Vec<i64> = channel.members.iter().filter(|(_, m)| is_wanted(m.role)).map(|(user, _)| *user).collect();
    let page = wanted.iter().skip(request.offset.max(0) as usize).take(request.limit.clamp(0, 200) as usize);
    let mut participants = Vec::new();
    for user in page {
        view.mention(Peer::User(*user));
        participants.extend(view.participant(channel, *user));
    }
    view.mention(Peer::Channel(id));
    let (users, chats) = view.peers();
    Ok(types::channels::ChannelParticipants { count: count(wanted.len()), participants, chats, users }.into())
}

pub(super) fn invite_to_channel(
    call: &mut Call<'_>,
    request: functions::channels::InviteToChannel,
) -> Result<enums::messages::InvitedUsers, Failure> {
    let id = call.input_channel(&request.channel)?;
    let chat = Peer::Channel(id);
    call.require_admin(chat)?;
    let users = request.users.iter().map(|user| call.input_user(user)).collect::<Result<Vec<_>, _>>()?;
    let (by, date) = (call.me, now());
    let is_outside = |user: &i64| !call.state.world.channels[&id].role(*user).is_some_and(Role::is_inside);
    let events = users
        .into_iter()
        .filter(is_outside)
        .map(|user| Event::MemberSet { chat, user, role: Role::Member, by, date })
        .collect();
    let effects = call.commit(events)?;
    Ok(invited(call, chat, &effects))
}

pub(super) fn join_channel(
    call: &mut Call<'_>,
    request: functions::channels::JoinChannel,
) -> Result<enums::messages::ChatInviteJoinResult, Failure> {
    let id = call.input_channel(&request.channel)?;
    let chat = Peer::Channel(id);
    if call.channel(id)?.role(call.me).is_some_and(Role::is_inside) {
        return Err(Failure::bad("USER_ALREADY_PARTICIPANT"));
    }
    let event = Event::MemberSet { chat, user: call.me, role: Role::Member, by: call.me, date: now() };
    let effects = call.commit(vec![event])?;
    Ok(types::messages::ChatInviteJoinResultOk { updates: own_updates(call, chat, &effects) }.into())
}

pub(super) fn leave_channel(
    call: &mut Call<'_>,
    request: functions::channels::LeaveChannel,
) -> Result<enums::Updates, Failure> {
    let id = call.input_channel(&request.channel)?;
    let chat = Peer::Channel(id);
    if !call.channel(id)?.role(call.me).is_some_and(Role::is_inside) {
        return Err(Failure::bad("USER_NOT_PARTICIPANT"));
    }
    let event = Event::MemberSet { chat, user: call.me, role: Role::Left, by: call.me, date: now() };
    let effects = call.commit(vec![event])?;
    Ok(own_updates(call, chat, &effects))
}

pub(super) fn edit_title(
    call: &mut Call<'_>,
    request: functions::channels::EditTitle,
) -> Result<enums::Updates, Failure> {
    let id = call.input_channel(&request.channel)?;
    let chat = Peer::Channel(id);
    call.require_admin(chat)?;
    let title = title(request.title)?;
    let effects = call.commit(vec![Event::TitleSet { chat, title, by: call.me, date: now() }])?;
    Ok(own_updates(call, chat, &effects))
}
