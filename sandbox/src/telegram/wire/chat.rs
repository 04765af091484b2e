//! Groups and channels as an account sees them, and what an account is to them.

use std::sync::LazyLock;

use grammers_tl_types::{Serializable as _, enums, types};

use super::{View, template};
use crate::telegram::world::model::{Channel, ChatKind, Group, Member, Role};
use crate::telegram::world::peer::{Peer, access_hash};

static NO_ADMIN_RIGHTS: LazyLock<types::ChatAdminRights> = LazyLock::new(|| template(&[]));
static NO_BANS: LazyLock<types::ChatBannedRights> = LazyLock::new(|| template(&[]));
static CHANNEL: LazyLock<types::Channel> = LazyLock::new(|| {
    // Two flag words, id, an empty title, then the photo.
    let mut prefix = vec![0; 4 + 4 + 8 + 4];
    enums::ChatPhoto::Empty.serialize(&mut prefix);
    template(&prefix)
});

impl View<'_> {
    /// The basic group, or its forbidden form for somebody who is not in it.
    pub(crate) fn group(&self, id: i64) -> Option<enums::Chat> {
        let group = self.world.groups.get(&id)?;
        let role = group.members.get(&self.me).map(|m| m.role);
        if !role.is_some_and(|role| role.is_inside() || role == Role::Left) {
            return Some(types::ChatForbidden { id, title: group.title.clone() }.into());
        }
        let inside = group.members.values().filter(|m| m.role.is_inside()).count();
        Some(
            types::Chat {
                creator: role == Some(Role::Creator),
                left: role == Some(Role::Left),
                deactivated: false,
                call_active: false,
                call_not_empty: false,
                noforwards: false,
                id,
                title: group.title.clone(),
                photo: enums::ChatPhoto::Empty,
                participants_count: count(inside),
                date: group.date,
                version: group.version,
                migrated_to: None,
                admin_rights: (role == Some(Role::Admin)).then(|| admin_rights(false).into()),
                default_banned_rights: Some(NO_BANS.clone().into()),
            }
            .into(),
        )
    }

    /// The channel, or its forbidden form for somebody who may not see it.
    pub(crate) fn channel(&self, id: i64) -> Option<enums::Chat> {
        let channel = self.world.channels.get(&id)?;
        let role = channel.role(self.me);
        let hash = access_hash(self.me, Peer::Channel(id));
        if role == Some(Role::Kicked) || !(role.is_some_and(Role::is_inside) || channel.username.is_some()) {
            return Some(
                types::ChannelForbidden {
                    broadcast: channel.is_broadcast(),
                    megagroup: !channel.is_broadcast(),
                    monoforum: false,
                    id,
                    access_hash: hash,
                    title: channel.title.clone(),
                    until_date: None,
                }
                .into(),
            );
        }
        let is_admin = role.is_some_and(Role::is_admin);
        Some(
            types::Channel {
                id,
                creator: role == Some(Role::Creator),
                left: !role.is_some_and(Role::is_inside),
                broadcast: channel.is_broadcast(),
                megagroup: !channel.is_broadcast(),
                forum: channel.kind == ChatKind::Forum,
                access_hash: Some(hash),
                title: channel.title.clone(),
                username: channel.username.clone(),
                date: role_date(channel, self.me),
                admin_rights: is_admin.then(|| admin_rights(channel.is_broadcast()).into()),
                banned_rights: (role == Some(Role::Restricted)).then(|| muted().into()),
                default_banned_rights: (!channel.is_broadcast()).then(|| NO_BANS.clone().into()),
                participants_count: Some(count(inside(channel).count())),
                ..CHANNEL.clone()
            }
            .into(),
        )
    }

    /// One membership of a channel in the protocol's form.
    pub(crate) fn participant(&self, channel: &Channel, user: i64) -> Option<enums::ChannelParticipant> {
        let member = channel.members.get(&user)?;
        let peer = Peer::User(user).to_tl();
        let Member { role, date, inviter } = *member;
        let rights = || admin_rights(channel.is_broadcast()).into();
        Some(match role {
            Role::Creator => {
                types::ChannelParticipantCreator { user_id: user, admin_rights: rights(), rank: None }.into()
            }
            Role::Admin => types::ChannelParticipantAdmin {
                can_edit: false,
                is_self: user == self.me,
                user_id: user,
                inviter_id: (user == self.me).then_some(inviter),
                promoted_by: inviter,
                date,
                admin_rights: rights(),
                rank: None,
            }
            .into(),
            Role::Member if user == self.me => types::ChannelParticipantSelf {
                via_request: false,
                user_id: user,
                inviter_id: inviter,
                date,
                subscription_until_date: None,
                rank: None,
            }
            .into(),
            Role::Member => {
                types::ChannelParticipant { user_id: user, date, subscription_until_date: None, rank: None }.into()
            }
            Role::Restricted | Role::Kicked => types::ChannelParticipantBanned {
                left: role == Role::Kicked,
                peer,
                kicked_by: inviter,
                date,
                banned_rights: if role == Role::Kicked { banned().into() } else { muted().into() },
                rank: None,
            }
            .into(),
            Role::Left => types::ChannelParticipantLeft { peer }.into(),
        })
    }
}

/// The people in a channel.
pub(crate) fn inside(channel: &Channel) -> impl Iterator<Item = i64> + '_ {
    channel.members.iter().filter(|(_, m)| m.role.is_inside()).map(|(user, _)| *user)
}

/// The participants of a basic group.
pub(crate) fn group_participants(group: &Group) -> enums::ChatParticipants {
    let participants = group
        .members
        .iter()
        .filter(|(_, m)| m.role.is_inside())
        .map(|(user, member)| match member.role {
            Role::Creator => types::ChatParticipantCreator { user_id: *user, rank: None }.into(),
            Role::Admin => types::ChatParticipantAdmin {
                user_id: *user,
                inviter_id: member.inviter,
                date: member.date,
                rank: None,
            }
            .into(),
            _ => types::ChatParticipant { user_id: *user, inviter_id: member.inviter, date: member.date, rank: None }
                .into(),
        })
        .collect();
    types::ChatParticipants { chat_id: group.id, participants, version: group.version }.into()
}

/// A size as the protocol's 32-bit count.
pub(crate) fn count(size: usize) -> i32 {
    i32::try_from(size).unwrap_or(i32::MAX)
}

fn role_date(channel: &Channel, user: i64) -> i32 {
    channel.members.get(&user).map_or(channel.date, |member| member.date)
}

fn admin_rights(broadcast: bool) -> types::ChatAdminRights {
    types::ChatAdminRights {
        change_info: true,
        post_messages: broadcast,
        edit_messages: broadcast,
        delete_messages: true,
        ban_users: true,
        invite_users: true,
        pin_messages: !broadcast,
        manage_topics: !broadcast,
        other: true,
        ..NO_ADMIN_RIGHTS.clone()
    }
}

fn muted() -> types::ChatBannedRights {
    types::ChatBannedRights { send_messages: true, send_media: true, send_plain: true, ..NO_BANS.clone() }
}

fn banned() -> types::ChatBannedRights {
    types::ChatBannedRights { view_messages: true, ..muted() }
}
