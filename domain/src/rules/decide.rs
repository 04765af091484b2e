//! Whether a message is carried, and which rule decided.

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    Rules,
    options::{Bots, ContentKind, OriginFilter, Outside},
    words::Found,
};
use crate::message::{Author, Message};

/// The times that matter for a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// When the message is decided about: now.
    pub received_at: DateTime<Utc>,
    /// When it would be sent: now, and the pair's delay.
    pub due_at: DateTime<Utc>,
}

/// What becomes of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is carried.
    Carry {
        /// Not before this.
        due_at: DateTime<Utc>,
    },
    /// It is carried, but it waits for the active hours.
    Hold {
        /// Not before this.
        until: DateTime<Utc>,
    },
    /// It is not carried.
    Skip {
        /// The option that decided, such as `deny.words[2]`.
        rule: String,
        /// Stable name of the kind of rule.
        code: &'static str,
        /// For people.
        text: String,
    },
}

/// What a rule said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing against it.
    Passed,
    /// The message waits.
    Held,
    /// The message is not carried; no further rule was asked.
    Skipped,
}

/// One rule that was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consulted {
    /// The option.
    pub rule: String,
    /// What it said.
    pub outcome: Outcome,
    /// Why, for people.
    pub detail: String,
}

/// A decision and how it came about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What becomes of the message.
    pub decision: Decision,
    /// The rules that were asked, in order. Options that are not set are not asked.
    pub trace: Vec<Consulted>,
}

/// Why a rule stops a message.
struct Stop {
    rule: String,
    code: &'static str,
    text: String,
}

/// What a rule says: `None` when it is not set.
type Said = Option<Result<String, Stop>>;

fn stop(rule: impl Into<String>, code: &'static str, text: impl Into<String>) -> Said {
    Some(Err(Stop { rule: rule.into(), code, text: text.into() }))
}

fn pass(detail: impl Into<String>) -> Said {
    Some(Ok(detail.into()))
}

impl Rules {
    /// Decides about a message, which may be an album. What only other messages can tell (duplicates) is not asked.
    #[must_use]
    pub fn decide(&self, message: &Message, moment: Moment) -> Verdict {
        self.judge(message, moment, true)
    }

    /// Decides about one item of an album, as far as it can be told without the others: whose it is and when it was
    /// written. [`Self::decide`] has the last word when the album is together.
    #[must_use]
    pub fn decide_item(&self, message: &Message, moment: Moment) -> Verdict {
        self.judge(message, moment, false)
    }

    fn judge(&self, message: &Message, moment: Moment, whole: bool) -> Verdict {
        let rules: [(&str, &dyn Fn() -> Said); 9] = [
            ("catch_up", &|| self.age(message, moment)),
            ("bots", &|| self.bots(message)),
            ("authors", &|| self.authors(message)),
            ("origin", &|| self.origin(message)),
            ("replies_only", &|| self.replies(message).filter(|_| whole)),
            ("media", &|| self.media(message).filter(|_| whole)),
            ("deny", &|| self.denied(message).filter(|_| whole)),
            ("allow", &|| self.allowed(message).filter(|_| whole)),
            ("schedule", &|| self.hours_skipped(message)),
        ];
        let mut trace = Vec::new();
        for (name, rule) in rules {
            match rule() {
                None => {}
                Some(Ok(detail)) => {
                    trace.push(Consulted { rule: name.to_owned(), outcome: Outcome::Passed, detail });
                }
                Some(Err(Stop { rule, code, text })) => {
                    trace.push(Consulted { rule: rule.clone(), outcome: Outcome::Skipped, detail: text.clone() });
                    return Verdict { decision: Decision::Skip { rule, code, text }, trace };
                }
            }
        }
        let decision = self.when(moment.due_at, &mut trace);
        Verdict { decision, trace }
    }

    /// When something that is due at `due_at` may be sent.
    fn when(&self, due_at: DateTime<Utc>, trace: &mut Vec<Consulted>) -> Decision {
        if self.timetable.as_ref().is_none_or(|timetable| timetable.outside != Outside::Hold) {
            return Decision::Carry { due_at };
        }
        let (outcome, detail, decision) = match self.held_until(due_at) {
            Some((until, detail)) => (Outcome::Held, detail, Decision::Hold { until }),
            None => (Outcome::Passed, "within the active hours".to_owned(), Decision::Carry { due_at }),
        };
        trace.push(Consulted { rule: "schedule".to_owned(), outcome, detail });
        decision
    }

    /// When the active hours begin that hold what would be sent at `at`, and that for people; `None` when they do not.
    #[must_use]
    pub fn held_until(&self, at: DateTime<Utc>) -> Option<(DateTime<Utc>, String)> {
        let until = self.open_at(at);
        (until != at).then(|| (until, format!("outside of the active hours, which begin at {}", self.shown(until))))
    }

    /// The next moment from `at` on at which the pair may send; `at` itself unless it is held by the schedule.
    #[must_use]
    pub fn open_at(&self, at: DateTime<Utc>) -> DateTime<Utc> {
        match self.timetable.as_ref().filter(|timetable| timetable.outside == Outside::Hold) {
            Some(timetable) => timetable.next_open(at),
            None => at,
        }
    }

    fn shown(&self, at: DateTime<Utc>) -> String {
        at.with_timezone(&self.zone).format("%Y-%m-%d %H:%M %Z").to_string()
    }

