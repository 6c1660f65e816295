//! Cases, and random schemas whose accepted set must stay as it is.

use super::*;
use crate::compat::limits::MAX_STEPS;

#[expect(
    clippy::needless_pass_by_value,
    reason = "a case is written where it is checked"
)]
#[track_caller]
fn check(schema: Value, expected: Value) {
    assert_eq!(
        simpler(&schema, &StepBudget::of(MAX_STEPS)),
        expected,
        "{schema}"
    );
}

#[test]
fn what_is_impossible_is_false() {
    for schema in [
        json!({"type": "object", "enum": [1, "x"]}),
        json!({"type": "object", "required": ["a"], "additionalProperties": false}),
        json!({"allOf": [{"type": "object"}, {"type": ["string", "null"]}]}),
        json!({"type": "array", "items": {"type": "null"}, "contains": {"type": "string"}}),
        json!({"type": "object", "allOf": [
            {"properties": {"a": {"type": "string"}}, "required": ["a"]},
            {"properties": {"a": {"type": "number"}}}]}),
        json!({"type": "object", "not": {"required": ["a"]}, "required": ["a"]}),
        json!({"type": "object", "minProperties": 2, "additionalProperties": false,
            "properties": {"a": {}}}),
        json!({"type": "integer", "exclusiveMinimum": 1, "exclusiveMaximum": 2}),
        json!({"type": "object", "anyOf": [{"type": "string"}, {"type": "null"}]}),
        json!({"$ref": "#/$defs/a", "$defs": {"a": {"type": "object", "required": ["a"],
            "properties": {"a": {"$ref": "#/$defs/a"}}}}}),
    ] {
        check(schema, json!(false));
    }
}

#[test]
fn a_definition_that_ends_somewhere_is_not_empty() {
    let tree = json!({"$ref": "#/$defs/a", "$defs": {"a": {"type": "object",
        "properties": {"a": {"$ref": "#/$defs/a"}}}}});
    check(tree.clone(), tree);
    let itself = json!({"$ref": "#/$defs/a", "$defs": {"a": {"allOf": [{"$ref": "#/$defs/a"}]}}});
    assert_ne!(simpler(&itself, &StepBudget::of(MAX_STEPS)), json!(false));
}

#[test]
fn a_denial_says_what_holds() {
    check(
        json!({"not": {"required": ["a"]}, "properties": {"a": {"type": "null"}, "b": {}}}),
        json!({"type": "object", "properties": {"a": false, "b": {}}}),
    );
    check(
        json!({"not": {"type": "string", "maxLength": 3}}),
        json!({"anyOf": [{"type": "string", "minLength": 4},
            {"type": ["array", "boolean", "null", "number", "object"]}]}),
    );
    check(
        json!({"not": {"type": "integer"}}),
        json!({"not": {"type": "integer"}}),
    );
}

#[test]
fn what_is_unevaluated_is_reported_for_each_way() {
    let named = |name: &str| json!({"properties": {name: {"type": "null"}}});
    check(
        json!({"type": "object", "allOf": [named("a"), named("b")], "unevaluatedProperties": false}),
        json!({"type": "object", "additionalProperties": false,
            "properties": {"a": {"type": "null"}, "b": {"type": "null"}}}),
    );
    let sealed = |names: &[&str]| {
        let all = names
            .iter()
            .map(|name| ((*name).to_owned(), json!({"type": "null"})));
        json!({"additionalProperties": false, "properties": all.collect::<Keywords>()})
    };
    check(
        json!({"anyOf": [named("a"), named("b")], "unevaluatedProperties": false}),
        json!({"anyOf": [named("a"), named("b")], "allOf": [{"anyOf": [
            sealed(&["a"]), sealed(&["a", "b"]), sealed(&["b"])]}]}),
    );
}

