//! Logs whose rotated files are counted within their names, or have a date before them.

use std::fs;
use std::time::{Duration, SystemTime};

use super::stopped::compress_to;
use super::{Bench, long};

/// So much of a log that it is not taken for another one that begins alike.
fn much(name: &str) -> String {
    (0..20)
        .map(|at| long(&format!("{name}.{at}")) + "\n")
        .collect()
}

/// A bench of some sources that has read a log of this name.
fn begun(sources: &[&str], log: &str) -> Bench {
    let mut bench = Bench::new(sources);
    bench.append(log, &much("1"));
    bench.poll();
    bench.lines();
    bench.append(log, "2\n");
    bench
}

/// Rotates a log twice, to two names, the second of which comes later.
fn rotate_twice(bench: &mut Bench, log: &str, [first, second]: [&str; 2], is_compressed: bool) {
    for (age, name, line) in [(2, first, "3\n"), (1, second, "4\n")] {
        // Apart, however coarse the times of the file system are.
        let modified = SystemTime::now() - Duration::from_mins(age);
        let file = fs::File::open(bench.path(log)).unwrap();
        file.set_modified(modified).unwrap();
        bench.rename(log, name);
        if is_compressed {
            compress_to(bench, name, &format!("{name}.gz"));
        }
        bench.append(log, line);
    }
}

const STYLES: [(&str, [&str; 2]); 4] = [
    ("p.log", ["2026-11-28-p.log", "2026-11-29-p.log"]),
    ("p.log", ["p2.log", "p1.log"]),
    ("p.log", ["p1.log", "p2.log"]),
    ("p1.log", ["p3.log", "p2.log"]),
];

#[test]
fn the_middle_file_of_two_rotations_is_read_where_a_name_has_its_date_or_number_before_the_end() {
    for (log, names) in STYLES {
        for is_compressed in [false, true] {
            for sources in [[log], ["*.log"]] {
                for is_running in [false, true] {
                    let mut bench = begun(&sources, log);
                    rotate_twice(&mut bench, log, names, is_compressed);
                    if !is_running {
                        bench.restart();
                    }
                    bench.poll();
                    let what = format!("{sources:?} {names:?} {is_compressed} {is_running}");
                    assert_eq!(bench.lines(), ["2", "3", "4"], "{what}");
                    assert_eq!(bench.missing(), 0, "{what}");
                    bench.restart();
                    bench.poll();
                    bench.expect(&[]);
                }
            }
        }
    }
}

#[test]
fn numbered_logs_of_programs_of_their_own_are_neither_mixed_up_nor_reported_as_gaps() {
    for sources in [["p1.log"], ["*.log"]] {
        for is_read in [false, true] {
            let mut bench = Bench::new(&sources);
            // They begin alike, as logs of one kind of program do.
            let header = long("header") + "\n";
            for name in ["p1.log", "p2.log", "p3.log"] {
                bench.append(name, &header);
            }
            bench.poll();
            let mut own = 1;
            if is_read {
                bench.append("p1.log", &much("a"));
                bench.poll();
            }
            bench.lines();
            bench.append("p1.log", "b\n");
            bench.rename("p1.log", "p1.log.1");
            bench.append("p1.log", &format!("{header}c\n"));
            for name in ["p2.log", "p3.log", "p4.log"] {
                bench.append(name, "another's\n");
                own += usize::from(sources == ["*.log"]);
            }
            bench.restart();
            bench.poll();
            let lines = bench.lines();
            let others = lines.iter().filter(|line| *line == "another's").count();
            assert_eq!(others, own - 1, "{sources:?}");
            assert_eq!(lines.len() - others, 3, "b, the header and c: {lines:?}");
            assert_eq!(bench.missing(), 0);
        }
    }
}

#[test]
fn a_numbered_log_that_is_deleted_does_not_go_on_in_its_neighbours() {
    let mut bench = Bench::new(&["p1.log"]);
    for name in ["p1.log", "p2.log", "p3.log"] {
        bench.append(name, &(long("header") + "\n"));
    }
    bench.poll();
    bench.lines();
    fs::remove_file(bench.path("p1.log")).unwrap();
    bench.append("p2.log", "another's\n");
    bench.append("p1.log", "c\n");
    bench.restart();
    bench.poll();
    bench.expect(&["c"]);
    assert_eq!(bench.missing(), 1);
}

#[test]
fn a_short_log_that_is_copied_to_a_numbered_name_and_truncated_is_read_to_its_end() {
    for is_compressed in [false, true] {
        let mut bench = Bench::new(&["p.log"]);
        bench.append("p.log", &(long("1") + "\n"));
        bench.poll();
        bench.append("p.log", "2\n");
        bench.copy_truncate("p.log", "p1.log");
        if is_compressed {
            compress_to(&bench, "p1.log", "p1.log.gz");
        }
        bench.append("p.log", "3\n");
        bench.poll();
        bench.expect(&[&long("1"), "2", "3"]);
        assert_eq!(bench.missing(), 0);
    }
}

#[test]
fn a_short_log_whose_copy_has_a_number_in_its_name_is_a_gap_where_nobody_saw_the_copy_come() {
    let mut bench = Bench::new(&["p.log"]);
    bench.append("p.log", &(long("1") + "\n"));
    bench.poll();
    bench.append("p.log", "2\n");
    bench.copy_truncate("p.log", "p1.log");
    bench.append("p.log", "3\n");
    bench.restart();
    bench.poll();
    bench.expect(&[&long("1"), "3"]);
    assert_eq!(bench.missing(), 1);
    bench.restart();
    bench.poll();
    assert_eq!(bench.missing(), 1, "reported once");
}

/// Moves a log through numbered names until the file that was read last is deleted; gives the gaps.
fn gaps_of_numbered_neighbours(are_there_before: bool) -> usize {
    let mut bench = Bench::new(&["p.log"]);
    let write = |bench: &Bench| {
        for name in ["p1.log", "p2.log"] {
            bench.append(name, "another's\n");
        }
    };
    if are_there_before {
        write(&bench);
    }
    bench.append("p.log", &(long("1") + "\n"));
    bench.poll();
    fs::remove_file(bench.path("p.log")).unwrap();
    write(&bench);
    bench.append("p.log", "4\n");
    bench.poll();
    bench.expect(&[&long("1"), "4"]);
    bench.missing()
}

#[test]
fn numbered_files_that_came_where_a_log_was_deleted_may_be_its_own_and_are_a_gap() {
    assert_eq!(gaps_of_numbered_neighbours(false), 1);
}

#[test]
fn numbered_files_that_were_there_before_are_no_gap() {
    assert_eq!(gaps_of_numbered_neighbours(true), 0);
}
