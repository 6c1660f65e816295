//! Rotated files that were deleted, logs that are away for a while, and files that begin alike.

use std::fs;
use std::time::{Duration, SystemTime};

use super::stopped::{begun, compress_to};
use super::{Bench, long};
use crate::{HELD_IDLE, label};
use mcpr_model::Checkpoint;

#[test]
fn what_was_rotated_while_the_log_was_away_and_deleted_is_missing() {
    let mut bench = Bench::new(&["logs/*.log"]);
    fs::create_dir_all(bench.path("logs/old")).unwrap();
    bench.append("logs/p.log", &(long("1") + "\n"));
    bench.poll();
    bench.rename("logs/p.log", "logs/old/p.log.1");
    bench.poll();
    for number in ["2", "3"] {
        // The only one that is kept.
        fs::remove_file(bench.path("logs/old/p.log.1")).unwrap();
        bench.poll_after(HELD_IDLE);
        bench.append("logs/p.log", &format!("{number}\n"));
        bench.rename("logs/p.log", "logs/old/p.log.1");
    }
    bench.restart();
    bench.append("logs/p.log", "4\n");
    bench.poll();
    assert_eq!(bench.lines().last().unwrap(), "4");
    assert_eq!(bench.missing(), 1, "{:?}", bench.notices);
    bench.restart();
    bench.poll();
    assert_eq!(bench.missing(), 1, "reported once");
}

#[test]
fn a_log_that_is_away_is_known_by_what_was_rotated_from_it() {
    let mut bench = begun();
    bench.rename("p.log", "p-20261128.log");
    bench.restart();
    bench.poll();
    bench.append("p.log", "2\n");
    bench.rename("p.log", "p-20261129.log");
    compress_to(&bench, "p-20261129.log", "p-20261129.log.gz");
    bench.append("p.log", &(long("3") + "\n"));
    bench.rename("p.log", "p-20261130.log");
    bench.poll();
    let mut lines = bench.lines();
    lines.sort();
    assert_eq!(lines, ["2".to_owned(), long("3")]);
    bench.restart();
    compress_to(&bench, "p-20261130.log", "p-20261130.log.gz");
    bench.poll();
    bench.expect(&[]);
    assert_eq!(bench.missing(), 0, "{:?}", bench.notices);
}

#[test]
fn what_was_rotated_before_a_file_of_the_same_log_is_read_before_it() {
    let mut bench = begun();
    for number in 2..5 {
        bench.append("p.log", &format!("{number}\n"));
        bench.rename("p.log", &format!("p-2026112{number}.log"));
        if number < 4 {
            let name = format!("p-2026112{number}.log");
            compress_to(&bench, &name, &format!("{name}.gz"));
        }
    }
    bench.append("p.log", "5\n");
    bench.restart();
    bench.poll();
    bench.expect(&["2", "3", "4", "5"]);
}

#[test]
fn a_younger_file_that_begins_alike_is_not_taken_for_the_one_that_was_read() {
    for is_compressed in [false, true] {
        let mut bench = begun();
        bench.append("p.log", "2\n");
        bench.rename("p.log", "p.log.2");
        if is_compressed {
            compress_to(&bench, "p.log.2", "p.log.2.gz");
        } else {
            fs::copy(bench.path("p.log.2"), bench.path("copy")).unwrap();
            bench.rename("copy", "p.log.2");
        }
        bench.append("p.log.1", &(long("1") + "\n3\n"));
        bench.append("p.log", &(long("1") + "\n4\n"));
        bench.restart();
        bench.poll();
        let mut lines = bench.lines();
        lines.retain(|line| *line != long("1"));
        assert_eq!(lines, ["2", "3", "4"], "{:?}", bench.notices);
    }
}

#[test]
fn where_the_file_that_was_read_may_be_gone_and_others_begin_alike_a_gap_is_reported() {
    let mut bench = begun();
    bench.append("p.log", "2\n");
    fs::remove_file(bench.path("p.log")).unwrap();
    bench.append("p.log.1", &(long("1") + "\n3\n"));
    bench.append("p.log", &(long("1") + "\n4\n"));
    bench.restart();
    bench.poll();
    let mut lines = bench.lines();
    lines.retain(|line| *line != long("1"));
    assert_eq!(lines, ["3", "4"]);
    assert_eq!(bench.missing(), 1);
    bench.restart();
    bench.poll();
    assert_eq!(bench.missing(), 1, "reported once");
}

#[test]
fn a_line_that_came_late_to_a_rotated_file_that_was_deleted_is_missing() {
    for is_settled in [false, true] {
        let mut bench = begun();
        bench.rename("p.log", "p.log.1");
        bench.append("p.log", &(long("2") + "\n"));
        bench.poll();
        if is_settled {
            // Nobody has it open: no line can come late.
            bench.poll_after(HELD_IDLE);
        }
        bench.restart();
        bench.append("p.log.1", "late\n");
        fs::remove_file(bench.path("p.log.1")).unwrap();
        bench.poll();
        assert_eq!(bench.missing(), usize::from(!is_settled), "{is_settled}");
        bench.restart();
        bench.poll();
        assert_eq!(bench.missing(), usize::from(!is_settled), "reported once");
    }
}

#[test]
fn a_run_that_ends_at_once_knows_which_rotated_files_nobody_writes_to() {
    let mut bench = begun();
    bench.rename("p.log", "p.log.1");
    bench.append("p.log", &(long("2") + "\n"));
    bench.restart();
    bench.finish();
    fs::remove_file(bench.path("p.log.1")).unwrap();
    bench.restart();
    bench.finish();
    assert_eq!(bench.missing(), 0);
}

