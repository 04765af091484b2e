//! Where at the destination a message goes: the chat, one of its topics, or a thread.

use std::borrow::Cow;

use domain::{
    ChatId, ChatKind, Message, Platform, RichText, Style,
    rules::{SourceChat, message_link},
};
use store::{
    StoreError,
    deliveries::{self, Counterpart},
    pairs::Pair,
};

use workflows::forwarding::Next;

use super::{Delivered, Delivery};
use crate::{
    hosting::reason,
    platform::{PlatformError, Sent},
};

/// What the platforms answer when a topic, or the thread of a forum post, is not there: Telegram's code and Discord's.
const THREAD_GONE: [&str; 2] = ["thread_gone", "unknown_channel"];

/// The place within the destination chat.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Target {
    /// The Telegram topic or Discord thread; `None`: the chat itself.
    pub thread: Option<i64>,
    /// The thread does not exist yet: the first send makes a forum post of this name.
    pub title: Option<String>,
    /// The topic or thread of the source that it will stand for.
    pub source: Option<i64>,
}

impl Target {
    /// A thread that is there.
    pub fn thread(thread: Option<i64>) -> Self {
        Self { thread, ..Self::default() }
    }

    /// The chat in which readers see what is sent: a Discord thread is a chat of its own.
    pub fn seen_in(&self, pair: &Pair) -> ChatId {
        match (pair.destination_platform, self.thread) {
            (Platform::Discord, Some(thread)) => ChatId::new(thread),
            (Platform::Discord, None) | (Platform::Telegram, _) => pair.destination_chat_id,
        }
    }

    /// The message to answer, if it stands where the answer goes.
    pub fn reply_to(&self, answered: Option<Counterpart>) -> Option<i64> {
        answered.filter(|found| found.thread == self.thread).map(|found| found.message_id)
    }
}

