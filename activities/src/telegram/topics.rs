//! Names of forum topics: messages carry only a topic's number.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Mutex, PoisonError},
};

use chrono::{DateTime, TimeDelta, Utc};
use domain::{ChatId, Message};
use grammers_tl_types::{enums, functions, types};

use super::{account::Account, errors::retryable, history::message_number, names::dialog_id, upload::random_id};
use crate::platform::PlatformError;

/// Topics whose names are kept per account; forgotten ones are asked for again.
const TITLES_MAX: usize = 10_000;

/// Names by chat and topic; `None` for a topic that Telegram does not name, so that it is not asked for again.
#[derive(Default)]
pub(super) struct Topics(Mutex<HashMap<(i64, i64), Option<String>>>);

impl Topics {
    fn get(&self, chat: ChatId, topic: i64) -> Option<Option<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&(chat.get(), topic)).cloned()
    }

    fn set(&self, chat: i64, topic: i64, title: Option<String>) {
        let mut titles = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if titles.len() >= TITLES_MAX {
            titles.clear();
        }
        titles.insert((chat, topic), title);
    }

    /// Learns the name from the service message that founds or renames a topic.
    pub(super) fn learn(&self, message: &enums::Message) {
        let enums::Message::Service(service) = message else { return };
        let chat = dialog_id(&service.peer_id);
        match &service.action {
            enums::MessageAction::TopicCreate(action) => {
                self.set(chat, service.id.into(), Some(action.title.clone()));
            }
            enums::MessageAction::TopicEdit(types::MessageActionTopicEdit { title: Some(title), .. }) => {
                if let Some(enums::MessageReplyHeader::Header(header)) = &service.reply_to
                    && let Some(topic) = header.reply_to_top_id.or(header.reply_to_msg_id)
                {
                    self.set(chat, topic.into(), Some(title.clone()));
                }
            }
            _ => {}
        }
    }
}

impl Account {
    /// Names the topics of the messages, asking Telegram for those that are not known. A name that cannot be had is left
    /// out: the message matters more.
    pub(super) async fn name_topics(&self, messages: &mut [&mut Message]) {
        let mut unknown: BTreeMap<i64, BTreeSet<i64>> = BTreeMap::new();
        for message in messages.iter() {
            if let Some(topic) = message.topic
                && self.topics.get(message.chat, topic).is_none()
            {
                unknown.entry(message.chat.get()).or_default().insert(topic);
            }
        }
        for (chat, topics) in unknown {
            if let Err(error) = self.fetch_topics(ChatId::new(chat), &topics).await {
                tracing::info!(telegram.error = %error, "the names of topics could not be fetched");
            }
        }
        for message in messages {
            message.thread_title = message.topic.and_then(|topic| self.topics.get(message.chat, topic)).flatten();
        }
    }

    async fn fetch_topics(&self, chat: ChatId, wanted: &BTreeSet<i64>) -> Result<(), PlatformError> {
        let request = functions::messages::GetForumTopicsById {
            peer: self.input_peer(chat).await?,
            topics: wanted.iter().map(|topic| message_number(*topic)).collect::<Result<_, _>>()?,
        };
        let enums::messages::ForumTopics::Topics(answer) = self.link.ask(&request).await?;
        for topic in wanted {
            self.topics.set(chat.get(), *topic, None);
        }
        for topic in answer.topics {
            if let enums::ForumTopic::Topic(topic) = topic {
                self.topics.set(chat.get(), topic.id.into(), Some(topic.title));
            }
        }
        Ok(())
    }

    /// Topics of this title that this account has founded since `since`, oldest first.
    pub(super) async fn opened_topics(
        &self,
        chat: ChatId,
        title: &str,
        since: DateTime<Utc>,
    ) -> Result<Vec<i64>, PlatformError> {
        let (title, since) = (shortened(title), (since - CLOCK_SKEW).timestamp());
        let request = functions::messages::GetForumTopics {
            peer: self.input_peer(chat).await?,
            q: Some(title.clone()),
            offset_date: 0,
            offset_id: 0,
            offset_topic: 0,
            limit: TOPICS_PAGE,
        };
        let enums::messages::ForumTopics::Topics(answer) = self.link.ask(&request).await?;
        let mut opened: Vec<i64> = answer
            .topics
            .into_iter()
            .filter_map(|topic| match topic {
                enums::ForumTopic::Topic(topic) => Some(topic),
                enums::ForumTopic::Deleted(_) => None,
            })
            .filter(|topic| topic.my && topic.title == title && i64::from(topic.date) >= since)
            .map(|topic| i64::from(topic.id))
            .collect();
        opened.sort_unstable();
        Ok(opened)
    }

    /// Makes a topic of a forum and returns its number.
    pub(super) async fn open_topic(&self, chat: ChatId, title: &str) -> Result<i64, PlatformError> {
        let random_id = random_id()?;
        let request = functions::messages::CreateForumTopic {
            title_missing: false,
            peer: self.input_peer(chat).await?,
            title: shortened(title),
            icon_color: None,
            icon_emoji_id: None,
            random_id,
            send_as: None,
        };
        let answer = self.link.call(&request).await.map_err(PlatformError::from)?;
        let enums::Updates::Updates(types::Updates { updates, .. }) = answer else { return Err(unnamed()) };
        let named = updates.iter().find_map(|update| match update {
            enums::Update::MessageId(named) if named.random_id == random_id => Some(i64::from(named.id)),
            _ => None,
        });
        let founded = || {
            updates.iter().find_map(|update| match update {
                enums::Update::NewChannelMessage(update) => match &update.message {
                    enums::Message::Service(service) => Some(i64::from(service.id)),
                    _ => None,
                },
                _ => None,
            })
        };
        named.or_else(founded).ok_or_else(unnamed)
    }
}

/// The longest name of a topic.
const TITLE_CHARS_MAX: usize = 128;
/// Telegram's largest page of topics: more of one name within minutes are not ours.
const TOPICS_PAGE: i32 = 100;
/// Telegram's clock and ours may differ by this much.
const CLOCK_SKEW: TimeDelta = TimeDelta::seconds(30);

fn shortened(title: &str) -> String {
    title.chars().take(TITLE_CHARS_MAX).collect()
}

fn unnamed() -> PlatformError {
    retryable("unreadable_answer", "Telegram's answer does not name the new topic")
}
