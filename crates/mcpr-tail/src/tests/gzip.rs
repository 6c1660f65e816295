//! Rotated files that were compressed.

use std::fs::{self, File, OpenOptions};
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::{Bench, long};
use crate::{Begin, HELD_IDLE, Notice, identity_of};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// What `gzip NAME` does.
fn compress(bench: &Bench, name: &str) {
    let bytes = fs::read(bench.path(name)).unwrap();
    fs::write(bench.path(&format!("{name}.gz")), gzip(&bytes)).unwrap();
    fs::remove_file(bench.path(name)).unwrap();
}

#[test]
fn a_compressed_file_is_read_from_its_beginning_once() {
    let mut bench = Bench::new(&["app.log*"]);
    bench.append("app.log.1", &format!("{}\n2\nlast", long("1")));
    compress(&bench, "app.log.1");
    bench.poll();
    bench.expect(&[&long("1"), "2", "last"]);
    bench.poll_after(HELD_IDLE);
    bench.restart();
    bench.poll();
    bench.expect(&[]);
}

#[test]
fn a_file_compressed_while_it_is_tailed_is_not_read_again() {
    let mut bench = Bench::new(&["app.log*"]);
    bench.append("app.log", &format!("{}\n2\n", long("1")));
    bench.poll();
    bench.append("app.log", "3\n");
    bench.rename("app.log", "app.log.1");
    bench.append("app.log", "4\n");
    compress(&bench, "app.log.1");
    bench.poll();
    bench.poll_after(HELD_IDLE);
    bench.expect(&[&long("1"), "2", "3", "4"]);
    // The inode of what was compressed may be another file's by now, and its checkpoint with it.
    let there = ["app.log", "app.log.1.gz"].map(|name| fs::metadata(bench.path(name)).unwrap());
    let there = there.map(|metadata| identity_of(&metadata));
    bench
        .committed
        .retain(|identity, _| there.contains(identity));
    bench.restart();
    bench.poll();
    bench.expect(&[]);
}

#[test]
fn a_file_compressed_while_stopped_is_read_on_before_what_follows_it() {
    let mut bench = Bench::new(&["app.log*"]);
    bench.append("app.log", &format!("{}\n2", long("1")));
    bench.poll();
    bench.append("app.log", &"2\n3\n".repeat(100_000));
    bench.rename("app.log", "app.log.1");
    compress(&bench, "app.log.1");
    bench.append("app.log", "4\n");
    bench.restart();
    bench.poll();
    let lines = bench.lines();
    assert_eq!(lines.len(), 200_002);
    assert_eq!(lines[..4], [long("1"), "22".into(), "3".into(), "2".into()]);
    assert_eq!(lines[200_001], "4");
}

#[test]
fn a_compressed_file_that_is_still_written_is_read_to_its_end_later() {
    let mut bench = Bench::new(&["*.gz"]);
    let text = (0..20_000).map(|n| format!("{n} {}\n", n * 7919));
    let compressed = gzip(text.collect::<String>().as_bytes());
    let (begin, rest) = compressed.split_at(compressed.len() / 2);
    fs::write(bench.path("a.gz"), begin).unwrap();
    bench.poll();
    let before = bench.lines.len();
    assert!((1..20_000).contains(&before));
    bench.poll();
    assert!(matches!(
        bench.notices.last(),
        Some(Notice::Unreadable { .. })
    ));
    let file = OpenOptions::new().append(true).open(bench.path("a.gz"));
    file.unwrap().write_all(rest).unwrap();
    bench.poll();
    let lines = bench.lines();
    assert_eq!(lines.len(), 20_000);
    assert!(
        lines
            .iter()
            .enumerate()
            .all(|(n, line)| *line == format!("{n} {}", n * 7919))
    );
}

