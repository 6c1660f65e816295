//! Payloads, where an emitter sends them along: under any name that one of them uses.

use crate::attributes::Attributes;
use mcpr_model::{Body, Payload};
use serde_json::value::RawValue;

/// Where the arguments of a call stand.
const ARGUMENTS: &[&str] = &[
    "gen_ai.tool.call.arguments",
    "mcp.tool.arguments",
    "ai.toolCall.args",
    "traceloop.entity.input",
    "tool_arguments",
    "arguments",
    "gen_ai.input.messages",
];
/// Where its result stands.
const RESULT: &[&str] = &[
    "gen_ai.tool.call.result",
    "mcp.tool.result",
    "ai.toolCall.result",
    "traceloop.entity.output",
    "tool_result",
    "output",
    "gen_ai.output.messages",
];
/// Most bytes of a body that wait until all accounts of its operation have come: more than is kept by default, so
/// that no secret is halved by this.
const MAX_WAITING_BYTES: usize = 128 * 1024;

/// The payload that attributes hold, of a call of this name.
pub(crate) fn of(attributes: Attributes<'_>, name: Option<&str>) -> Option<Box<Payload>> {
    let arguments = attributes.first(ARGUMENTS).map(|text| json(&text));
    let params = arguments.map(|arguments| match name {
        Some(name) => format!(r#"{{"name":{},"arguments":{arguments}}}"#, quoted(name)),
        None => format!(r#"{{"arguments":{arguments}}}"#),
    });
    let answer = attributes.first(RESULT).map(|text| json(&text));
    let body = |text: String| {
        let len = text.floor_char_boundary(MAX_WAITING_BYTES);
        Body {
            text: text[..len].into(),
            bytes: text.len() as u64,
            is_cut: len < text.len(),
        }
    };
    let payload = Payload {
        params: params.map(body),
        answer: answer.map(body),
    };
    (payload != Payload::default()).then(|| Box::new(payload))
}

/// What two accounts of one operation hold; the first counts more.
pub(crate) fn merged(first: Option<&Payload>, second: Option<&Payload>) -> Option<Box<Payload>> {
    let body = |part: fn(&Payload) -> &Option<Body>| {
        let of = |payload: Option<&Payload>| payload.and_then(|it| part(it).clone());
        of(first).or_else(|| of(second))
    };
    let payload = Payload {
        params: body(|it| &it.params),
        answer: body(|it| &it.answer),
    };
    (payload != Payload::default()).then(|| Box::new(payload))
}

/// A text as JSON: what does not parse becomes a string.
fn json(text: &str) -> String {
    match serde_json::from_str::<&RawValue>(text) {
        Ok(raw) => raw.get().to_owned(),
        Err(_) => quoted(text),
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{AnyValue, KeyValue, PlainValue};

    fn attribute(name: &str, text: &str) -> KeyValue {
        KeyValue {
            key: name.to_owned(),
            value: Some(AnyValue {
                value: Some(PlainValue::Text(text.to_owned())),
            }),
        }
    }

    #[test]
    fn arguments_and_results_are_found_under_each_name_and_are_json() {
        for (arguments, result) in ARGUMENTS.iter().zip(RESULT) {
            let list = [
                attribute(arguments, r#"{"city":"Bern"}"#),
                attribute(result, "it is \"fine\""),
            ];
            let payload = of(Attributes(&list), Some("a\"b")).expect("a payload");
            let (params, answer) = (
                payload.params.expect("params"),
                payload.answer.expect("answer"),
            );
            assert_eq!(
                &*params.text,
                r#"{"name":"a\"b","arguments":{"city":"Bern"}}"#
            );
            assert_eq!(&*answer.text, r#""it is \"fine\"""#);
        }
        assert_eq!(of(Attributes(&[]), Some("t")), None);
    }

    #[test]
    fn a_body_that_waits_has_a_bound() {
        let long = [attribute(RESULT[0], &"x".repeat(MAX_WAITING_BYTES * 2))];
        let payload = of(Attributes(&long), None).expect("a payload");
        let answer = payload.answer.expect("answer");
        assert!(answer.is_cut && answer.text.len() <= MAX_WAITING_BYTES);
        assert_eq!(answer.bytes, MAX_WAITING_BYTES as u64 * 2 + 2);
    }

    #[test]
    fn what_one_side_left_out_is_taken_from_the_other() {
        let asked = of(Attributes(&[attribute(ARGUMENTS[0], "1")]), None);
        let answered = of(Attributes(&[attribute(RESULT[0], "2")]), None);
        let both = merged(asked.as_deref(), answered.as_deref()).expect("a payload");
        assert!(both.params.is_some() && both.answer.is_some());
        assert_eq!(merged(None, None), None);
    }
}
