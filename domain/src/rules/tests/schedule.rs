use serde_json::json;

use super::{at, rules};
use crate::rules::Rules;

fn hours(zone: &str, hours: serde_json::Value) -> Rules {
    rules(json!({ "time_zone": zone, "schedule": { "hours": hours } }))
}

/// The next opening at each moment; the moment itself when it is within the hours.
fn check(rules: &Rules, cases: &[(&str, &str)]) {
    for (now, open) in cases {
        assert_eq!(rules.open_at(at(now)), at(open), "{now}");
    }
}

#[test]
fn hours_open_at_their_first_minute_and_close_at_their_last() {
    let rules = hours("UTC", json!({ "wed": ["09:00-17:00"], "fri": ["08:00-09:00", "20:00-24:00"] }));
    check(
        &rules,
        &[
            ("2026-03-04T08:59:59Z", "2026-03-04T09:00:00Z"),
            ("2026-03-04T09:00:00Z", "2026-03-04T09:00:00Z"),
            ("2026-03-04T16:59:59Z", "2026-03-04T16:59:59Z"),
            ("2026-03-04T17:00:00Z", "2026-03-06T08:00:00Z"),
            ("2026-03-06T09:00:00Z", "2026-03-06T20:00:00Z"),
            ("2026-03-06T23:59:59Z", "2026-03-06T23:59:59Z"),
            ("2026-03-07T00:00:00Z", "2026-03-11T09:00:00Z"),
        ],
    );
}

#[test]
fn hours_over_midnight_belong_to_the_day_on_which_they_begin() {
    let rules = hours("America/New_York", json!({ "fri": ["22:00-02:00"] }));
    check(
        &rules,
        &[
            ("2026-01-10T02:59:59Z", "2026-01-10T03:00:00Z"),
            ("2026-01-10T06:59:59Z", "2026-01-10T06:59:59Z"),
            ("2026-01-10T07:00:00Z", "2026-01-17T03:00:00Z"),
        ],
    );
    let always = hours("UTC", json!({ "mon": ["00:00-24:00"], "tue": ["06:00-06:00"] }));
    check(
        &always,
        &[
            ("2026-03-02T23:59:59Z", "2026-03-02T23:59:59Z"),
            ("2026-03-04T05:59:59Z", "2026-03-04T05:59:59Z"),
            ("2026-03-04T06:00:00Z", "2026-03-09T00:00:00Z"),
        ],
    );
}

#[test]
fn the_same_hour_of_the_wall_moves_with_the_clocks() {
    let every = json!(["09:00-10:00"]);
    let rules = hours("Europe/Berlin", json!({ "sat": every, "sun": every, "mon": every }));
    check(
        &rules,
        &[
            // Summer time begins on 29 March 2026 at 02:00.
            ("2026-03-28T07:00:00Z", "2026-03-28T08:00:00Z"),
            ("2026-03-28T12:00:00Z", "2026-03-29T07:00:00Z"),
            // It ends on 25 October 2026 at 03:00.
            ("2026-10-24T12:00:00Z", "2026-10-25T08:00:00Z"),
            ("2026-10-25T12:00:00Z", "2026-10-26T08:00:00Z"),
        ],
    );
}

#[test]
fn an_hour_that_the_clocks_skip_is_not_there() {
    let rules = hours("Europe/Berlin", json!({ "sun": ["02:15-02:45"] }));
    check(&rules, &[("2026-03-29T00:00:00Z", "2026-04-05T00:15:00Z")]);
    let begins = hours("Europe/Berlin", json!({ "sun": ["02:30-05:00"] }));
    check(
        &begins,
        &[("2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z"), ("2026-03-29T03:00:00Z", "2026-04-05T00:30:00Z")],
    );
    let ends = hours("Europe/Berlin", json!({ "sun": ["01:00-02:30"] }));
    check(&ends, &[("2026-03-29T00:59:59Z", "2026-03-29T00:59:59Z"), ("2026-03-29T01:00:00Z", "2026-04-04T23:00:00Z")]);
}

#[test]
fn an_hour_that_the_clocks_repeat_counts_both_times() {
    let rules = hours("Europe/Berlin", json!({ "sun": ["02:15-02:45"] }));
    check(
        &rules,
        &[
            ("2026-10-25T00:00:00Z", "2026-10-25T00:15:00Z"),
            ("2026-10-25T00:15:00Z", "2026-10-25T00:15:00Z"),
            ("2026-10-25T01:44:59Z", "2026-10-25T01:44:59Z"),
            ("2026-10-25T01:45:00Z", "2026-11-01T01:15:00Z"),
        ],
    );
}

#[test]
fn zones_far_from_greenwich_and_a_day_that_never_was() {
    check(
        &hours("Pacific/Kiritimati", json!({ "mon": ["00:00-01:00"] })),
        &[("2026-03-01T09:59:59Z", "2026-03-01T10:00:00Z")],
    );
    // Samoa went from Thursday, 29 December 2011 to Saturday: there was no Friday.
    let friday = hours("Pacific/Apia", json!({ "fri": ["10:00-12:00"] }));
    check(&friday, &[("2011-12-30T00:00:00Z", "2012-01-05T20:00:00Z")]);
}

#[test]
fn every_opening_is_within_the_hours_and_nothing_before_it_is() {
    let rules = hours("America/Sao_Paulo", json!({ "tue": ["23:30-00:30"], "sun": ["00:00-00:10", "12:00-13:00"] }));
    let mut now = at("2018-10-25T00:00:00Z");
    for _ in 0..2_000 {
        let open = rules.open_at(now);
        assert!(open >= now && rules.open_at(open) == open);
        if open > now {
            assert_eq!(rules.open_at(open - chrono::TimeDelta::seconds(1)), open);
        }
        now += chrono::TimeDelta::minutes(17);
    }
}
