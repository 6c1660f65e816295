//! `desktop_log`: what desktop hosts log of their servers, one message a line behind a time,
//! the server's name and a level. What answers what is not decided here.

use crate::fields::Str;
use crate::format::{Fact, Format, Knows};
use crate::mend::{bare, mended};
use crate::{Bodies, Decoded, Direction, LineContext, Message, Messages, TypedId, messages};
use mcpr_model::time::parse_rfc3339;
use mcpr_model::{EventBytes, EventKey, Text};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// The format; see the head of this file.
pub(super) struct DesktopLog;

impl Format for DesktopLog {
    fn name(&self) -> &'static str {
        "desktop_log"
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
        // Every line of such a log begins with its time: most text is told apart by one byte.
        if !line.first().is_some_and(u8::is_ascii_digit) {
            return false;
        }
        // A host that cuts a message may cut a character.
        match frame(&String::from_utf8_lossy(line), context.bodies) {
            Some(Ok(frame)) => decoded.frame = Some(frame),
            Some(Err(unread)) => {
                decoded.doubt = unread.doubt;
                // The place is one of the text, which grows where a byte that is no UTF-8 was replaced.
                decoded.add_bad(unread.start.min(line.len())..line.len(), unread.reason);
            }
            None => return false,
        }
        true
    }

    fn doubt(&self, head: &str) -> Option<UnreadMessage> {
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

/// A logged message.
#[derive(Debug, PartialEq, Eq)]
pub struct LoggedMessages {
    /// The server's name.
    pub server: Text,
    /// When, in unix milliseconds.
    pub ts: i64,
    /// Which way it passed.
    pub direction: Direction,
    /// The message, or those of a batch; none where it is no JSON-RPC.
    pub messages: Vec<Message>,
}

/// What a message that could not be read leaves open.
#[derive(Debug, PartialEq, Eq)]
pub struct UnreadMessage {
    /// The server's name.
    pub server: Text,
    /// When, in unix milliseconds.
    pub ts: i64,
    /// Which way it passed.
    pub direction: Direction,
    /// What it was, as far as its beginning says.
    pub kind: UnreadKind,
}

/// What a message was that could not be read.
#[derive(Debug, PartialEq, Eq)]
pub enum UnreadKind {
    /// It may have been an answer: to the request with this id, where that can be read.
    Answer(Option<TypedId>),
    /// It was a request, which a second reading of it is recognised by this key.
    Request(EventKey),
}

/// A logged message that could not be read.
#[derive(Debug, PartialEq, Eq)]
struct Unread {
    /// Where it begins in the line.
    start: usize,
    reason: String,
    /// `None` where it is a notification.
    doubt: Option<UnreadMessage>,
}

/// What stands before a message.
struct LogHead<'a> {
    server: &'a str,
    ts: i64,
    direction: Direction,
    /// Where the message begins.
    start: usize,
}

/// Reads a line that begins with a digit; `None` where it tells of no message.
fn frame(line: &str, bodies: Bodies) -> Option<Result<LoggedMessages, Unread>> {
    let head = head(line)?;
    let json = &line[head.start..];
    let event = EventBytes::new(line.as_bytes());
    let mut messages = match logged(json, bodies) {
        Ok(messages) => messages,
        Err(reason) => {
            return Some(Err(Unread {
                start: head.start,
                reason,
                doubt: head.doubt(json, event.key(0)),
            }));
        }
    };
    for (index, message) in (0..).zip(&mut messages) {
        if let Message::Request(asked) = message {
            // The same log may be read again from a place before it: its lines have no other identity.
            asked.key = Some(event.key(index));
        }
    }
    Some(Ok(LoggedMessages {
        server: head.server.into(),
        ts: head.ts,
        direction: head.direction,
        messages,
    }))
}

/// The messages that stand in a line, read as those that pass through a tap are.
fn logged(json: &str, bodies: Bodies) -> Result<Vec<Message>, String> {
    let value = value_alone(json);
    match messages(value.unwrap_or(json).as_bytes(), bodies) {
        Messages::Known(known) => Ok(known),
        Messages::Unknown => Ok(Vec::new()),
        // A number or a text is JSON, too.
        Messages::Text if value.is_some() => Ok(Vec::new()),
        Messages::Text => Err("a message without JSON".to_owned()),
        Messages::Bad(reason) => Err(reason),
    }
}

/// The value that a text begins with, where it is strict JSON and no other one follows it: a host adds
/// ` { metadata: undefined }`, and with that behind it each message would have to be mended.
fn value_alone(json: &str) -> Option<&str> {
    let mut values = serde_json::Deserializer::from_str(json).into_iter::<&RawValue>();
    let value = values.next()?.ok()?;
    let rest = json[values.byte_offset()..].trim_start();
    let is_object = |rest: &str| rest.trim_start().starts_with('"');
    let goes_on = rest.starts_with('[') || rest.strip_prefix('{').is_some_and(is_object);
    (!goes_on).then(|| value.get())
}

/// Reads `TIME [NAME] [LEVEL] Message from WHOM: `. A name may hold brackets, and may be a level's.
fn head(line: &str) -> Option<LogHead<'_>> {
    let (time, rest) = line.split_once(' ')?;
    let ts = parse_rfc3339(time)?;
    let behind = |mark: &str| rest.find(mark).map(|at| (at, at + mark.len()));
    // A message may quote a log: the mark that comes first is the line's own.
    let found = MARKS
        .iter()
        .filter_map(|(mark, way)| Some((behind(mark)?, *way)));
    let ((names, start), direction) = found.min_by_key(|(at, _)| *at)?;
    Some(LogHead {
        server: server_of(rest[..names].trim())?,
        ts,
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

impl LogHead<'_> {
    /// What a message that was not read leaves open, as far as its beginning says.
    fn doubt(&self, json: &str, key: EventKey) -> Option<UnreadMessage> {
        let json = mended(bare(json.as_bytes()));
        let mut beginning = Beginning::default();
        // It fails where the message does: what came before that is known by then.
        let _ = (&mut beginning).deserialize(&mut serde_json::Deserializer::from_str(&json));
        let kind = match beginning.method {
            None => UnreadKind::Answer(beginning.id),
            // Nobody waits for the answer to one.
            Some(method) if method.starts_with("notifications/") => return None,
            Some(_) => UnreadKind::Request(key),
        };
        Some(UnreadMessage {
            server: self.server.into(),
            ts: self.ts,
            direction: self.direction,
            kind,
        })
    }
}

/// What is known of an object before reading it fails.
#[derive(Debug, Default)]
struct Beginning {
    id: Option<TypedId>,
    /// Set where it has one, also where that breaks off: what asks cannot be an answer.
    method: Option<Text>,
}

impl<'de> DeserializeSeed<'de> for &mut Beginning {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut Beginning {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Str<'de>>()? {
            match &*key.0 {
                // Where the message breaks off before it, any request that waits may be meant.
                "id" => self.id = TypedId::of(map.next_value::<&RawValue>()?),
                "method" => {
                    self.method = Some(Text::default());
                    self.method = Some(Text::from(&*map.next_value::<Str<'de>>()?.0));
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
