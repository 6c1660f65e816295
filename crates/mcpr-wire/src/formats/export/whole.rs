//! What a whole export has besides: payloads within requests, and lines tagged `mcpr_surface`,
//! `mcpr_surface_item`, `mcpr_bad_line` and `mcpr_server`.

use crate::fields::{Str, WholeNumber, parsed, text};
use crate::format::Tagged;
use crate::{Bodies, Decoded, LineContext};
use mcpr_model::{
    BadLine, Body, Event, OperationLink, OperationPart, OperationStage, OutputTail, Payload,
    ServerExit, ServerRun, SurfaceContent, SurfaceUpdate, SurfaceVersion, Text,
};
use serde::Deserialize;
use serde_json::value::RawValue;

/// The tags of the lines.
pub(super) const TAGS: [&str; 4] = [
    "mcpr_surface",
    "mcpr_surface_item",
    "mcpr_bad_line",
    "mcpr_server",
];

/// Highest number of a version: as high as JSON numbers are exact, and there is room for the next one.
const MAX_VERSION: i64 = 1 << 53;

/// A body as far as it was kept. Its text is not JSON of the line: its end may be missing.
#[derive(Debug, Deserialize)]
pub(super) struct ExportedBody<'a> {
    #[serde(borrow)]
    text: Str<'a>,
    bytes: WholeNumber,
    // Left out where it is false.
    #[serde(default)]
    cut: bool,
}

/// The place of a request in an operation of several.
#[derive(Debug, Deserialize)]
pub(super) struct ExportedPart {
    follows: Option<i64>,
    leaves: Option<i64>,
    stage: String,
}

impl ExportedPart {
    pub(super) fn part(&self) -> OperationPart {
        OperationPart {
            follows: self.follows.map(OperationLink::from_code),
            leaves: self.leaves.map(OperationLink::from_code),
            // One of a later version says at least that it is a part.
            stage: OperationStage::from_name(&self.stage).unwrap_or(OperationStage::Complete),
        }
    }
}

#[derive(Debug, Deserialize)]
struct ExportedVersion<'a> {
    #[serde(borrow)]
    proxy: Option<Str<'a>>,
    #[serde(borrow)]
    method: Str<'a>,
    version: WholeNumber,
    first_seen_at: WholeNumber,
    last_seen_at: WholeNumber,
    #[serde(borrow)]
    session_id: Option<Str<'a>>,
    #[serde(borrow)]
    client_name: Option<Str<'a>>,
    #[serde(borrow)]
    upstream: Option<Str<'a>>,
    announced: bool,
    #[serde(borrow)]
    protocol: Option<Str<'a>>,
    peculiar: Vec<String>,
    changes: Vec<ExportedChange>,
    #[serde(borrow)]
    payload: &'a RawValue,
}

#[derive(Debug, Deserialize)]
struct ExportedChange {
    change: String,
    item: Option<String>,
}

#[derive(Debug, Deserialize)]
struct ExportedItem<'a> {
    #[serde(borrow)]
    proxy: Option<Str<'a>>,
    #[serde(borrow)]
    method: Str<'a>,
    first_seen_at: WholeNumber,
    last_seen_at: WholeNumber,
    #[serde(borrow)]
    payload: &'a RawValue,
}

#[derive(Debug, Deserialize)]
struct ExportedBadLine<'a> {
    #[serde(borrow)]
    source: Str<'a>,
    offset: WholeNumber,
    ts: WholeNumber,
    reason: String,
    #[serde(borrow)]
    excerpt: Option<Str<'a>>,
    #[serde(borrow)]
    excerpt_hex: Option<Str<'a>>,
}

