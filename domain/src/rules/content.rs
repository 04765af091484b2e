//! What filters look at in a message.

use super::options::ContentKind;
use crate::{
    message::{Embed, Extra, Media, MediaKind, Message},
    text::Style,
};

impl Message {
    /// True for a message that was forwarded into its chat.
    #[must_use]
    pub const fn is_forwarded(&self) -> bool {
        self.forwarded_from.is_some()
    }

    /// What it is made of, each kind once; an album may have several. Previews of links are not content.
    #[must_use]
    pub fn content_kinds(&self) -> Vec<ContentKind> {
        let mut kinds: Vec<ContentKind> = Vec::new();
        let media = self.media.iter().map(|media| kind_of(media.kind));
        let extras = self.extras.iter().filter_map(|extra| match extra {
            Extra::Poll(_) => Some(ContentKind::Poll),
            Extra::Location(_) => Some(ContentKind::Location),
            Extra::Contact(_) => Some(ContentKind::Contact),
            Extra::Dice { .. } => Some(ContentKind::Dice),
            Extra::Embed(_) => None,
        });
        for kind in media.chain(extras) {
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
        if kinds.is_empty() {
            kinds.push(ContentKind::Text);
        }
        kinds
    }

    /// Every text in which words are looked for: text or caption, where its links lead, file names,
    /// polls, places, contacts and boxes.
    #[must_use]
    pub fn searched(&self) -> Vec<&str> {
        let mut pieces = vec![self.text.text.as_str()];
        pieces.extend(self.text.spans.iter().filter_map(|span| match &span.style {
            Style::Link { url } => Some(url.as_str()),
            _ => None,
        }));
        for extra in &self.extras {
            match extra {
                Extra::Poll(poll) => {
                    pieces.push(&poll.question);
                    pieces.extend(poll.options.iter().map(String::as_str));
                }
                Extra::Location(place) => {
                    pieces.extend([&place.title, &place.address].into_iter().flatten().map(String::as_str))
                }
                Extra::Contact(contact) => pieces.extend([contact.name.as_str(), contact.phone.as_str()]),
                Extra::Embed(embed) => pieces.extend(embed_pieces(embed)),
                Extra::Dice { emoji, .. } => pieces.push(emoji),
            }
        }
        pieces.extend(self.media.iter().filter(|media| is_named(media)).map(|media| media.file_name.as_str()));
        pieces.retain(|piece| !piece.is_empty());
        pieces
    }
}

fn embed_pieces(embed: &Embed) -> impl Iterator<Item = &str> {
    let named = [&embed.title, &embed.author, &embed.footer, &embed.url].into_iter().flatten().map(String::as_str);
    let fields = embed.fields.iter().flat_map(|field| [field.name.as_str(), field.value.text.as_str()]);
    named.chain([embed.description.text.as_str()]).chain(fields)
}

/// People name documents and music; the names of everything else are made up by programs.
const fn is_named(media: &Media) -> bool {
    matches!(media.kind, MediaKind::Document | MediaKind::Audio)
}

const fn kind_of(kind: MediaKind) -> ContentKind {
    match kind {
        MediaKind::Photo => ContentKind::Photo,
        MediaKind::Video => ContentKind::Video,
        MediaKind::VideoNote => ContentKind::VideoNote,
        MediaKind::Animation => ContentKind::Animation,
        MediaKind::Audio => ContentKind::Audio,
        MediaKind::Voice => ContentKind::Voice,
        MediaKind::Sticker => ContentKind::Sticker,
        MediaKind::Document => ContentKind::Document,
    }
}
