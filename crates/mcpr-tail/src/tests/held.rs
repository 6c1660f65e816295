//! Files that no path leads to any more: how long they are read.

use std::fs;
use std::time::Duration;

use super::{Bench, all_written, unseen_writers};
use crate::{HELD_DELETED, HELD_IDLE, HELD_UNSEEN, LetGo, MAX_HELD, Notice};

fn released(bench: &Bench) -> Vec<LetGo> {
    let why = bench.notices.iter().filter_map(|notice| match notice {
        Notice::Released { why, .. } => Some(*why),
        _ => None,
    });
    why.collect()
}

/// A log that was renamed, and one in its place.
fn renamed() -> Bench {
    let mut bench = Bench::new(&["*.log"]);
    bench.append("app.log", "1\n");
    bench.poll();
    bench.rename("app.log", "app.log.1");
    bench.append("app.log", "2\n");
    bench.poll();
    bench.expect(&["1", "2"]);
    bench
}

#[test]
fn a_renamed_file_is_read_as_long_as_somebody_has_it_open() {
    let mut bench = renamed();
    bench.ask = all_written;
    bench.tailer.set_writers(all_written);
    for number in 0..5 {
        bench.poll_after(HELD_UNSEEN);
        bench.append("app.log.1", &format!("late {number}\n"));
        bench.poll();
    }
    bench.expect(&["late 0", "late 1", "late 2", "late 3", "late 4"]);
    assert!(released(&bench).is_empty());
    bench.tailer.set_writers(super::no_writers);
    bench.poll_after(HELD_IDLE);
    assert_eq!(released(&bench), [LetGo::NoWriter]);
}

#[test]
fn a_renamed_file_whose_writers_cannot_be_seen_is_read_as_long_as_it_grows() {
    let mut bench = renamed();
    bench.tailer.set_writers(unseen_writers);
    for _ in 0..20 {
        bench.poll_after(HELD_UNSEEN / 2);
        bench.append("app.log.1", "late\n");
        bench.poll();
    }
    assert_eq!(bench.lines().len(), 20);
    assert!(released(&bench).is_empty());
    bench.poll_after(HELD_UNSEEN.saturating_sub(Duration::from_millis(1)));
    assert!(released(&bench).is_empty());
    bench.poll_after(HELD_IDLE);
    assert_eq!(released(&bench), [LetGo::Idle(HELD_UNSEEN)]);
}

#[test]
fn a_deleted_file_is_not_kept_from_the_disk_for_so_long() {
    let mut bench = renamed();
    bench.tailer.set_writers(unseen_writers);
    fs::remove_file(bench.path("app.log.1")).unwrap();
    bench.poll_after(HELD_DELETED.saturating_sub(Duration::from_millis(1)));
    assert!(released(&bench).is_empty());
    bench.poll_after(HELD_IDLE);
    assert_eq!(released(&bench), [LetGo::Idle(HELD_DELETED)]);
}

#[test]
fn the_files_that_are_longest_idle_go_first_where_too_many_are_held() {
    let mut bench = Bench::new(&["*.log"]);
    bench.tailer.set_writers(all_written);
    for number in 0..=MAX_HELD {
        bench.append(&format!("{number}.log"), "1\n");
    }
    bench.poll();
    for number in 0..=MAX_HELD {
        bench.rename(&format!("{number}.log"), &format!("{number}.old"));
    }
    bench.tailer.scan(bench.now);
    bench.notices.clear();
    bench.lines();
    for number in (0..=MAX_HELD).filter(|number| *number != 500) {
        bench.append(&format!("{number}.old"), "2\n");
    }
    bench.now += Duration::from_secs(1);
    while bench.read(usize::MAX) {}
    bench.poll();
    assert_eq!(bench.lines().len(), MAX_HELD);
    assert_eq!(released(&bench), [LetGo::TooMany]);
}

#[test]
fn what_is_written_to_a_renamed_file_while_stopped_is_read() {
    let mut bench = renamed();
    bench.restart();
    bench.append("app.log.1", "3\n");
    bench.restart();
    bench.poll();
    bench.expect(&["3"]);
    bench.poll_after(HELD_IDLE);
    bench.append("app.log.1", "4\n");
    bench.restart();
    bench.poll();
    bench.expect(&["4"]);
    assert_eq!(bench.missing(), 0);
}
