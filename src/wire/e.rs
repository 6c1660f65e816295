//! Stream E: what `mcpr store export` prints, one JSON object each, tagged `mcpr_request`,
//! `mcpr_session` or `mcpr_gap`. A value that is not there is null or left out.

use super::fields::{Str, Whole, text};
use super::{Decoded, LineContext};
use crate::model::{
    ErrorKind, Event, EventKey, Gap, KeySource, Kind, Outcome, Request, RequestId, SessionState,
    SessionUpdate, Target, TargetKind, Text,
};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
struct RequestLine<'a> {
    key: Option<Whole>,
    ts: Whole,
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
    latency_us: Option<Whole>,
    upstream_us: Option<Whole>,
    #[serde(borrow)]
    error_kind: Option<Str<'a>>,
    #[serde(borrow)]
    error_code: Option<Str<'a>>,
    #[serde(borrow)]
    error_msg: Option<Str<'a>>,
    bytes_in: Option<Whole>,
    bytes_out: Option<Whole>,
}

#[derive(Debug, Deserialize)]
struct SessionLine<'a> {
    #[serde(borrow)]
    session_id: Str<'a>,
    #[serde(borrow)]
    proxy: Option<Str<'a>>,
    #[serde(borrow)]
    client_name: Option<Str<'a>>,
    #[serde(borrow)]
    client_version: Option<Str<'a>>,
    started_at: Whole,
    last_seen_at: Whole,
    ended_at: Option<Whole>,
    #[serde(borrow)]
    conversation: Option<Str<'a>>,
}

#[derive(Debug, Deserialize)]
struct GapLine<'a> {
    #[serde(borrow)]
    source: Str<'a>,
    count: Whole,
    from_ts: Whole,
    to_ts: Whole,
}

/// Decodes an `mcpr_request`.
pub(super) fn request(
    json: &str,
    context: LineContext<'_>,
    decoded: &mut Decoded,
) -> Result<(), String> {
    let line: RequestLine<'_> = serde_json::from_str(json).map_err(|error| error.to_string())?;
    let kind = known(&Kind::ALL, Kind::as_str, &line.kind, "kind")?;
    let error_kind = match line.error_kind.as_ref().and_then(Str::non_empty) {
        Some(name) => Some(known(
            &ErrorKind::ALL,
            ErrorKind::as_str,
            &Str(name.into()),
            "error kind",
        )?),
        None => None,
    };
    let key = match line.key {
        Some(key) => EventKey {
            hash: key.0.cast_unsigned(),
            source: KeySource::Bytes,
        },
        None => EventKey::of_bytes(json.as_bytes(), 0),
    };
    let target = [
        (TargetKind::Tool, &line.tool),
        (TargetKind::Prompt, &line.prompt_name),
        (TargetKind::Resource, &line.resource_uri),
    ]
    .into_iter()
    .find_map(|(kind, name)| {
        let name = name.as_ref()?.0.as_ref().into();
        Some(Target { kind, name })
    });
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
        target,
        latency_us: line.latency_us.map_or(0, |us| us.0),
        upstream_us: line.upstream_us.map(|us| us.0),
        bytes_in: line.bytes_in.map(|size| size.0),
        bytes_out: line.bytes_out.map(|size| size.0),
        outcome: Outcome {
            error_kind,
            error_code: line.error_code.map(|code| Text::from(&*code.0)),
            error_msg: line.error_msg.map(|message| Text::from(&*message.0)),
        },
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
    found.ok_or_else(|| format!("`{}` is no {what}", name.0))
}

/// Decodes an `mcpr_session`.
pub(super) fn session(
    json: &str,
    context: LineContext<'_>,
    decoded: &mut Decoded,
) -> Result<(), String> {
    let line: SessionLine<'_> = serde_json::from_str(json).map_err(|error| error.to_string())?;
    let Some(session_id) = text(Some(&line.session_id)) else {
        return Err("the session id is empty".to_owned());
    };
    decoded.known += 1;
    decoded.events.push(Event::Session(SessionUpdate {
        session_id,
        proxy: Some(text(line.proxy.as_ref()).unwrap_or_else(|| context.proxy.into())),
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
pub(super) fn gap(json: &str, decoded: &mut Decoded) -> Result<(), String> {
    let line: GapLine<'_> = serde_json::from_str(json).map_err(|error| error.to_string())?;
    decoded.known += 1;
    decoded.events.push(Event::Gap(Gap {
        source: Text::from(&*line.source.0),
        count: line.count.0.cast_unsigned(),
        from_ts: line.from_ts.0,
        to_ts: line.to_ts.0,
    }));
    Ok(())
}
