//! Polls, places, contacts, dice and link previews as message media.

use grammers_tl_types::{enums, types};

use crate::telegram::world::attached::{Contact, Extra, Location, Poll, WebPage};

/// How long a live location says that it lasts.
const LIVE_SECONDS: i32 = 3600;

/// The content as message media.
pub(crate) fn media(extra: &Extra) -> enums::MessageMedia {
    match extra {
        Extra::Poll(poll) => poll_media(poll),
        Extra::Location(location) => location_media(location),
        Extra::Contact(contact) => contact_media(contact),
        Extra::Dice { emoji, value } => {
            types::MessageMediaDice { value: *value, emoticon: emoji.clone(), game_outcome: None }.into()
        }
        Extra::WebPage(page) => web_page_media(page),
    }
}

fn poll_media(poll: &Poll) -> enums::MessageMedia {
    let plain = |text: &String| types::TextWithEntities { text: text.clone(), entities: Vec::new() }.into();
    let answers = poll.options.iter().enumerate().map(|(at, option)| {
        let option_id = vec![u8::try_from(at).unwrap_or(u8::MAX)];
        types::PollAnswer { text: plain(option), option: option_id, media: None, added_by: None, date: None }.into()
    });
    types::MessageMediaPoll {
        poll: types::Poll {
            id: poll.id,
            closed: poll.closed,
            public_voters: false,
            multiple_choice: poll.multiple,
            quiz: poll.quiz,
            open_answers: false,
            revoting_disabled: false,
            shuffle_answers: false,
            hide_results_until_close: false,
            creator: false,
            subscribers_only: false,
            question: plain(&poll.question),
            answers: answers.collect(),
            close_period: None,
            close_date: None,
            countries_iso2: None,
            hash: 0,
        }
        .into(),
        results: types::PollResults {
            min: true,
            has_unread_votes: false,
            can_view_stats: false,
            results: None,
            total_voters: Some(0),
            recent_voters: None,
            solution: None,
            solution_entities: None,
            solution_media: None,
        }
        .into(),
        attached_media: None,
    }
    .into()
}

fn location_media(location: &Location) -> enums::MessageMedia {
    let geo =
        types::GeoPoint { long: location.longitude, lat: location.latitude, access_hash: 0, accuracy_radius: None }
            .into();
    if location.live {
        let period = LIVE_SECONDS;
        return types::MessageMediaGeoLive { geo, heading: None, period, proximity_notification_radius: None }.into();
    }
    match &location.title {
        Some(title) => types::MessageMediaVenue {
            geo,
            title: title.clone(),
            address: location.address.clone().unwrap_or_default(),
            provider: String::new(),
            venue_id: String::new(),
            venue_type: String::new(),
        }
        .into(),
        None => types::MessageMediaGeo { geo }.into(),
    }
}

fn contact_media(contact: &Contact) -> enums::MessageMedia {
    types::MessageMediaContact {
        phone_number: contact.phone.clone(),
        first_name: contact.first_name.clone(),
        last_name: contact.last_name.clone(),
        vcard: String::new(),
        user_id: 0,
    }
    .into()
}

fn web_page_media(page: &WebPage) -> enums::MessageMedia {
    let webpage = types::WebPage {
        has_large_media: false,
        video_cover_photo: false,
        id: 1,
        url: page.url.clone(),
        display_url: page.url.clone(),
        hash: 0,
        r#type: Some("article".into()),
        site_name: page.site_name.clone(),
        title: page.title.clone(),
        description: page.description.clone(),
        photo: None,
        embed_url: None,
        embed_type: None,
        embed_width: None,
        embed_height: None,
        duration: None,
        author: page.author.clone(),
        document: None,
        cached_page: None,
        attributes: None,
    };
    types::MessageMediaWebPage {
        force_large_media: false,
        force_small_media: false,
        manual: false,
        safe: false,
        webpage: webpage.into(),
    }
    .into()
}
