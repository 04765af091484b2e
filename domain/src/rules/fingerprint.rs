//! The fingerprint of a message's content, by which a duplicate is known.

use chrono::TimeDelta;
use sha2::{Digest, Sha256};

use super::{Rules, options::DuplicateScope};
use crate::{
    account::Platform,
    chat::ChatId,
    ids::{PairId, UserId},
    message::{Embed, Extra, Location, Media, MediaSource, Message, Poll},
    text::{Style, urls::is_invisible},
};

/// Where content is compared.
#[derive(Clone, Copy, Debug)]
pub struct Scope {
    /// The pair.
    pub pair: PairId,
    /// Whose it is.
    pub user: UserId,
    /// Where it writes.
    pub platform: Platform,
    /// What it writes to.
    pub destination: ChatId,
}

/// The name of some content within a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// For a database column.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// What has to be looked up, and remembered when the message is carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DuplicateCheck {
    /// The content.
    pub fingerprint: Fingerprint,
    /// Content that was carried within this time is not carried again.
    pub window: TimeDelta,
}

impl DuplicateCheck {
    /// Stable name of the rule, as a reason code.
    pub const CODE: &'static str = "duplicate";
    /// The option that decides.
    pub const RULE: &'static str = "duplicates";
    /// For people.
    pub const TEXT: &'static str = "the same content was carried a short time ago";
}

impl Rules {
    /// The check that the pair wants, if it wants one and the message has content that can be compared.
    #[must_use]
    pub fn duplicate_check(&self, message: &Message, scope: Scope) -> Option<DuplicateCheck> {
        let duplicates = self.options.duplicates.as_ref()?;
        let fingerprint = fingerprint(message, duplicates.scope, scope)?;
        Some(DuplicateCheck { fingerprint, window: TimeDelta::seconds(i64::from(duplicates.window_seconds)) })
    }
}

/// A hash of the words in lower case, of the kinds and sizes of attachments, and of what extras are beside their words;
/// `None` when there is nothing.
fn fingerprint(message: &Message, within: DuplicateScope, scope: Scope) -> Option<Fingerprint> {
    let words: Vec<String> = message.searched().into_iter().flat_map(words).collect();
    let extras: Vec<String> = message.extras.iter().filter_map(beside_words).collect();
    if words.is_empty() && message.media.is_empty() && extras.is_empty() {
        return None;
    }
    let mut hash = Sha256::new();
    hash.update(b"causeway.content.v1");
    match within {
        DuplicateScope::Pair => {
            hash.update(b"pair");
            hash.update(scope.pair.as_uuid().as_bytes());
        }
        DuplicateScope::Destination => {
            hash.update(match scope.platform {
                Platform::Telegram => b"telegram".as_slice(),
                Platform::Discord => b"discord".as_slice(),
            });
            hash.update(scope.user.as_uuid().as_bytes());
            hash.update(scope.destination.get().to_be_bytes());
        }
    }
    for word in words {
        hash.update(word.as_bytes());
        hash.update(b" ");
    }
    for media in &message.media {
        hash.update([0]);
        hash.update(format!("{:?}", media.kind).as_bytes());
        hash.update(media.size_bytes.to_be_bytes());
        if media.size_bytes == 0 {
            hash.update(name_of(media).as_bytes());
        }
    }
    for extra in extras {
        hash.update([1]);
        hash.update(extra.as_bytes());
    }
    Some(Fingerprint(hash.finalize().into()))
}

/// The words of a text as they are compared: in lower case, without what nobody sees.
fn words(text: &str) -> impl Iterator<Item = String> {
    text.split_whitespace()
        .map(|word| word.chars().filter(|c| !is_invisible(*c)).flat_map(char::to_lowercase).collect::<String>())
        .filter(|word| !word.is_empty())
}

/// What tells an attachment from another one when the platform does not say its size: Discord's stickers have an
/// address of their own. An address that is signed, or that of the message, would be another one every time.
fn name_of(media: &Media) -> String {
    let address = match &media.source {
        MediaSource::PublicUrl { url } => url.as_str(),
        MediaSource::TelegramMessage { .. } | MediaSource::DiscordAttachment { .. } => "",
    };
    format!("{address}|{}|{}", media.file_name, media.mime)
}

/// What an extra is beside its words, which are compared with those of the message: all of it. `None` for the preview
/// of a link, which is no content.
fn beside_words(extra: &Extra) -> Option<String> {
    Some(match extra {
        Extra::Poll(Poll { question: _, options, multiple, quiz, closed }) => {
            let options: Vec<String> =
                options.iter().map(|option| words(option).collect::<Vec<_>>().join(" ")).collect();
            format!("poll|{multiple}|{quiz}|{closed}|{}", options.join("|"))
        }
        Extra::Location(Location { latitude_e7, longitude_e7, title: _, address: _, live }) => {
            format!("location|{latitude_e7}|{longitude_e7}|{live}")
        }
        Extra::Contact(_) => "contact".to_owned(),
        Extra::Embed(embed) if embed.preview => return None,
        Extra::Embed(embed) => beside_words_of(embed),
        Extra::Dice { emoji, value } => format!("dice|{emoji}|{value}"),
    })
}

/// The picture of a box and where its words lead.
fn beside_words_of(embed: &Embed) -> String {
    let texts = std::iter::once(&embed.description).chain(embed.fields.iter().map(|field| &field.value));
    let links = texts.flat_map(|text| &text.spans).filter_map(|span| match &span.style {
        Style::Link { url } => Some(url.as_str()),
        _ => None,
    });
    let links: Vec<&str> = links.collect();
    let picture = embed.image_url.as_deref().unwrap_or_default();
    format!("embed|{}|{picture}|{}", embed.fields.len(), links.join("|"))
}
