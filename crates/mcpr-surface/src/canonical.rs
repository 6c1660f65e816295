//! The one form in which two lists are the same list: RFC 8785 text of their items, and its SHA-256.
//! Says nothing about what a difference means.

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::borrow::Cow;

/// Members of an item that say nothing about what it is: hints for caches, and notes of the server.
pub const IGNORED_MEMBERS: &[&str] = &["_meta", "ttlMs", "cacheScope", "nextCursor"];

/// A list's items in canonical form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canonical {
    /// RFC 8785 text of the array of items, sorted by key.
    pub text: String,
    /// SHA-256 of the text, in lower-case hexadecimal digits.
    pub sha256: String,
}

/// The canonical form of a list whose items are known by the member `key` (`name`, `uri`,
/// `uriTemplate`). Items with the same key keep their order.
#[must_use]
pub fn canonical(items: &[Value], key: &str) -> Canonical {
    let mut sorted = items.iter().map(without_ignored).collect::<Vec<_>>();
    // A stable sort, as doubled keys must keep the order of the answer.
    sorted.sort_by(|a, b| key_of(a, key).cmp(key_of(b, key)));
    let text = canonical_text(&sorted);
    Canonical {
        sha256: sha256_hex(text.as_bytes()),
        text,
    }
}

/// RFC 8785 text of a value.
///
/// # Panics
///
/// Never for a `Value` or a structure of them: all their numbers are finite and their keys text.
#[must_use]
pub fn canonical_text<T: Serialize>(value: &T) -> String {
    serde_json_canonicalizer::to_string(value).expect("a JSON value has finite numbers")
}

/// A text that is the same for values that are the same, `1` and `1.0` among them; unlike canonical
/// text it also distinguishes integers that are one as floating-point numbers.
#[must_use]
pub fn exact_text(value: &Value) -> String {
    match value {
        // RFC 8785 writes numbers as doubles, and large integers lose digits there.
        Value::Number(number) if number.is_i64() || number.is_u64() => number.to_string(),
        Value::Array(list) => {
            let texts = list.iter().map(exact_text).collect::<Vec<_>>();
            format!("[{}]", texts.join(","))
        }
        Value::Object(map) => {
            let entry = |(key, value)| format!("{}:{}", canonical_text(key), exact_text(value));
            let mut texts = map.iter().map(entry).collect::<Vec<_>>();
            // Any fixed order does, as this text is only compared.
            texts.sort_unstable();
            format!("{{{}}}", texts.join(","))
        }
        other => canonical_text(other),
    }
}

/// SHA-256 in lower-case hexadecimal digits.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    let digits = digest.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits
        .map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)]))
        .collect()
}

fn key_of<'a>(item: &'a Value, key: &str) -> &'a str {
    // Lists that reach this were read with their keys; the server's answer has none and is alone.
    item.get(key).and_then(Value::as_str).unwrap_or("")
}

/// An item without the members that say nothing about it. Only its own members: a tool may well
/// have a parameter named `ttlMs`.
#[must_use]
pub fn without_ignored(item: &Value) -> Cow<'_, Value> {
    match item {
        // Cloning is dear for large items, and most have none of these.
        Value::Object(map) if IGNORED_MEMBERS.iter().any(|name| map.contains_key(*name)) => {
            let mut map = map.clone();
            map.retain(|name, _| !IGNORED_MEMBERS.contains(&name.as_str()));
            Cow::Owned(Value::Object(map))
        }
        other => Cow::Borrowed(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;
    use serde_json::json;

    #[test]
    fn order_and_cache_hints_do_not_count() {
        let one = [
            json!({"name": "b", "inputSchema": {"type": "object", "properties": {"ttlMs": {}}}}),
            json!({"name": "a", "_meta": {"x": 1}, "ttlMs": 5}),
        ];
        let other = [
            json!({"name": "a"}),
            json!({"inputSchema": {"properties": {"ttlMs": {}}, "type": "object"}, "name": "b"}),
        ];
        assert_eq!(canonical(&one, "name"), canonical(&other, "name"));
        let text = canonical(&one, "name").text;
        expect![[r#"[{"name":"a"},{"inputSchema":{"properties":{"ttlMs":{}},"type":"object"},"name":"b"}]"#]]
            .assert_eq(&text);
    }

    #[test]
    fn the_digest_is_sha256() {
        assert_eq!(
            sha256_hex(b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn integers_are_distinguished_whatever_their_size() {
        let near = [1_081_004_946_872_352_958_u64, 1_081_004_946_872_352_959];
        assert_ne!(exact_text(&json!([near[0]])), exact_text(&json!([near[1]])));
        let same = json!({"b": [1.0, -0.0], "a": "x"});
        assert_eq!(exact_text(&same), r#"{"a":"x","b":[1,0]}"#);
        assert_eq!(
            exact_text(&same),
            exact_text(&json!({"a": "x", "b": [1, 0]}))
        );
    }

    #[test]
    fn one_number_has_one_form() {
        assert_eq!(canonical_text(&json!([1.0, 1, 1e30])), "[1,1,1e+30]");
    }
}
