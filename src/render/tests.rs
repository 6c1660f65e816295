//! How whole lists look in each format.

#![expect(clippy::needless_raw_string_hashes, reason = "expect-test writes them")]

use super::*;
use expect_test::{Expect, expect};
use mcpr_model::{ErrorKind, Kind, Status};
use mcpr_store::query::when::Zone;
use mcpr_store::query::{Entry, GapRow, RequestRow, SessionRow};

const SESSION: &str = "2bdb4dcf-b09f-4c41-9733-03bc3e2ef539";

fn request(seq: i64, method: &str, tool: Option<&str>) -> RequestRow {
    RequestRow {
        seq,
        request_id: Some("c5ebd421-e321-4334-8245-d88c04b775b1".into()),
        ts: 1_795_224_422_390 + seq * 1_017,
        proxy: "everything".into(),
        kind: Kind::Mcp,
        session_id: Some(SESSION.into()),
        session: Some(SESSION.into()),
        client_name: Some("claude-desktop".into()),
        client_version: Some("1.2.0".into()),
        method: method.into(),
        tool: tool.map(Into::into),
        resource_uri: None,
        prompt_name: None,
        latency_us: Some(5_295),
        upstream_us: Some(5_100),
        status: Status::Ok,
        error_kind: None,
        error_code: None,
        error_msg: None,
        retyped: false,
        bytes_in: Some(163),
        bytes_out: Some(7_705),
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

const TABLE: &[&str] = &[
    "time",
    "client",
    "session",
    "method",
    "target",
    "latency_us",
    "outcome",
    "error_msg",
];

fn check(format: Format, names: &[&str], width: Option<usize>, expected: &Expect) {
    let style = TableStyle {
        zone: Zone::Utc,
        width,
        colour: false,
    };
    let columns = select(LOG_COLUMNS, names).expect("known names");
    let mut listing = Listing::new(columns, format, style);
    let text = listing.page(&entries()[..4]) + &listing.page(&entries()[4..]) + &listing.finish();
    if let (Some(limit), Format::Table) = (width, format) {
        assert!(
            text.lines().all(|line| layout::width(line) <= limit),
            "{text}"
        );
    }
    expected.assert_eq(&text.replace('\r', "␍"));
}

#[test]
fn a_table_at_80_columns() {
    check(
        Format::Table,
        TABLE,
        Some(80),
        &expect![[r#"
        TIME                      SESSION    METHOD      TARGET   LATENCY  STATUS
        2026-11-21 01:27:03.407Z  2bdb4dcf   initialize  -          5.3ms  ok
        2026-11-21 01:27:04.424Z  2bdb4dcf   tools/call  get-sum    5.3ms  ok
        2026-11-21 01:27:05.441Z  2bdb4dcf   tools/call  nope       604ms  error:rpc -3…
        -- gap: 1,204 events dropped, 2026-11-21 01:27:06.000Z - 2026-11-21 01:27:07.25…
        2026-11-21 01:27:07.475Z  ~0123abcd  resources…  -          30.0s  timeout
    "#]],
    );
}

#[test]
fn a_table_at_120_columns() {
    check(
        Format::Table,
        TABLE,
        Some(120),
        &expect![[r#"
        TIME                      CLIENT             SESSION    METHOD      TARGET   LATENCY  STATUS            ERROR
        2026-11-21 01:27:03.407Z  claude-desktop 1…  2bdb4dcf   initialize  -          5.3ms  ok
        2026-11-21 01:27:04.424Z  claude-desktop 1…  2bdb4dcf   tools/call  get-sum    5.3ms  ok
        2026-11-21 01:27:05.441Z  claude-desktop 1…  2bdb4dcf   tools/call  nope       604ms  error:rpc -32602  MCP error -3260…
        -- gap: 1,204 events dropped, 2026-11-21 01:27:06.000Z - 2026-11-21 01:27:07.250Z, from weather.log --
        2026-11-21 01:27:07.475Z  -                  ~0123abcd  resources…  -          30.0s  timeout
    "#]],
    );
}

#[test]
fn a_table_without_a_limit_is_whole() {
    check(
        Format::Table,
        TABLE,
        None,
        &expect![[r#"
        TIME                      CLIENT                SESSION    METHOD      TARGET   LATENCY  STATUS            ERROR
        2026-11-21 01:27:03.407Z  claude-desktop 1.2.0  2bdb4dcf   initialize  -          5.3ms  ok
        2026-11-21 01:27:04.424Z  claude-desktop 1.2.0  2bdb4dcf   tools/call  get-sum    5.3ms  ok
        2026-11-21 01:27:05.441Z  claude-desktop 1.2.0  2bdb4dcf   tools/call  nope       604ms  error:rpc -32602  MCP error -32602: Tool nope not found\x1b[2J, ask for the list
        -- gap: 1,204 events dropped, 2026-11-21 01:27:06.000Z - 2026-11-21 01:27:07.250Z, from weather.log --
        2026-11-21 01:27:07.475Z  -                     ~0123abcd  resources/templates/list  -          30.0s  timeout
    "#]],
    );
}

#[test]
fn ndjson_has_every_key_of_the_contract() {
    check(
        Format::Ndjson,
        REQUEST_COLUMNS,
        None,
        &expect![[r#"
        {"seq":1,"request_id":"c5ebd421-e321-4334-8245-d88c04b775b1","ts":1795224423407,"time":"2026-11-21T01:27:03.407Z","proxy":"everything","kind":"mcp","session_id":"2bdb4dcf-b09f-4c41-9733-03bc3e2ef539","session":"2bdb4dcf-b09f-4c41-9733-03bc3e2ef539","client_name":"claude-desktop","client_version":"1.2.0","method":"initialize","tool":null,"resource_uri":null,"prompt_name":null,"latency_us":5295,"upstream_us":5100,"status":"ok","error_kind":null,"error_code":null,"error_msg":null,"bytes_in":163,"bytes_out":7705}
        {"seq":2,"request_id":"c5ebd421-e321-4334-8245-d88c04b775b1","ts":1795224424424,"time":"2026-11-21T01:27:04.424Z","proxy":"everything","kind":"mcp","session_id":"2bdb4dcf-b09f-4c41-9733-03bc3e2ef539","session":"2bdb4dcf-b09f-4c41-9733-03bc3e2ef539","client_name":"claude-desktop","client_version":"1.2.0","method":"tools/call","tool":"get-sum","resource_uri":null,"prompt_name":null,"latency_us":5295,"upstream_us":5100,"status":"ok","error_kind":null,"error_code":null,"error_msg":null,"bytes_in":163,"bytes_out":7705}
        {"seq":3,"request_id":"c5ebd421-e321-4334-8245-d88c04b775b1","ts":1795224425441,"time":"2026-11-21T01:27:05.441Z","proxy":"everything","kind":"mcp","session_id":"2bdb4dcf-b09f-4c41-9733-03bc3e2ef539","session":"2bdb4dcf-b09f-4c41-9733-03bc3e2ef539","client_name":"claude-desktop","client_version":"1.2.0","method":"tools/call","tool":"nope","resource_uri":null,"prompt_name":null,"latency_us":604000,"upstream_us":5100,"status":"error","error_kind":"rpc","error_code":"-32602","error_msg":"MCP error -32602: Tool nope not found\u001b[2J, ask for the list","bytes_in":163,"bytes_out":7705}
        {"seq":4,"request_id":null,"ts":1795224426000,"time":"2026-11-21T01:27:06.000Z","proxy":null,"kind":"gap","session_id":null,"session":null,"client_name":null,"client_version":null,"method":null,"tool":null,"resource_uri":null,"prompt_name":null,"latency_us":null,"upstream_us":null,"status":null,"error_kind":null,"error_code":null,"error_msg":"1204 events dropped","bytes_in":null,"bytes_out":null}
        {"seq":5,"request_id":"c5ebd421-e321-4334-8245-d88c04b775b1","ts":1795224427475,"time":"2026-11-21T01:27:07.475Z","proxy":"everything","kind":"mcp","session_id":null,"session":"~0123abcd","client_name":null,"client_version":null,"method":"resources/templates/list","tool":null,"resource_uri":null,"prompt_name":null,"latency_us":30000000,"upstream_us":null,"status":"timeout","error_kind":"timeout","error_code":null,"error_msg":null,"bytes_in":163,"bytes_out":null}
    "#]],
    );
}

#[test]
fn json_is_one_array() {
    check(
        Format::Json,
        &["seq", "tool"],
        None,
        &expect![[r#"
        [{"seq":1,"tool":null},
        {"seq":2,"tool":"get-sum"},
        {"seq":3,"tool":"nope"},
        {"seq":4,"tool":null},
        {"seq":5,"tool":null}]
    "#]],
    );
}

#[test]
fn csv_has_a_header_and_safe_cells() {
    check(
        Format::Csv,
        &["seq", "time", "kind", "error_code", "error_msg"],
        None,
        &expect![[r#"
            seq,time,kind,error_code,error_msg␍
            1,2026-11-21T01:27:03.407Z,mcp,,␍
            2,2026-11-21T01:27:04.424Z,mcp,,␍
            3,2026-11-21T01:27:05.441Z,mcp,-32602,"MCP error -32602: Tool nope not found\x1b[2J, ask for the list"␍
            4,2026-11-21T01:27:06.000Z,gap,,1204 events dropped␍
            5,2026-11-21T01:27:07.475Z,mcp,,␍
        "#]],
    );
}

#[test]
fn an_empty_list_in_every_format() {
    let cases = [
        (Format::Table, ""),
        (Format::Json, "[]\n"),
        (Format::Ndjson, ""),
        (Format::Csv, "seq,tool\r\n"),
    ];
    for (format, expected) in cases {
        let style = TableStyle {
            zone: Zone::Utc,
            width: None,
            colour: false,
        };
        let columns = select(LOG_COLUMNS, &["seq", "tool"]).expect("known names");
        let mut listing = Listing::new(columns, format, style);
        assert_eq!(listing.page(&[]) + &listing.finish(), expected);
    }
}

#[test]
fn colour_is_for_outcomes_and_escapes_appear_only_with_it() {
    for (colour, escapes) in [(true, true), (false, false)] {
        let style = TableStyle {
            zone: Zone::Utc,
            width: None,
            colour,
        };
        let columns = select(LOG_COLUMNS, &["seq", "outcome"]).expect("known names");
        let text = Listing::new(columns, Format::Table, style).page(&entries());
        assert_eq!(text.contains('\x1b'), escapes, "{text:?}");
        assert!(!text.contains("\x1b[2J"));
    }
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
    let style = TableStyle {
        zone: Zone::Utc,
        width: Some(80),
        colour: false,
    };
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
        SESSION    CLIENT                LAST SEEN                 CALLS  ERRORS  STATE
        2bdb4dcf   claude-desktop 1.2.0  2026-11-21 01:27:03.739Z     23       1  active
    "#]]
    .assert_eq(&table);
    let columns = select(LISTED_COLUMNS, SESSION_COLUMNS).expect("known names");
    expect![[r#"{"session_id":"2bdb4dcf-b09f-4c41-9733-03bc3e2ef539","inferred":false,"proxy":"everything","client_name":"claude-desktop","client_version":"1.2.0","client_platform":"claude","started_at":1795224422390,"last_seen_at":1795224423739,"ended_at":null,"total_calls":23,"total_errors":1,"active":true,"conversation":"0c6f3c3e"}"#]].assert_eq(&object(&columns, &session()));
}

#[test]
fn every_default_names_a_column_and_no_name_repeats() {
    for names in [REQUEST_COLUMNS, SESSION_LOG_COLUMNS] {
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