#[test]
fn a_chunk_of_a_compressed_file_that_is_not_taken_comes_again() {
    let mut bench = Bench::new(&["*.gz"]);
    let expected = (0..100_000).map(|n| n.to_string()).collect::<Vec<_>>();
    let text = expected.join("\n") + "\n";
    fs::write(bench.path("a.gz"), gzip(text.as_bytes())).unwrap();
    bench.tailer.scan(bench.now);
    for _ in 0..10 {
        bench.read(1);
        bench.read(0);
    }
    bench.restart();
    bench.poll();
    assert!(bench.lines() == expected);
}

#[test]
fn damaged_data_is_reported_once() {
    let mut bench = Bench::new(&["*.gz"]);
    let mut compressed = gzip("line\n".repeat(1000).as_bytes());
    let middle = compressed.len() / 2;
    compressed[middle] ^= 0xff;
    fs::write(bench.path("a.gz"), compressed).unwrap();
    bench.poll();
    bench.poll();
    assert_eq!(unreadable(&bench).len(), 1);
}

#[test]
fn a_file_that_cannot_be_decompressed_counts_as_unread_until_it_can() {
    let whole = gzip("line\n".repeat(1000).as_bytes());
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 0xff;
    for bad in [&damaged[..], &whole[..whole.len() - 1]] {
        let mut bench = Bench::new(&["*.gz"]);
        fs::write(bench.path("a.gz"), bad).unwrap();
        for _ in 0..5 {
            bench.poll_after(HELD_IDLE);
        }
        assert_eq!((bench.tailer.unread(), unreadable(&bench).len()), (1, 1));
        bench.rename("a.gz", "b.gz");
        bench.poll();
        assert_eq!((bench.tailer.unread(), unreadable(&bench).len()), (1, 1));
        fs::write(bench.path("b.gz"), &whole).unwrap();
        bench.poll_after(HELD_IDLE);
        bench.poll();
        assert_eq!(bench.tailer.unread(), 0);
    }
}

#[test]
fn a_damaged_rotated_file_counts_as_unread_after_it_was_let_go() {
    let mut bench = Bench::new(&["app.log"]);
    bench.append("app.log", &(long("1") + "\n"));
    bench.poll();
    let text = fs::read(bench.path("app.log")).unwrap();
    let mut compressed = gzip(&[text, "2\n".repeat(1000).into()].concat());
    let checksum = compressed.len() - 8;
    compressed[checksum] ^= 1;
    fs::remove_file(bench.path("app.log")).unwrap();
    fs::write(bench.path("app.log.1.gz"), compressed).unwrap();
    bench.append("app.log", "3\n");
    bench.restart();
    for _ in 0..5 {
        bench.poll_after(HELD_IDLE);
    }
    assert_eq!((bench.tailer.unread(), unreadable(&bench).len()), (1, 1));
    let open = bench.tailer.places().count();
    assert_eq!(open, 1, "what cannot be read is not held for ever");
}

#[test]
fn a_wrong_checksum_is_reported() {
    for name in ["a.gz", "app.log.1"] {
        let mut bench = Bench::new(&["*"]);
        let mut compressed = gzip("line\n".repeat(1000).as_bytes());
        let checksum = compressed.len() - 8;
        compressed[checksum] ^= 1;
        fs::write(bench.path(name), compressed).unwrap();
        bench.poll();
        let Some(Notice::Unreadable { error, .. }) = bench.notices.last() else {
            panic!("{:?}", bench.notices);
        };
        assert!(error.contains("checksum"), "{error}");
        assert_eq!(bench.tailer.unread(), 1);
    }
}

#[test]
fn a_file_that_decompresses_to_far_too_much_is_left() {
    let mut bench = Bench::new(&["*.gz"]);
    let file = File::create(bench.path("bomb.gz")).unwrap();
    let mut encoder = GzEncoder::new(file, Compression::best());
    for _ in 0..100 {
        encoder.write_all(&vec![b'x'; 1 << 20]).unwrap();
    }
    encoder.finish().unwrap();
    bench.poll();
    let Some(Notice::Unreadable { error, .. }) = bench.notices.last() else {
        panic!("{:?}", bench.notices);
    };
    assert_eq!(error, "decompresses to too much");
}

