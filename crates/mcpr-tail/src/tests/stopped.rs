//! Rotation under names that no source matches, while no tailer runs or between two of its looks.

use std::fs::{self, File};
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::{Bench, long};
use crate::{Begin, HELD_IDLE, Notice};

/// A bench of `*.log` that has read the first line.
pub(super) fn begun() -> Bench {
    let mut bench = Bench::new(&["*.log"]);
    bench.append("p.log", &(long("1") + "\n"));
    bench.poll();
    bench.expect(&[&long("1")]);
    bench
}

pub(super) fn compress_to(bench: &Bench, from: &str, to: &str) {
    let modified = fs::metadata(bench.path(from)).unwrap().modified().unwrap();
    let mut encoder = GzEncoder::new(File::create(bench.path(to)).unwrap(), Compression::fast());
    encoder
        .write_all(&fs::read(bench.path(from)).unwrap())
        .unwrap();
    encoder.finish().unwrap().set_modified(modified).unwrap();
    fs::remove_file(bench.path(from)).unwrap();
}

fn unreadable(bench: &Bench) -> Vec<String> {
    let errors = bench.notices.iter().filter_map(|notice| match notice {
        Notice::Unreadable { error, .. } => Some(error.clone()),
        _ => None,
    });
    errors.collect()
}

#[test]
fn a_file_compressed_under_a_name_that_the_glob_does_not_match_is_read_on() {
    for name in [
        "p.log.1.gz",
        "p.log-20261129.gz",
        "p-20261129.log.gz",
        "p.log.2026-11-29.gz",
    ] {
        let mut bench = begun();
        bench.append("p.log", "2\n");
        compress_to(&bench, "p.log", name);
        bench.append("p.log", "3\n");
        bench.restart();
        bench.poll();
        bench.expect(&["2", "3"]);
        bench.restart();
        bench.poll();
        bench.expect(&[]);
        assert_eq!(bench.missing(), 0, "{name}");
    }
}

#[test]
fn what_was_rotated_more_than_once_is_read_in_its_order() {
    for is_compressed in [false, true] {
        let mut bench = begun();
        bench.append("p.log", "2\n");
        bench.rename("p.log", "p.log.1");
        for number in 3..6 {
            bench.append("p.log", &format!("{number}\n"));
            for rotated in (1..number - 1).rev() {
                let next = rotated + 1;
                if is_compressed && rotated == 1 {
                    compress_to(&bench, "p.log.1", "p.log.2.gz");
                } else if is_compressed {
                    bench.rename(&format!("p.log.{rotated}.gz"), &format!("p.log.{next}.gz"));
                } else {
                    bench.rename(&format!("p.log.{rotated}"), &format!("p.log.{next}"));
                }
            }
            bench.rename("p.log", "p.log.1");
        }
        bench.append("p.log", "6\n");
        bench.restart();
        bench.poll();
        bench.expect(&["2", "3", "4", "5", "6"]);
        for _ in 0..2 {
            bench.poll_after(HELD_IDLE);
            bench.restart();
            bench.poll();
            bench.expect(&[]);
        }
        assert_eq!(bench.missing(), 0);
    }
}

#[test]
fn what_has_a_writer_still_is_no_reason_to_pass_over_what_follows_it() {
    let mut bench = begun();
    bench.rename("p.log", "p.log.2");
    bench.append("p.log.1", "3\n");
    bench.append("p.log", "4\n");
    bench.append("p.log.2", "2\n");
    let late = File::open(bench.path("p.log.2")).unwrap();
    let later = std::time::SystemTime::now() + std::time::Duration::from_mins(1);
    late.set_modified(later).unwrap();
    bench.restart();
    bench.poll();
    bench.expect(&["2", "3", "4"]);
}

#[test]
fn copies_made_before_each_truncation_are_all_read() {
    let mut bench = begun();
    bench.append("p.log", "2\n");
    bench.copy_truncate("p.log", "p.log.1");
    bench.append("p.log", "3\n");
    bench.rename("p.log.1", "p.log.2");
    bench.copy_truncate("p.log", "p.log.1");
    bench.append("p.log", "4\n");
    bench.restart();
    bench.poll();
    bench.expect(&["2", "3", "4"]);
    bench.restart();
    bench.poll();
    bench.expect(&[]);
}

#[test]
fn a_file_moved_to_another_directory_is_found_there() {
    for directory in ["old", "../archive"] {
        for is_compressed in [false, true] {
            let mut bench = Bench::new(&["logs/*.log"]);
            fs::create_dir(bench.path("logs")).unwrap();
            fs::create_dir(bench.path("logs").join(directory)).unwrap();
            bench.append("logs/p.log", &(long("1") + "\n"));
            bench.poll();
            bench.append("logs/p.log", "2\n");
            let to = format!("logs/{directory}/p.log");
            bench.rename("logs/p.log", &format!("{to}.2"));
            bench.append(&format!("{to}.1"), "3\n");
            bench.append("logs/p.log", "4\n");
            if is_compressed {
                compress_to(&bench, &format!("{to}.2"), &format!("{to}.2.gz"));
            }
            bench.restart();
            bench.poll();
            bench.expect(&[&long("1"), "2", "3", "4"]);
            bench.restart();
            bench.poll();
            bench.expect(&[]);
            assert_eq!(bench.missing(), 0);
        }
    }
}

