//! Where clients keep their configurations and hosts their logs, on each system: one table of data, and how
//! a line of it becomes a path. Pure. Must not look at a file.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// A system with places of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum System {
    Linux,
    Mac,
    Windows,
}

impl System {
    /// The one this program was built for.
    pub(super) const fn present() -> Self {
        if cfg!(target_os = "macos") {
            Self::Mac
        } else if cfg!(windows) {
            Self::Windows
        } else {
            Self::Linux
        }
    }
}

/// What is at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PlaceKind {
    /// A configuration of a user, with servers in it.
    Config,
    /// One of a project, which people commit: looked for in the present directory.
    Project,
    /// Logs, in the format of this name.
    Log(&'static str),
    /// A store, the mcpr proxy's or ours.
    Store,
}

/// A line of the table. A path may have `*`, and begins with a name in braces, see [`PlaceVariables::base`].
#[derive(Debug)]
pub(super) struct KnownPlace {
    pub(super) client: &'static str,
    pub(super) kind: PlaceKind,
    systems: &'static [System],
    path: &'static str,
}

const ALL: &[System] = &[System::Linux, System::Mac, System::Windows];
const UNIX: &[System] = &[System::Linux, System::Mac];
const LINUX: &[System] = &[System::Linux];
const MAC: &[System] = &[System::Mac];
const WINDOWS: &[System] = &[System::Windows];

const fn config(
    client: &'static str,
    systems: &'static [System],
    path: &'static str,
) -> KnownPlace {
    KnownPlace {
        client,
        kind: PlaceKind::Config,
        systems,
        path,
    }
}

const fn project(client: &'static str, path: &'static str) -> KnownPlace {
    KnownPlace {
        client,
        kind: PlaceKind::Project,
        systems: ALL,
        path,
    }
}

const fn log(
    client: &'static str,
    format: &'static str,
    systems: &'static [System],
    path: &'static str,
) -> KnownPlace {
    KnownPlace {
        client,
        kind: PlaceKind::Log(format),
        systems,
        path,
    }
}

const fn store(path: &'static str) -> KnownPlace {
    KnownPlace {
        client: "mcpr",
        kind: PlaceKind::Store,
        systems: UNIX,
        path,
    }
}