#[test]
fn begin_at_the_end_leaves_compressed_files() {
    let mut bench = Bench::new(&["*"]);
    bench.append("app.log.1", "old\n");
    compress(&bench, "app.log.1");
    bench.begin = Begin::End;
    bench.restart();
    bench.poll();
    bench.append("app.log", "1\n");
    bench.poll();
    bench.expect(&["1"]);
}

#[test]
fn what_gzip_passes_over_behind_the_data_is_no_fault() {
    for padding in [1, 8, 511, 100_000] {
        let mut bench = Bench::new(&["*.gz"]);
        let mut compressed = gzip(b"1\n");
        compressed.extend(gzip(b"2\n"));
        compressed.resize(compressed.len() + padding, 0);
        fs::write(bench.path("a.gz"), compressed).unwrap();
        bench.poll();
        bench.poll();
        bench.expect(&["1", "2"]);
        assert_eq!(unreadable(&bench), Vec::<String>::new(), "{padding}");
        assert_eq!(bench.tailer.unread(), 0, "{padding}");
        bench.restart();
        bench.poll();
        bench.expect(&[]);
    }
}

#[test]
fn what_follows_the_data_and_is_none_is_reported_behind_it() {
    let padded = [vec![0; 600], gzip(b"hidden\n")].concat();
    for garbage in [&b"garbage"[..], b"\x1fgarbage of some length", &padded] {
        let mut bench = Bench::new(&["*.gz"]);
        fs::write(bench.path("a.gz"), [&gzip(b"1\n"), garbage].concat()).unwrap();
        bench.poll();
        assert_eq!(bench.tailer.unread(), 1);
        bench.poll();
        bench.expect(&["1"]);
        assert_eq!(unreadable(&bench).len(), 1, "{garbage:?}");
    }
}

#[test]
fn nothing_of_an_empty_compressed_file_is_unread() {
    let mut bench = Bench::new(&["*.gz"]);
    fs::write(bench.path("a.gz"), "").unwrap();
    bench.poll();
    bench.poll();
    assert_eq!(unreadable(&bench), Vec::<String>::new());
    assert_eq!(bench.tailer.unread(), 0);
    fs::write(bench.path("a.gz"), gzip(b"1\n")).unwrap();
    bench.poll();
    bench.expect(&["1"]);
}

#[test]
fn a_file_is_not_read_again_whose_compressed_one_was_seen_while_it_was_made() {
    let text = (0..20_000).map(|n| format!("{n} {}\n", n * 7919));
    let text = text.collect::<String>();
    let compressed = gzip(text.as_bytes());
    for seen in [0, 5, 10, 200, compressed.len() / 2, compressed.len() - 4] {
        for is_restarted in [false, true] {
            let mut bench = Bench::new(&["app.log*"]);
            bench.append("app.log.1", &text);
            bench.poll();
            assert_eq!(bench.lines().len(), 20_000);
            fs::write(bench.path("app.log.1.gz"), &compressed[..seen]).unwrap();
            bench.poll();
            bench.poll();
            bench.expect(&[]);
            if is_restarted {
                bench.restart();
                bench.poll();
            }
            let file = OpenOptions::new()
                .append(true)
                .open(bench.path("app.log.1.gz"));
            file.unwrap().write_all(&compressed[seen..]).unwrap();
            fs::remove_file(bench.path("app.log.1")).unwrap();
            bench.poll();
            bench.poll_after(HELD_IDLE);
            assert_eq!(bench.lines().len(), 0, "{seen} {is_restarted}");
            assert_eq!(bench.missing(), 0);
        }
    }
}

fn unreadable(bench: &Bench) -> Vec<String> {
    let errors = bench.notices.iter().filter_map(|notice| match notice {
        Notice::Unreadable { error, .. } => Some(error.clone()),
        _ => None,
    });
    errors.collect()
}