#[test]
fn another_directorys_files_of_the_same_name_are_left_alone() {
    let mut bench = Bench::new(&["logs/*.log"]);
    fs::create_dir_all(bench.path("logs/other")).unwrap();
    bench.append("logs/other/p.log.1", "not ours\n");
    bench.append("logs/p.log", &(long("1") + "\n"));
    bench.poll();
    bench.rename("logs/p.log", "logs/p.log.1");
    bench.append("logs/p.log", "2\n");
    bench.restart();
    bench.poll();
    bench.expect(&[&long("1"), "2"]);
}

#[test]
fn what_is_compressed_in_another_way_is_reported_and_missing() {
    let mut bench = begun();
    bench.append("p.log", "2\n");
    fs::remove_file(bench.path("p.log")).unwrap();
    fs::write(bench.path("p.log.1.xz"), b"\xfd7zXZ\0\0\x04").unwrap();
    bench.append("p.log", "3\n");
    bench.restart();
    bench.poll();
    bench.expect(&["3"]);
    assert_eq!(
        unreadable(&bench),
        ["is compressed with xz, of which only gzip is read"]
    );
    assert_eq!(bench.missing(), 1);
    assert_eq!(bench.tailer.unread(), 1);
}

#[test]
fn what_followed_in_a_file_that_is_gone_is_missing_and_reported_once() {
    let mut bench = begun();
    let offset = fs::metadata(bench.path("p.log")).unwrap().len();
    bench.append("p.log", "2\n");
    fs::remove_file(bench.path("p.log")).unwrap();
    bench.append("p.log", "3\n");
    bench.restart();
    bench.poll();
    let path = bench.path("p.log");
    assert!(bench.notices.contains(&Notice::Missing { path, offset }));
    assert_eq!(bench.pieces, [format!("missing {offset}")]);
    bench.expect(&["3"]);
    bench.restart();
    bench.poll();
    assert_eq!(bench.missing(), 1);
}

#[test]
fn a_gap_that_is_not_taken_is_reported_again() {
    let mut bench = begun();
    fs::remove_file(bench.path("p.log")).unwrap();
    bench.append("p.log", "3\n");
    bench.restart();
    bench.tailer.scan(bench.now);
    bench.read(0);
    bench.read(1);
    assert_eq!(bench.pieces.len(), 1);
    bench.poll();
    bench.expect(&["3"]);
}

#[test]
fn a_file_that_is_gone_and_has_no_successor_is_not_missing_until_it_has_one() {
    let mut bench = begun();
    fs::remove_file(bench.path("p.log")).unwrap();
    for _ in 0..2 {
        bench.restart();
        bench.poll();
        assert_eq!(bench.missing(), 0);
    }
    bench.append("p.log", "2\n");
    bench.poll();
    assert_eq!(bench.missing(), 1);
    bench.expect(&["2"]);
}

#[test]
fn a_rotated_file_that_was_deleted_in_its_turn_is_not_missing() {
    for source in ["*.log", "p.log*"] {
        for runs in [false, true] {
            let mut bench = Bench::new(&[source]);
            let mut expected = Vec::new();
            for number in 0..8 {
                let line = long(&number.to_string());
                bench.append("p.log", &format!("{line}\n"));
                expected.push(line);
                bench.poll();
                bench.poll();
                // Nobody writes to the older ones any more.
                bench.poll_after(HELD_IDLE);
                let _ = fs::remove_file(bench.path("p.log.3"));
                for rotated in (1..3).rev() {
                    let next = format!("p.log.{}", rotated + 1);
                    let _ = fs::rename(bench.path(&format!("p.log.{rotated}")), bench.path(&next));
                }
                bench.rename("p.log", "p.log.1");
                if !runs {
                    bench.restart();
                }
            }
            bench.poll();
            assert_eq!(bench.lines(), expected, "{source}");
            assert_eq!(bench.missing(), 0, "{source}, {runs}: {:?}", bench.notices);
        }
    }
}

#[test]
fn a_kill_before_the_copy_is_begun_loses_nothing_where_the_inode_is_used_again() {
    let mut bench = begun();
    bench.append("p.log", "2\n");
    // The same inode for certain: the log is cut once its copy is compressed.
    fs::copy(bench.path("p.log"), bench.path("p.log.1")).unwrap();
    compress_to(&bench, "p.log.1", "p.log.1.gz");
    fs::write(bench.path("p.log"), "3\n").unwrap();
    for chunks in 0..4 {
        bench.restart();
        bench.tailer.scan(bench.now);
        bench.read(chunks);
    }
    bench.restart();
    bench.poll();
    bench.expect(&["2", "3"]);
    bench.restart();
    bench.poll();
    bench.expect(&[]);
}

