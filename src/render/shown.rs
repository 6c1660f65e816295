//! One request whole: who, when, how it ended, the version of the list it ran against, and the
//! bodies. As lines for a person, or as one JSON document.

use super::json::object;
use super::operations::{operation_in_words, operation_value};
use super::requests::in_flight;
use super::text::{escape, escape_but_breaks, escape_json};
use super::{LOG_COLUMNS, LogRow, REQUEST_COLUMNS, choose, units};
use mcpr_model::time::rfc3339;
use mcpr_model::{Body, ErrorKind, Kind, Payload, Status};
use mcpr_store::query::when::Zone;
use mcpr_store::query::{Entry, Operation, RequestRow, SurfaceRow, in_force};
use mcpr_wire::FORMATS;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};
use std::fmt::Write as _;

/// Width of the text, in characters; bodies are as wide as they are.
const WIDTH: usize = 80;
/// Where values begin.
const INDENT: usize = 11;

/// One request with everything that is known of it.
#[derive(Debug)]
pub struct RequestDetails<'a> {
    row: &'a RequestRow,
    /// The version of the list that was in force, and whether it lists what was called.
    surface: Option<(&'a SurfaceRow, Option<bool>)>,
    payload: Option<&'a Payload>,
    /// The operation that it is one part of.
    operation: Option<&'a Operation>,
    now_ms: Option<i64>,
}

impl<'a> RequestDetails<'a> {
    /// A request among the versions of all lists.
    #[must_use]
    pub fn new(
        row: &'a RequestRow,
        versions: &'a [SurfaceRow],
        payload: Option<&'a Payload>,
    ) -> Self {
        let list = list_of(&row.method);
        let of_list = versions
            .iter()
            .filter(|it| it.proxy == row.proxy && Some(it.method.as_str()) == list);
        let in_force = in_force(of_list, row.ts);
        Self {
            row,
            surface: in_force.map(|version| (version, lists(version, row))),
            payload,
            operation: None,
            now_ms: None,
        }
    }

    /// The same at a time, for one that is in flight.
    #[must_use]
    pub fn at(mut self, now_ms: i64) -> Self {
        self.now_ms = Some(now_ms);
        self
    }

    /// The same as one part of an operation.
    #[must_use]
    pub fn in_operation(mut self, operation: Option<&'a Operation>) -> Self {
        self.operation = operation;
        self
    }

    fn answer_name(&self) -> &'static str {
        match self.row.error_kind {
            Some(ErrorKind::Rpc) => "error",
            _ => "result",
        }
    }
}

/// The list whose items a method calls.
#[must_use]
pub fn list_of(method: &str) -> Option<&'static str> {
    match method {
        "tools/call" | "tools/list" => Some("tools/list"),
        "prompts/get" | "prompts/list" => Some("prompts/list"),
        "resources/read" | "resources/subscribe" | "resources/unsubscribe" | "resources/list" => {
            Some("resources/list")
        }
        _ => None,
    }
}

/// Whether a version lists what a request names; resources need not be listed to be read.
fn lists(version: &SurfaceRow, row: &RequestRow) -> Option<bool> {
    let (member, name) = match (&row.tool, &row.prompt_name) {
        (Some(tool), _) => ("tools", tool),
        (None, Some(prompt)) => ("prompts", prompt),
        (None, None) => return None,
    };
    let payload: Value = serde_json::from_str(&version.payload).ok()?;
    let items = payload.get(member)?.as_array()?;
    Some(items.iter().any(|item| item["name"] == name.as_str()))
}

/// The request as lines for a person.
#[must_use]
pub fn shown_text(shown: &RequestDetails<'_>, zone: Zone) -> String {
    let mut text = String::new();
    for (name, value) in shown_facts(shown, zone) {
        push_fact(name, &escape(&value), &mut text);
    }
    let Some(payload) = shown.payload else {
        push_fact("payload", why_no_payload(shown.row), &mut text);
        return text;
    };
    push_body("params", payload.params.as_ref(), &mut text);
    push_body(shown.answer_name(), payload.answer.as_ref(), &mut text);
    text
}