#[derive(Debug, Deserialize)]
struct ExportedServer<'a> {
    #[serde(borrow)]
    session_id: Str<'a>,
    #[serde(borrow)]
    proxy: Option<Str<'a>>,
    ts: WholeNumber,
    #[serde(borrow)]
    command: Option<Str<'a>>,
    pid: Option<u32>,
    ended_at: Option<WholeNumber>,
    exit_code: Option<u8>,
    exit_signal: Option<u8>,
    died: bool,
    #[serde(borrow)]
    refused: Option<Str<'a>>,
    #[serde(borrow)]
    protocol: Option<Str<'a>>,
    #[serde(borrow)]
    name: Option<Str<'a>>,
    #[serde(borrow)]
    version: Option<Str<'a>>,
    #[serde(borrow)]
    stderr: Option<ExportedBody<'a>>,
    #[serde(borrow)]
    stray: Option<ExportedBody<'a>>,
}

/// The payload, where there is one.
pub(super) fn payload(
    params: Option<&ExportedBody<'_>>,
    answer: Option<&ExportedBody<'_>>,
) -> Option<Box<Payload>> {
    let (params, answer) = (params.map(body), answer.map(body));
    let has_any = params.is_some() || answer.is_some();
    has_any.then(|| Box::new(Payload { params, answer }))
}

fn body(exported: &ExportedBody<'_>) -> Body {
    // No more of it than of any other stream's.
    let kept = Body::of(&exported.text.0);
    Body {
        text: kept.text,
        bytes: exported.bytes.0.cast_unsigned(),
        is_cut: exported.cut || kept.is_cut,
    }
}

/// Decodes a line with one of [`TAGS`].
pub(super) fn decode(
    tag: &str,
    Tagged { json, context, .. }: &Tagged<'_>,
    decoded: &mut Decoded,
) -> Result<(), String> {
    match tag {
        "mcpr_surface" => version(parsed(json)?, context.proxy, decoded),
        "mcpr_surface_item" => item(&parsed(json)?, context.proxy, decoded),
        "mcpr_server" => server(&parsed(json)?, context, decoded),
        _ => bad_line(parsed(json)?, decoded),
    }?;
    decoded.known += 1;
    Ok(())
}

fn server(
    line: &ExportedServer<'_>,
    context: &LineContext<'_>,
    decoded: &mut Decoded,
) -> Result<(), String> {
    let Some(session_id) = text(Some(&line.session_id)) else {
        return Err("the session id is empty".to_owned());
    };
    let code = line.exit_code.map(ServerExit::Code);
    let exit = code.or(line.exit_signal.map(ServerExit::Signal));
    let tail = |body: &ExportedBody<'_>| {
        // What it wrote goes with payloads; that it did is not a secret.
        let kept = match context.bodies {
            Bodies::Kept => &*body.text.0,
            Bodies::Left => "",
        };
        // The end is what is kept of an output, also where a line claims more.
        let from = kept.ceil_char_boundary(kept.len().saturating_sub(OutputTail::MAX_BYTES));
        OutputTail {
            text: kept[from..].into(),
            bytes: body.bytes.0.cast_unsigned(),
        }
    };
    decoded.events.push(Event::Server(Box::new(ServerRun {
        proxy: text(line.proxy.as_ref()).unwrap_or_else(|| context.proxy.into()),
        session_id,
        ts: line.ts.0,
        command: text(line.command.as_ref()),
        pid: line.pid,
        end: exit.zip(line.ended_at.map(|at| at.0)),
        is_death: line.died,
        refused: text(line.refused.as_ref()),
        protocol: text(line.protocol.as_ref()),
        server_name: text(line.name.as_ref()),
        server_version: text(line.version.as_ref()),
        stderr: line.stderr.as_ref().map(tail),
        stray: line.stray.as_ref().map(tail),
    })));
    Ok(())
}

