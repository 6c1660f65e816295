//! Everything that mcpr prints as a time is a time to `--since`.

use super::recorded;
use crate::program::{Home, json_lines};
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

fn run_in(home: &Home, zone: &str, arguments: &[&str]) -> String {
    let output = home.command(arguments).env("TZ", zone).output().unwrap();
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
fn a_table_tells_times_that_since_takes_back() {
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
fn machine_formats_tell_times_that_since_takes_back() {
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
fn reports_and_messages_tell_times_that_since_takes_back() {
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
        "--tool",
        "none-of-this-name",
        "--since",
        "2026-11-01",
    ];
    let ran = home.command(&empty).env("TZ", zone).output().unwrap();
    let words = String::from_utf8(ran.stderr).unwrap();
    times.extend(times_after(&words, &["since ", "newest request is of "]));
    let (_, age) = words.split_once(" (").unwrap();
    times.push(age.split_once(" ago)").unwrap().0.to_owned());
    let ambiguous = home
        .command(&["session", "c"])
        .env("TZ", zone)
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
