//! Messages as logs hold them, each behind a time and what says whose it is. What answers what is not
//! decided here. Pure.

use crate::fields::Str;
use crate::mend::{bare, mended};
use crate::{Bodies, Decoded, Direction, Message, Messages, TypedId, messages};
use mcpr_model::{EventBytes, EventKey, MAX_NAME_BYTES, Text, cut_name};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// Whose messages those are that answer each other: ids mean nothing beyond it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogConnection {
    /// The server's name.
    pub server: Text,
    /// The session, where the log says one.
    pub session_id: Option<Text>,
    /// The connection within the session, where the log says one.
    pub conn_id: Option<Text>,
}

impl LogConnection {
    /// All that a log holds of a server.
    #[must_use]
    pub fn of_server(server: &str) -> Self {
        Self {
            server: server.into(),
            session_id: None,
            conn_id: None,
        }
    }

    /// Cuts names that are too long: they are kept for as long as the log is read.
    pub(super) fn cut_names(&mut self) {
        cut(&mut self.server);
        for id in [&mut self.session_id, &mut self.conn_id]
            .into_iter()
            .flatten()
        {
            cut(id);
        }
    }
}

/// Cuts a name that is too long; what was cut off is distinguished by a hash.
pub(super) fn cut(name: &mut Text) {
    if let Some(short) = cut_name(name, MAX_NAME_BYTES) {
        *name = short;
    }
}

/// When a message was logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogTime {
    /// In unix microseconds; where no zone is stated, as if it were UTC.
    pub us: i64,
    /// Whether it is the time of a clock on a wall that nobody has named.
    pub is_local: bool,
}

impl LogTime {
    /// A moment.
    pub(super) fn utc(us: i64) -> Self {
        Self {
            us,
            is_local: false,
        }
    }

    /// What a clock has shown somewhere.
    pub(super) fn local(us: i64) -> Self {
        Self { us, is_local: true }
    }
}

/// A logged message.
#[derive(Debug, PartialEq, Eq)]
pub struct LoggedMessages {
    /// Whose it is.
    pub of: LogConnection,
    /// When.
    pub at: LogTime,
    /// Which way it passed.
    pub direction: Direction,
    /// The message, or those of a batch; none where it is not JSON-RPC.
    pub messages: Vec<Message>,
}

/// What a message that could not be read leaves open.
#[derive(Debug, PartialEq, Eq)]
pub struct UnreadMessage {
    /// Whose it is.
    pub of: LogConnection,
    /// When.
    pub at: LogTime,
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

/// A line whose message could not be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct UnreadLine {
    /// Where the message begins in the line.
    pub(super) start: usize,
    pub(super) reason: String,
    /// `None` where it is a notification. In a box, for nearly every line is read.
    pub(super) doubt: Option<Box<UnreadMessage>>,
}

/// What stands before a message.
pub(super) struct LogHead {
    pub(super) of: LogConnection,
    pub(super) at: LogTime,
    pub(super) direction: Direction,
    /// Where the message begins.
    pub(super) start: usize,
}

impl LogHead {
    /// The messages behind it in its line.
    pub(super) fn read(self, line: &str, bodies: Bodies) -> Result<LoggedMessages, UnreadLine> {
        let start = self.start;
        self.messages(line, &line[start..], bodies)
    }

    /// The messages that a text holds, which stands in some event.
    pub(super) fn messages(
        self,
        event: &str,
        json: &str,
        bodies: Bodies,
    ) -> Result<LoggedMessages, UnreadLine> {
        let event = EventBytes::new(event.as_bytes());
        let mut messages = match logged(json, bodies) {
            Ok(messages) => messages,
            Err(reason) => {
                return Err(UnreadLine {
                    start: self.start,
                    reason,
                    doubt: self.doubt(json, event.key(0)),
                });
            }
        };
        for (index, message) in (0..).zip(&mut messages) {
            if let Message::Request(asked) = message {
                // The same log may be read again from a place before it: its lines have no other identity.
                asked.key = Some(event.key(index));
            }
        }
        Ok(LoggedMessages {
            of: self.of,
            at: self.at,
            direction: self.direction,
            messages,
        })
    }

    /// What a message that was not read leaves open, as far as its beginning says.
    pub(super) fn doubt(self, json: &str, key: EventKey) -> Option<Box<UnreadMessage>> {
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
        Some(Box::new(UnreadMessage {
            of: self.of,
            at: self.at,
            direction: self.direction,
            kind,
        }))
    }
}

impl Decoded {
    /// Takes the messages that an event holds. One that was not read is a bad line as ever, and what it may have
    /// answered is not a timeout.
    pub(super) fn take_logged(
        &mut self,
        read: Result<LoggedMessages, UnreadLine>,
    ) -> Result<(), String> {
        match read {
            Ok(messages) => {
                self.frames.push(messages);
                Ok(())
            }
            Err(unread) => {
                self.doubt = unread.doubt;
                Err(unread.reason)
            }
        }
    }

    /// Takes what a line of a log was read as, if it is one; says whether it is.
    pub(super) fn add_logged(
        &mut self,
        read: Option<Result<LoggedMessages, UnreadLine>>,
        line_len: usize,
    ) -> bool {
        match read {
            Some(Ok(messages)) => self.frames.push(messages),
            Some(Err(unread)) => {
                self.doubt = unread.doubt;
                // The place is one of the text, which grows where a byte that is not UTF-8 was replaced.
                self.add_bad(unread.start.min(line_len)..line_len, unread.reason);
            }
            None => return false,
        }
        true
    }
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
