//! Writing: text, media, albums.

use grammers_tl_types::{enums, functions, types};

use super::failure::Failure;
use super::help::{CAPTION_MAX, MESSAGE_MAX};
use super::{Call, media, now};
use crate::telegram::net::crypto::random;
use crate::telegram::world::entity::Entity;
use crate::telegram::world::event::{Effect, Event, Holder, Post};
use crate::telegram::world::model::{Attached, Change, Content, LogEntry, Quote, Reply, Sent};
use crate::telegram::world::peer::Peer;

/// The largest album.
const ALBUM_MAX: usize = 10;
/// The longest quoted piece.
const QUOTE_MAX: usize = 1024;

/// A message about to be written.
pub(super) struct Draft {
    pub(super) random_id: i64,
    pub(super) reply: Option<Reply>,
    pub(super) content: Content,
}

pub(super) fn send_message(
    call: &mut Call<'_>,
    request: functions::messages::SendMessage,
) -> Result<enums::Updates, Failure> {
    let to = call.writable(&request.peer)?;
    let (text, entities) = clean_text(&request.message, request.entities, call.me, MESSAGE_MAX)?;
    if text.is_empty() {
        return Err(Failure::bad("MESSAGE_EMPTY"));
    }
    let reply = reply_to(call, to, request.reply_to.as_ref())?;
    let quote = quote(call, request.reply_to.as_ref())?;
    let (silent, no_webpage) = (request.silent, request.no_webpage);
    let content = Content { text, entities, quote, silent, no_webpage, ..Content::by(call.me, now()) };
    post_all(call, to, vec![Draft { random_id: request.random_id, reply, content }])
}

pub(super) fn send_media(
    call: &mut Call<'_>,
    request: functions::messages::SendMedia,
) -> Result<enums::Updates, Failure> {
    let to = call.writable(&request.peer)?;
    if let Some(sent) = already_sent(call, to, request.random_id)? {
        // The uploaded parts are gone after the first time, so the repeat is recognised before they are looked for.
        return Ok(answer(call, &[(request.random_id, sent)]));
    }
    let (text, entities) = clean_text(&request.message, request.entities, call.me, CAPTION_MAX)?;
    let reply = reply_to(call, to, request.reply_to.as_ref())?;
    let quote = quote(call, request.reply_to.as_ref())?;
    let attached = media::take(call, &request.media)?;
    let content = Content { text, entities, quote, attached, silent: request.silent, ..Content::by(call.me, now()) };
    post_all(call, to, vec![Draft { random_id: request.random_id, reply, content }])
}

pub(super) fn send_multi_media(
    call: &mut Call<'_>,
    request: functions::messages::SendMultiMedia,
) -> Result<enums::Updates, Failure> {
    let to = call.writable(&request.peer)?;
    if request.multi_media.len() > ALBUM_MAX {
        return Err(Failure::bad("MULTI_MEDIA_TOO_LONG"));
    }
    let reply = reply_to(call, to, request.reply_to.as_ref())?;
    let grouped_id = Some(i64::from_le_bytes(random()) & i64::MAX);
    let mut drafts = Vec::new();
    let mut families = Vec::new();
    for item in request.multi_media {
        let enums::InputSingleMedia::Media(item) = item;
        let (text, entities) = clean_text(&item.message, item.entities, call.me, CAPTION_MAX)?;
        let attached = media::stored(call, &item.media)?;
        families.push(attached.media.and_then(|id| call.state.world.files.get(&id)).and_then(media::family));
        let silent = request.silent;
        let content = Content { text, entities, attached, grouped_id, silent, ..Content::by(call.me, now()) };
        drafts.push(Draft { random_id: item.random_id, reply, content });
    }
    if drafts.is_empty() {
        return Err(Failure::bad("MEDIA_EMPTY"));
    }
    if families.len() > 1 && families.iter().any(|family| family.is_none() || *family != families[0]) {
        return Err(Failure::bad("MEDIA_GROUPED_INVALID"));
    }
    post_all(call, to, drafts)
}