/// Takes so many chunks after the log was deleted and rotated twice, then begins anew.
fn killed_after(chunks: usize, is_running: bool) -> Bench {
    let mut bench = begun();
    fs::remove_file(bench.path("p.log")).unwrap();
    for (name, line) in [("p.log.2", "3\n"), ("p.log.1", "4\n"), ("p.log", "5\n")] {
        bench.append(name, line);
    }
    if !is_running {
        bench.restart();
    }
    bench.tailer.scan(bench.now);
    bench.read(chunks);
    bench.restart();
    bench
}

#[test]
fn a_kill_after_a_gap_loses_none_of_the_files_that_were_found_with_it() {
    for is_running in [false, true] {
        for chunks in 0..8 {
            let mut bench = killed_after(chunks, is_running);
            bench.poll();
            assert_eq!(
                bench.pieces.len(),
                1,
                "reported once: {chunks}, {is_running}"
            );
            bench.expect(&["3", "4", "5"]);
            bench.restart();
            bench.poll();
            bench.expect(&[]);
        }
    }
}

#[test]
fn what_stands_for_a_gap_is_over_once_the_files_after_it_were_begun() {
    let mut bench = killed_after(1, false);
    bench.poll();
    let is_open = |known: &&Checkpoint| known.head.len > 0;
    let open = bench.committed.values().filter(is_open);
    let reported = open.filter(|known| label::gap_of(&known.path).is_some());
    assert_eq!(reported.count(), 0);
}

#[test]
fn after_a_kill_no_older_files_are_read_than_those_that_were_found_with_the_gap() {
    let mut bench = begun();
    bench.append("p.log.7", "old\n");
    let old = fs::File::open(bench.path("p.log.7")).unwrap();
    old.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    fs::remove_file(bench.path("p.log")).unwrap();
    bench.append("p.log.1", "2\n");
    bench.append("p.log", "3\n");
    bench.tailer.scan(bench.now);
    bench.read(1);
    bench.restart();
    bench.poll();
    bench.expect(&["2", "3"]);
}

#[test]
fn a_rotated_file_that_was_deleted_between_others_is_a_gap() {
    for sources in [["p.log"], ["*.log"]] {
        let mut bench = Bench::new(&sources);
        bench.append("p.log", &(long("1") + "\n"));
        bench.poll();
        bench.lines();
        bench.append("p.log", "2\n");
        bench.rename("p.log", "p.log.2");
        // What was p.log.1 is gone.
        bench.append("p.log", "4\n");
        bench.restart();
        bench.poll();
        assert_eq!(bench.lines(), ["2", "4"], "{sources:?}");
        assert_eq!(bench.missing(), 1, "{sources:?}");
        bench.restart();
        bench.poll();
        bench.expect(&[]);
        assert_eq!(bench.missing(), 1, "{sources:?}: reported once");
    }
}

#[test]
fn a_log_whose_numbers_go_up_has_no_hole() {
    let mut bench = Bench::new(&["p.log"]);
    bench.append("p.log", &(long("1") + "\n"));
    bench.poll();
    bench.lines();
    bench.append("p.log", "2\n");
    for (age, name, line) in [(2, "p.log.7", "3\n"), (1, "p.log.8", "4\n")] {
        let modified = SystemTime::now() - Duration::from_mins(age);
        let file = fs::File::open(bench.path("p.log")).unwrap();
        file.set_modified(modified).unwrap();
        bench.rename("p.log", name);
        bench.append("p.log", line);
    }
    bench.restart();
    bench.poll();
    let mut lines = bench.lines();
    lines.sort();
    assert_eq!(lines, ["2", "3", "4"]);
    assert_eq!(bench.missing(), 0);
}

#[test]
fn a_file_that_was_restored_under_another_inode_is_no_gap_at_any_later_start() {
    let mut bench = Bench::new(&["p.log"]);
    bench.append("p.log", &(long("1") + "\n"));
    bench.poll();
    fs::copy(bench.path("p.log"), bench.path("restored")).unwrap();
    bench.rename("restored", "p.log");
    bench.append("p.log", "2\n");
    for _ in 0..3 {
        bench.restart();
        bench.poll();
    }
    bench.expect(&[&long("1"), "2"]);
    assert_eq!(bench.missing(), 0, "{:?}", bench.notices);
}

#[test]
fn a_compressed_copy_beside_a_rotated_file_puts_nothing_in_doubt() {
    let mut bench = Bench::new(&["p.log"]);
    bench.append("p.log", &(long("1") + "\n"));
    bench.poll();
    bench.append("p.log", "2\n");
    bench.rename("p.log", "p.log.1");
    fs::copy(bench.path("p.log.1"), bench.path("kept")).unwrap();
    super::stopped::compress_to(&bench, "kept", "p.log.1.gz");
    bench.append("p.log", "3\n");
    for _ in 0..3 {
        bench.restart();
        bench.poll();
    }
    bench.expect(&[&long("1"), "2", "3"]);
    assert_eq!(bench.missing(), 0, "{:?}", bench.notices);
}

#[test]
fn a_word_among_numbers_is_no_hole() {
    let mut bench = Bench::new(&["p.log"]);
    bench.append("p.log", &(long("1") + "\n"));
    bench.poll();
    bench.rename("p.log", "p.log.old2");
    bench.append("p.log.old", "2\n");
    bench.append("p.log", "3\n");
    bench.restart();
    bench.poll();
    bench.expect(&[&long("1"), "2", "3"]);
    assert_eq!(bench.missing(), 0, "{:?}", bench.notices);
}
