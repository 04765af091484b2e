//! Edits and deletions: a revision each, folded into the deliveries that still wait, or deliveries of their own.

use std::{borrow::Cow, collections::HashMap, collections::HashSet};

use domain::{ChatId, Lineage, Message, SourceMessageId, change::Change};
use sqlx::PgConnection;

use super::{
    Ingest,
    ledger::{self, Revision},
};
use crate::{StoreError, content};

mod affected;
mod folds;
mod reactions;
mod withdrawals;

/// A message that was changed: with its new content, or gone.
#[derive(Clone, Copy)]
pub(super) struct Changed<'a> {
    pub chat: ChatId,
    pub message_id: i64,
    pub edited: Option<&'a Message>,
}

impl Changed<'_> {
    pub const fn key(&self) -> (ChatId, i64) {
        (self.chat, self.message_id)
    }
}

/// The newest revision that is on record.
struct Newest {
    id: SourceMessageId,
    revision: i32,
    message: Message,
    deleted: bool,
    media_from: Option<SourceMessageId>,
    lineage: Lineage,
}

/// One new revision and what it changes.
struct Next<'a> {
    revision: Revision<'a>,
    change: Change,
    new_media: bool,
}

/// Records `changed`, which are distinct messages. What is not on record, or says nothing new, changes nothing.
pub(super) async fn record(
    connection: &mut PgConnection,
    ingest: &mut Ingest<'_>,
    changed: &[Changed<'_>],
) -> Result<(), StoreError> {
    let newest = newest(connection, ingest, changed).await?;
    let next: Vec<Next<'_>> =
        changed.iter().filter_map(|changed| next(ingest, changed, newest.get(&changed.key())?)).collect();
    if next.is_empty() {
        return Ok(());
    }
    let (revisions, facts): (Vec<_>, Vec<_>) =
        next.into_iter().map(|next| (next.revision, (next.change, next.new_media))).unzip();
    let added = ledger::insert_revisions(connection, ingest.reader, &revisions, ingest.now).await?;
    let added: HashSet<SourceMessageId> = added.into_iter().collect();
    let kept: Vec<(&Revision<'_>, Change, bool)> = revisions
        .iter()
        .zip(facts)
        .filter(|(revision, _)| added.contains(&revision.id))
        .map(|(revision, (change, new_media))| (revision, change, new_media))
        .collect();
    ingest.done.messages += kept.len();
    let keys: Vec<(ChatId, i64)> =
        kept.iter().map(|(revision, ..)| (revision.message.chat, revision.message.message_id)).collect();
    let known = affected::deliveries(connection, ingest, &keys).await?;
    reactions::apply(connection, ingest, &kept, &known).await
}

/// The revision that `changed` makes of the newest one; `None` when it says nothing new.
fn next<'a>(ingest: &Ingest<'_>, changed: &Changed<'a>, newest: &Newest) -> Option<Next<'a>> {
    if newest.deleted {
        return None;
    }
    let revision = newest.revision + 1;
    let (message, change) = match changed.edited {
        None => (Message { revision, ..newest.message.clone() }, Change::Delete),
        Some(message) => {
            if !message.is_news_to(&newest.message) {
                return None;
            }
            (Message { revision, ..message.clone() }, Change::Edit)
        }
    };
    let new_media = change == Change::Edit && !message.same_media(&newest.message);
    let media_from = (!new_media).then(|| newest.media_from.unwrap_or(newest.id));
    let revision = Revision {
        id: SourceMessageId::new(ingest.clock),
        message: Cow::Owned(message),
        deleted: change == Change::Delete,
        media_from,
        lineage: newest.lineage.clone(),
    };
    Some(Next { revision, change, new_media })
}

async fn newest(
    connection: &mut PgConnection,
    ingest: &Ingest<'_>,
    changed: &[Changed<'_>],
) -> Result<HashMap<(ChatId, i64), Newest>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT DISTINCT ON (s.chat_id, s.message_id) s.id, s.revision, s.content, s.sealed_content,
                  s.deleted, s.media_from, s.lineage
           FROM unnest($2::bigint[], $3::bigint[]) AS asked(chat, message)
           JOIN source_messages s ON s.account_id = $1 AND s.chat_id = asked.chat AND s.message_id = asked.message
           ORDER BY s.chat_id, s.message_id, s.revision DESC"#,
        ingest.reader.account as domain::AccountId,
        &changed.iter().map(|changed| changed.chat.get()).collect::<Vec<_>>(),
        &changed.iter().map(|changed| changed.message_id).collect::<Vec<_>>()
    )
    .fetch_all(connection)
    .await?;
    let mut newest = HashMap::with_capacity(rows.len());
    for row in rows {
        let message = content::message(ingest.reader.sealer, row.id, row.sealed_content.as_deref(), row.content)?;
        let lineage = row.lineage.map(serde_json::from_value).transpose()?.unwrap_or_default();
        let key = (message.chat, message.message_id);
        let (revision, deleted, media_from) = (row.revision, row.deleted, row.media_from);
        newest.insert(key, Newest { id: row.id, revision, message, deleted, media_from, lineage });
    }
    Ok(newest)
}
