//! Lines of text that end in an event: something wrote in front of it without a newline. Pure, and
//! bounded by the length of the line.

use super::detect::{elements_with_event, is_event, is_known};
use super::elements::End;
use memchr::{memchr_iter, memchr2_iter};
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

/// How many times its own length a line is looked through.
const MAX_LOOKS: usize = 8;
/// How many brackets are tried for the begin of an array that is not sound.
const MAX_BRACKETS: usize = 4;

/// Where the event begins that a line of text ends in, without blanks on its edges.
pub(super) fn event_at_end(line: &[u8]) -> Option<usize> {
    let line = line.trim_ascii_end();
    // Most text ends otherwise, and every line of text comes here.
    match line.last() {
        Some(b'}') => sound_at_end(line),
        Some(b']') => sound_at_end(line).or_else(|| broken_at_end(line)),
        _ => None,
    }
}

/// Where an object or array begins that is sound, holds an event and ends with the line.
fn sound_at_end(line: &[u8]) -> Option<usize> {
    let mut budget = line.len().saturating_mul(MAX_LOOKS);
    let mut behind = 0;
    for start in memchr2_iter(b'{', b'[', line) {
        // What lies in an object that ends before the line does cannot reach its end.
        if start < behind || !begins(&line[start..]) {
            continue;
        }
        let mut values =
            serde_json::Deserializer::from_slice(&line[start..]).into_iter::<IgnoredAny>();
        match values.next() {
            Some(Ok(_)) if start + values.byte_offset() == line.len() => {
                return holds_event(&line[start..]).then_some(start);
            }
            Some(Ok(_)) => behind = start + values.byte_offset(),
            // A line of many open brackets would be parsed once from each of them.
            Some(Err(error)) => budget = budget.checked_sub(error.column())?,
            None => return None,
        }
    }
    None
}

/// Where an array begins that ends with the line and holds an event among elements that are broken.
fn broken_at_end(line: &[u8]) -> Option<usize> {
    let ends = |&start: &usize| elements_with_event(&line[start..], is_event) == Some(End::Closed);
    memchr_iter(b'[', line).take(MAX_BRACKETS).find(ends)
}

/// Whether bytes begin like an object or an array of objects.
fn begins(bytes: &[u8]) -> bool {
    let next = bytes[1..].trim_ascii_start().first();
    match bytes[0] {
        b'{' => next == Some(&b'"'),
        _ => next == Some(&b'{'),
    }
}

fn holds_event(json: &[u8]) -> bool {
    let Ok(json) = std::str::from_utf8(json) else {
        return false;
    };
    match serde_json::from_str::<Vec<&RawValue>>(json) {
        Ok(elements) => elements.iter().any(|element| is_known(element.get())),
        Err(_) => is_known(json),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_found_behind_text_and_other_json_is_not() {
        let cases = [
            (r#"Starting server... {"type":"request","id":1}"#, Some(19)),
            (
                r#"{} {"a":{}} x [{"kind":"heartbeat","payload":{}}]"#,
                Some(14),
            ),
            (r#"a {"x":"{"} {"b": { {"type":"heartbeat"}"#, Some(20)),
            (r#"ready {"port":1}"#, None),
            (r#"ready {"type":"request"} now"#, None),
            (r#"said {"x":{"type":"request"}}"#, None),
            (r#"[x] ready [NaN,{"type":"request"}]"#, Some(10)),
            (r#"ready [NaN,{"port":1}]"#, None),
            ("a }", None),
            ("", None),
        ];
        for (line, expected) in cases {
            assert_eq!(event_at_end(line.as_bytes()), expected, "{line}");
        }
    }
}
