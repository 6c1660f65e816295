//! What a report says, and that nothing that was recorded gets out of its place.

use crate::{
    HarWriter, MAX_PAGE_BYTES, MAX_REQUESTS, TrafficReport, TrafficWindow, WindowFold, WindowScope,
    html, markdown,
};
use mcpr_model::{Body, ErrorKind, OutputTail, Payload, ServerRun, Status};
use mcpr_store::query::{Entry, Flight, GapRow, OpenRow, RequestRow};
use serde_json::Value;
use std::collections::HashMap;

const HOSTILE: &str = "</script><script>alert(1)</script><img src=x onerror=alert(1)>";

fn row(seq: i64) -> RequestRow {
    RequestRow {
        seq,
        ts: 1_000_000 + seq * 1_000,
        proxy: "files".to_owned(),
        session_id: Some("s1".to_owned()),
        session: Some("s1".to_owned()),
        client_name: Some("claude-code".to_owned()),
        client_version: Some("1.0".to_owned()),
        method: "tools/call".to_owned(),
        tool: Some("read".to_owned()),
        latency_us: Some(seq * 100),
        bytes_in: Some(10),
        bytes_out: Some(20),
        ..RequestRow::default()
    }
}

fn failed(seq: i64, message: &str) -> RequestRow {
    RequestRow {
        status: Status::Error,
        error_kind: Some(ErrorKind::Tool),
        error_msg: Some(message.to_owned()),
        ..row(seq)
    }
}

fn window(
    rows: impl IntoIterator<Item = RequestRow>,
    payloads: &HashMap<i64, Payload>,
) -> TrafficWindow {
    let mut fold = WindowFold::new(WindowScope {
        name: "a window".to_owned(),
        conditions: Vec::new(),
        from: 1_000_000,
        to: 2_000_000,
    });
    for row in rows {
        fold.add(Entry::Request(Box::new(row)));
    }
    fold.finish(payloads)
}

fn report(windows: Vec<TrafficWindow>) -> TrafficReport {
    TrafficReport {
        by: "mcpr".to_owned(),
        made_at: 0,
        payloads: true,
        windows,
    }
}

/// The data of a page, and what stands around it.
fn parts(page: &str) -> (Value, String) {
    let begin = page.find("id=\"data\">").expect("a page has data") + "id=\"data\">".len();
    let end = begin + page[begin..].find('<').expect("the element ends");
    let data = serde_json::from_str(&page[begin..end]).expect("the data is JSON");
    (data, format!("{}{}", &page[..begin], &page[end..]))
}

#[test]
fn the_sums_are_those_of_the_requests() {
    let rows = (1..=100).map(|seq| {
        if seq % 10 == 0 {
            failed(seq, "no")
        } else {
            row(seq)
        }
    });
    let window = window(rows, &HashMap::new());
    let total = &window.total;
    assert_eq!((total.calls, total.errors, total.timeouts), (100, 10, 0));
    assert_eq!((total.max, total.time_us), (Some(10_000), 505_000));
    assert_eq!(
        (total.bytes_in, total.bytes_out, total.sessions),
        (1_000, 2_000, 1)
    );
    let p50 = total.p50.expect("there are latencies");
    assert!((4_900..=5_100).contains(&p50), "{p50}");
    assert_eq!(window.buckets.calls.iter().sum::<u64>(), 100);
    assert_eq!(window.buckets.errors.iter().sum::<u64>(), 10);
    assert!(window.buckets.calls.len() <= crate::MAX_BUCKETS + 1);
    assert_eq!((window.tools.len(), window.tools[0].calls), (1, 100));
    assert_eq!(
        window.failures.first().map(|failure| failure.seq),
        Some(100),
        "newest first"
    );
}

#[test]
fn the_quantiles_of_one_call_are_what_it_took() {
    let one = RequestRow {
        latency_us: Some(123_457),
        ..row(1)
    };
    let total = window([one], &HashMap::new()).total;
    assert_eq!(
        (total.p50, total.p95, total.p99),
        (total.max, total.max, total.max)
    );
}

