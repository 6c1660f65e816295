//! What a request asked, on one line: `key=value` for each argument, long values cut in the middle.

use super::layout::width;
use mcpr_model::Payload;
use mcpr_store::query::RequestRow;
use serde_json::{Map, Value};

/// Widest value, in cells.
const MAX_VALUE: usize = 48;
/// Widest line; what is beyond is cut.
const MAX_LINE: usize = 240;
/// Longest parameters that are read: a line shows their beginning only.
const MAX_READ: usize = 64 * 1024;

/// The arguments of a request in short; `None` where none are kept, and where it has none.
#[must_use]
pub fn of(row: &RequestRow, payload: Option<&Payload>) -> Option<String> {
    line(row, payload, IN_SHORT)
}

/// The arguments of a request with nothing cut that is kept: as long as its payload may be.
#[must_use]
pub fn whole(row: &RequestRow, payload: Option<&Payload>) -> Option<String> {
    line(row, payload, WHOLE)
}

/// How much is shown, in characters.
#[derive(Debug, Clone, Copy)]
struct ShownLengths {
    value: usize,
    line: usize,
}

const IN_SHORT: ShownLengths = ShownLengths {
    value: MAX_VALUE,
    line: MAX_LINE,
};
/// A payload has a bound of its own, and its text grows by quotes only.
const WHOLE: ShownLengths = ShownLengths {
    value: usize::MAX,
    line: usize::MAX,
};

fn line(row: &RequestRow, payload: Option<&Payload>, limits: ShownLengths) -> Option<String> {
    let params = payload?.params.as_ref()?;
    let readable = !params.is_cut && (params.text.len() <= MAX_READ || limits.line == usize::MAX);
    let parsed = readable.then(|| serde_json::from_str::<Map<String, Value>>(&params.text));
    let Some(Ok(params)) = parsed else {
        // What was cut is not JSON any more: its beginning says something still.
        return Some(middle_cut(&params.text, limits.value));
    };
    let inner = params.get("arguments").and_then(Value::as_object);
    let line = match inner {
        Some(arguments) => pairs(arguments, limits, |_| true),
        // The target stands in a column of its own.
        None => pairs(&params, limits, |value| value.as_str() != row.target()),
    };
    (!line.is_empty()).then_some(line)
}

fn pairs(
    arguments: &Map<String, Value>,
    limits: ShownLengths,
    is_shown: impl Fn(&Value) -> bool,
) -> String {
    let mut line = String::new();
    for (key, value) in arguments {
        // `_meta` is what the protocol adds, not what was asked.
        if key == "_meta" || !is_shown(value) {
            continue;
        }
        // In bytes first, which is never less: the width takes a look at all of it.
        if line.len() > limits.line && width(&line) > limits.line {
            line.push_str(" …");
            break;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(key);
        line.push('=');
        line.push_str(&shown(value, limits.value));
    }
    line
}

fn shown(value: &Value, limit: usize) -> String {
    match value {
        // Without quotes where nothing is gained by them.
        Value::String(text) if !text.is_empty() && !text.contains([' ', '"', '=']) => {
            middle_cut(text, limit)
        }
        Value::String(text) => {
            // As in JSON, so that the end of the text is where it seems to be. Cut before: no half of a pair is left.
            let kept = middle_cut(text, limit);
            format!("\"{}\"", kept.replace('\\', r"\\").replace('"', "\\\""))
        }
        value => middle_cut(&value.to_string(), limit),
    }
}

/// A text of at most so many characters: of a longer one the beginning and the end.
fn middle_cut(text: &str, limit: usize) -> String {
    // The count stops soon: a text may have a megabyte.
    if text.chars().nth(limit).is_none() {
        return text.to_owned();
    }
    let head = limit * 2 / 3;
    let tail = limit - head - 1;
    let begin = text
        .char_indices()
        .nth(head)
        .map_or(text.len(), |(at, _)| at);
    let end = text
        .char_indices()
        .rev()
        .nth(tail - 1)
        .map_or(0, |(at, _)| at);
    format!("{}…{}", &text[..begin], &text[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(method: &str, uri: Option<&str>) -> RequestRow {
        RequestRow {
            method: method.to_owned(),
            resource_uri: uri.map(str::to_owned),
            ..RequestRow::default()
        }
    }

    fn check(method: &str, params: &str, expected: Option<&str>) {
        let payload = Payload::of(Some(params), None);
        let row = row(method, Some("demo://note/1"));
        assert_eq!(of(&row, payload.as_ref()).as_deref(), expected, "{params}");
    }

    #[test]
    fn arguments_stand_as_key_and_value() {
        let call = r#"{"name":"echo","arguments":{"a":1,"path":"/etc/hosts","text":"two words"}}"#;
        check(
            "tools/call",
            call,
            Some("a=1 path=/etc/hosts text=\"two words\""),
        );
        // A quote within does not end it.
        let call = r#"{"name":"echo","arguments":{"text":"a \"quoted\" b\\"}}"#;
        check("tools/call", call, Some(r#"text="a \"quoted\" b\\""#));
        check("tools/call", r#"{"name":"x","arguments":{}}"#, None);
        check("resources/read", r#"{"uri":"demo://note/1"}"#, None);
        check("tools/list", r#"{"_meta":{"progressToken":1}}"#, None);
        check(
            "logging/setLevel",
            r#"{"level":"debug"}"#,
            Some("level=debug"),
        );
        assert_eq!(of(&row("ping", None), None), None);
    }

    #[test]
    fn long_values_are_cut_in_the_middle() {
        let long = "é".repeat(200);
        let params = format!(r#"{{"name":"x","arguments":{{"a":"{long}"}}}}"#);
        let expected = format!("a={}…{}", "é".repeat(32), "é".repeat(15));
        check("tools/call", &params, Some(&expected));
        check(
            "tools/call",
            "{\"name\":\"x\",\"argu",
            Some("{\"name\":\"x\",\"argu"),
        );
    }
}