impl Delivery<'_> {
    /// Where `message` goes: the pair's topic; in a forum the thread that stands for the one at the source, made when it
    /// is needed, or that of the message which it answers; else the chat itself.
    pub(super) async fn target(
        &self,
        message: &Message,
        answered: Option<&Counterpart>,
    ) -> Result<Result<Target, PlatformError>, StoreError> {
        if self.pair.destination_topic_id.is_some() || self.pair.destination_kind != Some(ChatKind::Forum) {
            return Ok(Ok(Target::thread(self.pair.destination_topic_id)));
        }
        if !self.row.sent_parts.is_empty() {
            // Begun: the rest goes where the first part stands.
            let mut database = self.context.database().await?;
            let standing = self.standing(&mut database, self.row.seq).await?;
            return Ok(Ok(Target::thread(standing.first().and_then(|first| first.part.thread))));
        }
        let source = message.source_thread();
        if let Some(source) = source {
            let mut database = self.context.database().await?;
            if let Some(thread) = store::threads::find(&mut database, self.pair.id, source).await? {
                return Ok(Ok(Target::thread(Some(thread))));
            }
        } else if let Some(thread) = answered.and_then(|found| found.thread) {
            return Ok(Ok(Target::thread(Some(thread))));
        }
        let title = message.headline();
        match (self.pair.destination_platform, source) {
            (Platform::Discord, source) => Ok(Ok(Target { thread: None, title: Some(title), source })),
            // What stands in no topic goes to the forum's general one.
            (Platform::Telegram, None) => Ok(Ok(Target::default())),
            (Platform::Telegram, Some(source)) => self.open_thread(source, &title).await,
        }
    }

    /// Makes the topic that stands for `source`, or finds the one that an attempt of unknown outcome has made.
    async fn open_thread(&self, source: i64, title: &str) -> Result<Result<Target, PlatformError>, StoreError> {
        let chat = self.pair.destination_chat_id;
        // One at a time in a chat: what is found under this name and stands for nothing is ours.
        let gate = self.context.gates.open(chat);
        let opening = gate.enter(title).await;
        let mut database = self.context.database().await?;
        let (sealer, now) = (&self.context.sealer, self.context.clock.now());
        let intent = store::threads::intend(&mut database, sealer, (self.pair.id, source), title, now).await?;
        drop(database);
        let connection = &self.hosted.connection;
        let mut made = None;
        if intent.again {
            let opened = match connection.opened_threads(chat, &intent.title, intent.since).await {
                Ok(opened) => opened,
                Err(error) => return Ok(Err(error)),
            };
            let mut database = self.context.database().await?;
            let taken = store::threads::taken(&mut database, chat, &opened).await?;
            made = opened.into_iter().find(|thread| !taken.contains(thread));
        }
        let thread = match made {
            Some(thread) => thread,
            None => match connection.open_thread(chat, &intent.title).await {
                Ok(thread) => thread,
                Err(error) => return Ok(Err(error)),
            },
        };
        self.map_thread(source, thread, &intent.title).await?;
        drop(opening);
        Ok(Ok(Target::thread(Some(thread))))
    }

    async fn map_thread(&self, source: i64, thread: i64, title: &str) -> Result<(), StoreError> {
        let mut database = self.context.database().await?;
        let (sealer, now) = (&self.context.sealer, self.context.clock.now());
        store::threads::insert(&mut database, sealer, (self.pair.id, source), thread, title, now).await
    }

    /// A send may have made the thread that its target lacked.
    pub(super) async fn opened(&self, target: &mut Target, sent: &Sent) -> Result<(), StoreError> {
        let Some(thread) = sent.thread.filter(|_| target.thread.is_none()) else { return Ok(()) };
        target.thread = Some(thread);
        match (target.source, &target.title) {
            (Some(source), Some(title)) => self.map_thread(source, thread, title).await,
            _ => Ok(()),
        }
    }

    /// The topic or post that stood for the source's is not there any more: what stood for it is forgotten, so that a new one
    /// is made. A thread that the user named is theirs to replace, and so is one in which the message has begun.
    pub(super) async fn has_lost(&self, target: &Target, error: &PlatformError) -> Result<bool, StoreError> {
        let gone = matches!(error, PlatformError::Chat { code, .. } if THREAD_GONE.contains(&code.as_str()));
        let ours = self.pair.destination_topic_id.is_none() && self.row.sent_parts.is_empty();
        let Some(thread) = target.thread.filter(|_| gone && ours) else { return Ok(false) };
        let mut database = self.context.database().await?;
        store::threads::forget(&mut database, self.pair.id, thread).await
    }

    /// After [`Self::has_lost`]: the next try finds another place for the message.
    pub(super) async fn begin_anew(&self, error: &PlatformError) -> Result<Delivered, StoreError> {
        let (code, text) = reason(error);
        self.log_error(error, &code, &text).await?;
        self.put_back(true, &code, &text).await?;
        Ok(Delivered::Stop(Next::More))
    }

    /// The chat that a thread at the destination is seen in.
    pub(super) fn thread_chat(&self, thread: i64) -> ChatId {
        Target::thread(Some(thread)).seen_in(self.pair)
    }

    /// Where the message stands that `message` answers.
    pub(super) async fn answered(&self, message: &Message) -> Result<Option<Counterpart>, StoreError> {
        let Some(answered) = message.reply_to else { return Ok(None) };
        let mut database = self.context.database().await?;
        deliveries::counterpart(&mut database, self.pair, message.chat, answered).await
    }

    /// The message with a link to what it answers, for a webhook, which cannot answer.
    pub(super) fn answering_in_words<'m>(
        &self,
        message: Cow<'m, Message>,
        answered: Option<Counterpart>,
    ) -> Cow<'m, Message> {
        let chat = SourceChat { guild_id: self.pair.destination_guild_id.clone(), username: None };
        let platform = self.pair.destination_platform;
        let url = answered.and_then(|found| message_link(platform, found.chat, found.message_id, &chat));
        let Some(url) = url else { return message };
        let link = RichText::styled("↪ reply to this", Style::Link { url });
        let mut message = message.into_owned();
        message.text = RichText::join([&link, &message.text], "\n");
        Cow::Owned(message)
    }
}
