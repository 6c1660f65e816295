//! What a stream says of a session, and the platform behind a client's name.

use super::Text;
use serde::{Deserialize, Serialize};

/// A client family, recognised from the client's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Platform {
    /// `claude*`
    Claude,
    /// `cursor*`
    Cursor,
    /// `chatgpt*`, `openai*`
    Chatgpt,
    /// `vscode*`, `visual-studio-code*`, `visual studio code*`
    Vscode,
    /// Anything else, or no name at all.
    Unknown,
}

impl Platform {
    // Beginnings, because clients put versions and editions behind their names.
    const PREFIXES: [(&'static str, Self); 7] = [
        ("claude", Self::Claude),
        ("cursor", Self::Cursor),
        ("chatgpt", Self::Chatgpt),
        ("openai", Self::Chatgpt),
        ("vscode", Self::Vscode),
        ("visual-studio-code", Self::Vscode),
        ("visual studio code", Self::Vscode),
    ];

    /// The platform of a client's name: a prefix match without regard to case.
    #[must_use]
    pub fn of_client(name: Option<&str>) -> Self {
        // Bytes, for a prefix of ASCII needs no look at what comes after it.
        let name = name.unwrap_or_default().as_bytes();
        Self::PREFIXES
            .iter()
            .find(|(prefix, _)| {
                name.get(..prefix.len())
                    // Clients write themselves `Claude Code`, `claude-desktop` and `claude-ai`.
                    .is_some_and(|head| head.eq_ignore_ascii_case(prefix.as_bytes()))
            })
            .map_or(Self::Unknown, |&(_, platform)| platform)
    }

    /// The word used in every output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Claude => "claude",
            Self::Cursor => "cursor",
            Self::Chatgpt => "chatgpt",
            Self::Vscode => "vscode",
            Self::Unknown => "unknown",
        }
    }
}

/// Whether a session is reported to be open or over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SessionState {
    /// It lives.
    Active,
    /// It ended at the update's time.
    Closed,
}

/// One statement of a stream about a session; applying it twice changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionUpdate {
    /// The session's id.
    pub session_id: Text,
    /// The proxy it belongs to; `None` where the event does not say (then every proxy's session of that id).
    pub proxy: Option<Text>,
    /// When it was reported, unix milliseconds: the end of a closed session.
    pub ts: i64,
    /// When the session began, where that is stated.
    pub started_at: Option<i64>,
    /// When it was last used, where that is stated.
    pub last_seen_at: Option<i64>,
    /// Open or over.
    pub state: SessionState,
    /// The client's name.
    pub client_name: Option<Text>,
    /// The client's version.
    pub client_version: Option<Text>,
    /// The conversation of the client that it belongs to, where that is known.
    pub conversation: Option<Text>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_by_prefix_without_case() {
        let cases = [
            (Some("claude-desktop"), "claude"),
            (Some("Claude Code"), "claude"),
            (Some("ChatGPT"), "chatgpt"),
            (Some("openai-mcp"), "chatgpt"),
            (Some("Visual Studio Code - Insiders"), "vscode"),
            (Some("visual-studio-code"), "vscode"),
            (Some("cursor"), "cursor"),
            (Some("my-claude"), "unknown"),
            (Some("vs"), "unknown"),
            (None, "unknown"),
        ];
        for (name, expected) in cases {
            assert_eq!(Platform::of_client(name).as_str(), expected, "{name:?}");
        }
    }
}
