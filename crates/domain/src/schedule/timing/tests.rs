use std::collections::BTreeSet;

use chrono::Timelike as _;
use proptest::prelude::*;

use super::*;

fn timing(cron: &str, zone: &str) -> Timing {
    Timing {
        cron: cron.parse().unwrap(),
        zone: zone.parse().unwrap(),
    }
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// The fire times after a moment are these, as the zone's clocks show them.
#[track_caller]
fn fires(zone: &str, cron: &str, after: &str, expected: &[&str]) {
    let timing = timing(cron, zone);
    let fires = timing.fires_after(at(after)).take(expected.len());
    let shown: Vec<String> = fires.map(|fire| timing.local_text(fire)).collect();
    assert_eq!(shown, expected, "{cron} in {zone}");
}

#[test]
fn an_hour_is_skipped_in_berlin() {
    let fires = |cron, after, expected: &[&str]| fires("Europe/Berlin", cron, after, expected);
    let day_before = "2026-03-28T12:00:00Z";
    fires(
        "30 2 * * *",
        day_before,
        &["2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"],
    );
    fires(
        "0,30 2 * * *",
        day_before,
        &[
            "2026-03-29T03:00:00+02:00",
            "2026-03-30T02:00:00+02:00",
            "2026-03-30T02:30:00+02:00",
        ],
    );
    fires(
        "0 2,3 * * *",
        day_before,
        &["2026-03-29T03:00:00+02:00", "2026-03-30T02:00:00+02:00"],
    );
    fires(
        "30 2 29 3 *",
        day_before,
        &["2026-03-29T03:00:00+02:00", "2027-03-29T02:30:00+02:00"],
    );
    fires(
        "*/30 2 * * *",
        day_before,
        &["2026-03-30T02:00:00+02:00", "2026-03-30T02:30:00+02:00"],
    );
    let half_an_hour_before = "2026-03-29T00:29:00Z";
    fires(
        "*/30 * * * *",
        half_an_hour_before,
        &[
            "2026-03-29T01:30:00+01:00",
            "2026-03-29T03:00:00+02:00",
            "2026-03-29T03:30:00+02:00",
        ],
    );
    fires("0 */2 * * *", half_an_hour_before, &["2026-03-29T04:00:00+02:00"]);
}

#[test]
fn an_hour_is_shown_twice_in_berlin() {
    let fires = |cron, after, expected: &[&str]| fires("Europe/Berlin", cron, after, expected);
    let day_before = "2026-10-24T12:00:00Z";
    fires(
        "30 2 * * *",
        day_before,
        &["2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"],
    );
    fires(
        "0,30 2 * * *",
        day_before,
        &[
            "2026-10-25T02:00:00+02:00",
            "2026-10-25T02:30:00+02:00",
            "2026-10-26T02:00:00+01:00",
        ],
    );
    let minute_before = "2026-10-24T23:59:00Z";
    fires(
        "*/30 * * * *",
        minute_before,
        &[
            "2026-10-25T02:00:00+02:00",
            "2026-10-25T02:30:00+02:00",
            "2026-10-25T02:00:00+01:00",
            "2026-10-25T02:30:00+01:00",
            "2026-10-25T03:00:00+01:00",
        ],
    );
    fires(
        "0 */2 * * *",
        minute_before,
        &[
            "2026-10-25T02:00:00+02:00",
            "2026-10-25T02:00:00+01:00",
            "2026-10-25T04:00:00+01:00",
        ],
    );
    // Asked while the clock shows it the second time.
    fires(
        "30 2 * * *",
        "2026-10-25T01:10:00Z",
        &["2026-10-26T02:30:00+01:00"],
    );
    fires(
        "*/30 * * * *",
        "2026-10-25T01:10:00Z",
        &["2026-10-25T02:30:00+01:00"],
    );
    // And late in the first time, when what comes next is earlier on the clock.
    fires(
        "5 * * * *",
        "2026-10-25T00:45:30.5Z",
        &["2026-10-25T02:05:00+01:00"],
    );
}

#[test]
fn clocks_change_in_new_york() {
    let fires = |cron, after, expected: &[&str]| fires("America/New_York", cron, after, expected);
    fires(
        "30 2 * * *",
        "2026-03-07T12:00:00Z",
        &["2026-03-08T03:00:00-04:00", "2026-03-09T02:30:00-04:00"],
    );
    fires(
        "0 * * * *",
        "2026-03-08T06:30:00Z",
        &["2026-03-08T03:00:00-04:00", "2026-03-08T04:00:00-04:00"],
    );
    fires(
        "30 1 * * *",
        "2026-10-31T12:00:00Z",
        &["2026-11-01T01:30:00-04:00", "2026-11-02T01:30:00-05:00"],
    );
    fires(
        "0 * * * *",
        "2026-11-01T04:30:00Z",
        &[
            "2026-11-01T01:00:00-04:00",
            "2026-11-01T01:00:00-05:00",
            "2026-11-01T02:00:00-05:00",
        ],
    );
}

#[test]
fn clocks_change_by_half_an_hour_on_lord_howe() {
    let fires = |cron, after, expected: &[&str]| fires("Australia/Lord_Howe", cron, after, expected);
    fires(
        "15 2 * * *",
        "2026-10-03T12:00:00Z",
        &["2026-10-04T02:30:00+11:00", "2026-10-05T02:15:00+11:00"],
    );
    fires(
        "*/10 * * * *",
        "2026-10-03T15:15:00Z",
        &[
            "2026-10-04T01:50:00+10:30",
            "2026-10-04T02:30:00+11:00",
            "2026-10-04T02:40:00+11:00",
        ],
    );
    fires(
        "45 1 * * *",
        "2026-04-04T12:00:00Z",
        &["2026-04-05T01:45:00+11:00", "2026-04-06T01:45:00+10:30"],
    );
    fires(
        "*/15 1 * * *",
        "2026-04-04T14:14:00Z",
        &[
            "2026-04-05T01:15:00+11:00",
            "2026-04-05T01:30:00+11:00",
            "2026-04-05T01:45:00+11:00",
            "2026-04-05T01:30:00+10:30",
            "2026-04-05T01:45:00+10:30",
            "2026-04-06T01:00:00+10:30",
        ],
    );
}

#[test]
fn clocks_do_not_change_in_kolkata_and_utc() {
    fires(
        "Asia/Kolkata",
        "0 9 * * MON-FRI",
        "2026-01-02T00:00:00Z",
        &["2026-01-02T09:00:00+05:30", "2026-01-05T09:00:00+05:30"],
    );
    fires(
        "UTC",
        "@hourly",
        "2026-03-29T00:59:59.999Z",
        &["2026-03-29T01:00:00+00:00", "2026-03-29T02:00:00+00:00"],
    );
    fires(
        "UTC",
        "0 0 29 2 *",
        "2096-03-01T00:00:00Z",
        &["2104-02-29T00:00:00+00:00"],
    );
    fires(
        "UTC",
        "0 0 L * *",
        "2026-02-01T00:00:00Z",
        &["2026-02-28T00:00:00+00:00", "2026-03-31T00:00:00+00:00"],
    );
    fires(
        "UTC",
        "0 0 13 * FRI",
        "2026-02-01T00:00:00Z",
        &[
            "2026-02-06T00:00:00+00:00",
            "2026-02-13T00:00:00+00:00",
            "2026-02-20T00:00:00+00:00",
        ],
    );
}

#[test]
fn a_whole_day_was_skipped_in_apia() {
    fires(
        "Pacific/Apia",
        "0 0,9 30 12 *",
        "2011-12-29T12:00:00Z",
        &["2011-12-31T00:00:00+14:00", "2012-12-30T00:00:00+14:00"],
    );
    fires(
        "Pacific/Apia",
        "0 */6 * * *",
        "2011-12-30T08:00:00Z",
        &["2011-12-31T00:00:00+14:00"],
    );
}

#[test]
fn the_newest_are_found_without_the_others() {
    let minutely = timing("* * * * *", "Europe/Berlin");
    let newest = minutely.newest(at("1970-01-01T00:00:00Z"), at("2026-10-25T01:00:30Z"), 2);
    assert_eq!(newest, [at("2026-10-25T00:59:00Z"), at("2026-10-25T01:00:00Z")]);
    let none = minutely.newest(at("2026-01-01T00:00:00Z"), at("2026-01-01T00:00:59Z"), 2);
    assert!(none.is_empty(), "{none:?}");
}

/// A date on which clocks change, or not.
const DAYS: [(&str, &str); 9] = [
    ("Europe/Berlin", "2026-03-29"),
    ("Europe/Berlin", "2026-10-25"),
    ("America/New_York", "2026-03-08"),
    ("America/New_York", "2026-11-01"),
    ("Australia/Lord_Howe", "2026-04-05"),
    ("Australia/Lord_Howe", "2026-10-04"),
    ("America/Santiago", "2026-09-06"),
    ("Asia/Kolkata", "2026-03-29"),
    ("UTC", "2026-03-29"),
];

proptest! {
    /// Watches the clock for two days, minute by minute.
    #[test]
    fn it_fires_when_somebody_who_watches_the_clock_would_say_so(
        (zone, day) in prop::sample::select(&DAYS[..]),
        minutes in prop::collection::btree_set(0_u32..60, 1..4),
        hours in prop::collection::btree_set(0_u32..6, 1..4),
        every in prop::option::of(1_u32..60),
    ) {
        let list = |set: &BTreeSet<u32>| set.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let minute = every.map_or_else(|| list(&minutes), |every| format!("*/{every}"));
        let timing = timing(&format!("{minute} {} * * *", list(&hours)), zone);
        let matches = |wall: NaiveDateTime| {
            let minute_matches = every.map_or_else(|| minutes.contains(&wall.minute()), |every| wall.minute().is_multiple_of(every));
            minute_matches && hours.contains(&wall.hour())
        };

        let begin = at(&format!("{day}T00:00:00Z")) - TimeDelta::days(1);
        let mut expected = Vec::new();
        let mut seen = timing.local(begin);
        for now in (1..=2 * 24 * 60).map(|minute| begin + TimeDelta::minutes(minute)) {
            let wall = timing.local(now);
            let fires = match every {
                Some(_) => matches(wall),
                // Everything that the clock has come to, or gone past, for the first time.
                None => successors(Some(wall), |wall| Some(*wall - TimeDelta::minutes(1)))
                    .take_while(|wall| *wall > seen)
                    .any(matches),
            };
            if fires {
                expected.push(now);
            }
            seen = seen.max(wall);
        }
        let end = begin + TimeDelta::days(2);
        let found: Vec<_> = timing.fires_after(begin).take_while(|fire| *fire <= end).collect();
        prop_assert_eq!(&found, &expected);
        prop_assert_eq!(timing.newest(begin, end, usize::MAX), expected);
    }
}
