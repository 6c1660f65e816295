//! One test for each thing that happens to log files, while a tailer runs and while none does.

use std::fs;
use std::os::unix::fs::symlink;

use super::{Bench, long};
use crate::{HELD_IDLE, LetGo, MAX_HELD, MAX_LINE_BYTES, Notice};

#[test]
fn a_file_that_grows_is_read_on() {
    let mut bench = Bench::new(&["app.log"]);
    bench.append("app.log", "1\n2\n");
    bench.poll();
    bench.append("app.log", "3\n");
    bench.poll();
    bench.restart();
    bench.append("app.log", "4\n");
    bench.poll();
    bench.expect(&["1", "2", "3", "4"]);
}

#[test]
fn a_line_without_its_newline_waits() {
    let mut bench = Bench::new(&["app.log"]);
    bench.append("app.log", "1\n2");
    bench.poll();
    bench.expect(&["1"]);
    bench.restart();
    bench.poll();
    bench.append("app.log", "2");
    bench.poll();
    bench.expect(&[]);
    bench.append("app.log", "2\r\n3");
    bench.poll();
    bench.expect(&["222"]);
}

#[test]
fn rename_and_create_reads_the_old_file_to_its_end_first() {
    let mut bench = Bench::new(&["app.log"]);
    bench.append("app.log", "1\n");
    bench.poll();
    bench.append("app.log", "2\n3");
    bench.rename("app.log", "app.log.1");
    bench.append("app.log", "5\n");
    bench.append("app.log.1", "3\n4\n");
    bench.poll();
    bench.expect(&["1", "2", "33", "4", "5"]);
    assert!(matches!(bench.notices[1], Notice::Rotated { .. }));
    bench.append("app.log.1", "late\n");
    bench.poll();
    bench.expect(&["late"]);
}

#[test]
fn rename_within_a_glob_is_not_read_twice() {
    let mut bench = Bench::new(&["app.log*"]);
    bench.append("app.log", "1\n2");
    bench.poll();
    for generation in 1..5 {
        for number in (1..generation).rev() {
            bench.rename(
                &format!("app.log.{number}"),
                &format!("app.log.{}", number + 1),
            );
        }
        bench.rename("app.log", "app.log.1");
        bench.append("app.log.1", "end\n");
        bench.append("app.log", &format!("{generation}\npart "));
        bench.poll();
    }
    bench.expect(&[
        "1", "2end", "1", "part end", "2", "part end", "3", "part end", "4",
    ]);
    bench.restart();
    bench.poll();
    bench.expect(&[]);
}

#[test]
fn rename_and_create_while_stopped_finds_the_rest_beside_it() {
    let mut bench = Bench::new(&["app.log"]);
    bench.append("app.log", "1\n2");
    bench.poll();
    bench.append("app.log", "2\n3\n");
    bench.rename("app.log", "app.log.1");
    bench.append("app.log", "4\n");
    bench.restart();
    bench.poll();
    bench.expect(&["1", "22", "3", "4"]);
    assert!(matches!(
        bench.notices.last(),
        Some(Notice::Recovered { .. })
    ));
}

#[test]
fn rotated_files_that_wait_at_the_start_are_read_oldest_first() {
    let mut bench = Bench::new(&["app.log*"]);
    bench.append("app.log.2", "1\n");
    bench.append("app.log.1", "2\n");
    bench.append("app.log", "3\n");
    bench.poll();
    bench.expect(&["1", "2", "3"]);
}

#[test]
fn copy_truncate_starts_over() {
    let mut bench = Bench::new(&["app.log"]);
    bench.append("app.log", "1\n2\n");
    bench.poll();
    bench.copy_truncate("app.log", "app.log.1");
    bench.poll();
    bench.append("app.log", "3\n");
    bench.poll();
    bench.expect(&["1", "2", "3"]);
    assert!(matches!(
        bench.notices[1],
        Notice::Truncated { offset: 4, .. }
    ));
}

#[test]
fn copy_truncate_does_not_lose_what_was_copied_before_it_was_read() {
    for source in ["app.log", "app.log*"] {
        let mut bench = Bench::new(&[source]);
        bench.append("app.log", &format!("{}\n2", long("1")));
        bench.poll();
        bench.append("app.log", "2\n3\n");
        bench.copy_truncate("app.log", "app.log.1");
        bench.append("app.log", "4\n");
        bench.poll();
        bench.expect(&[&long("1"), "22", "3", "4"]);
        bench.restart();
        bench.poll();
        bench.expect(&[]);
    }
}

