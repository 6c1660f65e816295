//! Whether two normal forms differ in nothing but the names of their definitions. Sound for cycles:
//! a pair of definitions that is being compared counts as alike, as nothing but itself could differ.

use serde_json::Value;
use std::collections::BTreeSet;

/// Whether both unfold into one schema.
pub(super) fn alike(one: &Value, other: &Value) -> bool {
    let mut unfolding = Unfolding {
        defs: (one.get("$defs"), other.get("$defs")),
        seen: BTreeSet::new(),
    };
    unfolding.same(one, other)
}

struct Unfolding<'a> {
    defs: (Option<&'a Value>, Option<&'a Value>),
    seen: BTreeSet<(&'a str, &'a str)>,
}

impl<'a> Unfolding<'a> {
    fn same(&mut self, one: &'a Value, other: &'a Value) -> bool {
        match (one, other) {
            (Value::Object(a), Value::Object(b)) => {
                let keys = |map: &'a serde_json::Map<String, Value>| {
                    map.keys().filter(|key| *key != "$defs")
                };
                keys(a).eq(keys(b))
                    && keys(a).all(|key| match (key.as_str(), &a[key], &b[key]) {
                        ("$ref", Value::String(a), Value::String(b)) => self.named(a, b),
                        (_, a, b) => self.same(a, b),
                    })
            }
            (Value::Array(a), Value::Array(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| self.same(a, b))
            }
            _ => one == other,
        }
    }

    fn named(&mut self, one: &'a str, other: &'a str) -> bool {
        let body = |name: &str, defs: Option<&'a Value>| {
            name.strip_prefix("#/$defs/")
                .and_then(|name| defs?.get(name))
        };
        // It is being compared further up, or was before: nothing new would come of it.
        if !self.seen.insert((one, other)) {
            return true;
        }
        match (body(one, self.defs.0), body(other, self.defs.1)) {
            (Some(a), Some(b)) => self.same(a, b),
            // A reference that leads nowhere is alike to nothing, not even to itself.
            _ => false,
        }
    }
}
