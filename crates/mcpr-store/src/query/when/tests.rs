//! What is read as a time, what is not, and what a clock change does.

use super::*;
use chrono_tz::Tz;
use mcpr_model::time::{DAY_MS, MINUTE_MS, parse_rfc3339, rfc3339};

const NOW: &str = "2026-11-21T01:30:08.318Z";

fn check(text: &str, expected: &str) {
    let now = parse_rfc3339(NOW).expect(NOW);
    let zone = Zone::Fixed(FixedOffset::east_opt(2 * 3600).expect("a small offset"));
    let got = parse_when(text, now, &zone);
    assert_eq!(got.map(rfc3339), Ok(Some(expected.to_owned())), "{text}");
}

#[test]
fn every_form_of_a_time_is_read() {
    let cases = [
        ("now", NOW),
        ("30m", "2026-11-21T01:00:08.318Z"),
        ("1h30m", "2026-11-21T00:00:08.318Z"),
        ("2h", "2026-11-20T23:30:08.318Z"),
        ("1.5h", "2026-11-21T00:00:08.318Z"),
        ("7d", "2026-11-14T01:30:08.318Z"),
        ("2w", "2026-11-07T01:30:08.318Z"),
        ("318ms", "2026-11-21T01:30:08.000Z"),
        ("0s", NOW),
        ("-2h", "2026-11-20T23:30:08.318Z"),
        ("-1h30m", "2026-11-21T00:00:08.318Z"),
        ("1h 30m", "2026-11-21T00:00:08.318Z"),
        ("2 hours ago", "2026-11-20T23:30:08.318Z"),
        ("5 min ago", "2026-11-21T01:25:08.318Z"),
        ("5m ago", "2026-11-21T01:25:08.318Z"),
        ("1 hour 30 minutes ago", "2026-11-21T00:00:08.318Z"),
        ("8d ago", "2026-11-13T01:30:08.318Z"),
        ("1 Week Ago", "2026-11-14T01:30:08.318Z"),
        ("1y", "2025-11-21T01:30:08.318Z"),
        ("1mo", "2026-10-21T01:30:08.318Z"),
        ("9 months ago", "2026-02-21T01:30:08.318Z"),
        ("1y2mo1d", "2025-09-20T01:30:08.318Z"),
        ("saturday", "2026-11-20T22:00:00.000Z"),
        ("Monday", "2026-11-15T22:00:00.000Z"),
        ("sun", "2026-11-14T22:00:00.000Z"),
        ("monday 09:00", "2026-11-16T07:00:00.000Z"),
        ("yesterday 23:00", "2026-11-20T21:00:00.000Z"),
        ("today UTC", "2026-11-21T00:00:00.000Z"),
        ("2026-11-21 01:00 UTC", "2026-11-21T01:00:00.000Z"),
        ("2026-11-21 01:00:05.25 gmt", "2026-11-21T01:00:05.250Z"),
        ("2026-11-21 UTC", "2026-11-21T00:00:00.000Z"),
        ("2026-11-21 -0500", "2026-11-21T05:00:00.000Z"),
        ("2026-11-21 01:00 +05:30", "2026-11-20T19:30:00.000Z"),
        ("2026-11-21 01:00+02", "2026-11-20T23:00:00.000Z"),
        ("01:00Z", "2026-11-21T01:00:00.000Z"),
        ("today", "2026-11-20T22:00:00.000Z"),
        ("yesterday", "2026-11-19T22:00:00.000Z"),
        ("2026-11-21", "2026-11-20T22:00:00.000Z"),
        ("2026-11-21 14:00", "2026-11-21T12:00:00.000Z"),
        ("2026-11-21T14:00", "2026-11-21T12:00:00.000Z"),
        (" 2026-11-21 14:00:05 ", "2026-11-21T12:00:05.000Z"),
        ("2026-11-21 14:00:05.123456", "2026-11-21T12:00:05.123Z"),
        ("14:00:05.5", "2026-11-21T12:00:05.500Z"),
        ("00:30", "2026-11-20T22:30:00.000Z"),
        (
            "2026-11-21T01:28:09.539639578+00:00",
            "2026-11-21T01:28:09.539Z",
        ),
        ("2026-11-21T01:27:02.390Z", "2026-11-21T01:27:02.390Z"),
        ("2026-11-21 01:27:02.390Z", "2026-11-21T01:27:02.390Z"),
        ("2026-11-21 01:27Z", "2026-11-21T01:27:00.000Z"),
        ("2026-11-21T03:27-05:00", "2026-11-21T08:27:00.000Z"),
        ("@1795224422", "2026-11-21T01:27:02.000Z"),
        ("@1795224422.3909", "2026-11-21T01:27:02.390Z"),
        ("@1795224422390", "2026-11-21T01:27:02.390Z"),
        ("1795224422390", "2026-11-21T01:27:02.390Z"),
        ("@0", "1970-01-01T00:00:00.000Z"),
        ("@-1.5", "1969-12-31T23:59:58.500Z"),
    ];
    for (text, expected) in cases {
        check(text, expected);
    }
}

