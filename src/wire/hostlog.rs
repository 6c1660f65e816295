//! Stream D in text form: what desktop hosts log of their servers, one message a line behind a time,
//! the server's name and a level. What answers what is not decided here.

use super::{BadPart, Bodies, Direction, Message, Messages, messages};
use crate::model::time::parse_rfc3339;
use crate::model::{EventKey, Text};
use serde_json::value::RawValue;

/// What stands before the JSON, and which way it went.
const MARKS: [(&str, Direction); 2] = [
    ("Message from client: ", Direction::ToServer),
    ("Message from server: ", Direction::ToClient),
];

/// Words that stand in brackets and name no server.
const LEVELS: [&str; 6] = ["debug", "info", "warn", "warning", "error", "trace"];

/// A logged message.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame {
    /// The server's name.
    pub server: Text,
    /// When, in unix milliseconds.
    pub ts: i64,
    /// Which way it passed.
    pub direction: Direction,
    /// The message, or those of a batch; none where it is no JSON-RPC.
    pub messages: Vec<Message>,
}

/// Reads a line that begins with a digit; `None` where it tells of no message.
pub(super) fn frame(line: &str, bodies: Bodies) -> Option<Result<Frame, BadPart>> {
    let (time, mut rest) = line.split_once(' ')?;
    let ts = parse_rfc3339(time)?;
    let mut server = None;
    while let Some(inside) = rest.strip_prefix('[') {
        let (word, behind) = inside.split_once(']')?;
        if server.is_none() && !LEVELS.contains(&word) {
            server = Some(word);
        }
        rest = behind.trim_start();
    }
    let (mark, direction) = MARKS.iter().find(|(mark, _)| rest.starts_with(mark))?;
    let json = &rest[mark.len()..];
    let start = line.len() - json.len();
    let bad = |reason: String| BadPart {
        range: start..line.len(),
        reason,
    };
    // What the host adds behind the message is none of it.
    let first = serde_json::Deserializer::from_str(json)
        .into_iter::<&RawValue>()
        .next();
    let known = match first {
        None => return Some(Err(bad("a message without JSON".to_owned()))),
        Some(Err(error)) => return Some(Err(bad(error.to_string()))),
        Some(Ok(raw)) => match messages(raw.get().as_bytes(), bodies) {
            Messages::Known(known) => known,
            Messages::Bad(reason) => return Some(Err(bad(reason))),
            Messages::Text | Messages::Unknown => Vec::new(),
        },
    };
    let mut messages = known;
    for (index, message) in (0..).zip(&mut messages) {
        if let Message::Asked(asked) = message {
            asked.key = Some(EventKey::of_bytes(line.as_bytes(), index));
        }
    }
    Some(Ok(Frame {
        server: server.unwrap_or("default").into(),
        ts,
        direction: *direction,
        messages,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: &str) {
        let got = match frame(line, Bodies::Left) {
            None => "none".to_owned(),
            Some(Err(bad)) => format!("bad at {}: {}", bad.range.start, bad.reason),
            Some(Ok(frame)) => {
                let way = match frame.direction {
                    Direction::ToServer => "client",
                    Direction::ToClient => "server",
                };
                let messages = frame.messages.len();
                format!("{} {} {way} {messages}", frame.server, frame.ts)
            }
        };
        assert_eq!(got, expected, "{line}");
    }

    #[test]
    fn lines_of_desktop_hosts() {
        let cases = [
            (
                r#"2025-03-18T12:53:21.363Z [filesystem] [info] Message from client: {"method":"initialize","id":0}"#,
                "filesystem 1742302401363 client 1",
            ),
            (
                r#"2025-03-18T12:53:21.400Z [filesystem] [info] Message from server: {"id":0,"result":{}} { metadata: undefined }"#,
                "filesystem 1742302401400 server 1",
            ),
            (
                r#"2025-03-18T12:53:21.400Z [info] [git hub] Message from server: [{"id":0,"result":{}},{"id":1,"result":{}}]"#,
                "git hub 1742302401400 server 2",
            ),
            (
                r#"2025-03-18T12:53:21.400Z [a] [info] Message from client: {"x":1}"#,
                "a 1742302401400 client 0",
            ),
            (
                "2025-03-18T12:53:21.400Z [a] [info] Initializing server...",
                "none",
            ),
            (
                r#"2025-03-18T12:53:21.400Z [a] [info] Message from client: {"id":1,"meth... [812 chars truncated]"#,
                "bad at 57: EOF while parsing a string at line 1 column 38",
            ),
            ("2025-03-18T12:53:21.400Z", "none"),
            ("12 monkeys", "none"),
            ("7", "none"),
            ("2025-03-18 [a", "none"),
        ];
        for (line, expected) in cases {
            check(line, expected);
        }
    }

    #[test]
    fn the_same_line_has_the_same_key_in_every_file() {
        let line =
            r#"2025-03-18T12:53:21.363Z [a] [info] Message from client: {"method":"ping","id":0}"#;
        let key = |line: &str| match frame(line, Bodies::Left)
            .expect("a frame")
            .expect("sound")
            .messages
            .remove(0)
        {
            Message::Asked(asked) => asked.key,
            other => panic!("{other:?}"),
        };
        assert_eq!(key(line), key(line));
        assert_ne!(key(line), key(&line.replace("ping", "pong")));
    }
}
