//! What comes off a line, one layer at a time.

use super::*;

/// Takes everything off a line, and says what was left and which parts it was of.
fn peeled(line: &[u8]) -> String {
    let mut parts = String::new();
    let mut left = bare(line).bytes.into_owned();
    for _ in 0..MAX_LAYERS {
        let inner = match unwrap(&left) {
            None => break,
            Some(Err(reason)) => return format!("{parts}error: {reason}"),
            Some(Ok(layer)) => {
                if let Some(part) = &layer.part {
                    let end = if part.is_last { "." } else { "…" };
                    parts = format!("{parts}<{}{end}> ", part.stream);
                }
                bare(&layer.inner).bytes.into_owned()
            }
        };
        left = inner;
    }
    parts + &String::from_utf8_lossy(&left)
}

fn check(line: &str, expected: &str) {
    assert_eq!(peeled(line.as_bytes()), expected, "{line}");
}

#[test]
fn edges_come_off() {
    check("\u{feff}{\"a\":1}", "{\"a\":1}");
    check(" \t\u{a0}\u{200b}{}\r", "{}\r");
    check("\u{1e}{}", "{}");
    check(
        "\u{1b}[0m{\"\u{1b}[1;34ma\u{1b}[39m\":1}\u{1b}[0m",
        "{\"a\":1}",
    );
    check("\u{1b}]0;title\u{7}\u{1b}]8;;x\u{1b}\\{}\u{1b}(B", "{}");
    check("\u{1b}[12", "[12");
    check("\u{1b}", "");
    check("", "");
}

#[test]
fn a_place_in_a_line_is_reported_where_nothing_was_taken_out_of_it() {
    assert_eq!(bare(b"  {} ").start, Some(2));
    assert_eq!(bare(b"\xef\xbb\xbf{}").start, Some(3));
    assert_eq!(bare(b"\x1b[0m{}").start, None);
}

#[test]
fn containers_and_the_journal() {
    check(
        r#"{"log":"{\"a\":1}\n","stream":"stderr","time":"2026-11-29T04:00:00.1Z"}"#,
        r#"<docker stderr.> {"a":1}"#,
    );
    check(
        r#"{"log":"{\"a\":","stream":"stdout","time":"2026-11-29T04:00:00.1Z"}"#,
        r#"<docker stdout…> {"a":"#,
    );
    // A collector that hands the line on without its newline does not cut it.
    check(
        r#"{"log":"{}","stream":"stdout","kubernetes":{"pod":"x"}}"#,
        "{}",
    );
    check(r#"{"log":"{}"}"#, r#"{"log":"{}"}"#);
    check(
        r#"{"log":7,"stream":"stdout","time":"x"}"#,
        r#"{"log":7,"stream":"stdout","time":"x"}"#,
    );
    check(
        "2026-11-29T04:00:00.123456789Z stderr F {\"a\":1}",
        "<cri stderr.> {\"a\":1}",
    );
    check(
        "2026-11-29T04:00:00+01:00 stdout P {\"a",
        "<cri stdout…> {\"a",
    );
    check("2026-11-29T04:00:00Z stdout F:tag {}", "<cri stdout.> {}");
    check("2026-11-29T04:00:00Z stdout F", "<cri stdout.> ");
    check(
        r#"{"MESSAGE":"{\"a\":1}","__CURSOR":"s","_STREAM_ID":"7"}"#,
        r#"<journal 7.> {"a":1}"#,
    );
    check(
        r#"{"MESSAGE":"{\"a","_LINE_BREAK":"line-max","_STREAM_ID":"7"}"#,
        r#"<journal 7…> {"a"#,
    );
    check(r#"{"MESSAGE":[27,91,48,109,123,125],"__CURSOR":"s"}"#, "{}");
    check(
        r#"{"MESSAGE":null,"__CURSOR":"s"}"#,
        "error: the journal left this message out for its length: use --all",
    );
    check(
        r#"{"MESSAGE":"{\"a","CONTAINER_ID_FULL":"c","CONTAINER_PARTIAL_MESSAGE":"true","CONTAINER_PARTIAL_ID":"p"}"#,
        r#"<container p…> {"a"#,
    );
    check(
        r#"{"MESSAGE":"}","CONTAINER_PARTIAL_MESSAGE":"true","CONTAINER_PARTIAL_ID":"p","CONTAINER_PARTIAL_LAST":"true"}"#,
        "<container p.> }",
    );
    check(
        r#"{"level":"info","msg":"MESSAGE"}"#,
        r#"{"level":"info","msg":"MESSAGE"}"#,
    );
}

#[test]
fn prefixes_that_are_known() {
    let cases = [
        "Nov 29 04:00:00 host mcpr[12]: ",
        "Nov  9 04:00:00.123456 host mcpr: ",
        "<34>Nov 29 04:00:00 host mcpr[12]: ",
        "<6>",
        "<165>1 2026-11-29T04:00:00.003Z host mcpr 12 ID47 - ",
        "<165>1 - - - - - - \u{feff}",
        r#"<165>1 2026-11-29T04:00:00Z host mcpr - - [a@1 b="] [\" x"][c@2] "#,
        "2026-11-29T04:00:00+0000 host mcpr[12]: ",
        "2026-11-29T04:00:00.123456+00:00 host mcpr: ",
        "2026-11-29T04:00:00.1Z ",
        "[pod/web-5d4/mcpr] ",
        "web-1  | ",
        "web-1  | 2026-11-29T04:00:00.1Z ",
        "0|web | ",
    ];
    for prefix in cases {
        check(&format!("{prefix}{{\"a\":1}}"), "{\"a\":1}");
    }
}

#[test]
fn other_text_stays_as_it_is() {
    let cases = [
        "Starting server... {}",
        "Starting server: {}",
        "<b>bold</b> {}",
        "<34",
        "<999999>x",
        "<1>1 x y z",
        "[info] {}",
        "[pod/a b] {}",
        "2026-11-29 04:00:00 {}",
        "Nov 29 noon host x: {}",
        "a b | {}",
        "7",
    ];
    for line in cases {
        let stays = matches!(unwrap(line.as_bytes()), None | Some(Ok(_)));
        assert!(stays, "{line}");
        let got = peeled(line.as_bytes());
        assert!(
            line.ends_with(&got) && (got == line || line.starts_with('<')),
            "{line}: {got}"
        );
    }
}

#[test]
fn wrappers_within_wrappers() {
    let event = r#"{"type":"heartbeat"}"#;
    let docker = |line: &str| {
        serde_json::json!({"log": format!("{line}\n"), "stream": "stderr", "time": "t"}).to_string()
    };
    let journal = |line: &str| serde_json::json!({"MESSAGE": line, "__CURSOR": "c"}).to_string();
    check(
        &journal(&docker(&format!("\u{1b}[0m{event}"))),
        &format!("<docker stderr.> {event}"),
    );
    check(
        &format!("<6>{}", docker(&journal(event))),
        &format!("<docker stderr.> {event}"),
    );
}

#[test]
fn utf_16_is_called_by_its_name() {
    assert!(utf16(b"\xff\xfe{\0").is_some());
    assert!(utf16(b"\xfe\xff\0{").is_some());
    assert!(utf16(b"{\0\"\0").is_some());
    assert_eq!(utf16(b"{\"a\":1}"), None);
}
