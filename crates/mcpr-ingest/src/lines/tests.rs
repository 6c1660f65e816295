//! Lines into deliveries: what wrappers, parts and bad elements lead to.

mod logs;

use super::*;
use mcpr_model::{FileIdentity, Fingerprint};
use mcpr_tail::MAX_LINE_BYTES;

fn decoder() -> LineDecoder {
    LineDecoder::new("-", "p", LineOptions::default())
}

fn event(id: u32, tool: &str) -> String {
    format!(
        r#"{{"type":"request","id":"00000000-0000-4000-8000-{id:012}","ts":1,"proxy":"p","method":"POST","path":"/","mcp_method":"tools/call","tool":"{tool}","status":200,"latency_us":1,"note":"x"}}"#
    )
}

/// Feeds lines of which each begins at a multiple of 100,000, and says what came of them.
fn decoded(decoder: &mut LineDecoder, lines: &[Vec<u8>]) -> Vec<String> {
    for (line, at) in lines.iter().zip(0..) {
        decoder.line(at * 100_000, line, 0);
    }
    shown(&decoder.take())
}

fn shown(delivery: &Delivery) -> Vec<String> {
    let events = delivery.events.iter().map(|event| match event {
        Event::Request(request) => match &request.target {
            Some(target) => target.name.to_string(),
            None => request.method.to_string(),
        },
        Event::BadLine(line) => format!("bad at {}: {}", line.offset, line.reason),
        Event::Gap(gap) => format!("gap of {} from {} to {}", gap.count, gap.from_ts, gap.to_ts),
        other => format!("{other:?}"),
    });
    events.collect()
}

fn check(lines: &[&str], expected: &[&str]) {
    let lines: Vec<Vec<u8>> = lines.iter().map(|line| line.as_bytes().to_vec()).collect();
    assert_eq!(decoded(&mut decoder(), &lines), expected, "{lines:?}");
}

fn docker(log: &str) -> String {
    serde_json::json!({"log": log, "stream": "stderr", "time": "2026-11-29T04:00:00Z"}).to_string()
}

#[test]
fn of_many_bad_lines_only_so_many_are_kept_and_all_are_counted() {
    let mut decoder = decoder();
    let elements = format!("[{}0]", "0,".repeat(1499));
    decoder.line(0, b"{", 0);
    decoder.line(2, elements.as_bytes(), 0);
    decoder.line(9000, b"{", 0);
    let delivery = decoder.take();
    assert_eq!(delivery.progress.counts.bad, 1502);
    assert_eq!(delivery.events.len() as u64, BadLine::MAX_ROWS);
    decoder.line(9002, b"{", 0);
    assert_eq!(
        decoder.take().events.len(),
        1,
        "the next delivery has its own"
    );
}

#[test]
fn an_event_is_found_in_whatever_wraps_it() {
    let a = event(1, "a");
    check(&[&format!("\u{feff}{a}")], &["a"]);
    check(&[&format!("  {a}\t")], &["a"]);
    check(&[&format!("\u{1b}[32m{a}\u{1b}[0m")], &["a"]);
    check(&[&docker(&format!("{a}\n"))], &["a"]);
    check(&[&format!("2026-11-29T04:00:00Z stderr F {a}")], &["a"]);
    check(&[&format!("<14>Nov 29 04:00:00 host mcpr[1]: {a}")], &["a"]);
    check(&[&format!("[pod/web/mcpr] {a}")], &["a"]);
    check(&[&format!("[{a},{}]", event(2, "b"))], &["a", "b"]);
    check(&[&format!("web-1  | [{a}]")], &["a"]);
    let journal = |line: &str| serde_json::json!({"MESSAGE": line, "__CURSOR": "c"}).to_string();
    check(&[&journal(&docker(&format!("\u{1b}[0m{a}\n")))], &["a"]);
    let codes: Vec<u8> = format!("\u{1b}[0m{a}").into_bytes();
    check(
        &[&serde_json::json!({"MESSAGE": codes, "__CURSOR": "c"}).to_string()],
        &["a"],
    );
}

#[test]
fn a_wrapped_line_that_is_no_event_counts_once_as_what_it_is() {
    let mut decoder = decoder();
    let lines = [
        docker("listening\n"),
        docker("{\"level\":\"info\"}\n"),
        docker("{\"type\":\"request\"}\n"),
        "2026-11-29T04:00:00Z stdout F ready".to_owned(),
        "caf\u{e9}".to_owned(),
    ];
    for line in lines {
        decoder.line(0, line.as_bytes(), 0);
    }
    decoder.line(0, b"caf\xe9 noir", 0);
    let counts = decoder.take().progress.counts;
    assert_eq!(
        (counts.lines, counts.text, counts.unknown, counts.bad),
        (6, 4, 1, 1)
    );
}