/// Why there is no payload of a request.
#[must_use]
pub fn why_no_payload(row: &RequestRow) -> &'static str {
    let known = FORMATS.iter().find(|it| Some(it.id()) == row.format);
    match row.kind {
        Kind::Http | Kind::Oauth => "none: only MCP requests have one",
        Kind::Mcp if known.is_some_and(|format| !format.knows().has_bodies()) => {
            "none: this format does not report arguments and answers"
        }
        Kind::Mcp => "not kept: recorded without --payloads, removed since, or never reported",
    }
}

/// What is known of the request beside its bodies, by name; not harmless yet.
#[must_use]
pub fn shown_facts(shown: &RequestDetails<'_>, zone: Zone) -> Vec<(&'static str, String)> {
    let row = shown.row;
    let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let called = row
        .target()
        .map_or_else(String::new, |target| format!(" {target}"));
    let client = match (&row.client_name, &row.client_version) {
        (Some(name), Some(version)) => format!("{name} {version}"),
        (name, _) => or_none(name),
    };
    let size = |size: Option<i64>| size.map_or_else(|| "-".to_owned(), units::bytes);
    let seq = match row.flight {
        Some(_) => "none yet".to_owned(),
        None => row.seq.to_string(),
    };
    let mut facts = vec![
        ("seq", seq),
        ("request id", or_none(&row.request_id)),
        ("time", units::time(row.ts, zone)),
        ("proxy", row.proxy.clone()),
        ("session", or_none(&row.session)),
        ("client", client),
        ("method", format!("{}{called}", row.method)),
        ("outcome", outcome(shown)),
    ];
    facts.extend(row.error_msg.clone().map(|message| ("message", message)));
    if row.retyped {
        let note = "the answer came under an id of another type";
        facts.push(("note", note.to_owned()));
    }
    facts.extend(row.trace_id.map(|id| ("trace", id.to_string())));
    if let Some(operation) = shown.operation {
        facts.push(("operation", operation_in_words(operation)));
    }
    facts.push(("took", took(row)));
    facts.extend(row.http_status.map(|status| ("http", http(row, status))));
    facts.extend(
        row.format
            .map(|format| ("format", format.as_str().to_owned())),
    );
    facts.push((
        "size",
        format!("{} in, {} out", size(row.bytes_in), size(row.bytes_out)),
    ));
    if let Some((version, lists)) = shown.surface {
        let SurfaceRow { method, sha256, .. } = version;
        let short = sha256.get(..12).unwrap_or(sha256);
        let lists = match lists {
            Some(false) => ", which does not list it",
            _ => "",
        };
        let number = version.version;
        facts.push((
            "schema",
            format!("{method} version {number} ({short}){lists}"),
        ));
    }
    facts
}

fn outcome(shown: &RequestDetails<'_>) -> String {
    let row = shown.row;
    if let Some(flight) = row.flight {
        let waited = shown.now_ms.map(|now| now.saturating_sub(row.ts).max(0));
        return in_flight(flight, waited);
    }
    let mut text = row.status.as_str().to_owned();
    if row.status == Status::Ok && row.error_code.is_some() && row.method == "server/discover" {
        text.push_str(" (a probe that the server refused, as older ones do)");
    }
    // The kind of a timeout would only repeat the status.
    if let Some(kind) = row.error_kind.filter(|_| row.status == Status::Error) {
        write!(text, " ({})", kind.as_str()).expect("a string takes every write");
    }
    if let Some(code) = &row.error_code {
        write!(text, ", code {code}").expect("a string takes every write");
    }
    text
}

fn took(row: &RequestRow) -> String {
    let whole = row
        .latency_us
        .map_or_else(|| "-".to_owned(), units::latency);
    match row.upstream_us {
        Some(upstream) => format!("{whole}, {} of it upstream", units::latency(upstream)),
        None => whole,
    }
}

/// What HTTP says of the answer.
fn http(row: &RequestRow, status: u16) -> String {
    match row.first_event_us {
        Some(first) => format!(
            "status {status}, first event after {}",
            units::latency(first)
        ),
        None => format!("status {status}"),
    }
}

