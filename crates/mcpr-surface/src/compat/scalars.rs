//! Values to try that are not containers of others: what schemas name, and what lies just beside
//! their bounds. Proposals only.

use super::sample::texts_matching;
use super::steps::StepBudget;
use super::texts::{Texts, texts_include};
use serde_json::{Map, Number, Value, json};

/// The longest text that is tried, in characters.
const MAX_TRIED_LENGTH: u64 = 100_000;

/// The longest of which several are tried.
const MAX_VARIED_LENGTH: usize = 2_000;

/// Values that these schema objects speak of, and one or two of every type.
pub(super) fn scalars<'a>(
    parts: impl Iterator<Item = &'a Map<String, Value>>,
    steps: &StepBudget,
) -> Vec<Value> {
    let mut spoken = ConstrainedTypes::default();
    // Always: a type that no schema names may be what is refused.
    spoken.values.extend(of_every_type());
    for part in parts {
        spoken.read(part);
    }
    let ConstrainedTypes {
        mut values,
        mut texts,
        lengths,
        patterns,
    } = spoken;
    // Patterns of both sides are among them: what one matches and the other does not is a witness.
    texts.extend(apart(&patterns, steps));
    for length in lengths {
        values.extend(texts_about(length, &texts));
    }
    // Texts that more than one pattern asks for.
    let pairs = texts
        .iter()
        .take(6)
        .flat_map(|one| texts.iter().take(6).map(move |two| format!("{one}{two}")));
    values.extend(pairs.map(Value::String).collect::<Vec<_>>());
    // One character more or less is often what a pattern with anchors refuses.
    let longer = texts
        .iter()
        .take(6)
        .flat_map(|text| [format!("{text}a"), format!("a{text}")]);
    let longer = longer.collect::<Vec<_>>();
    values.extend(texts.into_iter().chain(longer).map(Value::String));
    values
}

fn of_every_type() -> [Value; 12] {
    [
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
    ]
}

/// The types that schema objects constrain.
#[derive(Default)]
struct ConstrainedTypes<'a> {
    values: Vec<Value>,
    texts: Vec<String>,
    lengths: Vec<u64>,
    patterns: Vec<&'a str>,
}

impl<'a> ConstrainedTypes<'a> {
    fn read(&mut self, part: &'a Map<String, Value>) {
        // Examples are written by people who know what is meant.
        for name in ["enum", "examples"] {
            let listed = part.get(name).and_then(Value::as_array);
            self.values.extend(listed.into_iter().flatten().cloned());
        }
        self.values.extend(part.get("const").cloned());
        for name in ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"] {
            let near = part.get(name).into_iter().flat_map(beside);
            self.values.extend(near);
        }
        let steps = part.get("multipleOf").into_iter();
        self.values
            .extend(steps.flat_map(|step| multiples(step, part)));
        for name in ["minLength", "maxLength"] {
            let length = part.get(name).and_then(Value::as_u64);
            self.lengths
                .extend(length.filter(|length| *length <= MAX_TRIED_LENGTH));
        }
        if let Some(pattern) = part.get("pattern").and_then(Value::as_str) {
            self.texts.extend(texts_matching(pattern));
            self.patterns.push(pattern);
        }
    }
}

/// Texts of a length and of those beside it, also such as begin like the given ones.
fn texts_about(length: u64, texts: &[String]) -> Vec<Value> {
    let mut values = Vec::new();
    for length in [length.saturating_sub(1), length, length + 1] {
        let length = usize::try_from(length).unwrap_or(0);
        values.push(json!("a".repeat(length)));
        // A long text is as good as any other of its length, and each costs what it is long.
        if length > MAX_VARIED_LENGTH {
            continue;
        }
        // Blanks, and another last character: patterns and `enum` may distinguish them from the first.
        values.push(json!(" ".repeat(length)));
        values.push(json!("a".repeat(length.saturating_sub(1)) + "b"));
        let stretched = texts.iter().filter(|text| !text.is_empty()).take(6);
        values.extend(
            stretched.map(|text| Value::String(text.chars().cycle().take(length).collect())),
        );
    }
    values
}

/// Texts that match one pattern and not another, for the first few pairs.
fn apart(patterns: &[&str], steps: &StepBudget) -> Vec<String> {
    let texts = |pattern| Texts {
        patterns: vec![pattern],
        ..Texts::default()
    };
    // All pairs of a few: each takes the building of two automata.
    let pairs = patterns
        .iter()
        .take(4)
        .flat_map(|one| patterns.iter().take(4).map(move |two| (one, two)));
    let pairs = pairs.filter(|(one, two)| one != two);
    let outside =
        pairs.filter_map(|(one, two)| texts_include(&texts(one), &texts(two), steps)?.err());
    outside.collect()
}

/// A bound, and its neighbours by one and by a half.
fn beside(bound: &Value) -> Vec<Value> {
    if let Some(whole) = bound.as_i64() {
        // At the largest integer the neighbour is the bound itself once more.
        let near = [whole, whole.saturating_sub(1), whole.saturating_add(1)];
        let mut values = near.map(Value::from).to_vec();
        // Half steps are numbers that no integer type takes.
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
    // From the bound, as zero may be far outside of it.
    let starts = bounds.map(|bound| (bound / step).floor()).chain([0.0]);
    // The half is not a multiple, and shows the step itself.
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
    // Beyond, a double has no room for all integers.
    if value.fract() == 0.0 && value.abs() < 1e15 {
        return Value::from(value as i64);
    }
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}
