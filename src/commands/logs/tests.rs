//! Which requests are listed, in which order, and what is reported when there are none.

#![expect(clippy::needless_raw_string_hashes, reason = "expect-test writes them")]

mod cursor;

use super::super::report;
use super::super::testing::{Rows, gap, request, sample, view};
use super::*;
use clap::Parser;
use expect_test::{Expect, expect};
use mcpr_store::query::Entry;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    args: Args,
}

/// Exit, standard output, standard error.
fn run_on(rows: &mut Rows, line: &str) -> (Exit, String, String) {
    let words = ["logs", "--db", "/store.db", "--utc"]
        .into_iter()
        .chain(line.split_whitespace());
    let args = Line::try_parse_from(words).expect(line).args;
    let (mut console, out, err) = Console::captured();
    let view = view(&args.read, &mut console);
    let filter = filter(&args, &view).expect("sound patterns");
    let mut asked = RequestPrinter {
        request_filter: &args.request_filter,
        filter,
        printer: Printer::new(&view, table(&args)).expect("known fields"),
        live: None,
    };
    let cursor = args.cursor_file.as_deref();
    let cursor = cursor.map(|path| CursorFile::open(path, &mut console).expect("sound"));
    let start = start(&args, cursor.as_ref());
    let exit = list(&args, &mut asked, rows, start, cursor, &mut console)
        .unwrap_or_else(|error| report(&error, &mut console));
    console.flush().expect("memory takes it");
    (exit, out.text(), err.text())
}

fn check_seqs(line: &str, expected: &[i64]) {
    let (_, out, _) = run_on(&mut sample(), &format!("{line} --json --fields seq"));
    let got: Vec<i64> = out
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect(line))
        .map(|row| row["seq"].as_i64().expect("a number"))
        .collect();
    assert_eq!(got, expected, "{line}");
}

fn check(line: &str, expected: &Expect) {
    let (exit, out, err) = run_on(&mut sample(), line);
    expected.assert_eq(&format!("{out}{err}{exit:?}\n"));
}