#[test]
fn times_in_words_are_read() {
    let cases = [
        ("2 weeks ago", "2026-11-07T01:30:08.318Z"),
        ("an hour ago", "2026-11-21T00:30:08.318Z"),
        ("a week ago", "2026-11-14T01:30:08.318Z"),
        ("half an hour ago", "2026-11-21T01:00:08.318Z"),
        ("last 2 hours", "2026-11-20T23:30:08.318Z"),
        ("last monday", "2026-11-15T22:00:00.000Z"),
        ("last saturday", "2026-11-13T22:00:00.000Z"),
        ("last monday 09:00", "2026-11-16T07:00:00.000Z"),
        ("Nov 20", "2026-11-19T22:00:00.000Z"),
        ("20 Nov", "2026-11-19T22:00:00.000Z"),
        ("november 20", "2026-11-19T22:00:00.000Z"),
        ("Nov 21", "2026-11-20T22:00:00.000Z"),
        // It has not been yet this year.
        ("nov 29", "2025-11-28T22:00:00.000Z"),
        ("29. November 2025 14:00", "2025-11-29T12:00:00.000Z"),
        ("Nov 29th, 2025", "2025-11-28T22:00:00.000Z"),
        ("20 Sept 14:00 UTC", "2026-09-20T14:00:00.000Z"),
        ("29 feb", "2024-02-28T22:00:00.000Z"),
        ("2026/11/20", "2026-11-19T22:00:00.000Z"),
        ("2pm", "2026-11-21T12:00:00.000Z"),
        ("yesterday 2:30 PM", "2026-11-20T12:30:00.000Z"),
        ("yesterday at 09:00", "2026-11-20T07:00:00.000Z"),
        ("12am", "2026-11-20T22:00:00.000Z"),
    ];
    for (text, expected) in cases {
        check(text, expected);
    }
}

#[test]
fn what_is_no_time_is_refused_with_a_hint() {
    let bad = [
        "",
        " ",
        "30",
        "-30",
        "abc",
        "30x",
        "h",
        "1h30",
        "1..5h",
        "2026-13-01",
        "2026-11-21 25:00",
        "25:00",
        "@",
        "@x",
        "@1.x",
        "@1.",
        "2026-11-21T",
        "+1h",
        "99999999999999999999w",
        "tomorrow",
        "ago",
        "2 ago",
        "-2h ago",
        "--2h",
        "- 2h",
        "5M",
        "1.5mo",
        "99999999999mo",
        "2 fortnights ago",
        "2026-11-21 UTC UTC",
        "2026-11-21 01:00 +2",
        "2026-11-21 01:00 +99:00",
        "2026-11-21 01:00 +0:200",
        "2026-11-21 01:00 Mars",
        "monday tuesday",
        "14:00 2026-11-21",
        "UTC",
        "@99999999999999999999",
        "é",
        "5é",
        "1e3s",
    ];
    for text in bad {
        let got = parse_when(text, 0, &Zone::Utc);
        let error = got.expect_err(text);
        assert!(error.hint.contains("1h30m"), "{text}");
    }
}

#[test]
fn what_may_be_two_moments_is_refused_with_what_to_write() {
    let cases = [
        ("11/12", "2026-11-29"),
        ("11/12/2026 14:00", "2026-11-29"),
        ("29.11.", "1h30m"),
        ("29.11.2026", "29 Nov"),
        ("last week", "7d for so long back from now, or 2026-11-09"),
        ("last month", "1mo for so long back from now, or 2026-10-01"),
        ("last year", "1y for so long back from now, or 2025-01-01"),
        ("last day", "or 2026-11-20"),
        (
            "last hour",
            "1h for so long back from now, or a time such as 14:00",
        ),
        ("november", "write its first day: `1 november`"),
        ("nov nov", "1h30m"),
        ("31 Nov", "1h30m"),
        ("29 Nov 25", "1h30m"),
        ("13pm", "1h30m"),
        ("half hour", "1h30m"),
        ("next monday", "1h30m"),
    ];
    let now = parse_rfc3339(NOW).expect(NOW);
    for (text, expected) in cases {
        let error = parse_when(text, now, &Zone::Utc).expect_err(text);
        assert!(error.hint.contains(expected), "{text}: {}", error.hint);
    }
}

