//! Listings that go on where the last one ended: nothing is shown twice, and nothing is passed that an
//! end in time held back.

use super::*;
use fastrand::Rng;
use mcpr_store::query::GapRow;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const BASE: i64 = 1_795_224_000_000;

fn sequences(rows: &mut Rows, cursor: &Path, line: &str) -> (Vec<i64>, String) {
    let line = format!(
        "{line} --json --fields seq --cursor-file {}",
        cursor.display()
    );
    let (exit, out, err) = run_on(rows, &line);
    assert_eq!(exit, Exit::Done, "{line}: {err}");
    let seqs = out.lines().map(|row| {
        let row: serde_json::Value = serde_json::from_str(row).expect(row);
        row["seq"].as_i64().expect("a number")
    });
    (seqs.collect(), err)
}

fn at(seq: i64, offset: i64) -> Entry {
    let mut row = request(seq, "s", if seq % 3 == 0 { "echo" } else { "get-sum" });
    row.ts = BASE + offset;
    Entry::Request(Box::new(row))
}

fn gap_at(seq: i64, from: i64, to: i64) -> Entry {
    Entry::Gap(GapRow {
        seq,
        source: "-".into(),
        count: 1,
        from_ts: BASE + from,
        to_ts: BASE + to,
    })
}

fn file() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("cursor");
    (directory, path)
}

#[test]
fn what_an_end_in_time_held_back_comes_when_that_has_moved_on() {
    let (_directory, cursor) = file();
    let mut rows = Rows {
        entries: vec![
            at(1, 10),
            at(2, 50),
            at(3, 20),
            gap_at(4, 15, 60),
            gap_at(5, 55, 70),
        ],
        ..Rows::default()
    };
    let until = |offset: i64| format!("--until @{}", BASE + offset);
    let check = |rows: &mut Rows, line: &str, expected: &[i64]| {
        assert_eq!(sequences(rows, &cursor, line).0, expected, "{line}");
    };
    check(&mut rows, &until(30), &[1, 3, 4]);
    check(&mut rows, &until(30), &[]);
    rows.entries.extend([at(6, 29), at(7, 40)]);
    check(&mut rows, &until(35), &[6]);
    check(&mut rows, &until(51), &[2, 7]);
    rows.entries.push(at(8, 52));
    check(&mut rows, "", &[5, 8]);
    check(&mut rows, "", &[]);
    // What was all shown holds nothing back for an earlier end.
    rows.entries.push(at(9, 5));
    check(&mut rows, &until(30), &[9]);
}

#[test]
fn an_earlier_end_than_the_last_shows_nothing_and_says_so() {
    let (_directory, cursor) = file();
    let mut rows = Rows {
        entries: vec![at(1, 10), at(2, 50)],
        ..Rows::default()
    };
    let line = format!("--until @{}", BASE + 30);
    assert_eq!(sequences(&mut rows, &cursor, &line).0, [1]);
    rows.entries.push(at(3, 5));
    let (seqs, err) = sequences(&mut rows, &cursor, &format!("--until @{}", BASE + 20));
    assert!(
        seqs.is_empty() && err.contains("later --until"),
        "{seqs:?} {err}"
    );
    assert_eq!(sequences(&mut rows, &cursor, "").0, [2, 3]);
}

#[test]
fn every_row_comes_once_whatever_the_end_in_time_of_each_run() {
    let seed = mcpr_seed::seed();
    println!("seed {seed}");
    let mut random = Rng::with_seed(seed);
    for _ in 0..100 {
        let (_directory, cursor) = file();
        let filter = if random.bool() { "--tool echo" } else { "" };
        let mut rows = Rows::default();
        let mut shown = BTreeSet::new();
        let mut latest = 0;
        for _ in 0..random.usize(1..12) {
            grow(&mut random, &mut rows);
            let until = random.i64(0..120);
            let line = format!("{filter} --until @{}", BASE + until);
            for seq in sequences(&mut rows, &cursor, &line).0 {
                assert!(shown.insert(seq), "seed {seed}: {seq} comes twice");
            }
            latest = latest.max(until);
            if until == latest {
                let expected: BTreeSet<i64> = matching(&rows, filter, until);
                assert!(
                    shown.is_superset(&expected),
                    "seed {seed}: {expected:?} {shown:?}"
                );
            }
        }
        shown.extend(sequences(&mut rows, &cursor, filter).0);
        assert_eq!(
            shown,
            matching(&rows, filter, i64::MAX - BASE),
            "seed {seed}"
        );
    }
}

fn grow(random: &mut Rng, rows: &mut Rows) {
    for _ in 0..random.usize(0..6) {
        let seq = rows.entries.last().map_or(1, |last| last.seq() + 1);
        let ts = random.i64(0..120);
        rows.entries.push(if random.u8(..4) == 0 {
            gap_at(seq, ts, ts + random.i64(0..30))
        } else {
            at(seq, ts)
        });
    }
}

/// What there is to show of what happened before a time.
fn matching(rows: &Rows, filter: &str, until: i64) -> BTreeSet<i64> {
    let meets = |entry: &&Entry| match entry {
        Entry::Request(row) => {
            row.ts < BASE + until && (filter.is_empty() || row.tool.as_deref() == Some("echo"))
        }
        Entry::Gap(gap) => gap.from_ts < BASE + until,
    };
    rows.entries.iter().filter(meets).map(Entry::seq).collect()
}

#[test]
fn a_tail_counts_after_a_cursor_too() {
    let (_directory, cursor) = file();
    let mut rows = Rows {
        entries: (1..=5).map(|seq| at(seq, seq * 10)).collect(),
        ..Rows::default()
    };
    let check = |rows: &mut Rows, line: &str, expected: &[i64]| {
        assert_eq!(sequences(rows, &cursor, line).0, expected, "{line}");
    };
    check(&mut rows, &format!("--tail 1 --until @{}", BASE + 25), &[2]);
    rows.entries.extend([at(6, 15), at(7, 16)]);
    check(
        &mut rows,
        &format!("--tail 4 --until @{}", BASE + 45),
        &[3, 4, 6, 7],
    );
    rows.entries.push(at(8, 80));
    check(&mut rows, "--tail 1", &[8]);
    check(&mut rows, "", &[]);
    rows.entries.extend([at(9, 90), at(10, 91)]);
    check(&mut rows, "--reverse", &[10, 9]);
}

#[test]
fn history_that_is_gone_behind_the_cursor_is_reported_once() {
    let (_directory, cursor) = file();
    let mut rows = Rows {
        entries: vec![at(1, 10)],
        ..Rows::default()
    };
    let (seqs, err) = sequences(&mut rows, &cursor, "");
    assert_eq!(
        (seqs, err.as_str()),
        (vec![1], ""),
        "the first run goes on from nowhere"
    );
    rows.entries = vec![at(8, 3_600_000), at(9, 3_600_001)];
    rows.gone = 6;
    let (seqs, err) = sequences(&mut rows, &cursor, "");
    assert_eq!(seqs, [8, 9]);
    assert_eq!(
        err.trim_end(),
        "at least 6 requests behind 1 were removed; going on with number 8"
    );
    let (_, _, err) = run_on(&mut rows, "--after 1 --json");
    assert!(err.contains("at least 6 requests"), "{err}");
    rows.gone = 0;
    let (_, err) = sequences(&mut rows, &cursor, "");
    assert!(!err.contains("removed"), "{err}");
}
