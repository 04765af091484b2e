//! Which pairs read the chats of a batch, and which of these chats some pair writes to.

use std::{collections::HashSet, sync::Arc};

use domain::{
    AccountId, ChatId, Message, PairId, Place, Platform,
    rules::{Rules, Unreadable},
};
use sqlx::PgConnection;

use super::Reader;
use crate::{StoreError, rules};

/// One pair that reads a chat.
#[derive(Clone, Debug)]
pub(super) struct Route {
    pub pair: PairId,
    pub chat: ChatId,
    pub topic: Option<i64>,
    pub start_id: i64,
    pub delay_seconds: i32,
    pub destination_platform: Platform,
    pub destination_chat: ChatId,
    pub destination_topic: Option<i64>,
    pub destination_host: Option<String>,
    /// Telegram forwards by itself on this pair: no attachment is needed.
    pub native: bool,
    /// Which of the messages it carries, and when.
    pub rules: Result<Arc<Rules>, Unreadable>,
}

impl Route {
    /// Where the pair writes.
    pub fn destination(&self) -> Place {
        Place { platform: self.destination_platform, chat: self.destination_chat, topic: self.destination_topic }
    }

    /// The pair reads this message: of its chat, or of a thread under its channel, of its topic, and new to it.
    fn reads(&self, message: &Message) -> bool {
        let here = self.chat == message.chat || Some(self.chat) == message.parent;
        here && message.is_in_topic(self.topic) && message.message_id > self.start_id
    }
}

/// Those of `chats` that some pair of the account reads.
pub async fn read_chats(
    connection: &mut PgConnection,
    account: AccountId,
    chats: &[ChatId],
) -> Result<HashSet<ChatId>, StoreError> {
    let chats: Vec<i64> = chats.iter().map(|chat| chat.get()).collect();
    let read = sqlx::query_scalar!(
        "SELECT DISTINCT source_chat_id FROM pairs
         WHERE source_account_id = $1 AND source_chat_id = ANY($2) AND deleted_at IS NULL",
        account as AccountId,
        &chats
    )
    .fetch_all(connection)
    .await?;
    Ok(read.into_iter().collect())
}

/// All routes of a batch.
#[derive(Debug, Default)]
pub(super) struct Routes {
    routes: Vec<Route>,
    written: HashSet<ChatId>,
    /// The reader's own id at the platform: a private chat with it, as the other side sees it.
    own: Option<ChatId>,
}

impl Routes {
    /// Asks once for all of `messages`.
    pub async fn read(
        connection: &mut PgConnection,
        reader: Reader<'_>,
        messages: impl Iterator<Item = &Message>,
    ) -> Result<Self, StoreError> {
        let mut chats: Vec<i64> =
            messages.flat_map(|message| [Some(message.chat), message.parent]).flatten().map(ChatId::get).collect();
        if chats.is_empty() {
            return Ok(Self::default());
        }
        chats.sort_unstable();
        chats.dedup();
        let rows = sqlx::query!(
            r#"SELECT p.id, p.source_chat_id, p.source_topic_id, p.source_start_id, p.delay_seconds,
                      p.destination_chat_id, p.destination_topic_id, d.platform, d.host, p.options, p.updated_at,
                      p.mode, p.destination_account_id,
                      ARRAY(SELECT DISTINCT w.destination_chat_id FROM pairs w
                            WHERE w.destination_chat_id = ANY(array_append($2::bigint[], s.external_id))) AS "written!", s.external_id AS own
               FROM pairs p JOIN accounts d ON d.id = p.destination_account_id
               JOIN accounts s ON s.id = p.source_account_id
               WHERE p.source_account_id = $1 AND p.source_chat_id = ANY($2) AND p.deleted_at IS NULL ORDER BY p.id"#,
            reader.account as AccountId,
            &chats
        )
        .fetch_all(connection)
        .await?;
        let written = rows.first().map(|row| row.written.iter().copied().map(ChatId::new).collect());
        let own = rows.first().and_then(|row| row.own).map(ChatId::new);
        let routes = rows.into_iter().map(|row| Route {
            pair: row.id,
            chat: row.source_chat_id,
            topic: row.source_topic_id,
            start_id: row.source_start_id,
            delay_seconds: row.delay_seconds,
            destination_platform: row.platform,
            destination_chat: row.destination_chat_id,
            destination_topic: row.destination_topic_id,
            destination_host: row.host,
            native: row.mode.is_native(reader.account, row.destination_account_id, row.platform),
            rules: rules::compiled(reader.rules, row.id, row.updated_at, &row.options),
        });
        Ok(Self { routes: routes.collect(), written: written.unwrap_or_default(), own })
    }

    /// The chat that `message` stands in as its author's account sees it: of a private chat each side sees the other.
    pub fn as_written(&self, message: &Message, platform: Platform) -> Option<ChatId> {
        let private = platform == Platform::Telegram && message.chat.get() > 0;
        if private { self.own } else { Some(message.chat) }
    }

    /// The pairs that read `message`, in a lasting order.
    pub fn of<'a>(&'a self, message: &'a Message) -> impl Iterator<Item = &'a Route> {
        self.routes.iter().filter(|route| route.reads(message))
    }

    /// Some pair writes where `message` stands, so it may be something that was carried.
    pub fn may_be_carried(&self, message: &Message, platform: Platform) -> bool {
        let places = [Some(message.chat), message.parent, self.as_written(message, platform)];
        places.into_iter().flatten().any(|place| self.written.contains(&place))
    }
}
