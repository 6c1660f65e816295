//! Lines of desktop hosts' logs into deliveries: what unreadable and odd messages lead to.

use super::*;

fn frame(second: u32, server: &str, way: &str, json: &str) -> String {
    format!("2026-11-20T10:00:{second:02}.000Z [{server}] [info] Message from {way}: {json}")
}

/// Messages that break off, the way that each goes, and what calls to two servers lead to then.
const BROKEN_OFF: [(&str, &str, &[&str]); 7] = [
    // Nobody knows what it answers.
    (
        "server",
        r#"{"result":{"con"#,
        &["alpha1", "gap of 2 from 1795168801000 to 1795168801000"],
    ),
    // It answers one of them.
    (
        "server",
        r#"{"jsonrpc":"2.0","id":2,"result":{"con"#,
        &[
            "alpha1",
            "beta1",
            "gap of 1 from 1795168801000 to 1795168801000",
        ],
    ),
    // Another one, which was never asked.
    (
        "server",
        r#"{"id":9,"result":{"con"#,
        &["alpha1", "beta1", "beta2"],
    ),
    // It answers one of them under an id of the other type, behind what is no strict JSON.
    (
        "server",
        r#"{"error":{"code":NaN,"data":"\ud83d"},"id":"2","result":{"con"#,
        &[
            "alpha1",
            "beta1",
            "gap of 1 from 1795168801000 to 1795168801000",
        ],
    ),
    // It asks, and has no row.
    (
        "server",
        r#"{"id":1,"method":"sampling/createMessage","params":{"con"#,
        &[
            "gap of 1 from 1795168802000 to 1795168802000",
            "alpha1",
            "beta1",
            "beta2",
        ],
    ),
    // Nobody waits for the answer to it.
    (
        "server",
        r#"{"method":"notifications/message","params":{"con"#,
        &["alpha1", "beta1", "beta2"],
    ),
    // It goes the other way.
    (
        "client",
        r#"{"result":{"con"#,
        &["alpha1", "beta1", "beta2"],
    ),
];