/// One fact, broken between words where it is too long.
fn push_fact(name: &str, value: &str, out: &mut String) {
    let mut line = format!("{name:<INDENT$}");
    let mut width = INDENT;
    for word in value.split(' ') {
        let len = word.chars().count();
        if width > INDENT && width + 1 + len > WIDTH {
            out.push_str(&line);
            out.push('\n');
            line = " ".repeat(INDENT);
            width = INDENT;
        } else if width > INDENT {
            line.push(' ');
            width += 1;
        }
        line.push_str(word);
        width += len;
    }
    out.push_str(&line);
    out.push('\n');
}

fn push_body(name: &str, body: Option<&Body>, out: &mut String) {
    let Some(body) = body else { return };
    let cut = if body.is_cut {
        format!(", of which {} are kept", units::bytes(len(body.text.len())))
    } else {
        String::new()
    };
    let size = units::bytes(i64::try_from(body.bytes).unwrap_or(i64::MAX));
    let pretty = serde_json::from_str::<Value>(&body.text)
        .and_then(|value| serde_json::to_string_pretty(&value));
    // A body that was cut is not JSON any more.
    let text = pretty.unwrap_or_else(|_| body.text.to_string());
    let text = escape_but_breaks(&text);
    write!(out, "\n{name} ({size}{cut})\n{text}\n").expect("a string takes every write");
}

fn len(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// The request as one JSON document.
///
/// # Panics
/// Never: it consists of texts and numbers, and of JSON that was looked at.
#[must_use]
pub fn shown_document(shown: &RequestDetails<'_>) -> String {
    let columns = choose(LOG_COLUMNS, REQUEST_COLUMNS);
    let mut row = LogRow::from(Entry::Request(Box::new(shown.row.clone())));
    let of_flight = shown.row.flight.and(shown.now_ms);
    row.waited_ms = of_flight.map(|now| now.saturating_sub(shown.row.ts).max(0));
    let mut out = object(&columns, &row);
    let brace = out.pop();
    debug_assert_eq!(brace, Some('}'));
    let rest = ShownRest {
        retyped: shown.row.retyped,
        operation: shown.operation.map(operation_value),
        schema: shown.surface.map(|(version, lists)| ShownSchema {
            first_seen_at: version.first_seen_at,
            first_seen: rfc3339(version.first_seen_at),
            lists,
            method: &version.method,
            sha256: &version.sha256,
            version: version.version,
        }),
        payload: shown.payload.map(|payload| ShownPayload {
            params: payload.params.as_ref().map(ShownBody::of),
            answer: payload.answer.as_ref().map(ShownBody::of),
        }),
    };
    let rest = serde_json::to_string(&rest).expect("texts and numbers are JSON");
    // The columns of the row come first, and both are members of one object.
    out.push(',');
    out.push_str(escape_json(&rest).trim_start_matches('{'));
    out.push('\n');
    out
}

/// What a request's document has beside the columns of its row.
#[derive(Serialize)]
struct ShownRest<'a> {
    retyped: bool,
    operation: Option<Value>,
    schema: Option<ShownSchema<'a>>,
    payload: Option<ShownPayload>,
}

/// The version of a list that was in force.
#[derive(Serialize)]
struct ShownSchema<'a> {
    first_seen_at: i64,
    first_seen: Option<String>,
    lists: Option<bool>,
    method: &'a str,
    sha256: &'a str,
    version: i64,
}

#[derive(Serialize)]
struct ShownPayload {
    params: Option<ShownBody>,
    answer: Option<ShownBody>,
}

#[derive(Serialize)]
struct ShownBody {
    value: Box<RawValue>,
    bytes: u64,
    cut: bool,
}

impl ShownBody {
    /// A body as it stood in the stream; one whose end is missing is text.
    fn of(body: &Body) -> Self {
        let whole = (!body.is_cut).then(|| RawValue::from_string(body.text.to_string()));
        let value = match whole {
            Some(Ok(json)) => json,
            _ => to_raw_value(&*body.text).expect("a text is JSON"),
        };
        Self {
            value,
            bytes: body.bytes,
            cut: body.is_cut,
        }
    }
}
