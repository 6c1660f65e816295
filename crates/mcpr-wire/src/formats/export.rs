//! `export`: what `mcpr store export` prints, one JSON object each, tagged `mcpr_request`,
//! `mcpr_session` or `mcpr_gap`, and of a whole export those of [`whole`]. A value that is not there is null
//! or left out.

mod whole;

use crate::fields::{Str, WholeNumber, parsed, text};
use crate::format::{Fact, Format, Knows, Tagged, Tags};
use crate::{Bodies, Decoded};
use mcpr_model::{
    CallKey, ErrorKind, Event, EventKey, Gap, KeySource, Kind, Outcome, Request, RequestId,
    SessionState, SessionUpdate, SourceFormat, Target, Text, TraceId,
};
use serde::Deserialize;

/// The format; see the head of this file.
pub(super) struct Export;

impl Format for Export {
    fn id(&self) -> SourceFormat {
        SourceFormat::Export
    }

    fn about(&self) -> &'static str {
        "`mcpr store export`"
    }

    fn knows(&self) -> Knows {
        Knows(&[
            Fact::Proxy,
            Fact::SessionId,
            Fact::RequestId,
            Fact::Client,
            Fact::EveryMethod,
            Fact::UpstreamTime,
            Fact::BytesIn,
            Fact::BytesOut,
            Fact::HttpStatus,
            Fact::RpcError,
            Fact::ToolError,
            Fact::Bodies,
            Fact::Surface,
        ])
    }

    fn tags(&self) -> &'static [&'static str] {
        &["type"]
    }

    fn claims(&self, tags: &Tags<'_>) -> bool {
        // The prefix keeps these apart from the `request` and `session` that the proxies write.
        tags.is_one_of("type", &["mcpr_request", "mcpr_session", "mcpr_gap"])
            || tags.is_one_of("type", &whole::TAGS)
    }

    fn decode(&self, event: &Tagged<'_>, decoded: &mut Decoded) -> Result<(), String> {
        match event.tags.text("type").as_ref().map(|it| &*it.0) {
            Some("mcpr_request") => request(event, decoded),
            Some("mcpr_session") => session(event, decoded),
            Some(tag) if whole::TAGS.contains(&tag) => whole::decode(tag, event, decoded),
            _ => gap(event, decoded),
        }
    }
}

#[derive(Debug, Deserialize)]
struct ExportedRequest<'a> {
    // Lines of earlier versions have neither of these two.
    key: Option<WholeNumber>,
    call: Option<i64>,
    ts: WholeNumber,
    #[serde(borrow)]
    request_id: Option<Str<'a>>,
    #[serde(borrow)]
    proxy: Option<Str<'a>>,
    #[serde(borrow)]
    kind: Str<'a>,
    #[serde(borrow)]
    session_id: Option<Str<'a>>,
    #[serde(borrow)]
    client_name: Option<Str<'a>>,
    #[serde(borrow)]
    client_version: Option<Str<'a>>,
    #[serde(borrow)]
    method: Str<'a>,
    #[serde(borrow)]
    tool: Option<Str<'a>>,
    #[serde(borrow)]
    resource_uri: Option<Str<'a>>,
    #[serde(borrow)]
    prompt_name: Option<Str<'a>>,
    latency_us: Option<WholeNumber>,
    upstream_us: Option<WholeNumber>,
    #[serde(borrow)]
    error_kind: Option<Str<'a>>,
    #[serde(borrow)]
    error_code: Option<Str<'a>>,
    #[serde(borrow)]
    error_msg: Option<Str<'a>>,
    bytes_in: Option<WholeNumber>,
    bytes_out: Option<WholeNumber>,
    // Left out where it is false, and by earlier versions.
    #[serde(default)]
    retyped: bool,
    // Left out where there is none.
    #[serde(borrow)]
    trace_id: Option<Str<'a>>,
    http_status: Option<u16>,
    first_event_us: Option<WholeNumber>,
    #[serde(borrow)]
    format: Option<Str<'a>>,
    part: Option<whole::ExportedPart>,
    // Those of a whole export alone.
    #[serde(borrow)]
    params: Option<whole::ExportedBody<'a>>,
    #[serde(borrow)]
    answer: Option<whole::ExportedBody<'a>>,
}

#[derive(Debug, Deserialize)]
struct ExportedSession<'a> {
    #[serde(borrow)]
    session_id: Str<'a>,
    #[serde(borrow)]
    proxy: Option<Str<'a>>,
    #[serde(borrow)]
    client_name: Option<Str<'a>>,
    #[serde(borrow)]
    client_version: Option<Str<'a>>,
    started_at: WholeNumber,
    last_seen_at: WholeNumber,
    ended_at: Option<WholeNumber>,
    #[serde(borrow)]
    conversation: Option<Str<'a>>,
}

#[derive(Debug, Deserialize)]
struct ExportedGap<'a> {
    key: Option<i64>,
    #[serde(borrow)]
    source: Str<'a>,
    count: WholeNumber,
    from_ts: WholeNumber,
    to_ts: WholeNumber,
}