    fn age(&self, message: &Message, moment: Moment) -> Said {
        let age_max = self.options.catch_up.age_seconds_max?;
        let age = moment.received_at - message.sent_at;
        if age <= TimeDelta::seconds(i64::from(age_max)) {
            return pass("young enough");
        }
        let text = format!("{} s old when it was received, over the limit of {age_max} s", age.num_seconds());
        stop("catch_up.age_seconds_max", "too_old", text)
    }

    fn bots(&self, message: &Message) -> Said {
        let by_bot = message.author.as_ref().is_some_and(|author| author.bot);
        match (self.options.bots, by_bot) {
            (Bots::Allow, _) => None,
            (Bots::Deny, true) => stop("bots", "bot", "a bot wrote it"),
            (Bots::Only, false) => stop("bots", "not_a_bot", "no bot wrote it"),
            (Bots::Deny, false) => pass("no bot wrote it"),
            (Bots::Only, true) => pass("a bot wrote it"),
        }
    }

    fn authors(&self, message: &Message) -> Said {
        let filter = &self.options.authors;
        if filter.allow.is_empty() && filter.deny.is_empty() {
            return None;
        }
        let place = |list: &[String]| {
            let author = message.author.as_ref()?;
            list.iter().position(|entry| is_author(entry, author))
        };
        if let Some(index) = place(&filter.deny) {
            return stop(format!("authors.deny[{index}]"), "author_denied", "the author is denied");
        }
        match place(&filter.allow) {
            Some(_) => pass("the author is allowed"),
            None if filter.allow.is_empty() => pass("the author is not denied"),
            None => stop("authors.allow", "author_not_allowed", "the author is not in the list"),
        }
    }

    fn origin(&self, message: &Message) -> Said {
        match (self.options.origin, message.is_forwarded()) {
            (OriginFilter::Any, _) => None,
            (OriginFilter::ForwardedOnly, false) => {
                stop("origin", "not_forwarded", "it was not forwarded from elsewhere")
            }
            (OriginFilter::OriginalOnly, true) => stop("origin", "forwarded", "it was forwarded from elsewhere"),
            (OriginFilter::ForwardedOnly, true) => pass("it was forwarded from elsewhere"),
            (OriginFilter::OriginalOnly, false) => pass("it was written here"),
        }
    }

    fn replies(&self, message: &Message) -> Said {
        match (self.options.replies_only, message.reply_to) {
            (false, _) => None,
            (true, Some(_)) => pass("it answers another message"),
            (true, None) => stop("replies_only", "not_a_reply", "it answers no other message"),
        }
    }

    fn media(&self, message: &Message) -> Said {
        let filter = &self.options.media;
        if filter.allow.is_empty() && filter.deny.is_empty() && filter.size_bytes_max.is_none() {
            return None;
        }
        let kinds = message.content_kinds();
        if let Some(kind) = kinds.iter().find(|kind| filter.deny.contains(kind)) {
            return stop("media.deny", "media_denied", format!("it holds {}", kind.shown()));
        }
        let foreign = kinds.iter().find(|kind| !filter.allow.is_empty() && !filter.allow.contains(kind));
        if let Some(kind) = foreign {
            return stop("media.allow", "media_not_allowed", format!("it holds {}", kind.shown()));
        }
        let largest = message.media.iter().map(|media| media.size_bytes).max().unwrap_or(0);
        match filter.size_bytes_max {
            Some(limit) if largest > limit => {
                let text = format!("an attachment has {largest} bytes, over the limit of {limit}");
                stop("media.size_bytes_max", "media_size", text)
            }
            _ => pass("kinds and sizes are allowed"),
        }
    }

    fn denied(&self, message: &Message) -> Said {
        let list = self.deny.as_ref()?;
        match list.find(&message.searched()) {
            Some(Found { path, shown, is_regex }) => {
                let code = if *is_regex { "denied_regex" } else { "denied_word" };
                stop(path.as_str(), code, format!("the text holds “{shown}”"))
            }
            None => pass(format!("none of {} entries occurs", list.len())),
        }
    }

    fn allowed(&self, message: &Message) -> Said {
        let list = self.allow.as_ref()?;
        match list.find(&message.searched()) {
            Some(found) => pass(format!("{} occurs: “{}”", found.path, found.shown)),
            None => stop("allow", "no_allowed_word", format!("none of {} entries occurs in the text", list.len())),
        }
    }

    /// With `outside: skip` the time of writing counts, so that a message has the same fate whenever it is received.
    fn hours_skipped(&self, message: &Message) -> Said {
        let timetable = self.timetable.as_ref().filter(|timetable| timetable.outside == Outside::Skip)?;
        if timetable.is_open(message.sent_at) {
            return pass("written within the active hours");
        }
        let text = format!("written outside of the active hours, at {}", self.shown(message.sent_at));
        stop("schedule", "outside_hours", text)
    }
}

/// An entry is an id, or a name or username in any case.
fn is_author(entry: &str, author: &Author) -> bool {
    let bare = |name: &str| name.trim().trim_start_matches('@').to_lowercase();
    let entry = bare(entry);
    let mut names = [Some(author.name.as_str()), author.username.as_deref()].into_iter().flatten();
    entry.parse() == Ok(author.id) || names.any(|name| entry == bare(name))
}

impl ContentKind {
    const fn shown(self) -> &'static str {
        match self {
            Self::Text => "nothing but text",
            Self::Photo => "a photo",
            Self::Video => "a video",
            Self::VideoNote => "a video message",
            Self::Animation => "an animation",
            Self::Audio => "music",
            Self::Voice => "a voice message",
            Self::Sticker => "a sticker",
            Self::Document => "a document",
            Self::Poll => "a poll",
            Self::Location => "a location",
            Self::Contact => "a contact",
            Self::Dice => "a dice",
        }
    }
}
