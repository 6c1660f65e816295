//! One grammar for all commands: short flags, lists of globs, places from the end, and what is reported about a wrong
//! word.

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
fn a_session_or_request_that_is_not_there_ends_every_command_alike() {
    let home = recorded();
    for args in [
        &["session", "zz"][..],
        &["session", "delete", "zz", "--yes"],
        &["logs", "-S", "zz"],
        &["logs", "-S", "zz", "--json"],
        &["slow", "-S", "zz"],
        &["stats", "-S", "zz"],
        &["report", "-S", "zz", "-o", "x.html"],
        &["check", "-S", "zz", "--fail-on", "errors>1"],
        &["show", "zz"],
    ] {
        let ran = home.run(args);
        assert_eq!(ran.code, Some(1), "{args:?}: {ran:?}");
        assert!(ran.err.contains("zz"), "{args:?}: {ran:?}");
    }
    // A list that is empty is an answer, too.
    assert_eq!(home.run(&["logs", "-t", "zz"]).code, Some(0));
}

#[test]
fn a_filter_that_hourly_sums_do_not_know_counts_requests() {
    let home = recorded();
    let calls = |more: &[&str]| -> Vec<u64> {
        let args = ["stats", "-s", "2026-11-01", "--json", "--by", "proxy"];
        let rows = crate::program::json_lines(&home.succeed(&[&args[..], more].concat()));
        rows.iter()
            .map(|row| row["calls"].as_u64().unwrap())
            .collect()
    };
    let listed = |more: &[&str]| {
        let args = ["logs", "-s", "2026-11-01", "--json", "-n", "all"];
        let rows = crate::program::json_lines(&home.succeed(&[&args[..], more].concat()));
        u64::try_from(rows.len()).unwrap()
    };
    for more in [
        &["--client", "CLAUDE*"][..],
        &["--session", "latest"],
        &["--status", "error,timeout"],
        &["--grep", "echo"],
    ] {
        let expected = listed(more);
        assert!(expected > 0 && expected < listed(&[]), "{more:?}");
        assert_eq!(calls(more).iter().sum::<u64>(), expected, "{more:?}");
    }
}

#[test]
fn the_requests_of_a_session_are_chosen_by_tool_and_status() {
    let home = recorded();
    let all = home.succeed(&["session", "2bdb", "--json"]);
    let all: serde_json::Value = serde_json::from_str(&all).unwrap();
    let mut first = all["requests"].as_array().unwrap().iter();
    let tool = first.find_map(|row| row["tool"].as_str()).unwrap();
    for (flag, key, value) in [("--tool", "tool", tool), ("--status", "status", "ok")] {
        let out = home.succeed(&["session", "2bdb", "--json", flag, value]);
        let document: serde_json::Value = serde_json::from_str(&out).unwrap();
        let rows = document["requests"].as_array().unwrap();
        assert!(
            !rows.is_empty() && rows.iter().all(|row| row[key] == value),
            "{flag}: {out}"
        );
    }
}

