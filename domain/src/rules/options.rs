//! What a user may tell a pair: which messages it carries and how they look. Stored as JSON in `pairs.options`, so
//! changes must be additive; a field that a newer version wrote is ignored when it is read.

use serde::{Deserialize, Serialize};

/// The options of a pair. The default carries everything as it is.
///
/// [`crate::rules::Rules::compile`] checks the values and says what is wrong with them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PairOptions {
    /// The IANA time zone of the schedule and of times in templates.
    pub time_zone: String,
    /// A template put above the text, as a line of its own.
    pub header: Option<String>,
    /// A template put below the text, as a line of its own.
    pub footer: Option<String>,
    /// A template for the whole text; holds `{text}`.
    pub template: Option<String>,
    /// Replacements in the text, one after the other.
    pub replace: Vec<Replace>,
    /// Takes addresses out of the text; words that led somewhere stay as words.
    pub strip_links: bool,
    /// Takes mentions of people out of the text.
    pub strip_mentions: bool,
    /// Lets mentions ping at the destination. Nobody is pinged unless this is on.
    pub ping_mentions: bool,
    /// The destination may show previews of links.
    pub link_previews: bool,
    /// Discord destinations: posts through a webhook, with the name and picture of the author.
    pub webhook_identity: bool,
    /// Only messages with one of these words or expressions are carried; all, when it is empty.
    pub allow: Words,
    /// Messages with one of these words or expressions are not carried.
    pub deny: Words,
    /// What kinds of content are carried, and how large.
    pub media: MediaFilter,
    /// Whose messages are carried.
    pub authors: AuthorFilter,
    /// Messages of bots.
    pub bots: Bots,
    /// Forwarded messages.
    pub origin: OriginFilter,
    /// Carries only messages that answer another one.
    pub replies_only: bool,
    /// Does not carry again what was carried a short time ago.
    pub duplicates: Option<Duplicates>,
    /// When messages are carried; always, when there is none.
    pub schedule: Option<Schedule>,
    /// Edits at the source change what stands at the destination.
    pub carry_edits: bool,
    /// Deletions at the source delete what stands at the destination.
    pub carry_deletes: bool,
    /// What happens to messages that were written while the account was away.
    pub catch_up: CatchUp,
}

impl Default for PairOptions {
    fn default() -> Self {
        Self {
            time_zone: "UTC".to_owned(),
            header: None,
            footer: None,
            template: None,
            replace: Vec::new(),
            strip_links: false,
            strip_mentions: false,
            ping_mentions: false,
            link_previews: true,
            webhook_identity: false,
            allow: Words::default(),
            deny: Words::default(),
            media: MediaFilter::default(),
            authors: AuthorFilter::default(),
            bots: Bots::default(),
            origin: OriginFilter::default(),
            replies_only: false,
            duplicates: None,
            schedule: None,
            carry_edits: true,
            carry_deletes: true,
            catch_up: CatchUp::default(),
        }
    }
}

/// One replacement in the text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Replace {
    /// A regular expression, in the syntax of the Rust crate `regex`; never empty.
    pub pattern: String,
    /// What stands in its place: `$1` and `${name}` are groups, `$$` is a dollar sign.
    pub with: String,
    /// Upper and lower case are the same.
    pub ignore_case: bool,
}

/// Words and expressions looked for in text, captions, polls, previews and behind links.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Words {
    /// Words or phrases; upper and lower case are the same.
    pub words: Vec<String>,
    /// A word counts only when it stands alone: `art` is not found in `party`.
    pub whole_words: bool,
    /// Regular expressions, in the syntax of the Rust crate `regex`; `(?i)` ignores case.
    pub regexes: Vec<String>,
}

impl Default for Words {
    fn default() -> Self {
        Self { words: Vec::new(), whole_words: true, regexes: Vec::new() }
    }
}

impl Words {
    /// True when it asks for nothing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.words.is_empty() && self.regexes.is_empty()
    }
}

/// Which kinds of content are carried.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MediaFilter {
    /// Only messages made of these kinds are carried; all, when it is empty.
    pub allow: Vec<ContentKind>,
    /// Messages with one of these kinds are not carried.
    pub deny: Vec<ContentKind>,
    /// Messages with a larger attachment are not carried; in bytes.
    pub size_bytes_max: Option<u64>,
}

/// What a message is made of, as far as filters tell it apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContentKind {
    /// Nothing but text.
    Text,
    /// An image shown in the chat.
    Photo,
    /// A video.
    Video,
    /// A round video message.
    VideoNote,
    /// A GIF or a silent video that plays by itself.
    Animation,
    /// Music.
    Audio,
    /// A voice message.
    Voice,
    /// A sticker.
    Sticker,
    /// Any other file.
    Document,
    /// A poll or quiz.
    Poll,
    /// A place.
    Location,
    /// A person's name and number.
    Contact,
    /// A dice or another random emoji.
    Dice,
}

/// Whose messages are carried. An entry is a decimal id, or the name that people see or the username, in any case, with
/// or without a leading `@`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AuthorFilter {
    /// Only messages of these people are carried; everybody's, when it is empty.
    pub allow: Vec<String>,
    /// Messages of these people are not carried.
    pub deny: Vec<String>,
}

/// What happens to messages of bots and webhooks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bots {
    /// They are carried like any other.
    #[default]
    Allow,
    /// They are not carried.
    Deny,
    /// Nothing else is carried.
    Only,
}

/// What happens to messages that were forwarded into the source chat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OriginFilter {
    /// They are carried like any other.
    #[default]
    Any,
    /// Nothing else is carried.
    ForwardedOnly,
    /// They are not carried.
    OriginalOnly,
}

/// Keeps the same content from being carried twice within a while.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Duplicates {
    /// How long content is remembered, in seconds.
    pub window_seconds: u32,
    /// Where the same content counts as a duplicate.
    pub scope: DuplicateScope,
}

/// Where the same content counts as a duplicate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DuplicateScope {
    /// Carried by this pair.
    #[default]
    Pair,
    /// Carried to the same destination by any pair of the same user that looks for duplicates there.
    Destination,
}

/// When messages are carried.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Schedule {
    /// What happens to messages outside of the hours.
    pub outside: Outside,
    /// The active hours of each day of the week.
    pub hours: WeekHours,
}

/// What happens to messages outside of the hours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outside {
    /// They wait until the hours begin.
    #[default]
    Hold,
    /// They are not carried.
    Skip,
}

/// Active hours by day: each entry is `HH:MM-HH:MM`, up to `24:00`. One that ends at or before its beginning ends on
/// the next day.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the days of the week say it themselves")]
pub struct WeekHours {
    pub mon: Vec<String>,
    pub tue: Vec<String>,
    pub wed: Vec<String>,
    pub thu: Vec<String>,
    pub fri: Vec<String>,
    pub sat: Vec<String>,
    pub sun: Vec<String>,
}

impl WeekHours {
    /// The days with their names, Monday first.
    #[must_use]
    pub fn days(&self) -> [(&'static str, &[String]); 7] {
        [
            ("mon", &self.mon),
            ("tue", &self.tue),
            ("wed", &self.wed),
            ("thu", &self.thu),
            ("fri", &self.fri),
            ("sat", &self.sat),
            ("sun", &self.sun),
        ]
    }
}

/// What happens to messages that were written while the account was away.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CatchUp {
    /// Messages that are older than this when they are received are not carried, in seconds; all are, without it.
    pub age_seconds_max: Option<u32>,
}
