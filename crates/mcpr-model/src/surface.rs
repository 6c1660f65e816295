//! What a stream says of a server's surface: answers to its lists, snapshots, single items.

use super::Text;
use serde::{Deserialize, Serialize};

/// One statement about a proxy's server, as a stream reports it. It holds the raw JSON; `mcpr-surface` reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SurfaceUpdate {
    /// The proxy.
    pub proxy: Text,
    /// The method that was answered: `initialize`, `server/discover`, `tools/list` and so on.
    pub method: Text,
    /// When, unix milliseconds.
    pub ts: i64,
    /// The session in which it was reported, where the stream stated one.
    pub session_id: Option<Text>,
    /// The caller, where the event itself says it.
    pub client_name: Option<Text>,
    /// What it says.
    // The name that files set aside by mcpr 0.6 have for it.
    #[serde(alias = "said")]
    pub content: SurfaceContent,
}

/// What a statement says of a surface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SurfaceContent {
    /// One page of an answer: the raw `result`.
    Page {
        /// The cursor that was asked with; `None` begins a chain.
        cursor: Option<Text>,
        /// The protocol version that an `initialize` asked for.
        asked_version: Option<Text>,
        /// The raw JSON of the result.
        result: Box<str>,
    },
    /// A whole list, merged by whoever saw it: the raw `result`.
    Whole {
        /// The server's address, where it is reported.
        upstream: Option<Text>,
        /// The raw JSON of the result.
        result: Box<str>,
    },
    /// One item, seen on its own: its raw JSON.
    Item {
        /// The raw JSON of the item.
        item: Box<str>,
    },
    /// The server announced that the list has changed.
    ListChanged,
    /// A version of a list as another store has it, with all that is known of it. The statement's time,
    /// session and client are those of its first sight.
    Version(Box<SurfaceVersion>),
}

/// A version of a list as a store has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SurfaceVersion {
    /// Its number in that store, from 1.
    pub version: i64,
    /// The raw JSON of the whole list, as an answer without further pages holds it.
    pub payload: Box<str>,
    /// When it was last seen, unix milliseconds.
    pub last_seen_at: i64,
    /// The server's address, where it is reported.
    pub upstream: Option<Text>,
    /// Whether the server had announced a change before it.
    pub announced: bool,
    /// The protocol version that was negotiated when it was last seen; of `initialize` only.
    pub protocol: Option<Text>,
    /// What is peculiar about it.
    pub peculiar: Vec<String>,
    /// What it brought, with the item's key: `tool_added` and such.
    pub changes: Vec<(String, Option<String>)>,
}

impl SurfaceUpdate {
    /// The methods whose answers make a surface.
    // `initialize` and `server/discover` stand here for the server's own name, version and
    // capabilities.
    pub const METHODS: [&'static str; 6] = [
        "initialize",
        "server/discover",
        "tools/list",
        "prompts/list",
        "resources/list",
        "resources/templates/list",
    ];

    /// The list that a `…/list_changed` notification is about.
    #[must_use]
    pub fn announced_by(notification: &str) -> Option<&'static str> {
        match notification {
            "notifications/tools/list_changed" => Some("tools/list"),
            "notifications/prompts/list_changed" => Some("prompts/list"),
            "notifications/resources/list_changed" => Some("resources/list"),
            // Other notifications, of progress or of logs, say nothing of what the server offers.
            _ => None,
        }
    }
}
