//! The table of crates in `ARCHITECTURE.md`, held against the manifests.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The crates of ours that each of them uses, without the common beginning of their names.
type Uses = BTreeMap<String, BTreeSet<String>>;

fn manifests(root: &Path) -> Uses {
    let mut uses = Uses::new();
    for entry in fs::read_dir(root.join("crates")).unwrap() {
        let path = entry.unwrap().path();
        let manifest = fs::read_to_string(path.join("Cargo.toml")).unwrap();
        let manifest = toml::from_str::<toml::Table>(&manifest).unwrap();
        let names = manifest.get("dependencies").and_then(toml::Value::as_table);
        let names = names.into_iter().flat_map(toml::Table::keys);
        let names = names.filter_map(|name| name.strip_prefix("mcpr-"));
        let name = path.file_name().unwrap().to_str().unwrap();
        let name = name.strip_prefix("mcpr-").unwrap().to_owned();
        uses.insert(name, names.map(str::to_owned).collect());
    }
    uses
}

fn table(text: &str) -> Uses {
    let mut lines = text.lines();
    lines.find(|line| line.starts_with("| crate | uses"));
    let rows = lines.skip(1).take_while(|line| line.starts_with('|'));
    let mut uses = Uses::new();
    for row in rows {
        let cells = row.split('|').map(str::trim).collect::<Vec<_>>();
        let names = cells[2].split(", ").filter(|name| *name != "nothing");
        let names = names.map(str::to_owned).collect::<BTreeSet<_>>();
        for name in cells[1].split(", ") {
            let name = name.trim_matches('`').strip_prefix("mcpr-").unwrap();
            uses.insert(name.to_owned(), names.clone());
        }
    }
    uses
}

#[test]
fn the_table_of_crates_is_that_of_the_manifests() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap();
    assert_eq!(table(&text), manifests(root));
}
