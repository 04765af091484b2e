use proptest::prelude::*;

use super::*;
use crate::{clock::FixedClock, notification::Kind};

fn at(minutes: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::minutes(minutes)
}

fn user() -> UserId {
    UserId::from_uuid(Uuid::from_u128(7))
}

fn alert(id: i64, kind: AlertKind, opened: i64) -> Alert {
    Alert {
        id,
        user: Some(user()),
        kind,
        subject: Uuid::from_u128(u128::from(id.unsigned_abs())),
        label: format!("thing {id}"),
        detail: None,
        opened_at: at(opened),
        closed_at: None,
        user_told: Told::default(),
        operator_told: Told::default(),
    }
}

fn told(alert: Alert, minute: i64) -> Alert {
    Alert { user_told: Told { at: Some(at(minute)), times: 1, settled: false }, ..alert }
}

fn closed(alert: Alert, minute: i64) -> Alert {
    Alert { closed_at: Some(at(minute)), ..alert }
}

fn seen(alert: &Alert) -> Observed {
    let Alert { user, kind, subject, label, detail, .. } = alert.clone();
    Observed { user, kind, subject, label, detail, onset: true }
}

fn say(alerts: &[Alert], minute: i64) -> Option<Say<'_>> {
    due(&alerts.iter().collect::<Vec<_>>(), Side::User, at(minute))
}

fn ids(listed: &[&Alert]) -> Vec<i64> {
    listed.iter().map(|alert| alert.id).collect()
}

#[test]
fn what_is_the_installations_own_is_told_to_its_operator_alone() {
    let mut books = Alert { user: None, ..alert(1, AlertKind::LedgerImbalance, 0) };
    books.detail = Some("3 discrepancies".into());
    let known = [&books];
    let Some(say) = due(&known, Side::Operator, at(2)) else { panic!("it is time") };
    let text = serde_json::to_string(&for_operator(&say)).unwrap();
    for words in ["1 thing wrong, in the installation", "books wrong: 1", "books wrong (3 discrepancies), since"] {
        assert!(text.contains(words), "{text}");
    }
    assert!(!text.contains("user_"), "{text}");
    let over = compare(&[books], vec![], at(5)).closed;
    assert_eq!(over, [Closed { id: 1, user_settled: true, operator_settled: true }], "nobody was told");
}

#[test]
fn what_comes_within_the_window_is_one_message() {
    let outage = [alert(1, AlertKind::PairBlocked, 0), alert(2, AlertKind::DeadLetters, 1)];
    assert_eq!(say(&outage, 1), None);
    let Some(Say::Trouble { listed, news, reminder: false }) = say(&outage, 2) else { panic!("it is time") };
    assert_eq!((ids(&listed), news), (vec![1, 2], vec![1, 2]));
}

#[test]
fn nothing_is_repeated_while_it_stays_and_a_day_later_it_is_told_once_more() {
    let mut known = [told(alert(1, AlertKind::PairBlocked, 0), 2)];
    assert_eq!(say(&known, 3), None);
    assert_eq!(say(&known, 24 * 60 + 1), None);
    assert!(matches!(say(&known, 24 * 60 + 2), Some(Say::Trouble { reminder: true, .. })));
    known[0].user_told = Told { at: Some(at(24 * 60 + 2)), times: 2, settled: false };
    assert_eq!(say(&known, 100_000), None);
    let limit = [told(alert(1, AlertKind::PlanSurplus, 0), 2)];
    assert_eq!(say(&limit, 100_000), None, "a limit needs no reminder");
}

#[test]
fn more_trouble_waits_for_the_spacing_and_lists_all_that_is_wrong() {
    let known = [told(alert(1, AlertKind::PairBlocked, 0), 2), alert(2, AlertKind::SessionRevoked, 4)];
    assert_eq!(say(&known, 6), None);
    let Some(Say::Trouble { listed, news, reminder: false }) = say(&known, 12) else { panic!("it is time") };
    assert_eq!((ids(&listed), news), (vec![2, 1], vec![2]));
}

#[test]
fn a_lost_link_must_last_before_it_counts() {
    let lost = [alert(1, AlertKind::AccountUnreachable, 0), alert(2, AlertKind::AccountUnreachable, 2)];
    assert_eq!(say(&lost, 4), None);
    let Some(Say::Trouble { news, .. }) = say(&lost, 5) else { panic!("it is time") };
    assert_eq!(news, [1, 2]);
    let late = [alert(1, AlertKind::AccountUnreachable, 0), alert(2, AlertKind::AccountUnreachable, 3)];
    assert!(matches!(say(&late, 5), Some(Say::Trouble { news, .. }) if news == [1]), "it may be over in a moment");
}

#[test]
fn an_end_is_told_once_everything_is_over_for_a_while() {
    let one = closed(told(alert(1, AlertKind::PairBlocked, 0), 2), 5);
    let other = told(alert(2, AlertKind::DeadLetters, 0), 2);
    assert_eq!(say(&[one.clone(), other.clone()], 60), None);
    let both = [one, closed(other, 9)];
    assert_eq!(say(&both, 10), None);
    let Some(Say::Over { listed }) = say(&both, 11) else { panic!("it is over") };
    assert_eq!(ids(&listed), [1, 2]);
}

#[test]
fn what_nobody_was_told_of_ends_without_a_word() {
    let known = [alert(1, AlertKind::PairBlocked, 0), told(alert(2, AlertKind::PairBlocked, 0), 2)];
    let comparison = compare(&known, Vec::new(), at(3));
    let ends: Vec<_> = comparison.closed.iter().map(|one| (one.id, one.user_settled)).collect();
    assert_eq!(ends, [(1, true), (2, false)]);
}

