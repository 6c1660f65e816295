//! `vscode_log`: what VS Code and its forks log of a server, a file per server, with each message behind a
//! local time, a level and the way it went.

use crate::format::{Fact, Format, Knows};
use crate::logged::{LogConnection, LogHead, LogTime, UnreadMessage};
use crate::{Bodies, Decoded, Direction, LineContext};
use mcpr_model::SourceFormat;
use mcpr_model::time::parse_local_us;

/// The format; see the head of this file.
pub(super) struct VsCodeLog;

/// What the name of a file of it begins with. The server's name is the last of the parts behind it.
const FILE_PREFIX: &str = "mcpServer.";

impl Format for VsCodeLog {
    fn id(&self) -> SourceFormat {
        SourceFormat::VsCodeLog
    }

    fn about(&self) -> &'static str {
        "logs of servers in VS Code and its forks"
    }

    fn knows(&self) -> Knows {
        Knows(&[
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

    fn proxy_in(&self, _directory: Option<&str>, file: &str) -> Option<String> {
        let parts = file.strip_prefix(FILE_PREFIX)?.split(".log").next()?;
        let mut parts: Vec<&str> = parts.split('.').collect();
        // A full file goes on as `NAME.1.log`, and so on: that number is not part of the name.
        if parts.len() > 2 && parts.last().is_some_and(|it| it.parse::<u8>().is_ok()) {
            parts.pop();
        }
        parts
            .last()
            .filter(|it| !it.is_empty())
            .map(ToString::to_string)
    }

    fn text(&self, line: &[u8], context: LineContext<'_>, decoded: &mut Decoded) -> bool {
        // Most text is distinguished by one byte.
        if !line.first().is_some_and(u8::is_ascii_digit) {
            return false;
        }
        let text = String::from_utf8_lossy(line);
        let read = head(&text, context.proxy).map(|head| head.read(&text, context.bodies));
        decoded.add_logged(read, line.len())
    }

    fn doubt(&self, text: &str, context: LineContext<'_>) -> Option<Box<UnreadMessage>> {
        // Only what is left in doubt is asked for: the bodies of a cut message are of no use.
        match head(text, context.proxy)?.read(text, Bodies::Left) {
            Ok(_) => None,
            Err(unread) => unread.doubt,
        }
    }
}

/// What stands before the JSON, in builds of 2025 and since, and which way it went.
const MARKS: [(&str, Direction); 4] = [
    ("[editor -> server] ", Direction::ToServer),
    ("[server -> editor] ", Direction::ToClient),
    ("[Client Says] ", Direction::ToServer),
    ("[Server Says] ", Direction::ToClient),
];

/// Reads `DATE TIME [LEVEL] [WAY] `.
fn head(line: &str, server: &str) -> Option<LogHead> {
    let (time, rest) = line.split_once(" [")?;
    let us = parse_local_us(time)?;
    // Any level: older builds log messages at `info`.
    let (level, rest) = rest.split_once("] ")?;
    // Another program's bracket may hold anything, a level is a word.
    if !level.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return None;
    }
    let found = MARKS.iter().find(|(mark, _)| rest.starts_with(mark));
    let (mark, direction) = *found?;
    Some(LogHead {
        of: LogConnection::of_server(server),
        at: LogTime::local(us),
        direction,
        start: line.len() - rest.len() + mark.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::decoded;

    fn described(line: &str) -> String {
        let decoded = decoded(line);
        match (&decoded.frames[..], &decoded.bad[..]) {
            ([], []) if decoded.is_text => "text".to_owned(),
            ([frame], []) => format!(
                "{} {:?} {} of {}",
                frame.at.us,
                frame.direction,
                frame.messages.len(),
                frame.of.server
            ),
            ([], [bad]) => format!("bad from {}: {}", bad.range.start, decoded.doubt.is_some()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn messages_of_both_builds_are_distinguished_from_other_lines() {
        let cases = [
            (
                r#"2026-05-02 10:00:00.001 [debug] [editor -> server] {"jsonrpc":"2.0","id":1,"method":"ping"}"#,
                "1777716000001000 ToServer 1 of p",
            ),
            (
                r#"2026-05-02 10:00:00.002 [trace] [server -> editor] {"jsonrpc":"2.0","id":1,"result":{}}"#,
                "1777716000002000 ToClient 1 of p",
            ),
            (
                r#"2025-05-02 10:00:00.001 [info] [Client Says] {"jsonrpc":"2.0","id":1,"method":"ping"}"#,
                "1746180000001000 ToServer 1 of p",
            ),
            (
                r#"2025-05-02 10:00:00.001 [info] [Server Says] {"jsonrpc":"2.0","id":1,"result":{"conte"#,
                "bad from 45: true",
            ),
            (
                r#"2025-05-02 10:00:00.001 [info] [Server Says] {"jsonrpc":"2.0","method":"notifications/message","par"#,
                "bad from 45: false",
            ),
            ("2025-05-02 10:00:00.001 [info] Discovered 3 tools", "text"),
            (
                r#"2025-05-02 10:00:00.001 [warning] [server stderr] [Server Says] {"id":1}"#,
                "text",
            ),
            (r"2025-05-02 10:00:00.001 [a b] [Server Says] {}", "text"),
            (r"2025-13-02 10:00:00.001 [info] [Server Says] {}", "text"),
        ];
        for (line, expected) in cases {
            assert_eq!(described(line), expected, "{line}");
        }
    }

    #[test]
    fn the_server_is_the_last_part_of_the_files_name() {
        let cases = [
            (
                "mcpServer.mcp.config.usrlocal.everything.log",
                Some("everything"),
            ),
            ("mcpServer.mcp.config.ws0.git hub.log", Some("git hub")),
            (
                "mcpServer.mcp.config.usrlocal.everything.1.log",
                Some("everything"),
            ),
            ("mcpServer.everything.log.1", Some("everything")),
            ("mcpServer.a.7.log", Some("7")),
            ("mcpServer..log", None),
            ("everything.log", None),
        ];
        for (file, expected) in cases {
            let proxy = VsCodeLog.proxy_in(None, file);
            assert_eq!(proxy.as_deref(), expected, "{file}");
        }
    }
}