/// A schema of parts that meet, exclude and look at one another.
fn random(rng: &mut fastrand::Rng, depth: usize) -> Value {
    let name = *rng.choice(&["a", "b"]).unwrap();
    let inner = |rng: &mut fastrand::Rng| random(rng, depth.saturating_sub(1));
    match rng.usize(0..if depth == 0 { 8 } else { 20 }) {
        0 => json!({"type": *rng.choice(&["object", "array", "string", "integer"]).unwrap()}),
        1 => json!({"type": ["number", "null"], "maximum": rng.u8(0..2)}),
        2 => json!({"required": [name]}),
        3 => json!({"enum": [1, "x", {"a": 1}]}),
        4 => json!(rng.bool()),
        5 => json!({"type": "integer", "exclusiveMinimum": rng.u8(0..2), "maximum": 1}),
        6 => json!({"minProperties": 1}),
        7 => json!({"maxItems": 1, "minItems": rng.u8(0..2), "maxLength": 1}),
        8 => json!({"not": inner(rng)}),
        9 => json!({"anyOf": [inner(rng), inner(rng)]}),
        10 => json!({"oneOf": [inner(rng), inner(rng)]}),
        11 => json!({"if": inner(rng), "then": inner(rng), "else": inner(rng)}),
        12 => json!({"properties": {name: inner(rng)}, "additionalProperties": inner(rng)}),
        13 => json!({"properties": {name: inner(rng)}, "required": [name]}),
        14 => json!({"anyOf": [inner(rng), inner(rng)], "unevaluatedProperties": inner(rng)}),
        15 => json!({"allOf": [inner(rng), {"oneOf": [inner(rng), inner(rng)]}],
            "unevaluatedProperties": false}),
        16 => json!({"prefixItems": [inner(rng)], "items": inner(rng), "contains": inner(rng)}),
        17 => {
            json!({"anyOf": [{"prefixItems": [inner(rng)]}, inner(rng)], "unevaluatedItems": false})
        }
        18 => json!({"dependentSchemas": {name: inner(rng)}, "dependentRequired": {"a": ["b"]},
            "unevaluatedProperties": inner(rng)}),
        _ => json!({"allOf": [inner(rng), inner(rng), inner(rng)]}),
    }
}

#[test]
fn what_is_accepted_stays_as_it_is() {
    let seed = mcpr_seed::seed();
    let mut rng = fastrand::Rng::with_seed(seed);
    let flat = [
        json!(null),
        json!(1),
        json!(0),
        json!(0.5),
        json!("x"),
        json!("xy"),
        json!([]),
    ];
    let mut values = flat.to_vec();
    for one in &flat {
        values.extend([
            json!([one]),
            json!([one, 1]),
            json!({"a": one}),
            json!({"b": one}),
        ]);
        values.extend(flat.iter().map(|other| json!({"a": one, "b": other})));
        values.extend([
            json!({"c": one}),
            json!({"a": one, "c": 1}),
            json!({"a": {"b": one}}),
        ]);
    }
    let mut changed = 0;
    for _ in 0..1_500 {
        let mut schema = random(&mut rng, 3);
        if let Value::Object(map) = &mut schema {
            map.insert(
                "$schema".to_owned(),
                json!("https://json-schema.org/draft/2020-12/schema"),
            );
        }
        let Ok(normal) = crate::compat::normal::normal(&schema) else {
            continue;
        };
        let made = simpler(&normal.schema, &StepBudget::of(MAX_STEPS));
        let judges = (
            CompiledSchema::of(&normal.schema),
            CompiledSchema::of(&made),
        );
        let (Some(before), Some(after)) = judges else {
            panic!("seed {seed}: no validator takes\n{}\n{made}", normal.schema);
        };
        changed += usize::from(made != normal.schema);
        for value in &values {
            let pair = (before.accepts(value), after.accepts(value));
            assert_eq!(
                pair.0, pair.1,
                "seed {seed}: {value}\n{}\n{made}",
                normal.schema
            );
        }
    }
    assert!(changed > 500, "seed {seed}: only {changed} were rewritten");
}
