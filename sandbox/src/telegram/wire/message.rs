//! Messages as an account sees them.

use std::sync::LazyLock;

use grammers_tl_types::{Serializable as _, enums, types};

use super::{View, extra, file, template};
use crate::telegram::world::model::{Action, Content, Forward, Message, Quote, Reply};
use crate::telegram::world::peer::Peer;

static MESSAGE: LazyLock<types::Message> = LazyLock::new(|| {
    // Two flag words and the id, then the peer.
    let mut prefix = vec![0; 4 + 4 + 4];
    Peer::User(0).to_tl().serialize(&mut prefix);
    template(&prefix)
});
static REPLY: LazyLock<types::MessageReplyHeader> = LazyLock::new(|| template(&[]));
static FORWARD: LazyLock<types::MessageFwdHeader> = LazyLock::new(|| template(&[]));

impl View<'_> {
    /// The message; everybody whom it names is mentioned in the answer.
    pub(crate) fn message(&mut self, message: &Message) -> enums::Message {
        self.mention_all_of(message);
        let content = &message.content;
        let is_post = self.is_broadcast(message.peer);
        let from_id = (!is_post).then(|| Peer::User(content.author).to_tl());
        // A note to oneself counts as incoming, as on the real service.
        let out = content.author == self.me && message.peer != Peer::User(self.me);
        if let Some(action) = &content.action {
            return types::MessageService {
                out,
                mentioned: false,
                media_unread: false,
                reactions_are_possible: false,
                silent: content.silent,
                post: is_post,
                legacy: false,
                id: message.id,
                from_id,
                peer_id: message.peer.to_tl(),
                saved_peer_id: None,
                reply_to: message.reply.map(|reply| reply_header(reply, None)),
                date: content.date,
                action: service_action(action),
                reactions: None,
                ttl_period: None,
            }
            .into();
        }
        let attached = &content.attached;
        let stored = attached.media.and_then(|id| self.world.files.get(&id));
        let media = stored.map(|stored| file::media(stored, attached.spoiler));
        let media = media.or_else(|| attached.extra.as_ref().map(extra::media));
        types::Message {
            out,
            silent: content.silent,
            post: is_post,
            id: message.id,
            from_id,
            peer_id: message.peer.to_tl(),
            fwd_from: content.forward.as_ref().map(forward_header),
            reply_to: message.reply.map(|reply| reply_header(reply, content.quote.as_ref())),
            via_bot_id: content.via_bot,
            post_author: content.signature.clone(),
            date: content.date,
            message: content.text.clone(),
            media,
            entities: entities(content),
            views: is_post.then_some(1),
            forwards: is_post.then_some(0),
            edit_date: content.edit_date,
            grouped_id: content.grouped_id,
            ..MESSAGE.clone()
        }
        .into()
    }

    fn is_broadcast(&self, peer: Peer) -> bool {
        matches!(peer, Peer::Channel(id) if self.world.channels.get(&id).is_some_and(|c| c.is_broadcast()))
    }
}

fn entities(content: &Content) -> Option<Vec<enums::MessageEntity>> {
    (!content.entities.is_empty()).then(|| content.entities.iter().map(|entity| entity.to_tl()).collect())
}

fn reply_header(reply: Reply, quote: Option<&Quote>) -> enums::MessageReplyHeader {
    let quote_entities = quote.map(|quote| quote.entities.iter().map(|entity| entity.to_tl()).collect::<Vec<_>>());
    types::MessageReplyHeader {
        quote: quote.is_some(),
        quote_text: quote.map(|quote| quote.text.clone()),
        quote_entities: quote_entities.filter(|entities| !entities.is_empty()),
        quote_offset: quote.map(|quote| quote.offset),
        forum_topic: reply.topic.is_some(),
        reply_to_msg_id: Some(reply.to),
        // A message straight into the topic names the topic as what it answers; the thread is named only beside it.
        reply_to_top_id: reply.topic.filter(|topic| *topic != reply.to),
        ..REPLY.clone()
    }
    .into()
}

fn forward_header(forward: &Forward) -> enums::MessageFwdHeader {
    types::MessageFwdHeader {
        from_id: forward.hidden_name.is_none().then(|| forward.from.to_tl()),
        from_name: forward.hidden_name.clone(),
        date: forward.date,
        channel_post: forward.channel_post,
        ..FORWARD.clone()
    }
    .into()
}

fn service_action(action: &Action) -> enums::MessageAction {
    match action {
        Action::ChannelCreate { title } => types::MessageActionChannelCreate { title: title.clone() }.into(),
        Action::GroupCreate { title, users } => {
            types::MessageActionChatCreate { title: title.clone(), users: users.clone() }.into()
        }
        Action::AddUser { users } => types::MessageActionChatAddUser { users: users.clone() }.into(),
        Action::DeleteUser { user } => types::MessageActionChatDeleteUser { user_id: *user }.into(),
        Action::TopicCreate { title } => types::MessageActionTopicCreate {
            title_missing: false,
            title: title.clone(),
            icon_color: TOPIC_COLOR,
            icon_emoji_id: None,
        }
        .into(),
        Action::EditTitle { title } => types::MessageActionChatEditTitle { title: title.clone() }.into(),
    }
}

/// The first of the fixed colours that the protocol allows for topic icons.
pub(crate) const TOPIC_COLOR: i32 = 0x006F_B9F0;
