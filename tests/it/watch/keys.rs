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

#[test]
fn what_flags_leave_out_stays_out_whatever_keys_clear() {
    let home = recorded();
    let watched = Watched::start(&home, 110, 30, &["-t", "echo,get-sum", "--status", "ok"]);
    watched.expect("tool echo,get-sum");
    watched.expect("● live");
    watched.wait("only these tools are there", |screen| {
        screen.contains("get-sum") && !screen.contains("tools/list") && !screen.contains("✗")
    });
    watched.keys("x3");
    watched.wait("tools are those of the flag", |screen| {
        screen.contains("echo") && !screen.contains("trigger") && !screen.contains("tools/list")
    });
    watched.keys("q");
    assert_eq!(watched.end(), Some(0));
    let watched = Watched::start(&home, 110, 30, &["-S", "073c"]);
    watched.expect("session 073c");
    watched.keys("2");
    watched.wait("only this session is there", |screen| {
        screen.contains("claude-code") && !screen.contains("cursor")
    });
    watched.keys("q");
    assert_eq!(watched.end(), Some(0));
    // What is not there is reported before the terminal is taken.
    let watched = Watched::start(&home, 110, 30, &["-S", "zz"]);
    watched.expect("no session `zz`");
    assert_eq!(watched.end(), Some(1));
    let watched = Watched::start(&home, 110, 30, &["--status", "pending"]);
    watched.expect("stands above the rows");
    assert_eq!(watched.end(), Some(2));
}