#[test]
fn copy_truncate_while_stopped_goes_on_in_the_copy() {
    for source in ["app.log", "app.log*"] {
        let mut bench = Bench::new(&[source]);
        bench.append("app.log", &format!("{}\n2", long("1")));
        bench.poll();
        bench.append("app.log", "2\n3\n");
        bench.copy_truncate("app.log", "app.log.1");
        bench.append("app.log", "4\n");
        bench.restart();
        bench.poll();
        bench.expect(&[&long("1"), "22", "3", "4"]);
    }
}

#[test]
fn a_copy_is_not_read_while_its_original_is_there() {
    let mut bench = Bench::new(&["app.log*"]);
    bench.append("app.log", &format!("{}\n2\n", long("1")));
    bench.poll();
    fs::copy(bench.path("app.log"), bench.path("app.log.1")).unwrap();
    bench.poll();
    bench.append("app.log", "3\n");
    bench.restart();
    bench.poll();
    bench.expect(&[&long("1"), "2", "3"]);
    bench.append("app.log.1", "its own\n");
    bench.poll();
    bench.expect(&[&long("1"), "2", "its own"]);
}

#[test]
fn nuls_that_a_writer_leaves_after_copy_truncate_are_skipped() {
    let mut bench = Bench::new(&["app.log"]);
    bench.append("app.log", &"line\n".repeat(100));
    bench.poll();
    bench.lines();
    let size = fs::metadata(bench.path("app.log")).unwrap().len();
    fs::write(bench.path("app.log"), "").unwrap();
    let file = fs::OpenOptions::new()
        .write(true)
        .open(bench.path("app.log"));
    std::os::unix::fs::FileExt::write_all_at(&file.unwrap(), b"next\n", size).unwrap();
    bench.poll();
    assert_eq!(bench.pieces, ["nuls 0 500"]);
    bench.expect(&["next"]);
}

#[test]
fn nuls_that_are_filled_in_later_are_read() {
    let mut bench = Bench::new(&["app.log"]);
    bench.append("app.log", "1\n");
    let file = fs::OpenOptions::new()
        .write(true)
        .open(bench.path("app.log"))
        .unwrap();
    file.set_len(4096).unwrap();
    bench.poll();
    std::os::unix::fs::FileExt::write_all_at(&file, b"2\n3", 2).unwrap();
    bench.poll();
    std::os::unix::fs::FileExt::write_all_at(&file, b"3\n", 5).unwrap();
    bench.poll();
    bench.expect(&["1", "2", "33"]);
}

#[test]
fn a_file_that_shrinks_starts_over() {
    let mut bench = Bench::new(&["app.log"]);
    bench.append("app.log", "1\n2\n3\n");
    bench.poll();
    fs::write(bench.path("app.log"), "4\n").unwrap();
    bench.poll();
    bench.expect(&["1", "2", "3", "4"]);
}

#[test]
fn a_file_that_is_rewritten_to_the_same_size_or_more_starts_over() {
    let mut bench = Bench::new(&["app.log"]);
    bench.append("app.log", "1\n2\n3\n");
    bench.poll();
    fs::write(bench.path("app.log"), "4\n5\n6\n").unwrap();
    bench.poll();
    fs::write(bench.path("app.log"), "7\n8\n9\n10\n").unwrap();
    bench.poll();
    fs::write(bench.path("app.log"), "11\n12\n13\n14\n").unwrap();
    bench.restart();
    bench.poll();
    let expected = (1..=14).map(|n| n.to_string()).collect::<Vec<_>>();
    assert_eq!(bench.lines(), expected);
}

#[test]
fn an_unfinished_line_that_is_taken_back_is_read_again() {
    let mut bench = Bench::new(&["app.log"]);
    bench.append("app.log", "1\nwrong");
    bench.poll();
    let file = fs::OpenOptions::new()
        .write(true)
        .open(bench.path("app.log"));
    file.unwrap().set_len(2).unwrap();
    bench.append("app.log", "right, and longer than before\n");
    bench.poll();
    bench.expect(&["1", "right, and longer than before"]);
}

#[test]
fn a_symlink_that_is_switched_leads_to_the_new_file() {
    let mut bench = Bench::new(&["current"]);
    bench.append("a.log", "1\n");
    symlink(bench.path("a.log"), bench.path("current")).unwrap();
    bench.poll();
    bench.append("a.log", "2\n");
    bench.append("b.log", "3\n");
    fs::remove_file(bench.path("current")).unwrap();
    symlink(bench.path("b.log"), bench.path("current")).unwrap();
    bench.poll();
    bench.append("a.log", "late\n");
    bench.poll();
    bench.expect(&["1", "2", "3", "late"]);
}

