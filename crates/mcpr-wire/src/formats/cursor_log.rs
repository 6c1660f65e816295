//! `cursor_log`: what Cursor logs of tool calls, in sentences behind a local time and a level.

use crate::call_steps::{CallStep, CallStepKind};
use crate::ended::{failed, unseen};
use crate::format::{Fact, Format, Knows};
use crate::logged::{LogConnection, LogTime};
use crate::{Decoded, LineContext};
use mcpr_model::time::parse_local_us;
use mcpr_model::{ErrorKind, EventBytes, SourceFormat};

/// The format; see the head of this file.
pub(super) struct CursorLog;

/// What stands before a tool's name, and which step it is.
const BEGAN: &str = "Handling CallTool action for tool '";
const ENDED: &str = "Successfully called tool '";
const FAILED: &str = "Error calling tool '";

impl Format for CursorLog {
    fn id(&self) -> SourceFormat {
        SourceFormat::CursorLog
    }

    fn about(&self) -> &'static str {
        "logs of MCP in Cursor"
    }

    fn knows(&self) -> Knows {
        // Whether a result was an error is not reported: a call that fails so was a success, too.
        Knows(&[Fact::Proxy, Fact::RpcError])
    }

    fn text(&self, line: &[u8], context: LineContext<'_>, decoded: &mut Decoded) -> bool {
        // Most text is distinguished by one byte.
        if !line.first().is_some_and(u8::is_ascii_digit) {
            return false;
        }
        let text = String::from_utf8_lossy(line);
        let Some(step) = step(&text, context.proxy) else {
            return false;
        };
        decoded.call_steps.push(step);
        decoded.known += 1;
        true
    }
}

/// Reads `DATE TIME [LEVEL] SERVER: SENTENCE`; since 2026 without the server, and with an id of the call.
fn step(line: &str, proxy: &str) -> Option<CallStep> {
    let (time, rest) = line.split_once(" [")?;
    let us = parse_local_us(time)?;
    let (level, rest) = rest.split_once("] ")?;
    if !level.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return None;
    }
    let found = [BEGAN, ENDED, FAILED].into_iter();
    let mut found = found.filter_map(|mark| Some((rest.find(mark)?, mark)));
    let (at, mark) = found.next()?;
    let server = match rest[..at].strip_suffix(": ") {
        Some(server) => server,
        None if at == 0 => proxy,
        // Some other program quotes it.
        None => return None,
    };
    let (tool, rest) = rest[at + mark.len()..].split_once('\'')?;
    let id = rest.strip_prefix(" with toolCallId: ");
    let id = id.and_then(|id| id.split([':', ' ']).next());
    let what = match mark {
        BEGAN => CallStepKind::Began,
        ENDED => CallStepKind::Ended {
            // A tool that failed in its result was called successfully, too.
            outcome: unseen(),
            took: None,
        },
        _ => CallStepKind::Ended {
            outcome: failed(
                ErrorKind::Rpc,
                None,
                rest.split_once(": ").map(|(_, message)| message),
            ),
            took: None,
        },
    };
    Some(CallStep {
        of: LogConnection::of_server(server),
        at: LogTime::local(us),
        conversation: None,
        call_id: id.map(Into::into),
        tool: tool.into(),
        key: EventBytes::new(line.as_bytes()).key(0),
        what,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read_and_quotes_are_not() {
        let described = |line: &str| {
            step(line, "p").map(|it| {
                let how = match it.what {
                    CallStepKind::Began => "began".to_owned(),
                    CallStepKind::Ended { outcome, .. } => format!("{:?}", outcome.error_kind),
                };
                format!("{} {} {:?} {how}", it.of.server, it.tool, it.call_id)
            })
        };
        let cases = [
            (
                "2026-05-02 10:00:00.001 [info] db: Handling CallTool action for tool 'find'",
                Some("db find None began"),
            ),
            (
                "2026-05-02 10:00:00.001 [info] Handling CallTool action for tool 'find' with toolCallId: call_7",
                Some("p find Some(\"call_7\") began"),
            ),
            (
                "2026-05-02 10:00:00.001 [info] db: Successfully called tool 'find'",
                Some("db find None Some(Unseen)"),
            ),
            (
                "2026-05-02 10:00:00.001 [error] db: Error calling tool 'find': no: such",
                Some("db find None Some(Rpc)"),
            ),
            (
                "2026-05-02 10:00:00.001 [info] db: Calling tool 'find'",
                None,
            ),
            (
                "2026-05-02 10:00:00.001 [info] it said Successfully called tool 'find'",
                None,
            ),
            (
                "2026-05-02 [info] db: Successfully called tool 'find'",
                None,
            ),
        ];
        for (line, expected) in cases {
            assert_eq!(described(line).as_deref(), expected, "{line}");
        }
    }
}
