//! Formatting: Telegram's entities to our spans and back. Both count UTF-16 code units.

use domain::{RichText, Span, Style};
use grammers_tl_types::{
    enums::{self, MessageEntity as Entity},
    types,
};

/// Text with the entities that have a counterpart. Links, hashtags and the like that Telegram finds by itself are
/// left to the destination to find.
pub(super) fn to_rich_text(text: String, entities: Option<&[Entity]>) -> RichText {
    let mut spans: Vec<Span> = entities.unwrap_or_default().iter().filter_map(to_span).collect();
    spans.sort_by_key(|span| (span.offset, std::cmp::Reverse(span.length)));
    RichText { text, spans }
}

/// The entities of a text; `None` when it has none.
///
/// `person` says how to address somebody: a mention of whom it knows nobody is left as the text that it covers.
pub(super) fn from_rich_text(text: &RichText, person: impl Fn(i64) -> Option<enums::InputUser>) -> Option<Vec<Entity>> {
    let entities: Vec<Entity> = text.spans.iter().filter_map(|span| from_span(span, &person)).collect();
    (!entities.is_empty()).then_some(entities)
}

fn to_span(entity: &Entity) -> Option<Span> {
    let style = match entity {
        Entity::Bold(_) => Style::Bold,
        Entity::Italic(_) => Style::Italic,
        Entity::Underline(_) => Style::Underline,
        Entity::Strike(_) => Style::Strikethrough,
        Entity::Spoiler(_) => Style::Spoiler,
        Entity::Code(_) => Style::Code,
        Entity::Pre(pre) => Style::Pre { language: pre.language.clone() },
        Entity::Blockquote(quote) if quote.collapsed => Style::ExpandableQuote,
        Entity::Blockquote(_) => Style::Quote,
        Entity::TextUrl(link) => Style::Link { url: link.url.clone() },
        Entity::Mention(_) => Style::NAMED,
        Entity::MentionName(mention) => Style::Mention { user_id: Some(mention.user_id), pinged: None },
        Entity::CustomEmoji(emoji) => Style::CustomEmoji { id: emoji.document_id },
        _ => return None,
    };
    let offset = usize::try_from(entity.offset()).ok()?;
    let length = usize::try_from(entity.length()).ok().filter(|length| *length > 0)?;
    Some(Span { offset, length, style })
}

fn from_span(span: &Span, person: impl Fn(i64) -> Option<enums::InputUser>) -> Option<Entity> {
    let offset = i32::try_from(span.offset).ok()?;
    let length = i32::try_from(span.length).ok().filter(|length| *length > 0)?;
    Some(match &span.style {
        Style::Bold => types::MessageEntityBold { offset, length }.into(),
        Style::Italic => types::MessageEntityItalic { offset, length }.into(),
        Style::Underline => types::MessageEntityUnderline { offset, length }.into(),
        Style::Strikethrough => types::MessageEntityStrike { offset, length }.into(),
        Style::Spoiler => types::MessageEntitySpoiler { offset, length }.into(),
        Style::Code => types::MessageEntityCode { offset, length }.into(),
        Style::Pre { language } => types::MessageEntityPre { offset, length, language: language.clone() }.into(),
        Style::Quote => types::MessageEntityBlockquote { collapsed: false, offset, length }.into(),
        Style::ExpandableQuote => types::MessageEntityBlockquote { collapsed: true, offset, length }.into(),
        Style::Link { url } => types::MessageEntityTextUrl { offset, length, url: url.clone() }.into(),
        Style::CustomEmoji { id } => types::MessageEntityCustomEmoji { offset, length, document_id: *id }.into(),
        Style::Mention { user_id, .. } => {
            types::InputMessageEntityMentionName { offset, length, user_id: person((*user_id)?)? }.into()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_style_with_a_counterpart_survives() {
        let styles = [
            Style::Bold,
            Style::Italic,
            Style::Underline,
            Style::Strikethrough,
            Style::Spoiler,
            Style::Code,
            Style::Pre { language: "rust".into() },
            Style::Quote,
            Style::ExpandableQuote,
            Style::Link { url: "https://example.org".into() },
            Style::CustomEmoji { id: 7 },
        ];
        for style in styles {
            let text = RichText {
                text: "a 😀 text".into(),
                spans: vec![Span { offset: 2, length: 2, style: style.clone() }],
            };
            let entities = from_rich_text(&text, |_| None).unwrap();
            assert_eq!(to_rich_text(text.text.clone(), Some(&entities)), text, "{style:?}");
        }
    }

    #[test]
    fn mentions_are_read_and_written_for_those_who_can_be_addressed() {
        let entity: Entity = types::MessageEntityMentionName { offset: 0, length: 3, user_id: 9 }.into();
        let text = to_rich_text("Ann".into(), Some(&[entity]));
        assert_eq!(
            text.spans,
            [Span { offset: 0, length: 3, style: Style::Mention { user_id: Some(9), pinged: None } }]
        );
        assert_eq!(from_rich_text(&text, |_| None), None);
        let user_id: enums::InputUser = types::InputUser { user_id: 9, access_hash: 4 }.into();
        let entity = types::InputMessageEntityMentionName { offset: 0, length: 3, user_id: user_id.clone() }.into();
        assert_eq!(from_rich_text(&text, |id| Some(user_id.clone()).filter(|_| id == 9)), Some(vec![entity]));
    }

    #[test]
    fn spans_come_sorted_and_nonsense_is_dropped() {
        let entities: [Entity; 4] = [
            types::MessageEntityItalic { offset: 3, length: 1 }.into(),
            types::MessageEntityBold { offset: -1, length: 2 }.into(),
            types::MessageEntityBold { offset: 0, length: 0 }.into(),
            types::MessageEntityBold { offset: 0, length: 4 }.into(),
        ];
        let text = to_rich_text("abcd".into(), Some(&entities));
        assert_eq!(text.spans.iter().map(|span| span.offset).collect::<Vec<_>>(), [0, 3]);
    }
}
