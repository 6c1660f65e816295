//! One grammar for all commands: short flags, lists of globs, places from the end, and what is said of a wrong word.

use super::recorded;
use crate::program::Home;

fn seqs(home: &Home, args: &[&str]) -> Vec<i64> {
    let line = [&["logs", "--json", "--fields", "seq"], args].concat();
    let out = home.succeed(&line);
    let rows = out.lines().map(|line| {
        let row: serde_json::Value = serde_json::from_str(line).expect(line);
        row["seq"].as_i64().expect("a number")
    });
    rows.collect()
}

#[test]
fn short_flags_are_the_same_in_each_command() {
    let home = recorded();
    for (long, short) in [
        (&["--limit", "3"][..], &["-n", "3"][..]),
        (&["--tail", "3"], &["-n", "3"]),
        (&["--reverse"], &["-r"]),
        (&["--grep", "echo"], &["-g", "echo"]),
        (&["--since", "2026-11-21"], &["-s", "2026-11-21"]),
        (&["--until", "2026-11-22"], &["-u", "2026-11-22"]),
        (&["--tool", "echo"], &["-t", "echo"]),
        (&["--proxy", "weather"], &["-p", "weather"]),
        (&["--client", "claude*"], &["-c", "claude*"]),
    ] {
        assert_eq!(seqs(&home, long), seqs(&home, short), "{long:?}");
    }
    for list in super::LISTS {
        let json = home.succeed(&[list, &["--json"]].concat());
        assert_eq!(home.succeed(&[list, &["-j"]].concat()), json, "{list:?}");
        let csv = home.succeed(&[list, &["--format", "csv"]].concat());
        assert_eq!(
            home.succeed(&[list, &["-o", "csv"]].concat()),
            csv,
            "{list:?}"
        );
    }
}

#[test]
fn each_filter_takes_globs_commas_and_repetition() {
    let home = recorded();
    let all = seqs(&home, &["-n", "all"]);
    let of = |args: &[&str]| seqs(&home, &[args, &["-n", "all"]].concat());
    for flag in ["--tool", "--method", "--proxy", "--client"] {
        let (one, other) = match flag {
            "--tool" => ("echo", "get-sum"),
            "--method" => ("initialize", "tools/list"),
            "--proxy" => ("weather", "proxy"),
            _ => ("claude-desktop", "cursor*"),
        };
        let mut apart = [of(&[flag, one]), of(&[flag, other])].concat();
        apart.sort_unstable();
        assert!(!apart.is_empty(), "{flag}");
        let sorted = |args: &[&str]| {
            let mut seqs = of(args);
            seqs.sort_unstable();
            seqs
        };
        assert_eq!(sorted(&[flag, &format!("{one},{other}")]), apart, "{flag}");
        assert_eq!(sorted(&[flag, one, flag, other]), apart, "{flag}");
        assert_eq!(
            sorted(&[flag, &format!("{{{one},{other}}}")]),
            apart,
            "{flag}"
        );
    }
    let count = |statuses: &str| of(&["--status", statuses]).len();
    assert_eq!(count("ok,error,timeout"), all.len());
    assert_eq!(count("ok") + count("error,timeout"), all.len());
    assert_eq!(count("ok,timeout") + count("error"), all.len());
    let kinds = of(&["--error-kind", "rpc,tool"]).len();
    assert_eq!(
        of(&["--error-kind", "rpc"]).len() + of(&["--error-kind", "tool"]).len(),
        kinds
    );
}

#[test]
fn the_last_requests_are_shown_by_their_place() {
    let home = recorded();
    let all = seqs(&home, &["-n", "all"]);
    let shown = |place: &str| {
        let out = home.succeed(&["show", place, "--json"]);
        let row: serde_json::Value = serde_json::from_str(&out).expect("JSON");
        row["seq"].as_i64().expect("a number")
    };
    for (place, from_the_end) in [("-1", 1), ("@-1", 1), ("@-3", 3), ("-7", 7)] {
        assert_eq!(shown(place), all[all.len() - from_the_end], "{place}");
    }
    let out = home.run(&["show", "@-999999"]);
    assert_eq!(out.code, Some(1), "{out:?}");
}

#[test]
fn the_session_used_last_is_named_latest() {
    let home = recorded();
    let out = home.succeed(&["sessions", "--json", "--all", "-n", "1"]);
    let row: serde_json::Value =
        serde_json::from_str(out.lines().next().expect("one")).expect("JSON");
    let id = row["session_id"].as_str().expect("an id");
    assert_eq!(
        home.succeed(&["session", "latest"]),
        home.succeed(&["session", id])
    );
}

#[test]
fn a_name_that_nobody_recorded_is_met_with_the_nearest_one() {
    let home = recorded();
    for (args, expected) in [
        (
            &["logs", "--tool", "ECHO"][..],
            "no tool `ECHO` was recorded; did you mean `echo`?",
        ),
        (
            &["logs", "--tool", "ECO,get-summ"],
            "did you mean `get-sum`?",
        ),
        (
            &["slow", "--since", "2026-11-01", "-p", "wether"],
            "did you mean `weather`?",
        ),
        (
            &["stats", "--since", "2026-11-01", "-p", "bill"],
            "no proxy `bill` was recorded; there is",
        ),
        (&["sessions", "-c", "curser"], "did you mean `cursor"),
        (
            &["logs", "--method", "tool/call"],
            "did you mean `tools/call`?",
        ),
        (&["logs", "--session", "nobody"], "no session `nobody`"),
    ] {
        let out = home.run(args);
        assert_eq!(out.code, Some(0), "{args:?}: {out:?}");
        assert!(out.err.contains(expected), "{args:?}: {}", out.err);
        assert!(!out.err.contains("--kind all"), "{args:?}: {}", out.err);
        let quiet = home.run(&[args, &["-q"]].concat());
        assert_eq!(quiet.err, "", "{args:?}");
    }
    // A glob may be about what is to come.
    let out = home.run(&["logs", "--tool", "ECH*"]);
    assert!(!out.err.contains("did you mean"), "{out:?}");
}

#[test]
fn one_exit_code_for_what_is_not_there() {
    let home = recorded();
    for args in [
        &["session", "nobody"][..],
        &["show", "nobody"],
        &["report", "--session", "nobody", "-o", "-"],
    ] {
        let out = home.run(args);
        assert_eq!(out.code, Some(1), "{args:?}: {out:?}");
    }
}