#[test]
fn what_came_and_went_while_its_path_was_vacant_is_read() {
    for source in ["*.log", "p*"] {
        for name in ["p.log.", "p-2026112"] {
            let mut bench = Bench::new(&[source]);
            let rotated = |number: u32| match name {
                "p.log." => format!("p.log.{number}"),
                _ => format!("{name}{}.log", 9 - number),
            };
            bench.append("p.log", &(long("1") + "\n"));
            bench.poll();
            bench.rename("p.log", &rotated(3));
            bench.poll();
            bench.append("p.log", "2\n");
            bench.rename("p.log", &rotated(2));
            compress_to(&bench, &rotated(2), &format!("{}.gz", rotated(2)));
            bench.append("p.log", "3\n");
            bench.rename("p.log", &rotated(1));
            bench.poll();
            bench.append("p.log", "4\n");
            bench.poll();
            let mut lines = bench.lines();
            lines.sort();
            assert_eq!(lines[1..], ["2", "3", "4"], "{source} {name}");
            assert_eq!(bench.missing(), 0);
        }
    }
}

#[test]
fn where_all_known_files_of_a_log_were_deleted_in_their_turn_a_gap_is_reported() {
    let mut bench = begun();
    bench.rename("p.log", "p.log.1");
    bench.append("p.log", "");
    bench.restart();
    bench.poll();
    bench.restart();
    fs::remove_file(bench.path("p.log.1")).unwrap();
    bench.append("p.log.1", "3\n");
    bench.append("p.log", "4\n");
    bench.poll();
    bench.expect(&["3", "4"]);
    assert_eq!(bench.missing(), 1);
    bench.restart();
    bench.poll();
    assert_eq!(bench.missing(), 1, "reported once");
}

#[test]
fn a_file_with_the_inode_of_one_that_was_compressed_is_not_taken_for_it() {
    let mut bench = begun();
    bench.append("p.log", "2\n");
    fs::copy(bench.path("p.log"), bench.path("copy")).unwrap();
    compress_to(&bench, "copy", "p-20261128.log.gz");
    // What was rotated next has its inode, under a name that the glob matches.
    fs::write(bench.path("p.log"), "3\n").unwrap();
    bench.rename("p.log", "p-20261129.log");
    bench.append("p.log", "4\n");
    bench.restart();
    bench.poll();
    let mut lines = bench.lines();
    lines.sort();
    assert_eq!(lines, ["2", "3", "4"]);
}

#[test]
fn two_rotations_between_two_looks_lose_nothing() {
    for is_compressed in [false, true] {
        let mut bench = begun();
        bench.append("p.log", "2\n");
        bench.rename("p.log", "p.log.1");
        bench.append("p.log", "3\n");
        bench.rename("p.log.1", "p.log.2");
        bench.rename("p.log", "p.log.1");
        bench.append("p.log", "4\n");
        if is_compressed {
            compress_to(&bench, "p.log.2", "p.log.2.gz");
        }
        bench.poll();
        bench.expect(&["2", "3", "4"]);
        bench.poll_after(HELD_IDLE);
        bench.restart();
        bench.poll();
        bench.expect(&[]);
    }
}

#[test]
fn older_rotated_files_that_nobody_asked_for_are_left_alone() {
    let mut bench = Bench::new(&["*.log"]);
    bench.append("p.log.2", "old\n");
    bench.append("p.log.1", "old\n");
    for name in ["p.log.1", "p.log.2"] {
        let old = File::open(bench.path(name)).unwrap();
        old.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    }
    bench.append("p.log", &(long("1") + "\n"));
    bench.poll();
    bench.rename("p.log.2", "p.log.3");
    bench.rename("p.log.1", "p.log.2");
    bench.rename("p.log", "p.log.1");
    bench.append("p.log", "2\n");
    bench.restart();
    bench.poll();
    bench.expect(&[&long("1"), "2"]);
}

#[test]
fn who_begins_at_the_end_is_not_given_older_files_for_one_that_is_lost() {
    let mut bench = Bench::new(&["*.log"]);
    bench.begin = Begin::End;
    bench.restart();
    bench.append("p.log.1", "old\n");
    bench.append("p.log", &(long("1") + "\n"));
    bench.poll();
    bench.append("p.log", "2\n");
    bench.poll();
    fs::remove_file(bench.path("p.log")).unwrap();
    bench.append("p.log", "3\n");
    bench.restart();
    bench.poll();
    bench.expect(&["2", "3"]);
    assert_eq!(bench.missing(), 1);
}
