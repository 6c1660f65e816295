//! The formats that events come in, as they are stored and named.

use serde::{Deserialize, Serialize};

/// The format that a row came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum SourceFormat {
    /// Events of mcpr 0.4.
    McprV04,
    /// The standard error of mcpr 0.5.
    McprV05Stderr,
    /// The posts of mcpr 0.5.
    McprV05Cloud,
    /// `mcpr store export`.
    Export,
    /// Messages that pass through a tap.
    JsonRpc,
    /// Logs of desktop hosts.
    DesktopLog,
    /// The audit log of `ToolHive`.
    ToolHive,
    /// The activities of mcpproxy-go.
    McpproxyGo,
    /// The rollouts of Codex.
    CodexRollout,
    /// The logs of Kong.
    Kong,
    /// The access log of agentgateway.
    AgentGateway,
    /// The access log of the Envoy AI gateway.
    EnvoyAiGateway,
    /// What mcpsnoop writes.
    McpSnoop,
    /// What gh-aw-mcpg writes.
    GhAwMcpg,
    /// The logs of Claude Code.
    ClaudeCodeLog,
    /// The logs of VS Code.
    VsCodeLog,
    /// The logs of Cursor.
    CursorLog,
    /// Posts of OTLP.
    Otlp,
}

impl SourceFormat {
    /// Every format, in the order of their numbers.
    pub const ALL: [Self; 18] = [
        Self::McprV04,
        Self::McprV05Stderr,
        Self::McprV05Cloud,
        Self::Export,
        Self::JsonRpc,
        Self::DesktopLog,
        Self::ToolHive,
        Self::McpproxyGo,
        Self::CodexRollout,
        Self::Kong,
        Self::AgentGateway,
        Self::EnvoyAiGateway,
        Self::McpSnoop,
        Self::GhAwMcpg,
        Self::ClaudeCodeLog,
        Self::VsCodeLog,
        Self::CursorLog,
        Self::Otlp,
    ];

    /// The number that stands for it in every store, for ever; none is 0, and none is above 62.
    #[must_use]
    pub const fn code(self) -> i64 {
        match self {
            // Written out: the order of the variants may change, what is stored may not.
            Self::McprV04 => 1,
            Self::McprV05Stderr => 2,
            Self::McprV05Cloud => 3,
            Self::Export => 4,
            Self::JsonRpc => 5,
            Self::DesktopLog => 6,
            Self::ToolHive => 7,
            Self::McpproxyGo => 8,
            Self::CodexRollout => 9,
            Self::Kong => 10,
            Self::AgentGateway => 11,
            Self::EnvoyAiGateway => 12,
            Self::McpSnoop => 13,
            Self::GhAwMcpg => 14,
            Self::ClaudeCodeLog => 15,
            Self::VsCodeLog => 16,
            Self::CursorLog => 17,
            Self::Otlp => 18,
        }
    }

    /// The format that a stored number stands for; `None` where this version knows none.
    #[must_use]
    pub fn from_code(code: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.code() == code)
    }

    /// The word used in every output.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::McprV04 => "mcpr_v04",
            Self::McprV05Stderr => "mcpr_v05_stderr",
            Self::McprV05Cloud => "mcpr_v05_cloud",
            Self::Export => "export",
            Self::JsonRpc => "jsonrpc",
            Self::DesktopLog => "desktop_log",
            Self::ToolHive => "toolhive",
            Self::McpproxyGo => "mcpproxy_go",
            Self::CodexRollout => "codex_rollout",
            Self::Kong => "kong",
            Self::AgentGateway => "agentgateway",
            Self::EnvoyAiGateway => "envoy_ai_gateway",
            Self::McpSnoop => "mcpsnoop",
            Self::GhAwMcpg => "gh_aw_mcpg",
            Self::ClaudeCodeLog => "claude_code_log",
            Self::VsCodeLog => "vscode_log",
            Self::CursorLog => "cursor_log",
            Self::Otlp => "otlp",
        }
    }

    /// The format that goes by a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == name)
    }
}

/// Formats that were met in a source: a bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FormatSet(u64);

impl FormatSet {
    /// The set whose bits these are.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// Its bits, as they are stored: bit N is the format with the number N.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Adds a format.
    pub fn add(&mut self, format: SourceFormat) {
        self.0 |= 1 << format.code();
    }

    /// Adds those of another set.
    pub fn add_all(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// The formats in it that this version knows.
    pub fn iter(self) -> impl Iterator<Item = SourceFormat> {
        (SourceFormat::ALL.into_iter()).filter(move |format| self.0 & (1 << format.code()) != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A number that changes here changes the meaning of every store that is out there.
    #[test]
    fn numbers_and_names_of_formats_never_change() {
        for (code, format) in (1..).zip(SourceFormat::ALL) {
            assert_eq!(format.code(), code);
            assert_eq!(SourceFormat::from_code(code), Some(format));
            assert_eq!(SourceFormat::from_name(format.as_str()), Some(format));
        }
        assert_eq!(SourceFormat::from_code(0), None);
        assert_eq!(SourceFormat::from_code(19), None);
    }

    #[test]
    fn a_set_holds_what_was_added() {
        let mut set = FormatSet::default();
        set.add(SourceFormat::Kong);
        set.add(SourceFormat::Otlp);
        set.add(SourceFormat::Kong);
        let found: Vec<_> = FormatSet::from_bits(set.bits()).iter().collect();
        assert_eq!(found, [SourceFormat::Kong, SourceFormat::Otlp]);
    }
}
