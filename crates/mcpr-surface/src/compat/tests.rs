//! The comparison against cases: who is the caller, recursion, sizes that end in a clear answer.

use super::steps::{StepBudget, weight};
use super::*;
use serde_json::json;

fn name(inclusion: &Inclusion) -> &'static str {
    match inclusion {
        Inclusion::Holds => "holds",
        Inclusion::Fails(_) => "fails",
        Inclusion::Undecided(_) => "undecided",
    }
}

#[track_caller]
fn compared(old: &Value, new: &Value, caller: Caller) -> Inclusion {
    comparing(|comparer| comparer.includes(old, new, caller)).unwrap()
}

#[track_caller]
fn check(old: &Value, new: &Value, expected: &str) {
    let found = compared(old, new, Caller::Careful);
    let found = match &found {
        Inclusion::Fails(witness) => format!("fails {witness}"),
        other => name(other).to_owned(),
    };
    assert_eq!(found, expected, "\n{old}\n{new}");
}

#[test]
fn a_careful_caller_sends_declared_properties_only() {
    let object = |properties: Value| json!({"type": "object", "properties": properties});
    let a = object(json!({"a": {"type": "string"}}));
    check(
        &a,
        &object(json!({"a": {"type": "string"}, "b": {"type": "integer"}})),
        "holds",
    );
    check(
        &object(json!({"a": {"type": "string"}, "b": {}})),
        &a,
        "holds",
    );
    let closed = json!({"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": false});
    check(&a, &closed, "holds");
    check(
        &object(json!({"a": {"type": "string"}, "b": {}})),
        &closed,
        r#"fails {"b":0}"#,
    );
    // Nested objects are closed too, free-form ones are not.
    check(
        &object(json!({"o": a})),
        &object(json!({"o": closed})),
        "holds",
    );
    check(
        &object(json!({"o": {"type": "object"}})),
        &object(json!({"o": closed})),
        r#"fails {"o":{"a":0}}"#,
    );
    // The root of a tool without parameters is no free-form object.
    check(&json!({"type": "object"}), &a, "holds");
    check(
        &json!({"type": "object", "additionalProperties": true}),
        &a,
        r#"fails {"a":0}"#,
    );
    check(
        &a,
        &json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}),
        "fails {}",
    );
}

