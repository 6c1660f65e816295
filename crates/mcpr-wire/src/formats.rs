//! The list of formats, in the order in which detection asks them. Adding one is its file and two
//! lines here.

mod agentgateway;
mod claude_code_log;
mod codex_rollout;
mod cursor_log;
mod desktop_log;
mod envoy_ai_gateway;
mod export;
mod gh_aw_mcpg;
pub(crate) mod jsonrpc;
mod kong;
mod mcpproxy_go;
mod mcpr_v04;
mod mcpr_v05_cloud;
mod mcpr_v05_stderr;
mod mcpsnoop;
mod toolhive;
mod vscode_log;

use super::format::Format;

/// Every format.
pub static FORMATS: &[&dyn Format] = &[
    &mcpr_v04::McprV04,
    &mcpr_v05_stderr::McprV05Stderr,
    &mcpr_v05_cloud::McprV05Cloud,
    &export::Export,
    &toolhive::ToolHive,
    &mcpproxy_go::McpproxyGo,
    &codex_rollout::CodexRollout,
    &kong::Kong,
    &agentgateway::AgentGateway,
    &envoy_ai_gateway::EnvoyAiGateway,
    &mcpsnoop::McpSnoop,
    &gh_aw_mcpg::GhAwMcpg,
    &claude_code_log::ClaudeCodeLog,
    &desktop_log::DesktopLog,
    &vscode_log::VsCodeLog,
    &cursor_log::CursorLog,
    &jsonrpc::JsonRpc,
];
