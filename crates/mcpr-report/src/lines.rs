//! A row of a store as a line of a report: names in short, bodies cut. Must not count anything.

use crate::data::{
    CompactRequest, EndedServer, EventGap, FailedCall, KeptBody, ListChange, OpenCall,
};
use crate::{MAX_BODY_BYTES, MAX_TEXT_CHARS};
use mcpr_model::{Body, OutputTail, Payload, ServerRun};
use mcpr_store::query::{ChangeRow, Flight, GapRow, OpenRow, RequestRow};
use std::collections::HashMap;

/// A name or message, so long at most.
pub(crate) fn short(text: &str) -> String {
    match text.char_indices().nth(MAX_TEXT_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Texts by their place, each once.
#[derive(Default)]
pub(crate) struct Names {
    pub(crate) all: Vec<String>,
    places: HashMap<String, usize>,
}

impl Names {
    fn place(&mut self, name: &str) -> usize {
        if let Some(place) = self.places.get(name) {
            return *place;
        }
        let place = self.all.len();
        self.all.push(short(name));
        self.places.insert(name.to_owned(), place);
        place
    }
}

pub(crate) fn compact(row: &RequestRow, names: &mut Names) -> CompactRequest {
    (
        row.seq,
        row.ts,
        row.latency_us,
        row.status.as_str(),
        names.place(&row.proxy),
        names.place(&row.method),
        row.target().map(|name| names.place(name)),
        row.session.as_deref().map(|name| names.place(name)),
        row.client_name.as_deref().map(|name| names.place(name)),
    )
}

pub(crate) fn failure(row: &RequestRow, payload: Option<&Payload>) -> FailedCall {
    let client = row
        .client_name
        .as_ref()
        .map(|name| match &row.client_version {
            Some(version) => format!("{name} {version}"),
            None => name.clone(),
        });
    FailedCall {
        seq: row.seq,
        ts: row.ts,
        proxy: short(&row.proxy),
        method: short(&row.method),
        target: row.target().map(short),
        session: row.session.as_deref().map(short),
        client: client.as_deref().map(short),
        status: row.status.as_str(),
        kind: row.error_kind.and_then(mcpr_model::ErrorKind::of_failure),
        code: row.error_code.as_deref().map(short),
        message: row.error_msg.as_deref().map(short),
        latency: row.latency_us,
        params: payload
            .and_then(|payload| payload.params.as_ref())
            .map(body),
        answer: payload
            .and_then(|payload| payload.answer.as_ref())
            .map(body),
    }
}

pub(crate) fn open_call(open: &OpenRow) -> OpenCall {
    let row = &open.row;
    OpenCall {
        ts: row.ts,
        proxy: short(&row.proxy),
        method: short(&row.method),
        target: row.target().map(short),
        session: row.session.as_deref().map(short),
        awaited: row.flight != Some(Flight::Unknown),
        params: open.params.as_ref().map(body),
    }
}

pub(crate) fn ended_server(run: &ServerRun) -> EndedServer {
    EndedServer {
        ts: run.end.map_or(run.ts, |(_, at)| at),
        proxy: short(&run.proxy),
        session: short(&run.session_id),
        how: short(&run.ending().unwrap_or_else(|| "ended".to_owned())),
        stderr: run
            .stderr
            .as_ref()
            .filter(|tail| !tail.text.is_empty())
            .map(tail_of),
    }
}

/// The end of an output: that is where a program says why it ends.
fn tail_of(tail: &OutputTail) -> KeptBody {
    let begin = tail.text.len().saturating_sub(MAX_BODY_BYTES);
    let begin = tail.text.ceil_char_boundary(begin);
    let text = tail.text[begin..].trim_end().to_owned();
    KeptBody {
        cut: begin > 0 || tail.bytes > tail.text.len() as u64,
        bytes: tail.bytes,
        text,
    }
}

fn body(body: &Body) -> KeptBody {
    let end = body.text.floor_char_boundary(MAX_BODY_BYTES);
    KeptBody {
        text: body.text[..end].to_owned(),
        bytes: body.bytes,
        cut: body.is_cut || end < body.text.len(),
    }
}

pub(crate) fn change(row: ChangeRow) -> ListChange {
    ListChange {
        ts: row.ts,
        proxy: short(&row.proxy),
        method: short(&row.method),
        version: row.version,
        change: row.change,
        item: row.item.as_deref().map(short),
        compatibility: row.compatibility,
        security: row.security,
    }
}

pub(crate) fn gap(row: &GapRow) -> EventGap {
    EventGap {
        from: row.from_ts,
        to: row.to_ts,
        count: row.count,
        source: short(&row.source),
    }
}