#[test]
fn a_hint_is_about_what_was_asked() {
    let home = recorded();
    for (args, expected) in [
        (
            &["slow", "-s", "2026-11-01", "--threshold", "1h"][..],
            "--threshold 0",
        ),
        (
            &["logs", "--tool", "tools/list"],
            "`tools/list` is a method: --method tools/list",
        ),
        (
            &["logs", "--method", "echo"],
            "`echo` is a tool: --tool echo",
        ),
        (&["logs", "--all"], "--limit all"),
        (&["hang"], "--status pending"),
        (&["show", "last"], "`mcpr show -1`"),
    ] {
        let ran = home.run(args);
        assert!(ran.err.contains(expected), "{args:?}: {}", ran.err);
    }
    let nothing = Home::new().run(&["stats"]);
    assert!(nothing.err.contains("mcpr tap install"), "{nothing:?}");
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
            &[
                "check",
                "-s",
                "2026-11-01",
                "-t",
                "ECHO",
                "--fail-on",
                "calls>5",
            ],
            "did you mean `echo`?",
        ),
        (
            &[
                "report",
                "--format",
                "md",
                "-s",
                "2026-11-01",
                "-c",
                "curser",
            ],
            "did you mean `cursor",
        ),
        (
            &["logs", "--method", "tool/call"],
            "did you mean `tools/call`?",
        ),
        (&["logs", "--session", "nobody"], "no session `nobody`"),
    ] {
        let out = home.run(args);
        let code = i32::from(args.contains(&"--session"));
        assert_eq!(out.code, Some(code), "{args:?}: {out:?}");
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
fn a_word_that_no_command_takes_is_met_with_the_flag_for_it() {
    let home = Home::new();
    for (line, hint) in [
        (
            &["logs", "echo"][..],
            "hint: a word alone is not a filter: --tool echo, --proxy echo or --grep echo",
        ),
        (
            &["clients", "cursor"],
            "hint: a word alone is not a filter: --client cursor, --proxy cursor or --tool cursor",
        ),
        (
            &["--db", "x.db", "logs"],
            "hint: flags stand behind the command: `mcpr logs --db` and so on",
        ),
        (&["show"], "hint: `mcpr show -1` shows the last request"),
        (&["session"], "hint: `mcpr session latest` is the session"),
        (&["check"], "hint: a condition is such as --fail-on"),
    ] {
        let ran = home.run(line);
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(ran.err.contains(hint), "{ran:?}");
    }
    // What a terminal would act on is in no hint.
    let ran = home.run(&["logs", "a\u{1b}[2J"]);
    assert!(!ran.err.contains("hint:"), "{ran:?}");
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

#[test]
fn verbose_says_on_standard_error_which_store_was_asked_and_how_long_it_took() {
    let home = recorded();
    for list in super::LISTS {
        let plain = home.run(list);
        let ran = home.run(&[list, &["-v"]].concat());
        assert_eq!(ran.out, plain.out, "{list:?}");
        let lines: Vec<&str> = ran.err.lines().collect();
        assert!(
            lines[0].starts_with("store: ") && lines[0].contains("up to number "),
            "{ran:?}"
        );
        assert!(
            lines[1].starts_with("time: ") && lines[1].ends_with(" to now"),
            "{ran:?}"
        );
        assert!(lines[lines.len() - 1].starts_with("took "), "{ran:?}");
    }
    for args in [
        &["check", "-s", "1y", "--fail-on", "errors<0"][..],
        &["report", "-s", "1y", "--format", "md"],
        &[
            "schema", "diff", "-p", "weather", "--from", "1", "--to", "1",
        ],
        &["show", "1"],
    ] {
        let ran = home.run(&[args, &["-v"]].concat());
        let begins = |line: &str| ran.err.lines().any(|shown| shown.starts_with(line));
        let is_reported = ["store: ", "time: ", "took "].into_iter().all(begins);
        assert!(is_reported && ran.code == Some(0), "{args:?}: {ran:?}");
    }
    let ran = home.run(&["logs", "-qv"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
}

#[test]
fn sessions_and_clients_are_chosen_by_the_tools_that_they_called() {
    let home = recorded();
    let rows = |args: &[&str]| crate::program::json_lines(&home.succeed(args));
    let since = ["-s", "2026-11-01", "--json"];
    let with = rows(&[&["logs", "-t", "get-sum", "-n", "all"], &since[..]].concat());
    let mut expected: Vec<&str> = with
        .iter()
        .map(|row| row["session"].as_str().unwrap())
        .collect();
    expected.sort_unstable();
    expected.dedup();
    let all = rows(&[&["sessions", "-n", "all"], &since[..]].concat());
    assert!(!expected.is_empty() && expected.len() < all.len());
    for more in [&[][..], &["-r"], &["--sort", "calls"], &["-n", "100"]] {
        let found = rows(&[&["sessions", "-t", "get-s*"], &since[..], more].concat());
        let mut found: Vec<&str> = found
            .iter()
            .map(|row| row["session_id"].as_str().unwrap())
            .collect();
        found.sort_unstable();
        assert_eq!(found, expected, "{more:?}");
    }
    let one = home.run(&[&["sessions", "-t", "get-sum", "-n", "1"][..], &since[..2]].concat());
    assert!(
        one.err.contains("there are more sessions than this one"),
        "{one:?}"
    );
    // Of clients these calls alone are counted.
    let clients = rows(&[&["clients", "-t", "get-sum"], &since[..]].concat());
    let calls = |rows: &[serde_json::Value]| -> u64 {
        rows.iter()
            .map(|row| row["total_calls"].as_u64().unwrap())
            .sum()
    };
    assert_eq!(calls(&clients), with.len() as u64);
    let wrong = home.run(&["sessions", "-t", "get-summ"]);
    assert!(wrong.err.contains("did you mean `get-sum`?"), "{wrong:?}");
}

#[test]
fn the_requests_of_a_session_are_cut_turned_and_searched() {
    let home = recorded();
    let seqs = |more: &[&str]| -> Vec<i64> {
        let out = home.succeed(&[&["session", "2bdb", "--json"], more].concat());
        let document: serde_json::Value = serde_json::from_str(&out).unwrap();
        let rows = document["requests"].as_array().unwrap().iter();
        rows.filter_map(|row| row["seq"].as_i64()).collect()
    };
    let all = seqs(&[]);
    let newest = &all[all.len() - 3..];
    assert_eq!(seqs(&["-n", "3"]), newest);
    let turned: Vec<i64> = newest.iter().rev().copied().collect();
    assert_eq!(seqs(&["-rn3"]), turned);
    let found = seqs(&["-g", "tools/(list|call)"]);
    assert!(!found.is_empty() && found.len() < all.len());
    assert_eq!(seqs(&["--method", "tools/list,tools/call"]), found);
    assert!(seqs(&["--status", "pending"]).is_empty());
    let table = home.succeed(&["session", "2bdb", "-n", "1", "--method", "tools/list"]);
    assert_eq!(table.matches("tools/list").count(), 1, "{table}");
}

#[test]
fn lists_of_what_servers_offer_are_cut_turned_and_chosen() {
    let home = recorded();
    let rows = |args: &[&str]| crate::program::json_lines(&home.succeed(args));
    let changes = rows(&["schema", "changes", "--json"]);
    assert!(changes.len() > 2);
    let newest = &changes[changes.len() - 2..];
    assert_eq!(rows(&["schema", "changes", "-jn2"]), newest);
    assert_eq!(rows(&["schema", "changes", "-j", "--tail", "2"]), newest);
    let turned: Vec<_> = newest.iter().rev().cloned().collect();
    assert_eq!(rows(&["schema", "changes", "-jrn2"]), turned);
    let tools = rows(&["schema", "unused", "-j", "-s", "2026-11-01"]);
    assert_eq!(
        rows(&["schema", "unused", "-jn2", "-s", "2026-11-01"]),
        tools[..2]
    );
    let one = tools[0]["tool"].as_str().unwrap();
    let of_tool = rows(&["schema", "unused", "-j", "-t", one]);
    assert!(!of_tool.is_empty() && of_tool.iter().all(|row| row["tool"] == one));
    assert!(
        home.run(&["schema", "unused", "-n", "1"])
            .err
            .contains("not shown; -n all")
    );
}
