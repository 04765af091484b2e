//! What pairs wrote themselves: whether a message is one of it, and the way it came.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use domain::{AccountId, ChatId, Hop, Lineage, Message, PairId, PartText, Place, Platform, Style, text::telegram};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Reader, routes::Routes};
use crate::{StoreError, deliveries::Shown, seal::Sealer};

/// The ways of those messages of a batch that pairs have written.
#[derive(Debug, Default)]
pub(super) struct Echoes(HashMap<(ChatId, i64), Lineage>);

impl Echoes {
    /// Asks only when some pair writes to a chat of the batch.
    pub async fn read(
        connection: &mut PgConnection,
        reader: Reader<'_>,
        routes: &Routes,
        messages: impl Iterator<Item = &Message>,
    ) -> Result<Self, StoreError> {
        let asked: Vec<&Message> = messages.filter(|message| routes.may_be_carried(message, reader.platform)).collect();
        if asked.is_empty() {
            return Ok(Self::default());
        }
        let global: Vec<bool> =
            asked.iter().map(|message| message.chat.message_ids_are_global(reader.platform)).collect();
        let rows = sqlx::query!(
            r#"SELECT m.chat_id, m.message_id, m.pair_id AS pair, s.chat_id AS source_chat, s.lineage,
                      coalesce(s.topic, (s.content ->> 'topic')::bigint) AS topic,
                      coalesce(s.parent_id, (s.content ->> 'parent')::bigint) AS parent, sa.platform
               FROM unnest($1::bigint[], $2::bigint[], $3::boolean[]) AS asked(chat, message, global)
               JOIN destination_messages m ON m.chat_id = asked.chat AND m.message_id = asked.message
                                              AND (asked.global OR m.account_id = $4)
               JOIN accounts da ON da.id = m.account_id AND da.platform = $5
               JOIN deliveries d ON d.pair_id = m.pair_id AND d.seq = m.seq
               JOIN source_messages s ON s.id = d.source_message_id
               JOIN accounts sa ON sa.id = s.account_id"#,
            &asked.iter().map(|message| message.chat.get()).collect::<Vec<_>>(),
            &asked.iter().map(|message| message.message_id).collect::<Vec<_>>(),
            &global,
            reader.account as AccountId,
            reader.platform as Platform
        )
        .fetch_all(&mut *connection)
        .await?;
        let mut echoes = HashMap::with_capacity(rows.len());
        for row in rows {
            let before: Lineage = row.lineage.map(serde_json::from_value).transpose()?.unwrap_or_default();
            let parent = row.parent.map(ChatId::new);
            let from = Place::below(parent, row.platform, row.source_chat, row.topic);
            echoes.insert((row.chat_id, row.message_id), before.then(Hop { from, pair: row.pair }));
        }
        let mut echoes = Self(echoes);
        echoes.recognise(connection, reader, routes, &asked).await?;
        Ok(echoes)
    }

    /// In Telegram's private chats and basic groups every account has numbers of its own. What another account of ours
    /// wrote there is recognised by its writer, its time and what it shows. Somebody who types the same with that account
    /// within the hour is taken for it, which matters only where the message would go round in a circle.
    async fn recognise(
        &mut self,
        connection: &mut PgConnection,
        reader: Reader<'_>,
        routes: &Routes,
        asked: &[&Message],
    ) -> Result<(), StoreError> {
        let unknown = asked.iter().filter_map(|message| {
            let local = !message.chat.message_ids_are_global(reader.platform) && !message.outgoing;
            let author = message.author.as_ref().filter(|_| local && !self.knows(message))?;
            Some((*message, author.id, routes.as_written(message, reader.platform)?))
        });
        let unknown: Vec<(&Message, i64, ChatId)> = unknown.collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let written = Written::read(connection, reader.sealer, &unknown).await?;
        for (message, author, chat) in unknown {
            let digest = digest(message);
            let is_it = |one: &&Written| (one.author, one.chat) == (author, chat) && one.reads(message, &digest);
            if let Some(found) = written.iter().find(is_it) {
                self.0.insert((message.chat, message.message_id), found.way.clone());
            }
        }
        Ok(())
    }

    /// The way of a message; empty when no pair wrote it.
    pub fn lineage(&self, message: &Message) -> Lineage {
        self.0.get(&(message.chat, message.message_id)).cloned().unwrap_or_default()
    }

    fn knows(&self, message: &Message) -> bool {
        self.0.contains_key(&(message.chat, message.message_id))
    }
}

/// Something that a pair wrote in a chat that numbers its messages per account.
struct Written {
    author: i64,
    chat: ChatId,
    at: DateTime<Utc>,
    shown: Shown,
    way: Lineage,
}

