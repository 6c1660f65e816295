//! Small files that break each rule, and their neighbours that don't: the tidy test must fail.

use super::rules::{MAX_LINES, check, is_behind, test_modules};

/// Checks a file that holds a header and `code`, so `code` begins in line 2.
fn finds(path: &str, code: &str, expected: &[&str]) {
    let faults = check(path, &format!("//! A file.\n{code}"), false);
    let expected = expected
        .iter()
        .map(|fault| format!("{path}:{fault}"))
        .collect::<Vec<_>>();
    assert_eq!(faults, expected, "in {path}: {code}");
}

#[test]
fn sizes_headers_and_syntax_are_checked() {
    finds(
        "crates/mcpr-model/src/id.rs",
        &"\n".repeat(MAX_LINES - 1),
        &[],
    );
    finds(
        "crates/mcpr-model/src/id.rs",
        &"\n".repeat(MAX_LINES),
        &["501: more than 500 lines"],
    );
    let headless = check("tests/it/a.rs", "// no header\nfn a() {}\n", false);
    assert_eq!(headless, ["tests/it/a.rs:1: does not begin with `//!`"]);
    assert!(
        check("crates/mcpr-model/src/id.rs", "//! A file.\nfn a( {", false)[0]
            .contains("cannot be read")
    );
}

#[test]
fn only_a_backend_looks_inside_a_cursor() {
    let inside = "the inside of a `Cursor`: that is a backend's";
    let code = "fn a() { Cursor::from_seq(b.to_seq()); }";
    let faults = [format!("2: {inside}"), format!("2: {inside}")];
    let faults: Vec<&str> = faults.iter().map(String::as_str).collect();
    finds("src/commands/logs.rs", code, &faults);
    finds("crates/mcpr-store-sqlite/src/read.rs", code, &[]);
    finds("src/commands/logs.rs", "fn a() { b.cursor().next(); }", &[]);
}

#[test]
fn unwrap_is_for_tests_only() {
    let path = "crates/mcpr-model/src/id.rs";
    finds(
        path,
        "fn a() { b().unwrap(); }",
        &["2: `unwrap` outside tests"],
    );
    finds(
        path,
        "fn a() { f!(b\n.unwrap()); }",
        &["3: `unwrap` outside tests"],
    );
    finds(
        path,
        "/// a.unwrap()\nfn a() { b(\".unwrap()\").unwrap_or(1); } // .unwrap()",
        &[],
    );
    finds(
        path,
        "#[cfg(test)]\n#[x]\nmod tests { fn a() { b().unwrap(); } }",
        &[],
    );
    finds(
        path,
        "#[cfg(test)]\nuse a::{b, c};\nfn d() { b().unwrap(); }",
        &["4: `unwrap` outside tests"],
    );
    finds(
        path,
        "#[cfg(test)]\nmod a {}\nfn d() { b().unwrap(); }",
        &["4: `unwrap` outside tests"],
    );
    finds(
        path,
        "#[cfg(unix)]\nmod a { fn d() { b().unwrap(); } }",
        &["3: `unwrap` outside tests"],
    );
    finds("tests/it/a.rs", "fn a() { b().unwrap(); }", &[]);
}

#[test]
fn a_file_declared_for_tests_is_a_test() {
    let parent = "//! A file.\nmod read;\n#[cfg(test)]\nmod contract;\nmod write;";
    assert_eq!(
        test_modules("crates/mcpr-store/src/mod.rs", parent),
        ["crates/mcpr-store/src/contract"]
    );
    assert_eq!(
        test_modules("crates/mcpr-store/src.rs", parent),
        ["crates/mcpr-store/src/contract"]
    );
    assert!(is_behind(
        "crates/mcpr-store/src/contract.rs",
        "crates/mcpr-store/src/contract"
    ));
    assert!(is_behind(
        "crates/mcpr-store/src/contract/a.rs",
        "crates/mcpr-store/src/contract"
    ));
    assert!(!is_behind(
        "crates/mcpr-store/src/contracts.rs",
        "crates/mcpr-store/src/contract"
    ));
    let code = "//! A file.\nfn a() { b().unwrap(); }";
    assert_eq!(
        check("crates/mcpr-store/src/contract.rs", code, true),
        [""; 0]
    );
    assert_eq!(
        check("crates/mcpr-store/src/contract.rs", code, false).len(),
        1
    );
}

#[test]
fn tests_neither_sleep_nor_are_ignored() {
    let sleeping = ["2: a sleeping test"];
    finds("tests/it/a.rs", "use std::thread::sleep;", &sleeping);
    finds(
        "tests/it/a.rs",
        "use std::{io, thread::{Builder, sleep}};",
        &sleeping,
    );
    finds(
        "crates/mcpr-tail/src/wake.rs",
        "#[cfg(test)] mod tests { fn a() { thread::sleep(b) } }",
        &sleeping,
    );
    finds(
        "crates/mcpr-tail/src/wake.rs",
        "fn a() { thread::sleep(b) }",
        &[],
    );
    finds(
        "tests/it/a.rs",
        "#[test]\n#[ignore = \"slow\"]\nfn a() {}",
        &["3: an ignored test"],
    );
    finds(
        "crates/mcpr-tail/src/wake.rs",
        "#[ignore]\nfn a() {}",
        &["2: an ignored test"],
    );
}

