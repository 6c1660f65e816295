//! Spans that another recorder of ours has sent: nothing of them is guessed, for they say all that a row has.

use crate::attributes::Attributes;
use crate::message::SpanMessage;
use crate::span::{Position, ms};
use crate::vocabulary::{METHOD, PROMPT, REQUEST_ID, RESOURCE, SESSION, TOOL, own};
use mcpr_model::{
    CallKey, ErrorKind, EventKey, KeySource, Kind, OperationLink, OperationPart, OperationStage,
    Outcome, Request, RequestId, SourceFormat, Target, TargetKind, Text,
};

/// The name of the scope.
pub(crate) const SCOPE: &str = "mcpr";

/// The row that a span was made of; `None` where it is not one of ours.
pub(crate) fn request(
    span: &SpanMessage,
    position: Position,
    scope: &str,
    service: &Text,
) -> Option<Request> {
    if scope != SCOPE {
        return None;
    }
    let attributes = Attributes(&span.attributes);
    let key = attributes.number(own::KEY)?;
    let kind = match attributes.text(own::KIND) {
        Some(word) => (Kind::ALL.into_iter()).find(|kind| kind.as_str() == word.as_str())?,
        None => Kind::Mcp,
    };
    let method = attributes.first(METHOD);
    let method = method.or_else(|| attributes.text("http.request.method"))?;
    let ts = ms(position.start_ns);
    let call = attributes.number(own::CALL);
    let key = EventKey {
        hash: key.cast_unsigned(),
        source: KeySource::Bytes,
        call: call.map(|code| CallKey::of_stored(code, ts)),
    };
    let is_untimed = attributes.flag(own::UNTIMED) == Some(true);
    let is_made_up = attributes.flag(own::TRACE_MADE_UP) == Some(true);
    Some(Request {
        request_id: attributes
            .first(REQUEST_ID)
            .map(|id| RequestId::from_text(&id)),
        // Whoever recorded it knew whether its revision has sessions.
        session_id: attributes.first(SESSION),
        client_name: attributes.text(own::CLIENT_NAME),
        client_version: attributes.text(own::CLIENT_VERSION),
        target: target(attributes),
        // Nobody's latency is 0: it is left out where it is not known.
        latency_us: position.latency_us().filter(|_| !is_untimed),
        upstream_us: attributes.number(own::UPSTREAM),
        bytes_in: attributes.number(own::BYTES_IN),
        bytes_out: attributes.number(own::BYTES_OUT),
        http_status: attributes
            .number("http.response.status_code")
            .and_then(|status| u16::try_from(status).ok()),
        first_event_us: attributes.number(own::FIRST_EVENT),
        format: attributes
            .text(own::FORMAT)
            .and_then(|name| SourceFormat::from_name(&name)),
        part: part(attributes),
        trace_id: (!is_made_up).then(|| Box::new(position.trace)),
        outcome: outcome(attributes)?,
        ..Request::new(key, ts, service.clone(), kind, method)
    })
}

/// Its place in an operation of several requests.
fn part(attributes: Attributes<'_>) -> Option<Box<OperationPart>> {
    let link = |name| attributes.number(name).map(OperationLink::from_code);
    let stage = attributes.text(own::STAGE)?;
    Some(Box::new(OperationPart {
        follows: link(own::FOLLOWS),
        leaves: link(own::LEAVES),
        stage: OperationStage::from_name(&stage)?,
    }))
}

fn target(attributes: Attributes<'_>) -> Option<Target> {
    let places = [
        (TargetKind::Tool, TOOL),
        (TargetKind::Prompt, PROMPT),
        (TargetKind::Resource, RESOURCE),
    ];
    places.into_iter().find_map(|(kind, names)| {
        let name = attributes.first(names)?;
        Some(Target { kind, name })
    })
}

/// How it ended; `None` where a later version says something that this one does not know.
fn outcome(attributes: Attributes<'_>) -> Option<Outcome> {
    let error_kind = match attributes.text(own::ERROR_KIND) {
        Some(word) => {
            let mut known = ErrorKind::ALL.into_iter();
            Some(known.find(|kind| kind.as_str() == word.as_str())?)
        }
        None => None,
    };
    Some(Outcome {
        error_kind,
        error_code: attributes.text(own::ERROR_CODE),
        error_msg: attributes.text(own::ERROR_MESSAGE),
        retyped: attributes.flag(own::RETYPED) == Some(true),
    })
}
