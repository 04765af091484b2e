//! What an edit or a deletion at the source does to the deliveries of the message: while one of them has touched
//! nothing yet the change folds into it, afterwards it is a delivery of its own.

use crate::delivery::{DeliveryState, Operation};

/// What happened at the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The content is another.
    Edit,
    /// The message is gone.
    Delete,
}

/// A delivery of the message on one pair, as the ledger has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its place in the pair's order.
    pub seq: i64,
    /// What it does.
    pub operation: Operation,
    /// Its state; for an item of an album that travels with another delivery, the state of that one.
    pub state: DeliveryState,
    /// Nothing of it, or of the delivery it travels with, can stand at the destination yet; of a dead one: nothing does.
    pub untouched: bool,
    /// The delivery that posts the message: itself, or the one it travels with.
    pub root_seq: i64,
    /// It belongs to an album, whose other items go on when it is deleted.
    pub album: bool,
}

/// What has to be done on the pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// Delivery `seq` carries the new revision instead of the old one.
    Fold {
        /// Which.
        seq: i64,
    },
    /// Delivery `seq`, which has touched nothing, is not carried any more.
    Withdraw {
        /// Which.
        seq: i64,
    },
    /// A delivery of the change itself, after everything else.
    Append {
        /// The delivery that posted the message.
        root_seq: i64,
    },
    /// The message does not stand at the destination, so there is nothing to change: recorded, not carried.
    Ignore {
        /// The delivery that was to post the message.
        root_seq: i64,
    },
}

