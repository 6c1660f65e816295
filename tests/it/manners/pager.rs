//! Long output on a terminal goes through the reader's pager.

use super::recorded;
use crate::program::{Home, until};
use crate::terminal::Terminal;
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// A program that stands for a pager; it works in the home.
fn script(home: &Home, name: &str, body: &str) -> String {
    let path = home.write(name, format!("#!/bin/sh\n{body}\n"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.to_str().unwrap().to_owned()
}

/// A pager that keeps what it is given and shows something else.
fn keeping(home: &Home) -> String {
    script(
        home,
        "pager",
        "echo \"LESS=$LESS\"; cat > paged.txt; echo kept",
    )
}

#[test]
fn what_is_longer_than_the_screen_goes_through_the_pager_whole() {
    let home = recorded();
    let pager = keeping(&home);
    for arguments in [
        &["logs", "--tail", "all", "-q"][..],
        &["logs", "--json"],
        &["logs", "--format", "json"],
        &["logs", "--format", "csv", "--reverse"],
        &["session", "2bdb"],
        &["session", "2bdb", "--json"],
        &["stats", "--since", "2026-11-01", "--json"],
    ] {
        let plain = Terminal::of(&home).env("PAGER", "cat").size(80, 10);
        let plain = plain.run(arguments);
        assert_eq!(plain.code, Some(0), "{arguments:?}: {plain:?}");
        let shown = Terminal::of(&home).env("PAGER", &pager).size(80, 10);
        let shown = shown.run(arguments);
        assert_eq!(shown.code, Some(0), "{arguments:?}: {shown:?}");
        assert_eq!(shown.out, "LESS=FRX\nkept\n", "{arguments:?}");
        let kept = fs::read_to_string(home.path("paged.txt")).unwrap();
        let bare = |text: &str| text.replace('\r', "");
        assert_eq!(bare(&kept), bare(&plain.out), "{arguments:?}");
    }
}

#[test]
fn a_pager_is_used_only_where_it_serves() {
    let home = recorded();
    let pager = keeping(&home);
    let long: &[&str] = &["logs", "--tail", "all"];
    let check = |what: &str, terminal: Terminal<'_>, arguments: &[&str], expected: bool| {
        let ran = terminal.env("MCPR_PAGER", &pager).run(arguments);
        assert_eq!(ran.code, Some(0), "{what}: {ran:?}");
        assert_eq!(ran.out.contains("LESS=FRX"), expected, "{what}: {ran:?}");
    };
    let small = || Terminal::of(&home).size(80, 10);
    check("long", small(), long, true);
    check("fits", Terminal::of(&home), long, false);
    check("nothing", small(), &["logs", "--tail", "0"], false);
    let unwanted = [long, &["--no-pager"]].concat();
    check("unwanted", small(), &unwanted, false);
    let following = [long, &["--follow", "--timeout", "1ms"]].concat();
    check("following", small(), &following, false);
    check("dumb", small().env("TERM", "dumb"), long, false);
    // A header, a day, seven rows and the prompt fit on ten rows; on nine they do not.
    let seven = &["logs", "--tail", "7"][..];
    check("just fits", Terminal::of(&home).size(80, 10), seven, false);
    check("just not", Terminal::of(&home).size(80, 9), seven, true);
    // A terminal that has no size has 24 rows, or what `LINES` says.
    let sizeless = || Terminal::of(&home).size(0, 0);
    check("sizeless", sizeless(), long, true);
    check("lines", sizeless().env("LINES", "1000"), long, false);
    let elsewhere = Terminal::of(&home)
        .size(80, 10)
        .output(fs::File::create(home.path("out")).unwrap());
    check("no terminal", elsewhere, long, false);
}

#[test]
fn the_first_variable_that_is_set_names_the_pager() {
    let home = recorded();
    let one = script(&home, "one", "cat > paged.txt; echo one");
    let two = script(&home, "two", "cat > paged.txt; echo two");
    let check = |variables: &[(&str, &str)], expected: &str| {
        let mut terminal = Terminal::of(&home).size(80, 10);
        for (name, value) in variables {
            terminal = terminal.env(name, value);
        }
        let ran = terminal.run(&["logs"]);
        assert_eq!(ran.code, Some(0), "{variables:?}: {ran:?}");
        assert!(ran.out.starts_with(expected), "{variables:?}: {ran:?}");
    };
    check(&[("PAGER", &one)], "one\n");
    check(&[("PAGER", &one), ("MCPR_PAGER", &two)], "two\n");
    check(&[("PAGER", &one), ("MCPR_PAGER", "")], "\x1b[1mTIME");
    check(&[("PAGER", &one), ("MCPR_PAGER", "cat")], "\x1b[1mTIME");
    check(&[("PAGER", "")], "\x1b[1mTIME");
    check(&[("PAGER", "sed s/^/:/")], ":\x1b[1mTIME");
    let less = script(&home, "less", "cat > paged.txt; echo less \"$@\" $LESS");
    let bin = less.strip_suffix("/less").unwrap();
    let path = format!("{bin}:/usr/bin:/bin");
    check(&[("PATH", &path)], "less -FRX FRX\n");
    check(&[("PATH", &path), ("LESS", "S")], "less -FRX S\n");
}

#[test]
fn without_a_pager_that_starts_everything_is_printed() {
    let home = recorded();
    let broken = home
        .write("broken", "#!/bin/sh\n")
        .to_str()
        .unwrap()
        .to_owned();
    let arguments = ["logs", "--tail", "all", "--json"];
    let plain = home.succeed(&arguments);
    assert!(plain.len() > 64 * 1024, "more than a pipe takes");
    for pager in ["no-such-program-anywhere -x", &broken] {
        let terminal = Terminal::of(&home).env("PAGER", pager).size(80, 10);
        let ran = terminal.run(&arguments);
        assert_eq!(ran.code, Some(0), "{pager}");
        let (printed, shown) = ran.out.split_at(ran.out.find('{').unwrap());
        assert!(printed.starts_with("sh:"), "{pager}: {printed}");
        assert_eq!(shown, plain, "{pager}");
    }
    let terminal = Terminal::of(&home).env("PATH", "/nonexistent").size(80, 10);
    assert_eq!(terminal.run(&arguments).out, plain, "no shell either");
}

#[test]
fn a_reader_who_has_seen_enough_ends_it_quietly() {
    let home = recorded();
    for arguments in [&["logs", "--tail", "all", "--json"][..], &["logs"]] {
        let terminal = Terminal::of(&home).env("PAGER", "head -n 2").size(80, 10);
        let ran = terminal.run(arguments);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert_eq!(ran.out.lines().count(), 2, "{ran:?}");
    }
}

#[test]
fn a_pager_is_waited_for_and_holds_nothing_of_the_store() {
    let home = recorded();
    let pager = script(
        &home,
        "pager",
        "echo reading; read key < /dev/tty; cat > paged.txt",
    );
    let terminal = Terminal::of(&home).env("PAGER", &pager).size(80, 10);
    let mut session = terminal.start(&["logs", "--tail", "all", "--json"]);
    session.expect("reading");
    home.record(&[&crate::program::capture(
        "mcpr-0.5.44/everything.stderr.log",
    )]);
    let store = rusqlite::Connection::open(home.store()).unwrap();
    let is_busy: i64 = store
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
        .unwrap();
    assert_eq!(is_busy, 0, "nobody reads an old state of the store");
    assert!(session.child.try_wait().unwrap().is_none(), "it waits");
    session.type_in("\n");
    assert_eq!(session.finish().code, Some(0));
    let kept = fs::read_to_string(home.path("paged.txt")).unwrap();
    assert!(kept.ends_with("}\n"), "all of it was there to be read");
}

#[test]
fn ctrl_c_is_the_pagers_own() {
    let home = recorded();
    let body = "trap 'echo caught > caught' INT; echo reading; read key < /dev/tty; \
                read key < /dev/tty; cat > paged.txt; echo read";
    let pager = script(&home, "pager", body);
    let terminal = Terminal::of(&home).env("PAGER", &pager).size(80, 10);
    let session = terminal.start(&["logs", "--tail", "all"]);
    session.expect("reading");
    session.type_in("\x03");
    until("the pager has caught it", || home.path("caught").exists());
    session.type_in("\n\n");
    let ran = session.finish();
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.out.ends_with("read\n"), "{ran:?}");
}

#[test]
fn a_cursor_moves_only_past_what_the_pager_took() {
    let home = recorded();
    let arguments = ["logs", "--json", "--tail", "all", "--cursor-file", "cursor"];
    let quit = Terminal::of(&home).env("PAGER", "head -n 1").size(80, 10);
    assert_eq!(quit.run(&arguments).code, Some(0));
    assert!(!home.path("cursor").exists(), "not all was shown");
    let whole = Terminal::of(&home).env("PAGER", "tail -n 1").size(80, 10);
    assert_eq!(whole.run(&arguments).code, Some(0));
    assert!(home.path("cursor").exists());
}
