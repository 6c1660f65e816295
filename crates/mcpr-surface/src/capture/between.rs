//! What one version of a list changed in the one before it, both given whole.

use super::{Change, changes, kind_of};
use serde_json::Value;

/// What a version brought, with each item's key; `before` is the version before it, if there was one.
#[must_use]
pub fn changes_between(
    method: &str,
    before: Option<&str>,
    after: &str,
) -> Vec<(String, Option<String>)> {
    let Some(kind) = kind_of(method) else {
        return Vec::new();
    };
    let Some(before) = before else {
        return vec![(Change::Initial.word(kind), None)];
    };
    let list: Value = serde_json::from_str(after).unwrap_or_default();
    let member = kind.list_member().unwrap_or_default();
    let items = list[member].as_array().map_or(&[][..], Vec::as_slice);
    changes(kind, before, items)
}

#[cfg(test)]
mod tests {
    use super::changes_between;

    #[test]
    fn each_item_is_reported() {
        let old = r#"{"tools":[{"name":"a"},{"name":"b"}]}"#;
        let new = r#"{"tools":[{"name":"b","title":"B"},{"name":"c"}]}"#;
        let reported = |before: Option<&str>| -> Vec<String> {
            let all = changes_between("tools/list", before, new);
            all.into_iter()
                .map(|(change, item)| format!("{change} {}", item.unwrap_or_default()))
                .collect()
        };
        assert_eq!(reported(None), ["initial "]);
        assert_eq!(
            reported(Some(old)),
            ["tool_removed a", "tool_modified b", "tool_added c"]
        );
        assert_eq!(changes_between("ping", None, new), []);
    }
}
