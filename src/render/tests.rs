//! How whole lists look in each format.

#![expect(clippy::needless_raw_string_hashes, reason = "expect-test writes them")]

mod machine;
mod narrow;
mod screens;

use super::*;
use expect_test::{Expect, expect};
use mcpr_model::{ErrorKind, Status};
use mcpr_store::query::when::Zone;
use mcpr_store::query::{Entry, GapRow, RequestRow, SessionRow};

const SESSION: &str = "2bdb4dcf-b09f-4c41-9733-03bc3e2ef539";

fn request(seq: i64, method: &str, tool: Option<&str>) -> RequestRow {
    RequestRow {
        seq,
        request_id: Some("c5ebd421-e321-4334-8245-d88c04b775b1".into()),
        ts: 1_795_224_422_390 + seq * 1_017,
        proxy: "everything".into(),
        session_id: Some(SESSION.into()),
        session: Some(SESSION.into()),
        client_name: Some("claude-desktop".into()),
        client_version: Some("1.2.0".into()),
        method: method.into(),
        tool: tool.map(Into::into),
        latency_us: Some(5_295),
        upstream_us: Some(5_100),
        bytes_in: Some(163),
        bytes_out: Some(7_705),
        ..RequestRow::default()
    }
}

fn entries() -> Vec<Entry> {
    let mut refused = request(3, "tools/call", Some("nope"));
    refused.latency_us = Some(604_000);
    refused.status = Status::Error;
    refused.error_kind = Some(ErrorKind::Rpc);
    refused.error_code = Some("-32602".into());
    refused.error_msg =
        Some("MCP error -32602: Tool nope not found\x1b[2J, ask for the list".into());
    let mut silent = request(5, "resources/templates/list", None);
    silent.status = Status::Timeout;
    silent.error_kind = Some(ErrorKind::Timeout);
    silent.session = Some("~0123abcd".into());
    silent.session_id = None;
    silent.client_name = None;
    silent.client_version = None;
    silent.upstream_us = None;
    silent.bytes_out = None;
    silent.latency_us = Some(30_000_000);
    let gap = GapRow {
        seq: 4,
        source: "weather.log".into(),
        count: 1_204,
        from_ts: 1_795_224_426_000,
        to_ts: 1_795_224_427_250,
    };
    let first = request(1, "initialize", None);
    let second = request(2, "tools/call", Some("get-sum"));
    let rows = [first, second, refused].map(|row| Entry::Request(Box::new(row)));
    let mut entries = Vec::from(rows);
    entries.push(Entry::Gap(gap));
    entries.push(Entry::Request(Box::new(silent)));
    entries
}

/// 2026-11-21T01:30:08.318Z, the day of the requests.
const NOW: i64 = 1_795_224_608_318;

fn plain(width: Option<usize>) -> TableStyle {
    TableStyle {
        width,
        ..TableStyle::plain(Zone::Utc, NOW)
    }
}

/// The entries with what was asked, as a store with payloads gives them.
fn rows() -> Vec<LogRow> {
    let mut rows: Vec<LogRow> = entries().into_iter().map(LogRow::from).collect();
    rows[1].arguments = Some("a=7 b=35".into());
    rows[2].arguments =
        Some("path=/srv/work/notes/2026/november/everything/minutes.md limit=20".into());
    rows
}

/// The rows in two pages.
fn text_of(format: Format, names: &[&str], style: TableStyle) -> String {
    let columns = select(LOG_COLUMNS, names).expect("known names");
    let mut listing = Listing::new(columns, format, style);
    let rows = rows();
    listing.page(&rows[..4]) + &listing.page(&rows[4..]) + &listing.finish()
}

fn check(format: Format, names: &[&str], width: Option<usize>, expected: &Expect) {
    let text = text_of(format, names, plain(width));
    if let (Some(limit), Format::Table) = (width, format) {
        assert!(
            text.lines().all(|line| layout::width(line) <= limit),
            "{text}"
        );
    }
    expected.assert_eq(&text.replace('\r', "␍"));
}

fn check_table(width: Option<usize>, expected: &Expect) {
    check(Format::Table, LOG_TABLE, width, expected);
}