pub(super) fn upload_media(
    call: &mut Call<'_>,
    request: functions::messages::UploadMedia,
) -> Result<enums::MessageMedia, Failure> {
    call.writable(&request.peer)?;
    let Attached { media, spoiler, .. } = media::take(call, &request.media)?;
    let file = media.and_then(|id| call.state.world.files.get(&id)).ok_or_else(|| Failure::bad("MEDIA_INVALID"))?;
    Ok(crate::telegram::wire::file::media(file, spoiler))
}

pub(super) fn set_typing(call: &mut Call<'_>, request: functions::messages::SetTyping) -> Result<bool, Failure> {
    call.writable(&request.peer)?;
    Ok(true)
}

/// Writes the drafts that were not written before, and answers for all of them.
pub(super) fn post_all(call: &mut Call<'_>, to: Peer, drafts: Vec<Draft>) -> Result<enums::Updates, Failure> {
    let mut outcomes = Vec::with_capacity(drafts.len());
    let mut events = Vec::with_capacity(drafts.len());
    for draft in drafts {
        let known = already_sent(call, to, draft.random_id)?;
        outcomes.push((draft.random_id, known));
        if known.is_none() {
            let content = Content { random_id: Some(draft.random_id), ..draft.content };
            events.push(Event::Posted { post: Box::new(Post { to, reply: draft.reply, content }) });
        }
    }
    call.spend(to, events.len())?;
    // One write for all, so that an album is there as a whole or not at all.
    let effects = call.commit(events)?;
    let mut fresh = effects.into_iter().filter_map(|effect| own_step(call.me, to, &effect));
    let outcomes: Vec<(i64, Sent)> = outcomes
        .into_iter()
        .filter_map(|(random_id, known)| Some((random_id, known.or_else(|| fresh.next())?)))
        .collect();
    Ok(answer(call, &outcomes))
}

/// What this account already made of the `random_id`.
pub(super) fn already_sent(call: &Call<'_>, to: Peer, random_id: i64) -> Result<Option<Sent>, Failure> {
    if random_id == 0 {
        return Err(Failure::bad("RANDOM_ID_EMPTY"));
    }
    let sent = call.state.world.accounts.get(&call.me).and_then(|account| account.sent.get(&random_id));
    match sent {
        Some(sent) if sent.peer != to => Err(Failure::new(500, "RANDOM_ID_DUPLICATE")),
        sent => Ok(sent.copied()),
    }
}

fn own_step(me: i64, to: Peer, effect: &Effect) -> Option<Sent> {
    match effect {
        Effect::Step { holder, entry: LogEntry { pts, change: Change::New(id), .. } }
            if *holder == Holder::Account(me) || matches!(holder, Holder::Channel(_)) =>
        {
            Some(Sent { peer: to, id: *id, pts: *pts })
        }
        _ => None,
    }
}

/// What the writer is told: which id each `random_id` got, then the messages.
pub(super) fn answer(call: &Call<'_>, outcomes: &[(i64, Sent)]) -> enums::Updates {
    let mut view = call.view();
    let mut updates: Vec<enums::Update> = outcomes
        .iter()
        .map(|(random_id, sent)| types::UpdateMessageId { id: sent.id, random_id: *random_id }.into())
        .collect();
    for (_, sent) in outcomes {
        let entry = LogEntry { pts: sent.pts, count: 1, date: 0, change: Change::New(sent.id) };
        updates.extend(view.update(view.holder_of(sent.peer), &entry));
        view.mention(sent.peer);
    }
    view.updates(updates)
}

/// Which message is answered; the topic follows from it in a forum.
pub(super) fn reply_to(
    call: &Call<'_>,
    to: Peer,
    input: Option<&enums::InputReplyTo>,
) -> Result<Option<Reply>, Failure> {
    let Some(input) = input else { return Ok(None) };
    let enums::InputReplyTo::Message(input) = input else {
        return Err(Failure::bad("REPLY_TO_INVALID"));
    };
    reply(call.me, to, input.reply_to_msg_id, input.top_msg_id, &call.state.world)
        .map(Some)
        .ok_or_else(|| Failure::bad("REPLY_MESSAGE_ID_INVALID"))
}

