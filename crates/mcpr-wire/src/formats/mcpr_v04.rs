//! `mcpr_v04`: the events of mcpr 0.4, one JSON object each, tagged `type`.

use crate::Decoded;
use crate::fields::{Str, WholeNumber, http_status, parsed, raw_text, text};
use crate::format::{Fact, Format, Knows, Tagged, Tags};
use crate::rpc::{http_outcome, shorten};
use crate::scan::{Otherwise, Scan};
use mcpr_model::{
    ErrorKind, Event, EventKey, Kind, Outcome, Request, RequestId, SessionState, SessionUpdate,
    SourceFormat, SurfaceContent, SurfaceUpdate, Target, Text,
};
use serde::Deserialize;
use serde_json::value::RawValue;

/// How every `request` begins in what the proxy prints: worth a path of its own.
const COMMON_START: &str = "{\"type\":\"request\",";

/// The format; see the head of this file.
pub(super) struct McprV04;

impl Format for McprV04 {
    fn id(&self) -> SourceFormat {
        SourceFormat::McprV04
    }

    fn about(&self) -> &'static str {
        "events of mcpr 0.4"
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
            Fact::Surface,
        ])
    }

    fn tags(&self) -> &'static [&'static str] {
        &["type"]
    }

    fn common_start(&self) -> Option<&'static str> {
        Some(COMMON_START)
    }

    fn claims(&self, tags: &Tags<'_>) -> bool {
        const TYPES: [&str; 5] = [
            "request",
            "session_start",
            "session_end",
            "schema_version_created",
            // mcpr 0.5 prints them too; they lead to nothing, whoever does.
            "heartbeat",
        ];
        tags.is_one_of("type", &TYPES)
    }

    fn decode(&self, event: &Tagged<'_>, decoded: &mut Decoded) -> Result<(), String> {
        match event.tags.text("type").as_ref().map(|it| &*it.0) {
            // An event that was recognised by its beginning has no tags.
            None | Some("request") => request(event, decoded),
            Some("session_start") => session(event, SessionState::Active, decoded),
            Some("session_end") => session(event, SessionState::Closed, decoded),
            Some("schema_version_created") => schema_version(event, decoded),
            // Heartbeats lead to no row, but must not be counted as something unknown.
            Some(_) => {
                decoded.known += 1;
                Ok(())
            }
        }
    }
}

#[derive(Debug, Deserialize)]
struct V04Request<'a> {
    #[serde(borrow)]
    id: Str<'a>,
    ts: WholeNumber,
    #[serde(borrow)]
    proxy: Option<Str<'a>>,
    #[serde(borrow)]
    server: Option<Str<'a>>,
    #[serde(borrow)]
    session_id: Option<Str<'a>>,
    #[serde(borrow)]
    method: Str<'a>,
    #[serde(borrow)]
    mcp_method: Option<Str<'a>>,
    #[serde(borrow)]
    tool: Option<Str<'a>>,
    #[serde(borrow)]
    resource_uri: Option<Str<'a>>,
    #[serde(borrow)]
    prompt_name: Option<Str<'a>>,
    status: Option<WholeNumber>,
    latency_us: WholeNumber,
    upstream_us: Option<WholeNumber>,
    request_size: Option<WholeNumber>,
    response_size: Option<WholeNumber>,
    #[serde(borrow)]
    error_code: Option<&'a RawValue>,
    #[serde(borrow)]
    error_msg: Option<Str<'a>>,
    #[serde(borrow)]
    client_name: Option<Str<'a>>,
    #[serde(borrow)]
    client_version: Option<Str<'a>>,
}

#[derive(Debug, Deserialize)]
struct V04Session<'a> {
    #[serde(borrow)]
    session_id: Str<'a>,
    ts: WholeNumber,
    #[serde(borrow)]
    proxy: Option<Str<'a>>,
    #[serde(borrow)]
    server: Option<Str<'a>>,
    #[serde(borrow)]
    client_name: Option<Str<'a>>,
    #[serde(borrow)]
    client_version: Option<Str<'a>>,
}

