//! Files of which nothing is settled yet: seen empty, with half a line, or read with nothing committed
//! but which file it is.

use std::fs;
use std::os::unix::fs::symlink;

use super::{Bench, long};

/// A bench that has seen a file with this text, and settled nothing of it.
fn seen(text: &str) -> Bench {
    let mut bench = Bench::new(&["*.log"]);
    bench.append("p.log", text);
    bench.tailer.scan(bench.now);
    bench.read(1);
    bench.expect(&[]);
    assert_eq!(bench.committed.len(), 1, "it is known which file it is");
    bench.restart();
    bench
}

#[test]
fn a_file_of_which_nothing_was_settled_is_found_once_it_is_rotated() {
    let whole = long("0") + "\n";
    for text in ["", "hal", &whole[..70], &whole] {
        let mut bench = seen(text);
        bench.append("p.log", "1\n");
        bench.rename("p.log", "p.log.1");
        bench.append("p.log", "2\n");
        bench.poll();
        let lines = bench.lines();
        assert_eq!(lines.last().unwrap(), "2", "{text}: {:?}", bench.notices);
        let begin = lines[..lines.len() - 1].join("\n");
        assert_eq!(begin, format!("{text}1"), "{:?}", bench.notices);
        assert_eq!(bench.missing(), 0);
        bench.restart();
        bench.poll();
        bench.expect(&[]);
    }
}

#[test]
fn two_rotations_of_files_of_which_nothing_was_settled_lose_none() {
    let mut bench = seen("");
    bench.append("p.log", "1\n");
    bench.rename("p.log", "p.log.1");
    bench.append("p.log", "2\n");
    bench.rename("p.log.1", "p.log.2");
    bench.rename("p.log", "p.log.1");
    bench.append("p.log", "3\n");
    bench.poll();
    bench.expect(&["1", "2", "3"]);
}

#[test]
fn what_was_seen_of_a_file_that_is_gone_is_missing() {
    for (text, missing) in [("", 0), ("half a line", 1)] {
        let mut bench = seen(text);
        bench.rename("p.log", "elsewhere.txt");
        fs::remove_file(bench.path("elsewhere.txt")).unwrap();
        bench.append("p.log", "2\n");
        bench.poll();
        bench.expect(&["2"]);
        assert_eq!(bench.missing(), missing, "{text}");
        bench.restart();
        bench.poll();
        assert_eq!(bench.missing(), missing, "once: {text}");
    }
}

#[test]
fn a_file_is_not_taken_for_one_seen_empty_by_its_inode_alone() {
    for name in ["notes.txt", "p.log.1.xz"] {
        let mut bench = seen("");
        bench.rename("p.log", name);
        bench.append(name, "private\n");
        bench.append("p.log", "2\n");
        bench.poll();
        bench.expect(&["2"]);
    }
}

#[test]
fn a_file_that_was_seen_with_other_bytes_under_its_inode_is_read_from_its_beginning() {
    let mut bench = seen("half");
    fs::write(bench.path("p.log"), "1\n").unwrap();
    bench.poll();
    bench.expect(&["1"]);
}

/// Reads a line under one spelling of the directory, rotates, and goes on under another.
fn check_spellings(before: &str, after: &str) {
    let mut bench = Bench::new(&[]);
    fs::create_dir(bench.path("d")).unwrap();
    symlink("d", bench.path("link")).unwrap();
    bench.sources = vec![before.to_owned()];
    bench.append("d/p.log", &(long("1") + "\n"));
    bench.restart();
    bench.poll();
    bench.append("d/p.log", "2\n");
    bench.rename("d/p.log", "d/p.log.1");
    bench.append("d/p.log", "3\n");
    bench.sources = vec![after.to_owned()];
    bench.restart();
    bench.poll();
    bench.expect(&[&long("1"), "2", "3"]);
    assert_eq!(bench.missing(), 0, "{before}, {after}");
}

#[test]
fn a_directory_that_is_named_in_another_way_is_the_same() {
    let spellings = ["d/*.log", "link/*.log", "link/../d/*.log", "d/p.log"];
    for before in spellings {
        for after in spellings {
            check_spellings(before, after);
        }
    }
}

#[test]
fn a_file_that_was_named_relative_to_another_directory_is_known_by_its_inode() {
    let mut bench = Bench::new(&["*.log"]);
    bench.append("p.log", &(long("1") + "\n"));
    bench.poll();
    for checkpoint in bench.committed.values_mut() {
        checkpoint.path = "p.log".into();
    }
    bench.append("p.log", "2\n");
    bench.rename("p.log", "p.log.1");
    bench.append("p.log", "3\n");
    bench.restart();
    bench.poll();
    bench.expect(&[&long("1"), "2", "3"]);
}

