//! What a plan pauses when it allows less, and resumes when it allows more.

/// How something of a tenant's stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It takes up room.
    Running,
    /// The plan has paused it.
    Held,
    /// Its user has paused it: that is theirs to end.
    Stopped,
}

/// One of a tenant's pairs, or of their accounts of one platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// How it stands.
    pub standing: Standing,
    /// The plan includes what it uses.
    pub permitted: bool,
}

/// What becomes of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// The plan pauses it.
    Hold,
    /// The plan resumes what it has paused.
    Release,
}

/// What has to change so that at most `max` of `members`, oldest first, run, and none that the plan does not include:
/// the newest surplus is held; where there is room, what was held is released, the oldest first. What runs is never
/// exchanged for something older. Says it by index.
#[must_use]
pub fn settle(members: &[Member], max: Option<u64>) -> Vec<(usize, Move)> {
    let places = |standing: Standing, permitted: bool| {
        let wanted = Member { standing, permitted };
        members.iter().enumerate().filter(move |(_, member)| **member == wanted).map(|(index, _)| index)
    };
    let max = max.map_or(usize::MAX, |max| usize::try_from(max).unwrap_or(usize::MAX));
    let running = places(Standing::Running, true).count();
    let held = places(Standing::Running, false).chain(places(Standing::Running, true).skip(max));
    let released = places(Standing::Held, true).take(max.saturating_sub(running));
    held.map(|index| (index, Move::Hold)).chain(released.map(|index| (index, Move::Release))).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RUNS: Member = Member { standing: Standing::Running, permitted: true };
    const HELD: Member = Member { standing: Standing::Held, permitted: true };
    const STOPPED: Member = Member { standing: Standing::Stopped, permitted: true };

    fn forbidden(member: Member) -> Member {
        Member { permitted: false, ..member }
    }

    fn applied(members: &[Member], max: Option<u64>) -> Vec<Member> {
        let mut after = members.to_vec();
        for (index, moved) in settle(members, max) {
            after[index].standing = match moved {
                Move::Hold => Standing::Held,
                Move::Release => Standing::Running,
            };
        }
        after
    }

    #[test]
    fn the_newest_surplus_is_held_and_comes_back_oldest_first() {
        let down = applied(&[RUNS; 5], Some(3));
        assert_eq!(down, [RUNS, RUNS, RUNS, HELD, HELD]);
        assert_eq!(applied(&down, Some(4)), [RUNS, RUNS, RUNS, RUNS, HELD]);
        assert_eq!(applied(&down, None), [RUNS; 5]);
        assert_eq!(applied(&[RUNS; 2], Some(0)), [HELD; 2]);
    }

    #[test]
    fn what_a_user_has_paused_takes_no_room_and_stays_paused() {
        let members = [STOPPED, RUNS, RUNS, RUNS];
        assert_eq!(applied(&members, Some(3)), members);
        assert_eq!(applied(&members, Some(2)), [STOPPED, RUNS, RUNS, HELD]);
        assert_eq!(applied(&[STOPPED, RUNS, RUNS, HELD], None), [STOPPED, RUNS, RUNS, RUNS]);
    }

    #[test]
    fn what_the_plan_does_not_include_is_held_and_leaves_its_room_to_others() {
        assert_eq!(applied(&[forbidden(RUNS), RUNS, HELD], Some(2)), [forbidden(HELD), RUNS, RUNS]);
        assert_eq!(applied(&[forbidden(HELD), RUNS], None), [forbidden(HELD), RUNS]);
    }

    #[test]
    fn what_runs_is_not_exchanged_for_something_older() {
        assert_eq!(applied(&[HELD, RUNS, RUNS], Some(2)), [HELD, RUNS, RUNS]);
    }

    fn members() -> impl Strategy<Value = Vec<Member>> {
        let standing = prop::sample::select(vec![Standing::Running, Standing::Held, Standing::Stopped]);
        let member = (standing, any::<bool>()).prop_map(|(standing, permitted)| Member { standing, permitted });
        prop::collection::vec(member, 0..20)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_settled_tenant_is_within_the_plan_and_stays_as_they_are(
            members in members(),
            max in prop::option::of(0_u64..12),
        ) {
            let after = applied(&members, max);
            let running = after.iter().filter(|member| member.standing == Standing::Running).count() as u64;
            prop_assert!(max.is_none_or(|max| running <= max));
            prop_assert!(after.iter().all(|member| member.permitted || member.standing != Standing::Running));
            let room = max.is_none_or(|max| running < max);
            prop_assert!(!room || !after.contains(&HELD), "there is room, and something waits for it");
            for (before, after) in members.iter().zip(&after) {
                prop_assert_eq!(before.standing == Standing::Stopped, after.standing == Standing::Stopped);
            }
            prop_assert_eq!(settle(&after, max), vec![]);
        }
    }
}