#[test]
fn a_compressed_copy_of_a_log_that_is_still_written_is_not_read_beside_it() {
    for is_running in [false, true] {
        let mut bench = Bench::new(&["*"]);
        bench.append("p.log", &(long("1") + "\n"));
        bench.poll();
        // What `gzip -k` does, with a line that nobody has read so far.
        bench.append("p.log", "2\n");
        fs::copy(bench.path("p.log"), bench.path("copy")).unwrap();
        super::stopped::compress_to(&bench, "copy", "p.log.gz");
        bench.append("p.log", "3\n");
        if !is_running {
            bench.restart();
        }
        bench.poll();
        bench.append("p.log", "4\n");
        bench.poll();
        bench.restart();
        bench.poll();
        let mut lines = bench.lines();
        lines.sort();
        assert_eq!(lines[1..], ["2", "3", "4"], "{is_running}: {lines:?}");
        assert_eq!((lines.len(), bench.missing()), (4, 0), "{is_running}");
    }
}

#[test]
fn a_log_and_its_compressed_copy_that_are_found_together_are_read_once() {
    for is_whole_line in [true, false] {
        let mut bench = Bench::new(&["*"]);
        let end = if is_whole_line { "\n" } else { "" };
        bench.append("p.log", &(long("1") + "\n2" + end));
        fs::copy(bench.path("p.log"), bench.path("copy")).unwrap();
        super::stopped::compress_to(&bench, "copy", "p.log.gz");
        bench.poll();
        bench.poll();
        bench.restart();
        bench.poll();
        bench.append("p.log", if is_whole_line { "3\n" } else { "\n3\n" });
        bench.poll();
        bench.expect(&[&long("1"), "2", "3"]);
        assert_eq!(bench.missing(), 0);
    }
}

#[test]
fn what_was_unread_of_a_log_is_read_in_its_compressed_copy_once_the_log_is_truncated() {
    let mut bench = Bench::new(&["*"]);
    bench.append("p.log", &(long("1") + "\n"));
    bench.poll();
    bench.append("p.log", "2\n");
    fs::copy(bench.path("p.log"), bench.path("copy")).unwrap();
    super::stopped::compress_to(&bench, "copy", "p.log.gz");
    bench.restart();
    // The copy had its look; of the log itself nothing more was taken.
    bench.tailer.scan(bench.now);
    bench.read(0);
    fs::write(bench.path("p.log"), "3\n").unwrap();
    bench.poll();
    bench.restart();
    bench.poll();
    let mut lines = bench.lines();
    lines.sort();
    assert_eq!(lines, [long("1"), "2".into(), "3".into()]);
    assert_eq!(bench.missing(), 0);
}

#[test]
fn a_member_as_long_as_what_was_read_is_read_too() {
    let mut bench = Bench::new(&["*.gz"]);
    let (first, second) = (long("1") + "\n", long("2") + "\n");
    fs::write(bench.path("a.gz"), gzip(first.as_bytes())).unwrap();
    bench.poll();
    bench.poll();
    // What `cat b.gz >>a.gz` does, while nobody looks.
    let file = OpenOptions::new().append(true).open(bench.path("a.gz"));
    file.unwrap().write_all(&gzip(second.as_bytes())).unwrap();
    bench.restart();
    bench.poll();
    bench.expect(&[&long("1"), &long("2")]);
}

#[test]
fn a_file_of_several_members_is_not_decompressed_at_each_start() {
    let mut bench = Bench::new(&["*.gz"]);
    let text = (long("1") + "\n").repeat(100_000);
    let member = gzip(text.as_bytes());
    fs::write(bench.path("a.gz"), [&member[..], &member].concat()).unwrap();
    bench.poll();
    bench.finish();
    assert_eq!(bench.lines().len(), 200_000);
    bench.restart();
    bench.poll();
    bench.expect(&[]);
    assert!(bench.tailer.steps().1 < 5, "{:?}", bench.tailer.steps());
}
