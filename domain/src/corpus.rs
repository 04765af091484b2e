//! The corpus: messages as their source gives them and, letter by letter, what must stand at the destination.
//!
//! The cases are data (`domain/corpus/*.json`), written by hand. `tests/fidelity/corpus_check.py` reads the same files
//! with a reader of Discord's markdown of its own, and `tests/it/corpus.rs` sends the texts through the whole system,
//! each to the other platform and to another chat of its own.

use chrono::DateTime;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    account::Platform,
    chat::ChatId,
    message::{Author, Extra, Media, MediaKind, MediaSource, Message, Origin},
    pair::CopyMode,
    render::{Limits, PartPlan, PartText, Target, at_destination, render_held},
    text::{
        RichText, Span, Style,
        discord::{self, Mentions},
    },
};

const FILES: [(&str, &str); 4] = [
    ("telegram_text", include_str!("../corpus/telegram_text.json")),
    ("discord_text", include_str!("../corpus/discord_text.json")),
    ("media", include_str!("../corpus/media.json")),
    ("extras", include_str!("../corpus/extras.json")),
];
/// The corpus may grow, not shrink.
const CASES_MIN: usize = 350;

/// A text, or pieces of it, some repeated.
#[derive(Deserialize)]
#[serde(untagged)]
enum Long {
    Short(String),
    Pieces(Vec<Piece>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Piece {
    Text(String),
    Repeated { repeat: String, times: usize },
}

impl Long {
    fn text(&self) -> String {
        let piece = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Repeated { repeat, times } => repeat.repeat(*times),
        };
        match self {
            Self::Short(text) => text.clone(),
            Self::Pieces(pieces) => pieces.iter().map(piece).collect(),
        }
    }
}

#[derive(Deserialize)]
struct Rich {
    text: Long,
    #[serde(default)]
    spans: Vec<Value>,
}

impl Rich {
    /// Spans are written short: `["bold", offset, length]`, with a fourth member for what a style carries.
    fn rich(&self) -> RichText {
        let spans = self.spans.iter().map(|span| {
            let number = |at: usize| usize::try_from(span[at].as_u64().unwrap()).unwrap();
            let word = || span[3].as_str().unwrap().to_owned();
            let style = match span[0].as_str().unwrap() {
                "link" => Style::Link { url: word() },
                "pre" => Style::Pre { language: word() },
                "mention" => Style::NAMED,
                "custom_emoji" => Style::CustomEmoji { id: span[3].as_i64().unwrap() },
                name => serde_json::from_value(name.into()).unwrap(),
            };
            Span { offset: number(1), length: number(2), style }
        });
        RichText { text: self.text.text(), spans: spans.collect() }
    }
}

#[derive(Deserialize)]
struct File {
    kind: MediaKind,
    name: String,
    mime: String,
    size: u64,
    #[serde(default)]
    spoiler: bool,
    emoji: Option<String>,
    width: Option<u32>,
    height: Option<u32>,
}

#[derive(Default, Deserialize)]
struct Names {
    #[serde(default)]
    users: std::collections::HashMap<String, String>,
    #[serde(default)]
    roles: std::collections::HashMap<String, String>,
    #[serde(default)]
    channels: std::collections::HashMap<String, String>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    from: Platform,
    to: Platform,
    #[serde(flatten)]
    rich: Option<Rich>,
    content: Option<Long>,
    #[serde(default)]
    names: Names,
    quote: Option<Rich>,
    #[serde(default)]
    media: Vec<File>,
    #[serde(default)]
    extras: Vec<Extra>,
    unsupported: Option<String>,
    mode: Option<CopyMode>,
    #[serde(default)]
    native: bool,
    author: Option<String>,
    chat_title: Option<String>,
    origin: Option<String>,
    expect: Vec<Expected>,
    /// Texts for the other platform: what a copy in another chat of the source's own platform shows. Without it, what
    /// the source shows; its mentions are no more than their names.
    same: Option<Vec<Expected>>,
    /// Kind and file name of each attachment at the destination.
    shown: Option<Vec<(MediaKind, String)>>,
}

#[derive(Deserialize)]
struct Expected {
    #[serde(default)]
    forward: bool,
    #[serde(default)]
    notice: bool,
    media: Option<Vec<usize>>,
    markdown: Option<Long>,
    #[serde(flatten)]
    rich: Option<Rich>,
}

impl Expected {
    fn plan(&self) -> PartPlan {
        if self.forward {
            return PartPlan::Forward;
        }
        let text = match (&self.markdown, &self.rich) {
            (Some(markdown), _) => PartText::Discord(markdown.text()),
            (None, Some(rich)) => PartText::Telegram(rich.rich()),
            (None, None) => panic!("a part has a text"),
        };
        match &self.media {
            Some(indices) => PartPlan::Media { indices: indices.clone(), caption: text },
            None if self.notice => PartPlan::Notice(text),
            None => PartPlan::Text(text),
        }
    }
}

impl Case {
    fn message(&self) -> Message {
        let chat = ChatId::new(1);
        let text = match (&self.rich, &self.content) {
            (Some(rich), _) => rich.rich(),
            (None, Some(markdown)) => discord::parse(&markdown.text(), &self.mentions()),
            (None, None) => RichText::default(),
        };
        let media = self.media.iter().map(|file| Media {
            spoiler: file.spoiler,
            emoji: file.emoji.clone(),
            width: file.width,
            height: file.height,
            ..Media::new(
                file.kind,
                file.name.clone(),
                file.mime.clone(),
                file.size,
                MediaSource::TelegramMessage { chat, message_id: 1 },
            )
        });
        Message {
            text,
            media: media.collect(),
            quote: self.quote.as_ref().map(Rich::rich),
            extras: self.extras.clone(),
            unsupported: self.unsupported.clone(),
            author: self.author.clone().map(|name| Author { id: 1, name, username: None, bot: false, avatar: None }),
            chat_title: self.chat_title.clone(),
            forwarded_from: self.origin.clone().map(|name| Origin { name: Some(name) }),
            ..Message::new(chat, 1, DateTime::UNIX_EPOCH)
        }
    }