/// The quoted piece of the answered message.
fn quote(call: &Call<'_>, input: Option<&enums::InputReplyTo>) -> Result<Option<Quote>, Failure> {
    let Some(enums::InputReplyTo::Message(input)) = input else { return Ok(None) };
    let Some(text) = &input.quote_text else { return Ok(None) };
    let (text, entities) = clean_text(text, input.quote_entities.clone(), call.me, QUOTE_MAX)?;
    Ok(Some(Quote { text, entities, offset: input.quote_offset.unwrap_or(0) }))
}

/// A reply to an existing message, with its topic.
pub(crate) fn reply(
    viewer: i64,
    to: Peer,
    id: i32,
    topic: Option<i32>,
    world: &crate::telegram::world::World,
) -> Option<Reply> {
    let answered = world.message(viewer, to, id)?;
    let topics = match to {
        Peer::Channel(id) => &world.channels.get(&id)?.topics,
        Peer::User(_) | Peer::Group(_) => return Some(Reply { to: id, topic: None }),
    };
    let is_topic = |id: &i32| topics.contains_key(id);
    let topic = Some(id).filter(is_topic).or(answered.reply.and_then(|r| r.topic)).or(topic.filter(is_topic));
    Some(Reply { to: id, topic })
}

/// Trims the text as the real service does, moves and checks the spans, and checks the length in UTF-16 units.
pub(crate) fn clean_text(
    text: &str,
    entities: Option<Vec<enums::MessageEntity>>,
    me: i64,
    max: usize,
) -> Result<(String, Vec<Entity>), Failure> {
    let entities = entities.unwrap_or_default().iter().filter_map(|entity| Entity::from_tl(entity, me)).collect();
    trim(text, entities, max)
}

/// [`clean_text`] for spans that were read already.
pub(crate) fn trim(text: &str, entities: Vec<Entity>, max: usize) -> Result<(String, Vec<Entity>), Failure> {
    let units = |text: &str| text.encode_utf16().count();
    let whole = units(text) as i32;
    let without_start = text.trim_start();
    let cut = whole - units(without_start) as i32;
    let trimmed = without_start.trim_end();
    let length = units(trimmed);
    if length > max {
        return Err(Failure::bad(if max == CAPTION_MAX { "MEDIA_CAPTION_TOO_LONG" } else { "MESSAGE_TOO_LONG" }));
    }
    let mut kept = Vec::new();
    for entity in entities {
        if entity.offset < 0 || entity.length < 0 || entity.offset.saturating_add(entity.length) > whole {
            return Err(Failure::bad("ENTITY_BOUNDS_INVALID"));
        }
        let begin = (entity.offset - cut).clamp(0, length as i32);
        let end = (entity.offset + entity.length - cut).clamp(0, length as i32);
        if begin < end {
            kept.push(Entity { offset: begin, length: end - begin, ..entity });
        }
    }
    kept.sort_by_key(|entity| (entity.offset, -entity.length));
    Ok((trimmed.to_owned(), kept))
}

#[cfg(test)]
mod tests {
    use super::trim;
    use crate::telegram::world::entity::{Entity, EntityKind};

    #[test]
    fn trimming_moves_spans_in_utf16_units() {
        let bold = |offset, length| Entity { kind: EntityKind::Bold, offset, length };
        let (text, entities) = trim(" \n😀 bold  ", vec![bold(5, 6), bold(0, 2)], 4096).unwrap();
        assert_eq!(text, "😀 bold");
        assert_eq!(entities, [bold(3, 4)]);
        assert!(trim("short", vec![bold(0, 6)], 4096).is_err());
        assert!(trim(&"x".repeat(4097), Vec::new(), 4096).is_err());
    }
}