#[test]
fn a_page_without_a_row_of_cells_has_no_header() {
    let columns = select(LOG_COLUMNS, LOG_TABLE).expect("known names");
    let mut listing = Listing::new(columns, Format::Table, plain(Some(80)));
    let notice = LogRow::notice("files", NOW, "server exited with code 3");
    let text = listing.page(&[notice]);
    assert_eq!(text, "── server exited with code 3 ──\n");
    // It comes with the first row.
    let rows = listing.page(&rows()[..1]);
    assert!(
        rows.starts_with('#') && rows.contains("initialize"),
        "{rows}"
    );
}

#[test]
fn a_tool_that_is_called_as_a_method_is_distinguished_from_it() {
    let names = |rows: &[LogRow]| {
        let columns = select(LOG_COLUMNS, &["call"]).expect("a known name");
        Listing::new(columns, Format::Table, plain(None)).page(rows)
    };
    let rows = [
        request(1, "ping", None),
        request(2, "tools/call", Some("ping")),
        request(3, "tools/call", None),
        request(4, "tools/call", Some("tools/call")),
        request(5, "tools/call", Some(" ")),
        request(6, "tools/call", Some("(other)")),
        request(7, "tools/call", Some("github/search")),
        request(8, "tools/call", Some("tools")),
    ];
    let rows = rows.map(|row| LogRow::from(Entry::Request(Box::new(row))));
    let expected = "CALL\nping\nping (tool)\ntools/call\ntools/call (tool)\n` ` (tool)\n(other) (tool)\ngithub/search\ntools\n";
    assert_eq!(names(&rows), expected);
}