/// What `change` does to the deliveries of a message on one pair, given in the pair's order. Nothing when the pair has
/// none: it was made later, or does not read the chat.
#[must_use]
pub fn react(change: Change, known: &[Known]) -> Vec<Reaction> {
    let Some(post) = known.iter().find(|delivery| delivery.operation == Operation::Post) else { return Vec::new() };
    let (seq, root_seq) = (post.seq, post.root_seq);
    let edits = || known.iter().filter(|delivery| delivery.operation == Operation::Edit);
    match post.state {
        // A dead letter that is tried again shall say what its source says then. An album always does.
        DeliveryState::Dead if post.untouched && !post.album => {
            return vec![match change {
                Change::Edit => Reaction::Fold { seq },
                Change::Delete => Reaction::Withdraw { seq },
            }];
        }
        DeliveryState::Skipped | DeliveryState::Dead => return vec![Reaction::Ignore { root_seq }],
        DeliveryState::Pending | DeliveryState::Sending if post.untouched => {
            // The last item of an album to go takes the delivery with it when its turn comes.
            // Edits that were added while the post was on its way the first time come after it: they must not bring back
            // what they say.
            let open = edits().filter(|edit| matches!(edit.state, DeliveryState::Pending | DeliveryState::Sending));
            let first = match change {
                Change::Delete if !post.album => Reaction::Withdraw { seq },
                Change::Edit | Change::Delete => Reaction::Fold { seq },
            };
            let overtaken = open.map(|edit| Reaction::Withdraw { seq: edit.seq });
            return std::iter::once(first).chain(overtaken).collect();
        }
        DeliveryState::Pending | DeliveryState::Sending | DeliveryState::Sent => (),
    }
    let waits = |edit: &Known| edit.state == DeliveryState::Pending && edit.untouched;
    let dead = |edit: &Known| edit.state == DeliveryState::Dead;
    match change {
        Change::Edit => {
            // Into the last one only: any other is overwritten by those behind it.
            let newest = edits().max_by_key(|edit| edit.seq).filter(|edit| waits(edit));
            let carried = newest.map_or(Reaction::Append { root_seq }, |edit| Reaction::Fold { seq: edit.seq });
            // Tried again, a dead one would bring back what it says.
            let overtaken = edits().filter(|edit| dead(edit)).map(|edit| Reaction::Withdraw { seq: edit.seq });
            std::iter::once(carried).chain(overtaken).collect()
        }
        Change::Delete => {
            let overtaken =
                edits().filter(|edit| waits(edit) || dead(edit)).map(|edit| Reaction::Withdraw { seq: edit.seq });
            overtaken.chain([Reaction::Append { root_seq }]).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post(state: DeliveryState, untouched: bool) -> Known {
        Known { seq: 4, operation: Operation::Post, state, untouched, root_seq: 4, album: false }
    }

    fn edit(seq: i64, state: DeliveryState, untouched: bool) -> Known {
        Known { seq, operation: Operation::Edit, state, untouched, root_seq: 4, album: false }
    }

    #[test]
    fn a_change_folds_into_a_post_that_has_touched_nothing() {
        let waiting = [post(DeliveryState::Pending, true)];
        assert_eq!(react(Change::Edit, &waiting), [Reaction::Fold { seq: 4 }]);
        assert_eq!(react(Change::Delete, &waiting), [Reaction::Withdraw { seq: 4 }]);
        let item = [Known { album: true, ..waiting[0] }];
        assert_eq!(react(Change::Delete, &item), [Reaction::Fold { seq: 4 }], "the album's other items go on");
    }

    #[test]
    fn a_change_of_a_post_that_came_back_untouched_overtakes_the_edits_behind_it() {
        for state in [DeliveryState::Pending, DeliveryState::Sending] {
            let back =
                [post(DeliveryState::Pending, true), edit(6, DeliveryState::Skipped, false), edit(7, state, false)];
            assert_eq!(react(Change::Edit, &back), [Reaction::Fold { seq: 4 }, Reaction::Withdraw { seq: 7 }]);
            assert_eq!(react(Change::Delete, &back), [Reaction::Withdraw { seq: 4 }, Reaction::Withdraw { seq: 7 }]);
        }
    }

    #[test]
    fn no_edit_folds_in_front_of_another() {
        let sent = post(DeliveryState::Sent, false);
        let between = [sent, edit(7, DeliveryState::Pending, true), edit(9, DeliveryState::Sending, false)];
        assert_eq!(react(Change::Edit, &between), [Reaction::Append { root_seq: 4 }]);
    }

    #[test]
    fn a_change_of_a_post_that_may_stand_is_a_delivery_of_its_own() {
        for touched in
            [post(DeliveryState::Pending, false), post(DeliveryState::Sending, false), post(DeliveryState::Sent, false)]
        {
            for change in [Change::Edit, Change::Delete] {
                assert_eq!(react(change, &[touched]), [Reaction::Append { root_seq: 4 }]);
            }
        }
    }

    #[test]
    fn a_change_of_what_was_not_carried_is_recorded_only() {
        let (skipped, dead) = (post(DeliveryState::Skipped, true), post(DeliveryState::Dead, false));
        let of_album = Known { album: true, ..post(DeliveryState::Dead, true) };
        for known in [skipped, dead, of_album] {
            for change in [Change::Edit, Change::Delete] {
                assert_eq!(react(change, &[known]), [Reaction::Ignore { root_seq: 4 }], "{known:?}");
            }
        }
        assert!(react(Change::Edit, &[]).is_empty());
    }

    #[test]
    fn a_dead_letter_says_what_its_source_says_and_ends_with_it() {
        let dead = [post(DeliveryState::Dead, true)];
        assert_eq!(react(Change::Edit, &dead), [Reaction::Fold { seq: 4 }]);
        assert_eq!(react(Change::Delete, &dead), [Reaction::Withdraw { seq: 4 }]);
        let edits = [post(DeliveryState::Sent, false), edit(7, DeliveryState::Dead, true)];
        let overtaken = Reaction::Withdraw { seq: 7 };
        assert_eq!(react(Change::Edit, &edits), [Reaction::Append { root_seq: 4 }, overtaken]);
        assert_eq!(react(Change::Delete, &edits), [overtaken, Reaction::Append { root_seq: 4 }]);
    }

    #[test]
    fn later_changes_fold_into_an_edit_that_waits_and_a_deletion_overtakes_it() {
        let sent = post(DeliveryState::Sent, false);
        let waiting = [sent, edit(7, DeliveryState::Sent, false), edit(9, DeliveryState::Pending, true)];
        assert_eq!(react(Change::Edit, &waiting), [Reaction::Fold { seq: 9 }]);
        let deleted = [Reaction::Withdraw { seq: 9 }, Reaction::Append { root_seq: 4 }];
        assert_eq!(react(Change::Delete, &waiting), deleted);
        let begun = [sent, edit(9, DeliveryState::Sending, false)];
        assert_eq!(react(Change::Edit, &begun), [Reaction::Append { root_seq: 4 }]);
    }
}
