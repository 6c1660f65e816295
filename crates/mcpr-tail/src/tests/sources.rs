//! What sources lead to, where reading begins and ends, and what is never opened.

use std::fs::{self, Permissions};
use std::ops::ControlFlow;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;

use super::Bench;
use crate::{Begin, Notice, PathKind, classify, identity_of};

#[test]
fn a_file_that_appears_later_is_read() {
    let mut bench = Bench::new(&["app.log"]);
    bench.poll();
    bench.append("app.log", "1\n");
    bench.poll();
    bench.expect(&["1"]);
}

#[test]
fn a_directory_gives_its_regular_files() {
    let mut bench = Bench::new(&["logs"]);
    bench.poll();
    fs::create_dir_all(bench.path("logs/deeper")).unwrap();
    bench.append("logs/a", "1\n");
    bench.append("logs/.hidden", "no\n");
    bench.append("logs/deeper/b", "no\n");
    symlink(bench.path("elsewhere"), bench.path("logs/c")).unwrap();
    bench.poll();
    bench.append("elsewhere", "2\n");
    bench.poll();
    bench.expect(&["1", "2"]);
    assert_eq!(bench.tailer.directories(), [bench.path("logs")]);
}

#[test]
fn one_file_under_two_names_is_read_once() {
    let mut bench = Bench::new(&["*.log", "a.log"]);
    bench.append("a.log", "1\n");
    fs::hard_link(bench.path("a.log"), bench.path("b.log")).unwrap();
    symlink(bench.path("a.log"), bench.path("c.log")).unwrap();
    bench.poll();
    fs::remove_file(bench.path("a.log")).unwrap();
    bench.append("b.log", "2\n");
    bench.poll();
    bench.expect(&["1", "2"]);
}

#[test]
fn begin_at_the_end_is_for_files_without_a_checkpoint_at_the_start() {
    let mut bench = Bench::new(&["*.log"]);
    bench.begin = Begin::End;
    bench.restart();
    bench.append("a.log", "old\npart");
    bench.poll();
    bench.append("b.log", "new\n");
    bench.append("a.log", "ial\n");
    bench.poll();
    bench.expect(&["partial", "new"]);
    bench.restart();
    bench.append("a.log", "1\n");
    bench.append("b.log", "2\n");
    bench.poll();
    let mut lines = bench.lines();
    lines.sort();
    assert_eq!(lines, ["1", "2"]);
}

#[test]
fn begin_at_the_end_is_remembered_before_anything_is_read() {
    let mut bench = Bench::new(&["a.log"]);
    bench.begin = Begin::End;
    bench.restart();
    bench.append("a.log", "old\n");
    bench.poll();
    bench.append("a.log", "1\n");
    bench.restart();
    bench.poll();
    bench.expect(&["1"]);
    bench.rename("a.log", "a.log.1");
    bench.append("a.log", "2\n");
    bench.restart();
    bench.poll();
    bench.expect(&["2"]);
}

#[test]
fn finish_delivers_an_unfinished_line_and_leaves_it_to_be_read_again() {
    let mut bench = Bench::new(&["a.log"]);
    bench.append("a.log", &"line\n".repeat(200_000));
    bench.append("a.log", "last");
    bench.finish();
    assert_eq!(bench.pieces, ["unfinished 1000000 last"]);
    assert_eq!(bench.lines().len(), 200_000);
    bench.append("a.log", " one\n");
    bench.restart();
    bench.finish();
    bench.expect(&["last one"]);
}

#[test]
fn a_chunk_that_is_not_taken_comes_again() {
    let mut bench = Bench::new(&["a.log"]);
    bench.append("a.log", &"0123456789\n".repeat(60_000));
    bench.append("a.log", "part");
    bench.tailer.scan(bench.now);
    // The first says which file it is.
    assert!(bench.read(2));
    assert!(!bench.read(0));
    assert!(!bench.read(0));
    bench.poll();
    bench.append("a.log", "ial\n");
    bench.poll();
    let lines = bench.lines();
    assert_eq!(lines.len(), 60_001);
    assert!(lines[..60_000].iter().all(|line| line == "0123456789"));
    assert_eq!(lines[60_000], "partial");
}

#[test]
fn backlog_is_what_is_left_to_read() {
    let mut bench = Bench::new(&["*.log"]);
    bench.append("a.log", "1\n");
    bench.append("b.log", "22\n");
    bench.tailer.scan(bench.now);
    assert_eq!(bench.tailer.backlog(), 5);
    bench.poll();
    assert_eq!(bench.tailer.backlog(), 0);
    let places = bench.tailer.places();
    let mut places: Vec<_> = places.map(|place| (place.read, place.backlog)).collect();
    places.sort_unstable();
    assert_eq!(places, [(2, 0), (3, 0)]);
    let untouched = bench.tailer.read(&mut |_| ControlFlow::Continue(()));
    assert!(!untouched.progressed);
}