#[test]
fn a_table_at_80_columns() {
    check_table(
        Some(80),
        &expect![[r#"
            #  TIME       PROXY      CALL        ARGUMENTS      TOOK  RESULT
            1  01:27:03Z  everythi…  initialize               5.3ms
            2  01:27:04Z  everythi…  get-sum     a=7 b=35     5.3ms
            3  01:27:05Z  everythi…  nope        path=/…t=20  604ms!  ✗ rpc -32602: Tool no…
            ── gap: 1,204 events dropped, 01:27:06Z - 01:27:07.250Z, from weather.log ──
            #  TIME       PROXY   CALL            ARGUMENTS     TOOK  RESULT
            5  01:27:07Z  every…  resources/tem…              30.0s!  ✗ timeout
        "#]],
    );
}

#[test]
fn a_table_at_100_columns() {
    check_table(
        Some(100),
        &expect![[r#"
            #  TIME           PROXY     SESSION    CALL        ARGUMENTS      TOOK  RESULT
            1  01:27:03.407Z  everyth…  2bdb4dcf   initialize               5.3ms
            2  01:27:04.424Z  everyth…  2bdb4dcf   get-sum     a=7 b=35     5.3ms
            3  01:27:05.441Z  everyth…  2bdb4dcf   nope        path=/…t=20  604ms!  ✗ rpc -32602: Tool nope not…
            ── gap: 1,204 events dropped, 01:27:06Z - 01:27:07.250Z, from weather.log ──
            #  TIME       PROXY     SESSION  CALL              ARGUMENTS      TOOK  RESULT
            5  01:27:07Z  everyth…  ~0123ab  resources/templ…               30.0s!  ✗ timeout
        "#]],
    );
}

#[test]
fn a_table_at_140_columns() {
    check_table(
        Some(140),
        &expect![[r#"
            #  TIME           PROXY       CLIENT        SESSION    CALL        ARGUMENTS       TOOK  RESULT
            1  01:27:03.407Z  everything  claude-desk…  2bdb4dcf   initialize                5.3ms
            2  01:27:04.424Z  everything  claude-desk…  2bdb4dcf   get-sum     a=7 b=35      5.3ms
            3  01:27:05.441Z  everything  claude-desk…  2bdb4dcf   nope        path=/s…t=20  604ms!  ✗ rpc -32602: Tool nope not found\x1b[2J, ask for …
            ── gap: 1,204 events dropped, 01:27:06Z - 01:27:07.250Z, from weather.log ──
            #  TIME           PROXY      CLIENT    SESSION    CALL              ARGUMENTS      TOOK  RESULT
            5  01:27:07.475Z  everythi…  -         ~0123abcd  resources/templ…               30.0s!  ✗ timeout
        "#]],
    );
}

#[test]
fn a_table_at_200_columns() {
    check_table(
        Some(200),
        &expect![[r#"
            #  TIME           PROXY       CLIENT                SESSION    CALL        ARGUMENTS                                                    TOOK  RESULT
            1  01:27:03.407Z  everything  claude-desktop 1.2.0  2bdb4dcf   initialize                                                             5.3ms
            2  01:27:04.424Z  everything  claude-desktop 1.2.0  2bdb4dcf   get-sum     a=7 b=35                                                   5.3ms
            3  01:27:05.441Z  everything  claude-desktop 1.2.0  2bdb4dcf   nope        path=/srv/work/notes/2026/november/ev…minutes.md limit=20  604ms!  ✗ rpc -32602: Tool nope not found\x1b[2J, ask for the list
            ── gap: 1,204 events dropped, 01:27:06Z - 01:27:07.250Z, from weather.log ──
            #  TIME           PROXY       CLIENT                SESSION    CALL                      ARGUMENTS                                      TOOK  RESULT
            5  01:27:07.475Z  everything  -                     ~0123abcd  resources/templates/list                                               30.0s!  ✗ timeout
        "#]],
    );
}

#[test]
fn a_table_without_a_limit_is_whole() {
    check_table(
        None,
        &expect![[r#"
            #  TIME           PROXY       CLIENT                SESSION    CALL        ARGUMENTS                                                            TOOK  RESULT
            1  01:27:03.407Z  everything  claude-desktop 1.2.0  2bdb4dcf   initialize                                                                     5.3ms
            2  01:27:04.424Z  everything  claude-desktop 1.2.0  2bdb4dcf   get-sum     a=7 b=35                                                           5.3ms
            3  01:27:05.441Z  everything  claude-desktop 1.2.0  2bdb4dcf   nope        path=/srv/work/notes/2026/november/everything/minutes.md limit=20  604ms!  ✗ rpc -32602: Tool nope not found\x1b[2J, ask for the list
            ── gap: 1,204 events dropped, 01:27:06Z - 01:27:07.250Z, from weather.log ──
            5  01:27:07.475Z  everything  -                     ~0123abcd  resources/templates/list                                                                     30.0s!  ✗ timeout
        "#]],
    );
}

const SHORT_TABLE: &[&str] = &["time", "call", "arguments", "latency_us", "result"];

#[test]
fn what_is_cut_stands_whole_beyond_the_edge_for_a_pager() {
    let style = TableStyle {
        overflow: Overflow::Beyond,
        ..plain(Some(60))
    };
    let text = text_of(Format::Table, SHORT_TABLE, style);
    expect![[r#"
        TIME       CALL        ARGUMENTS     TOOK  RESULT
        01:27:03Z  initialize              5.3ms
        01:27:04Z  get-sum     a=7 b=35    5.3ms
        01:27:05Z  nope        path=…t=20  604ms!  ✗ rpc -32602: Tool nope not found\x1b[2J, ask for the list  ARGUMENTS path=/srv/work/notes/2026/november/everything/minutes.md limit=20
        ── gap: 1,204 events dropped, 01:27:06Z - 01:27:07.250Z, from weather.log ──
        TIME       CALL                   TOOK  RESULT
        01:27:07Z  resources/template…  30.0s!  ✗ timeout             CALL resources/templates/list
    "#]].assert_eq(&text);
    let cut = text_of(Format::Table, SHORT_TABLE, plain(Some(60)));
    for (whole, cut) in text.lines().zip(cut.lines()) {
        let seen = cut.trim_end_matches(" ──").trim_end_matches('…');
        assert!(whole.starts_with(seen), "the screen is the same: {whole}");
    }
}

#[test]
fn long_text_wraps_between_words() {
    let style = TableStyle {
        overflow: Overflow::Wrap,
        ..plain(Some(80))
    };
    let text = text_of(Format::Table, SHORT_TABLE, style);
    assert!(text.lines().all(|line| layout::width(line) <= 80), "{text}");
    expect![[r#"
        TIME           CALL        ARGUMENTS               TOOK  RESULT
        01:27:03.407Z  initialize                        5.3ms
        01:27:04.424Z  get-sum     a=7 b=35              5.3ms
        01:27:05.441Z  nope        path=/srv/work/       604ms!  ✗ rpc -32602: Tool nope
                                   notes/2026/november/          not found\x1b[2J, ask
                                   everything/minutes.           for the list
                                   md limit=20
        ── gap: 1,204 events dropped, 01:27:06Z - 01:27:07.250Z, from weather.log ──
        TIME           CALL              ARGUMENTS          TOOK  RESULT
        01:27:07.475Z  resources/                         30.0s!  ✗ timeout
                       templates/list
    "#]]
    .assert_eq(&text);
}

#[test]
fn a_list_that_goes_on_is_laid_out_anew_when_something_wider_comes_or_the_terminal_changes() {
    let style = TableStyle {
        goes_on: true,
        ..plain(Some(80))
    };
    let columns = select(
        LOG_COLUMNS,
        &["time", "proxy", "call", "latency_us", "result"],
    );
    let mut listing = Listing::new(columns.expect("known names"), Format::Table, style);
    let row = |call: &str, proxy: &str| {
        let mut row = request(2, "tools/call", Some(call));
        row.proxy = proxy.into();
        [LogRow::from(Entry::Request(Box::new(row)))]
    };
    let mut text = listing.page(&row("echo", "one"));
    text += &listing.page(&row("print", "two"));
    text += &listing.page(&row("a_tool_with_a_rather_long_name", "the-second-server"));
    text += &listing.page(&row("echo", "one"));
    listing.set_width(Some(50));
    text += &listing.page(&row("a_tool_with_a_rather_long_name", "the-second-server"));
    listing.set_width(Some(120));
    text += &listing.page(&row("echo", "one"));
    expect![[r#"
        TIME           PROXY     CALL                TOOK  RESULT
        01:27:04.424Z  one       echo              5.3ms
        01:27:04.424Z  two       print             5.3ms
        TIME           PROXY              CALL                      TOOK  RESULT
        01:27:04.424Z  the-second-server  a_tool_with_a_rather_…  5.3ms
        01:27:04.424Z  one                echo                    5.3ms
        TIME       PROXY    CALL            RESULT
        01:27:04Z  the-se…  a_tool_with_a…
        TIME           PROXY              CALL                              TOOK  RESULT
        01:27:04.424Z  one                echo                            5.3ms
    "#]]
    .assert_eq(&text);
}

#[test]
fn a_day_has_a_line_of_its_own_where_it_is_not_today() {
    let columns = select(LOG_COLUMNS, &["time", "call"]).expect("known names");
    let day = |days: i64| {
        let mut row = request(2, "tools/call", Some("echo"));
        row.ts -= days * 86_400_000 + row.ts % 1_000;
        LogRow::from(Entry::Request(Box::new(row)))
    };
    let mut listing = Listing::new(columns, Format::Table, plain(Some(80)));
    let text = listing.page(&[day(2), day(2), day(1)]) + &listing.page(&[day(1), day(0)]);
    expect![[r#"
        TIME       CALL
        ── 2026-11-19 ──
        01:27:04Z  echo
        01:27:04Z  echo
        ── 2026-11-20 ──
        01:27:04Z  echo
        01:27:04Z  echo
        ── 2026-11-21 ──
        01:27:04Z  echo
    "#]]
    .assert_eq(&text);
}

#[test]
fn times_in_every_style() {
    for (times, expected) in [
        (
            TimeStyle::Full,
            expect![[r#"
                TIME                      CALL
                2026-11-21 01:27:03.407Z  initialize
                2026-11-21 01:27:04.424Z  get-sum
                2026-11-21 01:27:05.441Z  nope
                ── gap: 1,204 events dropped, 2026-11-21 01:27:06.000Z - 2026-11-21 01:27:07… ──
                2026-11-21 01:27:07.475Z  resources/templates/list
            "#]],
        ),
        (
            TimeStyle::Ago,
            expect![[r#"
                TIME    CALL
                3m ago  initialize
                3m ago  get-sum
                3m ago  nope
                ── gap: 1,204 events dropped, 2026-11-21 01:27:06.000Z - 2026-11-21 01:27:07… ──
                3m ago  resources/templates/list
            "#]],
        ),
        (
            TimeStyle::Delta,
            expect![[r#"
                TIME   CALL
                -      initialize
                +1.0s  get-sum
                +1.0s  nope
                ── gap: 1,204 events dropped, 2026-11-21 01:27:06.000Z - 2026-11-21 01:27:07… ──
                +2.0s  resources/templates/list
            "#]],
        ),
    ] {
        let style = TableStyle {
            times,
            ..plain(Some(80))
        };
        expected.assert_eq(&text_of(Format::Table, &["time", "call"], style));
    }
}

#[test]
fn rows_by_rank_have_their_dates() {
    let style = TableStyle {
        is_by_rank: true,
        now_ms: NOW + 86_400_000,
        ..plain(Some(80))
    };
    expect![[r#"
        TIME                  CALL
        2026-11-21 01:27:03Z  initialize
        2026-11-21 01:27:04Z  get-sum
        2026-11-21 01:27:05Z  nope
        ── gap: 1,204 events dropped, 2026-11-21 01:27:06.000Z - 2026-11-21 01:27:07… ──
        2026-11-21 01:27:07Z  resources/templates/list
    "#]]
    .assert_eq(&text_of(Format::Table, &["time", "call"], style));
}

#[test]
fn colours_mean_something_and_a_sign_says_the_same() {
    let names = ["time", "session", "call", "latency_us", "result"];
    for palette in [palette::Palette::Dark, palette::Palette::Light] {
        let style = TableStyle {
            palette,
            ..plain(Some(80))
        };
        let text = text_of(Format::Table, &names, style);
        let ink = |meaning| palette.ink(meaning).colour.map(|it| format!("38;5;{it}m"));
        for (line, meaning, sign) in [
            ("nope", palette::Meaning::Failed, "✗ rpc"),
            ("nope", palette::Meaning::Slow, "604ms!"),
            ("gap", palette::Meaning::Slow, "── gap"),
        ] {
            let line = text.lines().find(|it| it.contains(line)).expect(line);
            let ink = ink(meaning).expect("a colour");
            assert!(line.contains(&ink) && line.contains(sign), "{line:?}");
        }
        assert!(!text.contains("\x1b[2J"), "{text:?}");
    }
    let bare = text_of(Format::Table, &names, plain(Some(80)));
    assert!(!bare.contains('\x1b'), "{bare:?}");
}

fn session() -> SessionView {
    let row = SessionRow {
        session_id: SESSION.into(),
        inferred: false,
        proxy: "everything".into(),
        client_name: Some("claude-desktop".into()),
        client_version: Some("1.2.0".into()),
        started_at: 1_795_224_422_390,
        last_seen_at: 1_795_224_423_739,
        ended_at: None,
        total_calls: 23,
        total_errors: 1,
        conversation: Some("0c6f3c3e".into()),
    };
    SessionView::at(row, 1_795_224_424_000)
}

#[test]
fn sessions_at_80_columns_and_as_json() {
    let style = plain(Some(80));
    let names = [
        "session_id",
        "client",
        "started_at",
        "last_seen_at",
        "total_calls",
        "total_errors",
        "state",
    ];
    let columns = select(LISTED_COLUMNS, &names).expect("known names");
    let table = Listing::new(columns, Format::Table, style).page(&[session()]);
    expect![[r#"
        SESSION    CLIENT                STARTED    LAST SEEN  CALLS  ERRORS  STATE
        2bdb4dcf   claude-desktop 1.2.0  01:27:02Z  01:27:03Z     23       1  active
    "#]]
    .assert_eq(&table);
    let columns = select(LISTED_COLUMNS, SESSION_COLUMNS).expect("known names");
    expect![[r#"{"session_id":"2bdb4dcf-b09f-4c41-9733-03bc3e2ef539","inferred":false,"proxy":"everything","client_name":"claude-desktop","client_version":"1.2.0","client_platform":"claude","started_at":1795224422390,"last_seen_at":1795224423739,"ended_at":null,"total_calls":23,"total_errors":1,"active":true,"conversation":"0c6f3c3e","in_flight":0,"started":"2026-11-21T01:27:02.390Z","last_seen":"2026-11-21T01:27:03.739Z","ended":null}"#]].assert_eq(&object(&columns, &session()));
}

#[test]
fn every_default_names_a_column_and_no_name_repeats() {
    for names in [REQUEST_COLUMNS, LOG_TABLE] {
        assert!(select(LOG_COLUMNS, names).is_ok());
    }
    assert!(select(LISTED_COLUMNS, SESSION_COLUMNS).is_ok());
    let mut names: Vec<_> = LOG_COLUMNS.iter().map(|column| column.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), LOG_COLUMNS.len());
    let error = select(LOG_COLUMNS, &["tool", "nope"]).expect_err("no such column");
    assert_eq!(error.to_string(), "no field `nope`");
}