/// Every place, a client's places together, in the order in which clients are shown.
// A line each is how a table is read.
#[rustfmt::skip]
pub(super) const PLACES: &[KnownPlace] = &[
    // Anthropic gives macOS and Windows; the builds for Linux keep to the same names.
    config("claude-desktop", ALL, "{APP}/Claude/claude_desktop_config.json"),
    // What the Microsoft Store installs sees a directory of its own as %APPDATA%.
    config("claude-desktop", WINDOWS, "{LOCAL}/Packages/Claude_*/LocalCache/Roaming/Claude/claude_desktop_config.json"),
    log("claude-desktop", "desktop_log", LINUX, "{APP}/Claude/logs/mcp*.log"),
    log("claude-desktop", "desktop_log", MAC, "{HOME}/Library/Logs/Claude/mcp*.log"),
    log("claude-desktop", "desktop_log", WINDOWS, "{APP}/Claude/logs/mcp*.log"),
    // With the servers of each project in it; `.mcp.json` is what a project commits.
    config("claude-code", ALL, "{CLAUDE_CONFIG_DIR:}/.claude.json"),
    project("claude-code", ".mcp.json"),
    // One file a connection, in a directory for each working directory and server.
    log("claude-code", "claude_code_log", UNIX, "{CACHE}/claude-cli-nodejs/*/mcp-logs-*/*.jsonl"),
    log("claude-code", "claude_code_log", WINDOWS, "{LOCAL}/claude-cli-nodejs/Cache/*/mcp-logs-*/*.jsonl"),
    config("cursor", ALL, "{HOME}/.cursor/mcp.json"),
    project("cursor", ".cursor/mcp.json"),
    // It writes what VS Code's channels of output write, under an extension's name.
    log("cursor", "cursor_log", ALL, "{APP}/Cursor/logs/*/window*/exthost/anysphere.cursor-*/*MCP*.log"),
    // Servers stood in the settings until the middle of 2025, and stand in a file of their own since.
    config("vscode", ALL, "{APP}/Code/User/mcp.json"),
    config("vscode", ALL, "{APP}/Code/User/profiles/*/mcp.json"),
    config("vscode", ALL, "{APP}/Code/User/settings.json"),
    config("vscode", ALL, "{APP}/Code - Insiders/User/mcp.json"),
    config("vscode", ALL, "{APP}/VSCodium/User/mcp.json"),
    // What a remote window uses on the machine that it reaches.
    config("vscode", ALL, "{HOME}/.vscode-server/data/User/mcp.json"),
    project("vscode", ".vscode/mcp.json"),
    log("vscode", "vscode_log", ALL, "{APP}/Code/logs/*/window*/mcpServer.*.log"),
    log("vscode", "vscode_log", ALL, "{APP}/Code - Insiders/logs/*/window*/mcpServer.*.log"),
    log("vscode", "vscode_log", ALL, "{APP}/VSCodium/logs/*/window*/mcpServer.*.log"),
    // Since the end of 2025 it keeps them out of its configuration on Linux, as Positron does since the summer.
    log("vscode", "vscode_log", LINUX, "{STATE}/VSCodium/*/window*/mcpServer.*.log"),
    // Editors that are made from its sources keep its layout, each below its own name.
    log("cursor", "vscode_log", ALL, "{APP}/Cursor/logs/*/window*/mcpServer.*.log"),
    log("windsurf", "vscode_log", ALL, "{APP}/Windsurf/logs/*/window*/mcpServer.*.log"),
    log("trae", "vscode_log", ALL, "{APP}/Trae/logs/*/window*/mcpServer.*.log"),
    log("trae", "vscode_log", ALL, "{APP}/Trae CN/logs/*/window*/mcpServer.*.log"),
    log("positron", "vscode_log", ALL, "{APP}/Positron/logs/*/window*/mcpServer.*.log"),
    log("positron", "vscode_log", LINUX, "{STATE}/positron/logs/*/window*/mcpServer.*.log"),
    config("windsurf", ALL, "{HOME}/.codeium/windsurf/mcp_config.json"),
    config("windsurf", ALL, "{HOME}/.codeium/windsurf-next/mcp_config.json"),
    // Its plugins for other editors.
    config("windsurf", ALL, "{HOME}/.codeium/mcp_config.json"),
    // It began as an extension of VS Code; since 2026 all its forms share one file.
    config("cline", ALL, "{CLINE_DIR:.cline}/data/settings/cline_mcp_settings.json"),
    config("cline", ALL, "{APP}/Code/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json"),
    config("cline", ALL, "{APP}/Code - Insiders/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json"),
    config("cline", ALL, "{APP}/Cursor/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json"),
    // An extension keeps its files with the editor that it runs in.
    config("roo", ALL, "{APP}/Code/User/globalStorage/rooveterinaryinc.roo-cline/settings/mcp_settings.json"),
    config("roo", ALL, "{APP}/Code - Insiders/User/globalStorage/rooveterinaryinc.roo-cline/settings/mcp_settings.json"),
    config("roo", ALL, "{APP}/Cursor/User/globalStorage/rooveterinaryinc.roo-cline/settings/mcp_settings.json"),
    project("roo", ".roo/mcp.json"),
    // On macOS, too, it keeps to the XDG directories.
    config("zed", UNIX, "{CONFIG}/zed/settings.json"),
    config("zed", WINDOWS, "{APP}/Zed/settings.json"),
    project("zed", ".zed/settings.json"),
    config("codex", ALL, "{CODEX_HOME:.codex}/config.toml"),
    project("codex", ".codex/config.toml"),
    // A conversation is one file, in a directory of its day.
    log("codex", "codex_rollout", ALL, "{CODEX_HOME:.codex}/sessions/*/*/*/rollout-*.jsonl"),
    config("gemini", ALL, "{GEMINI_CLI_HOME:}/.gemini/settings.json"),
    project("gemini", ".gemini/settings.json"),
    config("copilot", ALL, "{COPILOT_HOME:.copilot}/mcp-config.json"),
    project("copilot", ".github/mcp.json"),
    config("opencode", ALL, "{CONFIG}/opencode/opencode.json"),
    config("opencode", ALL, "{CONFIG}/opencode/opencode.jsonc"),
    project("opencode", "opencode.json"),
    project("opencode", "opencode.jsonc"),
    // Its servers are called extensions.
    config("goose", UNIX, "{CONFIG}/goose/config.yaml"),
    config("goose", WINDOWS, "{APP}/Block/goose/config/config.yaml"),
    // A file each for servers that were added one by one, in either form.
    config("continue", ALL, "{CONTINUE_GLOBAL_DIR:.continue}/config.yaml"),
    config("continue", ALL, "{CONTINUE_GLOBAL_DIR:.continue}/mcpServers/*.yaml"),
    config("continue", ALL, "{CONTINUE_GLOBAL_DIR:.continue}/mcpServers/*.json"),
    project("continue", ".continue/mcpServers/*.yaml"),
    project("continue", ".continue/mcpServers/*.json"),
    // Since its agents have files of their own, `default.json` is the usual one's.
    config("amazon-q", ALL, "{HOME}/.aws/amazonq/mcp.json"),
    config("amazon-q", ALL, "{HOME}/.aws/amazonq/default.json"),
    project("amazon-q", ".amazonq/mcp.json"),
    config("kiro", ALL, "{HOME}/.kiro/settings/mcp.json"),
    project("kiro", ".kiro/settings/mcp.json"),
    // A proxy in the background has its standard error here.
    log("mcpr", "mcpr_v04", UNIX, "{HOME}/.mcpr/proxies/*/proxy.log"),
    store("{HOME}/.mcpr/store.db"),
    store("{HOME}/.mcpr/recorder.db"),
];