/// Decodes an `mcpr_request`.
fn request(Tagged { json, context, .. }: &Tagged<'_>, decoded: &mut Decoded) -> Result<(), String> {
    let line: ExportedRequest<'_> = parsed(json)?;
    // A kind of a later version is no reason to guess another.
    let kind = known(&Kind::ALL, Kind::as_str, &line.kind, "kind")?;
    let error_kind = match line.error_kind.as_ref().and_then(Str::non_empty) {
        // An error of a kind that is not known must not become a success.
        Some(name) => Some(known(
            &ErrorKind::ALL,
            ErrorKind::as_str,
            &Str(name.into()),
            "error kind",
        )?),
        None => None,
    };
    // With the key of the store that it comes from, an import of the same rows adds nothing.
    let key = match line.key {
        Some(key) => EventKey {
            hash: key.0.cast_unsigned(),
            // Not `Id`: that another row has the key is not a conflict, but the same row once more.
            source: KeySource::Bytes,
            // Else what another stream reports about the same call would be stored beside it.
            call: line.call.map(|code| CallKey::of_stored(code, line.ts.0)),
        },
        // The line itself is the key then: imported twice, it is stored once.
        None => EventKey::of_bytes(json.as_bytes(), 0),
    };
    let payload = match context.bodies {
        Bodies::Kept => whole::payload(line.params.as_ref(), line.answer.as_ref()),
        Bodies::Left => None,
    };
    // An empty name is one: what was exported is imported as it was.
    let name = |name: &Option<Str<'_>>| name.as_ref().map(|name| Text::from(&*name.0));
    decoded.known += 1;
    decoded.events.push(Event::Request(Request {
        key,
        request_id: line.request_id.map(|id| RequestId::from_text(&id.0)),
        ts: line.ts.0,
        proxy: text(line.proxy.as_ref()).unwrap_or_else(|| context.proxy.into()),
        kind,
        session_id: text(line.session_id.as_ref()),
        client_name: text(line.client_name.as_ref()),
        client_version: text(line.client_version.as_ref()),
        method: Text::from(&*line.method.0),
        target: Target::of_names(
            name(&line.tool),
            name(&line.prompt_name),
            name(&line.resource_uri),
        ),
        latency_us: line.latency_us.map(|us| us.0),
        upstream_us: line.upstream_us.map(|us| us.0),
        bytes_in: line.bytes_in.map(|size| size.0),
        bytes_out: line.bytes_out.map(|size| size.0),
        trace_id: (line.trace_id)
            .and_then(|id| TraceId::of_hex(&id.0))
            .map(Box::new),
        http_status: line.http_status,
        first_event_us: line.first_event_us.map(|us| us.0),
        format: line
            .format
            .as_ref()
            .and_then(|it| SourceFormat::from_name(&it.0)),
        part: line.part.map(|part| Box::new(part.part())),
        outcome: Outcome {
            error_kind,
            error_code: line.error_code.map(|code| Text::from(&*code.0)),
            error_msg: line.error_msg.map(|message| Text::from(&*message.0)),
            retyped: line.retyped,
        },
        payload,
        surface: None,
    }));
    Ok(())
}

/// The one of `all` that goes by a name.
fn known<T: Copy>(
    all: &[T],
    as_str: fn(T) -> &'static str,
    name: &Str<'_>,
    what: &str,
) -> Result<T, String> {
    let found = all.iter().copied().find(|&one| as_str(one) == &*name.0);
    found.ok_or_else(|| format!("`{}` is not a known {what}", name.0))
}

/// Decodes an `mcpr_session`.
fn session(Tagged { json, context, .. }: &Tagged<'_>, decoded: &mut Decoded) -> Result<(), String> {
    let line: ExportedSession<'_> = parsed(json)?;
    let Some(session_id) = text(Some(&line.session_id)) else {
        return Err("the session id is empty".to_owned());
    };
    decoded.known += 1;
    decoded.events.push(Event::Session(SessionUpdate {
        session_id,
        proxy: Some(text(line.proxy.as_ref()).unwrap_or_else(|| context.proxy.into())),
        // The time of an update that closes a session is the session's end.
        ts: line.ended_at.unwrap_or(line.last_seen_at).0,
        started_at: Some(line.started_at.0),
        last_seen_at: Some(line.last_seen_at.0),
        state: match line.ended_at {
            Some(_) => SessionState::Closed,
            None => SessionState::Active,
        },
        client_name: text(line.client_name.as_ref()),
        client_version: text(line.client_version.as_ref()),
        conversation: text(line.conversation.as_ref()),
    }));
    Ok(())
}

/// Decodes an `mcpr_gap`.
fn gap(Tagged { json, .. }: &Tagged<'_>, decoded: &mut Decoded) -> Result<(), String> {
    let line: ExportedGap<'_> = parsed(json)?;
    decoded.known += 1;
    let (source, count) = (Text::from(&*line.source.0), line.count.0.cast_unsigned());
    let (from_ts, to_ts) = (line.from_ts.0, line.to_ts.0);
    // Lines of earlier versions say no key.
    let key = line
        .key
        .unwrap_or_else(|| Gap::key_of_content(&source, count, from_ts, to_ts));
    decoded.events.push(Event::Gap(Gap {
        source,
        count,
        from_ts,
        to_ts,
        key: Some(key),
    }));
    Ok(())
}