#[test]
fn text_before_an_event_makes_a_bad_line_and_not_text() {
    let glued = format!("Starting server... {}", event(1, "a"));
    let reason = "bad at 0: text stands before the event at byte 19, on the same line";
    check(&[&glued], &[reason]);
    check(&[&docker(&format!("{glued}\n"))], &[reason]);
    check(&["ready {\"port\":1}"], &[]);
}

#[test]
fn utf_16_and_too_many_wrappers_are_called_by_their_names() {
    let mut wide = vec![0xff, 0xfe];
    wide.extend("{\"type\":1}".encode_utf16().flat_map(u16::to_le_bytes));
    let got = decoded(&mut decoder(), &[wide]);
    assert_eq!(
        got,
        ["bad at 0: UTF-16, as its byte order mark says: only UTF-8 is read"]
    );
    let mut line = event(1, "a");
    for _ in 0..=MAX_LAYERS {
        line = docker(&format!("{line}\n"));
    }
    check(
        &[&line],
        &["bad at 0: more than 4 wrappers around one line"],
    );
}

#[test]
fn one_bad_element_takes_no_other_with_it() {
    let (a, b) = (event(1, "a"), event(2, "b"));
    let bad = event(3, "c").replace("\"status\":200", "\"status\":NaN");
    check(
        &[&format!("[{a}, {bad} ,{b}]")],
        &[
            "a",
            "b",
            &format!(
                "bad at {}: expected value at line 1 column {}",
                a.len() + 3,
                bad.find("NaN").unwrap() + 1
            ),
        ],
    );
    let mut bytes = format!("[{a},").into_bytes();
    let start = bytes.len();
    bytes.extend(
        event(3, "c")
            .replace("\"c\"", "\"#\"")
            .bytes()
            .map(|it| if it == b'#' { 0xff } else { it }),
    );
    bytes.extend(format!(",{b}]").bytes());
    let at = event(3, "c").find("\"c\"").unwrap() + 1;
    let got = decoded(&mut decoder(), &[bytes]);
    assert_eq!(
        got,
        [
            "a",
            "b",
            &format!("bad at {start}: invalid UTF-8 at byte {at}")
        ]
    );
    check(
        &[&format!("[{a},{b}")],
        &["a", "b", "bad at 0: the array has no end"],
    );
}

#[test]
fn an_array_that_may_still_grow_is_not_taken_for_whole() {
    let mut decoder = decoder();
    let line = format!("[{},{}", event(1, "a"), event(2, "b"));
    assert!(!decoder.unfinished(0, line.as_bytes(), 0));
    assert_eq!(shown(&decoder.take()), [""; 0]);
    assert!(decoder.unfinished(0, format!("{line}]").as_bytes(), 0));
}

#[test]
fn parts_of_lines_are_put_together_stream_by_stream() {
    let (a, b) = (event(1, "a"), event(2, "b"));
    let cri =
        |stream: &str, tag: &str, part: &str| format!("2026-11-29T04:00:00Z {stream} {tag} {part}");
    check(
        &[
            &cri("stderr", "P", &a[..20]),
            &cri("stdout", "F", "between"),
            &cri("stdout", "P", &b[..9]),
            &cri("stderr", "P", &a[20..40]),
            &cri("stderr", "F", &a[40..]),
            &cri("stdout", "F", &b[9..]),
        ],
        &["a", "b"],
    );
    check(
        &[&docker(&a[..50]), &docker(&format!("{}\n", &a[50..]))],
        &["a"],
    );
    // The last line of a process that wrote no newline, and the first of the next one.
    check(&[&docker(&a), &docker(&format!("{b}\n"))], &["a", "b"]);
    // A part that was cut in the middle of a character, as JSON's escapes allow.
    let journal = |part: &str, line_break: &str| {
        serde_json::json!({"MESSAGE": part, "_STREAM_ID": "s", "_LINE_BREAK": line_break})
            .to_string()
    };
    check(
        &[&journal(&a[..50], "line-max"), &journal(&a[50..], "nl")],
        &["a"],
    );
}

#[test]
fn a_line_of_parts_that_has_no_end_is_bad_and_bounded() {
    let mut decoder = decoder();
    let part = format!("2026-11-29T04:00:00Z stderr P {}", "x".repeat(1 << 20));
    let count = MAX_LINE_BYTES / (1 << 20) + 2;
    for at in 0..count as u64 {
        decoder.line(at, part.as_bytes(), 0);
    }
    decoder.line(99, b"2026-11-29T04:00:00Z stderr F x", 0);
    let delivery = decoder.take();
    let len = count * (1 << 20) + 1;
    let reason =
        format!("bad at 0: a line of {len} bytes, joined from parts, is longer than the limit");
    assert_eq!(shown(&delivery), [reason]);
    assert_eq!(delivery.progress.counts.lines, count as u64 + 1);
}

