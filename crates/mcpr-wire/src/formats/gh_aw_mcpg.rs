//! `gh_aw_mcpg`: the messages that the gateway of GitHub's agentic workflows logs, one JSON object each,
//! between itself and its servers.

use crate::fields::{Str, parsed, text};
use crate::format::{Fact, Format, Knows, Tagged, Tags};
use crate::logged::{LogConnection, LogHead, LogTime};
use crate::{Decoded, Direction};
use mcpr_model::SourceFormat;
use mcpr_model::time::parse_rfc3339_us;
use serde::Deserialize;
use serde_json::value::RawValue;

/// The format; see the head of this file.
pub(super) struct GhAwMcpg;

/// How the schemas of its messages begin; behind it stands a version.
const MESSAGE_SCHEMA: &str = "rpc-message/";

impl Format for GhAwMcpg {
    fn id(&self) -> SourceFormat {
        SourceFormat::GhAwMcpg
    }

    fn about(&self) -> &'static str {
        "the messages that gh-aw-mcpg logs"
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

    fn tags(&self) -> &'static [&'static str] {
        &["_schema", "server_id", "direction", "payload", "type"]
    }

    fn claims(&self, tags: &Tags<'_>) -> bool {
        match tags.text("_schema") {
            Some(schema) => schema.0.starts_with(MESSAGE_SCHEMA),
            // The first version of it says no schema.
            None => {
                tags.is_one_of("type", &["REQUEST", "RESPONSE"])
                    && ["server_id", "direction", "payload"]
                        .iter()
                        .all(|tag| tags.has(tag))
            }
        }
    }

    fn decode(&self, event: &Tagged<'_>, decoded: &mut Decoded) -> Result<(), String> {
        let entry: LogEntry<'_> = parsed(event.json)?;
        let direction = match &*entry.direction.0 {
            "OUT" => Direction::ToServer,
            "IN" => Direction::ToClient,
            other => return Err(format!("an unknown direction, `{other}`")),
        };
        let time = &entry.timestamp.0;
        let us =
            parse_rfc3339_us(time).ok_or_else(|| format!("`{time}` is not an RFC 3339 time"))?;
        let Some(payload) = entry.payload else {
            // An error of the gateway's own, which names no request.
            decoded.known += 1;
            return Ok(());
        };
        // Unpaired otherwise: ids begin anew with each server.
        let server = text(entry.server_id.as_ref());
        let server = server.as_deref().unwrap_or(event.context.proxy);
        let head = LogHead {
            of: LogConnection::of_server(server),
            at: LogTime::utc(us),
            direction,
            start: 0,
        };
        decoded.take_logged(head.messages(event.json, payload.get(), event.context.bodies))
    }
}

#[derive(Debug, Deserialize)]
struct LogEntry<'a> {
    #[serde(borrow)]
    timestamp: Str<'a>,
    #[serde(borrow)]
    direction: Str<'a>,
    #[serde(borrow)]
    server_id: Option<Str<'a>>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
}

#[cfg(test)]
mod tests {
    use crate::testing::{check_hostile, decoded};

    const WHOLE: &str = r#"{"timestamp":"2026-11-01T00:00:00.123Z","event":"rpc_request","_schema":"rpc-message/v2","direction":"OUT","server_id":"files","method":"ping","payload":{"jsonrpc":"2.0","id":1,"method":"ping"}}"#;
    const FIRST: &str = r#"{"timestamp":"2026-01-01T00:00:00.123Z","direction":"IN","type":"RESPONSE","server_id":"files","payload":{"jsonrpc":"2.0","id":1,"result":{}}}"#;

    #[test]
    fn hostile_entries_are_bad_lines() {
        let cases = [
            ("\"OUT\"", "\"UP\"", "an unknown direction, `UP`"),
            ("2026-11-01T00", "2026-11-01T25", "is not an RFC 3339 time"),
            (
                "\"method\":\"ping\"}}",
                "\"method\":5}}",
                "expected a string",
            ),
            ("\"direction\"", "\"way\"", "missing field `direction`"),
        ];
        check_hostile(WHOLE, &cases);
    }

    #[test]
    fn both_versions_are_read_and_other_schemas_are_counted() {
        for line in [WHOLE, FIRST] {
            let decoded = decoded(line);
            assert_eq!(decoded.frames.len(), 1, "{line}");
            assert_eq!(decoded.frames[0].of.server, "files");
        }
        for other in ["difc-filtered/v2", "difc-event/v1", "token-usage/v0.28.14"] {
            let decoded = decoded(&WHOLE.replace("rpc-message/v2", other));
            assert_eq!((decoded.unknown, decoded.frames.len()), (1, 0), "{other}");
        }
        let nothing = decoded(&WHOLE.replace("\"payload\":{", "\"payloads\":{"));
        assert_eq!((nothing.known, nothing.frames.len()), (1, 0));
    }
}