#[test]
fn parts_that_hold_together_are_closed_together() {
    let base =
        json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]});
    let both = json!({"allOf": [base, {"properties": {"b": {"type": "integer"}}}]});
    let folded = json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}, "required": ["a"]});
    check(&both, &folded, "holds");
    check(&folded, &both, "holds");
    let one = json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}, "anyOf": [{"required": ["a"]}, {"required": ["b"]}]});
    check(
        &one,
        &json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}}),
        "holds",
    );
    check(&one, &folded, r#"fails {"b":0}"#);
    let tagged = |more: Value| {
        json!({"type": "object", "oneOf": [
            {"properties": {"kind": {"const": "x"}, "x": {"type": "string"}}, "required": ["kind"]},
            {"properties": {"kind": {"const": "y"}, "y": more}, "required": ["kind"]},
        ]})
    };
    let (old, new) = (
        tagged(json!({"type": "string"})),
        tagged(json!({"type": ["string", "null"]})),
    );
    check(&old, &new, "holds");
    check(&new, &old, r#"fails {"kind":"y","y":null}"#);
}

#[test]
fn recursive_definitions_are_compared() {
    let tree = |value: Value, defs: &str| {
        json!({
            "type": "object",
            "properties": {"root": {"$ref": format!("#/{defs}/Node")}},
            defs: {"Node": {"type": "object", "required": ["value"], "properties": {
                "value": value, "children": {"type": "array", "items": {"$ref": format!("#/{defs}/Node")}}}}}
        })
    };
    let narrow = tree(json!({"type": "integer"}), "$defs");
    let wide = tree(json!({"type": "number"}), "definitions");
    check(&narrow, &wide, "holds");
    check(&wide, &narrow, r#"fails {"root":{"value":0.5}}"#);
    let root =
        json!({"type": "object", "properties": {"next": {"$ref": "#"}, "n": {"type": "integer"}}});
    let more = json!({"type": "object", "properties": {"next": {"$ref": "#"}, "n": {"type": "integer"}, "m": {}}});
    check(&root, &more, "holds");
    let less =
        json!({"type": "object", "properties": {"next": {"$ref": "#"}, "n": {"type": "string"}}});
    check(&root, &less, r#"fails {"n":0}"#);
}

#[test]
fn drafts_and_spellings_are_one() {
    let old = json!({"$schema": "http://json-schema.org/draft-07/schema#", "type": "object",
        "properties": {"p": {"type": "array", "items": [{"type": "string"}], "additionalItems": false}}});
    let new = json!({"type": "object",
        "properties": {"p": {"type": ["array"], "prefixItems": [{"type": "string"}], "items": false}}});
    check(&old, &new, "holds");
    check(&new, &old, "holds");
    check(
        &json!({"type": ["string", "null"]}),
        &json!({"anyOf": [{"type": "string"}, {"type": "null"}]}),
        "holds",
    );
    check(
        &json!({"type": "object", "additionalProperties": {"not": {}}}),
        &json!({"type": "object", "additionalProperties": false}),
        "holds",
    );
}

#[test]
fn network_references_are_never_followed() {
    let far =
        json!({"type": "object", "properties": {"a": {"$ref": "https://example.com/a.json"}}});
    check(
        &json!({"type": "object", "properties": {"a": {}}}),
        &far,
        "undecided",
    );
    check(&far, &far, "holds");
}

/// The answer, for which no more steps are taken than one comparison may.
#[track_caller]
fn counted(label: &str, old: &Value, new: &Value) -> &'static str {
    let pair = Comparison {
        narrow: old,
        wide: new,
        caller: Caller::Careful,
    };
    let decided = (!is_too_deep(old)).then(|| comparing(|_| decide(pair, Goal::Decide)).unwrap());
    let Some(answer) = &decided else {
        return "undecided";
    };
    assert!(answer.steps <= limits::MAX_STEPS, "{label}");
    println!(
        "{label}: {} {} steps",
        name(&answer.inclusion),
        answer.steps
    );
    name(&answer.inclusion)
}

/// It comes, and it is not this one, which would be wrong.
#[track_caller]
fn check_not(label: &str, old: &Value, new: &Value, wrong: &str) {
    assert_ne!(counted(label, old, new), wrong, "{label}");
}

fn deep(levels: usize, leaf: Value) -> Value {
    (0..levels).fold(
        leaf,
        |inner, _| json!({"type": "object", "properties": {"a": inner}}),
    )
}

/// Definitions that refer to the next one, each as often as there are names.
fn chain(levels: usize, names: &[&str], leaf: &str) -> Value {
    let mut defs = serde_json::Map::new();
    for at in 0..levels {
        let next = json!({"$ref": format!("#/$defs/d{}", at + 1)});
        let all = names.iter().map(|name| ((*name).to_owned(), next.clone()));
        let all = all.collect::<serde_json::Map<_, _>>();
        defs.insert(
            format!("d{at}"),
            json!({"type": "object", "properties": all}),
        );
    }
    defs.insert(format!("d{levels}"), json!({"type": leaf}));
    json!({"$ref": "#/$defs/d0", "$defs": defs})
}

#[test]
fn deep_and_cyclic_schemas_end_in_an_answer() {
    let (text, number) = (json!({"type": "string"}), json!({"type": "integer"}));
    let (old, new) = (deep(100, text), deep(100, number));
    assert_eq!(counted("100 levels", &old, &new), "fails");
    let far = |leaf: &str| chain(10_000, &["a"], leaf);
    assert_eq!(
        counted("10,000 references", &far("string"), &far("number")),
        "undecided"
    );
    for (references, names) in [
        (200, &["a"][..]),
        // 2^100 ways lead through these.
        (100, &["a", "b"]),
    ] {
        let old = chain(references, names, "string");
        let new = chain(references, names, "number");
        check_not(&format!("{references} references"), &old, &new, "holds");
    }
    let cycle = json!({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}});
    check_not("a cycle, kept", &cycle, &cycle, "fails");
    check_not("a cycle", &cycle, &json!({"type": "object"}), "holds");
    counted("into a cycle", &json!({"type": "object"}), &cycle);
}

#[test]
fn wide_schemas_end_in_an_answer() {
    let branches = |count: usize| {
        let branches = (0..count).map(|at| {
            json!({"type": "object", "required": ["kind"], "properties": {
                "kind": {"const": format!("k{at}")}, "v": {"type": "integer", "maximum": at}}})
        });
        json!({"type": "object", "oneOf": branches.collect::<Vec<_>>()})
    };
    let (fewer, more) = (branches(999), branches(1_000));
    check_not("1,000 branches widened", &fewer, &more, "fails");
    check_not("1,000 branches narrowed", &more, &fewer, "holds");
    let loose = |count: usize| {
        let branches = (0..count).map(|at| json!({"minimum": at, "multipleOf": at + 1}));
        json!({"oneOf": branches.collect::<Vec<_>>()})
    };
    // What the last branch takes, the first takes too: no value needs it.
    let (old, new) = (loose(1_000), loose(999));
    check_not("1,000 overlapping branches", &old, &new, "fails");
    let large = |kind: &str| {
        let properties = (0..40_000).map(|at| {
            let words = "some words about it";
            let schema =
                json!({"type": kind, "minLength": 1, "maxLength": 100, "description": words});
            (format!("property_{at}"), schema)
        });
        json!({"type": "object", "properties": properties.collect::<serde_json::Map<_, _>>()})
    };
    let (old, new) = (large("string"), large("number"));
    assert!(old.to_string().len() > 4_000_000);
    check_not("5 MB", &old, &new, "holds");
}

#[test]
fn many_names_beside_many_patterns_are_tried_within_the_steps() {
    let object = |patterns: usize| {
        let all = (0..patterns).map(|at| (format!("^p{at}"), json!({"type": "string"})));
        let all = all.collect::<serde_json::Map<_, _>>();
        texts_beside(1_000, json!({ "patternProperties": all }))
    };
    check(&object(700), &object(699), "undecided");
}

/// So many texts, and whatever else is stated about the object.
fn texts_beside(count: usize, more: Value) -> Value {
    let names = (0..count).map(|at| (format!("p{at}"), json!({"type": "string"})));
    let properties = names.collect::<serde_json::Map<_, _>>();
    let mut object = json!({"type": "object", "properties": properties});
    if let (Value::Object(object), Value::Object(more)) = (&mut object, more) {
        object.extend(more);
    }
    object
}

#[test]
fn branches_beside_many_properties_do_not_each_repeat_them() {
    let any = |count: usize| {
        let branches = (0..count).map(|at| json!({"required": [format!("p{at}")]}));
        texts_beside(2_000, json!({"anyOf": branches.collect::<Vec<_>>()}))
    };
    let schema = any(120);
    let closed = close::closed(&schema, true, &StepBudget::of(limits::MAX_STEPS)).unwrap();
    assert_eq!(closed.most()["additionalProperties"], json!(false));
    assert!(weight(closed.most()) < 2 * weight(&schema));
    check(&schema, &any(119), "undecided");
}

#[test]
fn parts_that_would_repeat_too_many_names_are_undecided() {
    let own = |count: usize| {
        let branches = (0..count).map(|at| json!({"required": [format!("q{at}")]}));
        texts_beside(2_000, json!({"anyOf": branches.collect::<Vec<_>>()}))
    };
    let found = compared(&own(300), &own(299), Caller::Careful);
    assert_eq!(
        found,
        Inclusion::Undecided("it takes more steps than are taken".to_owned())
    );
}

#[test]
fn a_schema_too_deep_for_any_recursion_is_reported() {
    // Built and taken apart without recursion, which dropping it would need.
    let mut deep = json!({"type": "string"});
    for _ in 0..10_000 {
        deep = Value::Object([("not".to_owned(), deep)].into_iter().collect());
    }
    let found = compared(&deep, &json!({}), Caller::Careful);
    assert_eq!(name(&found), "undecided");
    while let Value::Object(mut map) = deep {
        deep = map.remove("not").unwrap_or_default();
    }
}

#[test]
fn parts_of_parts_are_all_kept() {
    let closed = |name: &str| json!({"type": "object", "properties": {name: {}}, "additionalProperties": false});
    let needs = json!({"type": "object", "properties": {"n": {}}, "required": ["n"], "additionalProperties": false});
    let old = json!({"allOf": [closed("a"), closed("b")]});
    let new = json!({"allOf": [{"allOf": [closed("a"), needs]}, closed("b")]});
    check(&old, &new, "fails {}");
    check(&new, &old, "holds");
}

#[test]
fn a_recursive_place_that_is_closed_is_broken_by_a_small_value() {
    let document = |tree: Value| {
        json!({"type": "object", "properties": {"c": {"$ref": "#/$defs/tree"}},
            "required": ["c"], "$defs": {"tree": tree}})
    };
    let tree = json!({"type": "object", "properties": {"value": {"type": "string"},
        "next": {"$ref": "#/$defs/tree"},
        "all": {"type": "array", "items": {"$ref": "#/$defs/tree"}}}});
    let flat = json!({"type": "object", "properties": {"id": {}}, "additionalProperties": false});
    let (old, new) = (document(tree), document(flat));
    check(&old, &new, r#"fails {"c":{"all":[]}}"#);
}

#[test]
fn undeclared_properties_that_are_described_are_sent() {
    let map = |rest: Value, choice: &str| {
        json!({"type": "object", "properties": {"name": {"type": "string"}},
            "additionalProperties": rest, choice: [{"required": ["name"]}, {"required": ["id"]}]})
    };
    let (text, number) = (json!({"type": "string"}), json!({"type": "integer"}));
    for choice in ["anyOf", "oneOf", "allOf"] {
        let old = map(text.clone(), choice);
        for rest in [&number, &json!(false)] {
            let found = compared(&old, &map(rest.clone(), choice), Caller::Careful);
            assert_eq!(name(&found), "fails", "{choice} {rest}");
        }
    }
    let named = |pattern: &str| json!({"type": "object", "propertyNames": {"pattern": pattern}});
    check(&named("^[a-z]+$"), &named("^[a-c]+$"), r#"fails {"am":0}"#);
}

#[test]
fn near_integers_are_not_one() {
    let one_of = |values: &[u64]| json!({"enum": values});
    let near = [1_081_004_946_872_352_958, 1_081_004_946_872_352_959];
    check(
        &one_of(&near),
        &one_of(&near[..1]),
        "fails 1081004946872352959",
    );
}

#[test]
fn what_cannot_be_read_is_the_same_in_its_own_place_only() {
    let far = json!({"$ref": "https://example.com/a.json"});
    let object = |a: &Value, b: &Value| json!({"type": "object", "properties": {"a": a, "b": b}});
    let text = json!({"type": "string"});
    check(&object(&far, &text), &object(&far, &far), "undecided");
    check(&object(&far, &text), &object(&far, &json!({})), "holds");
    check(
        &object(&far, &text),
        &object(&far, &json!({"type": "null"})),
        r#"fails {"b":""}"#,
    );
    check(&object(&far, &text), &object(&json!(true), &text), "holds");
    // A choice that leaves the unread branch must not take its values along.
    let branch = |kind: &[&str], a: &Value| json!({"type": "object", "required": ["kind"], "properties": {"kind": {"enum": kind}, "a": a}});
    let old = json!({"anyOf": [branch(&["x"], &far), branch(&["y"], &json!({}))]});
    let new = json!({"anyOf": [branch(&["x", "y"], &far)]});
    check(&old, &new, "undecided");
    let wrong = json!({"minLength": "3"});
    let (old, new) = (object(&wrong, &text), object(&text, &wrong));
    check(&old, &new, "undecided");
}

#[test]
fn what_is_evaluated_counts_as_such() {
    let a = |a: Value| json!({"type": "object", "properties": {"a": a}});
    let empty = json!({"type": "array", "maxItems": 0});
    for old in [
        json!({"type": "array", "contains": {"type": "string"}, "unevaluatedItems": false}),
        json!({"type": "array", "allOf": [{"items": true}], "unevaluatedItems": false}),
    ] {
        let found = compared(&a(old.clone()), &a(empty.clone()), Caller::Any);
        assert_eq!(name(&found), "fails", "{old}");
    }
}

#[test]
fn references_start_from_the_nearest_identifier() {
    let old = json!({"type": "object", "$defs": {"t": {"type": "string"}}, "properties": {
        "a": {"$id": "http://example.com/n", "$ref": "#/$defs/t", "$defs": {"t": {"type": "integer"}}}}});
    let new = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    check(&old, &new, r#"fails {"a":0}"#);
    // An anchor in data names nothing.
    let data = |anchor: &str| {
        json!({"type": "object", "properties": {"d": {"const": {"$anchor": anchor}}, "a": {"$ref": "#k"}},
            "$defs": {"k": {"$anchor": "k", "type": "string"}}})
    };
    check(&data("k"), &new, "holds");
}

#[test]
fn long_texts_and_lists_are_tried() {
    let text = |most: u64| json!({"type": "string", "maxLength": most});
    let list = |most: u64| json!({"type": "array", "maxItems": most, "uniqueItems": true});
    for (old, new) in [
        (text(5_000), text(4_000)),
        (text(65_536), text(4_096)),
        (json!({"type": "string"}), text(3_000)),
        (list(1_000), list(999)),
    ] {
        let found = compared(&old, &new, Caller::Any);
        assert_eq!(name(&found), "fails", "{old} {new}");
    }
}

/// Definitions that refer to two others each; the last has another leaf.
fn mutual(count: usize, last: &str) -> Value {
    let reference = |at: usize| json!({"$ref": format!("#/$defs/d{}", at % count)});
    let defs = (0..count).map(|at| {
        let leaf = if at + 1 == count { last } else { "string" };
        let properties = json!({"next": reference(at + 1), "other": reference(at * 7 + 3), "value": {"type": leaf}});
        (format!("d{at}"), json!({"type": "object", "properties": properties}))
    });
    json!({"type": "object", "properties": {"first": reference(0)},
        "$defs": defs.collect::<serde_json::Map<_, _>>()})
}

/// Tagged alternatives, of which one takes less.
fn branches(choice: &str, count: usize, less: usize) -> Value {
    let branch = |at: usize| {
        let most = if at == less { at - 1 } else { at };
        json!({"type": "object", "required": ["kind"], "properties": {
            "kind": {"const": format!("k{at}")}, "v": {"type": "integer", "maximum": most}}})
    };
    json!({ choice: (0..count).map(branch).collect::<Vec<_>>() })
}

#[test]
fn a_small_witness_is_found_in_a_large_schema() {
    let within = |schema: Value| json!({"type": "object", "properties": {"a": schema}});
    let closed = |mut schema: Value| {
        schema["type"] = json!("object");
        schema["unevaluatedProperties"] = json!(false);
        schema
    };
    let none = usize::MAX;
    let cases = [
        ("mutual", mutual(20, "integer"), mutual(20, "string")),
        (
            "one branch of 400",
            within(branches("anyOf", 400, none)),
            within(branches("anyOf", 400, 137)),
        ),
        (
            "one branch of 400 at the root",
            closed(branches("oneOf", 400, none)),
            closed(branches("oneOf", 400, 137)),
        ),
        (
            "a branch that is gone",
            closed(branches("oneOf", 400, none)),
            closed(branches("oneOf", 399, none)),
        ),
    ];
    for (label, old, new) in cases {
        let found = compared(&old, &new, Caller::Careful);
        assert_eq!(name(&found), "fails", "{label}: {found:?}");
    }
}
