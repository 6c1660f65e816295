//! Tables where not all columns have room: what goes first, and what stays.

use super::screens::{HOUR_MS, WIDTHS, screens};
use super::*;
use std::fmt::Write as _;

/// As wide as a person makes a terminal beside an editor, and wider.
const NARROW_WIDTHS: [usize; 5] = [70, 80, 90, 100, 140];

/// Rows of two proxies, two clients and three sessions, as `logs --follow` shows them from the first on.
fn rows_of_two_clients() -> Vec<LogRow> {
    let mut rows = rows();
    rows.retain(|row| row.entry.is_request());
    let others = [
        ("files", "claude-desktop", "1.2.0"),
        ("weather-and-climate", "cursor-vscode", "0.44"),
        ("files", "claude-desktop", "1.2.0"),
        ("files", "cursor-vscode", "0.44"),
    ];
    for (row, (proxy, client, version)) in rows.iter_mut().zip(others) {
        if let Entry::Request(request) = &mut row.entry {
            request.proxy = proxy.into();
            request.client_name = Some(client.into());
            request.client_version = Some(version.into());
        }
    }
    rows
}

#[test]
fn a_follower_of_two_clients_shows_who_where_there_is_room_and_what_at_any_width() {
    let mut text = String::new();
    for width in NARROW_WIDTHS {
        let style = TableStyle {
            goes_on: true,
            ..plain(Some(width))
        };
        let mut listing = Listing::new(choose(LOG_COLUMNS, &LOG_TABLE[1..]), Format::Table, style);
        let table = listing.page(&rows_of_two_clients());
        assert!(
            table.lines().all(|line| layout::width(line) <= width),
            "{table}"
        );
        let header = table.lines().next().unwrap_or_default();
        for (name, from) in [("ARGUMENTS", 70), ("SESSION", 100), ("CLIENT", 140)] {
            assert_eq!(
                header.contains(name),
                width >= from,
                "{name} at {width}:\n{table}"
            );
        }
        writeln!(text, "{width}:").expect("a string takes every write");
        text += &table;
    }
    expect![[r#"
        70:
        TIME       PROXY   CALL            ARGUMENTS     TOOK  RESULT
        01:27:03Z  files   initialize                  5.3ms
        01:27:04Z  weath…  get-sum         a=7 b=35    5.3ms
        01:27:05Z  files   nope            path=…t=20  604ms!  ✗ rpc -32602: …
        01:27:07Z  files   resources/tem…              30.0s!  ✗ timeout
        80:
        TIME       PROXY     CALL            ARGUMENTS      TOOK  RESULT
        01:27:03Z  files     initialize                   5.3ms
        01:27:04Z  weather…  get-sum         a=7 b=35     5.3ms
        01:27:05Z  files     nope            path=/…t=20  604ms!  ✗ rpc -32602: Tool no…
        01:27:07Z  files     resources/tem…               30.0s!  ✗ timeout
        90:
        TIME           PROXY      CALL              ARGUMENTS      TOOK  RESULT
        01:27:03.407Z  files      initialize                     5.3ms
        01:27:04.424Z  weather-…  get-sum           a=7 b=35     5.3ms
        01:27:05.441Z  files      nope              path=/…t=20  604ms!  ✗ rpc -32602: Tool nope …
        01:27:07.475Z  files      resources/templ…               30.0s!  ✗ timeout
        100:
        TIME       PROXY        SESSION  CALL              ARGUMENTS      TOOK  RESULT
        01:27:03Z  files        2bdb4dc  initialize                     5.3ms
        01:27:04Z  weather-an…  2bdb4dc  get-sum           a=7 b=35     5.3ms
        01:27:05Z  files        2bdb4dc  nope              path=/…t=20  604ms!  ✗ rpc -32602: Tool nope not…
        01:27:07Z  files        ~0123ab  resources/templ…               30.0s!  ✗ timeout
        140:
        TIME           PROXY       CLIENT      SESSION    CALL              ARGUMENTS      TOOK  RESULT
        01:27:03.407Z  files       claude-de…  2bdb4dcf   initialize                     5.3ms
        01:27:04.424Z  weather-a…  cursor-vs…  2bdb4dcf   get-sum           a=7 b=35     5.3ms
        01:27:05.441Z  files       claude-de…  2bdb4dcf   nope              path=/…t=20  604ms!  ✗ rpc -32602: Tool nope not found\x1b[2J, ask for …
        01:27:07.475Z  files       cursor-vs…  ~0123abcd  resources/templ…               30.0s!  ✗ timeout
    "#]].assert_eq(&text);
}

/// The same with long names, of which the third failed for a long reason.
fn rows_of_long_texts(failed: bool) -> Vec<LogRow> {
    let mut rows = rows_of_two_clients();
    for row in &mut rows {
        if let Entry::Request(request) = &mut row.entry {
            request.method = "tools/call".into();
            request.tool = Some("trigger-long-running-operation".into());
            request.status = Status::Ok;
            request.error_code = None;
        }
        row.arguments = Some("path=/srv/work/notes/2026/november/minutes.md limit=20".to_owned());
    }
    if let (true, Entry::Request(request)) = (failed, &mut rows[2].entry) {
        request.status = Status::Error;
        request.error_kind = Some(ErrorKind::Tool);
        request.error_msg =
            Some("-32602: Input validation error: Invalid arguments for tool".into());
    }
    rows
}

#[test]
fn the_reason_of_a_failure_was_cut_while_arguments_were_wider() {
    for goes_on in [false, true] {
        for (width, expected) in [(80, 22), (100, 28), (120, 38), (140, 50), (200, 51)] {
            let style = TableStyle {
                goes_on,
                ..plain(Some(width))
            };
            let mut listing =
                Listing::new(choose(LOG_COLUMNS, &LOG_TABLE[1..]), Format::Table, style);
            let table = listing.page(&rows_of_long_texts(true));
            let header = table.lines().next().unwrap_or_default();
            let room = width - header.find("RESULT").unwrap_or(width);
            assert!(room >= expected, "{room} of {width}:\n{table}");
            assert!(header.contains("PROXY"), "{table}");
        }
    }
}

#[test]
fn a_follower_cut_calls_beside_an_empty_result() {
    let style = TableStyle {
        goes_on: true,
        ..plain(Some(150))
    };
    let names = ["time", "proxy", "call", "arguments", "latency_us", "result"];
    let mut listing = Listing::new(choose(LOG_COLUMNS, &names), Format::Table, style);
    let table = listing.page(&rows_of_long_texts(false));
    assert!(!table.contains('…'), "{table}");
    // A failure that comes gets its room, below a header of its own.
    let table = listing.page(&rows_of_long_texts(true));
    assert!(table.contains("RESULT"), "{table}");
    assert!(
        table.contains("✗ tool: -32602: Input validation error"),
        "{table}"
    );
}

#[test]
fn wrapped_tables_had_fewer_columns() {
    for width in [40, 60, 80, 100] {
        let style = TableStyle {
            overflow: Overflow::Wrap,
            ..plain(Some(width))
        };
        let names = &LOG_TABLE[1..];
        let mut listing = Listing::new(choose(LOG_COLUMNS, names), Format::Table, style);
        let table = listing.page(&rows_of_long_texts(true));
        assert_eq!(listing.left_out(), [""; 0], "{width}:\n{table}");
        assert!(!table.contains('…'), "{width}:\n{table}");
    }
}

#[test]
fn servers_were_not_named_in_fifty_cells() {
    let style = TableStyle {
        goes_on: true,
        ..plain(Some(50))
    };
    let mut listing = Listing::new(choose(LOG_COLUMNS, &LOG_TABLE[1..]), Format::Table, style);
    let table = listing.page(&rows_of_two_clients());
    let header = table.lines().next().unwrap_or_default();
    let names: Vec<&str> = header.split_whitespace().collect();
    assert_eq!(names, ["TIME", "PROXY", "CALL", "RESULT"], "{table}");
    assert_eq!(
        listing.left_out(),
        ["CLIENT", "SESSION", "ARGUMENTS", "TOOK"]
    );
}

#[test]
fn sessions_with_hostile_names_and_requests_in_flight_say_when_they_began() {
    let mut first = session();
    first.row.proxy = "a-proxy-with-a-rather-long-name\x1b[2J".into();
    first.row.client_name = Some("a client\x1b[31m with a rather long name".into());
    first.row.started_at -= 30 * HOUR_MS;
    first.row.last_seen_at -= 20 * HOUR_MS;
    first.row.session_id = "~0123abcd".into();
    first.in_flight = 2;
    let rows = [first, session()];
    let names = [
        "session_id",
        "proxy",
        "client",
        "started_at",
        "last_seen_at",
        "total_calls",
        "total_errors",
        "in_flight",
        "state",
    ];
    let text = screens(LISTED_COLUMNS, &names, &rows);
    let headers = text.lines().filter(|line| line.starts_with("SESSION"));
    assert!(
        headers.clone().all(|header| header.contains("STARTED")),
        "{text}"
    );
    assert_eq!(headers.count(), WIDTHS.len(), "{text}");
    expect![[r#"
        80:
        SESSION  PROXY   CLIENT      STARTED            CALLS  ERRORS  IN FLIGHT  STATE
        ~0123ab  a-pro…  a client…   2026-11-19 19:27Z     23       1          2  active
        2bdb4dc  every…  claude-de…  01:27:02Z             23       1          0  active
        100:
        SESSION    PROXY             CLIENT           STARTED               CALLS  ERRORS  IN FLIGHT  STATE
        ~0123abcd  a-proxy-with-a-…  a client\x1b[3…  2026-11-19 19:27:02Z     23       1          2  active
        2bdb4dcf   everything        claude-desktop…  01:27:02Z                23       1          0  active
        140:
        SESSION    PROXY                      CLIENT                    STARTED               LAST SEEN             CALLS  ERRORS  IN FLIGHT  STATE
        ~0123abcd  a-proxy-with-a-rather-lo…  a client\x1b[31m with a…  2026-11-19 19:27:02Z  2026-11-20 05:27:03Z     23       1          2  active
        2bdb4dcf   everything                 claude-desktop 1.2.0      01:27:02Z             01:27:03Z                23       1          0  active
        200:
        SESSION    PROXY                                   CLIENT                                          STARTED               LAST SEEN             CALLS  ERRORS  IN FLIGHT  STATE
        ~0123abcd  a-proxy-with-a-rather-long-name\x1b[2J  a client\x1b[31m with a rather long name 1.2.0  2026-11-19 19:27:02Z  2026-11-20 05:27:03Z     23       1          2  active
        2bdb4dcf   everything                              claude-desktop 1.2.0                            01:27:02Z             01:27:03Z                23       1          0  active
    "#]].assert_eq(&text);
}

#[test]
fn a_line_between_rows_keeps_its_end_where_it_is_cut() {
    let notice = LogRow::notice("files", NOW, "server exited with code 3: no such directory");
    let text = |width| {
        let columns = choose(LOG_COLUMNS, LOG_TABLE);
        Listing::new(columns, Format::Table, plain(Some(width))).page(std::slice::from_ref(&notice))
    };
    assert_eq!(text(40), "── server exited with code 3: no suc… ──\n");
    assert_eq!(text(3), "──…\n");
    assert!(text(80).ends_with("directory ──\n"));
}
