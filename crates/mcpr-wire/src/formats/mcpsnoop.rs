//! `mcpsnoop`: the session files of mcpsnoop, one JSON object a message, with the message as it passed.

use crate::fields::{Str, parsed, text};
use crate::format::{Fact, Format, Knows, Tagged, Tags};
use crate::logged::{LogConnection, LogHead, LogTime};
use crate::{Decoded, Direction};
use mcpr_model::time::parse_rfc3339_us;
use mcpr_model::{EventBytes, SourceFormat};
use serde::Deserialize;
use serde_json::value::RawValue;

/// The format; see the head of this file.
pub(super) struct McpSnoop;

impl Format for McpSnoop {
    fn id(&self) -> SourceFormat {
        SourceFormat::McpSnoop
    }

    fn about(&self) -> &'static str {
        "the session files of mcpsnoop"
    }

    fn knows(&self) -> Knows {
        Knows(&[
            Fact::Proxy,
            Fact::SessionId,
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

    fn tags(&self) -> &'static [&'static str] {
        &["session_id", "server_label", "direction", "ts"]
    }

    fn claims(&self, tags: &Tags<'_>) -> bool {
        // `server_label` is a name of its own; the others are what each of its lines has.
        self.tags().iter().all(|tag| tags.has(tag))
    }

    fn decode(&self, event: &Tagged<'_>, decoded: &mut Decoded) -> Result<(), String> {
        let envelope: SnoopedFrame<'_> = parsed(event.json)?;
        let direction = match &*envelope.direction.0 {
            "c2s" => Direction::ToServer,
            "s2c" => Direction::ToClient,
            // How the server was started, and what it printed on its standard error.
            "meta" | "stderr" => {
                decoded.known += 1;
                return Ok(());
            }
            other => return Err(format!("an unknown direction, `{other}`")),
        };
        let time = &envelope.ts.0;
        let us =
            parse_rfc3339_us(time).ok_or_else(|| format!("`{time}` is not an RFC 3339 time"))?;
        let head = LogHead {
            of: LogConnection {
                server: text(Some(&envelope.server_label))
                    .unwrap_or_else(|| event.context.proxy.into()),
                session_id: text(Some(&envelope.session_id)),
                conn_id: text(envelope.conn_id.as_ref()),
            },
            at: LogTime::utc(us),
            direction,
            start: 0,
        };
        // A body is the message as it passed, also where it is not a message.
        let Some(raw) = envelope.raw else {
            return unread(&envelope, head, event, decoded);
        };
        decoded.take_logged(head.messages(event.json, raw.get(), event.context.bodies))
    }
}

#[derive(Debug, Deserialize)]
struct SnoopedFrame<'a> {
    #[serde(borrow)]
    session_id: Str<'a>,
    #[serde(borrow)]
    server_label: Str<'a>,
    #[serde(borrow)]
    ts: Str<'a>,
    #[serde(borrow)]
    direction: Str<'a>,
    #[serde(borrow)]
    raw: Option<&'a RawValue>,
    /// What passed and was not JSON, or not whole.
    #[serde(borrow)]
    text: Option<Str<'a>>,
    #[serde(default)]
    truncated: bool,
    #[serde(borrow)]
    conn_id: Option<Str<'a>>,
}

/// Takes a line without a message: text that went astray, or the beginning of a long message.
fn unread(
    envelope: &SnoopedFrame<'_>,
    head: LogHead,
    event: &Tagged<'_>,
    decoded: &mut Decoded,
) -> Result<(), String> {
    // An answer without a body: an HTTP status alone says nothing of which request it ends.
    let Some(text) = envelope.text.as_ref().filter(|_| envelope.truncated) else {
        decoded.known += 1;
        return Ok(());
    };
    decoded.doubt = head.doubt(&text.0, EventBytes::new(event.json.as_bytes()).key(0));
    Err("a message that was cut where it was logged".to_owned())
}

#[cfg(test)]
mod tests {
    use crate::testing::{check_hostile, decoded};
    use crate::{LogConnection, UnreadKind};

    const WHOLE: &str = r#"{"session_id":"s-1","server_label":"files","seq":2,"ts":"2026-11-01T00:00:00.0001Z","direction":"c2s","transport":"http","raw":{"jsonrpc":"2.0","id":1,"method":"ping"},"conn_id":"c1"}"#;

    #[test]
    fn hostile_lines_are_bad_lines_or_none_of_this_format() {
        let cases = [
            ("\"c2s\"", "\"up\"", "an unknown direction, `up`"),
            ("2026-11-01T00", "2026-11-01T25", "is not an RFC 3339 time"),
            ("\"s-1\"", "7", "expected a string"),
            ("\"ping\"", "5", "expected a string"),
        ];
        check_hostile(WHOLE, &cases);
        let other = decoded(&WHOLE.replace("server_label", "server"));
        assert_eq!((other.known, other.unknown), (0, 1));
        for known in [
            WHOLE.replace("c2s", "meta"),
            WHOLE.replace("c2s", "stderr"),
            WHOLE.replace("\"raw\"", "\"rest\""),
        ] {
            let decoded = decoded(&known);
            assert_eq!((decoded.known, decoded.frames.len()), (1, 0), "{known}");
        }
    }

    #[test]
    fn a_message_says_its_session_its_connection_and_its_microseconds() {
        let decoded = decoded(WHOLE);
        let frame = &decoded.frames[0];
        let expected = LogConnection {
            server: "files".into(),
            session_id: Some("s-1".into()),
            conn_id: Some("c1".into()),
        };
        assert_eq!((&frame.of, frame.at.us % 1000), (&expected, 100));
    }

    #[test]
    fn a_name_of_a_megabyte_is_not_kept_whole() {
        let long = WHOLE.replace("files", &"f".repeat(1 << 20));
        let long = long.replace("s-1", &"s".repeat(1 << 20));
        let of = &decoded(&long).frames[0].of;
        let session_id = of.session_id.as_deref().unwrap();
        let most = mcpr_model::MAX_NAME_BYTES;
        assert!(of.server.len() <= most && session_id.len() <= most);
    }

    #[test]
    fn the_answer_in_a_cut_message_is_in_doubt() {
        let cut = r#""text":"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"con","truncated":true"#;
        let line = WHOLE
            .replace(r#""raw":{"jsonrpc":"2.0","id":1,"method":"ping"}"#, cut)
            .replace("c2s", "s2c");
        let decoded = decoded(&line);
        assert_eq!(decoded.bad.len(), 1);
        let kind = decoded.doubt.map(|it| it.kind);
        assert!(
            matches!(kind, Some(UnreadKind::Answer(Some(_)))),
            "{kind:?}"
        );
    }
}