#[test]
fn what_one_server_says_unreadably_leaves_no_doubt_of_another() {
    let asks = |second, server: &str, id: u32| {
        frame(
            second,
            server,
            "client",
            &format!(r#"{{"id":{id},"method":"tools/call","params":{{"name":"{server}{id}"}}}}"#),
        )
    };
    let begins = |second, server: &str| {
        frame(
            second,
            server,
            "client",
            r#"{"id":0,"method":"initialize"}"#,
        )
    };
    let cut =
        |way: &str, json: &str| frame(2, "beta", way, &format!("{json}... [900 chars truncated]"));
    for (way, json, expected) in BROKEN_OFF {
        let lines = [
            asks(1, "alpha", 1),
            asks(1, "beta", 1),
            asks(1, "beta", 2),
            cut(way, json),
            "{".to_owned(),
            begins(9, "alpha"),
            begins(9, "beta"),
        ];
        let lines: Vec<Vec<u8>> = lines.iter().map(|line| line.as_bytes().to_vec()).collect();
        let mut got = decoded(&mut decoder(), &lines);
        got.retain(|it| !it.starts_with("bad at"));
        assert_eq!(got, expected, "{way} {json}");
    }
}

/// What a call and its answer lead to, where the host logged them so.
fn logged(asked: &[u8], answered: &[u8]) -> Vec<String> {
    let line =
        |second, way: &str, json: &[u8]| [frame(second, "a", way, "").as_bytes(), json].concat();
    let lines = [
        line(1, "client", asked),
        line(2, "server", answered),
        // What waits by then was never answered.
        line(3, "client", br#"{"id":0,"method":"initialize"}"#),
    ];
    let mut decoder = decoder();
    for (at, line) in (0..).zip(&lines) {
        decoder.line(at, line, 0);
    }
    let ended = |event: &Event| match event {
        Event::Request(row) => {
            let tool = row.target.as_ref().map_or("-", |target| &target.name);
            format!(
                "{tool} {}",
                row.outcome.error_kind.map_or("ok", |kind| kind.as_str())
            )
        }
        Event::Gap(gap) => format!("gap of {}", gap.count),
        Event::BadLine(line) => format!("bad: {}", line.reason),
        other => format!("{other:?}"),
    };
    decoder.take().events.iter().map(ended).collect()
}

/// Parts of a message that clients read, although strict JSON has none of them.
const ODDITIES: [&[u8]; 12] = [
    b"NaN",
    b"[Infinity,-Infinity]",
    b"{\"x\":-NaN}",
    b"\"a\tb\x01\"",
    b"\"a\0b\"",
    b"\x000\0",
    b"\x0c0\x1f",
    b"\"\x1b[31mred\x1b[0m\"",
    b"\"half \\ud83d\"",
    b"\"caf\xe9\"",
    b"{\"x\":1,\"x\":2}",
    b"0,\"a\":1",
];

#[test]
fn an_odd_answer_in_a_log_is_no_bad_line_and_leaves_no_timeout() {
    let asked = br#"{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"t"}}"#;
    for odd in ODDITIES {
        for id in [&b"3"[..], b"\"3\"", b"3.0"] {
            let answer = [b"{\"id\":", id, b",\"result\":{\"a\":", odd, b"}}"].concat();
            let got = logged(asked, &answer);
            assert_eq!(got, ["t ok"], "{}", String::from_utf8_lossy(&answer));
        }
    }
    let around: [(&[u8], &[u8]); 5] = [
        (b"\xef\xbb\xbf", b""),
        (b"\0\x0c\xc2\xa0", b"\0"),
        (b"", b" { metadata: undefined }"),
        (b"\xef\xbb\xbf", b" { metadata: undefined }"),
        (b"", br#"{"id":9,"result":{"a":NaN}}"#),
    ];
    for (before, behind) in around {
        for result in [&b"0"[..], b"NaN"] {
            let answer = [before, b"{\"id\":3,\"result\":", result, b"}", behind].concat();
            let got = logged(asked, &answer);
            assert_eq!(got, ["t ok"], "{}", String::from_utf8_lossy(&answer));
        }
    }
}

#[test]
fn an_odd_request_in_a_log_does_not_vanish() {
    let answer = br#"{"jsonrpc":"2.0","id":"3","result":{}} { metadata: undefined }"#;
    let call = br#"{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"t","a":"#;
    for odd in ODDITIES {
        for before in [&b""[..], b"\xef\xbb\xbf", b"\0"] {
            let asked = [before, call, odd, b"}} { metadata: undefined }"].concat();
            let got = logged(&asked, answer);
            assert_eq!(got, ["t ok"], "{}", String::from_utf8_lossy(&asked));
        }
    }
}

#[test]
fn an_unreadable_message_in_a_log_is_a_gap_whatever_the_type_of_its_id() {
    let asked = br#"{"jsonrpc":"2.0","id":3,"method":"ping"}"#;
    let answer = br#"{"jsonrpc":"2.0","id":3,"result":{}}"#;
    for id in ["3", "\"3\"", "3.0", "\"3.0\""] {
        let cut = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"a":NaN,"b":"... [9 more]"#);
        let got = logged(asked, cut.as_bytes());
        assert!(
            got[0].starts_with("bad: ") && got[1..] == ["gap of 1"],
            "{id} {got:?}"
        );
        let cut = format!(r#"{{"id":{id},"method":"ping","params":{{"a":NaN,"b":"... [9 more]"#);
        let got = logged(cut.as_bytes(), answer);
        assert!(
            got.contains(&"gap of 1".to_owned()) && got.len() == 2,
            "{id} {got:?}"
        );
    }
}

#[test]
fn a_request_that_is_read_twice_unreadably_is_one_gap() {
    let line = frame(
        1,
        "a",
        "client",
        r#"{"method":"ping","params":{"a":"... [9 more]"#,
    );
    let gap = |line: &str| {
        let mut decoder = decoder();
        decoder.line(0, line.as_bytes(), 0);
        let events = decoder.take().events;
        let gap = events.into_iter().find_map(|event| match event {
            Event::Gap(gap) => Some(gap),
            _ => None,
        });
        gap.expect("a gap")
    };
    assert_eq!(gap(&line), gap(&line));
    let other = line.replace("ping", "pong");
    assert_ne!(
        gap(&line).key,
        gap(&other).key,
        "two requests of one moment"
    );
}

#[test]
fn an_unreadable_answer_is_for_whatever_a_readable_one_would_be_for() {
    let ask = |id: &str| {
        (
            1,
            "client",
            format!(r#"{{"id":{id},"method":"ask {}"}}"#, id.replace('"', "'")),
        )
    };
    let cancel = |id: &str| {
        let notice =
            format!(r#"{{"method":"notifications/cancelled","params":{{"requestId":{id}}}}}"#);
        (1, "client", notice)
    };
    let cut = |id: &str| (2, "server", format!(r#"{{"id":{id},"result":{{"con"#));
    let gap = |count: u32| format!("gap of {count} from 1795168801000 to 1795168801000");
    let name = |name: &str| name.to_owned();
    let cases = [
        (
            vec![ask("3"), ask("\"3\""), cut("\"3\"")],
            vec![name("ask 3"), gap(1)],
        ),
        // Which of two it answered is not guessed.
        (vec![ask("3"), ask("\"3.0\""), cut("\"3\"")], vec![gap(2)]),
        // It is late for the one, and leaves no doubt of the other.
        (
            vec![ask("3"), cancel("3"), ask("\"3\""), cut("3")],
            vec![name("ask 3"), name("ask '3'")],
        ),
    ];
    for (messages, expected) in cases {
        let ended = (9, "client", r#"{"id":0,"method":"initialize"}"#.to_owned());
        let messages = messages.into_iter().chain([ended]);
        let lines = messages.map(|(second, way, json)| frame(second, "a", way, &json).into_bytes());
        let mut got = decoded(&mut decoder(), &lines.collect::<Vec<_>>());
        got.retain(|it| !it.starts_with("bad at"));
        assert_eq!(got, expected);
    }
}
