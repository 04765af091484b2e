//! Revisions of source messages, and the attachments that they need.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use domain::{AccountId, ChatId, Clock, Lineage, MediaId, Message, SourceMessageId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{StoreError, content, ingest::Reader};

/// A revision of a message to be recorded.
pub struct Revision<'a> {
    pub id: SourceMessageId,
    pub message: Cow<'a, Message>,
    pub deleted: bool,
    pub media_from: Option<SourceMessageId>,
    pub lineage: Lineage,
}

/// Adds the revisions that are not there yet; returns the ids of those that were added.
pub async fn insert_revisions(
    connection: &mut PgConnection,
    reader: Reader<'_>,
    revisions: &[Revision<'_>],
    now: DateTime<Utc>,
) -> Result<Vec<SourceMessageId>, StoreError> {
    let mut contents = Vec::with_capacity(revisions.len());
    let mut lineages: Vec<Option<String>> = Vec::with_capacity(revisions.len());
    for revision in revisions {
        contents.push((content::message_place(revision.id), serde_json::to_vec(revision.message.as_ref())?));
        let lineage = (!revision.lineage.is_empty()).then(|| serde_json::to_string(&revision.lineage));
        lineages.push(lineage.transpose()?);
    }
    let media_from: Vec<Option<Uuid>> =
        revisions.iter().map(|revision| revision.media_from.map(|id| id.as_uuid())).collect();
    let sealed = reader.sealer.seal_all(&contents)?;
    let added = sqlx::query_scalar!(
        "INSERT INTO source_messages (id, account_id, chat_id, message_id, revision, sealed_content, sent_at,
                                      received_at, deleted, media_from, lineage, topic, parent_id)
         SELECT r.id, $1, r.chat, r.message, r.revision, r.content, r.sent_at, $2, r.deleted, r.media_from,
                r.lineage::jsonb, r.topic, r.parent
         FROM unnest($3::uuid[], $4::bigint[], $5::bigint[], $6::integer[], $7::bytea[], $8::timestamptz[],
                     $9::boolean[], $10::uuid[], $11::text[], $12::bigint[], $13::bigint[])
              AS r(id, chat, message, revision, content, sent_at, deleted, media_from, lineage, topic, parent)
         ON CONFLICT ON CONSTRAINT source_messages_identity_key DO NOTHING RETURNING id",
        reader.account as AccountId,
        now,
        &revisions.iter().map(|revision| revision.id.as_uuid()).collect::<Vec<_>>(),
        &revisions.iter().map(|revision| revision.message.chat.get()).collect::<Vec<_>>(),
        &revisions.iter().map(|revision| revision.message.message_id).collect::<Vec<_>>(),
        &revisions.iter().map(|revision| revision.message.revision).collect::<Vec<_>>(),
        &sealed,
        &revisions.iter().map(|revision| revision.message.sent_at).collect::<Vec<_>>(),
        &revisions.iter().map(|revision| revision.deleted).collect::<Vec<_>>(),
        &media_from as &[Option<Uuid>],
        &lineages as &[Option<String>],
        &revisions.iter().map(|revision| revision.message.topic).collect::<Vec<_>>() as &[Option<i64>],
        &revisions.iter().map(|revision| revision.message.parent.map(ChatId::get)).collect::<Vec<_>>()
            as &[Option<i64>]
    )
    .fetch_all(connection)
    .await?;
    Ok(added)
}

/// Asks for the attachments of these messages.
pub async fn insert_media(
    connection: &mut PgConnection,
    clock: &dyn Clock,
    account: AccountId,
    messages: &[(SourceMessageId, usize)],
) -> Result<usize, StoreError> {
    let (mut ids, mut owners, mut positions) = (Vec::new(), Vec::new(), Vec::new());
    for (message, count) in messages {
        for position in 0..i32::try_from(*count).unwrap_or(i32::MAX) {
            ids.push(MediaId::new(clock).as_uuid());
            owners.push(message.as_uuid());
            positions.push(position);
        }
    }
    if ids.is_empty() {
        return Ok(0);
    }
    sqlx::query!(
        "INSERT INTO media (id, source_message_id, account_id, position, state, fetch_after)
         SELECT m.id, m.owner, $1, m.position, 'pending', $2
         FROM unnest($3::uuid[], $4::uuid[], $5::integer[]) AS m(id, owner, position)",
        account as AccountId,
        clock.now(),
        &ids,
        &owners,
        &positions
    )
    .execute(connection)
    .await?;
    Ok(ids.len())
}
