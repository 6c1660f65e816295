//! Every file of Rust is a module of another one: what is not compiled holds no rule, and no test in it runs.

use super::read_sources;
use std::path::Path;

/// The directory of a file, and what its modules call it.
fn place(path: &str) -> (&str, &str) {
    let (directory, file) = path.rsplit_once('/').unwrap();
    let stem = file.strip_suffix(".rs").unwrap();
    match stem {
        // Known by its directory.
        "mod" => directory.rsplit_once('/').unwrap(),
        _ => (directory, stem),
    }
}

/// Whether a file is where a crate begins.
fn begins_crate(path: &str) -> bool {
    let (directory, _) = path.rsplit_once('/').unwrap();
    path.ends_with("/lib.rs")
        || path.ends_with("/main.rs")
        || ["benches", "tests"].contains(&directory)
}

#[test]
fn every_file_is_part_of_a_crate() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = Vec::new();
    for dir in ["src", "crates", "tests", "benches"] {
        read_sources(root, dir, &mut sources);
    }
    for (path, _) in sources.iter().filter(|(path, _)| !begins_crate(path)) {
        let (directory, name) = place(path);
        let (module, file) = (format!("mod {name};"), format!("{name}.rs\""));
        let is_named = sources.iter().any(|(other, text)| {
            let (beside, stem) = place(other);
            // In a file of the same directory, or in the one that the directory is of.
            let is_near = beside == directory || directory == format!("{beside}/{stem}");
            is_near && (text.contains(&module) || text.contains(&file))
        });
        assert!(is_named, "{path} is compiled by nobody");
    }
}
