//! From what stands at the destination to what shall stand there, with as few calls as possible.

use store::deliveries::Standing;

use super::outgoing::Outgoing;

/// What has to be done, in this order: nothing is deleted before its successor stands.
pub(super) struct Plan {
    /// Messages whose text changes: the message, the send and the item of it that it shall show.
    pub edits: Vec<(Standing, usize, usize)>,
    /// Sends that have no message yet, by their place.
    pub sends: Vec<usize>,
    /// Messages that are not needed any more.
    pub deletes: Vec<Standing>,
}

/// Attachments are recognised wherever they stand, texts in their order. A message cannot change its attachments, so
/// a send with others is made anew.
pub(super) fn plan(standing: Vec<Standing>, wanted: &[Outgoing]) -> Plan {
    let mut left: Vec<Option<Standing>> = standing.into_iter().map(Some).collect();
    let (mut edits, mut sends) = (Vec::new(), Vec::new());
    for (index, outgoing) in wanted.iter().enumerate() {
        let mut found: Vec<usize> = Vec::new();
        for shown in &outgoing.shows {
            let place = left.iter().enumerate().position(|(place, one)| {
                let same = |one: &Standing| one.part.media_digest == shown.media;
                !found.contains(&place) && one.as_ref().is_some_and(same)
            });
            found.extend(place);
        }
        if found.len() < outgoing.shows.len() {
            sends.push(index);
            continue;
        }
        for (item, (place, shown)) in found.into_iter().zip(&outgoing.shows).enumerate() {
            let one = left.get_mut(place).and_then(Option::take);
            edits.extend(
                one.filter(|one| one.part.text_digest.as_ref() != Some(&shown.text)).map(|one| (one, index, item)),
            );
        }
    }
    Plan { edits, sends, deletes: left.into_iter().flatten().collect() }
}

#[cfg(test)]
mod tests {
    use domain::{AccountId, ChatId, SystemClock};
    use store::deliveries::SentPart;

    use super::{
        super::{outgoing::Shown, rules::Voice},
        *,
    };
    use crate::platform::SendBody;

    fn shown(text: &str, media: Option<&str>) -> Shown {
        Shown { carries: 1, text: text.into(), media: media.map(str::to_owned) }
    }

    fn wanted(shows: &[Shown]) -> Outgoing {
        let body = SendBody::Forward { from: ChatId::new(1), message_ids: Vec::new() };
        Outgoing { body, shows: shows.to_vec(), voice: Voice::default() }
    }

    fn standing(message_id: i64, shows: &Shown) -> Standing {
        let account = AccountId::new(&SystemClock);
        let part = SentPart {
            text_digest: Some(shows.text.clone()),
            media_digest: shows.media.clone(),
            ..SentPart::new(0, account, ChatId::new(2), message_id, shows.carries)
        };
        Standing { seq: 1, part }
    }

    fn ids<'a>(standing: impl IntoIterator<Item = &'a Standing>) -> Vec<i64> {
        standing.into_iter().map(|one| one.part.message_id).collect()
    }

    #[test]
    fn what_reads_as_it_should_is_left_alone() {
        let (a, photo) = (shown("a", None), shown("caption", Some("photo")));
        let plan = plan(
            vec![standing(1, &photo), standing(2, &a)],
            &[wanted(std::slice::from_ref(&photo)), wanted(std::slice::from_ref(&a))],
        );
        assert!(plan.edits.is_empty() && plan.sends.is_empty() && plan.deletes.is_empty());
    }

    #[test]
    fn texts_are_edited_in_order_and_grow_and_shrink_at_the_end() {
        let old = [shown("a", None), shown("b", None)];
        let grown = [shown("a", None), shown("x", None), shown("c", None)].map(|one| wanted(&[one]));
        let found = plan(vec![standing(1, &old[0]), standing(2, &old[1])], &grown);
        assert_eq!((ids(found.edits.iter().map(|(one, ..)| one)), found.sends), (vec![2], vec![2]));
        let found = plan(vec![standing(1, &old[0]), standing(2, &old[1])], &[wanted(&[shown("z", None)])]);
        assert_eq!((ids(found.edits.iter().map(|(one, ..)| one)), ids(&found.deletes)), (vec![1], vec![2]));
    }

    #[test]
    fn a_caption_is_edited_and_other_media_are_sent_anew() {
        let old = shown("a", Some("photo"));
        let found = plan(vec![standing(1, &old)], &[wanted(&[shown("b", Some("photo"))])]);
        assert_eq!(ids(found.edits.iter().map(|(one, ..)| one)), [1]);
        let found = plan(vec![standing(1, &old)], &[wanted(&[shown("a", Some("video"))])]);
        assert_eq!((found.sends, ids(&found.deletes)), (vec![0], vec![1]));
        let found = plan(vec![standing(1, &old)], &[wanted(&[shown("a", None)])]);
        assert_eq!((found.sends, ids(&found.deletes)), (vec![0], vec![1]), "from a photo to a text");
    }

    #[test]
    fn an_album_loses_an_item_and_its_caption_moves_on() {
        let items = [shown("caption", Some("1")), shown("", Some("2")), shown("", Some("3"))];
        let stands: Vec<Standing> = (10..).zip(&items).map(|(id, item)| standing(id, item)).collect();
        let left = [shown("caption", Some("2")), shown("", Some("3"))];
        let found = plan(stands, &[wanted(&left)]);
        assert_eq!(ids(&found.deletes), [10]);
        assert_eq!(ids(found.edits.iter().map(|(one, ..)| one)), [11]);
        assert!(found.sends.is_empty());
    }

    #[test]
    fn equal_attachments_are_told_apart_by_their_order() {
        let twice = [shown("", Some("1")), shown("", Some("1"))];
        let stands = vec![standing(1, &twice[0]), standing(2, &twice[1])];
        let found = plan(stands, &[wanted(&twice)]);
        assert!(found.edits.is_empty() && found.sends.is_empty() && found.deletes.is_empty());
    }
}
