//! What is sent as spans comes back as the same requests.

use crate::{Encoding, Joiner, Signal, decode, rejected_in, reply_body, spans_of};
use crate::{RejectedParts, message::TracesData};
use mcpr_model::{
    CallFacts, CallKey, Channel, ErrorKind, EventKey, KeySource, Kind, OperationLink,
    OperationPart, OperationStage, Outcome, Request, RequestId, SourceFormat, Target, TargetKind,
    TraceId,
};
use prost::Message as _;

const TS: i64 = 1_795_224_422_390;

fn plain(id: &str, method: &str) -> Request {
    let key = EventKey {
        source: KeySource::Bytes,
        ..EventKey::of_id(id)
    };
    Request {
        request_id: Some(RequestId::from_text(id)),
        latency_us: Some(1234),
        ..Request::new(key, TS, "weather".into(), Kind::Mcp, method.into())
    }
}

/// One request of each kind of ending, of each kind of traffic, with and without what may be missing.
fn requests() -> Vec<Request> {
    let endings = ErrorKind::ALL.into_iter().map(|kind| Request {
        target: Some(Target {
            kind: TargetKind::Tool,
            name: "echo with a blank".into(),
        }),
        outcome: Outcome {
            error_kind: Some(kind),
            error_code: Some("-32602".into()),
            error_msg: Some("no \u{1b}[2J".into()),
            retyped: kind == ErrorKind::Rpc,
        },
        ..plain(kind.as_str(), "tools/call")
    });
    let mut all: Vec<Request> = endings.collect();
    let target = |kind, name: &str| {
        Some(Target {
            kind,
            name: name.into(),
        })
    };
    let facts = CallFacts {
        session_id: Some("s-1"),
        id: "7",
        method: "prompts/get",
        target: "p",
    };
    let call = CallKey::of_call(Channel::Store, facts);
    let whole = Request {
        session_id: Some("s-1".into()),
        client_name: Some("client".into()),
        client_version: Some("1.0".into()),
        target: target(TargetKind::Prompt, "p"),
        upstream_us: Some(900),
        bytes_in: Some(0),
        bytes_out: Some(i64::MAX),
        http_status: Some(200),
        first_event_us: Some(3),
        format: Some(SourceFormat::JsonRpc),
        part: Some(Box::new(OperationPart {
            follows: Some(OperationLink::of_state("s")),
            leaves: None,
            stage: OperationStage::InputRequired,
        })),
        trace_id: TraceId::of_hex("0af7651916cd43dd8448eb211c80319c").map(Box::new),
        ..plain("7", "prompts/get")
    };
    all.push(Request {
        key: EventKey {
            // As a store keeps it.
            call: Some(CallKey::of_stored(call.code(TS), TS)),
            ..whole.key
        },
        ..whole
    });
    all.push(Request {
        proxy: "other".into(),
        request_id: None,
        target: target(TargetKind::Resource, "file:///a b"),
        ..plain("r", "resources/read")
    });
    for (kind, method) in [(Kind::Http, "GET"), (Kind::Oauth, "POST")] {
        all.push(Request {
            kind,
            latency_us: None,
            ..plain(method, method)
        });
    }
    all
}

#[test]
fn requests_come_back_as_they_were_sent() {
    let sent = requests();
    let body = spans_of(&sent);
    let post = decode(
        &mut Joiner::default(),
        Signal::Traces,
        Encoding::Protobuf,
        &body,
        TS,
    );
    let post = post.expect("a post");
    assert_eq!(post.rejected, None);
    assert_eq!(post.known, sent.len() as u64);
    assert_eq!(post.joined.held, []);
    assert_eq!(post.joined.rows, sent);
}

#[test]
fn a_request_that_is_sent_again_is_the_same_span() {
    let ids = || {
        let data = TracesData::decode(&*spans_of(&requests())).expect("spans");
        let scopes = data.resource_spans.into_iter();
        let spans = scopes.flat_map(|it| it.scope_spans).flat_map(|it| it.spans);
        let ids = spans.map(|span| (span.trace_id, span.span_id, span.kind));
        ids.collect::<Vec<_>>()
    };
    let (first, second) = (ids(), ids());
    assert_eq!(first, second);
    let distinct: std::collections::BTreeSet<_> = first.iter().collect();
    assert_eq!(distinct.len(), first.len());
    assert!(first.iter().all(|(_, _, kind)| *kind == 2), "SERVER spans");
}

#[test]
fn the_attributes_are_those_of_the_conventions() {
    let failed = Request {
        session_id: Some("s".into()),
        ..requests().swap_remove(0)
    };
    let data = TracesData::decode(&*spans_of(&[failed])).expect("spans");
    let span = &data.resource_spans[0].scope_spans[0].spans[0];
    let attributes = crate::attributes::Attributes(&span.attributes);
    let text_of = |name: &str| attributes.text(name).unwrap_or_default().to_string();
    assert_eq!(span.name, "tools/call echo with a blank");
    for (name, value) in [
        ("mcp.method.name", "tools/call"),
        ("gen_ai.tool.name", "echo with a blank"),
        ("mcp.session.id", "s"),
        ("jsonrpc.request.id", "rpc"),
        ("error.type", "-32602"),
        ("rpc.response.status_code", "-32602"),
    ] {
        assert_eq!(text_of(name), value, "{name}");
    }
    assert_eq!(
        span.end_time_unix_nano - span.start_time_unix_nano,
        1_234_000
    );
}

#[test]
fn an_answer_says_what_was_not_taken() {
    let parts = RejectedParts {
        count: 2,
        why: "no".to_owned(),
    };
    let reply = reply_body(Encoding::Protobuf, Signal::Traces, Some(&parts));
    assert_eq!(rejected_in(&reply), Ok(Some(parts)));
    assert_eq!(rejected_in(b""), Ok(None));
    assert!(rejected_in(b"<html>").is_err());
}