#[test]
fn excluded_files_are_never_opened() {
    let mut bench = Bench::new(&["*"]);
    bench.append("store.db", "secret\n");
    bench.append("a.log", "1\n");
    let store = identity_of(&fs::metadata(bench.path("store.db")).unwrap());
    bench.tailer.exclude([store]);
    bench.poll();
    bench.rename("store.db", "a.log.1");
    bench.poll();
    bench.expect(&["1"]);
}

#[test]
fn what_is_no_regular_file_is_reported_once_and_never_waited_for() {
    let mut bench = Bench::new(&["socket", "a.log"]);
    let listener = UnixListener::bind(bench.path("socket")).unwrap();
    bench.append("a.log", "1\n");
    bench.poll();
    bench.poll();
    bench.expect(&["1"]);
    let reported = |bench: &Bench| {
        let unreadable = |notice: &&Notice| matches!(notice, Notice::Unreadable { .. });
        bench.notices.iter().filter(unreadable).count()
    };
    assert_eq!(reported(&bench), 1);
    drop(listener);
    fs::remove_file(bench.path("socket")).unwrap();
    bench.poll();
    bench.append("socket", "2\n");
    bench.poll();
    bench.expect(&["2"]);
    assert_eq!(reported(&bench), 1);
}

#[test]
fn a_file_that_may_not_be_read_does_not_keep_others_from_it() {
    let mut bench = Bench::new(&["*.log"]);
    bench.append("a.log", "1\n");
    bench.append("b.log", "2\n");
    fs::set_permissions(bench.path("a.log"), Permissions::from_mode(0o000)).unwrap();
    if fs::File::open(bench.path("a.log")).is_ok() {
        return; // nothing is forbidden to root
    }
    bench.poll();
    bench.expect(&["2"]);
    fs::set_permissions(bench.path("a.log"), Permissions::from_mode(0o600)).unwrap();
    bench.poll();
    bench.expect(&["1"]);
}

#[test]
fn paths_are_classified_without_being_opened() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    fs::write(path("file"), "").unwrap();
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    let fifo = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, path("fifo"), fifo, mode, 0).unwrap();
    symlink(path("file"), path("link")).unwrap();
    symlink(path("nowhere"), path("dangling")).unwrap();
    for (name, expected) in [
        ("file", PathKind::Regular),
        ("link", PathKind::Regular),
        ("fifo", PathKind::Fifo),
        (".", PathKind::Directory),
        ("nowhere", PathKind::Missing),
        ("dangling", PathKind::Missing),
        ("/dev/null", PathKind::Other),
    ] {
        assert_eq!(classify(&path(name)).unwrap(), expected, "{name}");
    }
}

#[test]
fn a_name_that_is_no_utf8_is_read_like_any_other() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let mut bench = Bench::new(&["*.log", "*/a.log"]);
    let odd = |bytes: &[u8]| bench.root().join(OsStr::from_bytes(bytes));
    let (x, y, hidden, below) = (
        odd(b"x\xff.log"),
        odd(b"x\xfe.log"),
        odd(b".x\xff.log"),
        odd(b"y\xff"),
    );
    bench.append("good.log", "1\n");
    bench.poll();
    fs::write(&x, "2\n").unwrap();
    fs::write(&hidden, "no\n").unwrap();
    bench.poll();
    fs::write(&y, "3\n").unwrap();
    fs::create_dir(&below).unwrap();
    fs::write(below.join("a.log"), "4\n").unwrap();
    bench.restart();
    bench.poll();
    bench.append("good.log", "5\n");
    bench.poll();
    let mut lines = bench.lines();
    lines.sort();
    assert_eq!(lines, ["1", "2", "3", "4", "5"]);
    let path = bench.path("x\\xff.log");
    let path = path.to_str().unwrap();
    assert!(bench.committed.values().any(|known| known.path == path));
}

#[test]
fn a_name_with_brackets_that_appears_later_is_read() {
    let mut bench = Bench::new(&["server [dev].log", "a[.log", "b[1-3].log"]);
    bench.poll();
    bench.append("server [dev].log", "1\n");
    bench.append("a[.log", "2\n");
    bench.append("b2.log", "3\n");
    bench.append("b[1-3].log", "4\n");
    bench.poll();
    let mut lines = bench.lines();
    lines.sort();
    assert_eq!(lines, ["1", "2", "3", "4"]);
}
