//! Boxes beside the text: embeds and polls.

use domain::message::{Embed, EmbedField, Extra, Poll};
use domain::text::discord::Mentions;
use serenity::all::{Embed as Source, Poll as SourcePoll, PollMedia, PollMediaEmoji};

use super::parsed;

/// An embed as it is shown; `None` when it shows nothing.
///
/// People cannot write embeds: theirs are previews of links. What a bot wrote is a preview only when it shows an address
/// that stands in the text.
pub(super) fn embed(source: &Source, content: &str, by_bot: bool, mentions: &Mentions) -> Option<Extra> {
    let rich = source.kind.as_deref().is_none_or(|kind| kind == "rich");
    let linked = source.url.as_ref().is_some_and(|url| content.contains(url.trim_end_matches('/')));
    let image = source.image.as_ref().map(|image| &image.url);
    let embed = Embed {
        preview: linked || !(rich && by_bot),
        url: source.url.clone(),
        title: source.title.clone(),
        description: parsed(source.description.as_ref(), mentions),
        author: source.author.as_ref().map(|author| author.name.clone()),
        footer: source.footer.as_ref().map(|footer| footer.text.clone()),
        fields: source
            .fields
            .iter()
            .map(|field| EmbedField { name: field.name.clone(), value: parsed(Some(&field.value), mentions) })
            .collect(),
        image_url: image.or(source.thumbnail.as_ref().map(|thumbnail| &thumbnail.url)).cloned(),
    };
    let bare = Embed { preview: embed.preview, ..Embed::default() };
    (embed != bare).then(|| Extra::Embed(Box::new(embed)))
}

/// A poll with its answers; votes are not carried.
pub(super) fn poll(source: &SourcePoll) -> Extra {
    Extra::Poll(Poll {
        question: text(&source.question),
        options: source.answers.iter().map(|answer| text(&answer.poll_media)).collect(),
        multiple: source.allow_multiselect,
        quiz: false,
        closed: source.results.as_ref().is_some_and(|results| results.is_finalized),
    })
}

fn text(media: &PollMedia) -> String {
    let emoji = match &media.emoji {
        Some(PollMediaEmoji::Name(name)) => Some(name.as_str()),
        Some(PollMediaEmoji::Id(_)) | None => None,
    };
    let words = [emoji, media.text.as_deref()];
    words.into_iter().flatten().collect::<Vec<_>>().join(" ")
}
