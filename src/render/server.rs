//! What a tap knows of the server that it ran for a session: as lines for a person, and as a JSON object.

use super::text::{escape_but_breaks, escape_json};
use super::{layout, units};
use mcpr_model::time::rfc3339;
use mcpr_model::{OutputTail, ServerExit, ServerRun};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Most lines of an output that are shown to a person; all that is kept is in JSON.
const SHOWN_LINES: usize = 20;
/// Cells from which on a line is wrapped: in fewer, words would be torn apart.
const LEAST_WRAPPED: usize = 20;

/// What is known of a server, by name; not harmless yet.
#[must_use]
pub fn server_facts(run: &ServerRun) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    facts.extend(run.command.as_ref().map(|it| ("command", it.to_string())));
    let name = run.server_name.as_ref().map(|name| {
        let version = run.server_version.as_deref().unwrap_or_default();
        format!("{name} {version}").trim_end().to_owned()
    });
    facts.extend(name.map(|name| ("server", name)));
    facts.extend(run.protocol.as_ref().map(|it| ("protocol", it.to_string())));
    facts.extend(run.pid.map(|pid| ("pid", pid.to_string())));
    // The words say that it is the server.
    let exit = run.ending().map(|text| {
        let text = text.strip_prefix("server ").unwrap_or(&text);
        text.strip_prefix("was ").unwrap_or(text).to_owned()
    });
    facts.extend(exit.map(|exit| ("exit", exit)));
    facts
}

/// The end of what a server wrote, as a block of text that is wrapped to a width; nothing where it wrote nothing.
#[must_use]
pub fn server_output(run: &ServerRun, width: Option<usize>) -> String {
    let mut text = String::new();
    for (name, tail) in [("stderr", &run.stderr), ("stray output", &run.stray)] {
        let Some(tail) = tail else { continue };
        push_output(name, tail, width, &mut text);
    }
    text
}

fn push_output(name: &str, tail: &OutputTail, width: Option<usize>, out: &mut String) {
    // From the end: that is where a program says why it ends.
    let lines: Vec<&str> = tail.text.lines().collect();
    let shown = &lines[lines.len().saturating_sub(SHOWN_LINES)..];
    let size = units::bytes(i64::try_from(tail.bytes).unwrap_or(i64::MAX));
    let what = if lines.is_empty() {
        // They went as payloads go.
        "not kept any more".to_owned()
    } else if shown.len() < lines.len() || tail.text.len() as u64 != tail.bytes {
        format!("the last {} lines of it", shown.len())
    } else {
        "all of it".to_owned()
    };
    let body = escape_but_breaks(&shown.join("\n")).into_owned();
    write!(out, "\n{name} ({size}, {what})\n").expect("a string takes every write");
    for line in body.lines() {
        push_wrapped(line, width, out);
    }
}

/// A line, and what of it goes on under its beginning: a stack stays one to look at.
fn push_wrapped(line: &str, limit: Option<usize>, out: &mut String) {
    let text = line.trim_start_matches(' ');
    let indent = line.len() - text.len();
    let room = limit.map(|limit| limit.saturating_sub(indent));
    match room.filter(|&room| room >= LEAST_WRAPPED && layout::width(text) > room) {
        Some(room) => {
            for part in layout::wrap(text, room) {
                writeln!(out, "{:indent$}{part}", "").expect("a string takes every write");
            }
        }
        None => writeln!(out, "{line}").expect("a string takes every write"),
    }
}

/// The same as a JSON object.
#[must_use]
pub(super) fn server_object(run: &ServerRun) -> String {
    let (code, signal) = match run.end {
        Some((ServerExit::Code(code), _)) => (Some(code), None),
        Some((ServerExit::Signal(number), _)) => (None, Some(number)),
        None => (None, None),
    };
    let tail = |tail: &Option<OutputTail>| match tail {
        Some(tail) => json!({ "text": tail.text, "bytes": tail.bytes }),
        None => Value::Null,
    };
    let text = |text: &Option<mcpr_model::Text>| text.as_deref().map(str::to_owned);
    let object = json!({
        "command": text(&run.command), "pid": run.pid,
        "name": text(&run.server_name), "version": text(&run.server_version),
        "protocol": text(&run.protocol),
        "ended_at": run.end.map(|(_, at)| at), "ended": run.end.map(|(_, at)| rfc3339(at)), "exit_code": code, "exit_signal": signal,
        "died": run.is_death, "refused": text(&run.refused),
        "stderr": tail(&run.stderr), "stray": tail(&run.stray),
    });
    escape_json(&object.to_string()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_reported_in_lines_whose_text_cannot_act_on_a_terminal() {
        let run = ServerRun {
            command: Some("node server.js".into()),
            pid: Some(7),
            end: Some((ServerExit::Code(1), 5)),
            is_death: true,
            server_name: Some("files".into()),
            stderr: Some(OutputTail {
                text: "\u{1b}[31mError: boom\u{1b}[0m\n".into(),
                bytes: 21,
            }),
            ..ServerRun::default()
        };
        let facts = server_facts(&run).into_iter();
        let lines: Vec<String> = facts
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        assert_eq!(
            lines[..3],
            ["command=node server.js", "server=files", "pid=7"]
        );
        assert!(
            lines[3].starts_with("exit=exited with code 1: "),
            "{lines:?}"
        );
        let output = server_output(&run, None);
        assert!(output.starts_with("\nstderr (21, all of it)\n"), "{output}");
        assert!(
            !output.contains('\u{1b}') && output.contains("boom"),
            "{output}"
        );
        let object: Value = serde_json::from_str(&server_object(&run)).expect("JSON");
        assert_eq!(
            (&object["exit_code"], &object["died"]),
            (&json!(1), &json!(true))
        );
    }

    #[test]
    fn what_a_server_wrote_is_wrapped_at_words_under_its_own_beginning() {
        let text = "Error: the directory is not there\n    at resolve (loader:1225)\n";
        let run = ServerRun {
            stderr: Some(OutputTail {
                text: text.into(),
                bytes: text.len() as u64,
            }),
            ..ServerRun::default()
        };
        let output = server_output(&run, Some(24));
        let expected = "\nstderr (63, all of it)\nError: the directory is\nnot there\n    at resolve\n    (loader:1225)\n";
        assert_eq!(output, expected);
    }
}