/// The names of the clients that have a configuration, each once.
#[cfg(any(test, feature = "tap"))]
pub(super) fn clients() -> Vec<&'static str> {
    let mut names = Vec::new();
    for place in PLACES.iter().filter(|it| it.kind == PlaceKind::Config) {
        if !names.contains(&place.client) {
            names.push(place.client);
        }
    }
    names
}

/// What paths depend on: the system, and what is set in its environment.
pub(super) struct PlaceVariables<'a> {
    pub(super) system: System,
    /// The home directory.
    pub(super) home: PathBuf,
    /// The present directory, where the projects' files are.
    pub(super) directory: PathBuf,
    pub(super) get: &'a dyn Fn(&str) -> Option<OsString>,
}

impl PlaceVariables<'_> {
    /// The path or pattern of a place; `None` where this system has none.
    pub(super) fn path(&self, place: &KnownPlace) -> Option<PathBuf> {
        if !place.systems.contains(&self.system) {
            return None;
        }
        let Some((name, rest)) = place
            .path
            .strip_prefix('{')
            .and_then(|it| it.split_once("}/"))
        else {
            return Some(self.directory.join(place.path));
        };
        Some(self.base(name).join(rest))
    }

    /// `HOME`; `APP`, `CONFIG`, `CACHE`, `STATE` and `LOCAL` as the system has them; `NAME:DIR` is what the variable
    /// says, else that directory in the home directory.
    fn base(&self, name: &str) -> PathBuf {
        let home = |directory: &str| {
            if directory.is_empty() {
                self.home.clone()
            } else {
                self.home.join(directory)
            }
        };
        let or = |variable: &str, directory: &str| {
            let set = (self.get)(variable).map(PathBuf::from);
            // A relative path would be another one in each directory; the XDG specification ignores it, too.
            set.filter(|path| path.has_root() || is_drive(path))
                .unwrap_or_else(|| home(directory))
        };
        match (name, self.system) {
            ("APP", System::Linux) | ("CONFIG", System::Linux | System::Mac) => {
                or("XDG_CONFIG_HOME", ".config")
            }
            ("APP", System::Mac) => home("Library/Application Support"),
            ("APP", System::Windows) => or("APPDATA", "AppData/Roaming"),
            ("CONFIG", System::Windows) => home(".config"),
            ("STATE", _) => or("XDG_STATE_HOME", ".local/state"),
            ("CACHE", System::Mac) => home("Library/Caches"),
            ("CACHE", _) => or("XDG_CACHE_HOME", ".cache"),
            ("LOCAL", _) => or("LOCALAPPDATA", "AppData/Local"),
            (name, _) => match name.split_once(':') {
                Some((variable, directory)) => or(variable, directory),
                None => self.home.clone(),
            },
        }
    }
}