/// A `request` as the proxy prints it, member by member. To ask serde for the same
/// takes several times as long, and nearly all of a stream are of these.
fn as_printed(json: &str) -> Result<V04Request<'_>, Otherwise> {
    let mut scan = Scan::of(json)?;
    scan.pass(COMMON_START)?;
    let id = scan.member("\"id\":", Scan::text)?;
    let ts = scan.member(",\"ts\":", Scan::number)?;
    let proxy = scan.member(",\"proxy\":", Scan::text_or_null)?;
    let session_id = scan.member(",\"session_id\":", Scan::text_or_null)?;
    let method = scan.member(",\"method\":", Scan::text)?;
    scan.member(",\"path\":", Scan::text)?;
    let mcp_method = scan.member(",\"mcp_method\":", Scan::text_or_null)?;
    let tool = scan.member(",\"tool\":", Scan::text_or_null)?;
    let resource_uri = scan.member(",\"resource_uri\":", Scan::text_or_null)?;
    let prompt_name = scan.member(",\"prompt_name\":", Scan::text_or_null)?;
    let status = scan.member(",\"status\":", Scan::number_or_null)?;
    let latency_us = scan.member(",\"latency_us\":", Scan::number)?;
    let upstream_us = scan.member(",\"upstream_us\":", Scan::number_or_null)?;
    let request_size = scan.member(",\"request_size\":", Scan::number_or_null)?;
    let response_size = scan.member(",\"response_size\":", Scan::number_or_null)?;
    // An error of JSON-RPC is rare, and its code may be of any type.
    scan.pass(",\"error_code\":null")?;
    let error_msg = scan.member(",\"error_msg\":", Scan::text_or_null)?;
    let client_name = scan.member(",\"client_name\":", Scan::text_or_null)?;
    let client_version = scan.member(",\"client_version\":", Scan::text_or_null)?;
    scan.member(",\"note\":", Scan::text)?;
    scan.pass("}")?;
    scan.end()?;
    Ok(V04Request {
        id,
        ts,
        proxy,
        server: None,
        session_id,
        method,
        mcp_method,
        tool,
        resource_uri,
        prompt_name,
        status,
        latency_us,
        upstream_us,
        request_size,
        response_size,
        error_code: None,
        error_msg,
        client_name,
        client_version,
    })
}

/// Decodes a `request`.
fn request(Tagged { json, context, .. }: &Tagged<'_>, decoded: &mut Decoded) -> Result<(), String> {
    let event = match as_printed(json) {
        Ok(event) => event,
        Err(Otherwise) => parsed::<V04Request<'_>>(json)?,
    };
    let (kind, method) = match event.mcp_method.as_ref().and_then(Str::non_empty) {
        // Opening a stream is HTTP traffic, whatever the field says.
        Some(method) => (Kind::of_method(method), method),
        // Without a method of MCP the field `method` is the HTTP verb.
        None => (Kind::Http, &*event.method.0),
    };
    // It prints and posts the same event under one id: recorded twice, it is stored once.
    let key = EventKey::of_id(&event.id.0);
    let proxy = text(event.proxy.as_ref())
        .or_else(|| text(event.server.as_ref()))
        .unwrap_or_else(|| context.proxy.into());
    let request = Request {
        request_id: Some(RequestId::from_text(&event.id.0)),
        session_id: text(event.session_id.as_ref()),
        client_name: text(event.client_name.as_ref()),
        client_version: text(event.client_version.as_ref()),
        target: Target::of_names(
            text(event.tool.as_ref()),
            text(event.prompt_name.as_ref()),
            text(event.resource_uri.as_ref()),
        ),
        latency_us: Some(event.latency_us.0),
        upstream_us: event.upstream_us.map(|us| us.0),
        http_status: event.status.and_then(|status| http_status(status.0)),
        bytes_in: event.request_size.map(|size| size.0),
        bytes_out: event.response_size.map(|size| size.0),
        outcome: outcome(&event),
        ..Request::new(key, event.ts.0, proxy, kind, method.into())
    };
    let ended = (kind == Kind::Http && request.method == "DELETE" && is_success(&event))
        .then(|| crate::ended_by_delete(&request))
        .flatten();
    decoded.known += 1;
    decoded.events.push(Event::Request(request));
    decoded.events.extend(ended);
    Ok(())
}

fn is_success(event: &V04Request<'_>) -> bool {
    event
        .status
        // A server that refused the DELETE still has the session.
        .is_some_and(|status| (200..400).contains(&status.0))
}

fn outcome(event: &V04Request<'_>) -> Outcome {
    let message = || {
        event
            .error_msg
            .as_ref()
            .and_then(Str::non_empty)
            .map(shorten)
    };
    // The proxy saw an error of JSON-RPC: that the status is 200 means nothing then.
    if let Some(code) = event.error_code {
        let code = Text::from(raw_text(code).as_ref());
        return Outcome {
            error_kind: Some(ErrorKind::Rpc),
            error_code: Some(code),
            error_msg: message(),
            retyped: false,
        };
    }
    let mut outcome = http_outcome(event.status.map(|status| status.0));
    // A message beside a status of success is not an error, and would be shown as one.
    if outcome.error_kind.is_some() {
        outcome.error_msg = message();
    }
    outcome
}