#[test]
fn only_main_ends_the_program() {
    let exit = ["2: `process::exit`: only `main` ends the program, by returning"];
    finds("src/main.rs", "fn main() { std::process::exit(1) }", &exit);
    finds("src/cli.rs", "use std::process::{Command, exit};", &exit);
    finds("src/cli.rs", "use std::process::ExitCode;", &[]);
}

#[test]
fn outer_crates_stay_behind_their_doors() {
    let outside = ["2: `rusqlite` outside crates/mcpr-store-sqlite/src"];
    finds(
        "crates/mcpr-store/src/mod.rs",
        "use rusqlite::Connection;",
        &outside,
    );
    finds(
        "crates/mcpr-store/src/mod.rs",
        "use ::rusqlite::Connection;",
        &outside,
    );
    finds(
        "crates/mcpr-store/src/mod.rs",
        "fn a(b: rusqlite::Row) {}",
        &outside,
    );
    finds(
        "crates/mcpr-store/src/mod.rs",
        "use {rusqlite::Connection, std::io};",
        &outside,
    );
    finds(
        "crates/mcpr-store-sqlite/src/read.rs",
        "use rusqlite::Connection;",
        &[],
    );
    finds(
        "crates/mcpr-store-sqlite/src/read.rs",
        "use rusqlite as db;",
        &[],
    );
    finds(
        "crates/mcpr-store/src/mod.rs",
        "use crate::store::rusqlite::a; fn rusqlite() {}",
        &[],
    );
    finds(
        "crates/mcpr-store/src/query/mod.rs",
        "#[derive(clap::Args)]\nstruct A;",
        &["2: `clap` outside src/cli, src/commands"],
    );
    finds(
        "src/commands/logs.rs",
        "use anyhow::Result;\nuse clap::Args;",
        &[],
    );
    finds(
        "crates/mcpr-tail/src/lib.rs",
        "use notify::Watcher;",
        &["2: `notify` outside crates/mcpr-tail/src/wake"],
    );
    finds("crates/mcpr-tail/src/wake.rs", "use notify::Watcher;", &[]);
    finds(
        "src/render/csv.rs",
        "use comfy_table::Table;",
        &["2: `comfy_table` outside src/render/table"],
    );
    finds(
        "src/main.rs",
        "use indicatif::ProgressBar;",
        &["2: `indicatif` outside src/console/progress"],
    );
    finds(
        "crates/mcpr-model/src/id.rs",
        "use anyhow::Result;",
        &["2: `anyhow` outside src/commands, src/cli, src/console, src/exit, src/main"],
    );
}

#[test]
fn parts_use_only_what_is_further_in() {
    finds(
        "src/console/mod.rs",
        "use crate::render::text;\nuse crate::console::a;",
        &[],
    );
    finds(
        "src/console/mod.rs",
        "use crate::commands::logs;",
        &["2: `console` uses `commands`"],
    );
    finds(
        "src/console/mod.rs",
        "use crate::{render::{a, b},\ncommands};",
        &["3: `console` uses `commands`"],
    );
    finds(
        "src/render/csv.rs",
        "fn a() -> crate::console::B {}",
        &["2: `render` uses `console`"],
    );
    finds(
        "src/commands/logs.rs",
        "use crate::{console, render, exit};",
        &[],
    );
    finds(
        "src/commands/logs.rs",
        "use crate::cli::Cli;",
        &["2: `commands` uses `cli`"],
    );
    finds("src/lib.rs", "pub mod a { use crate::cli::Cli; }", &[]);
    finds(
        "src/misc/mod.rs",
        "fn a() {}",
        &["1: `misc` has no row in the table of parts"],
    );
    // What a crate below may use stands in its manifest.
    finds(
        "crates/mcpr-tail/src/set.rs",
        "use crate::wake::Waker;",
        &[],
    );
}

#[test]
fn climbing_to_the_root_is_seen_too() {
    finds(
        "src/console/mod.rs",
        "use super::commands::a;",
        &["2: `console` uses `commands`"],
    );
    finds(
        "src/commands/schema/diff.rs",
        "use super::super::super::cli::a;",
        &["2: `commands` uses `cli`"],
    );
    finds(
        "src/commands/schema/mod.rs",
        "use super::{a, super::{cli::b, exit}};",
        &["2: `commands` uses `cli`"],
    );
    finds(
        "src/console/mod.rs",
        "mod a { use super::commands; use super::super::commands; }",
        &["2: `console` uses `commands`"],
    );
    finds("src/commands/schema/diff.rs", "use super::cli::a;", &[]);
}
