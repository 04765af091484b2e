//! Templates: Discord's markdown with variables in braces.

use std::fmt::Write as _;

use chrono::{
    DateTime, Utc,
    format::{Item, StrftimeItems},
};
use chrono_tz::Tz;

use super::RuleError;
use crate::text::{
    Edit, RichText, Style,
    discord::{self, Mentions},
};

/// The longest template, in characters.
pub const TEMPLATE_CHARS_MAX: usize = 1000;
/// The most variables of one template.
pub const VARIABLES_MAX: usize = 50;
/// The longest name or title that a variable shows, in characters.
const NAME_CHARS_MAX: usize = 128;
/// While markdown is read, a variable is one character of the private use area, which markdown leaves alone.
const SLOT: u32 = 0xE000;

/// What variables stand for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Values<'a> {
    pub(super) text: &'a RichText,
    pub(super) author: Option<&'a str>,
    pub(super) author_id: Option<i64>,
    pub(super) chat: Option<&'a str>,
    pub(super) chat_id: i64,
    pub(super) topic: Option<&'a str>,
    pub(super) link: Option<&'a str>,
    pub(super) platform: &'static str,
    pub(super) sent_at: DateTime<Utc>,
    pub(super) zone: Tz,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Variable {
    Text,
    Author,
    AuthorId,
    Chat,
    ChatId,
    Topic,
    Link,
    /// Words that lead to the message.
    LinkOf(String),
    Platform,
    /// A format of `strftime`.
    Time(String),
}

/// A template whose variables and formatting are known.
#[derive(Clone, Debug)]
pub(super) struct Template {
    /// Formatted text with a private character for each variable.
    rich: RichText,
    variables: Vec<Variable>,
}

impl Template {
    /// Reads the template of the option `path`; what is wrong goes to `errors`.
    pub(super) fn compile(source: &str, path: &'static str, errors: &mut Vec<RuleError>) -> Option<Self> {
        let known = errors.len();
        let mut wrong = |reason: String| errors.push(RuleError::new(path, reason));
        if source.chars().count() > TEMPLATE_CHARS_MAX {
            wrong(format!("a template has at most {TEMPLATE_CHARS_MAX} characters"));
            return None;
        }
        if source.chars().any(|c| ('\u{e000}'..='\u{f8ff}').contains(&c)) {
            wrong("characters of the private use area cannot be used".to_owned());
            return None;
        }
        let mut markdown = String::with_capacity(source.len());
        let mut variables = Vec::new();
        let mut rest = source;
        while let Some(at) = rest.find(['{', '}']) {
            markdown.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix(brace) {
                markdown.push_str(brace);
                rest = after;
                continue;
            }
            match rest.split_once('}').filter(|_| brace == "{") {
                Some((name, after)) => {
                    match variable(name) {
                        Ok(variable) => {
                            markdown.extend(slot(variables.len()));
                            variables.push(variable);
                        }
                        Err(reason) => wrong(reason),
                    }
                    rest = after;
                }
                None => {
                    wrong("a brace alone; write {{ or }} for the character itself".to_owned());
                    break;
                }
            }
        }
        markdown.push_str(rest);
        if variables.len() > VARIABLES_MAX {
            wrong(format!("a template has at most {VARIABLES_MAX} variables"));
        }
        let rich = discord::parse(&markdown, &Mentions::default());
        (errors.len() == known).then_some(Self { rich, variables })
    }

    /// True when it shows the message's text.
    pub(super) fn shows_text(&self) -> bool {
        self.variables.contains(&Variable::Text)
    }

    /// The template with its variables filled in. Values are never read as markup.
    pub(super) fn fill(&self, values: &Values<'_>) -> RichText {
        let edits = self.rich.text.char_indices().filter_map(|(at, c)| {
            let index = usize::try_from(u32::from(c).checked_sub(SLOT)?).ok()?;
            let with = value(self.variables.get(index)?, values);
            Some(Edit { range: at..at + c.len_utf8(), with })
        });
        self.rich.splice(edits.collect())
    }
}

fn slot(index: usize) -> Option<char> {
    u32::try_from(index).ok().and_then(|index| char::from_u32(SLOT + index))
}

fn variable(name: &str) -> Result<Variable, String> {
    let (name, argument) = match name.split_once(':') {
        Some((name, argument)) => (name, Some(argument)),
        None => (name, None),
    };
    match (name.trim(), argument) {
        ("text", None) => Ok(Variable::Text),
        ("author", None) => Ok(Variable::Author),
        ("author.id", None) => Ok(Variable::AuthorId),
        ("chat", None) => Ok(Variable::Chat),
        ("chat.id", None) => Ok(Variable::ChatId),
        ("topic", None) => Ok(Variable::Topic),
        ("link", None) => Ok(Variable::Link),
        ("link", Some(words)) if !words.trim().is_empty() => Ok(Variable::LinkOf(words.to_owned())),
        ("platform", None) => Ok(Variable::Platform),
        ("time", None) => Ok(Variable::Time("%H:%M".to_owned())),
        ("date", None) => Ok(Variable::Time("%Y-%m-%d".to_owned())),
        ("time" | "date", Some(format)) => {
            let unknown = StrftimeItems::new(format).any(|item| item == Item::Error);
            if unknown {
                Err(format!("{{{name}:{format}}} is not a format of strftime"))
            } else {
                Ok(Variable::Time(format.to_owned()))
            }
        }
        (name, _) => Err(format!(
            "there is no variable {{{name}}}; known are text, author, author.id, chat, chat.id, topic, link, link:words, \
             platform, time, time:format, date"
        )),
    }
}

fn value(variable: &Variable, values: &Values<'_>) -> RichText {
    let name = |name: Option<&str>| RichText::plain(name.map(one_line).unwrap_or_default());
    match variable {
        Variable::Text => values.text.clone(),
        Variable::Author => name(values.author),
        Variable::AuthorId => RichText::plain(values.author_id.map(|id| id.to_string()).unwrap_or_default()),
        Variable::Chat => name(values.chat),
        Variable::ChatId => RichText::plain(values.chat_id.to_string()),
        Variable::Topic => name(values.topic),
        Variable::Link => RichText::plain(values.link.unwrap_or_default()),
        Variable::LinkOf(words) => match values.link {
            Some(url) => RichText::styled(words.as_str(), Style::Link { url: url.to_owned() }),
            // Nothing to lead to: the words alone would promise it.
            None => RichText::default(),
        },
        Variable::Platform => RichText::plain(values.platform),
        Variable::Time(format) => {
            let mut shown = String::new();
            // The format was read when the template was compiled, so this writes.
            let written = write!(shown, "{}", values.sent_at.with_timezone(&values.zone).format(format));
            RichText::plain(written.map(|()| shown).unwrap_or_default())
        }
    }
}

fn one_line(name: &str) -> String {
    let words: Vec<&str> = name.split_whitespace().collect();
    words.join(" ").chars().take(NAME_CHARS_MAX).collect()
}
