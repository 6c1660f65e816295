//! `export`: a store's content as lines that `mcpr record` takes back. `wire` decodes it.

use super::text::escape_json;
use mcpr_model::{
    BadLine, Body, ErrorKind, OperationLink, OutputTail, Payload, ServerExit, ServerRun,
    SourceFormat,
};
use mcpr_store::query::{Entry, GapRow, LoneItem, RequestRow, SessionRow, StoredKey, SurfaceRow};
use serde::Serialize;
use serde_json::value::RawValue;
use std::fmt::Write as _;
use std::ops::Not;

// What is not there is left out where the key came with a later version: a line without a `key` is known
// again by its bytes, so that the same row must go on giving the same line.

#[derive(Serialize)]
struct RequestLine<'a> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    call: Option<i64>,
    ts: i64,
    request_id: Option<&'a str>,
    proxy: &'a str,
    kind: &'static str,
    session_id: Option<&'a str>,
    client_name: Option<&'a str>,
    client_version: Option<&'a str>,
    method: &'a str,
    tool: Option<&'a str>,
    resource_uri: Option<&'a str>,
    prompt_name: Option<&'a str>,
    latency_us: Option<i64>,
    upstream_us: Option<i64>,
    error_kind: Option<&'static str>,
    error_code: Option<&'a str>,
    error_msg: Option<&'a str>,
    bytes_in: Option<i64>,
    bytes_out: Option<i64>,
    #[serde(skip_serializing_if = "Not::not")]
    retyped: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    http_status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_event_us: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    part: Option<PartOfOperation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    params: Option<BodyPart<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<BodyPart<'a>>,
}

/// The place of a request in an operation of several.
#[derive(Serialize)]
struct PartOfOperation {
    follows: Option<i64>,
    leaves: Option<i64>,
    stage: &'static str,
}

/// A body is a text within the line and not a part of its JSON: its end may be missing.
#[derive(Serialize)]
struct BodyPart<'a> {
    text: &'a str,
    bytes: u64,
    #[serde(skip_serializing_if = "Not::not")]
    cut: bool,
}

impl<'a> BodyPart<'a> {
    fn of(body: &'a Body) -> Self {
        Self {
            text: &body.text,
            bytes: body.bytes,
            cut: body.is_cut,
        }
    }

    fn of_tail(tail: &'a OutputTail) -> Self {
        Self {
            text: &tail.text,
            bytes: tail.bytes,
            // Of an output it is the beginning that is missing, as `bytes` says.
            cut: false,
        }
    }
}

#[derive(Serialize)]
struct SessionLine<'a> {
    r#type: &'static str,
    session_id: &'a str,
    proxy: &'a str,
    client_name: Option<&'a str>,
    client_version: Option<&'a str>,
    started_at: i64,
    last_seen_at: i64,
    ended_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation: Option<&'a str>,
}

#[derive(Serialize)]
struct GapLine<'a> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<i64>,
    source: &'a str,
    count: u64,
    from_ts: i64,
    to_ts: i64,
}

/// One entry as a line, with what a second delivery of it is recognised by, where that is known, and its
/// payload, where that is exported.
#[must_use]
pub fn exported_entry(entry: &Entry, key: Option<StoredKey>, payload: Option<&Payload>) -> String {
    match entry {
        Entry::Request(row) => request(row, key, payload),
        Entry::Gap(gap) => line(&gap_line(gap, key)),
    }
}

#[derive(Serialize)]
struct VersionLine<'a> {
    r#type: &'static str,
    proxy: &'a str,
    method: &'a str,
    version: i64,
    first_seen_at: i64,
    last_seen_at: i64,
    session_id: Option<&'a str>,
    client_name: Option<&'a str>,
    upstream: Option<&'a str>,
    announced: bool,
    protocol: Option<&'a str>,
    peculiar: &'a [String],
    changes: Vec<ChangePart<'a>>,
    payload: &'a RawValue,
}

#[derive(Serialize)]
struct ChangePart<'a> {
    change: &'a str,
    item: Option<&'a str>,
}

#[derive(Serialize)]
struct ItemLine<'a> {
    r#type: &'static str,
    proxy: &'a str,
    method: &'a str,
    first_seen_at: i64,
    last_seen_at: i64,
    payload: &'a RawValue,
}

#[derive(Serialize)]
struct BadLineLine<'a> {
    r#type: &'static str,
    source: &'a str,
    offset: u64,
    ts: i64,
    reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    excerpt: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    excerpt_hex: Option<String>,
}

/// One version of a list as a line; `None` where what is stored of it is not JSON.
#[must_use]
pub fn exported_version(row: &SurfaceRow) -> Option<String> {
    let changes = row.changes.iter().map(|(change, item)| ChangePart {
        change,
        item: item.as_deref(),
    });
    Some(line(&VersionLine {
        r#type: "mcpr_surface",
        proxy: &row.proxy,
        method: &row.method,
        version: row.version,
        first_seen_at: row.first_seen_at,
        last_seen_at: row.last_seen_at,
        session_id: row.session_id.as_deref(),
        client_name: row.client_name.as_deref(),
        upstream: row.upstream.as_deref(),
        announced: row.announced,
        protocol: row.protocol.as_deref(),
        peculiar: &row.peculiar,
        changes: changes.collect(),
        // As it stands, so that no number and no order of members is written otherwise.
        payload: serde_json::from_str(&row.payload).ok()?,
    }))
}

