//! Each sample of a format through the built program: whole and across a rotation.

use super::program::{Home, capture};
use serde_json::Value;
use std::fs;

/// Every sample of formats other than mcpr's own, by its name.
pub(crate) fn samples() -> Vec<String> {
    let directory = fs::read_dir(capture("formats")).unwrap();
    let mut names: Vec<String> = directory
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert!(!names.is_empty());
    names
}

/// The rows without what a second store numbers anew.
pub(crate) fn rows(home: &Home) -> Vec<Value> {
    let rows = home.rows(&[]).into_iter().map(|mut row| {
        row.as_object_mut().unwrap().remove("seq");
        row
    });
    rows.collect()
}

/// The rows of a sample that is recorded from its file.
pub(crate) fn whole(name: &str) -> Vec<Value> {
    let home = Home::new();
    home.record(&[&capture("formats").join(name)]);
    rows(&home)
}

#[test]
fn each_line_of_a_sample_is_stored_once_across_a_rotation() {
    for name in samples() {
        let text = fs::read_to_string(capture("formats").join(&name)).unwrap();
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let (before, after) = lines.split_at(lines.len() / 2);
        let home = Home::new();
        let file = home.write(&name, before.concat());
        home.record(&[&file]);
        let old = home.path(&format!("{name}.1"));
        fs::rename(&file, &old).unwrap();
        // What was written to the old file before its writer let it go, and then to the new one.
        let (late, later) = after.split_at(after.len() / 2);
        fs::write(&old, [before.concat(), late.concat()].concat()).unwrap();
        fs::write(&file, later.concat()).unwrap();
        home.record(&[&old, &file]);
        home.record(&[&old, &file]);
        assert_eq!(rows(&home), whole(&name), "{name}");
    }
}
