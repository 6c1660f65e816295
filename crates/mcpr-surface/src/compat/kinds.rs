//! Pairs that were once called safe and are not, by kind; each beside a pair of the same shape that
//! is safe. Read both ways: as what callers send, and as what they are answered.

use super::*;
use serde_json::json;

#[track_caller]
fn check(old: &Value, new: &Value, expected: &str) {
    let found = comparing(|comparer| comparer.includes(old, new, Caller::Careful)).unwrap();
    let found = match &found {
        Inclusion::Holds => "holds".to_owned(),
        Inclusion::Fails(witness) => format!("fails {witness}"),
        Inclusion::Undecided(_) => "undecided".to_owned(),
    };
    assert_eq!(found, expected, "\n{old}\n{new}");
}

fn text() -> Value {
    json!({"type": "string"})
}

fn number() -> Value {
    json!({"type": "integer"})
}

/// A schema with more members.
fn with(schema: &Value, more: &Value) -> Value {
    let mut made = schema.clone();
    for (name, value) in more.as_object().unwrap() {
        made[name] = value.clone();
    }
    made
}

/// A document that names one of its own schemas, given what that is.
type Document = fn(&Value) -> Value;

const DOCUMENTS: &[Document] = &[
    |t| {
        json!({"type": "object", "properties": {"a": {"$dynamicRef": "#T"}},
        "$defs": {"x": with(t, &json!({"$dynamicAnchor": "T"}))}})
    },
    |t| {
        json!({"type": "object", "properties": {"a": {"$ref": "#T"}},
        "$defs": {"x": with(t, &json!({"$dynamicAnchor": "T"}))}})
    },
    |t| {
        json!({"type": "object", "properties": {"a": {"$ref": "Node"}},
        "$defs": {"Node": with(t, &json!({"$id": "Node"}))}})
    },
    |t| {
        json!({"$id": "https://example.com/root", "type": "object",
        "properties": {"a": {"$ref": "https://example.com/item"}},
        "$defs": {"i": with(t, &json!({"$id": "/item"}))}})
    },
    // As TypeBox writes modules.
    |t| {
        json!({"$ref": "A", "$defs": {"B": with(t, &json!({"$id": "B"})),
        "A": {"$id": "A", "type": "object", "properties": {"a": {"$ref": "B"}}}}})
    },
    |t| {
        json!({"type": "object", "properties": {"a": {"$id": "http://example.com/n",
        "$ref": "#/$defs/t", "$defs": {"t": t}}}, "$defs": {"t": {"type": "null"}}})
    },
    |t| {
        json!({"$schema": "http://json-schema.org/draft-04/schema#", "type": "object",
        "properties": {"a": {"$ref": "#t"}}, "definitions": {"f": with(t, &json!({"id": "#t"}))}})
    },
    |t| {
        json!({"$schema": "http://json-schema.org/draft-07/schema#", "type": "object",
        "properties": {"a": {"$ref": "#t"}}, "definitions": {"f": with(t, &json!({"$id": "#t"}))}})
    },
    // An embedded resource has an anchor of the same name.
    |t| {
        json!({"type": "object", "properties": {"a": {"$ref": "#k"}}, "$defs": {
        "r": with(t, &json!({"$anchor": "k"})),
        "z": {"$id": "http://example.com/z", "$defs": {"q": {"$anchor": "k", "type": "null"}}}}})
    },
    // A property has the name of a keyword that holds data.
    |t| {
        json!({"type": "object", "properties": {"a": {"$ref": "#k"},
        "default": with(t, &json!({"$anchor": "k"}))}})
    },
    |t| {
        json!({"$schema": "https://json-schema.org/draft/2019-09/schema", "type": "object",
        "$recursiveAnchor": true, "properties": {"a": t, "next": {"$recursiveRef": "#"}}})
    },
];