fn version(line: ExportedVersion<'_>, proxy: &str, decoded: &mut Decoded) -> Result<(), String> {
    let method = listed_by(&line.method)?;
    // Where it is taken already, the store gives it another.
    let number = line.version.0;
    if !(1..=MAX_VERSION).contains(&number) {
        return Err(format!(
            "{number} is not a number of a version: they begin with 1"
        ));
    }
    let changes = line.changes.into_iter().map(|it| {
        let is_known = is_change(&it.change);
        let change = (it.change, it.item);
        is_known
            .then_some(change)
            .ok_or("a change of an unknown kind")
    });
    let content = SurfaceContent::Version(Box::new(SurfaceVersion {
        version: number,
        payload: object(line.payload)?,
        last_seen_at: line.last_seen_at.0,
        upstream: text(line.upstream.as_ref()),
        announced: line.announced,
        protocol: text(line.protocol.as_ref()),
        peculiar: line.peculiar,
        changes: changes.collect::<Result<_, _>>()?,
    }));
    decoded.events.push(Event::Surface(Box::new(SurfaceUpdate {
        proxy: text(line.proxy.as_ref()).unwrap_or_else(|| proxy.into()),
        method,
        ts: line.first_seen_at.0,
        session_id: text(line.session_id.as_ref()),
        client_name: text(line.client_name.as_ref()),
        content,
    })));
    Ok(())
}

/// An item that was seen alone is seen at both of its times.
fn item(line: &ExportedItem<'_>, proxy: &str, decoded: &mut Decoded) -> Result<(), String> {
    let method = listed_by(&line.method)?;
    let item = object(line.payload)?;
    let (first, last) = (line.first_seen_at.0, line.last_seen_at.0);
    // A store makes one item of both.
    let times = [first, last.max(first)];
    let seen = times.map(|ts| {
        Event::Surface(Box::new(SurfaceUpdate {
            proxy: text(line.proxy.as_ref()).unwrap_or_else(|| proxy.into()),
            method: method.clone(),
            ts,
            session_id: None,
            client_name: None,
            content: SurfaceContent::Item { item: item.clone() },
        }))
    });
    decoded.events.extend(seen);
    Ok(())
}

fn bad_line(line: ExportedBadLine<'_>, decoded: &mut Decoded) -> Result<(), String> {
    // Text first: it is what nearly every bad line has.
    let mut excerpt = match (line.excerpt, line.excerpt_hex) {
        (Some(text), _) => text.0.into_owned().into_bytes(),
        (None, Some(hex)) => bytes_of(&hex.0).ok_or("`excerpt_hex` is not hexadecimal text")?,
        (None, None) => return Err("a bad line has no excerpt".to_owned()),
    };
    excerpt.truncate(BadLine::MAX_EXCERPT_BYTES);
    let mut reason = line.reason;
    reason.truncate(reason.floor_char_boundary(BadLine::MAX_REASON_BYTES));
    decoded.events.push(Event::BadLine(BadLine {
        source: Text::from(&*line.source.0),
        offset: line.offset.0.cast_unsigned(),
        reason,
        excerpt,
        ts: line.ts.0,
    }));
    Ok(())
}

/// The method of a list that makes a surface.
fn listed_by(method: &Str<'_>) -> Result<Text, String> {
    let mut known = SurfaceUpdate::METHODS.into_iter();
    let found = known.find(|known| *known == method.0);
    found
        .map(Text::const_new)
        .ok_or_else(|| format!("`{}` lists nothing of a server", method.0))
}

fn object(json: &RawValue) -> Result<Box<str>, String> {
    if json.get().starts_with('{') {
        Ok(json.get().into())
    } else {
        Err("`payload` is not an object".to_owned())
    }
}

/// Whether a word says what a version brought.
fn is_change(word: &str) -> bool {
    let of_items = word.rsplit_once('_').is_some_and(|(kind, change)| {
        matches!(kind, "tool" | "prompt" | "resource" | "resource_template")
            && matches!(change, "added" | "removed" | "modified")
    });
    of_items || matches!(word, "initial" | "updated")
}

