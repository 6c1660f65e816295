//! JSON: keys as the columns name them, `null` where there is nothing.

use super::columns::{Column, Record, Value};
use super::operations::operation_object;
use super::server::server_object;
use super::sessions::{LISTED_COLUMNS, SESSION_COLUMNS, SessionView};
use super::{choose, text};
use mcpr_model::ServerRun;
use mcpr_model::time::rfc3339;
use mcpr_store::query::{Operation, SessionRow};
use std::fmt::Write as _;

/// One row as a JSON object.
#[must_use]
pub fn object<R: Record>(columns: &[&'static Column<R>], row: &R) -> String {
    let mut out = String::new();
    push_object(columns, row, &mut out);
    out
}

/// The start of one session's document: its own keys, and an open array of requests. What ends it
/// is `]}`.
#[must_use]
pub fn session_document(
    session: &SessionView,
    run: Option<&ServerRun>,
    connections: &[(SessionRow, ServerRun)],
    operations: &[Operation],
) -> String {
    let columns = choose(LISTED_COLUMNS, SESSION_COLUMNS);
    let mut out = object(&columns, session);
    let brace = out.pop();
    debug_assert_eq!(brace, Some('}'));
    let server = run.map_or_else(|| "null".to_owned(), server_object);
    let operations: Vec<String> = operations.iter().map(operation_object).collect();
    let operations = operations.join(",");
    let connections: Vec<String> = connections
        .iter()
        .map(|it| connection_object(&it.0))
        .collect();
    let connections = connections.join(",");
    write!(
        out,
        ",\"server\":{server},\"connections\":[{connections}],\"operations\":[{operations}],\"requests\":["
    )
    .expect("a string takes every write");
    out
}

/// What a tap keeps of a connection that is not a session.
fn connection_object(row: &SessionRow) -> String {
    let object = serde_json::json!({
        "session_id": row.session_id, "started_at": row.started_at, "ended_at": row.ended_at,
        "started": rfc3339(row.started_at), "ended": row.ended_at.map(rfc3339),
        "conversation": row.conversation,
    });
    text::escape_json(&object.to_string()).into_owned()
}

pub(super) fn push_object<R: Record>(columns: &[&'static Column<R>], row: &R, out: &mut String) {
    out.push('{');
    for (index, column) in columns.iter().enumerate() {
        out.push_str(if index == 0 { "\"" } else { ",\"" });
        out.push_str(column.name);
        out.push_str("\":");
        push_value(&(column.value)(row), out);
    }
    out.push('}');
}

fn push_value(value: &Value<'_>, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Int(number) => write!(out, "{number}").expect("a string takes every write"),
        Value::Bool(yes) => out.push_str(if *yes { "true" } else { "false" }),
        Value::Ratio(ratio) => {
            write!(out, "{}", (ratio * 1e6).round() / 1e6).expect("a string takes every write");
        }
        Value::Counts(counts) => {
            out.push_str(&serde_json::to_string(counts).expect("numbers are JSON"));
        }
        Value::Time(ts) => match rfc3339(*ts) {
            Some(time) => push_string(&time, out),
            None => out.push_str("null"),
        },
        Value::Json(json) => out.push_str(&text::escape_json(json)),
        Value::Text(text) => push_string(text, out),
    }
}

fn push_string(value: &str, out: &mut String) {
    let quoted = serde_json::to_string(value).expect("a string is always JSON");
    out.push_str(&text::escape_json(&quoted));
}
