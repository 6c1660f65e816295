//! Why a configuration is not changed, and what to do then, in words for whoever has that file.

use super::config::ConfigError;
use crate::commands::Refused;
use std::path::Path;

/// The reason alone. A file says by its ending what it is meant to be; what else it is not is no reason.
pub(super) fn reason(path: &Path, error: &ConfigError) -> String {
    let ConfigError::NoForm { json, toml, yaml } = error else {
        return error.to_string();
    };
    match ending(path) {
        "json" | "jsonc" => ConfigError::NotJson(json.clone()).to_string(),
        "toml" => format!("not TOML: {toml}"),
        "yaml" | "yml" => format!("not YAML: {yaml}"),
        _ => error.to_string(),
    }
}

/// The reason with its file, and with what to do.
pub(super) fn refused(path: &Path, error: &ConfigError) -> Refused {
    let refused = Refused::new(format!("{}: {}", path.display(), reason(path, error)));
    match error {
        ConfigError::Unknown { known, .. } => {
            refused.hint(format!("its servers are {}", known.join(", ")))
        }
        ConfigError::NoServers => refused
            .hint("servers are looked for under mcpServers, servers, mcp, context_servers, mcp_servers and extensions"),
        ConfigError::Doubled { .. } => refused.hint(
            "clients differ in which of the two they take: remove one of them, then try again",
        ),
        ConfigError::NotJson(_) | ConfigError::NoForm { .. } => {
            refused.hint("mend it there, for its client cannot read it either; then try again")
        }
        ConfigError::Bound(_) => refused.hint(by_hand()),
    }
}

/// What to write into a configuration that is not changed.
fn by_hand() -> String {
    let program = std::env::current_exe().ok();
    let program = program.map_or_else(|| "mcpr".into(), |program| program.display().to_string());
    format!(
        "it is not changed: put the tap before a server's command by hand, as in command (or cmd): {program} \
         and args: [tap, --name=NAME, --, COMMAND, …]"
    )
}

fn ending(path: &Path) -> &str {
    let ending = path.extension().and_then(|ending| ending.to_str());
    ending.unwrap_or_default()
}