#[test]
fn files_changed_in_the_same_moment_are_read_in_the_order_of_their_names() {
    let orders: [&[&str]; 3] = [
        &["p.log.10", "p.log.9", "p.log.1", "p.log"],
        &["p.log-20261128", "p.log-20261129", "p.log"],
        &["p-2026-11-28.log", "p-2026-11-29.log", "p.log"],
    ];
    for order in orders {
        let mut bench = Bench::new(&["p*"]);
        let now = std::time::SystemTime::now();
        for name in order {
            bench.append(name, &format!("{name}\n"));
            let file = fs::File::open(bench.path(name)).unwrap();
            file.set_modified(now).unwrap();
        }
        bench.poll();
        bench.expect(order);
    }
}

#[test]
fn half_a_line_is_reported_with_its_end_as_the_next_file_of_its_log_begins() {
    let mut bench = Bench::new(&["*.log*"]);
    for name in ["p.log.1", "q.log", "p.log"] {
        bench.append(name, &format!("{name}\nhalf of {name}"));
        let file = fs::File::open(bench.path(name)).unwrap();
        let age = std::time::Duration::from_secs(name.len() as u64);
        file.set_modified(std::time::SystemTime::UNIX_EPOCH - age)
            .unwrap();
    }
    bench.tailer.scan(bench.now);
    let mut torn = Vec::new();
    bench.tailer.read(&mut |chunk| {
        if chunk.is_torn() {
            torn.push((chunk.path.to_owned(), chunk.checkpoint.offset));
        }
        std::ops::ControlFlow::Continue(())
    });
    let end = "p.log.1\nhalf of p.log.1".len() as u64;
    assert_eq!(torn, [(bench.path("p.log.1"), end)]);
}

/// Has a file changed so many seconds after the test's beginning: the system's own times are too coarse.
fn change(bench: &Bench, name: &str, seconds: u64) {
    let file = fs::OpenOptions::new().append(true).open(bench.path(name));
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_800_000_000 + seconds);
    file.unwrap().set_modified(time).unwrap();
}

/// Reads a file that is empty, or was truncated, copies lines of it away that nobody read, and goes on.
fn check_unread_copies(is_running: bool, is_compressed: bool, after: &str) {
    let mut bench = Bench::new(&["p.log"]);
    bench.append("p.log", "");
    bench.append("p.log.1", "old\n");
    change(&bench, "p.log.1", 0);
    change(&bench, "p.log", 1);
    bench.poll();
    bench.append("p.log", "1\n");
    fs::rename(bench.path("p.log.1"), bench.path("p.log.2")).unwrap();
    bench.copy_truncate("p.log", "p.log.1");
    change(&bench, "p.log.1", 2);
    if is_compressed {
        super::stopped::compress_to(&bench, "p.log.1", "p.log.1.gz");
    }
    bench.append("p.log", after);
    change(&bench, "p.log", 3);
    if !is_running {
        bench.restart();
    }
    bench.poll();
    let expected = format!("1\n{after}");
    let expected = expected.lines().collect::<Vec<_>>();
    bench.expect(&expected);
    bench.restart();
    bench.poll();
    bench.expect(&[]);
    assert_eq!(bench.missing(), 0);
}

#[test]
fn what_was_copied_away_and_truncated_before_a_byte_was_read_is_read_from_the_copy() {
    for is_running in [false, true] {
        for is_compressed in [false, true] {
            for after in ["", "2\n", &(long("2") + "\n")] {
                check_unread_copies(is_running, is_compressed, after);
            }
        }
    }
}

#[test]
fn what_was_seen_and_copied_away_before_its_turn_is_read_from_the_copy() {
    let mut bench = Bench::new(&["p.log"]);
    bench.append("p.log", &(long("1") + "\n"));
    bench.tailer.scan(bench.now);
    bench.copy_truncate("p.log", "p.log.1");
    bench.append("p.log", "2\n");
    bench.poll();
    bench.expect(&[&long("1"), "2"]);
    assert_eq!(bench.missing(), 0);
}

#[test]
fn a_short_beginning_is_known_in_a_copy_that_came_while_we_were_here() {
    let mut bench = Bench::new(&["p.log"]);
    bench.append("p.log", "1\n");
    bench.poll();
    bench.append("p.log", "2\n");
    bench.copy_truncate("p.log", "p.log.1");
    bench.append("p.log", "3\nand more than was there before\n");
    bench.poll();
    bench.expect(&["1", "2", "3", "and more than was there before"]);
    assert_eq!(bench.missing(), 0);
}
