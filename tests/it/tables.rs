//! Tables as a person sees them: on a terminal whose size changes, with servers that come one after the other,
//! and through `less`.

use super::program::{Home, json_lines, signal};
use super::terminal::Terminal;
use rustix::process::Signal;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use unicode_width::UnicodeWidthStr;

/// Refuses what names a shadow, and answers everything else with an empty result.
const SERVER: &str = r#"while IFS= read -r line; do
    case $line in *'"id":'*) id=${line#*'"id":'}; id=${id%%[,\}]*}
        result='{}'
        case $line in *shadow*)
            result='{"isError":true,"content":[{"type":"text","text":"Access denied: outside of the directories that this server was allowed to read"}]}';;
        esac
        printf '{"jsonrpc":"2.0","id":%s,"result":%s}\n' "$id" "$result";; esac
done"#;

/// A tool and its arguments.
type Call<'a> = (&'a str, &'a str);

/// Taps a server of this name and makes some calls of it.
fn tap(home: &Home, name: &str, calls: &[Call<'_>]) {
    let arguments = [
        "tap",
        "--name",
        name,
        "--payloads",
        "--",
        "sh",
        "-c",
        SERVER,
    ];
    let mut child = home
        .command(&arguments)
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .env("PATH", "/usr/bin:/bin")
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut ask = |id: usize, method: &str, params: &str| {
        writeln!(
            input,
            r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#
        )
        .unwrap();
        let mut answer = String::new();
        output.read_line(&mut answer).unwrap();
        assert!(answer.contains("result"), "{answer}");
    };
    ask(
        0,
        "initialize",
        r#"{"clientInfo":{"name":"claude-code","version":"2.1"}}"#,
    );
    for (id, (tool, arguments)) in calls.iter().enumerate() {
        let params = format!(r#"{{"name":"{tool}","arguments":{arguments}}}"#);
        ask(id + 1, "tools/call", &params);
    }
    drop(input);
    assert!(child.wait().unwrap().success());
}

/// Where a text begins in a line, in cells.
fn column_of(line: &str, text: &str) -> Option<usize> {
    line.find(text).map(|at| line[..at].width())
}

#[test]
fn a_follower_that_starts_before_its_client_is_readable_through_two_servers_and_two_sizes() {
    let home = Home::new();
    let terminal = Terminal::of(&home)
        .size(100, 50)
        .env("TERM", "xterm")
        .env("NO_COLOR", "1");
    let session = terminal.start(&["logs", "--follow"]);
    session.expect("waiting for it");
    let hosts = r#"{"path":"/etc/hosts"}"#;
    let shadow = r#"{"path":"/etc/shadow"}"#;
    tap(
        &home,
        "files",
        &[("read_text_file", hosts), ("read_text_file", shadow)],
    );
    session.expect("Access");
    session.resize(80, 50);
    let city = r#"{"city":"Garmisch-Partenkirchen","days":7}"#;
    tap(&home, "weather-and-climate", &[("forecast_7_days", city)]);
    session.expect("forecast_7_days");
    session.resize(160, 50);
    let all = r#"{"path":"/srv/shadow","pattern":"*.rs","limit":20}"#;
    tap(&home, "files", &[("search_files", all)]);
    session.expect("search_files");
    signal(&session.child, Signal::INT);
    let ran = session.finish();
    assert_eq!(ran.code, Some(130), "{ran:?}");

    // Each row stands under the header that was printed last, and none is wider than its terminal was.
    let mut header = "";
    let mut rows = 0;
    for line in ran.out.lines() {
        if line.contains("CALL") {
            header = line;
        }
        let calls = [
            ("read_text_file", "path=/e", 100),
            ("forecast_7_days", "city=", 80),
            ("search_files", "limit=20", 160),
        ];
        for (call, arguments, columns) in calls {
            if !line.contains(call) {
                continue;
            }
            rows += 1;
            assert!(line.width() <= columns, "{columns}:\n{}", ran.out);
            for (name, text) in [("CALL", call), ("ARGUMENTS", arguments)] {
                let place = column_of(header, name);
                assert!(place.is_some(), "{name}:\n{}", ran.out);
                assert_eq!(column_of(line, text), place, "{name}: {line}\n{}", ran.out);
            }
            if line.contains("shadow") {
                let place = column_of(header, "RESULT");
                assert_eq!(column_of(line, "✗ tool: Access"), place, "{}", ran.out);
            }
        }
    }
    assert_eq!(rows, 4, "{}", ran.out);
}

/// A `less` that says it is of a version, keeps what it is given, and shows its flags.
fn less(home: &Home, version: u32) -> String {
    let body = format!(
        "#!/bin/sh\nif [ \"$1\" = --version ]; then echo 'less {version} (POSIX)'; exit; fi\n\
         cat > paged.txt\necho \"flags $@ LESS=$LESS\"\n"
    );
    let path = home.write("less", body);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn less_gets_whole_rows_that_it_chops_and_opens_at_the_newest() {
    let home = Home::new();
    let long = r#"{"path":"/srv/shadow/and/a/path/that/is/longer/than/any/column/of/it.txt"}"#;
    tap(&home, "files", &[("read_text_file", long); 12]);
    let terminal = || {
        Terminal::of(&home)
            .size(80, 10)
            .env("TERM", "xterm")
            .env("NO_COLOR", "1")
    };
    let pager = less(&home, 643);
    let run = |arguments: &[&str]| terminal().env("PAGER", &pager).run(arguments).out;
    assert_eq!(run(&["logs"]), "flags -RS --header 1 +G LESS=\n");
    let whole_rows = std::fs::read_to_string(home.path("paged.txt")).unwrap();
    let shown = terminal().env("PAGER", "").run(&["logs"]).out;
    assert_eq!(whole_rows.lines().count(), shown.lines().count());
    for (whole, cut) in whole_rows.lines().zip(shown.lines()) {
        assert!(cut.width() <= 80, "{cut}");
        let same = cut.trim_end_matches(" ──").trim_end_matches('…');
        assert!(whole.starts_with(same), "{whole}\n{cut}");
        let is_whole = whole.contains("allowed to read") && whole.contains("any/column/of/it.txt");
        assert!(is_whole || !cut.contains("read_text_file"), "{whole}");
    }
    assert_eq!(run(&["logs", "--reverse"]), "flags -RS --header 1 LESS=\n");
    let id = &home.rows(&[])[0]["session"];
    let id = id.as_str().unwrap();
    assert_eq!(run(&["session", id]), "flags -RS LESS=\n");
    assert_eq!(run(&["logs", "--json"]), "flags  LESS=FRX\n", "no table");
    let pager = less(&home, 590);
    let old = terminal().env("PAGER", &pager).run(&["logs"]).out;
    assert_eq!(old, "flags -RS +G LESS=\n", "it knows no headers");
}

#[test]
fn what_is_cut_is_shown_by_wide_and_by_wrap() {
    let home = Home::new();
    let text = "word ".repeat(60);
    let long = format!(r#"{{"path":"/srv/shadow","text":"{text}"}}"#);
    tap(&home, "files", &[("write_file", &long)]);
    let shown = |arguments: &[&str]| {
        let terminal = Terminal::of(&home).size(80, 100).env("NO_COLOR", "1");
        terminal.run(arguments).out
    };
    let words = |text: &str| text.matches("word").count();
    let cut = shown(&["logs"]);
    assert!(cut.lines().all(|line| line.width() <= 80), "{cut}");
    assert!(
        words(&cut) < 60 && !cut.contains("allowed to read"),
        "{cut}"
    );
    let wide = shown(&["logs", "--wide"]);
    assert_eq!(words(&wide), 60, "{wide}");
    assert!(wide.contains("allowed to read"), "{wide}");
    assert_eq!(wide.lines().count(), cut.lines().count(), "{wide}");
    let wrapped = shown(&["logs", "--wrap"]);
    assert_eq!(words(&wrapped), 60, "{wrapped}");
    assert!(wrapped.lines().all(|line| line.width() <= 80), "{wrapped}");
    assert!(!wrapped.contains('…'), "{wrapped}");
}

#[test]
fn what_was_asked_is_shown_where_payloads_are_kept_and_secrets_are_not() {
    let home = Home::new();
    let secret = r#"{"path":"/etc/hosts","api_key":"sk-ant-0123456789abcdefghijklmnop"}"#;
    tap(&home, "files", &[("read_text_file", secret)]);
    let table = home.succeed(&["logs"]);
    assert!(table.contains("path=/etc/hosts"), "{table}");
    assert!(!table.contains("sk-ant"), "{table}");
    assert!(table.contains("[redacted"), "{table}");
    // `tools/call` goes without saying, other methods do not.
    assert!(
        !table.contains("tools/call") && table.contains("initialize"),
        "{table}"
    );
    let with_seq = home.succeed(&["logs", "--seq"]);
    assert!(with_seq.trim_start().starts_with("#  TIME"), "{with_seq}");
    for row in home.rows(&[]) {
        assert!(row.get("arguments").is_none(), "a key of tables: {row}");
    }
}

#[test]
fn changes_of_one_proxy_do_not_name_it_in_each_row() {
    let home = Home::new();
    let echo = [("echo", "{}")];
    tap(&home, "files", &echo);
    let one = home.succeed(&["schema", "changes"]);
    assert!(one.contains("CHANGE") && !one.contains("PROXY"), "{one}");
    tap(&home, "weather", &echo);
    let two = home.succeed(&["schema", "changes"]);
    assert!(two.contains("PROXY") && two.contains("weather"), "{two}");
    let named = home.succeed(&["schema", "changes", "-p", "files"]);
    assert!(!named.contains("PROXY"), "{named}");
    let json = home.succeed(&["schema", "changes", "-p", "files", "--json"]);
    assert!(json.contains(r#""proxy":"files""#), "{json}");
}

#[test]
fn figures_say_of_which_time_they_are_where_nobody_stated() {
    let home = Home::new();
    tap(&home, "files", &[("echo", "{}")]);
    let commands: [(&[&str], &str); 3] = [
        (&["stats"], "of the last 24h; --since looks back further"),
        (&["slow", "--threshold", "0"], "of the last 24h; "),
        (&["clients"], "of the last 7d; "),
    ];
    for (command, window) in commands {
        let printed = |more: &[&str]| home.run(&[command, more].concat()).err;
        let reported = printed(&[]);
        assert!(reported.contains(window), "{command:?}: {reported}");
        for more in [&["--since", "1d"][..], &["--json"], &["-q"]] {
            let reported = printed(more);
            assert!(
                !reported.contains("of the last"),
                "{command:?} {more:?}: {reported}"
            );
        }
    }
}

#[test]
fn a_session_without_a_call_has_no_empty_table() {
    let home = Home::new();
    let script = "echo 'the directory of notes that this server was to show is not there, or not to be read by it' >&2; exit 3";
    let ran = home.run(&["tap", "--name", "notes", "--", "sh", "-c", script]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    let sessions = json_lines(&home.succeed(&["sessions", "--all", "--json"]));
    let id = sessions[0]["session_id"].as_str().unwrap();
    let terminal = Terminal::of(&home).size(60, 100).env("NO_COLOR", "1");
    let shown = terminal.run(&["session", id]).out;
    assert!(shown.contains("exited with code 3"), "{shown}");
    assert!(!shown.contains("TIME"), "a header above no row: {shown}");
    // What it wrote is wrapped between words.
    assert!(
        shown.contains("\nthe directory of notes that this server was to show is not\nthere"),
        "{shown}"
    );
}

#[test]
fn sums_of_some_failures_are_those_that_logs_lists() {
    let home = Home::new();
    let shadow = ("read_text_file", r#"{"path":"/etc/shadow"}"#);
    tap(&home, "files", &[shadow, ("echo", "{}"), shadow]);
    let calls = |conditions: &[&str]| {
        let rows = json_lines(&home.succeed(&[&["stats", "--json"], conditions].concat()));
        rows.iter()
            .map(|row| row["calls"].as_u64().unwrap())
            .sum::<u64>()
    };
    assert_eq!(calls(&[]), 4);
    let all: [&[&str]; 5] = [
        &["--error-kind", "tool"],
        &["--error-kind", "rpc,died"],
        &["--error-code", "-32602"],
        &["--min-latency", "0"],
        &["--min-latency", "10m"],
    ];
    let listed = all.map(|conditions| home.rows(conditions).len() as u64);
    assert_eq!(listed, [2, 0, 0, 4, 0]);
    assert_eq!(all.map(calls), listed);
    let reported = home
        .run(&["stats", "--error-kind", "rpc", "--min-latency", "10m"])
        .err;
    assert!(
        reported.contains("error kind `rpc`, latency from 10m00s"),
        "{reported}"
    );
}

#[test]
fn one_long_name_does_not_tear_the_lines_of_a_check_apart() {
    let home = Home::new();
    let long = "a_tool_with_a_name_that_says_all_of_what_it_does_and_more_than_anybody_asked";
    tap(&home, "files", &[("echo", "{}"), (long, "{}")]);
    let judged = home.succeed(&["check", "--by", "tool", "--fail-on", "error-rate>5%"]);
    assert!(judged.contains(long), "{judged}");
    let short = judged.lines().find(|line| line.contains("files echo"));
    assert!(short.is_some_and(|line| line.width() <= 80), "{judged}");
}
