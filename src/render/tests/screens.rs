//! Every table for people at the widths of four terminals.

use super::*;
use mcpr_store::query::{
    Buckets, Captured, ChangeRow, ClientRow, ListRow, StatsKey, Summary, SurfaceRow, UnusedRow,
};
use std::fmt::Write as _;

pub(super) const WIDTHS: [usize; 4] = [80, 100, 140, 200];
pub(super) const HOUR_MS: i64 = 3_600_000;

/// A table at each width, below each other; none of them has a line that is too long.
pub(super) fn screens<R: Record>(
    columns: &'static [Column<R>],
    names: &[&str],
    rows: &[R],
) -> String {
    let mut text = String::new();
    for width in WIDTHS {
        let columns = select(columns, names).expect("known names");
        let table = Listing::new(columns, Format::Table, plain(Some(width))).page(rows);
        assert!(
            table.lines().all(|line| layout::width(line) <= width),
            "{table}"
        );
        writeln!(text, "{width}:").expect("a string takes every write");
        text += &table;
    }
    text
}

#[test]
fn sessions_at_four_widths() {
    let mut first = session();
    first.row.proxy = "weather".into();
    first.row.started_at -= 30 * HOUR_MS;
    first.row.ended_at = Some(first.row.last_seen_at);
    first.row.session_id = "~0123abcd".into();
    let rows = [first, session()];
    let names = [
        "session_id",
        "proxy",
        "client",
        "started_at",
        "last_seen_at",
        "total_calls",
        "total_errors",
        "state",
    ];
    expect![[r#"
        80:
        SESSION    PROXY       CLIENT        STARTED               CALLS  ERRORS  STATE
        ~0123abcd  weather     claude-desk…  2026-11-19 19:27:02Z     23       1  active
        2bdb4dcf   everything  claude-desk…  01:27:02Z                23       1  active
        100:
        SESSION    PROXY       CLIENT                STARTED               LAST SEEN  CALLS  ERRORS  STATE
        ~0123abcd  weather     claude-desktop 1.2.0  2026-11-19 19:27:02Z  01:27:03Z     23       1  active
        2bdb4dcf   everything  claude-desktop 1.2.0  01:27:02Z             01:27:03Z     23       1  active
        140:
        SESSION    PROXY       CLIENT                STARTED               LAST SEEN  CALLS  ERRORS  STATE
        ~0123abcd  weather     claude-desktop 1.2.0  2026-11-19 19:27:02Z  01:27:03Z     23       1  active
        2bdb4dcf   everything  claude-desktop 1.2.0  01:27:02Z             01:27:03Z     23       1  active
        200:
        SESSION    PROXY       CLIENT                STARTED               LAST SEEN  CALLS  ERRORS  STATE
        ~0123abcd  weather     claude-desktop 1.2.0  2026-11-19 19:27:02Z  01:27:03Z     23       1  active
        2bdb4dcf   everything  claude-desktop 1.2.0  01:27:02Z             01:27:03Z     23       1  active
    "#]].assert_eq(&screens(LISTED_COLUMNS, &names, &rows));
}

#[test]
fn clients_at_four_widths() {
    let row = |name: &str, version: Option<&str>, calls: i64| ClientRow {
        client_name: Some(name.into()),
        client_version: version.map(Into::into),
        sessions: 3,
        total_calls: calls,
        total_errors: 5,
        first_seen_at: NOW - 90 * HOUR_MS,
        last_seen_at: NOW - 60_000,
    };
    let rows = [
        row("claude-desktop", Some("1.2.0"), 1_204),
        row("cursor", Some("0.44.1-nightly.20261120"), 16),
        row("a client with a rather long name", None, 1),
    ];
    expect![[r#"
        80:
        CLIENT            VERSION           PLATFORM  SESSIONS  CALLS  ERRORS  LAST SEEN
        claude-desktop    1.2.0             claude           3  1,204       5  01:29:08Z
        cursor            0.44.1-nightly.…  cursor           3     16       5  01:29:08Z
        a client with a…  -                 unknown          3      1       5  01:29:08Z
        100:
        CLIENT            VERSION         PLATFORM  SESSIONS  CALLS  ERRORS  FIRST SEEN            LAST SEEN
        claude-desktop    1.2.0           claude           3  1,204       5  2026-11-17 07:30:08Z  01:29:08Z
        cursor            0.44.1-nightl…  cursor           3     16       5  2026-11-17 07:30:08Z  01:29:08Z
        a client with a…  -               unknown          3      1       5  2026-11-17 07:30:08Z  01:29:08Z
        140:
        CLIENT                            VERSION                  PLATFORM  SESSIONS  CALLS  ERRORS  FIRST SEEN            LAST SEEN
        claude-desktop                    1.2.0                    claude           3  1,204       5  2026-11-17 07:30:08Z  01:29:08Z
        cursor                            0.44.1-nightly.20261120  cursor           3     16       5  2026-11-17 07:30:08Z  01:29:08Z
        a client with a rather long name  -                        unknown          3      1       5  2026-11-17 07:30:08Z  01:29:08Z
        200:
        CLIENT                            VERSION                  PLATFORM  SESSIONS  CALLS  ERRORS  FIRST SEEN            LAST SEEN
        claude-desktop                    1.2.0                    claude           3  1,204       5  2026-11-17 07:30:08Z  01:29:08Z
        cursor                            0.44.1-nightly.20261120  cursor           3     16       5  2026-11-17 07:30:08Z  01:29:08Z
        a client with a rather long name  -                        unknown          3      1       5  2026-11-17 07:30:08Z  01:29:08Z
    "#]].assert_eq(&screens(CLIENT_COLUMNS, CLIENT_TABLE, &rows));
}

fn summary(tool: &str, calls: u64, over_time: &[u64]) -> Summary {
    Summary {
        key: StatsKey {
            proxy: Some("everything".into()),
            method: Some("tools/call".into()),
            tool: Some(tool.into()),
            ..StatsKey::default()
        },
        calls,
        total_errors: calls / 8,
        errors: [0, calls / 8, 0, 0, 0, 0, 0, 0],
        quantiles_us: [Some(1_600), Some(120_000), Some(604_000)],
        latency_range_us: Some((900, 3_400_000)),
        total_us: 75_000_000,
        bytes_in: 12_040,
        bytes_out: 7_705_000,
        calls_by_bucket: over_time.to_vec(),
        unplaced_calls: 0,
        before: None,
        operations: None,
    }
}

#[test]
fn sums_at_four_widths() {
    let names = [
        "proxy",
        "what",
        "calls",
        "errors",
        "error_rate",
        "total_us",
        "p50_us",
        "p95_us",
        "p99_us",
        "max_us",
        "bytes_in",
        "bytes_out",
        "calls_by_bucket",
    ];
    let busy: Vec<u64> = (0..24).map(|hour| hour * hour % 17).collect();
    let mut idle = vec![0; 24];
    idle[20] = 4;
    let rows = [
        summary("read_text_file", 12_040, &busy),
        summary("a_tool_with_a_rather_long_name", 4, &idle),
    ];
    let buckets = Buckets {
        start: 1_795_222_800_000 - 23 * HOUR_MS,
        width_ms: HOUR_MS,
        count: 24,
    };
    let mut text = String::new();
    for width in WIDTHS {
        let style = TableStyle {
            is_unfinished: true,
            ..plain(Some(width))
        };
        let columns = select(STATS_COLUMNS, &names).expect("known names");
        let mut listing = Listing::new(columns, Format::Table, style);
        let below = axis(buckets, &style);
        listing.reserve("calls_by_bucket", layout::width(&below));
        let table = listing.page(&rows) + &listing.below("calls_by_bucket", &below);
        assert!(
            table.lines().all(|line| layout::width(line) <= width),
            "{table}"
        );
        writeln!(text, "{width}:").expect("a string takes every write");
        text += &table;
    }
    expect![[r#"
        80:
        PROXY       TOOL / METHOD                CALLS   ERR%  SPENT    P50    P95   MAX
        everything  read_text_file              12,040  12.5%  1m15s  1.6ms  120ms  3.4s
        everything  a_tool_with_a_rather_long…       4     0%  1m15s  1.6ms  120ms  3.4s
        100:
        PROXY       TOOL / METHOD               CALLS   ERR%  SPENT    P50    P95  OVER TIME
        everything  read_text_file             12,040  12.5%  1m15s  1.6ms  120ms  ·▁▂▄█▄▁▇▆▆▇▁▄█▄▂▁·▁▂▄█▄▁▸
        everything  a_tool_with_a_rather_lon…       4     0%  1m15s  1.6ms  120ms  ····················█·· ▸
                                                                                   2026-11-20 02:00Z ── now
        140:
        PROXY       TOOL / METHOD                    CALLS  ERRORS   ERR%  SPENT    P50    P95    P99   MAX   IN   OUT  OVER TIME
        everything  read_text_file                  12,040   1,505  12.5%  1m15s  1.6ms  120ms  604ms  3.4s  12K  7.3M  ·▁▂▄█▄▁▇▆▆▇▁▄█▄▂▁·▁▂▄█▄▁▸
        everything  a_tool_with_a_rather_long_name       4       0     0%  1m15s  1.6ms  120ms  604ms  3.4s  12K  7.3M  ····················█·· ▸
                                                                                                                        2026-11-20 02:00Z ── now
        200:
        PROXY       TOOL / METHOD                    CALLS  ERRORS   ERR%  SPENT    P50    P95    P99   MAX   IN   OUT  OVER TIME
        everything  read_text_file                  12,040   1,505  12.5%  1m15s  1.6ms  120ms  604ms  3.4s  12K  7.3M  ·▁▂▄█▄▁▇▆▆▇▁▄█▄▂▁·▁▂▄█▄▁▸
        everything  a_tool_with_a_rather_long_name       4       0     0%  1m15s  1.6ms  120ms  604ms  3.4s  12K  7.3M  ····················█·· ▸
                                                                                                                        2026-11-20 02:00Z ── now
    "#]].assert_eq(&text);
}

#[test]
fn changes_at_four_widths() {
    let row = |item: &str, level: Option<&'static str>| ChangeRow {
        ts: NOW - 30 * HOUR_MS,
        proxy: "everything".into(),
        method: "tools/list".into(),
        version: 3,
        change: "tool-changed".into(),
        item: Some(item.into()),
        compatibility: level,
        security: Some("review"),
        session_id: Some(SESSION.into()),
        client_name: Some("claude-desktop".into()),
        announced: false,
        equivocation: false,
    };
    let rows = [
        row("get-sum", Some("breaking")),
        row("a_tool_with_a_rather_long_name_that_says_it_all", None),
    ];
    let names = [
        "time",
        "proxy",
        "version",
        "change",
        "what",
        "compatibility",
        "security",
        "client_name",
    ];
    expect![[r#"
        80:
        TIME               PROXY       CHANGE        WHAT               LEVEL     TRUST
        2026-11-19 19:30Z  everything  tool-changed  get-sum            breaking  review
        2026-11-19 19:30Z  everything  tool-changed  a_tool_wit…it_all  -         review
        100:
        TIME                  PROXY       VERSION  CHANGE        WHAT                       LEVEL     TRUST
        2026-11-19 19:30:08Z  everything        3  tool-changed  get-sum                    breaking  review
        2026-11-19 19:30:08Z  everything        3  tool-changed  a_tool_with_a_r…ys_it_all  -         review
        140:
        TIME                  PROXY       VERSION  CHANGE        WHAT                                             LEVEL     TRUST   CLIENT
        2026-11-19 19:30:08Z  everything        3  tool-changed  get-sum                                          breaking  review  claude-desktop
        2026-11-19 19:30:08Z  everything        3  tool-changed  a_tool_with_a_rather_long_name_that_says_it_all  -         review  claude-desktop
        200:
        TIME                  PROXY       VERSION  CHANGE        WHAT                                             LEVEL     TRUST   CLIENT
        2026-11-19 19:30:08Z  everything        3  tool-changed  get-sum                                          breaking  review  claude-desktop
        2026-11-19 19:30:08Z  everything        3  tool-changed  a_tool_with_a_rather_long_name_that_says_it_all  -         review  claude-desktop
    "#]].assert_eq(&screens(CHANGE_COLUMNS, &names, &rows));
}

#[test]
fn unused_tools_at_four_widths() {
    let row = |tool: &str, calls: i64| UnusedRow {
        proxy: "everything".into(),
        tool: tool.into(),
        calls,
        errors: calls / 10,
        last_called_at: (calls > 0).then_some(NOW - 5 * HOUR_MS),
        definition_bytes: 7_705,
    };
    let rows = [
        row("get-sum", 0),
        row("a_tool_with_a_rather_long_name_that_says_it_all", 1_204),
    ];
    let names = [
        "tool",
        "calls",
        "errors",
        "last_called_at",
        "definition_bytes",
    ];
    expect![[r#"
        80:
        TOOL                                CALLS  ERRORS  LAST CALLED        DEFINITION
        get-sum                                 0       0  -                        7.5K
        a_tool_with_a_rather_long_name_th…  1,204     120  2026-11-20 20:30Z        7.5K
        100:
        TOOL                                             CALLS  ERRORS  LAST CALLED           DEFINITION
        get-sum                                              0       0  -                           7.5K
        a_tool_with_a_rather_long_name_that_says_it_all  1,204     120  2026-11-20 20:30:08Z        7.5K
        140:
        TOOL                                             CALLS  ERRORS  LAST CALLED           DEFINITION
        get-sum                                              0       0  -                           7.5K
        a_tool_with_a_rather_long_name_that_says_it_all  1,204     120  2026-11-20 20:30:08Z        7.5K
        200:
        TOOL                                             CALLS  ERRORS  LAST CALLED           DEFINITION
        get-sum                                              0       0  -                           7.5K
        a_tool_with_a_rather_long_name_that_says_it_all  1,204     120  2026-11-20 20:30:08Z        7.5K
    "#]].assert_eq(&screens(UNUSED_COLUMNS, &names, &rows));
}

#[test]
fn the_slowest_at_four_widths() {
    let mut text = String::new();
    for width in WIDTHS {
        let style = TableStyle {
            is_by_rank: true,
            now_ms: NOW + 24 * HOUR_MS,
            ..plain(Some(width))
        };
        let names = ["time", "call", "arguments", "latency_us", "result"];
        let columns = select(LOG_COLUMNS, &names).expect("known names");
        let mut requests = rows();
        requests.retain(|row| row.entry.is_request());
        let table = Listing::new(columns, Format::Table, style).page(&requests);
        assert!(
            table.lines().all(|line| layout::width(line) <= width),
            "{table}"
        );
        writeln!(text, "{width}:").expect("a string takes every write");
        text += &table;
    }
    expect![[r#"
        80:
        TIME                  CALL            ARGUMENTS     TOOK  RESULT
        2026-11-21 01:27:03Z  initialize                  5.3ms
        2026-11-21 01:27:04Z  get-sum         a=7 b=35    5.3ms
        2026-11-21 01:27:05Z  nope            path=…t=20  604ms!  ✗ rpc -32602: Tool no…
        2026-11-21 01:27:07Z  resources/tem…              30.0s!  ✗ timeout
        100:
        TIME                  CALL                 ARGUMENTS              TOOK  RESULT
        2026-11-21 01:27:03Z  initialize                                5.3ms
        2026-11-21 01:27:04Z  get-sum              a=7 b=35             5.3ms
        2026-11-21 01:27:05Z  nope                 path=/srv/w…imit=20  604ms!  ✗ rpc -32602: Tool nope not…
        2026-11-21 01:27:07Z  resources/template…                       30.0s!  ✗ timeout
        140:
        TIME                  CALL                      ARGUMENTS                   TOOK  RESULT
        2026-11-21 01:27:03Z  initialize                                          5.3ms
        2026-11-21 01:27:04Z  get-sum                   a=7 b=35                  5.3ms
        2026-11-21 01:27:05Z  nope                      path=/srv/work/…limit=20  604ms!  ✗ rpc -32602: Tool nope not found\x1b[2J, ask for the list
        2026-11-21 01:27:07Z  resources/templates/list                            30.0s!  ✗ timeout
        200:
        TIME                  CALL                      ARGUMENTS                                                            TOOK  RESULT
        2026-11-21 01:27:03Z  initialize                                                                                   5.3ms
        2026-11-21 01:27:04Z  get-sum                   a=7 b=35                                                           5.3ms
        2026-11-21 01:27:05Z  nope                      path=/srv/work/notes/2026/november/everything/minutes.md limit=20  604ms!  ✗ rpc -32602: Tool nope not found\x1b[2J, ask for the list
        2026-11-21 01:27:07Z  resources/templates/list                                                                     30.0s!  ✗ timeout
    "#]].assert_eq(&text);
}

#[test]
fn lists_of_a_server_at_four_widths() {
    let row = |method: &str, items: Option<i64>| ListRow {
        proxy: "everything".into(),
        method: method.into(),
        captured: Captured::Complete,
        shown: Some(SurfaceRow {
            proxy: "everything".into(),
            method: method.into(),
            version: 3,
            sha256: "8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4".into(),
            payload: "{}".into(),
            first_seen_at: NOW - 30 * HOUR_MS,
            last_seen_at: NOW - HOUR_MS,
            seq: 7,
            session_id: None,
            client_name: None,
            upstream: None,
            announced: false,
            protocol: None,
            peculiar: Vec::new(),
            changes: Vec::new(),
        }),
        items,
        server_name: None,
        server_version: None,
        protocol_version: None,
        payload: None,
    };
    let rows = [
        row("initialize", None),
        row("resources/templates/list", Some(12)),
    ];
    let names = [
        "method",
        "captured",
        "version",
        "items",
        "first_seen_at",
        "last_seen_at",
    ];
    expect![[r#"
        80:
        LIST                      CAPTURED  VERSION  ITEMS  FIRST SEEN         LAST SEEN
        initialize                complete        3      -  2026-11-19 19:30Z  00:30:08Z
        resources/templates/list  complete        3     12  2026-11-19 19:30Z  00:30:08Z
        100:
        LIST                      CAPTURED  VERSION  ITEMS  FIRST SEEN            LAST SEEN
        initialize                complete        3      -  2026-11-19 19:30:08Z  00:30:08Z
        resources/templates/list  complete        3     12  2026-11-19 19:30:08Z  00:30:08Z
        140:
        LIST                      CAPTURED  VERSION  ITEMS  FIRST SEEN            LAST SEEN
        initialize                complete        3      -  2026-11-19 19:30:08Z  00:30:08Z
        resources/templates/list  complete        3     12  2026-11-19 19:30:08Z  00:30:08Z
        200:
        LIST                      CAPTURED  VERSION  ITEMS  FIRST SEEN            LAST SEEN
        initialize                complete        3      -  2026-11-19 19:30:08Z  00:30:08Z
        resources/templates/list  complete        3     12  2026-11-19 19:30:08Z  00:30:08Z
    "#]]
    .assert_eq(&screens(LIST_COLUMNS, &names, &rows));
}
