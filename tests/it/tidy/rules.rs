//! The rules, and the check of one file against them. Pure: the text comes in, the faults go out.

use super::tokens::Tokens;

pub(super) const MAX_LINES: usize = 500;

/// Every part of the command line and the parts it may use beside itself, from the inside out. What
/// the crates below it may use stands in their manifests. A new part needs a row here.
const PARTS: &[(&str, &[&str])] = &[
    ("nearest", &[]),
    ("config", &["nearest"]),
    ("render", &[]),
    ("console", &["render", "exit"]),
    ("exit", &[]),
    ("watch", &["render"]),
    (
        "commands",
        &["nearest", "config", "render", "console", "exit", "watch"],
    ),
    ("cli", &["config", "render", "console", "exit", "commands"]),
];

/// The outer crates that live behind one door, and the paths (without `.rs`) that are the door.
const DOORS: &[(&str, &[&str])] = &[
    ("clap", &["src/cli", "src/commands"]),
    ("clap_complete", &["src/commands"]),
    ("mcpr_store_sqlite", &["crates/mcpr-connect/src"]),
    ("mcpr_store_postgres", &["crates/mcpr-connect/src"]),
    ("mcpr_store_rocksdb", &["crates/mcpr-connect/src"]),
    ("rocksdb", &["crates/mcpr-store-rocksdb/src"]),
    ("postcard", &["crates/mcpr-store-rocksdb/src/codec"]),
    ("clap_mangen", &["src/commands/generated"]),
    ("rusqlite", &["crates/mcpr-store-sqlite/src"]),
    ("postgres", &["crates/mcpr-store-postgres/src"]),
    ("tokio_rustls", &["crates/mcpr-store-postgres/src/tls"]),
    ("whoami", &["crates/mcpr-store-postgres/src/backend"]),
    ("comfy_table", &["src/render/table"]),
    (
        "toml",
        &[
            "src/config",
            "src/commands/schema/settings",
            "src/commands/tap/config/toml_file",
        ],
    ),
    ("saphyr_parser", &["src/commands/tap/config/yaml_file"]),
    ("notify", &["crates/mcpr-tail/src/wake"]),
    ("jsonschema", &["crates/mcpr-surface/src/compat/engine"]),
    (
        "jsonschema_regex",
        &["crates/mcpr-surface/src/compat/texts"],
    ),
    (
        "regex",
        &[
            "crates/mcpr-redact/src",
            "crates/mcpr-store/src/query/search",
        ],
    ),
    ("aho_corasick", &["crates/mcpr-redact/src/scan"]),
    (
        "zstd",
        &[
            "crates/mcpr-store-sqlite/src/packing",
            "crates/mcpr-store-postgres/src/values",
        ],
    ),
    ("regex_automata", &["crates/mcpr-surface/src/compat/texts"]),
    (
        "regex_syntax",
        &[
            "crates/mcpr-surface/src/compat/sample",
            "crates/mcpr-surface/src/unseen",
            "crates/mcpr-store/src/query/search",
        ],
    ),
    (
        "serde_json_canonicalizer",
        &["crates/mcpr-surface/src/canonical"],
    ),
    ("unicode_security", &["crates/mcpr-surface/src/rules/names"]),
    ("similar", &["crates/mcpr-surface/src/report"]),
    (
        "sha2",
        &[
            "crates/mcpr-surface/src/canonical",
            "crates/mcpr-ingest/src/listen/token",
            "crates/mcpr-ingest/src/relay/sessions",
            "crates/mcpr-report/src/html",
            "crates/mcpr-store-postgres/src/values",
            "src/commands/tap/kept",
        ],
    ),
    (
        "hyper",
        &[
            "crates/mcpr-ingest/src/listen",
            "crates/mcpr-ingest/src/relay",
        ],
    ),
    (
        "hyper_util",
        &[
            "crates/mcpr-ingest/src/listen",
            "crates/mcpr-ingest/src/relay",
        ],
    ),
    (
        "http_body_util",
        &[
            "crates/mcpr-ingest/src/listen",
            "crates/mcpr-ingest/src/relay",
        ],
    ),
    (
        "tokio",
        &[
            // What both of them take connections with.
            "crates/mcpr-ingest/src/accept",
            "crates/mcpr-ingest/src/listen",
            "crates/mcpr-ingest/src/relay",
            "crates/mcpr-store-postgres/src/tls",
        ],
    ),
    ("ureq", &["crates/mcpr-client/src/http"]),
    (
        "rustls",
        &[
            "crates/mcpr-client/src/http",
            "crates/mcpr-ingest/src/relay/upstream",
            "crates/mcpr-store-postgres/src/tls",
        ],
    ),
    (
        "rustls_native_certs",
        &[
            "crates/mcpr-client/src/http/agent",
            "crates/mcpr-ingest/src/relay/upstream",
            "crates/mcpr-store-postgres/src/tls",
        ],
    ),
    ("hyper_rustls", &["crates/mcpr-ingest/src/relay/upstream"]),
    ("prometheus_client", &["crates/mcpr-metrics/src/render"]),
    ("ratatui", &["src/watch"]),
    ("crossterm", &["src/watch", "src/console"]),
    ("indicatif", &["src/console/progress"]),
    ("jsonc_parser", &["src/commands/tap/config"]),
    (
        "signal_hook",
        &[
            "crates/mcpr-ingest/src/tap/exit",
            "crates/mcpr-ingest/src/tap/process",
            "src/commands/forward",
            "src/commands/record",
            "src/commands/follow",
            "src/commands/tap/relay",
            "src/console/bus_error",
            "src/console/pager",
            "src/watch",
        ],
    ),
    (
        "anyhow",
        &[
            "src/commands",
            "src/cli",
            "src/console",
            "src/exit",
            "src/main",
        ],
    ),
];