impl Written {
    /// What our accounts among the authors of `asked` have written in those chats about that time, oldest first. What
    /// was written says what it shows only when it is opened, so it is compared here and not by the database.
    async fn read(
        connection: &mut PgConnection,
        sealer: &Sealer,
        asked: &[(&Message, i64, ChatId)],
    ) -> Result<Vec<Self>, StoreError> {
        let rows = sqlx::query!(
            r#"SELECT asked.author AS "author!", m.chat_id AS chat, m.sent_at, m.pair_id AS pair, m.seq, m.part, m.item,
                      m.shown, m.text_digest, m.media_digest, s.chat_id AS source_chat, s.lineage,
                      coalesce(s.topic, (s.content ->> 'topic')::bigint) AS topic,
                      coalesce(s.parent_id, (s.content ->> 'parent')::bigint) AS parent, sa.platform
               FROM (SELECT author, chat, min(sent_at) AS first, max(sent_at) AS last
                     FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[]) AS u(author, chat, sent_at)
                     GROUP BY author, chat) asked
               JOIN accounts da ON da.platform = 'telegram' AND da.external_id = asked.author
               JOIN destination_messages m ON m.account_id = da.id AND m.chat_id = asked.chat
                    AND m.chat_id BETWEEN -999999999999 AND 99999999999999
                    AND m.sent_at BETWEEN asked.first - interval '2 minutes' AND asked.last + interval '1 hour'
               JOIN deliveries d ON d.pair_id = m.pair_id AND d.seq = m.seq
               JOIN source_messages s ON s.id = d.source_message_id
               JOIN accounts sa ON sa.id = s.account_id
               ORDER BY m.sent_at"#,
            &asked.iter().map(|(_, author, _)| *author).collect::<Vec<_>>(),
            &asked.iter().map(|(_, _, chat)| chat.get()).collect::<Vec<_>>(),
            &asked.iter().map(|(message, ..)| message.sent_at).collect::<Vec<_>>()
        )
        .fetch_all(connection)
        .await?;
        let written = rows.into_iter().map(|row| {
            let clear = Shown { text: row.text_digest, media: row.media_digest };
            let shown = Shown::open(sealer, (row.pair, row.seq, row.part, row.item), row.shown.as_deref(), clear)?;
            let before: Lineage = row.lineage.map(serde_json::from_value).transpose()?.unwrap_or_default();
            let from = Place::below(row.parent.map(ChatId::new), row.platform, row.source_chat, row.topic);
            let way = before.then(Hop { from, pair: row.pair });
            Ok(Self { author: row.author, chat: row.chat, at: row.sent_at, shown, way })
        });
        written.collect()
    }

    /// It may be `message`, by its time and what it shows; `digest`: that of its text.
    fn reads(&self, message: &Message, digest: &str) -> bool {
        let soon = message.sent_at - TimeDelta::minutes(2)..=message.sent_at + TimeDelta::hours(1);
        let Shown { text, media } = &self.shown;
        let is_forward = message.forwarded_from.is_some() && media.as_deref() == Some("forward");
        let is_same = media.is_some() != message.media.is_empty() && text.as_deref() == Some(digest);
        soon.contains(&self.at) && (is_forward || is_same)
    }
}

/// A pair claims in order, so that what is on its way is among so many of its first open deliveries: what a drain has
/// claimed, and what it has sent and not recorded yet.
const ON_THEIR_WAY_MAX: i64 = 256;

/// What the text of a message is on record as, if a pair wrote it. Telegram marks names with `@` by itself.
fn digest(message: &Message) -> String {
    let mut text = message.text.clone();
    text.spans.retain(|span| span.style != Style::NAMED);
    PartText::Telegram(telegram::normalise(text)).digest()
}

/// Deliveries whose send may have made a message of the batch that is not on record yet. To be asked before anything is
/// written: when they are settled, the message is known as ours, or is somebody else's.
///
/// A first attempt of a drain on this worker is not among them: whoever ingests has waited at the gate of the chat until
/// it was on record.
pub(super) async fn unsettled(
    connection: &mut PgConnection,
    reader: Reader<'_>,
    routes: &Routes,
    echoes: &Echoes,
    messages: impl Iterator<Item = &Message>,
) -> Result<Vec<(PairId, i64)>, StoreError> {
    let unknown = messages.filter(|message| routes.may_be_carried(message, reader.platform) && !echoes.knows(message));
    let (mut chats, mut authors) = (Vec::new(), Vec::new());
    for message in unknown {
        // What a person or a foreign bot signed is theirs. Webhooks write under any name.
        let author = message.author.as_ref().filter(|author| !message.outgoing && !author.bot).map(|author| author.id);
        let as_written = routes.as_written(message, reader.platform).filter(|chat| *chat != message.chat);
        for chat in [Some(message.chat), message.parent, as_written].into_iter().flatten() {
            chats.push(chat.get());
            authors.push(author);
        }
    }
    if chats.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query!(
        r#"SELECT p.id AS pair, open.seq AS "seq!"
           FROM pairs p JOIN accounts a ON a.id = p.destination_account_id AND a.platform = $3
           CROSS JOIN LATERAL (
             SELECT d.seq, d.state, d.attempts FROM deliveries d
             WHERE d.pair_id = p.id AND d.state IN ('pending', 'sending') ORDER BY d.seq LIMIT $5) open
           WHERE p.deleted_at IS NULL AND open.state = 'sending'
             AND (open.attempts > 1 OR p.drain_host IS DISTINCT FROM $4)
             AND EXISTS (SELECT FROM unnest($1::bigint[], $2::bigint[]) AS u(chat, author)
                         WHERE u.chat = p.destination_chat_id AND (u.author IS NULL OR u.author = a.external_id))"#,
        &chats,
        &authors as &[Option<i64>],
        reader.platform as Platform,
        reader.host,
        ON_THEIR_WAY_MAX
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.pair, row.seq)).collect())
}

/// Those of `deliveries` that are still on their way.
pub async fn still_unsettled(
    connection: &mut PgConnection,
    deliveries: &[(PairId, i64)],
) -> Result<Vec<(PairId, i64)>, StoreError> {
    let pairs: Vec<Uuid> = deliveries.iter().map(|(pair, _)| pair.as_uuid()).collect();
    let seqs: Vec<i64> = deliveries.iter().map(|(_, seq)| *seq).collect();
    let rows = sqlx::query!(
        "SELECT d.pair_id AS pair, d.seq FROM deliveries d
           JOIN unnest($1::uuid[], $2::bigint[]) AS u(pair, seq) ON u.pair = d.pair_id AND u.seq = d.seq
           WHERE d.state = 'sending'",
        &pairs,
        &seqs
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.pair, row.seq)).collect())
}