#[test]
fn a_line_of_parts_that_made_room_for_others_is_one_bad_line() {
    let journal = |stream: usize, part: &str, line_break: &str| {
        serde_json::json!({"MESSAGE": part, "_STREAM_ID": stream.to_string(), "_LINE_BREAK": line_break})
            .to_string()
    };
    let begun = (0..65).map(|stream| journal(stream, "{\"a", "line-max"));
    let rest = ["\":1,", "\"b\":{"].map(|part| journal(0, part, "line-max"));
    let end = [journal(0, "}}", "nl"), journal(0, &event(1, "next"), "nl")];
    let mut decoder = decoder();
    for (line, at) in begun.chain(rest).chain(end).zip(0..) {
        decoder.line(at, line.as_bytes(), 0);
    }
    let delivery = decoder.take();
    let broken = "bad at 0: a line of parts whose last part did not come in time";
    assert_eq!(shown(&delivery), [broken, "next"]);
    let counts = delivery.progress.counts;
    assert_eq!((counts.bad, counts.text, counts.events), (1, 0, 1));
}

fn place(offset: u64) -> Checkpoint {
    Checkpoint {
        path: "a".into(),
        identity: FileIdentity {
            device: 1,
            inode: 1,
        },
        head: Fingerprint { len: 0, hash: 0 },
        marker: Fingerprint { len: 0, hash: 0 },
        offset,
    }
}

#[test]
fn a_place_is_not_passed_while_a_line_waits_for_its_last_part() {
    let mut decoder = decoder();
    let a = event(1, "a");
    let mut reached = |line: &str, offset| {
        decoder.line(offset, line.as_bytes(), 0);
        let places = decoder.reached(place(offset + 10));
        places.iter().map(|place| place.offset).collect::<Vec<_>>()
    };
    assert_eq!(reached("text", 0), [10]);
    assert_eq!(reached(&docker(&a[..30]), 10), [0; 0]);
    assert_eq!(reached("text", 20), [0; 0]);
    assert_eq!(reached(&docker(&a[30..60]), 30), [0; 0]);
    assert_eq!(reached(&docker(&format!("{}\n", &a[60..])), 40), [50]);
    assert_eq!(reached(&docker("x"), 50), [0; 0]);
    assert_eq!(reached("2026-11-29T04:00:00Z stdout P y", 60), [0; 0]);
    // The older of the two is whole: reading would have to go on before the younger one.
    assert_eq!(reached(&docker("\n"), 70), [60]);
    assert_eq!(reached("2026-11-29T04:00:00Z stdout F", 80), [90]);
}

#[test]
fn a_post_leaves_no_part_behind() {
    let mut decoder = decoder();
    let a = event(1, "a");
    let body = format!("{}\n{}\n", docker(&a[..30]), docker("later\n"));
    decoder.lines(body.as_bytes(), 0);
    let counts = decoder.take().progress.counts;
    assert_eq!((counts.bad, counts.events), (1, 0));
    decoder.lines(docker("{\"type\":").as_bytes(), 0);
    assert_eq!(
        decoder.take().progress.counts.bad,
        1,
        "reported with the post it came in"
    );
    let marked = format!("\u{feff}\n[{a}]\n");
    let delivery = decoder.document(marked.as_bytes(), 0).expect("it is JSON");
    assert_eq!(shown(&delivery), ["a"]);
}

#[test]
fn lines_that_are_posted_as_one_document_are_read_line_by_line() {
    let mut decoder = decoder();
    let broken = "{\"type\":\"request\",\"id\":\"x}";
    let body = format!(
        "{}\n{broken}\n\n{}{}\n",
        event(1, "a"),
        event(2, "b"),
        event(3, "c")
    );
    let delivery = decoder.document(body.as_bytes(), 0).expect("it is JSON");
    let counts = &delivery.progress.counts;
    assert_eq!((counts.events, counts.bad), (3, 1));
    let laid_out = "{\n  \"type\": \"request\"\n}";
    let delivery = decoder
        .document(laid_out.as_bytes(), 0)
        .expect("it is JSON");
    assert_eq!(delivery.progress.counts.bad, 1, "one event over some lines");
}

#[test]
fn a_source_without_any_event_says_so_once() {
    let wanted = LineOptions::default();
    let notes = wanted.notes.clone();
    let new = || LineDecoder::new("x.log", "p", wanted.clone());
    let mut strange = new();
    for at in 0..300 {
        strange.line(at, b"{\"level\":\"info\"}", 0);
        // And once which formats there are.
        assert_eq!(notes.take().len(), 2 * usize::from(at == 99), "line {at}");
    }
    let mut mixed = new();
    mixed.line(0, event(1, "a").as_bytes(), 0);
    for at in 1..300 {
        mixed.line(at, b"text", 0);
    }
    assert_eq!(notes.take(), [""; 0]);
}
