//! From what stands at the destination to what shall stand there, with as few calls as possible.

use store::deliveries::Standing;

use super::outgoing::{DIGESTS_APART, Outgoing};
use crate::platform::KeptAttachments;

/// A message that shall show something else.
pub(super) struct Edit {
    /// The message.
    pub message: Standing,
    /// The send that it stands for, by its place.
    pub send: usize,
    /// Which item of the send.
    pub item: usize,
    /// It loses attachments.
    pub keep: Option<KeptAttachments>,
}

/// What has to be done, in this order: nothing is deleted before its successor stands.
pub(super) struct Plan {
    /// Messages whose text changes, or that lose attachments.
    pub edits: Vec<Edit>,
    /// Sends that have no message yet, by their place.
    pub sends: Vec<usize>,
    /// Messages that are not needed any more.
    pub deletes: Vec<Standing>,
}

/// Attachments are recognised wherever they stand, texts in their order. A message can lose attachments and gains none,
/// so a send with others is made anew.
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
            match shrunk(&mut left, index, outgoing) {
                Some(edit) => edits.push(edit),
                None => sends.push(index),
            }
            continue;
        }
        for (item, (place, shown)) in found.into_iter().zip(&outgoing.shows).enumerate() {
            let one = left.get_mut(place).and_then(Option::take);
            let changed = one.filter(|one| one.part.text_digest.as_ref() != Some(&shown.text));
            edits.extend(changed.map(|message| Edit { message, send: index, item, keep: None }));
        }
    }
    Plan { edits, sends, deletes: left.into_iter().flatten().collect() }
}

/// A message that has all attachments of the send and more: it loses the others.
fn shrunk(left: &mut [Option<Standing>], send: usize, outgoing: &Outgoing) -> Option<Edit> {
    let [shown] = outgoing.shows.as_slice() else { return None };
    let wanted = shown.media.as_deref()?;
    let (place, keep) = left.iter().enumerate().find_map(|(place, one)| {
        let stands = one.as_ref()?.part.media_digest.as_deref()?;
        Some((place, kept(stands, wanted)?))
    })?;
    let message = left.get_mut(place).and_then(Option::take)?;
    Some(Edit { message, send, item: 0, keep: Some(keep) })
}

/// Where in the digest `stands` of a message's attachments those of `wanted` are; `None` unless all are, in their order.
fn kept(stands: &str, wanted: &str) -> Option<KeptAttachments> {
    let stands: Vec<&str> = stands.split(DIGESTS_APART).collect();
    let mut places = Vec::new();
    for digest in wanted.split(DIGESTS_APART) {
        let from = places.last().map_or(0, |last| last + 1);
        places.push(stands.iter().skip(from).position(|one| *one == digest)? + from);
    }
    Some(KeptAttachments { of: stands.len(), places })
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
        Outgoing { body, shows: shows.to_vec(), voice: Voice::default(), forgotten: Vec::new() }
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
        assert_eq!((ids(found.edits.iter().map(|edit| &edit.message)), found.sends), (vec![2], vec![2]));
        let found = plan(vec![standing(1, &old[0]), standing(2, &old[1])], &[wanted(&[shown("z", None)])]);
        assert_eq!((ids(found.edits.iter().map(|edit| &edit.message)), ids(&found.deletes)), (vec![1], vec![2]));
    }

    #[test]
    fn a_caption_is_edited_and_other_media_are_sent_anew() {
        let old = shown("a", Some("photo"));
        let found = plan(vec![standing(1, &old)], &[wanted(&[shown("b", Some("photo"))])]);
        assert_eq!(ids(found.edits.iter().map(|edit| &edit.message)), [1]);
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
        assert_eq!(ids(found.edits.iter().map(|edit| &edit.message)), [11]);
        assert!(found.sends.is_empty());
    }

    #[test]
    fn a_message_with_several_attachments_loses_some_of_them() {
        let stands = || vec![standing(1, &shown("caption", Some("a,b,b,c")))];
        for (left, places) in [("a,c", Some(vec![0, 3])), ("b,b", Some(vec![1, 2])), ("c,a", None), ("a,d", None)] {
            let found = plan(stands(), &[wanted(&[shown("caption", Some(left))])]);
            let kept = found.edits.first().and_then(|edit| edit.keep.clone());
            assert_eq!(kept, places.map(|places| KeptAttachments { of: 4, places }), "{left}");
            assert_eq!((found.sends.len(), found.deletes.len()), if kept.is_some() { (0, 0) } else { (1, 1) });
        }
    }

    #[test]
    fn equal_attachments_are_told_apart_by_their_order() {
        let twice = [shown("", Some("1")), shown("", Some("1"))];
        let stands = vec![standing(1, &twice[0]), standing(2, &twice[1])];
        let found = plan(stands, &[wanted(&twice)]);
        assert!(found.edits.is_empty() && found.sends.is_empty() && found.deletes.is_empty());
    }
}