#[test]
fn delete_and_recreate_reads_both() {
    let mut bench = Bench::new(&["app.log"]);
    bench.append("app.log", "1\n");
    bench.poll();
    bench.append("app.log", "2\n");
    fs::remove_file(bench.path("app.log")).unwrap();
    bench.append("app.log", "3\n");
    bench.poll();
    bench.expect(&["1", "2", "3"]);
}

#[test]
fn an_inode_that_is_used_again_is_another_file() {
    let mut bench = Bench::new(&["app.log"]);
    bench.append("app.log", "1\n2\n");
    bench.poll();
    // The same inode for certain: its contents are replaced while nobody looks.
    fs::write(bench.path("app.log"), "3\n4\n5\n").unwrap();
    bench.restart();
    bench.poll();
    bench.expect(&["1", "2", "3", "4", "5"]);
}

#[test]
fn a_file_that_moved_across_file_systems_keeps_its_place() {
    let mut bench = Bench::new(&["app.log"]);
    bench.append("app.log", &format!("{}\n2\n", long("1")));
    bench.poll();
    let text = fs::read(bench.path("app.log")).unwrap();
    fs::write(bench.path("copy"), text).unwrap();
    bench.rename("copy", "app.log");
    bench.append("app.log", "3\n");
    bench.restart();
    bench.poll();
    bench.expect(&[&long("1"), "2", "3"]);
}

#[test]
fn a_short_file_is_not_taken_for_one_that_is_gone() {
    let mut bench = Bench::new(&["app.log"]);
    bench.append("app.log", "start\n");
    bench.poll();
    bench.append("new", "start\nnext\n");
    bench.rename("new", "app.log");
    bench.restart();
    bench.poll();
    bench.expect(&["start", "start", "next"]);
}

#[test]
fn a_held_file_is_released_with_its_last_line() {
    let mut bench = Bench::new(&["app.log"]);
    bench.append("app.log", "1\n2");
    bench.poll();
    fs::remove_file(bench.path("app.log")).unwrap();
    bench.poll();
    bench.poll_after(HELD_IDLE / 2);
    bench.expect(&["1"]);
    bench.poll_after(HELD_IDLE / 2);
    bench.expect(&["2"]);
    let path = bench.path("app.log");
    assert!(
        bench
            .notices
            .contains(&Notice::Vanished { path: path.clone() })
    );
    assert!(bench.notices.contains(&Notice::Released {
        path,
        offset: 3,
        unfinished: 1,
        why: LetGo::NoWriter,
    }));
    assert_eq!(bench.committed.values().next().unwrap().offset, 3);
}

#[test]
fn only_so_many_files_are_held() {
    let mut bench = Bench::new(&["*.log"]);
    for number in 0..MAX_HELD + 10 {
        bench.append(&format!("{number}.log"), &format!("{number}"));
    }
    bench.poll();
    bench.expect(&[]);
    for number in 0..MAX_HELD + 10 {
        fs::remove_file(bench.path(&format!("{number}.log"))).unwrap();
    }
    bench.poll();
    assert_eq!(bench.lines().len(), 10);
}

#[test]
fn a_line_over_the_limit_is_skipped_whole() {
    let mut bench = Bench::new(&["app.log"]);
    bench.append("app.log", "1\n");
    bench.append("app.log", &"x".repeat(MAX_LINE_BYTES + 1));
    bench.poll();
    bench.restart();
    bench.append("app.log", "xx\n2\n");
    bench.poll();
    assert_eq!(
        bench.pieces,
        [format!("oversized 2 {}", MAX_LINE_BYTES + 3)]
    );
    bench.expect(&["1", "2"]);
}

#[test]
fn a_copy_keeps_its_place_when_its_original_is_read_before_it() {
    let mut bench = Bench::new(&["app.log*"]);
    bench.append("app.log", &format!("{}\n", long("1")));
    bench.poll();
    bench.copy_truncate("app.log", "app.log.1");
    bench.rename("app.log", "app.log.2");
    bench.append("app.log.2", "2\n");
    // The original is the older one, and but one chunk is taken before the next start.
    let old = fs::File::open(bench.path("app.log.2")).unwrap();
    old.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    bench.restart();
    bench.tailer.scan(bench.now);
    bench.read(1);
    bench.restart();
    bench.poll();
    bench.expect(&[&long("1"), "2"]);
}