#[test]
fn a_clock_change_has_one_answer() {
    let cases = [
        // Twice: the earlier.
        (
            Tz::Europe__Berlin,
            "2026-10-25 02:30",
            "2026-10-25T00:30:00.000Z",
        ),
        (
            Tz::Europe__Berlin,
            "2026-10-25 03:30",
            "2026-10-25T02:30:00.000Z",
        ),
        (
            Tz::America__New_York,
            "2026-11-01 01:30",
            "2026-11-01T05:30:00.000Z",
        ),
        (
            Tz::America__Havana,
            "2026-11-01",
            "2026-11-01T04:00:00.000Z",
        ),
        (
            Tz::Australia__Lord_Howe,
            "2026-04-05 01:45",
            "2026-04-04T14:45:00.000Z",
        ),
        // Skipped: the moment of the change.
        (
            Tz::Europe__Berlin,
            "2026-03-29 02:00",
            "2026-03-29T01:00:00.000Z",
        ),
        (
            Tz::Europe__Berlin,
            "2026-03-29 02:30",
            "2026-03-29T01:00:00.000Z",
        ),
        (
            Tz::Europe__Berlin,
            "2026-03-29 03:30",
            "2026-03-29T01:30:00.000Z",
        ),
        (
            Tz::America__Havana,
            "2026-03-08",
            "2026-03-08T05:00:00.000Z",
        ),
        (
            Tz::Pacific__Apia,
            "2011-12-30 12:00",
            "2011-12-30T10:00:00.000Z",
        ),
    ];
    for (zone, text, expected) in cases {
        let got = parse_when(text, 0, &zone).map(rfc3339);
        assert_eq!(got, Ok(Some(expected.to_owned())), "{zone} {text}");
    }
}

#[test]
fn a_local_time_is_the_first_moment_that_shows_it_or_a_later_one_in_every_zone() {
    let seed = mcpr_seed::seed();
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    // Before 1972 some zones were away from UTC by seconds.
    let (begin, end) = (160_000_000_000, 2_200_000_000_000);
    for zone in chrono_tz::TZ_VARIANTS {
        for ts in changes(zone, random.i64(begin..end)) {
            let near = ts + random.i64(-90..90) * MINUTE_MS;
            let near = near - near.rem_euclid(MINUTE_MS);
            let local = local_time(near, &zone).expect("within the calendar")
                + TimeDelta::minutes(random.i64(-90..90));
            let text = local.format("%Y-%m-%d %H:%M").to_string();
            let got = parse_when(&text, 0, &zone).expect(&text);
            let first = (-6 * 60..6 * 60)
                .map(|minutes| near + minutes * MINUTE_MS)
                .find(|&ts| local_time(ts, &zone) >= Some(local));
            assert_eq!(Some(got), first, "{zone} {text}");
        }
    }
}

/// A moment and, where the clock changes within half a year from it, the moment of one such change.
fn changes(zone: Tz, from: i64) -> Vec<i64> {
    let away = |ts: i64| local_time(ts, &zone).map(|local| local.and_utc().timestamp_millis() - ts);
    let (mut before, mut after) = (from, from + 190 * DAY_MS);
    if away(before) == away(after) {
        return vec![from];
    }
    while after - before > MINUTE_MS {
        let middle = before + (after - before) / 2;
        if away(middle) == away(from) {
            before = middle;
        } else {
            after = middle;
        }
    }
    vec![from, after]
}

#[test]
fn durations_for_thresholds() {
    let cases = [
        ("500ms", 500_000),
        ("500", 500_000),
        ("0.5", 500),
        ("2s", 2_000_000),
        ("1m", 60_000_000),
        ("1m02s", 62_000_000),
        ("3.4s", 3_400_000),
        ("850\u{b5}s", 850),
        ("850us", 850),
        ("0", 0),
    ];
    for (text, expected) in cases {
        assert_eq!(parse_duration_us(text), Ok(expected), "{text}");
    }
    for text in [
        "",
        "-1",
        "fast",
        "1 s",
        "1mo",
        "2 s ago",
        "-2s",
        "9999999999999999999999",
        "9999999999w",
    ] {
        assert!(parse_duration_us(text).is_err(), "{text}");
    }
}
