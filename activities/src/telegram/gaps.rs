//! Where grammers' message boxes would step over missed messages, and how that is prevented.

use grammers_session::updates::{MessageBoxes, UpdatesLike};
use grammers_tl_types::enums::{
    self, Update,
    updates::{ChannelDifference, Difference},
};

/// `updateChannelTooLong` may carry the channel's present cursor, which the boxes would take over, and with it skip
/// all that was missed. So it is removed where we have a cursor of our own. The flag is true when we have none: then
/// only history can tell what was missed.
pub(super) fn keep_cursors(update: &mut UpdatesLike, boxes: &MessageBoxes) -> bool {
    match update {
        UpdatesLike::Updates(enums::Updates::Updates(updates)) => strip(&mut updates.updates, boxes),
        UpdatesLike::Updates(enums::Updates::Combined(updates)) => strip(&mut updates.updates, boxes),
        _ => false,
    }
}

/// The same for the account's difference.
pub(super) fn keep_cursors_in_difference(answer: &mut Difference, boxes: &MessageBoxes) -> bool {
    match answer {
        Difference::Difference(difference) => strip(&mut difference.other_updates, boxes),
        Difference::Slice(slice) => strip(&mut slice.other_updates, boxes),
        Difference::TooLong(_) | Difference::Empty(_) => false,
    }
}

/// Takes the edits and deletions out of a channel's difference. The boxes would drop them: they take over the cursor that
/// the difference leads to before they look at its updates, and then hold these for known.
pub(super) fn take_changes(answer: &mut ChannelDifference) -> Vec<Update> {
    let ChannelDifference::Difference(difference) = answer else { return Vec::new() };
    let is_change =
        |update: &mut Update| matches!(update, Update::EditChannelMessage(_) | Update::DeleteChannelMessages(_));
    difference.other_updates.extract_if(.., is_change).collect()
}

/// True for a too-long answer without the cursor that the boxes insist on.
pub(super) const fn lacks_cursor(answer: &ChannelDifference) -> bool {
    match answer {
        ChannelDifference::TooLong(answer) => {
            !matches!(&answer.dialog, enums::Dialog::Dialog(dialog) if dialog.pts.is_some())
        }
        ChannelDifference::Empty(_) | ChannelDifference::Difference(_) => false,
    }
}

fn strip(updates: &mut [Update], boxes: &MessageBoxes) -> bool {
    let mut gap = false;
    for update in updates {
        if let Update::ChannelTooLong(update) = update {
            let known = boxes.session_state().channels.iter().any(|channel| channel.id == update.channel_id);
            if known {
                update.pts = None;
            } else {
                gap = true;
            }
        }
    }
    gap
}

#[cfg(test)]
mod tests {
    use grammers_session::types::{ChannelState, UpdatesState};
    use grammers_tl_types::types;

    use super::*;

    #[test]
    fn a_channels_difference_keeps_its_changes() {
        let gone = types::UpdateDeleteChannelMessages { channel_id: 7, messages: vec![3], pts: 42, pts_count: 1 };
        let too_long = types::UpdateChannelTooLong { channel_id: 8, pts: None };
        let mut answer = ChannelDifference::Difference(types::updates::ChannelDifference {
            r#final: true,
            pts: 42,
            timeout: None,
            new_messages: Vec::new(),
            other_updates: vec![gone.clone().into(), too_long.into()],
            chats: Vec::new(),
            users: Vec::new(),
        });
        assert_eq!(take_changes(&mut answer), [Update::DeleteChannelMessages(gone)]);
        let ChannelDifference::Difference(rest) = answer else { panic!("still a difference") };
        assert_eq!(rest.other_updates.len(), 1);
    }

    #[test]
    fn our_cursor_survives_a_channel_that_is_too_long() {
        let state = UpdatesState { pts: 1, channels: vec![ChannelState { id: 7, pts: 40 }], ..UpdatesState::default() };
        let mut boxes = MessageBoxes::load(state);
        let too_long = |channel_id| {
            UpdatesLike::Updates(enums::Updates::Updates(types::Updates {
                updates: vec![types::UpdateChannelTooLong { channel_id, pts: Some(90) }.into()],
                users: vec![],
                chats: vec![],
                date: 0,
                seq: 0,
            }))
        };
        let mut update = too_long(7);
        assert!(!keep_cursors(&mut update, &boxes));
        boxes.process_updates(update).unwrap();
        assert_eq!(boxes.session_state().channels, [ChannelState { id: 7, pts: 40 }]);
        assert!(keep_cursors(&mut too_long(8), &boxes), "a channel without a cursor needs its history");
    }
}
