//! The rules, and the check of one file against them. Pure: the text comes in, the faults go out.

use super::tokens::Tokens;

pub(super) const MAX_LINES: usize = 500;

/// Every part of the library and the parts it may use beside itself, from the inside out. A new
/// part needs a row here: where it stands is a decision.
const PARTS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("wire", &["model"]),
    ("schema", &["model"]),
    ("query", &["model"]),
    ("redact", &[]),
    ("tail", &["model"]),
    ("store", &["model", "query", "schema"]),
    ("render", &["model", "query"]),
    (
        "ingest",
        &["model", "wire", "tail", "store", "query", "redact"],
    ),
    ("listen", &["model", "wire", "ingest"]),
    ("tap", &["model", "wire", "ingest"]),
    ("console", &["model", "render"]),
    ("exit", &["store"]),
    (
        "commands",
        &[
            "model", "wire", "schema", "query", "redact", "tail", "store", "render", "ingest",
            "listen", "tap", "console", "exit",
        ],
    ),
    (
        "cli",
        &[
            "model", "wire", "schema", "query", "redact", "tail", "store", "render", "ingest",
            "listen", "tap", "console", "exit", "commands",
        ],
    ),
];

/// The outer crates that live behind one door, and the paths (without `.rs`) that are the door.
const DOORS: &[(&str, &[&str])] = &[
    ("clap", &["src/cli", "src/commands"]),
    ("clap_complete", &["src/commands"]),
    ("clap_mangen", &["src/commands/generated"]),
    ("rusqlite", &["src/store/sqlite"]),
    ("comfy_table", &["src/render/table"]),
    ("notify", &["src/tail/wake"]),
    ("jsonschema", &["src/schema/compat/engine"]),
    ("jsonschema_regex", &["src/schema/compat/texts"]),
    ("regex", &["src/redact"]),
    ("zstd", &["src/store/sqlite/payloads"]),
    ("regex_automata", &["src/schema/compat/texts"]),
    ("regex_syntax", &["src/schema/compat/sample"]),
    ("serde_json_canonicalizer", &["src/schema/canonical"]),
    ("unicode_security", &["src/schema/rules/names"]),
    ("similar", &["src/schema/report"]),
    ("sha2", &["src/schema/canonical", "src/listen/token"]),
    ("hyper", &["src/listen"]),
    ("hyper_util", &["src/listen"]),
    ("http_body_util", &["src/listen"]),
    ("tokio", &["src/listen"]),
    ("indicatif", &["src/console/progress"]),
    ("jsonc_parser", &["src/commands/tap/config"]),
    (
        "signal_hook",
        &[
            "src/tap/process",
            "src/commands/record",
            "src/commands/follow",
            "src/console/pager",
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
        if tokens.matches(at, &["#", "[", "ignore"]) {
            found(at, "an ignored test".to_owned());
        }
    }
    for at in tokens.uses_of("thread", "sleep") {
        if is_test(at) {
            found(at, "a sleeping test".to_owned());
        }
    }
    if path.starts_with("src/") {
        check_source(path, &tokens, &mut found);
    }
    faults
}

/// What holds for the library's and the program's own code alone.
fn check_source(path: &str, tokens: &Tokens, found: &mut impl FnMut(usize, String)) {
    for at in tokens.uses_of("process", "exit") {
        found(
            at,
            "`process::exit`: only `main` ends the program, by returning".to_owned(),
        );
    }
    for (name, doors) in DOORS {
        if !doors.iter().any(|door| is_behind(path, door)) {
            for at in tokens.crate_used(name) {
                found(at, format!("`{name}` outside {}", doors.join(", ")));
            }
        }
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