/// One item that was seen alone as a line; `None` where what is stored of it is not JSON.
#[must_use]
pub fn exported_item(item: &LoneItem) -> Option<String> {
    Some(line(&ItemLine {
        r#type: "mcpr_surface_item",
        proxy: &item.proxy,
        method: &item.method,
        first_seen_at: item.first_seen_at,
        last_seen_at: item.last_seen_at,
        payload: serde_json::from_str(&item.payload).ok()?,
    }))
}

/// One line that did not decode as a line. What is not text of it is written in hexadecimal.
#[must_use]
pub fn exported_bad_line(bad: &BadLine) -> String {
    let excerpt = std::str::from_utf8(&bad.excerpt).ok();
    // JSON holds text alone, and these bytes may be of any file.
    let hex = || {
        bad.excerpt.iter().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").expect("a string takes every write");
            hex
        })
    };
    line(&BadLineLine {
        r#type: "mcpr_bad_line",
        source: &bad.source,
        offset: bad.offset,
        ts: bad.ts,
        reason: &bad.reason,
        excerpt,
        excerpt_hex: excerpt.is_none().then(hex),
    })
}

#[derive(Serialize)]
struct ExportedServer<'a> {
    r#type: &'static str,
    session_id: &'a str,
    proxy: &'a str,
    ts: i64,
    command: Option<&'a str>,
    pid: Option<u32>,
    ended_at: Option<i64>,
    exit_code: Option<u8>,
    exit_signal: Option<u8>,
    died: bool,
    refused: Option<&'a str>,
    protocol: Option<&'a str>,
    name: Option<&'a str>,
    version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stderr: Option<BodyPart<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stray: Option<BodyPart<'a>>,
}

/// What a tap knows of the server of a session, as a line.
#[must_use]
pub fn exported_server(run: &ServerRun) -> String {
    let (exit_code, exit_signal) = match run.end {
        Some((ServerExit::Code(code), _)) => (Some(code), None),
        Some((ServerExit::Signal(signal), _)) => (None, Some(signal)),
        None => (None, None),
    };
    // Always all of it: a key that is missing would be one that an earlier version left out.
    line(&ExportedServer {
        r#type: "mcpr_server",
        session_id: &run.session_id,
        proxy: &run.proxy,
        ts: run.ts,
        command: run.command.as_deref(),
        pid: run.pid,
        ended_at: run.end.map(|(_, at)| at),
        exit_code,
        exit_signal,
        died: run.is_death,
        refused: run.refused.as_deref(),
        protocol: run.protocol.as_deref(),
        name: run.server_name.as_deref(),
        version: run.server_version.as_deref(),
        stderr: run.stderr.as_ref().map(BodyPart::of_tail),
        stray: run.stray.as_ref().map(BodyPart::of_tail),
    })
}

/// One session as a line.
#[must_use]
pub fn exported_session(row: &SessionRow) -> String {
    line(&SessionLine {
        r#type: "mcpr_session",
        session_id: &row.session_id,
        proxy: &row.proxy,
        client_name: row.client_name.as_deref(),
        client_version: row.client_version.as_deref(),
        started_at: row.started_at,
        last_seen_at: row.last_seen_at,
        ended_at: row.ended_at,
        conversation: row.conversation.as_deref(),
    })
}

fn request(row: &RequestRow, key: Option<StoredKey>, payload: Option<&Payload>) -> String {
    let body = |part: fn(&Payload) -> Option<&Body>| payload.and_then(part).map(BodyPart::of);
    // A client that only the session named must not become the event's own word.
    let names_client = key.is_none_or(|key| key.names_client);
    let own = |text: &'_ Option<String>| names_client.then(|| text.clone()).flatten();
    let (client_name, client_version) = (own(&row.client_name), own(&row.client_version));
    line(&RequestLine {
        r#type: "mcpr_request",
        key: key.map(|key| key.key),
        call: key.and_then(|key| key.call),
        ts: row.ts,
        request_id: row.request_id.as_deref(),
        proxy: &row.proxy,
        kind: row.kind.as_str(),
        session_id: row.session_id.as_deref(),
        client_name: client_name.as_deref(),
        client_version: client_version.as_deref(),
        method: &row.method,
        tool: row.tool.as_deref(),
        resource_uri: row.resource_uri.as_deref(),
        prompt_name: row.prompt_name.as_deref(),
        latency_us: row.latency_us,
        upstream_us: row.upstream_us,
        error_kind: row.error_kind.map(ErrorKind::as_str),
        error_code: row.error_code.as_deref(),
        error_msg: row.error_msg.as_deref(),
        bytes_in: row.bytes_in,
        bytes_out: row.bytes_out,
        retyped: row.retyped,
        trace_id: row.trace_id.map(|id| id.to_string()),
        http_status: row.http_status,
        first_event_us: row.first_event_us,
        format: row.format.map(SourceFormat::as_str),
        part: row.part.map(|part| PartOfOperation {
            follows: part.follows.map(OperationLink::code),
            leaves: part.leaves.map(OperationLink::code),
            stage: part.stage.as_str(),
        }),
        params: body(|payload| payload.params.as_ref()),
        answer: body(|payload| payload.answer.as_ref()),
    })
}

fn gap_line(gap: &GapRow, key: Option<StoredKey>) -> GapLine<'_> {
    GapLine {
        r#type: "mcpr_gap",
        key: key.map(|key| key.key),
        source: &gap.source,
        count: gap.count,
        from_ts: gap.from_ts,
        to_ts: gap.to_ts,
    }
}

fn line(value: &impl Serialize) -> String {
    let json = serde_json::to_string(value).expect("text and numbers are always JSON");
    let mut line = escape_json(&json).into_owned();
    line.push('\n');
    line
}
