//! Values to try that are no containers of others: what schemas name, and what lies just beside
//! their bounds. Proposals only.

use super::sample::texts_matching;
use super::texts::{Texts, texts_include};
use serde_json::{Map, Number, Value, json};

/// The longest text that is tried, in characters.
const MAX_TRIED_LENGTH: u64 = 100_000;

/// The longest of which several are tried.
const MAX_VARIED_LENGTH: usize = 2_000;

/// Values that these schema objects speak of, and one or two of every type.
pub(super) fn scalars<'a>(parts: impl Iterator<Item = &'a Map<String, Value>>) -> Vec<Value> {
    let mut values = vec![
        json!(null),
        json!(true),
        json!(false),
        json!(0),
        json!(1),
        json!(-1),
        json!(0.5),
        json!(""),
        json!("a"),
        json!("1"),
        json!([]),
        json!({}),
    ];
    let (mut texts, mut lengths, mut patterns) = (Vec::new(), Vec::new(), Vec::new());
    for part in parts {
        for name in ["enum", "examples"] {
            values.extend(
                part.get(name)
                    .and_then(Value::as_array)
                    .into_iter()
                    .flatten()
                    .cloned(),
            );
        }
        values.extend(part.get("const").cloned());
        for name in ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"] {
            values.extend(part.get(name).into_iter().flat_map(beside));
        }
        values.extend(
            part.get("multipleOf")
                .into_iter()
                .flat_map(|step| multiples(step, part)),
        );
        for name in ["minLength", "maxLength"] {
            let length = part.get(name).and_then(Value::as_u64);
            lengths.extend(length.filter(|length| *length <= MAX_TRIED_LENGTH));
        }
        if let Some(pattern) = part.get("pattern").and_then(Value::as_str) {
            texts.extend(texts_matching(pattern));
            patterns.push(pattern);
        }
    }
    texts.extend(apart(&patterns));
    for length in lengths {
        for length in [length.saturating_sub(1), length, length + 1] {
            let length = usize::try_from(length).unwrap_or(0);
            values.push(json!("a".repeat(length)));
            if length > MAX_VARIED_LENGTH {
                continue;
            }
            values.push(json!(" ".repeat(length)));
            values.push(json!("a".repeat(length.saturating_sub(1)) + "b"));
            let stretched = texts.iter().filter(|text| !text.is_empty()).take(6);
            let stretched = stretched.map(|text| text.chars().cycle().take(length).collect());
            values.extend(stretched.map(Value::String).collect::<Vec<_>>());
        }
    }
    // Texts that more than one pattern asks for.
    let pairs = texts
        .iter()
        .take(6)
        .flat_map(|one| texts.iter().take(6).map(move |two| format!("{one}{two}")));
    values.extend(pairs.map(Value::String).collect::<Vec<_>>());
    let longer = texts
        .iter()
        .take(6)
        .flat_map(|text| [format!("{text}a"), format!("a{text}")]);
    let longer = longer.collect::<Vec<_>>();
    values.extend(texts.into_iter().chain(longer).map(Value::String));
    values
}

/// Texts that match one pattern and not another, for the first few pairs.
fn apart(patterns: &[&str]) -> Vec<String> {
    let texts = |pattern| Texts {
        patterns: vec![pattern],
        ..Texts::default()
    };
    let pairs = patterns
        .iter()
        .take(4)
        .flat_map(|one| patterns.iter().take(4).map(move |two| (one, two)));
    let pairs = pairs.filter(|(one, two)| one != two);
    let outside = pairs.filter_map(|(one, two)| texts_include(&texts(one), &texts(two))?.err());
    outside.collect()
}

/// A bound, and its neighbours by one and by a half.
fn beside(bound: &Value) -> Vec<Value> {
    if let Some(whole) = bound.as_i64() {
        let near = [whole, whole.saturating_sub(1), whole.saturating_add(1)];
        let mut values = near.map(Value::from).to_vec();
        values.extend(
            bound
                .as_f64()
                .into_iter()
                .flat_map(|at| [number(at - 0.5), number(at + 0.5)]),
        );
        return values;
    }
    if let Some(whole) = bound.as_u64() {
        let near = [whole, whole.saturating_sub(1), whole.saturating_add(1)];
        return near.map(Value::from).to_vec();
    }
    let Some(at) = bound.as_f64() else {
        return Vec::new();
    };
    let near = [
        at,
        at - 1.0,
        at + 1.0,
        at.floor(),
        at.ceil(),
        at - 0.001,
        at + 0.001,
    ];
    near.into_iter()
        .map(number)
        .chain([bound.clone()])
        .collect()
}

fn multiples(step: &Value, part: &Map<String, Value>) -> Vec<Value> {
    let Some(step) = step.as_f64().filter(|step| *step > 0.0) else {
        return Vec::new();
    };
    let bounds = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"];
    let bounds = bounds.iter().filter_map(|name| part.get(*name)?.as_f64());
    let starts = bounds.map(|bound| (bound / step).floor()).chain([0.0]);
    let factors = [-1.0, 0.0, 0.5, 1.0, 2.0, 3.0];
    let near = starts.flat_map(|start| factors.map(|factor| number((start + factor) * step)));
    near.collect()
}

/// A number, as an integer where it is one.
#[expect(
    clippy::cast_possible_truncation,
    reason = "checked to be whole and small"
)]
fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 1e15 {
        return Value::from(value as i64);
    }
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}
