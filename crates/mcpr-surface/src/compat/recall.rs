//! What the witness search proposed before for short places: tools of one server share most of their
//! parameters. Only remembers; a place counts as the same when all its words are.

use super::witness::WitnessPlace;
use serde_json::Value;
use std::cell::RefCell;
use std::collections::HashMap;

/// How many places a thread remembers.
const MAX_PLACES: usize = 10_000;

/// How many schemas a short place has on both sides.
const MAX_SCHEMAS: usize = 4;

/// The longest list that a short place has, of an enumeration mostly.
const MAX_LIST: usize = 50;

thread_local! {
    static PLACES: RefCell<HashMap<String, CachedDecision>> = RefCell::default();
}

/// A decision that was made before, and the steps that it took.
#[derive(Debug, Clone)]
pub(super) struct CachedDecision {
    pub(super) values: Vec<Value>,
    pub(super) steps: u64,
}

/// The text that says all there is to know about a short place; the schemas may refer to nothing.
pub(super) fn key(place: &WitnessPlace<'_>) -> Option<String> {
    let all = || place.olds.iter().chain(&place.news);
    // Longer ones seldom come twice, and their text would cost more than it saves.
    if all().count() > MAX_SCHEMAS || !all().all(|schema| is_short(schema)) {
        return None;
    }
    let mut key = String::new();
    for side in [&place.olds, &place.news] {
        for schema in side {
            key.push_str(&schema.to_string());
        }
        // What is old on one side is not what is new: the sides are kept apart.
        key.push('\n');
    }
    Some(key)
}

/// The values that were kept for this key.
pub(super) fn recalled(key: &str) -> Option<CachedDecision> {
    PLACES.with_borrow(|places| places.get(key).cloned())
}

/// Keeps values for the next time.
pub(super) fn keep(key: String, found: CachedDecision) {
    PLACES.with_borrow_mut(|places| {
        // Full, it only stops to learn.
        if places.len() < MAX_PLACES {
            places.insert(key, found);
        }
    });
}

/// Whether none of the keywords holds another schema or much else.
fn is_short(schema: &Value) -> bool {
    // Without inner schemas it refers to nothing either.
    let is_container = |value: &Value| value.is_object() || value.is_array();
    let is_plain = |value: &Value| match value {
        Value::Object(_) => false,
        Value::Array(list) => list.len() <= MAX_LIST && !list.iter().any(is_container),
        _ => true,
    };
    match schema {
        Value::Object(map) => map.values().all(is_plain),
        _ => true,
    }
}