/// Whether a path begins with a drive's letter, which only Windows takes for a root.
fn is_drive(path: &Path) -> bool {
    let bytes = path.as_os_str().as_encoded_bytes();
    matches!(bytes, [letter, b':', ..] if letter.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(system: System, set: &[(&str, &str)]) -> Vec<(&'static str, PlaceKind, String)> {
        let get = |name: &str| {
            let found = set.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| OsString::from(value))
        };
        let variables = PlaceVariables {
            system,
            home: "/h".into(),
            directory: "/p".into(),
            get: &get,
        };
        let of = |place: &KnownPlace| {
            let path = variables.path(place)?;
            Some((place.client, place.kind, path.to_str()?.to_owned()))
        };
        PLACES.iter().filter_map(of).collect()
    }

    fn configs(system: System, client: &str, set: &[(&str, &str)]) -> Vec<String> {
        let all = paths(system, set).into_iter();
        let own = all.filter(|(name, kind, _)| *name == client && *kind == PlaceKind::Config);
        own.map(|(_, _, path)| path).collect()
    }

    #[test]
    fn each_log_is_in_a_format_that_is_read() {
        for place in PLACES {
            if let PlaceKind::Log(format) = place.kind {
                let is_known = mcpr_wire::FORMATS.iter().any(|it| it.name() == format);
                assert!(is_known, "{format} of {}", place.client);
            }
        }
    }

    #[test]
    fn each_client_has_a_configuration_on_each_system() {
        assert!(clients().len() >= 15, "{:?}", clients());
        for client in clients() {
            for system in [System::Linux, System::Mac, System::Windows] {
                assert!(
                    !configs(system, client, &[]).is_empty(),
                    "{client} {system:?}"
                );
            }
        }
    }

    #[test]
    fn each_system_has_places_of_its_own() {
        let first = |system, client, set: &[_]| configs(system, client, set)[0].clone();
        for (system, client, expected) in [
            (
                System::Linux,
                "claude-desktop",
                "/h/.config/Claude/claude_desktop_config.json",
            ),
            (
                System::Mac,
                "claude-desktop",
                "/h/Library/Application Support/Claude/claude_desktop_config.json",
            ),
            (
                System::Windows,
                "claude-desktop",
                "/h/AppData/Roaming/Claude/claude_desktop_config.json",
            ),
            (System::Mac, "zed", "/h/.config/zed/settings.json"),
            (
                System::Windows,
                "zed",
                "/h/AppData/Roaming/Zed/settings.json",
            ),
            (System::Linux, "claude-code", "/h/.claude.json"),
            (
                System::Windows,
                "goose",
                "/h/AppData/Roaming/Block/goose/config/config.yaml",
            ),
        ] {
            assert_eq!(first(system, client, &[]), expected);
        }
    }

    #[test]
    fn what_a_variable_says_goes_before_what_is_usual() {
        let set = [
            ("XDG_CONFIG_HOME", "/x"),
            ("CODEX_HOME", "/c"),
            ("CLAUDE_CONFIG_DIR", "relative"),
            ("APPDATA", "C:/Users/me/AppData/Roaming"),
        ];
        assert_eq!(configs(System::Linux, "codex", &set), ["/c/config.toml"]);
        assert_eq!(
            configs(System::Linux, "zed", &set),
            ["/x/zed/settings.json"]
        );
        assert_eq!(
            configs(System::Linux, "claude-code", &set),
            ["/h/.claude.json"]
        );
        let windows = configs(System::Windows, "zed", &set);
        assert_eq!(windows, ["C:/Users/me/AppData/Roaming/Zed/settings.json"]);
    }

    #[test]
    fn editors_made_from_vs_code_had_logs_that_were_not_found() {
        let logs = |system| -> Vec<(&str, String)> {
            let all = paths(system, &[]).into_iter();
            let own = all.filter(|(_, kind, _)| *kind == PlaceKind::Log("vscode_log"));
            own.map(|(client, _, path)| (client, path)).collect()
        };
        for (system, client, start) in [
            (
                System::Linux,
                "cursor",
                "/h/.config/Cursor/logs/*/window*/mcpServer.",
            ),
            (
                System::Mac,
                "windsurf",
                "/h/Library/Application Support/Windsurf/logs/",
            ),
            (System::Windows, "trae", "/h/AppData/Roaming/Trae CN/logs/"),
            (
                System::Linux,
                "vscode",
                "/h/.local/state/VSCodium/*/window*/",
            ),
            (System::Linux, "positron", "/h/.local/state/positron/logs/"),
        ] {
            let mut known = logs(system).into_iter();
            let is_it = |(name, path): (&str, String)| name == client && path.starts_with(start);
            assert!(known.any(is_it), "{client} {system:?}");
        }
    }

    #[test]
    fn a_projects_files_are_in_the_present_directory() {
        let all = paths(System::Linux, &[]);
        let project = all
            .iter()
            .filter(|(_, kind, _)| *kind == PlaceKind::Project);
        assert!(project.clone().all(|(_, _, path)| path.starts_with("/p/")));
        assert!(project.count() >= 8);
    }
}
