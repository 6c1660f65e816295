//! Reads the sources and holds what the compiler can't: sizes, headers, which part of the command line may use which,
//! and the one door to each outer crate.

mod crates;
mod layers;
mod reached;
mod rules;
mod snippets;
mod sql;
mod tokens;

use rules::{check, is_behind, test_modules};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Every source file below a directory, as its path from the repository's root and its text.
fn read_sources(root: &Path, dir: &str, sources: &mut Vec<(String, String)>) {
    let mut names = fs::read_dir(root.join(dir))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect::<Vec<_>>();
    names.sort();
    for name in names {
        let path = format!("{dir}/{name}");
        if root.join(&path).is_dir() {
            read_sources(root, &path, sources);
        } else if Path::new(&name)
            .extension()
            .is_some_and(|extension| extension == "rs")
        {
            let text = fs::read_to_string(root.join(&path)).unwrap();
            sources.push((path, text));
        }
    }
}

#[test]
fn the_sources_keep_the_rules() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = Vec::new();
    for dir in ["src", "crates", "tests", "benches", "fuzz/fuzz_targets"] {
        read_sources(root, dir, &mut sources);
    }
    for known in [
        "src/lib.rs",
        "crates/mcpr-model/src/lib.rs",
        "tests/it/tidy.rs",
        "benches/ingest.rs",
        "fuzz/fuzz_targets/of_name.rs",
    ] {
        assert!(
            sources.iter().any(|(path, _)| path == known),
            "{known} was not read"
        );
    }
    let for_tests = sources
        .iter()
        .flat_map(|(path, text)| test_modules(path, text));
    let for_tests = for_tests.collect::<BTreeSet<_>>();
    let faults = sources.iter().flat_map(|(path, text)| {
        check(
            path,
            text,
            for_tests.iter().any(|module| is_behind(path, module)),
        )
    });
    let faults = faults.collect::<Vec<_>>();
    assert!(
        faults.is_empty(),
        "{} faults:\n{}",
        faults.len(),
        faults.join("\n")
    );
}