#[test]
fn a_reference_within_the_document_means_what_it_names_now() {
    for document in DOCUMENTS {
        let (old, new) = (document(&text()), document(&number()));
        check(&old, &new, r#"fails {"a":""}"#);
        check(&new, &old, r#"fails {"a":0}"#);
        check(&old, &old, "holds");
        let plain = |a: Value| json!({"type": "object", "properties": {"a": a}});
        let wide = json!({"type": ["string", "integer"]});
        check(&plain(text()), &plain(wide.clone()), "holds");
        check(&old, &document(&wide), "holds");
    }
}

#[test]
fn what_is_not_read_in_a_document_is_never_called_the_same_in_another() {
    // Which of the two is meant depends on the way that was taken.
    let document = |t: &Value| {
        json!({"type": "object", "properties": {"a": {"$ref": "one"}, "b": {"$ref": "two"}}, "$defs": {
            "one": {"$id": "one", "$ref": "shared", "$defs": {"x": with(t, &json!({"$dynamicAnchor": "T"}))}},
            "two": {"$id": "two", "$ref": "shared", "$defs": {"x": {"$dynamicAnchor": "T", "type": "null"}}},
            "shared": {"$id": "shared", "$dynamicRef": "#T", "$defs": {"x": {"$dynamicAnchor": "T"}}}}})
    };
    let (old, new) = (document(&text()), document(&number()));
    check(&old, &new, "undecided");
    check(&old, &with(&old, &json!({"description": "words"})), "holds");
    let foreign = |t: &Value| {
        let inner = with(
            t,
            &json!({"$schema": "http://json-schema.org/draft-07/schema#", "$id": "p"}),
        );
        json!({"type": "object", "properties": {"a": inner}})
    };
    check(&foreign(&text()), &foreign(&number()), "undecided");
}

#[test]
fn what_looks_at_its_parts_is_not_judged_without_them() {
    let a = |a: Value| json!({"properties": {"a": a}});
    let over = |list: &str, parts: &[Value]| json!({"type": "object", list: parts, "unevaluatedProperties": false});
    for list in ["allOf", "anyOf", "oneOf"] {
        let (old, new) = (over(list, &[a(text())]), over(list, &[a(number())]));
        check(&old, &new, r#"fails {"a":""}"#);
        check(&old, &old, "holds");
    }
    let b = json!({"properties": {"b": {"type": "string"}}});
    let needs = json!({"properties": {"b": {"type": "string"}, "c": {}}, "required": ["b"]});
    let (both, one) = (over("anyOf", &[a(text()), b]), over("anyOf", &[a(text())]));
    check(&both, &one, r#"fails {"b":""}"#);
    let list = |tuple: Value| {
        json!({"type": "object", "properties": {"l": {"type": "array", "allOf": [{"prefixItems": [tuple]}],
            "unevaluatedItems": false}}})
    };
    check(&list(text()), &list(number()), r#"fails {"l":[""]}"#);
    let found = comparing(|comparer| {
        comparer.includes(&both, &over("anyOf", &[a(text()), needs]), Caller::Careful)
    });
    assert_ne!(found.unwrap(), Inclusion::Holds);
}

#[test]
fn what_must_be_sent_together_is_declared() {
    let draft = "http://json-schema.org/draft-07/schema#";
    for (keyword, draft) in [("dependentRequired", None), ("dependencies", Some(draft))] {
        let mut old = json!({"type": "object", "properties": {"a": {"type": "string"}}, keyword: {"a": ["b"]}});
        if let Some(draft) = draft {
            old["$schema"] = json!(draft);
        }
        let closed = with(&old, &json!({"additionalProperties": false}));
        check(&old, &closed, r#"fails {"b":0}"#);
        let b = json!({"properties": {"a": {"type": "string"}, "b": {"type": "null"}}});
        check(&old, &with(&old, &b), r#"fails {"b":0}"#);
        check(&old, &with(&old, &json!({"description": "words"})), "holds");
    }
    let key = json!({"type": "object", "properties": {"a": {"type": "string"}}, "dependentRequired": {"c": ["a"]}});
    let typed = with(
        &key,
        &json!({"properties": {"a": {"type": "string"}, "c": {"type": "integer"}}}),
    );
    check(&key, &typed, r#"fails {"a":"","c":""}"#);
}

#[test]
fn a_value_that_is_listed_whole_is_sent_whole() {
    let listed = |values: Value| json!({"type": "object", "enum": values});
    check(
        &listed(json!([{"a": 1}, {"b": 2}])),
        &listed(json!([{"a": 1}])),
        r#"fails {"b":2}"#,
    );
    check(
        &listed(json!([{"a": 1}])),
        &listed(json!([{"a": 1}, {"b": 2}])),
        "holds",
    );
    let constant = json!({"type": "object", "const": {"a": 1}});
    let typed = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    check(&constant, &typed, r#"fails {"a":1}"#);
    let inside = |more: Value| {
        json!({"type": "object", "properties": {"o": with(&json!({"type": "object", "properties": {
            "x": {"type": "integer"}}}), &more)}})
    };
    let old = inside(json!({"enum": [{"y": 1}, {"x": {"z": 1}}]}));
    check(
        &old,
        &inside(json!({"additionalProperties": false})),
        r#"fails {"o":{"y":1}}"#,
    );
    let beside = json!({"type": "object", "properties": {"o": {"allOf": [{"enum": [{"y": {"z": 1}}]},
        {"properties": {"y": {"type": "object", "properties": {"x": {}}}}}]}}});
    let strict = json!({"type": "object", "properties": {"o": {"properties": {
        "y": {"type": "object", "properties": {"z": {"type": "string"}}}}}}});
    check(&beside, &strict, r#"fails {"o":{"y":{"z":1}}}"#);
    // What is denied is not sent.
    let denied = json!({"type": "object", "properties": {"a": {}}, "not": {"const": {"a": 1}}});
    check(
        &denied,
        &with(&denied, &json!({"additionalProperties": false})),
        "holds",
    );
    let lists = json!({"type": "object", "properties": {"l": {"type": "array", "items": {"type": "object",
        "properties": {"x": {}}}, "enum": [[{"y": 1}]]}}});
    let typed = json!({"type": "object", "properties": {"l": {"items": {"properties": {"y": {"type": "string"}}}}}});
    check(&lists, &typed, r#"fails {"l":[{"y":1}]}"#);
}

#[test]
fn a_value_that_fits_several_alternatives_sends_what_each_declares() {
    let branch = |name: &str, required: bool| {
        let mut made = json!({"type": "object", "properties": {name: {"type": "string"}}});
        if required {
            made["required"] = json!([name]);
        }
        made
    };
    let choice =
        |list: &str, parts: &[Value]| json!({"type": "object", "properties": {"q": {list: parts}}});
    let parts = [branch("a", true), branch("b", true)];
    let (any, one) = (choice("anyOf", &parts), choice("oneOf", &parts));
    check(&any, &one, r#"fails {"q":{"a":"","b":""}}"#);
    check(&one, &any, "holds");
    let at_root = |list: &str| json!({"type": "object", list: parts});
    check(
        &at_root("anyOf"),
        &at_root("oneOf"),
        r#"fails {"a":"","b":""}"#,
    );
    let three = [branch("a", true), branch("b", true), branch("c", true)];
    let not_all =
        json!({"type": "object", "properties": {"q": {"not": {"required": ["a", "b", "c"]}}}});
    check(
        &choice("anyOf", &three),
        &not_all,
        r#"fails {"q":{"a":"","b":"","c":""}}"#,
    );
    // Alternatives that a tag distinguishes never meet, and nobody sends what only a sibling declares.
    let tagged = |more: &str| {
        let part = |kind: &str, name: &str| {
            json!({"type": "object", "required": ["kind"], "properties": {
            "kind": {"const": kind}, name: {"type": "string"}}})
        };
        choice("anyOf", &[part("x", "a"), part("y", more)])
    };
    check(&tagged("b"), &tagged("b"), "holds");
    let wider = choice(
        "anyOf",
        &[branch("a", true), branch("b", true), branch("c", true)],
    );
    check(&any, &wider, "holds");
}

#[test]
fn an_answer_is_the_same_under_load_and_beside_other_threads() {
    let branches = |count: usize| {
        let parts = (0..count).map(|at| json!({"minimum": at, "multipleOf": at + 1}));
        json!({"oneOf": parts.collect::<Vec<_>>()})
    };
    let (old, new) = (branches(60), branches(59));
    let alone = decide(pair(&old, &new), Goal::Decide);
    let all = std::thread::scope(|scope| {
        let ask = || comparing(|_| decide(pair(&old, &new), Goal::Decide)).unwrap();
        let asked = (0..6).map(|_| scope.spawn(ask)).collect::<Vec<_>>();
        let answers = asked.into_iter().map(|one| one.join().unwrap());
        answers.collect::<Vec<_>>()
    });
    assert!(all.iter().all(|one| *one == alone), "{alone:?} {all:?}");
}

fn pair<'a>(narrow: &'a Value, wide: &'a Value) -> Comparison<'a> {
    Comparison {
        narrow,
        wide,
        caller: Caller::Careful,
    }
}

#[test]
fn what_was_answered_before_counts_as_if_it_was_worked_out_again() {
    let tool = |name: &str, most: u64| json!({"type": "object", "properties": {name: {"type": "string", "maxLength": most}}});
    let (old, new) = (tool("a", 5), tool("a", 4));
    let taken = comparing(|comparer| {
        let mut taken = Vec::new();
        for _ in 0..2 {
            comparer.next_item();
            comparer.includes(&old, &new, Caller::Careful);
            taken.push(comparer.taken);
        }
        taken
    });
    let taken = taken.unwrap();
    assert!(taken[0] > 0 && taken[0] == taken[1], "{taken:?}");
}

#[test]
fn nothing_here_asks_for_the_time() {
    fn check(directory: &std::path::Path) -> usize {
        let mut files = 0;
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                files += check(&path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for word in [concat!("std::", "time"), concat!("recv_", "timeout")] {
                assert!(!text.contains(word), "{word} in {}", path.display());
            }
            files += 1;
        }
        files
    }
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    assert!(check(&root) > 60);
}

/// What could once not be decided, as its proof needs the schema written in another way.
#[test]
fn denials_impossible_parts_and_what_is_unevaluated_are_decided() {
    let object = |more: &Value| with(&json!({"type": "object"}), more);
    let open = object(&json!({"not": {"required": ["id"]}, "properties": {"a": text()}}));
    let less = json!({"not": {"required": ["id"]}, "properties": {"a": {"type": "string", "maxLength": 1}}});
    check(&object(&less), &open, "holds");
    check(&open, &object(&less), r#"fails {"a":"aa"}"#);
    let parts = |a: &Value| {
        object(
            &json!({"oneOf": [{"required": ["id"], "properties": {"id": {"type": "null"}, "c": a}},
            {"properties": {"b": text()}}], "unevaluatedProperties": false}),
        )
    };
    check(&parts(&text()), &parts(&json!({})), "holds");
    let impossible = json!({"properties": {"a": {"allOf": [
        {"type": "object", "required": ["b"], "properties": {"b": text()}},
        {"properties": {"b": number()}}]}}});
    check(
        &object(&impossible),
        &object(&json!({"properties": {"a": false}})),
        "holds",
    );
    let endless = json!({"required": ["a"], "properties": {"a": {"$ref": "#"}}, "type": "object"});
    check(
        &endless,
        &object(&json!({"properties": {"a": {"type": "null"}}})),
        "holds",
    );
}

#[test]
fn who_forbids_a_name_declares_none() {
    let object = |properties: Value| json!({"type": "object", "properties": properties});
    for forbids in [
        json!({"type": "object", "not": {"required": ["id"]}}),
        json!({"type": "object", "properties": {"id": false}}),
        json!({"type": "object", "patternProperties": {"^id$": false}}),
    ] {
        check(
            &object(json!({"o": forbids})),
            &object(json!({"o": object(json!({"a": {"enum": ["x"]}, "id": false}))})),
            r#"fails {"o":{"a":0}}"#,
        );
    }
    // That only objects fit can follow from something else: then nothing says that it takes no parameter.
    check(
        &json!({"not": {"required": ["id"]}}),
        &object(json!({"a": {"enum": ["x"]}, "id": false})),
        r#"fails {"a":0}"#,
    );
}
