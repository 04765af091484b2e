//! Ingest: what happened at the sources, and the deliveries that it causes, in the caller's transaction.
//!
//! A batch is a handful of statements, however many messages it holds: one asks which pairs read its chats, and one
//! for each table writes.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use domain::{AccountId, ChatId, Clock, Message, PairId, Platform, Update, UserId, rules::RuleBook};
use sqlx::PgConnection;

use crate::{StoreError, seal::Sealer};

mod changes;
mod echoes;
mod ledger;
mod posts;
mod routes;

use changes::Changed;
use echoes::Echoes;
pub use echoes::still_unsettled;
use routes::Routes;
pub use routes::read_chats;

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
    /// The compiled rules of pairs.
    pub rules: &'a RuleBook,
    /// Seals what is written and opens what is on record.
    pub sealer: &'a Sealer,
    /// Chats of which something from before is missing: what comes now does not move their cursors.
    pub gaps: &'a [ChatId],
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

/// What to do when a message may be one that a pair has written and that is not on record yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// Write nothing and name the deliveries to wait for.
    Wait,
    /// Go on: the wait was long enough.
    Over,
}

/// What an ingest did.
#[derive(Clone, Debug, Default)]
pub struct Ingested {
    /// Messages and revisions that were not known before.
    pub messages: usize,
    /// Deliveries that wait.
    pub deliveries: usize,
    /// Attachments that have to be fetched.
    pub media: usize,
    /// Pairs to wake after the commit.
    pub wakes: Vec<Wake>,
    /// Nothing was written: these deliveries are on their way, perhaps with a message of the batch. Ask again when
    /// they are settled ([`still_unsettled`]).
    pub unsettled: Vec<(PairId, i64)>,
}

/// What the parts of one ingest share.
struct Ingest<'a> {
    clock: &'a dyn Clock,
    now: DateTime<Utc>,
    reader: Reader<'a>,
    routes: Routes,
    echoes: Echoes,
    done: Ingested,
}

impl Ingest<'_> {
    /// A drain on `host` hears of a wake through the database only.
    fn is_elsewhere(&self, host: Option<&str>) -> bool {
        host.is_some_and(|host| host != self.reader.host)
    }
}

/// Records `updates`, which happened in this order: each message and revision, and what it means for every pair of its
/// chat. Messages of chats that no pair reads are not kept. Ingesting the same again changes nothing.
pub async fn ingest(
    connection: &mut PgConnection,
    clock: &dyn Clock,
    reader: Reader<'_>,
    updates: &[Update],
    patience: Patience,
) -> Result<Ingested, StoreError> {
    let routes = Routes::read(connection, reader, posted(updates)).await?;
    let echoes = Echoes::read(connection, reader, &routes, posted(updates)).await?;
    if patience == Patience::Wait {
        let unsettled = echoes::unsettled(connection, reader, &routes, &echoes, posted(updates)).await?;
        if !unsettled.is_empty() {
            return Ok(Ingested { unsettled, ..Ingested::default() });
        }
    }
    let now = clock.now();
    let mut ingest = Ingest { clock, now, reader, routes, echoes, done: Ingested::default() };
    for run in runs(connection, reader.account, updates).await? {
        match run {
            Run::Posts(messages) => posts::record(connection, &mut ingest, &messages).await?,
            Run::Changes(changed) => changes::record(connection, &mut ingest, &changed).await?,
        }
    }
    let is_read = |message: &Message| ingest.routes.of(message).next().is_some();
    let is_whole = |message: &&Message| {
        let mut places = [Some(message.chat), message.parent].into_iter().flatten();
        places.all(|place| !reader.gaps.contains(&place))
    };
    ledger::advance_cursors(connection, reader.account, posted(updates).filter(is_whole), is_read, now).await?;
    Ok(ingest.done)
}

fn posted(updates: &[Update]) -> impl Iterator<Item = &Message> {
    updates.iter().filter_map(|update| match update {
        Update::Posted(message) => Some(message),
        Update::Edited(_) | Update::Deleted(_) => None,
    })
}

/// Updates of one kind in a row, each of another message: they are written together.
enum Run<'a> {
    Posts(Vec<&'a Message>),
    Changes(Vec<Changed<'a>>),
}

async fn runs<'a>(
    connection: &mut PgConnection,
    account: AccountId,
    updates: &'a [Update],
) -> Result<Vec<Run<'a>>, StoreError> {
    let mut runs: Vec<Run<'a>> = Vec::new();
    let mut seen: HashSet<(ChatId, i64)> = HashSet::new();
    for update in updates {
        let changed = match update {
            Update::Posted(message) => {
                match runs.last_mut() {
                    Some(Run::Posts(messages)) => messages.push(message),
                    Some(Run::Changes(_)) | None => runs.push(Run::Posts(vec![message])),
                }
                continue;
            }
            Update::Edited(message) => {
                vec![Changed { chat: message.chat, message_id: message.message_id, edited: Some(message) }]
            }
            Update::Deleted(deletion) => {
                let chats = match deletion.chat {
                    Some(chat) => deletion.message_ids.iter().map(|id| (chat, *id)).collect(),
                    None => chats_of(connection, account, &deletion.message_ids).await?,
                };
                let gone = chats.into_iter().map(|(chat, message_id)| Changed { chat, message_id, edited: None });
                gone.collect()
            }
        };
        for changed in changed {
            match runs.last_mut() {
                Some(Run::Changes(known)) if seen.insert(changed.key()) => known.push(changed),
                _ => {
                    seen = HashSet::from([changed.key()]);
                    runs.push(Run::Changes(vec![changed]));
                }
            }
        }
    }
    Ok(runs)
}

/// Where messages are whose numbers alone are known: in one of the chats that number them for the account.
async fn chats_of(
    connection: &mut PgConnection,
    account: AccountId,
    message_ids: &[i64],
) -> Result<Vec<(ChatId, i64)>, StoreError> {
    let rows = sqlx::query!(
        "SELECT DISTINCT s.chat_id AS chat, s.message_id FROM source_messages s
           WHERE s.account_id = $1 AND s.message_id = ANY($2) AND s.chat_id = ANY(ARRAY(
             SELECT DISTINCT p.source_chat_id FROM pairs p
             WHERE p.source_account_id = $1 AND p.source_chat_id > -1000000000000 AND p.deleted_at IS NULL))
           ORDER BY 1, 2",
        account as AccountId,
        message_ids
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.chat, row.message_id)).collect())
}