#[test]
fn recorded_text_stays_data() {
    let mut hostile = failed(1, HOSTILE);
    hostile.proxy = HOSTILE.to_owned();
    hostile.method = HOSTILE.to_owned();
    hostile.tool = Some(HOSTILE.to_owned());
    hostile.session = Some(HOSTILE.to_owned());
    hostile.client_name = Some(HOSTILE.to_owned());
    let body = Payload {
        params: Some(Body::of(HOSTILE)),
        answer: Some(Body::of(HOSTILE)),
    };
    let window = window([hostile], &HashMap::from([(1, body)]));
    let page = html(report(vec![window]));
    let (data, around) = parts(&page);
    assert!(
        !around.contains("alert("),
        "only the data holds what was recorded"
    );
    let failure = &data["windows"][0]["failures"][0];
    assert_eq!(failure["message"], HOSTILE);
    assert_eq!(failure["params"]["text"], HOSTILE);
}

#[test]
fn a_name_does_not_turn_the_words_of_a_report_round() {
    let mut evil = failed(1, "a\u{202e}b\u{3164}");
    evil.proxy = "p\u{202e}evil".to_owned();
    let answer = Payload {
        params: Some(Body::of("{\"x\":\"\u{200b}\u{2066}\"}")),
        answer: None,
    };
    let made = report(vec![window([evil], &HashMap::from([(1, answer)]))]);
    let page = html(made.clone());
    let text = markdown(&made);
    for active in ['\u{202e}', '\u{3164}', '\u{200b}', '\u{2066}'] {
        assert!(
            !page.contains(active) && !text.contains(active),
            "{active:?}"
        );
    }
    let (data, _) = parts(&page);
    let failure = &data["windows"][0]["failures"][0];
    assert_eq!(failure["proxy"], "p\\u{202e}evil", "shown, not left out");
    assert_eq!(failure["params"]["text"], "{\"x\":\"\\u{200b}\\u{2066}\"}");
    assert!(text.contains("p\\\\u{202e}evil"), "{text}");
}

#[test]
fn escapes_of_a_terminal_are_written_out_in_a_page_and_in_markdown() {
    let message = "\u{1b}[31mred\u{8}\u{7f}\r\nnext\rover";
    let mut fold = WindowFold::new(WindowScope {
        name: String::new(),
        conditions: Vec::new(),
        from: 0,
        to: 10,
    });
    fold.add(Entry::Request(Box::new(failed(1, message))));
    fold.failed_servers(&[ServerRun {
        refused: Some("no".into()),
        stderr: Some(OutputTail {
            text: message.into(),
            bytes: 1,
        }),
        ..ServerRun::default()
    }]);
    let made = report(vec![fold.finish(&HashMap::new())]);
    let (data, _) = parts(&html(made.clone()));
    let shown = "\\x1b[31mred\\x08\\x7f\r\nnext\\rover";
    let window = &data["windows"][0];
    assert_eq!(window["failures"][0]["message"], shown);
    assert_eq!(window["servers"][0]["stderr"]["text"], shown);
    let text = markdown(&made);
    // The lines of what a server wrote stay lines, in a block of code.
    let block = "stderr:\n  ```\n  \\x1b[31mred\\x08\\x7f\n  next\\rover\n  ```\n";
    assert!(text.contains(block), "{text}");
    let line = "tool: \\\\x1b\\[31mred\\\\x08\\\\x7f\\\\r\\\\nnext\\\\rover\n";
    assert!(text.contains(line), "{text}");
}

#[test]
fn a_backslash_of_what_was_recorded_stays_one() {
    let message = r"C:\\u001b\x1b\n";
    let made = report(vec![window([failed(1, message)], &HashMap::new())]);
    let (data, _) = parts(&html(made));
    assert_eq!(data["windows"][0]["failures"][0]["message"], message);
}

#[test]
fn pieces_of_time_end_where_the_window_does() {
    // Seven years: as many pieces as there may be, and none of them after the end.
    let day = 86_400_000;
    for (from, to) in [(0, 2_557 * day), (5, 6), (day - 1, day), (7, 25 * day)] {
        let fold = WindowFold::new(WindowScope {
            name: String::new(),
            conditions: Vec::new(),
            from,
            to,
        });
        let drawn = fold.finish(&HashMap::new()).buckets;
        assert_eq!((drawn.from, drawn.to), (from, to));
        let pieces = i64::try_from(drawn.calls.len()).expect("it is small");
        assert!(drawn.start <= from && from < drawn.start + drawn.width);
        let last = drawn.start + drawn.width * (pieces - 1);
        assert!((last..=last + drawn.width).contains(&to), "{from} {to}");
    }
}

