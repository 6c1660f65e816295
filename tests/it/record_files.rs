//! `mcpr record` over files that are rotated, oddly named, too many or gone, and over named pipes.

use super::kill::line;
use super::program::{Home, signal, until};
use rustix::process::Signal;
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::process::Command;

#[test]
fn what_followed_in_a_rotated_file_that_is_gone_is_a_gap() {
    let home = Home::new();
    let log = home.write("p.log", line(1));
    let pattern = home.path("*.log");
    let once = ["record", "--once", pattern.to_str().unwrap()];
    home.succeed(&once);
    fs::remove_file(&log).unwrap();
    fs::write(&log, line(2)).unwrap();
    let output = home.command(&once).output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{err}");
    let offset = line(1).len();
    let shown = format!("p.log: what followed byte {offset} was not found");
    assert!(err.contains(&shown) && err.contains("1 gap"), "{err}");
    let logs = home.succeed(&["logs", "--tail", "all"]);
    assert!(logs.contains("what followed was not found"), "{logs}");
    let again = home.command(&once).output().unwrap();
    let err = String::from_utf8(again.stderr).unwrap();
    assert!(err.contains("0 gaps"), "{err}");
}

#[test]
fn once_that_could_not_read_every_file_ends_with_2() {
    let home = Home::new();
    for number in 0..60 {
        home.write(&format!("{number}.log"), line(number));
    }
    fs::write(home.path("packed.log"), b"\xfd7zXZ\0\0\0").unwrap();
    let pattern = home.path("*.log");
    let output = home
        .command(&["record", "--once", pattern.to_str().unwrap()])
        .output()
        .unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{err}");
    assert!(err.contains("is compressed with xz"), "{err}");
    assert!(err.contains("1 file could not be read"), "{err}");
    assert_eq!(home.rows(&[]).len(), 60, "the others are stored");
}

#[test]
fn once_with_a_low_limit_on_open_files_reads_all_or_ends_with_2() {
    for (limit, expected) in [("40", 2), ("48", 0), ("80", 0)] {
        let home = Home::new();
        for number in 0..120 {
            home.write(&format!("{number}.log"), line(number));
        }
        let program = home.command(&[]).get_program().to_owned();
        let script = format!("ulimit -n {limit}; exec \"$0\" record --once \"$1\"");
        let mut command = Command::new("sh");
        let command = command.args(["-c", &script]).arg(program);
        let command = command.arg(home.path("*.log"));
        for (name, value) in home.command(&[]).get_envs() {
            if let Some(value) = value {
                command.env(name, value);
            }
        }
        let output = command.output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(expected), "{err}");
        let rows = home.rows(&[]).len();
        assert_eq!(rows == 120, expected == 0, "{rows} rows: {err}");
    }
}

#[test]
fn a_file_whose_name_is_no_utf8_is_recorded_by_a_glob_and_by_name() {
    let home = Home::new();
    let odd = home
        .path("x")
        .with_file_name(OsStr::from_bytes(b"x\xff.log"));
    fs::write(&odd, line(1)).unwrap();
    let output = home
        .command(&["record", "--once"])
        .arg(home.path("*.log"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    fs::write(&odd, line(1) + &line(2)).unwrap();
    let output = home.command(&["record", "--once"]).arg(&odd).output();
    assert_eq!(output.unwrap().status.code(), Some(0));
    assert_eq!(home.rows(&[]).len(), 2);
}

#[test]
fn a_named_pipe_is_read_from_one_writer_after_the_other() {
    let home = Home::new();
    let pipe = home.path("p.pipe");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let child = home
        .command(&["record", pipe.to_str().unwrap()])
        .spawn()
        .unwrap();
    for number in 1..4 {
        let mut writer = fs::OpenOptions::new().write(true).open(&pipe).unwrap();
        writer
            .write_all(line(number).trim_end().as_bytes())
            .unwrap();
        drop(writer);
        until("the line is stored", || {
            home.rows_or_none().len() == usize::try_from(number).unwrap()
        });
    }
    signal(&child, Signal::TERM);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(err.contains("3 stored") && err.contains("0 gaps"), "{err}");
}

#[test]
fn a_renamed_file_is_read_while_its_program_has_it_open() {
    let home = Home::new();
    let log = home.write("everything.log", line(0));
    let mut program = fs::OpenOptions::new().append(true).open(&log).unwrap();
    let child = home
        .command(&["record", home.path("*.log").to_str().unwrap()])
        .spawn()
        .unwrap();
    until("the first line is stored", || {
        home.rows_or_none().len() == 1
    });
    fs::rename(&log, home.path("everything.log.1")).unwrap();
    fs::write(&log, line(1)).unwrap();
    until("the new file is read", || home.rows_or_none().len() == 2);
    program.write_all(line(2).as_bytes()).unwrap();
    until("the old file is read", || home.rows_or_none().len() == 3);
    signal(&child, Signal::TERM);
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(0));
}
