//! How the OpenAPI document describes the options of a pair. `domain::rules` reads them; a test compares the fields.

use salvo::prelude::*;
use serde::Serialize;

/// What a pair is told about the messages that it carries and how they look; see docs/pair-options.md.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = PairOptions))]
pub(crate) struct PairOptionsDoc {
    /// IANA time zone of the schedule and of times in templates; `UTC` unless given.
    time_zone: Option<String>,
    /// A template put above the text.
    header: Option<String>,
    /// A template put below the text.
    footer: Option<String>,
    /// A template for the whole text; holds `{text}`.
    template: Option<String>,
    /// Replacements, one after the other; at most 50.
    replace: Option<Vec<ReplaceDoc>>,
    /// Takes addresses out of the text.
    strip_links: Option<bool>,
    /// Takes mentions of people out of the text.
    strip_mentions: Option<bool>,
    /// Lets mentions ping at the destination; false unless given.
    ping_mentions: Option<bool>,
    /// The destination may show previews of links; true unless given.
    link_previews: Option<bool>,
    /// Discord destinations: with the author's name and picture, through a webhook.
    webhook_identity: Option<bool>,
    /// Only messages with one of these are carried.
    allow: Option<WordsDoc>,
    /// Messages with one of these are not carried.
    deny: Option<WordsDoc>,
    /// Kinds and sizes.
    media: Option<MediaDoc>,
    /// Whose messages are carried.
    authors: Option<AuthorsDoc>,
    /// `allow` (the default), `deny` or `only`.
    bots: Option<String>,
    /// `any` (the default), `forwarded_only` or `original_only`.
    origin: Option<String>,
    /// Only messages that answer another one.
    replies_only: Option<bool>,
    /// The same content is not carried twice within a while.
    duplicates: Option<DuplicatesDoc>,
    /// When messages are carried.
    schedule: Option<ScheduleDoc>,
    /// Edits at the source change what stands at the destination; true unless given.
    carry_edits: Option<bool>,
    /// Deletions at the source delete what stands at the destination; true unless given.
    carry_deletes: Option<bool>,
    /// Messages that were written while the account was away.
    catch_up: Option<CatchUpDoc>,
}

/// One replacement.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = Replace))]
struct ReplaceDoc {
    /// A regular expression of the Rust crate `regex`, at most 500 characters.
    pattern: String,
    /// What stands in its place; `$1` and `${name}` are groups. Empty unless given.
    with: Option<String>,
    /// Upper and lower case are the same.
    ignore_case: Option<bool>,
}

/// Words and expressions.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = Words))]
struct WordsDoc {
    /// Words or phrases in any case; at most 500 of 100 characters.
    words: Option<Vec<String>>,
    /// Words count only when they stand alone; true unless given.
    whole_words: Option<bool>,
    /// Regular expressions; at most 50 of 500 characters.
    regexes: Option<Vec<String>>,
}

/// Kinds and sizes of content. Kinds: `text`, `photo`, `video`, `video_note`, `animation`, `audio`, `voice`, `sticker`,
/// `document`, `poll`, `location`, `contact`, `dice`.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = MediaFilter))]
struct MediaDoc {
    /// Only messages made of these kinds are carried.
    allow: Option<Vec<String>>,
    /// Messages with one of these kinds are not carried.
    deny: Option<Vec<String>>,
    /// Messages with a larger attachment are not carried; bytes.
    size_bytes_max: Option<u64>,
}

/// Authors by decimal id or name.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = AuthorFilter))]
struct AuthorsDoc {
    /// Only messages of these are carried; at most 200.
    allow: Option<Vec<String>>,
    /// Messages of these are not carried; at most 200.
    deny: Option<Vec<String>>,
}

/// When the same content counts as a duplicate.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = Duplicates))]
struct DuplicatesDoc {
    /// 1 to 2,592,000.
    window_seconds: u32,
    /// `pair` (the default) or `destination`.
    scope: Option<String>,
}

/// Active hours.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = Schedule))]
struct ScheduleDoc {
    /// `hold` (the default): messages wait; `skip`: they are not carried.
    outside: Option<String>,
    /// The hours of each day.
    hours: HoursDoc,
}

/// Hours as `HH:MM-HH:MM`, at most 12 a day.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = WeekHours))]
struct HoursDoc {
    /// Monday.
    mon: Option<Vec<String>>,
    /// Tuesday.
    tue: Option<Vec<String>>,
    /// Wednesday.
    wed: Option<Vec<String>>,
    /// Thursday.
    thu: Option<Vec<String>>,
    /// Friday.
    fri: Option<Vec<String>>,
    /// Saturday.
    sat: Option<Vec<String>>,
    /// Sunday.
    sun: Option<Vec<String>>,
}

/// What happens after an absence.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = CatchUp))]
struct CatchUpDoc {
    /// Older messages are not carried; seconds.
    age_seconds_max: Option<u32>,
}