#[derive(Debug, Deserialize)]
struct V04SurfaceVersion<'a> {
    ts: WholeNumber,
    #[serde(borrow)]
    upstream_id: Option<Str<'a>>,
    #[serde(borrow)]
    upstream_url: Option<Str<'a>>,
    #[serde(borrow)]
    method: Str<'a>,
    #[serde(borrow)]
    payload: &'a RawValue,
}

/// Decodes a `schema_version_created`.
fn schema_version(
    Tagged { json, context, .. }: &Tagged<'_>,
    decoded: &mut Decoded,
) -> Result<(), String> {
    let event: V04SurfaceVersion<'_> = parsed(json)?;
    decoded.known += 1;
    decoded.events.push(Event::Surface(Box::new(SurfaceUpdate {
        proxy: text(event.upstream_id.as_ref()).unwrap_or_else(|| context.proxy.into()),
        method: Text::from(&*event.method.0),
        ts: event.ts.0,
        session_id: None,
        client_name: None,
        content: SurfaceContent::Whole {
            upstream: text(event.upstream_url.as_ref()),
            result: event.payload.get().into(),
        },
    })));
    Ok(())
}

/// Decodes a `session_start` or `session_end`.
fn session(
    Tagged { json, context, .. }: &Tagged<'_>,
    state: SessionState,
    decoded: &mut Decoded,
) -> Result<(), String> {
    let event: V04Session<'_> = parsed(json)?;
    let Some(session_id) = text(Some(&event.session_id)) else {
        return Err("the session id is empty".to_owned());
    };
    // A poster may stamp its own name on events that have one.
    let stated = text(event.proxy.as_ref()).or_else(|| text(event.server.as_ref()));
    let proxy = match state {
        SessionState::Active => stated.or_else(|| Some(context.proxy.into())),
        // The end of a session does not say whose it was: every session of that id ends.
        SessionState::Closed => stated,
    };
    decoded.known += 1;
    decoded.events.push(Event::Session(SessionUpdate {
        session_id,
        proxy,
        ts: event.ts.0,
        started_at: (state == SessionState::Active).then_some(event.ts.0),
        last_seen_at: None,
        state,
        client_name: text(event.client_name.as_ref()),
        client_version: text(event.client_version.as_ref()),
        conversation: None,
    }));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = r#"{"type":"request","id":"5c9f","ts":1795224422401,"proxy":"everything","session_id":"cd48","method":"POST","path":"/","mcp_method":"tools/call","tool":"get-süm","resource_uri":null,"prompt_name":null,"status":200,"latency_us":4855,"upstream_us":4759,"request_size":163,"response_size":null,"error_code":null,"error_msg":null,"client_name":"claude-desktop","client_version":"1.2.0","note":"rewritten+sse"}"#;

    /// What serde makes of a line that is read as it is printed; whether it was.
    fn is_read_alike(json: &str) -> bool {
        let Ok(printed) = as_printed(json) else {
            return false;
        };
        let parsed = parsed::<V04Request<'_>>(json);
        // Each member by its text: a raw value has no equality of its own.
        assert_eq!(
            parsed.map(|it| format!("{it:?}")),
            Ok(format!("{printed:?}")),
            "{json}"
        );
        true
    }

    #[test]
    fn what_the_proxy_prints_is_read_without_serde() {
        assert!(is_read_alike(PRINTED));
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/data/mcpr-0.4.64/proxy.log"
        );
        let text = std::fs::read_to_string(path).expect("a capture");
        let requests = text.lines().filter(|line| line.starts_with(COMMON_START));
        let (all, alike) = requests.fold((0, 0), |(all, alike), line| {
            (all + 1, alike + usize::from(is_read_alike(line)))
        });
        assert!(alike * 10 > all * 8, "{alike} of {all}");
    }

    #[test]
    fn a_line_that_is_changed_anywhere_is_read_as_serde_reads_it() {
        let seed = mcpr_seed::seed();
        let mut random = fastrand::Rng::with_seed(seed);
        // What JSON is made of, and what no JSON has.
        let parts = [
            "\"",
            "\\",
            "\\u00e9",
            "null",
            "0",
            "-1",
            "1.0",
            "1e3",
            "99999999999999999999",
            ",",
            "}",
            "{",
            "[]",
            " ",
            "\u{1}",
            "\u{7f}",
            "é",
            "\"ts\":1,",
            "true",
        ];
        let mut read = 0;
        for _ in 0..20_000 {
            let mut line = PRINTED.to_owned();
            for _ in 0..random.usize(1..3) {
                let from = line.floor_char_boundary(random.usize(..line.len()));
                let to = line.ceil_char_boundary((from + random.usize(..8)).min(line.len()));
                line.replace_range(from..to, random.choice(parts).expect("a part"));
            }
            read += usize::from(is_read_alike(&line));
        }
        assert!(read > 100, "{read} lines were read at all, seed {seed}");
    }
}
