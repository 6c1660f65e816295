//! Many files: what following them costs, and what becomes of those that cannot be open at once.

use std::fs;
use std::time::Duration;

use super::Bench;
use crate::{LOOKS_PER_SCAN, Notice, Room};

/// Long enough for nothing to be expected of a file.
const A_WHILE: Duration = Duration::from_secs(3);

fn follow(count: usize) -> Bench {
    let mut bench = Bench::new(&["*.log"]);
    for number in 0..count {
        bench.append(&format!("{number}.log"), "1\n");
    }
    bench.poll();
    assert_eq!(bench.lines().len(), count);
    // Twice: once to see that nothing changes any more, once to see it of the last in turn.
    for _ in 0..2 * count.div_ceil(LOOKS_PER_SCAN) + 2 {
        bench.poll_after(A_WHILE);
    }
    bench
}

/// Looks at files and directories, and turns of files, that a scan and a reading take.
fn cost(bench: &mut Bench) -> (u64, u64) {
    let (looks, turns) = bench.tailer.steps();
    bench.poll_after(Duration::from_millis(250));
    let (looks_after, turns_after) = bench.tailer.steps();
    (looks_after - looks, turns_after - turns)
}

#[test]
fn idle_files_cost_a_bounded_number_of_looks_and_no_reads() {
    let mut bench = follow(3 * LOOKS_PER_SCAN);
    let (looks, turns) = cost(&mut bench);
    assert!(looks <= LOOKS_PER_SCAN as u64 + 8, "{looks} looks");
    assert_eq!(turns, 0);
}

#[test]
fn a_file_that_grows_after_a_long_while_is_read_in_its_turn_or_when_it_is_heard_of() {
    let mut bench = follow(3 * LOOKS_PER_SCAN);
    bench.append("17.log", "2\n");
    for _ in 0..3 {
        bench.poll_after(Duration::from_millis(250));
    }
    bench.expect(&["2"]);
    for _ in 0..8 {
        bench.poll_after(A_WHILE);
    }
    let names = [3, 1500, 2999].map(|number| format!("{number}.log"));
    for name in &names {
        bench.append(name, "3\n");
    }
    let heard = names.iter().map(|name| bench.path(name));
    let heard = heard.collect();
    bench.tailer.hint(heard);
    bench.poll();
    bench.expect(&["3", "3", "3"]);
}

#[test]
fn more_files_than_may_be_open_are_read_in_turn() {
    let mut bench = Bench::new(&["*.log"]);
    let room = Room {
        most: 16,
        takes_turns: true,
    };
    for number in 0..100 {
        bench.append(&format!("{number}.log"), &format!("{number}\n"));
    }
    bench.tailer.set_room(room);
    bench.poll();
    assert_eq!(bench.lines().len(), 100);
    for number in 0..100 {
        bench.append(&format!("{number}.log"), "more\n");
    }
    bench.poll_after(A_WHILE);
    assert_eq!(bench.lines(), vec!["more"; 100]);
    // Those that are closed are found under their new names.
    for number in 0..100 {
        bench.append(&format!("{number}.log"), "last\n");
        bench.rename(&format!("{number}.log"), &format!("{number}.log.1"));
        bench.append(&format!("{number}.log"), "first\n");
    }
    bench.poll_after(A_WHILE);
    let mut lines = bench.lines();
    lines.sort();
    assert_eq!(lines.len(), 200);
    assert_eq!((&*lines[99], &*lines[100]), ("first", "last"));
    assert_eq!(bench.missing(), 0);
    assert!(bench.tailer.unread() == 0, "{:?}", bench.notices);
}

#[test]
fn files_that_cannot_be_read_for_want_of_descriptors_are_reported() {
    let mut bench = Bench::new(&["*.log"]);
    for number in 0..10 {
        bench.append(&format!("{number}.log"), "1\n");
    }
    bench.tailer.set_room(Room {
        most: 4,
        takes_turns: false,
    });
    bench.poll();
    assert_eq!(bench.lines().len(), 4);
    assert_eq!(bench.tailer.unread(), 6);
    let is_reported = |notice: &&Notice| matches!(notice, Notice::Unreadable { .. });
    assert_eq!(bench.notices.iter().filter(is_reported).count(), 6);
}

#[test]
fn a_file_that_is_rewritten_while_it_is_closed_is_read_from_its_beginning() {
    let mut bench = Bench::new(&["*.log"]);
    for number in 0..40 {
        bench.append(&format!("{number}.log"), "1\n2\n");
    }
    bench.tailer.set_room(Room {
        most: 16,
        takes_turns: true,
    });
    bench.poll();
    bench.lines();
    for number in 0..40 {
        fs::write(bench.path(&format!("{number}.log")), "3\n4\n").unwrap();
    }
    bench.poll_after(A_WHILE);
    assert_eq!(bench.lines().len(), 80);
}
