//! Topics of forums.

use std::sync::LazyLock;

use grammers_tl_types::{enums, functions, types};

use super::chats::own_updates;
use super::failure::Failure;
use super::send::{already_sent, answer as sent_answer};
use super::{Call, now};
use crate::telegram::wire::chat::count;
use crate::telegram::wire::message::TOPIC_COLOR;
use crate::telegram::wire::{View, template};
use crate::telegram::world::event::{Event, Post};
use crate::telegram::world::model::{Action, ChatKind, Content, Topic};
use crate::telegram::world::peer::Peer;

/// The topic that every forum begins with; its first message is the founding of the chat.
const GENERAL: i32 = 1;

static NOTIFY: LazyLock<types::PeerNotifySettings> = LazyLock::new(|| template(&[]));

/// The founding of a topic: a service message whose id becomes the topic's id.
pub(crate) fn topic_post(channel: i64, author: i64, title: String, random_id: Option<i64>) -> Event {
    let content = Content { random_id, action: Some(Action::TopicCreate { title }), ..Content::by(author, now()) };
    Event::Posted { post: Box::new(Post { to: Peer::Channel(channel), reply: None, content }) }
}

pub(super) fn create_forum_topic(
    call: &mut Call<'_>,
    request: functions::messages::CreateForumTopic,
) -> Result<enums::Updates, Failure> {
    let peer = call.writable(&request.peer)?;
    let id = forum(call, peer)?;
    if request.title.trim().is_empty() {
        return Err(Failure::bad("TOPIC_TITLE_EMPTY"));
    }
    if let Some(sent) = already_sent(call, peer, request.random_id)? {
        return Ok(sent_answer(call, &[(request.random_id, sent)]));
    }
    let event = topic_post(id, call.me, request.title, Some(request.random_id));
    let effects = call.commit(vec![event])?;
    Ok(own_updates(call, peer, &effects))
}

pub(super) fn get_forum_topics(
    call: &mut Call<'_>,
    request: functions::messages::GetForumTopics,
) -> Result<enums::messages::ForumTopics, Failure> {
    let peer = call.readable(&request.peer)?;
    let id = forum(call, peer)?;
    let query = request.q.unwrap_or_default().to_lowercase();
    // Newest first; the page begins after the topic that the last page ended with.
    let below = if request.offset_topic > 0 { request.offset_topic } else { i32::MAX };
    let mut topics = topics(call, id)?;
    topics.retain(|(_, topic)| topic.title.to_lowercase().contains(&query));
    let total = topics.len();
    topics.retain(|(id, _)| *id < below);
    topics.truncate(request.limit.clamp(1, 100) as usize);
    Ok(answer(call, id, &topics, total))
}

pub(super) fn get_forum_topics_by_id(
    call: &mut Call<'_>,
    request: functions::messages::GetForumTopicsById,
) -> Result<enums::messages::ForumTopics, Failure> {
    let peer = call.readable(&request.peer)?;
    let id = forum(call, peer)?;
    let mut topics = topics(call, id)?;
    topics.retain(|(id, _)| request.topics.contains(id));
    let total = topics.len();
    Ok(answer(call, id, &topics, total))
}

fn forum(call: &Call<'_>, peer: Peer) -> Result<i64, Failure> {
    match peer {
        Peer::Channel(id) if call.channel(id)?.kind == ChatKind::Forum => Ok(id),
        _ => Err(Failure::bad("CHANNEL_FORUM_MISSING")),
    }
}

/// All topics of a forum, newest first, the general one last.
fn topics(call: &Call<'_>, id: i64) -> Result<Vec<(i32, Topic)>, Failure> {
    let channel = call.channel(id)?;
    let mut topics: Vec<_> = channel.topics.iter().rev().map(|(id, topic)| (*id, topic.clone())).collect();
    let founder = channel.messages.get(&GENERAL).map_or(0, |message| message.content.author);
    topics.push((GENERAL, Topic { title: "General".into(), creator: founder, date: channel.date }));
    Ok(topics)
}

fn answer(call: &Call<'_>, channel: i64, topics: &[(i32, Topic)], total: usize) -> enums::messages::ForumTopics {
    let mut view = call.view();
    view.mention(Peer::Channel(channel));
    let pts = view.world.channels.get(&channel).map_or(1, |c| c.pts);
    let topics = topics.iter().map(|(id, topic)| describe(&mut view, channel, *id, topic)).collect();
    let (users, chats) = view.peers();
    types::messages::ForumTopics {
        order_by_create_date: true,
        count: count(total),
        topics,
        messages: Vec::new(),
        chats,
        users,
        pts,
    }
    .into()
}

fn describe(view: &mut View<'_>, channel: i64, id: i32, topic: &Topic) -> enums::ForumTopic {
    view.mention(Peer::User(topic.creator));
    types::ForumTopic {
        my: topic.creator == view.me,
        closed: false,
        pinned: false,
        short: false,
        hidden: false,
        title_missing: false,
        id,
        date: topic.date,
        peer: Peer::Channel(channel).to_tl(),
        title: topic.title.clone(),
        icon_color: TOPIC_COLOR,
        icon_emoji_id: None,
        top_message: id,
        read_inbox_max_id: 0,
        read_outbox_max_id: 0,
        unread_count: 0,
        unread_mentions_count: 0,
        unread_reactions_count: 0,
        unread_poll_votes_count: 0,
        from_id: Peer::User(topic.creator).to_tl(),
        notify_settings: NOTIFY.clone().into(),
        draft: None,
    }
    .into()
}
