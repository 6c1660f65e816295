//! What events take in memory: counted where they wait, so that a limit in bytes means bytes.

use super::Delivery;
use mcpr_model::{
    Event, OpenRequest, Payload, Request, RequestId, ServerRun, SessionUpdate, SurfaceContent,
    SurfaceUpdate, SurfaceVersion, Text,
};

impl Delivery {
    /// Bytes that the delivery takes, its own parts and what its events hold.
    pub(super) fn weight(&self) -> usize {
        let held: usize = self.events.iter().map(held).sum();
        let path = self.progress.checkpoint.as_ref().map(|it| &it.path);
        size_of::<Self>()
            // What is allocated counts, not what is used of it: a delivery may have held more.
            + self.events.capacity() * size_of::<Event>()
            + held
            + text(&self.progress.name)
            + path.map_or(0, text)
    }
}

/// Bytes beside the event itself.
pub(super) fn held(event: &Event) -> usize {
    match event {
        Event::Request(request) => of_request(request),
        Event::Session(update) => of_session(update),
        Event::Surface(update) => of_surface(update),
        Event::Gap(gap) => text(&gap.source),
        Event::Open(open) => size_of::<OpenRequest>() + of_request(&open.request),
        Event::Withdrawn(_) => 0,
        Event::Server(run) => of_run(run),
        Event::BadLine(line) => {
            text(&line.source) + line.reason.capacity() + line.excerpt.capacity()
        }
    }
}

fn of_request(request: &Request) -> usize {
    let id = match &request.request_id {
        Some(RequestId::Text(id)) => text(id),
        // Numbers and UUIDs stand in the event itself.
        _ => 0,
    };
    let payload = request.payload.as_ref();
    // A box is memory of its own, beside the event that points to it.
    let payload = payload.map_or(0, |it| size_of::<Payload>() + it.len_bytes());
    let surface = request.surface.as_deref().map_or(0, of_surface);
    let trace = request.trace_id.as_deref().map_or(0, size_of_val);
    id + payload
        + trace
        + surface
        + text(&request.proxy)
        + text(&request.method)
        + request
            .target
            .as_ref()
            .map_or(0, |target| text(&target.name))
        + optional([
            &request.session_id,
            &request.client_name,
            &request.client_version,
            &request.outcome.error_code,
            &request.outcome.error_msg,
        ])
}

fn of_run(run: &ServerRun) -> usize {
    let tails = [&run.stderr, &run.stray].into_iter().flatten();
    size_of::<ServerRun>()
        + tails.map(|tail| tail.text.len()).sum::<usize>()
        + text(&run.proxy)
        + text(&run.session_id)
        + optional([
            &run.command,
            &run.refused,
            &run.protocol,
            &run.server_name,
            &run.server_version,
        ])
}

fn of_session(update: &SessionUpdate) -> usize {
    text(&update.session_id)
        + optional([
            &update.proxy,
            &update.client_name,
            &update.client_version,
            &update.conversation,
        ])
}

fn of_surface(update: &SurfaceUpdate) -> usize {
    let content = match &update.content {
        SurfaceContent::Page {
            cursor,
            asked_version,
            result,
        } => optional([cursor, asked_version]) + result.len(),
        SurfaceContent::Whole { upstream, result } => optional([upstream]) + result.len(),
        SurfaceContent::Item { item } => item.len(),
        SurfaceContent::ListChanged => 0,
        SurfaceContent::Version(version) => of_version(version),
    };
    size_of::<SurfaceUpdate>()
        + content
        + text(&update.proxy)
        + text(&update.method)
        + optional([&update.session_id, &update.client_name])
}

fn of_version(version: &SurfaceVersion) -> usize {
    let peculiar = version
        .peculiar
        .iter()
        .map(|text| size_of::<String>() + text.len());
    let changes = version.changes.iter().map(|(change, item)| {
        let item = item.as_ref().map_or(0, String::len);
        size_of::<(String, Option<String>)>() + change.len() + item
    });
    size_of::<SurfaceVersion>()
        + version.payload.len()
        + optional([&version.upstream, &version.protocol])
        + peculiar.chain(changes).sum::<usize>()
}

/// Short texts are part of whatever holds them.
fn text(text: &Text) -> usize {
    if text.is_heap_allocated() {
        text.capacity()
    } else {
        0
    }
}

fn optional<const N: usize>(texts: [&Option<Text>; N]) -> usize {
    texts.into_iter().flatten().map(text).sum()
}
