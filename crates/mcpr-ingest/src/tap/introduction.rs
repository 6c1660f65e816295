//! How a server introduces itself in its first answer. Pure.

use mcpr_model::{SurfaceContent, Text};

/// What a server says of itself when a client begins.
pub(super) struct Introduction {
    pub(super) protocol: Option<Text>,
    pub(super) name: Option<Text>,
    pub(super) version: Option<Text>,
}

/// The introduction in an answer, where it is one to `initialize` or `server/discover`.
pub(super) fn introduction(content: &SurfaceContent) -> Option<Introduction> {
    let SurfaceContent::Page { result, .. } = content else {
        return None;
    };
    // Lists are long, and have neither.
    if !(result.contains("serverInfo") || result.contains("\"protocolVersion\"")) {
        return None;
    }
    let result: serde_json::Value = serde_json::from_str(result).ok()?;
    // Since 2026-07-28 it stands in each result's `_meta`.
    let of_meta = &result["_meta"]["io.modelcontextprotocol/serverInfo"];
    let info = if of_meta.is_object() {
        of_meta
    } else {
        &result["serverInfo"]
    };
    let text = |value: &serde_json::Value| value.as_str().map(Text::from);
    let introduced = Introduction {
        protocol: text(&result["protocolVersion"]),
        name: text(&info["name"]),
        version: text(&info["version"]),
    };
    (introduced.protocol.is_some() || introduced.name.is_some()).then_some(introduced)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn introduced(result: &str) -> Option<String> {
        let page = SurfaceContent::Page {
            cursor: None,
            asked_version: None,
            result: result.into(),
        };
        let or_none = |text: Option<Text>| text.unwrap_or_else(|| "-".into());
        introduction(&page).map(|it| [it.protocol, it.name, it.version].map(or_none).join(" "))
    }

    #[test]
    fn both_eras_say_who_the_server_is() {
        let legacy = r#"{"protocolVersion":"2025-06-18","serverInfo":{"name":"s","version":"1"}}"#;
        assert_eq!(introduced(legacy).as_deref(), Some("2025-06-18 s 1"));
        let modern = r#"{"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"m"}},"supportedVersions":[]}"#;
        assert_eq!(introduced(modern).as_deref(), Some("- m -"));
        assert_eq!(introduced(r#"{"tools":[]}"#), None);
    }
}
