//! Everything that mcpr prints as a time is a time to `--since`.

use super::recorded;
use crate::program::{Home, capture, json_lines};
use crate::terminal::Terminal;
use serde_json::Value;

/// Zones with everything that is odd about zones.
const ZONES: [&str; 6] = [
    "UTC",
    "Asia/Kathmandu",
    "America/St_Johns",
    "Pacific/Chatham",
    "Australia/Lord_Howe",
    "XYZ+3:17:30",
];

/// A zone as `TZ` names it: those of the world by the files of their own that stand beside the tests,
/// for a machine may have none, and then takes every name for UTC.
fn tz(zone: &str) -> String {
    match zone.rsplit_once('/') {
        Some((_, city)) => {
            let file = capture(&format!("zoneinfo/{city}"));
            assert!(file.is_file(), "{zone}");
            file.to_str().unwrap().to_owned()
        }
        None => zone.to_owned(),
    }
}

fn run_in(home: &Home, zone: &str, arguments: &[&str]) -> String {
    let output = home
        .command(arguments)
        .env("TZ", tz(zone))
        .output()
        .unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{zone} {arguments:?}: {err}");
    String::from_utf8(output.stdout).unwrap()
}

/// Every time, as a millisecond, with the number of requests since then.
fn moments(home: &Home) -> Vec<(i64, usize)> {
    let mut times: Vec<i64> = home
        .rows(&[])
        .iter()
        .map(|row| row["ts"].as_i64().unwrap())
        .collect();
    times.sort_unstable();
    let from = |ts: &i64| times.iter().filter(|time| *time >= ts).count();
    let mut moments: Vec<_> = times.iter().map(|ts| (*ts, from(ts))).collect();
    moments.dedup();
    moments
}

fn count_since(home: &Home, zone: &str, time: &str, flags: &[&str]) -> usize {
    let arguments = [
        &[
            "logs", "--json", "--tail", "all", "--kind", "all", "--since", time,
        ],
        flags,
    ]
    .concat();
    run_in(home, zone, &arguments).lines().count()
}

#[test]
fn a_table_shows_times_that_since_takes_back() {
    let home = recorded();
    let moments = moments(&home);
    for zone in ZONES {
        for flags in [&[][..], &["--utc"]] {
            let arguments = [
                &[
                    "logs", "--kind", "all", "--tail", "all", "--fields", "time,ts",
                ],
                flags,
            ]
            .concat();
            let table = run_in(&home, zone, &arguments);
            let rows: Vec<&str> = table.lines().skip(1).collect();
            assert_eq!(rows.len(), 364);
            for row in rows.iter().step_by(61) {
                let (time, ts) = row.rsplit_once(' ').unwrap();
                let ts: i64 = ts.parse().unwrap();
                let (_, expected) = moments.iter().find(|(moment, _)| *moment == ts).unwrap();
                let got = count_since(&home, zone, time.trim(), flags);
                assert_eq!(got, *expected, "{zone} {flags:?} {time}");
            }
        }
    }
}

#[test]
fn machine_formats_show_times_that_since_takes_back() {
    let home = recorded();
    let zone = "Pacific/Chatham";
    let rows = home.rows(&[]);
    for (ts, expected) in moments(&home).into_iter().step_by(40) {
        let row = rows.iter().find(|row| row["ts"] == ts).unwrap();
        let time = row["time"].as_str().unwrap();
        let seconds = format!("@{}.{:03}", ts / 1000, ts % 1000);
        for text in [time, &ts.to_string(), &format!("@{ts}"), &seconds] {
            assert_eq!(count_since(&home, zone, text, &[]), expected, "{text}");
        }
    }
}

/// What stands after each of these words on a line is a time.
fn times_after(text: &str, words: &[&str]) -> Vec<String> {
    let mut times = Vec::new();
    for line in text.lines() {
        for word in words {
            if let Some((_, rest)) = line.split_once(word) {
                times.push(rest.trim_start().chars().take(23).collect());
            }
        }
    }
    times
}

