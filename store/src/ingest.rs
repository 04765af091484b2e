//! Ingest: source messages and the deliveries that they cause, in the caller's transaction.

use chrono::{DateTime, TimeDelta, Utc};
use domain::{AccountId, ChatId, Clock, MediaId, Message, PairId, Platform, SourceMessageId, UserId};
use sqlx::PgConnection;

use crate::StoreError;

/// The channel of `NOTIFY` that wakes a drain lingering in another process; the payload is the pair's UUID.
pub const WAKE_CHANNEL: &str = "pair_wake";

/// Who reads, and where.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    /// The account whose messages these are.
    pub account: AccountId,
    /// Where it lives.
    pub platform: Platform,
    /// The worker that hosts it: drains on the same worker are woken in process.
    pub host: &'a str,
}

/// A pair that has something to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wake {
    /// The pair.
    pub pair: PairId,
    /// Whose it is.
    pub user: UserId,
    /// No drain knows yet: its workflow must be signalled after the commit.
    pub signal: bool,
}

/// What an ingest did.
#[derive(Clone, Debug, Default)]
pub struct Ingested {
    /// Messages that were not known before.
    pub messages: usize,
    /// Deliveries that wait.
    pub deliveries: usize,
    /// Attachments that have to be fetched.
    pub media: usize,
    /// Pairs to wake after the commit.
    pub wakes: Vec<Wake>,
}

struct Route {
    pair: PairId,
    user: UserId,
    chat: ChatId,
    start_id: i64,
    delay_seconds: i32,
    destination_host: Option<String>,
}

/// Records `messages` and one delivery for every pair of their chats. Messages of chats that no pair reads are not
/// kept. Ingesting the same message again changes nothing.
pub async fn ingest(
    connection: &mut PgConnection,
    clock: &dyn Clock,
    reader: Reader<'_>,
    messages: &[Message],
) -> Result<Ingested, StoreError> {
    let now = clock.now();
    let routes = routes(connection, reader.account, messages).await?;
    let mut ingested = Ingested::default();
    for message in messages {
        let routes: Vec<&Route> =
            routes.iter().filter(|route| route.chat == message.chat && message.message_id > route.start_id).collect();
        if routes.is_empty() {
            continue;
        }
        let id = SourceMessageId::new(clock);
        if !insert_message(connection, reader.account, id, message, now).await? {
            continue;
        }
        ingested.messages += 1;
        let skip = match message.skip_rule() {
            Some(rule) => Some(rule),
            None if is_echo(connection, reader, message).await? => {
                Some(("own_message", "this message was written here by a forwarding pair"))
            }
            None => None,
        };
        if skip.is_none() {
            ingested.media += insert_media(connection, clock, reader.account, id, message, now).await?;
        }
        for route in routes {
            let wake = insert_delivery(connection, reader.host, route, id, skip, now).await?;
            if skip.is_none() {
                ingested.deliveries += 1;
                note_wake(&mut ingested.wakes, wake);
            }
        }
    }
    advance_cursors(connection, reader.account, messages).await?;
    Ok(ingested)
}

fn note_wake(wakes: &mut Vec<Wake>, wake: Wake) {
    match wakes.iter_mut().find(|known| known.pair == wake.pair) {
        Some(known) => known.signal |= wake.signal,
        None => wakes.push(wake),
    }
}

async fn routes(
    connection: &mut PgConnection,
    account: AccountId,
    messages: &[Message],
) -> Result<Vec<Route>, StoreError> {
    let mut chats: Vec<i64> = messages.iter().map(|message| message.chat.get()).collect();
    chats.sort_unstable();
    chats.dedup();
    let routes = sqlx::query_as!(
        Route,
        "SELECT p.id AS pair, p.user_id AS user, p.source_chat_id AS chat, p.source_start_id AS start_id, p.delay_seconds,
                d.host AS destination_host
         FROM pairs p JOIN accounts d ON d.id = p.destination_account_id
         WHERE p.source_account_id = $1 AND p.source_chat_id = ANY($2) AND p.deleted_at IS NULL ORDER BY p.id",
        account as AccountId,
        &chats
    )
    .fetch_all(connection)
    .await?;
    Ok(routes)
}

