//! `desktop_log`: what desktop hosts log of their servers, one message per line behind a time,
//! the server's name and a level. What answers what is not decided here.

use crate::format::{Fact, Format, Knows};
use crate::logged::{LogConnection, LogHead, LogTime, LoggedMessages, UnreadLine, UnreadMessage};
use crate::{Bodies, Decoded, Direction, LineContext};
use mcpr_model::SourceFormat;
use mcpr_model::time::parse_rfc3339_us;

/// The format; see the head of this file.
pub(super) struct DesktopLog;

impl Format for DesktopLog {
    fn id(&self) -> SourceFormat {
        SourceFormat::DesktopLog
    }

    fn about(&self) -> &'static str {
        "logs of desktop hosts"
    }

    fn knows(&self) -> Knows {
        Knows(&[
            Fact::Proxy,
            Fact::RequestId,
            Fact::Client,
            Fact::EveryMethod,
            Fact::BytesIn,
            Fact::BytesOut,
            Fact::RpcError,
            Fact::ToolError,
            Fact::Bodies,
            Fact::Surface,
        ])
    }

    fn text(&self, line: &[u8], context: LineContext<'_>, decoded: &mut Decoded) -> bool {
        // Every line of such a log begins with its time: most text is distinguished by one byte.
        line.first().is_some_and(u8::is_ascii_digit)
            // A host that cuts a message may cut a character.
            && decoded.add_logged(frame(&String::from_utf8_lossy(line), context.bodies), line.len())
    }

    fn doubt(&self, head: &str, _context: LineContext<'_>) -> Option<Box<UnreadMessage>> {
        // It is only asked what is left in doubt: the bodies of a cut message are of no use.
        match frame(head, Bodies::Left)? {
            Ok(_) => None,
            Err(unread) => unread.doubt,
        }
    }
}

/// What stands before the JSON, and which way it went.
const MARKS: [(&str, Direction); 2] = [
    ("Message from client: ", Direction::ToServer),
    ("Message from server: ", Direction::ToClient),
];

/// The server's name where a log does not say one.
const UNNAMED: &str = "default";

/// Words that stand in brackets beside the server's name.
const LEVELS: [&str; 6] = ["debug", "info", "warn", "warning", "error", "trace"];

/// Reads a line that begins with a digit; `None` where it reports no message.
fn frame(line: &str, bodies: Bodies) -> Option<Result<LoggedMessages, UnreadLine>> {
    Some(head(line)?.read(line, bodies))
}

/// Reads `TIME [NAME] [LEVEL] Message from WHOM: `. A name may hold brackets, and may be a level's.
fn head(line: &str) -> Option<LogHead> {
    let (time, rest) = line.split_once(' ')?;
    let at = LogTime::utc(parse_rfc3339_us(time)?);
    let behind = |mark: &str| rest.find(mark).map(|at| (at, at + mark.len()));
    // A message may quote a log: the mark that comes first is the line's own.
    let found = MARKS
        .iter()
        .filter_map(|(mark, way)| Some((behind(mark)?, *way)));
    let ((names, start), direction) = found.min_by_key(|(at, _)| *at)?;
    Some(LogHead {
        of: LogConnection::of_server(server_of(rest[..names].trim())?),
        at,
        direction,
        start: line.len() - rest.len() + start,
    })
}

/// The server's name in `[NAME] [LEVEL]`, `[LEVEL] [NAME]`, `[NAME]` or `[LEVEL]`; none where something
/// else stands there.
fn server_of(names: &str) -> Option<&str> {
    let inside = |names: &'_ str| -> Option<()> {
        (names.starts_with('[') && names.ends_with(']') && names.len() > 1).then_some(())
    };
    if names.is_empty() {
        return Some(UNNAMED);
    }
    // A line with other text in front of the mark quotes a message rather than logs one.
    inside(names)?;
    let all = &names[1..names.len() - 1];
    // A server may be named like a level, so that the last brackets are looked at first.
    for level in LEVELS {
        let before = all
            .strip_suffix(level)
            .and_then(|rest| rest.strip_suffix('['));
        if let Some(name) = before.and_then(|rest| rest.trim_end().strip_suffix(']')) {
            return Some(name);
        }
    }
    for level in LEVELS {
        let behind = all
            .strip_prefix(level)
            .and_then(|rest| rest.strip_prefix(']'));
        if let Some(name) = behind.and_then(|rest| rest.trim_start().strip_prefix('[')) {
            return Some(name);
        }
    }
    Some(if LEVELS.contains(&all) { UNNAMED } else { all })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Message;

    fn check(line: &str, expected: &str) {
        let got = match frame(line, Bodies::Left) {
            None => "none".to_owned(),
            Some(Err(bad)) => format!("bad at {}: {}", bad.start, bad.reason),
            Some(Ok(frame)) => {
                let way = match frame.direction {
                    Direction::ToServer => "client",
                    Direction::ToClient => "server",
                };
                let messages = frame.messages.len();
                let ms = frame.at.us / 1000;
                format!("{} {ms} {way} {messages}", frame.of.server)
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
            (
                r#"2025-03-18T12:53:21.400Z [my [dev] srv] [info] Message from client: {"x":1}"#,
                "my [dev] srv 1742302401400 client 0",
            ),
            (
                r#"2025-03-18T12:53:21.400Z [a]b] [warn] Message from client: {"x":1}"#,
                "a]b 1742302401400 client 0",
            ),
            (
                r#"2025-03-18T12:53:21.400Z [a] [b] [info] Message from client: {"x":1}"#,
                "a] [b 1742302401400 client 0",
            ),
            (
                r#"2025-03-18T12:53:21.400Z [info] [info] Message from client: {"x":1}"#,
                "info 1742302401400 client 0",
            ),
            (
                r#"2025-03-18T12:53:21.400Z [error] [debug] Message from client: {"x":1}"#,
                "error 1742302401400 client 0",
            ),
            (
                r#"2025-03-18T12:53:21.400Z [info] [a]b] Message from client: {"x":1}"#,
                "a]b 1742302401400 client 0",
            ),
            (
                r#"2025-03-18T12:53:21.400Z [info] Message from client: {"x":1}"#,
                "default 1742302401400 client 0",
            ),
            (
                r#"2025-03-18T12:53:21.400Z [[x]] [info] Message from client: {"m":"[a] [info] Message from server: {}"}"#,
                "[x] 1742302401400 client 0",
            ),
            (
                r#"2025-03-18T12:53:21.400Z [a] [info] said: Message from client: {"x":1}"#,
                "none",
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
            Message::Request(asked) => asked.key,
            other => panic!("{other:?}"),
        };
        assert_eq!(key(line), key(line));
        assert_ne!(key(line), key(&line.replace("ping", "pong")));
    }
}