#[test]
fn what_hangs_and_a_server_that_could_not_start_are_reported() {
    let mut fold = WindowFold::new(WindowScope {
        name: String::new(),
        conditions: Vec::new(),
        from: 0,
        to: 10,
    });
    let mut hangs = row(1);
    (hangs.tool, hangs.flight) = (Some("hang".to_owned()), Some(Flight::Pending));
    fold.open_calls(&[OpenRow {
        key: 1,
        row: hangs,
        params: Some(Body::of("{\"a\":\"<b>\"}")),
    }]);
    fold.failed_servers(&[ServerRun {
        proxy: "nocmd".into(),
        refused: Some("no such file".into()),
        stderr: Some(OutputTail {
            text: "<b>boom\n".into(),
            bytes: 8,
        }),
        ..ServerRun::default()
    }]);
    let mut made = report(vec![fold.finish(&HashMap::new())]);
    // The call is of 1,001,000.
    made.made_at = 1_001_000 + 150_000;
    let text = markdown(&made);
    let expected =
        "**hang** (files): in flight for 2.5 min, no answer yet\n  asked: ` {\"a\":\"<b>\"} `";
    assert!(text.contains(expected), "{text}");
    assert!(
        text.contains("**nocmd**: server could not be started: no such file"),
        "{text}"
    );
    assert!(
        text.contains("stderr:\n  ```\n  <b>boom\n  ```\n"),
        "{text}"
    );
    let (data, _) = parts(&html(made));
    let window = &data["windows"][0];
    assert_eq!(window["open"][0]["target"], "hang");
    assert_eq!(window["open"][0]["params"]["text"], "{\"a\":\"<b>\"}");
    assert_eq!(window["servers"][0]["stderr"]["text"], "<b>boom");
}

#[test]
fn a_page_stays_small_where_servers_wrote_nothing_but_markup() {
    let mut fold = WindowFold::new(WindowScope {
        name: String::new(),
        conditions: Vec::new(),
        from: 0,
        to: 10,
    });
    // Each of these takes six bytes in the page.
    let run = ServerRun {
        refused: Some("no".into()),
        stderr: Some(OutputTail {
            text: "<".repeat(9_000).into(),
            bytes: 9_000,
        }),
        ..ServerRun::default()
    };
    fold.failed_servers(&vec![run; 200]);
    let page = html(report(vec![fold.finish(&HashMap::new())]));
    assert!(page.len() <= MAX_PAGE_BYTES, "{}", page.len());
    let (data, _) = parts(&page);
    let window = &data["windows"][0];
    let shown = window["servers"].as_array().expect("a list").len();
    assert!((1..100).contains(&shown), "{shown}");
    assert_eq!(window["servers_left"], 200 - shown);
}

#[test]
fn markdown_shows_recorded_text_as_it_is() {
    let mut hostile = failed(1, "# a [link](https://h) @all `x` | <b>\n- item");
    hostile.tool = Some("a|b*c*\u{202e}".to_owned());
    let answer = Payload {
        params: None,
        answer: Some(Body::of("``` x\ny")),
    };
    let text = markdown(&report(vec![window(
        [hostile],
        &HashMap::from([(1, answer)]),
    )]));
    assert!(text.contains("a\\|b\\*c\\*\\\\u{202e}"), "{text}");
    assert!(
        text.contains(
            "&#35; a \\[link\\](https:&#47;&#47;h) &#64;all \\`x\\` \\| &lt;b>\\\\n- item"
        ),
        "{text}"
    );
    assert!(
        text.contains("answered:\n  ````\n  ``` x\n  y\n  ````\n"),
        "{text}"
    );
}

#[test]
fn a_page_of_ten_thousand_requests_is_small_enough_and_says_what_it_leaves_out() {
    let many = i64::try_from(MAX_REQUESTS).expect("it is small") + 500;
    let rows = || {
        (1..=many).map(|seq| RequestRow {
            // A name of its own for each, which escapes to six times its length.
            tool: Some(format!("{seq}{}", "<".repeat(400))),
            ..failed(seq, &"<".repeat(1_000))
        })
    };
    let body = Body::of(&"<".repeat(60_000));
    let payload = Payload {
        params: Some(body.clone()),
        answer: Some(body),
    };
    let payloads: HashMap<i64, Payload> = (many - 300..=many)
        .map(|seq| (seq, payload.clone()))
        .collect();
    let page = html(report(vec![
        window(rows(), &payloads),
        window(rows(), &payloads),
    ]));
    assert!(page.len() <= MAX_PAGE_BYTES, "{}", page.len());
    let (data, _) = parts(&page);
    for window in data["windows"].as_array().expect("there are windows") {
        let kept = window["requests"].as_array().map_or(0, Vec::len);
        let left = window["requests_left"].as_u64().expect("a number");
        assert_eq!(
            u64::try_from(kept).expect("it is small") + left,
            window["total"]["calls"]
        );
        let names = window["names"].as_array().map_or(0, Vec::len);
        let last = &window["requests"][kept - 1];
        assert!(last[6].as_u64().expect("a place") < u64::try_from(names).expect("it is small"));
    }
    let ordinary = html(report(vec![window((1..=many).map(row), &HashMap::new())]));
    assert!(ordinary.len() <= MAX_PAGE_BYTES, "{}", ordinary.len());
    assert_eq!(
        parts(&ordinary).0["windows"][0]["requests_left"],
        500,
        "no more than need be"
    );
}