#[test]
fn reports_and_messages_show_times_that_since_takes_back() {
    let home = recorded();
    let zone = "Asia/Kathmandu";
    let mut times = Vec::new();
    let document = run_in(&home, zone, &["store", "stats", "--json"]);
    let document: Value = serde_json::from_str(&document).unwrap();
    for key in ["oldest", "newest", "oldest_time", "newest_time"] {
        times.push(document[key].to_string().replace('"', ""));
    }
    times.push(document["sources"][0]["last_at"].to_string());
    let stats = run_in(&home, zone, &["store", "stats"]);
    times.extend(times_after(&stats, &["oldest ", "newest ", "last at "]));
    let session = run_in(&home, zone, &["session", "2bdb"]);
    times.extend(times_after(&session, &["started ", "last seen ", "ended "]));
    let sessions = run_in(&home, zone, &["sessions", "--json"]);
    for session in json_lines(&sessions) {
        times.push(session["started_at"].to_string());
        times.push(session["last_seen_at"].to_string());
    }
    let hours = ["stats", "--by", "hour", "--since", "2026-11-01", "--json"];
    for hour in json_lines(&run_in(&home, zone, &hours)) {
        times.push(hour["hour"].to_string());
        times.push(hour["time"].as_str().unwrap().to_owned());
    }
    let empty = [
        "logs",
        "--error-code",
        "none-of-this-name",
        "--since",
        "2026-11-01",
    ];
    let ran = home.command(&empty).env("TZ", tz(zone)).output().unwrap();
    let words = String::from_utf8(ran.stderr).unwrap();
    times.extend(times_after(&words, &["since ", "newest is of "]));
    let (_, age) = words.split_once(" (").unwrap();
    let age = age.split_once(" ago)").unwrap().0;
    times.extend([age.to_owned(), format!("{age} ago"), format!("-{age}")]);
    let ambiguous = home
        .command(&["session", "c"])
        .env("TZ", tz(zone))
        .output()
        .unwrap();
    let words = String::from_utf8(ambiguous.stderr).unwrap();
    times.extend(times_after(&words, &["started "]));
    assert!(times.len() > 20, "{times:?}");
    for time in times {
        run_in(&home, zone, &["logs", "--since", &time]);
    }
}

#[test]
fn the_flag_that_an_empty_answer_names_shows_the_newest_row() {
    let home = Home::new();
    let line = crate::kill::line(0);
    let mut value: Value = serde_json::from_str(&line).unwrap();
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    for days in [2, 9] {
        let ts = u64::try_from(now.as_millis()).unwrap() - days * 24 * 3_600_000;
        value["ts"] = ts.into();
        value["id"] = format!("of {days} days ago").into();
        home.record(&[&home.write(&format!("{days}.log"), format!("{value}\n"))]);
    }
    let check = |arguments: &[&str]| {
        let ran = home.run(arguments);
        assert_eq!((ran.code, ran.out.as_str()), (Some(0), ""), "{ran:?}");
        let (_, hint) = ran.err.split_once("hint: ").unwrap();
        let (_, flag) = hint.split_once("): ").unwrap();
        let flag: Vec<&str> = flag
            .trim_end()
            .strip_suffix(" shows it")
            .unwrap()
            .split(' ')
            .collect();
        let shown = home.succeed(&[arguments, &flag].concat());
        assert!(shown.lines().count() > 1, "{arguments:?} {flag:?}: {shown}");
    };
    check(&["stats"]);
    check(&["slow", "--threshold", "0"]);
    check(&["stats", "--until", "1d"]);
    let ran = Terminal::of(&home).run(&["clients"]);
    assert!(ran.out.contains("CLIENT"), "within seven days: {ran:?}");
}

/// Records requests at these times and nothing else.
fn recorded_at(home: &Home, times: &[i64]) {
    let mut text = String::new();
    for (number, ts) in (0..).zip(times) {
        let mut value: Value = serde_json::from_str(&crate::kill::line(number)).unwrap();
        value["ts"] = (*ts).into();
        text.push_str(&value.to_string());
        text.push('\n');
    }
    home.record(&[&home.write("at.log", text)]);
}