/// A file's module path below `src`: `src/store/sqlite/mod.rs` is `store`, `sqlite`.
fn modules_of(path: &str) -> Vec<&str> {
    let inner = path.trim_start_matches("src/").trim_end_matches(".rs");
    let mut modules = inner.split('/').collect::<Vec<_>>();
    if matches!(modules.last(), Some(&("mod" | "lib" | "main"))) {
        modules.pop();
    }
    modules
}

/// Whether a file is what a path (without `.rs`) names, or lies below it.
pub(super) fn is_behind(path: &str, door: &str) -> bool {
    path.strip_prefix(door)
        .is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
}

/// Everything that is wrong with a file, one `path:line: what` each. `is_test_file` says that the
/// module that declares it does so for tests only.
pub(super) fn check(path: &str, text: &str, is_test_file: bool) -> Vec<String> {
    let mut faults = Vec::new();
    let lines = text.lines().count();
    if lines > MAX_LINES {
        faults.push(format!("{path}:{lines}: more than {MAX_LINES} lines"));
    }
    if !text.starts_with("//!") {
        faults.push(format!("{path}:1: does not begin with `//!`"));
    }
    let tokens = match Tokens::of(text) {
        Ok(tokens) => tokens,
        Err(error) => return vec![format!("{path}:1: cannot be read: {error}")],
    };
    let is_test_file = is_test_file || path.starts_with("tests/");
    let mut found = |at: usize, what: String| {
        faults.push(format!("{path}:{}: {what}", tokens.0[at].line));
    };
    let is_test = |at: usize| is_test_file || tokens.0[at].is_test();
    for at in 0..tokens.0.len() {
        if tokens.matches(at, &[".", "unwrap", "(", ")"]) && !is_test(at) {
            found(at, "`unwrap` outside tests".to_owned());
        }
        let looks_inside =
            tokens.matches(at, &[".", "to_seq"]) || tokens.matches(at, &["::", "from_seq"]);
        if looks_inside && path.starts_with("src/") && !is_test(at) {
            found(
                at,
                "the inside of a `Cursor`: that is a backend's".to_owned(),
            );
        }
        if tokens.matches(at, &["#", "[", "ignore"]) {
            found(at, "an ignored test".to_owned());
        }
    }
    for at in tokens.uses_of("thread", "sleep") {
        if is_test(at) {
            found(at, "a sleeping test".to_owned());
        }
    }
    if path.starts_with("src/") || path.starts_with("crates/") {
        check_source(path, &tokens, &mut found);
    }
    faults
}

/// What holds for the library's and the program's own code alone.
fn check_source(path: &str, tokens: &Tokens, found: &mut impl FnMut(usize, String)) {
    // A thread whose access to memory failed never returns.
    if path != "src/console/bus_error.rs" {
        for at in tokens.uses_of("process", "exit") {
            found(
                at,
                "`process::exit`: only `main` ends the program, by returning".to_owned(),
            );
        }
    }
    for (name, doors) in DOORS {
        if !doors.iter().any(|door| is_behind(path, door)) {
            for at in tokens.crate_used(name) {
                found(at, format!("`{name}` outside {}", doors.join(", ")));
            }
        }
    }
    if !path.starts_with("src/") {
        return;
    }
    let modules = modules_of(path);
    let Some(own) = modules.first() else {
        return; // the crate's root declares every part
    };
    let Some((_, allowed)) = PARTS.iter().find(|(part, _)| part == own) else {
        return found(0, format!("`{own}` has no row in the table of parts"));
    };
    for at in tokens.parts_used(modules.len()) {
        let part = tokens.text(at);
        let is_part = PARTS.iter().any(|(name, _)| *name == part);
        if part != *own && is_part && !allowed.contains(&part) {
            found(at, format!("`{own}` uses `{part}`"));
        }
    }
}

/// The paths (without `.rs`) of the modules that a file declares below `#[cfg(test)]`.
pub(super) fn test_modules(path: &str, text: &str) -> Vec<String> {
    let (stem, _) = path.rsplit_once('.').unwrap_or((path, ""));
    let (parent, name) = stem.rsplit_once('/').unwrap_or(("", stem));
    let inside = if matches!(name, "mod" | "lib" | "main") {
        parent
    } else {
        stem
    };
    let tokens = Tokens::of(text).unwrap_or_default();
    (0..tokens.0.len())
        .filter(|&at| tokens.matches(at, &["mod", "?", ";"]) && tokens.0[at].is_test())
        .map(|at| format!("{inside}/{}", tokens.text(at + 1)))
        .collect()
}