#[test]
fn which_rows_in_which_order() {
    check_seqs("", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    check_seqs("--kind all", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    check_seqs("--tail 2", &[9, 10]);
    check_seqs("--tail 7", &[3, 4, 5, 6, 7, 8, 9, 10]);
    check_seqs("--tail 0", &[]);
    check_seqs("--tail all --reverse", &[10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
    check_seqs("--tail 2 --reverse", &[10, 9]);
    check_seqs("--after 7", &[8, 9, 10]);
    check_seqs("--after 3 --tail 2", &[9, 10]);
    check_seqs("--after 7 --reverse", &[10, 9, 8]);
    check_seqs("--after 99", &[]);
    check_seqs("--tool nope --tool ech*", &[1, 2, 3, 4, 5, 6]);
    check_seqs("--status error", &[4, 6]);
    check_seqs("--status failed", &[4, 6]);
    check_seqs("--error-code -32602 --error-kind rpc", &[4, 6]);
    check_seqs("--grep nope", &[4, 6]);
    // The gap is shown whatever is searched for.
    check_seqs("--grep NOPE", &[4]);
    check_seqs("--grep n.pe$ -F", &[4]);
    check_seqs("--grep n[o]pe --in payloads", &[4, 6]);
    check_seqs("--session e31 --tail all", &[4, 6, 7, 8, 9, 10]);
    check_seqs("--client CLAUDE* --tail 1", &[10]);
    check_seqs("--min-latency 1s", &[4]);
    check_seqs("--since 2026-11-21T01:27:10Z", &[8, 9, 10]);
    check_seqs("--until 2026-11-21T01:27:04Z", &[1]);
}

#[test]
fn a_table_of_requests() {
    check(
        "--tail 5",
        &expect![[r#"
            TIME       CALL       TOOK  RESULT
            01:27:08Z  nope     5.3ms   ✗ rpc -32602: tool nope not found
            01:27:09Z  get-sum  5.3ms
            01:27:10Z  get-sum  5.3ms
            01:27:11Z  get-sum  5.3ms
            01:27:12Z  get-sum  5.3ms
            Done
        "#]],
    );
}

#[test]
fn named_fields_in_a_table() {
    check(
        "--tail 1 --fields seq,request_id,bytes_out,error_kind",
        &expect![[r#"
             #  REQUEST ID   OUT  ERROR KIND
            10  10          7.5K  -
            Done
        "#]],
    );
}

#[test]
fn nothing_found_says_where_and_for_what() {
    check(
        "--tool zzz --since 2026-11-21T01:30:00Z --method *call",
        &expect![[r#"
            no requests found in /store.db
            looked for: since 2026-11-21 01:30:00.000Z, method `*call`, tool `zzz`, kind `mcp`
            hint: the newest request is of 2026-11-21 01:27:13.000Z (2m ago); look with --since 1h and without another condition
            Done
        "#]],
    );
}

#[test]
fn an_empty_list_names_the_condition_that_empties_it() {
    for (args, hint) in [
        (
            "--error-code 5",
            "hint: without --error-code the newest is of ",
        ),
        ("--tool zz*", "hint: without --tool the newest is of "),
        (
            "--until 2000-01-01",
            "hint: without --until the newest is of ",
        ),
        ("--after 99999", "hint: without --after the newest is of "),
        ("--kind oauth", "hint: without --kind the newest is of "),
        (
            "--tool zz* --error-code 5",
            "no condition alone leaves it out",
        ),
        ("--grep nowhere", "hint: without --grep the newest is of "),
        // Each row of the store would be searched for a hint.
        (
            "--grep nowhere --tool zz*",
            "look without another condition",
        ),
        ("-n 0", "hint: -n 0 shows no request"),
    ] {
        let (exit, out, err) = run_on(&mut sample(), args);
        assert_eq!(exit, Exit::Done, "{args}");
        // A gap may have swallowed what was asked for.
        let is_of_gaps = out.lines().skip(1).all(|line| line.starts_with("── gap: "));
        assert!(is_of_gaps, "{args}: {out}");
        assert!(err.contains(hint), "{args}: {err}");
        assert!(!err.contains("--kind all"), "{args}: {err}");
    }
}

#[test]
fn an_unknown_session_is_the_answer_no() {
    check(
        "--session zzz",
        &expect![[r#"
            no session `zzz` in /store.db
            hint: `mcpr sessions --all --limit all` lists every session
            No
        "#]],
    );
    let (exit, out, err) = run_on(&mut sample(), "--session zzz --format json");
    assert_eq!((exit, out.as_str()), (Exit::No, "[]\n"));
    assert!(err.contains("no session `zzz`"), "{err}");
}

#[test]
fn an_ambiguous_session_is_an_error() {
    let mut rows = sample();
    rows.sessions[1].session_id = FIRST_TWIN.into();
    let (exit, out, err) = run_on(&mut rows, "--session 2bdb");
    assert_eq!((exit, out.as_str()), (Exit::Failed, ""));
    assert!(
        err.contains(FIRST_TWIN) && err.contains("fits 2 sessions"),
        "{err}"
    );
}

const FIRST_TWIN: &str = "2bdb4dcf-0000";

#[test]
fn long_lists_are_fetched_in_pages() {
    for (line, expected) in [
        ("--tail all", 1..=3_500),
        ("--tail 2500", 1_001..=3_500),
        ("--tail 1000", 2_501..=3_500),
        ("--after 10", 11..=3_500),
    ] {
        let row = |seq| Entry::Request(Box::new(request(seq, "s", "echo")));
        let mut rows = Rows {
            entries: (1..=3_500).map(row).collect(),
            ..Rows::default()
        };
        let (_, out, _) = run_on(&mut rows, &format!("{line} --format csv --fields seq"));
        let got: Vec<i64> = out
            .lines()
            .skip(1)
            .map(|seq| seq.parse().expect(seq))
            .collect();
        assert_eq!(got, expected.collect::<Vec<_>>(), "{line}");
        assert!(rows.largest.get() <= 1_000);
    }
}

#[test]
fn the_proxy_is_shown_where_there_are_two() {
    let mut rows = sample();
    if let Entry::Request(row) = &mut rows.entries[9] {
        row.proxy = "weather".into();
    }
    assert!(run_on(&mut rows, "").1.contains("PROXY"));
    assert!(!run_on(&mut rows, "--proxy weather").1.contains("PROXY"));
}

#[test]
fn a_time_that_rfc3339_cannot_say_is_null_for_machines() {
    let mut row = request(1, "s", "echo");
    row.ts = i64::MAX;
    let mut rows = Rows {
        entries: vec![Entry::Request(Box::new(row))],
        ..Rows::default()
    };
    let mut check = |format: &str, expected: &str| {
        let line = format!("--fields time,seq --format {format}");
        let (_, out, _) = run_on(&mut rows, &line);
        assert_eq!(out, expected, "{format}");
    };
    check("ndjson", "{\"time\":null,\"seq\":1}\n");
    check("csv", "time,seq\r\n,1\r\n");
    check(
        "table",
        "TIME                  #\n@9223372036854775807  1\n",
    );
}

/// What happened earlier was stored later.
fn stored_out_of_order() -> Rows {
    let at = |seq: i64, second: i64| {
        let mut row = request(seq, "s", "echo");
        row.ts = 1_795_224_422_000 + second * 1_000;
        Entry::Request(Box::new(row))
    };
    let mut entries: Vec<Entry> = vec![at(1, 30), at(2, 40), at(3, 5), at(4, 30), at(5, 50)];
    entries.push(gap(6, 3));
    Rows {
        entries,
        ..Rows::default()
    }
}

#[test]
fn a_snapshot_is_in_order_of_time_and_what_goes_on_from_a_place_in_order_of_storing() {
    let check = |line: &str, expected: &[i64]| {
        let line = format!("{line} --json --fields seq");
        let (_, out, err) = run_on(&mut stored_out_of_order(), &line);
        let got: Vec<i64> = out
            .lines()
            .map(|row| serde_json::from_str::<serde_json::Value>(row).expect(row)["seq"].as_i64())
            .map(|seq| seq.expect("a number"))
            .collect();
        assert_eq!(got, expected, "{line} {err}");
    };
    check("", &[3, 6, 1, 4, 2, 5]);
    check("--tail 2", &[2, 5]);
    check("--tail 4", &[1, 4, 2, 5]);
    check("--reverse", &[5, 2, 4, 1, 6, 3]);
    check("--reverse --tail 3", &[5, 2, 4]);
    check("--after 0", &[1, 2, 3, 4, 5, 6]);
    check("--after 2 --reverse", &[6, 5, 4, 3]);
}

#[test]
fn long_lists_in_order_of_time_are_fetched_in_pages() {
    for (line, expected) in [
        ("--tail all", 1..=3_500),
        ("--tail 2500", 1_001..=3_500),
        ("--tail 1000", 2_501..=3_500),
    ] {
        // The first stored happened last, and three in each millisecond.
        let row = |seq: i64| {
            let mut row = request(seq, "s", "echo");
            row.ts = 1_795_224_422_000 - (seq - 1) / 3;
            Entry::Request(Box::new(row))
        };
        let mut rows = Rows {
            entries: (1..=3_500).map(row).collect(),
            ..Rows::default()
        };
        let (_, out, _) = run_on(&mut rows, &format!("{line} --format csv --fields seq"));
        let got: Vec<i64> = out
            .lines()
            .skip(1)
            .map(|seq| seq.parse().expect(seq))
            .collect();
        let mut by_time: Vec<i64> = (1..=3_500).collect();
        by_time.sort_by_key(|seq| (-((seq - 1) / 3), *seq));
        let wanted = usize::try_from(expected.start() - 1).expect("not negative");
        assert_eq!(got, by_time[wanted..], "{line}");
        assert!(rows.largest.get() <= 1_000);
    }
}