#[test]
fn where_a_clock_goes_back_or_forth_a_time_is_the_first_moment_that_shows_it() {
    const HALF_HOUR: i64 = 30 * 60 * 1000;
    // Zone, time, and the same in UTC.
    let cases = [
        ("Europe/Berlin", "2026-10-25 02:30", "2026-10-25T00:30:00Z"),
        ("Europe/Berlin", "2026-03-29 02:30", "2026-03-29T01:00:00Z"),
        (
            "America/New_York",
            "2026-11-01 01:30",
            "2026-11-01T05:30:00Z",
        ),
        ("America/Havana", "2026-11-01", "2026-11-01T04:00:00Z"),
        (
            "Australia/Lord_Howe",
            "2026-04-05 01:45",
            "2026-04-04T14:45:00Z",
        ),
    ];
    for (zone, time, utc) in cases {
        let begin = chrono::DateTime::parse_from_rfc3339(utc)
            .unwrap()
            .timestamp_millis();
        let home = Home::new();
        recorded_at(
            &home,
            &[-4, -3, -2, -1, 0, 1, 2, 3, 4].map(|n| begin + n * HALF_HOUR),
        );
        assert_eq!(count_since(&home, zone, time, &[]), 5, "{zone} {time}");
        let until = ["logs", "--json", "--until", time];
        assert_eq!(
            run_in(&home, zone, &until).lines().count(),
            4,
            "{zone} {time}"
        );
        run_in(&home, zone, &["store", "vacuum", "--yes", "--before", time]);
        let left: Vec<i64> = home
            .rows(&[])
            .iter()
            .map(|row| row["ts"].as_i64().unwrap())
            .collect();
        assert_eq!(
            left,
            [0, 1, 2, 3, 4].map(|n| begin + n * HALF_HOUR),
            "{zone} {time}"
        );
    }
}

#[test]
fn a_time_in_another_unit_or_beyond_every_calendar_is_a_time_for_every_program() {
    let home = Home::new();
    let times = [
        1_795_928_486_123,
        1_795_928_486_124_000,
        1_795_928_486_125_000_000,
        253_402_300_799_999,
        i64::MAX,
    ];
    recorded_at(&home, &times);
    let rows = home.rows(&[]);
    assert_eq!(rows.len(), times.len());
    for row in &rows {
        let time = row["time"].as_str().unwrap();
        let read = chrono::DateTime::parse_from_rfc3339(time).unwrap();
        assert_eq!(read.timestamp_millis(), row["ts"], "{row}");
    }
    let near = |row: &&Value| row["time"].as_str().unwrap().starts_with("2026-11-29T");
    assert_eq!(rows.iter().filter(near).count(), 3);
    for zone in ["UTC", "Pacific/Chatham"] {
        let table = run_in(&home, zone, &["logs", "--fields", "time,ts"]);
        for row in table.lines().skip(1) {
            let (time, ts) = row.rsplit_once(' ').unwrap();
            let ts: i64 = ts.trim().parse().unwrap();
            let expected = rows
                .iter()
                .filter(|it| it["ts"].as_i64().unwrap() >= ts)
                .count();
            assert_eq!(
                count_since(&home, zone, time.trim(), &[]),
                expected,
                "{row}"
            );
        }
    }
}

#[test]
fn a_length_of_time_may_be_written_as_people_write_it() {
    let home = recorded();
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let now = i64::try_from(now.as_millis()).unwrap();
    let home_of_now = Home::new();
    let hour = 3_600_000;
    recorded_at(
        &home_of_now,
        &[now - 100 * 24 * hour, now - 3 * hour, now - hour],
    );
    for (time, expected) in [
        ("2h", 1),
        ("-2h", 1),
        ("2 hours ago", 1),
        ("240 min ago", 2),
        ("1mo", 2),
        ("1y", 3),
        ("4 months ago", 3),
    ] {
        let got = count_since(&home_of_now, "Pacific/Chatham", time, &[]);
        assert_eq!(got, expected, "{time}");
    }
    for time in [
        "monday",
        "Sun",
        "2026-11-21 01:00 UTC",
        "2026-11-21 01:00 +05:45",
        "today Z",
    ] {
        run_in(&home, "Europe/Berlin", &["logs", "--since", time]);
    }
}
