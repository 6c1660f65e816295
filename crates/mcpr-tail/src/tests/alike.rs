//! Files that are easily taken for others: they begin alike, or have the inode of one that is gone.

use std::fs;

use super::stopped::compress_to;
use super::{Bench, long};
use crate::{HELD_IDLE, identity_of, label};
use mcpr_model::{Checkpoint, FileIdentity};

/// A log of which no more was read than the line with which each of its files begins.
fn with_header(header: &str) -> Bench {
    let mut bench = Bench::new(&["logs/*.log"]);
    fs::create_dir_all(bench.path("logs/old")).unwrap();
    bench.append("logs/p.log", &format!("{header}\n"));
    bench.poll();
    bench.lines();
    bench.append("logs/p.log", "2\n");
    let (log, copy) = (bench.path("logs/p.log"), bench.path("logs/old/copy"));
    fs::copy(log, copy).unwrap();
    compress_to(&bench, "logs/old/copy", "logs/old/p.log-20261128.gz");
    // The inode of what was compressed is that of the next file.
    fs::write(bench.path("logs/p.log"), format!("{header}\n3\n")).unwrap();
    bench
}

/// The lines that came, without those with which files begin.
fn numbers(bench: &mut Bench) -> Vec<String> {
    let mut lines = bench.lines();
    lines.retain(|line| line.len() == 1);
    lines.sort();
    lines
}

#[test]
fn a_rotated_file_that_begins_like_one_that_was_compressed_is_not_taken_for_it() {
    let mut bench = with_header(&long("header"));
    bench.rename("logs/p.log", "logs/old/p.log-20261129");
    bench.append("logs/p.log", &(long("header") + "\n4\n"));
    bench.restart();
    bench.poll();
    assert_eq!(numbers(&mut bench), ["2", "3", "4"]);
    bench.restart();
    bench.poll();
    assert_eq!(numbers(&mut bench), Vec::<String>::new());
}

#[test]
fn a_log_that_begins_like_the_one_that_was_compressed_is_not_taken_for_it_in_silence() {
    // Of a short one no more is known, and no less is lost.
    for header in [&long("header"), "listening on 127.0.0.1:3000", "{}"] {
        let mut bench = with_header(header);
        bench.restart();
        bench.poll();
        assert_eq!(numbers(&mut bench), ["3"], "{header}");
        assert_eq!(bench.missing(), 1, "{header}");
        bench.restart();
        bench.poll();
        assert_eq!(bench.missing(), 1, "{header}: reported once");
    }
}

#[test]
fn what_came_and_went_after_all_that_was_known_of_a_log_was_deleted_is_not_lost_in_silence() {
    for is_restarted in [false, true] {
        let mut bench = Bench::new(&["logs/*.log"]);
        fs::create_dir_all(bench.path("logs/old")).unwrap();
        bench.append("logs/p.log", &(long("1") + "\n"));
        bench.poll();
        fs::remove_file(bench.path("logs/p.log")).unwrap();
        bench.poll();
        bench.poll_after(HELD_IDLE);
        bench.poll();
        bench.lines();
        if is_restarted {
            bench.restart();
            bench.poll();
        }
        bench.append("logs/old/p-20261128.log", "2\n");
        bench.append("logs/p.log", "3\n");
        bench.poll();
        assert_eq!(numbers(&mut bench), ["2", "3"]);
        assert_eq!(bench.missing(), 1);
    }
}

#[test]
fn a_compressed_file_with_the_inode_of_one_that_was_deleted_is_no_trace_of_it() {
    let mut bench = Bench::new(&["*"]);
    bench.append("p.log", &(long("1") + "\n"));
    bench.poll();
    compress_to(&bench, "p.log", "p.log.1.gz");
    bench.append("p.log", "");
    bench.poll();
    bench.poll_after(HELD_IDLE);
    bench.poll();
    bench.lines();
    let known = fs::metadata(bench.path("p.log.1.gz")).unwrap();
    let known = bench.committed.remove(&identity_of(&known)).unwrap();
    fs::remove_file(bench.path("p.log.1.gz")).unwrap();
    // What was written to the log next went in its turn, and what came then has the inode.
    bench.append("next", &(long("3") + "\n"));
    compress_to(&bench, "next", "p.log.1.gz");
    fs::remove_file(bench.path("p.log")).unwrap();
    bench.append("p.log", "4\n");
    let identity = identity_of(&fs::metadata(bench.path("p.log.1.gz")).unwrap());
    let gone = Checkpoint {
        identity,
        path: label::gone(&bench.path("p.log")),
        ..known.clone()
    };
    // That of the compressed file, whose own inode nobody has.
    let deleted = FileIdentity {
        inode: u64::MAX,
        ..known.identity
    };
    let known = Checkpoint {
        identity: deleted,
        ..known
    };
    bench.committed.retain(|_, it| it.offset == 0);
    bench.committed.extend([(identity, gone), (deleted, known)]);
    bench.restart();
    bench.poll();
    let lines = bench.lines();
    assert_eq!(lines, [long("3").as_str(), "4"]);
    assert_eq!(bench.missing(), 1);
}
