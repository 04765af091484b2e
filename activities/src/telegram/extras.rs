//! What a Telegram message carries that is neither text nor a file: polls, places, cards, dice, link previews.

use domain::{
    RichText,
    message::{Contact, Embed, Extra, Location, Poll},
};
use grammers_tl_types::{
    enums::{self, MessageMedia},
    types,
};

use super::entities::to_rich_text;

/// The content in our words; `None` for files, for kinds that are not carried, and for a preview that is empty.
pub(super) fn extra(media: &MessageMedia) -> Option<Extra> {
    Some(match media {
        MessageMedia::Poll(media) => Extra::Poll(poll(media)),
        MessageMedia::Geo(media) => Extra::Location(point(&media.geo)?),
        MessageMedia::GeoLive(media) => Extra::Location(Location { live: true, ..point(&media.geo)? }),
        MessageMedia::Venue(media) => {
            let (title, address) = (filled(&media.title), filled(&media.address));
            Extra::Location(Location { title, address, ..point(&media.geo)? })
        }
        MessageMedia::Contact(media) => Extra::Contact(contact(media)),
        MessageMedia::Dice(media) => Extra::Dice { emoji: media.emoticon.clone(), value: media.value },
        MessageMedia::WebPage(media) => Extra::Embed(Box::new(preview(&media.webpage)?)),
        _ => return None,
    })
}

fn poll(media: &types::MessageMediaPoll) -> Poll {
    let enums::Poll::Poll(poll) = &media.poll;
    let text = |text: &enums::TextWithEntities| {
        let enums::TextWithEntities::Entities(text) = text;
        text.text.clone()
    };
    let options = poll.answers.iter().map(|answer| match answer {
        enums::PollAnswer::Answer(answer) => text(&answer.text),
        enums::PollAnswer::InputPollAnswer(answer) => text(&answer.text),
    });
    Poll {
        question: text(&poll.question),
        options: options.collect(),
        multiple: poll.multiple_choice,
        quiz: poll.quiz,
        closed: poll.closed,
    }
}

fn point(geo: &enums::GeoPoint) -> Option<Location> {
    let enums::GeoPoint::Point(point) = geo else { return None };
    let e7 = |degrees: f64| (degrees * 1e7).round() as i64;
    Some(Location { latitude_e7: e7(point.lat), longitude_e7: e7(point.long), ..Location::default() })
}

fn contact(media: &types::MessageMediaContact) -> Contact {
    let parts = [media.first_name.as_str(), media.last_name.as_str()];
    let name = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    Contact { name, phone: media.phone_number.clone() }
}

fn preview(page: &enums::WebPage) -> Option<Embed> {
    let enums::WebPage::Page(page) = page else { return None };
    let description = page.description.as_ref().map_or_else(RichText::default, |text| to_rich_text(text.clone(), None));
    Some(Embed {
        preview: true,
        url: Some(page.url.clone()),
        title: page.title.clone(),
        description,
        author: page.site_name.clone().or_else(|| page.author.clone()),
        ..Embed::default()
    })
}

fn filled(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}
