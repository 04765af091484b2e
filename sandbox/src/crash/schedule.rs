//! What happens in a run, made from its seed alone before anything starts: who writes what, which faults strike, and who
//! is killed when.

mod script;
mod trouble;

use std::time::Duration;

pub use self::{
    script::{Script, What, number_of},
    trouble::{Fault, Pause, Platform},
};
use crate::chaos::Kill;

/// How large a run is.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Forwarding pairs, spread evenly over the four directions.
    pub pairs: usize,
    /// Messages written, over all pairs.
    pub messages: usize,
    /// For how long there is writing and killing.
    pub writing: Duration,
    /// Of 100 messages, so many are edited later; half as many are deleted.
    pub changed_percent: usize,
}

/// Everything that is decided in advance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// One per pair.
    pub scripts: Vec<Script>,
    /// By time.
    pub kills: Vec<Kill>,
    /// By time.
    pub faults: Vec<Fault>,
    /// By time.
    pub pauses: Vec<Pause>,
}

impl Schedule {
    /// The schedule of `seed`.
    #[must_use]
    pub fn new(seed: u64, size: Size) -> Self {
        Self {
            scripts: script::all(seed, size),
            kills: trouble::kills(seed, size.writing),
            faults: trouble::faults(seed, size.writing),
            pauses: trouble::pauses(seed, size),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const SIZE: Size = Size { pairs: 20, messages: 2_000, writing: Duration::from_secs(150), changed_percent: 20 };

    #[test]
    fn a_seed_makes_one_schedule_and_another_seed_another() {
        assert_eq!(Schedule::new(7, SIZE), Schedule::new(7, SIZE));
        assert_ne!(Schedule::new(7, SIZE), Schedule::new(8, SIZE));
    }

    #[test]
    fn every_part_is_killed_several_times_and_all_messages_are_written() {
        let schedule = Schedule::new(3, SIZE);
        for part in trouble::KILLED {
            let kills = schedule.kills.iter().filter(|kill| kill.part == part).count();
            assert!(kills >= 4, "{part} is killed {kills} times");
        }
        let posts = schedule
            .scripts
            .iter()
            .flat_map(|script| &script.steps)
            .filter(|step| matches!(step.what, What::Post { .. }))
            .count();
        assert_eq!(posts, SIZE.messages);
        assert!(schedule.faults.len() > 30 && schedule.pauses.len() > 5);
    }

    #[test]
    fn nothing_is_changed_before_it_is_written_or_after_it_is_deleted() {
        for script in Schedule::new(5, SIZE).scripts {
            let (mut written, mut deleted) = (BTreeSet::new(), BTreeSet::new());
            for step in &script.steps {
                match &step.what {
                    What::Post { number, reply_to, .. } => {
                        assert!(written.insert(*number), "{number} is written once");
                        assert!(reply_to.is_none_or(|to| written.contains(&to) && !deleted.contains(&to)));
                    }
                    What::Edit { number, .. } => assert!(written.contains(number) && !deleted.contains(number)),
                    What::Delete { number } => assert!(written.contains(number) && deleted.insert(*number)),
                }
            }
            assert!(script.steps.is_sorted_by_key(|step| step.at) && !deleted.is_empty());
            assert!(deleted.iter().all(|number| !script.stays(*number)));
        }
    }

    #[test]
    fn changes_can_be_switched_off() {
        let schedule = Schedule::new(5, Size { changed_percent: 0, ..SIZE });
        let steps = schedule.scripts.iter().flat_map(|script| &script.steps);
        assert!(steps.map(|step| &step.what).all(|what| matches!(what, What::Post { .. })));
    }
}
