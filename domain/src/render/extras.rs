//! Polls, places, contacts, embeds and dice, written out: the other platform, or another account's copy, has no such
//! thing.

use crate::{
    message::{Contact, Embed, Extra, Location, Message, Poll},
    text::{RichText, Style},
};

/// Units of a coordinate in one degree.
const DEGREE_E7: i64 = 10_000_000;

/// Everything beside text and files, in order, with a blank line between. The preview of a link is left to the
/// destination, which makes its own, unless there is no text that the link could stand in.
pub(super) fn extras(message: &Message) -> RichText {
    let written: Vec<RichText> = message
        .extras
        .iter()
        .filter_map(|extra| match extra {
            Extra::Poll(found) => Some(poll(found)),
            Extra::Location(found) => Some(location(found)),
            Extra::Contact(found) => Some(contact(found)),
            Extra::Embed(found) if found.preview && !message.text.is_blank() => None,
            Extra::Embed(found) => Some(embed(found)),
            Extra::Dice { emoji, value } => Some(RichText::plain(format!("{} {value}", line(emoji)))),
        })
        .collect();
    RichText::join(&written, "\n\n")
}

/// "📊 Poll (several answers, closed): **question**" and a line for each answer.
fn poll(poll: &Poll) -> RichText {
    let facts = [(poll.multiple, "several answers"), (poll.closed, "closed")];
    let facts: Vec<&str> = facts.into_iter().filter(|(holds, _)| *holds).map(|(_, name)| name).collect();
    let facts = if facts.is_empty() { String::new() } else { format!(" ({})", facts.join(", ")) };
    let mut written = RichText::plain(format!("📊 {}{facts}: ", if poll.quiz { "Quiz" } else { "Poll" }));
    written.push(&bold(&poll.question));
    let mark = if poll.multiple { '☐' } else { '○' };
    for option in &poll.options {
        written.push(&RichText::plain(format!("\n{mark} {}", line(option))));
    }
    written
}

/// The name of the place, its address, its coordinates and a map.
fn location(place: &Location) -> RichText {
    let mut head = RichText::plain("📍 ");
    match place.title.as_deref().map(line).filter(|title| !title.is_empty()) {
        Some(title) => head.push(&bold(&title)),
        None => head.push(&RichText::plain(if place.live { "Live location" } else { "Location" })),
    }
    let address = RichText::plain(place.address.as_deref().map(line).unwrap_or_default());
    let (north, east) = (degrees(place.latitude_e7), degrees(place.longitude_e7));
    let coordinates = RichText::plain(format!("{north}, {east}"));
    let map = RichText::plain(format!("https://www.openstreetmap.org/?mlat={north}&mlon={east}&zoom=16"));
    RichText::join([&head, &address, &coordinates, &map], "\n")
}

/// Degrees with six decimals, which is a tenth of a metre.
fn degrees(e7: i64) -> String {
    let sign = if e7 < 0 { "-" } else { "" };
    let whole = e7.unsigned_abs() / DEGREE_E7.unsigned_abs();
    let rest = e7.unsigned_abs() % DEGREE_E7.unsigned_abs() / 10;
    format!("{sign}{whole}.{rest:06}")
}

fn contact(contact: &Contact) -> RichText {
    let mut name = RichText::plain("👤 ");
    name.push(&bold(&contact.name));
    RichText::join([&name, &RichText::plain(line(&contact.phone))], "\n")
}

/// Author, headline, body, named values, picture and small print, each on lines of their own.
fn embed(embed: &Embed) -> RichText {
    let mut lines: Vec<RichText> = Vec::new();
    lines.extend(embed.author.as_deref().map(|author| RichText::plain(line(author))));
    let title = embed.title.as_deref().map(line).filter(|title| !title.is_empty());
    match (&title, &embed.url) {
        (Some(title), Some(url)) => {
            let mut linked = RichText::styled(title.as_str(), Style::Link { url: url.clone() });
            linked.cover(Style::Bold);
            lines.push(linked);
        }
        (Some(title), None) => lines.push(bold(title)),
        (None, Some(url)) => lines.push(RichText::plain(url.as_str())),
        (None, None) => {}
    }
    lines.push(embed.description.clone());
    for field in &embed.fields {
        lines.push(RichText::join([&bold(&field.name), &field.value], "\n"));
    }
    let picture = embed.image_url.as_ref();
    lines.extend(picture.map(|url| RichText::styled("🖼 picture", Style::Link { url: url.clone() })));
    let footer = embed.footer.as_deref().map(line).unwrap_or_default();
    lines.push(RichText::styled(footer, Style::Italic));
    lines.retain(|line| !line.is_blank());
    RichText::join(&lines, "\n")
}

fn bold(text: &str) -> RichText {
    RichText::styled(line(text), Style::Bold)
}

/// `text` on one line.
fn line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ")
}
