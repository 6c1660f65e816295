//! Logs whose files have names that say nothing of the log: what a link led to, and what multilog makes.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::{Bench, long};

/// Leads the link of a log to another file.
fn switch(bench: &Bench, to: &str) {
    let link = bench.path("current.log");
    // Replaced at once, as `ln -sfn` does.
    let next = bench.path("next");
    symlink(Path::new(to), &next).unwrap();
    fs::rename(next, link).unwrap();
}

/// Reads what stands behind a link, which is then switched twice between two looks.
fn switched_twice(sources: &[&str], is_running: bool) -> Bench {
    let mut bench = Bench::new(sources);
    bench.append("app-2026-11-27.log", "old\n");
    bench.append("app-2026-11-28.log", &(long("1") + "\n"));
    // Of another program, whose names have a date as well.
    bench.append("web-2026-11-29.log", "another's\n");
    switch(&bench, "app-2026-11-28.log");
    bench.poll();
    bench.lines();
    bench.append("app-2026-11-28.log", "2\n");
    bench.append("app-2026-11-29.log", "3\n");
    bench.append("app-2026-11-30.log", "4\n");
    switch(&bench, "app-2026-11-30.log");
    if !is_running {
        bench.restart();
    }
    bench.poll();
    bench
}

#[test]
fn the_file_between_two_switches_of_a_link_is_read() {
    for is_running in [false, true] {
        let mut bench = switched_twice(&["current.log"], is_running);
        assert_eq!(bench.lines(), ["2", "3", "4"], "{is_running}");
        assert_eq!(bench.missing(), 0, "{is_running}");
        bench.restart();
        bench.poll();
        bench.expect(&[]);
        bench.append("app-2026-11-30.log", "5\n");
        bench.poll();
        bench.expect(&["5"]);
    }
}

#[test]
fn files_that_a_source_leads_to_are_not_read_for_a_link_once_more() {
    for is_running in [false, true] {
        let mut bench = switched_twice(&["current.log", "app-*.log"], is_running);
        let mut lines = bench.lines();
        lines.sort();
        assert_eq!(lines, ["2", "3", "4"], "{is_running}");
        assert_eq!(bench.missing(), 0, "{is_running}");
    }
}

#[test]
fn the_file_between_two_rotations_by_multilog_is_read() {
    for labels in [
        ["@4000000065a1b2c3.s", "@4000000065a1b2d4.s"],
        ["@4000000065a1b2c300000001.s", "@4000000065a1b2c300000002.s"],
    ] {
        for is_running in [false, true] {
            let mut bench = Bench::new(&["current"]);
            bench.append("current", &(long("1") + "\n"));
            bench.poll();
            bench.lines();
            bench.append("current", "2\n");
            for (label, line) in labels.into_iter().zip(["3\n", "4\n"]) {
                bench.rename("current", label);
                bench.append("current", line);
            }
            if !is_running {
                bench.restart();
            }
            bench.poll();
            assert_eq!(bench.lines(), ["2", "3", "4"], "{labels:?} {is_running}");
            assert_eq!(bench.missing(), 0, "{labels:?} {is_running}");
            bench.restart();
            bench.poll();
            bench.expect(&[]);
        }
    }
}
