//! The keys of the help stand on the page about the screen.

use super::{Watched, recorded};

/// The keys that the help lists: what stands in its first column, before its signs.
fn keys_of(help: &str) -> impl Iterator<Item = &str> {
    let lines = help.lines().skip(1).take_while(|line| *line != "Signs");
    lines.filter_map(|line| {
        let (key, _) = line.strip_prefix("  ")?.split_once("  ")?;
        Some(key.trim())
    })
}

#[test]
fn the_page_on_the_screen_lists_every_key() {
    let page = include_str!("../../../docs/watch.md");
    let home = recorded();
    let watched = Watched::start(&home, 110, 100, &[]);
    watched.expect("● live");
    watched.keys("?");
    watched.expect("Signs");
    let help = watched.screen();
    for key in keys_of(&help) {
        let named = key.split(' ').all(|key| page.contains(&format!("`{key}`")));
        assert!(named, "docs/watch.md does not name {key}");
    }
    watched.keys("qq");
    assert_eq!(watched.end(), Some(0));
}
