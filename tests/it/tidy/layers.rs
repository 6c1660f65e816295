//! The order of the files about rules, and of those of the SQLite store: each uses those before it, so
//! that no two need each other.

use super::tokens::Tokens;
use std::fs;
use std::path::Path;

/// Files in layers, from the bottom up; a file may use those of the rows above its own.
struct Layers {
    /// Where they lie.
    directory: &'static str,
    /// How they are named from elsewhere in the crate.
    path: &'static [&'static str],
    rows: &'static [&'static [&'static str]],
    /// Files that put the others together, and files for tests.
    left_out: &'static [&'static str],
    /// At least so many uses are found where the files are read as they should be.
    uses: usize,
}

const RULES: Layers = Layers {
    directory: "crates/mcpr-surface/src/rules",
    path: &["crate", "::", "rules", "::"],
    rows: &[
        &["table"],
        &["id", "lists", "names", "phrases", "places", "spread"],
        &[
            "closing",
            "cues",
            "keywords",
            "mistakable",
            "resources",
            "tasks",
        ],
        &["branches", "references", "texts"],
        &["members", "prompts", "server", "walk"],
        &["judge", "renames"],
        &["items"],
    ],
    left_out: &["mod", "tests", "upgrades"],
    uses: 30,
};

/// A file and the folder of its name are one.
const SQLITE: Layers = Layers {
    directory: "crates/mcpr-store-sqlite/src",
    path: &["crate", "::"],
    rows: &[
        &[
            "codes",
            "errors",
            "file",
            "layout",
            "limits",
            "number_set",
            "packing",
            "places",
            "shown",
            "sources",
            "sums",
            "watch",
        ],
        &["searched"],
        &[
            "log_index",
            "place",
            "recall",
            "request_ids",
            "seal",
            "session_blocks",
            "session_ranges",
            "whole",
        ],
        &[
            "census",
            "conditions",
            "lease",
            "lock",
            "names",
            "rollups",
            "surface_cache",
        ],
        &[
            "notes", "payloads", "requests", "runs", "sessions", "surfaces",
        ],
        &["flight", "new_rows"],
        &["append", "functions", "sweep"],
        &[
            "connect",
            "migrate",
            "read",
            "remove",
            "rename",
            "call_match",
        ],
        &["checkpointer", "foreign", "shape", "stale_log"],
        &["intact", "open", "transaction"],
        &["reader", "remains", "verify"],
        &["writer"],
        &["admin", "backend"],
    ],
    left_out: &["lib", "tests", "contract", "costs", "migrations"],
    uses: 100,
};

impl Layers {
    fn layer_of(&self, name: &str) -> Option<usize> {
        self.rows.iter().position(|row| row.contains(&name))
    }

    fn is_left_out(&self, path: &Path) -> bool {
        let name = path.file_stem().unwrap().to_str().unwrap();
        // The root of a folder is a file like any other, that of the layers is not.
        let is_root = name == "mod"
            && path
                .parent()
                .is_some_and(|it| !it.ends_with(self.directory));
        !is_root && self.left_out.contains(&name)
    }

    /// The files of the layers that one at a depth below their directory uses, tests aside.
    fn used(&self, text: &str, depth: usize) -> Vec<String> {
        let tokens = Tokens::of(text).unwrap();
        let above = ["super", "::"].repeat(depth + 1);
        let mut all = Vec::new();
        for at in 0..tokens.0.len() {
            if tokens.0[at].is_test() {
                continue;
            }
            let first = if tokens.matches(at, &above) {
                at + above.len()
            } else if tokens.matches(at, self.path) {
                at + self.path.len()
            } else {
                continue;
            };
            if tokens.matches(first, &["{"]) {
                let inner = tokens.0[first + 1..].iter();
                let inner = inner.take_while(|token| token.text != "}");
                all.extend(inner.map(|token| token.text.clone()));
            } else {
                all.push(tokens.0[first].text.clone());
            }
        }
        all.retain(|name| name.starts_with(|one: char| one.is_lowercase()) && name != "super");
        all
    }

    /// Checks a file, or those of a folder; says how many uses there were.
    fn check(&self, path: &Path, name: &str, depth: usize) -> usize {
        let directory = self.directory;
        if path.is_dir() {
            let inner = fs::read_dir(path).unwrap();
            let inner = inner.map(|entry| entry.unwrap().path());
            return inner
                .filter(|path| !self.is_left_out(path))
                .filter(|path| path.is_dir() || path.extension().is_some_and(|it| it == "rs"))
                // What stands in `mod.rs` is as deep as the folder.
                .map(|path| self.check(&path, name, depth + usize::from(!path.ends_with("mod.rs"))))
                .sum();
        }
        let layer = self.layer_of(name);
        let layer = layer.unwrap_or_else(|| panic!("{directory}/{name}.rs stands in no layer"));
        let used = self.used(&fs::read_to_string(path).unwrap(), depth);
        let others = used.iter().filter(|other| *other != name);
        for other in others.clone() {
            assert!(
                self.layer_of(other).is_some_and(|other| other < layer),
                "{} uses `{other}`, which is not below it",
                path.display()
            );
        }
        others.count()
    }

    fn hold(&self) {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(self.directory);
        let mut count = 0;
        for entry in fs::read_dir(&root).unwrap() {
            let path = entry.unwrap().path();
            if !self.is_left_out(&path) {
                let name = path.file_stem().unwrap().to_str().unwrap();
                count += self.check(&path, name, 0);
            }
        }
        assert!(count > self.uses, "only {count} uses were read");
    }
}

#[test]
fn the_files_about_rules_do_not_need_each_other() {
    RULES.hold();
}

#[test]
fn the_files_of_the_sqlite_store_do_not_need_each_other() {
    SQLITE.hold();
}