fn bytes_of(hex: &str) -> Option<Vec<u8>> {
    let digits = hex.as_bytes();
    if !digits.len().is_multiple_of(2) || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let pairs = digits.chunks_exact(2).map(|pair| {
        let text = std::str::from_utf8(pair).ok()?;
        u8::from_str_radix(text, 16).ok()
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::decoded;

    #[test]
    fn a_line_that_means_nothing_is_bad_and_says_why() {
        let version = r#""type":"mcpr_surface","proxy":"p","first_seen_at":1,"last_seen_at":2,"announced":false,"peculiar":[]"#;
        let cases = [
            (format!(r#"{{{version},"method":"tools/call","version":1,"changes":[],"payload":{{}}}}"#), "lists nothing of a server"),
            (format!(r#"{{{version},"method":"tools/list","version":0,"changes":[],"payload":{{}}}}"#), "they begin with 1"),
            (format!(r#"{{{version},"method":"tools/list","version":9223372036854775807,"changes":[],"payload":{{}}}}"#), "is not a number of a version"),
            (format!(r#"{{{version},"method":"tools/list","version":1,"changes":[{{"change":"x","item":null}}],"payload":{{}}}}"#), "unknown kind"),
            (format!(r#"{{{version},"method":"tools/list","version":1,"changes":[],"payload":[]}}"#), "not an object"),
            (format!(r#"{{{version},"method":"tools/list","version":1,"changes":[]}}"#), "payload"),
            (r#"{"type":"mcpr_surface_item","method":"tools/list","first_seen_at":1,"last_seen_at":"2","payload":{}}"#.to_owned(), "whole number"),
            (r#"{"type":"mcpr_bad_line","source":"a","offset":0,"ts":1,"reason":"r"}"#.to_owned(), "no excerpt"),
            (r#"{"type":"mcpr_bad_line","source":"a","offset":0,"ts":1,"reason":"r","excerpt_hex":"zz"}"#.to_owned(), "hexadecimal"),
            (r#"{"type":"mcpr_bad_line","source":"a","offset":0,"ts":1,"reason":"r","excerpt_hex":"0é"}"#.to_owned(), "hexadecimal"),
            (r#"{"type":"mcpr_request","ts":1,"kind":"mcp","method":"ping","params":"{}"}"#.to_owned(), "ExportedBody"),
            (r#"{"type":"mcpr_request","ts":1,"kind":"mcp","method":"ping","params":{"text":"{}"}}"#.to_owned(), "bytes"),
        ];
        for (line, says) in cases {
            let decoded = decoded(&line);
            assert!(decoded.events.is_empty(), "{line}");
            let reasons: Vec<&str> = decoded.bad.iter().map(|bad| bad.reason.as_str()).collect();
            assert!(
                matches!(&reasons[..], [reason] if reason.contains(says)),
                "{line}: {reasons:?}"
            );
        }
    }

    #[test]
    fn what_is_too_long_is_cut_as_of_every_stream() {
        let long = "x".repeat(Body::MAX_BYTES + 1);
        let line = format!(
            r#"{{"type":"mcpr_request","ts":1,"kind":"mcp","method":"ping","answer":{{"text":"{long}","bytes":9000000}}}}"#
        );
        let events = decoded(&line).events;
        let [Event::Request(request)] = &events[..] else {
            panic!("{events:?}");
        };
        let answer = request
            .payload
            .as_ref()
            .and_then(|it| it.answer.as_ref())
            .expect("an answer");
        assert_eq!(
            (answer.text.len(), answer.bytes, answer.is_cut),
            (Body::MAX_BYTES, 9_000_000, true)
        );
        let line = format!(
            r#"{{"type":"mcpr_bad_line","source":"a","offset":1,"ts":2,"reason":"{long}","excerpt":"{long}"}}"#
        );
        let events = decoded(&line).events;
        let [Event::BadLine(bad)] = &events[..] else {
            panic!("{events:?}");
        };
        assert_eq!(bad.excerpt.len(), BadLine::MAX_EXCERPT_BYTES);
        assert_eq!(bad.reason.len(), BadLine::MAX_REASON_BYTES);
    }
}