    fn mentions(&self) -> Mentions {
        let id = |id: &String| id.parse::<i64>().unwrap();
        let known = self.names.users.iter().fold(Mentions::default(), |known, (key, name)| known.user(id(key), name));
        let known = self.names.roles.iter().fold(known, |known, (key, name)| known.role(id(key), name));
        self.names.channels.iter().fold(known, |known, (key, name)| known.channel(id(key), name))
    }

    fn rendered(&self, destination: Platform) -> Vec<PartPlan> {
        let target = Target {
            destination,
            mode: self.mode.unwrap_or(CopyMode::Copy),
            native_forward: self.native,
            pings: None,
            limits: Limits::of(destination),
        };
        render_held(&self.message(), &[], &target)
    }

    /// What is wanted at [`Case::to`].
    fn wanted(&self) -> Vec<PartPlan> {
        self.expect.iter().map(Expected::plan).collect()
    }

    /// What is wanted in another chat of the source's own platform.
    fn wanted_same(&self) -> Vec<PartPlan> {
        if let Some(same) = &self.same {
            return same.iter().map(Expected::plan).collect();
        }
        if let Some(markdown) = &self.content {
            return vec![PartPlan::Text(PartText::Discord(markdown.text()))];
        }
        let mut rich = self.rich.as_ref().unwrap().rich();
        rich.spans.retain(|span| span.style != Style::NAMED);
        vec![PartPlan::Text(PartText::Telegram(rich))]
    }
}

fn cases() -> Vec<(String, Case)> {
    let read = |(file, json): &(&str, &str)| -> Vec<(String, Case)> {
        let cases: Vec<Case> = serde_json::from_str(json).unwrap();
        cases
            .into_iter()
            .map(|case| (format!("{file}: {:?} to {:?}: {}", case.from, case.to, case.name), case))
            .collect()
    };
    FILES.iter().flat_map(read).collect()
}

#[test]
fn the_corpus_is_large_and_its_names_are_unique() {
    let cases = cases();
    let mut names: Vec<&str> = cases.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), cases.len());
    assert!(cases.len() >= CASES_MIN, "{}", cases.len());
}

/// Compares what is wanted of each case with what is found, and names all that differ.
fn check(cases: impl Iterator<Item = (String, Vec<PartPlan>, Vec<PartPlan>)>) {
    let short = |plans: &[PartPlan]| -> String { format!("{plans:?}").chars().take(1500).collect() };
    let wrong: Vec<String> = cases
        .filter(|(_, wanted, found)| wanted != found)
        .map(|(name, wanted, found)| format!("{name}\n  wanted {}\n  found  {}", short(&wanted), short(&found)))
        .collect();
    assert!(wrong.is_empty(), "{} differ\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_case_is_rendered_to_the_letter() {
    check(cases().into_iter().map(|(name, case)| (name, case.wanted(), case.rendered(case.to))));
}

#[test]
fn every_text_is_rendered_to_the_letter_for_its_own_platform() {
    let is_text = |name: &str| name.split(':').next().is_some_and(|file| file.ends_with("_text"));
    let crossing = cases().into_iter().filter(|(name, case)| is_text(name) && case.from != case.to);
    check(crossing.map(|(name, case)| (name, case.wanted_same(), case.rendered(case.from))));
}

#[test]
fn attachments_have_the_kind_and_name_of_the_destination() {
    for (name, case) in cases() {
        let Some(shown) = &case.shown else { continue };
        let message = case.message();
        let found: Vec<(MediaKind, String)> = message
            .media
            .iter()
            .map(|media| at_destination(media, media.size_bytes, case.to))
            .map(|media| (media.kind, media.file_name))
            .collect();
        assert_eq!(&found, shown, "{name}");
    }
}