async fn insert_message(
    connection: &mut PgConnection,
    account: AccountId,
    id: SourceMessageId,
    message: &Message,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let content = serde_json::to_value(message)?;
    let done = sqlx::query!(
        "INSERT INTO source_messages (id, account_id, chat_id, message_id, revision, content, sent_at, received_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT ON CONSTRAINT source_messages_identity_key DO NOTHING",
        id as SourceMessageId,
        account as AccountId,
        message.chat as ChatId,
        message.message_id,
        message.revision,
        content,
        message.sent_at,
        now
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// True when one of our own sends wrote the message. Chats that number messages per account are asked per account.
async fn is_echo(connection: &mut PgConnection, reader: Reader<'_>, message: &Message) -> Result<bool, StoreError> {
    if message.outgoing && reader.platform == Platform::Discord {
        // A bot writes only what we send.
        return Ok(true);
    }
    let echo = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM destination_messages
                          WHERE chat_id = $1 AND message_id = $2 AND ($3 OR account_id = $4)) AS "echo!""#,
        message.chat as ChatId,
        message.message_id,
        message.chat.message_ids_are_global(reader.platform),
        reader.account as AccountId
    )
    .fetch_one(connection)
    .await?;
    Ok(echo)
}

async fn insert_media(
    connection: &mut PgConnection,
    clock: &dyn Clock,
    account: AccountId,
    message_id: SourceMessageId,
    message: &Message,
    now: DateTime<Utc>,
) -> Result<usize, StoreError> {
    for (position, _) in (0_i32..).zip(&message.media) {
        sqlx::query!(
            "INSERT INTO media (id, source_message_id, account_id, position, state, fetch_after)
             VALUES ($1, $2, $3, $4, 'pending', $5)",
            MediaId::new(clock) as MediaId,
            message_id as SourceMessageId,
            account as AccountId,
            position,
            now
        )
        .execute(&mut *connection)
        .await?;
    }
    Ok(message.media.len())
}

async fn insert_delivery(
    connection: &mut PgConnection,
    host: &str,
    route: &Route,
    message: SourceMessageId,
    skip: Option<(&'static str, &'static str)>,
    now: DateTime<Utc>,
) -> Result<Wake, StoreError> {
    let due_at = now + TimeDelta::seconds(i64::from(route.delay_seconds));
    let elsewhere = route.destination_host.as_deref().is_some_and(|destination| destination != host);
    let row = sqlx::query!(
        r#"WITH old AS (SELECT id, next_seq, wake_pending FROM pairs WHERE id = $1 FOR UPDATE),
             bump AS (UPDATE pairs p SET next_seq = old.next_seq + 1, wake_pending = old.wake_pending OR $5::text IS NULL
                      FROM old WHERE p.id = old.id),
             delivery AS (
               INSERT INTO deliveries (pair_id, seq, source_message_id, state, reason_code, reason, due_at, created_at, settled_at)
               SELECT id, next_seq, $2, CASE WHEN $5::text IS NULL THEN 'pending' ELSE 'skipped' END::delivery_state,
                      $5, $6, $3, $4, CASE WHEN $5::text IS NULL THEN NULL ELSE $4::timestamptz END FROM old
               RETURNING pair_id, seq),
             event AS (
               INSERT INTO delivery_events (pair_id, seq, at, kind, detail)
               SELECT pair_id, seq, $4, CASE WHEN $5::text IS NULL THEN 'received' ELSE 'skipped' END, $6 FROM delivery)
           SELECT NOT wake_pending AS "signal!",
                  CASE WHEN wake_pending AND $7 AND $5::text IS NULL
                       THEN pg_notify('pair_wake', id::text)::text END AS notified
           FROM old"#,
        route.pair as PairId,
        message as SourceMessageId,
        due_at,
        now,
        skip.map(|(code, _)| code),
        skip.map(|(_, text)| text),
        elsewhere
    )
    .fetch_one(connection)
    .await?;
    Ok(Wake { pair: route.pair, user: route.user, signal: row.signal })
}

async fn advance_cursors(
    connection: &mut PgConnection,
    account: AccountId,
    messages: &[Message],
) -> Result<(), StoreError> {
    let mut newest: Vec<(ChatId, i64)> = Vec::new();
    for message in messages {
        match newest.iter_mut().find(|(chat, _)| *chat == message.chat) {
            Some((_, id)) => *id = (*id).max(message.message_id),
            None => newest.push((message.chat, message.message_id)),
        }
    }
    for (chat, id) in newest {
        sqlx::query!(
            "UPDATE chats SET cursor = $3 WHERE account_id = $1 AND chat_id = $2 AND cursor < $3",
            account as AccountId,
            chat as ChatId,
            id
        )
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}