#[test]
fn a_limit_is_told_of_once_a_day() {
    let noon = 12 * 60;
    let known = [told(alert(1, AlertKind::MinuteLimit, noon), noon + 2)];
    assert_eq!(compare(&known, Vec::new(), at(noon + 5)), Comparison::default());
    assert_eq!(compare(&known, vec![seen(&known[0])], at(noon + 6)), Comparison::default());
    let over = compare(&known, Vec::new(), at(24 * 60));
    assert_eq!(over.closed, [Closed { id: 1, user_settled: true, operator_settled: true }]);
}

#[test]
fn what_flaps_is_the_same_alert_until_its_end_was_told() {
    let flapping = closed(told(alert(1, AlertKind::PairBlocked, 0), 2), 5);
    let again = compare(std::slice::from_ref(&flapping), vec![seen(&flapping)], at(6));
    assert_eq!((again.reopened, again.opened), (vec![1], Vec::new()));
    let settled = Alert { user_told: Told { settled: true, ..flapping.user_told }, ..flapping };
    let again = compare(std::slice::from_ref(&settled), vec![seen(&settled)], at(60));
    assert_eq!((again.reopened, again.opened.len()), (Vec::new(), 1));
}

#[test]
fn a_consequence_opens_nothing_and_keeps_open_what_is() {
    let lag = told(alert(1, AlertKind::PairLagging, 0), 2);
    let consequence = Observed { onset: false, ..seen(&lag) };
    assert_eq!(compare(&[], vec![consequence.clone()], at(9)), Comparison::default());
    assert_eq!(compare(&[lag], vec![consequence], at(9)), Comparison::default());
}

#[test]
fn messages_say_what_is_wrong_and_the_operator_gets_counts() {
    let many: Vec<Alert> = (1..=60).map(|id| alert(id, AlertKind::PairBlocked, 0)).collect();
    let said = say(&many, 2).unwrap();
    let shown = for_user(&said, Kind::HealthAlert, Some("https://example.org"));
    assert_eq!(shown.subject, "60 things do not work as they should");
    let text = serde_json::to_string(&shown).unwrap();
    assert!(text.contains("thing 1: the destination refuses messages") && text.contains("and 10 more"), "{text}");
    let shown = for_operator(&said);
    assert_eq!(shown.subject, "60 things wrong, at 1 tenant");
    let text = serde_json::to_string(&shown).unwrap();
    assert!(text.contains("destination refuses: 60") && !text.contains("thing 1"), "{text}");
    let one = [alert(1, AlertKind::SessionRevoked, 0)];
    let shown = for_user(&say(&one, 2).unwrap(), Kind::SessionWarning, None);
    assert_eq!(shown.subject, "thing 1: the session has ended; sign in again");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Minute by minute, whatever comes and goes: everybody told of is told of at most twice, nothing within the
    /// spacing, and at the end of a quiet time nothing is left to tell.
    #[test]
    fn an_hour_of_trouble_is_few_messages_and_ends(present in prop::collection::vec(prop::collection::vec(any::<bool>(), 5), 60)) {
        let clock = FixedClock::at(at(0));
        let user = Some(UserId::new(&clock));
        let kinds = [AlertKind::PairBlocked, AlertKind::DeadLetters, AlertKind::AccountUnreachable, AlertKind::PairLagging];
        let mut rows: Vec<Alert> = Vec::new();
        let mut said: Vec<i64> = Vec::new();
        let mut ends = 0;
        let quiet = std::iter::repeat_n(vec![false; 5], 5);
        for (minute, flags) in present.into_iter().chain(quiet).enumerate() {
            let minute = i64::try_from(minute).unwrap();
            let seen = flags.iter().enumerate().filter(|(_, flag)| **flag).map(|(index, _)| Observed {
                user, kind: kinds[index % 4], subject: Uuid::from_u128(index as u128), label: String::new(), detail: None, onset: true,
            });
            let known: Vec<Alert> = rows.iter().filter(|row| !row.user_told.settled).cloned().collect();
            let comparison = compare(&known, seen.collect(), at(minute));
            for closed in comparison.closed {
                let row = rows.iter_mut().find(|row| row.id == closed.id).unwrap();
                row.closed_at = Some(at(minute));
                row.user_told.settled = closed.user_settled;
            }
            for id in comparison.reopened {
                rows.iter_mut().find(|row| row.id == id).unwrap().closed_at = None;
            }
            for one in comparison.opened {
                let id = i64::try_from(rows.len()).unwrap();
                rows.push(Alert { user, subject: one.subject, ..alert(id, one.kind, minute) });
            }
            let open: Vec<_> = rows.iter().filter(|row| row.closed_at.is_none()).map(|row| (row.kind, row.subject)).collect();
            let distinct: std::collections::HashSet<_> = open.iter().collect();
            prop_assert_eq!(distinct.len(), open.len(), "one open alert for one thing");
            let (news, over) = match due(&rows.iter().collect::<Vec<_>>(), Side::User, at(minute)) {
                None => (Vec::new(), Vec::new()),
                Some(Say::Trouble { news, .. }) => (news, Vec::new()),
                Some(Say::Over { listed }) => (Vec::new(), ids(&listed)),
            };
            if !news.is_empty() {
                said.push(minute);
            }
            ends += usize::from(!over.is_empty());
            for row in &mut rows {
                if news.contains(&row.id) {
                    row.user_told = Told { at: Some(at(minute)), times: row.user_told.times + 1, settled: false };
                }
                row.user_told.settled |= over.contains(&row.id);
            }
        }
        prop_assert!(ends <= said.len(), "nothing ends that was not told");
        prop_assert!(rows.iter().all(|row| row.user_told.settled), "nothing is left over");
        prop_assert!(said.len() <= 20, "{said:?}");
    }
}