#[test]
fn the_policy_allows_the_script_of_the_page_and_nothing_else() {
    let page = html(report(vec![window([row(1)], &HashMap::new())]));
    let policy = page
        .split("content=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    let policy = policy.expect("there is a policy");
    assert!(
        policy.starts_with("default-src 'none'; style-src 'sha256-"),
        "{policy}"
    );
    assert!(
        !policy.contains("unsafe") && !policy.contains('*'),
        "{policy}"
    );
    let (_, around) = parts(&page);
    for loads in ["src=\"", "href=\"http", "url(", "@import", "fetch("] {
        assert!(!around.contains(loads), "{loads}");
    }
}

#[test]
fn an_archive_is_json_whatever_was_recorded() {
    let mut archive = HarWriter::default();
    let mut text = archive.head("1.0", HOSTILE);
    let payload = Payload {
        params: Some(Body::of("{\"a\":\"\\\"\"}")),
        answer: None,
    };
    text += &archive.entry(&failed(1, HOSTILE), Some(&payload));
    text += &archive.entry(&row(2), None);
    text += archive.tail();
    let value: Value = serde_json::from_str(&text).expect("it is JSON");
    let entries = value["log"]["entries"]
        .as_array()
        .expect("there are entries");
    assert_eq!(entries.len(), 2);
    assert_eq!(
        entries[0]["request"]["postData"]["text"],
        "{\"a\":\"\\\"\"}"
    );
    assert_eq!(entries[1]["request"]["url"], "mcp://files/tools/call/read");
    assert_eq!(entries[1]["time"], 0.2);
    assert_eq!(entries[1]["startedDateTime"], "1970-01-01T00:16:42.000Z");
}

#[test]
fn a_status_in_an_archive_has_the_phrase_of_http_and_a_message_is_its_comment() {
    let mut unanswered = row(3);
    unanswered.status = Status::Timeout;
    let answers = [failed(1, "no such tool"), row(2), unanswered].map(|row| {
        let text = HarWriter::default().entry(&row, None);
        let entry: Value = serde_json::from_str(&text).expect("it is JSON");
        let answer = &entry["response"];
        format!(
            "{} {} {}",
            answer["status"], answer["statusText"], answer["comment"]
        )
    });
    assert_eq!(
        answers,
        [
            "500 \"Internal Server Error\" \"no such tool\"",
            "200 \"OK\" \"\"",
            "0 \"\" \"\""
        ]
    );
}

#[test]
fn gaps_are_reported() {
    let mut fold = WindowFold::new(WindowScope {
        name: String::new(),
        conditions: Vec::new(),
        from: 0,
        to: 10,
    });
    fold.add(Entry::Gap(GapRow {
        seq: 1,
        source: "a.log".to_owned(),
        count: 7,
        from_ts: 1,
        to_ts: 2,
    }));
    let text = markdown(&report(vec![fold.finish(&HashMap::new())]));
    assert!(text.contains("7 events are missing between"), "{text}");
}

#[test]
fn a_window_without_changes_says_in_markdown_what_is_known_of_that() {
    let mut fold = WindowFold::new(WindowScope {
        name: "a window".to_owned(),
        conditions: Vec::new(),
        from: 1_000_000,
        to: 2_000_000,
    });
    fold.changes(Vec::new(), "No list was recorded.".to_owned());
    let empty = fold.finish(&HashMap::new());
    let text = markdown(&report(vec![empty]));
    assert!(
        text.contains("### What the servers changed\n\nNo list was recorded."),
        "{text}"
    );
}
