//! Forwarding.

use std::collections::HashMap;

use grammers_tl_types::{enums, functions};

use super::failure::Failure;
use super::send::{Draft, post_all, reply_to};
use super::{Call, now};
use crate::telegram::net::crypto::random;
use crate::telegram::world::model::{Content, Forward, Message, Reply};
use crate::telegram::world::peer::Peer;

/// The most messages in one request.
const FORWARD_MAX: usize = 100;

pub(super) fn forward_messages(
    call: &mut Call<'_>,
    request: functions::messages::ForwardMessages,
) -> Result<enums::Updates, Failure> {
    let from = call.readable(&request.from_peer)?;
    let to = call.writable(&request.to_peer)?;
    if request.id.is_empty() {
        return Err(Failure::bad("MESSAGE_IDS_EMPTY"));
    }
    if request.id.len() > FORWARD_MAX || request.id.len() != request.random_id.len() {
        return Err(Failure::bad("RANDOM_ID_INVALID"));
    }
    let mut reply = reply_to(call, to, request.reply_to.as_ref())?;
    if let (None, Some(topic)) = (reply, request.top_msg_id) {
        reply = Some(Reply { to: topic, topic: Some(topic) });
    }
    let mut albums = HashMap::new();
    let mut drafts = Vec::new();
    for (id, random_id) in request.id.iter().zip(&request.random_id) {
        let message = call.state.world.message(call.me, from, *id).filter(|m| m.content.action.is_none());
        let message = message.ok_or_else(|| Failure::bad("MESSAGE_ID_INVALID"))?;
        let content = &message.content;
        // What stood together stays together, as a new album.
        let grouped_id =
            content.grouped_id.map(|old| *albums.entry(old).or_insert_with(|| i64::from_le_bytes(random()) & i64::MAX));
        let keeps_text = !(request.drop_media_captions && content.attached.is_captioned());
        let fresh = Content {
            text: if keeps_text { content.text.clone() } else { String::new() },
            entities: if keeps_text { content.entities.clone() } else { Vec::new() },
            attached: content.attached.clone(),
            forward: (!request.drop_author).then(|| origin(call, from, message)),
            grouped_id,
            silent: request.silent,
            ..Content::by(call.me, now())
        };
        drafts.push(Draft { random_id: *random_id, reply, content: fresh });
    }
    post_all(call, to, drafts)
}

/// Where the message came from first.
fn origin(call: &Call<'_>, from: Peer, message: &Message) -> Forward {
    let content = &message.content;
    if let Some(forward) = &content.forward {
        return forward.clone();
    }
    let is_post = matches!(from, Peer::Channel(id)
        if call.state.world.channels.get(&id).is_some_and(|channel| channel.is_broadcast()));
    match is_post {
        true => Forward { from, date: content.date, hidden_name: None, channel_post: Some(message.id) },
        false => {
            Forward { from: Peer::User(content.author), date: content.date, hidden_name: None, channel_post: None }
        }
    }
}
