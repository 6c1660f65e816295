//! `mcpr store verify` against damage of every sort, and what a recorder says of it.

use super::program::{Home, capture, signal, until};
use rustix::process::Signal;
use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

fn recorded() -> Home {
    let home = Home::new();
    home.record(&[
        &capture("mcpr-0.5.44/weather.stderr.log"),
        &capture("mcpr-0.4.64/proxy.log"),
    ]);
    home
}

#[test]
fn a_whole_store_passes_both_checks() {
    let home = recorded();
    for arguments in [&["store", "verify"][..], &["store", "verify", "--full"]] {
        let out = home.succeed(arguments);
        assert!(out.starts_with("no damage found: 364 requests in"), "{out}");
    }
}

#[test]
fn damage_is_found_and_nothing_panics() {
    let home = recorded();
    let whole = fs::read(home.store()).unwrap();
    let seed = mcpr_seed::seed();
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let verify = |bytes: &[u8]| {
        let path = home.write("damaged.db", bytes);
        let ran = home.run(&["store", "verify", "--full", "--db", path.to_str().unwrap()]);
        assert!(matches!(ran.code, Some(0..=2)), "seed {seed}: {ran:?}");
        assert!(!ran.err.contains("panicked"), "seed {seed}: {ran:?}");
        ran.code != Some(0)
    };
    for page in 1..whole.len() / 4096 {
        let mut bytes = whole.clone();
        if bytes[page * 4096..][..4096].iter().all(|&byte| byte == 0) {
            continue;
        }
        bytes[page * 4096..][..4096].fill(0);
        // An empty page at the right place may be one that was free.
        verify(&bytes);
    }
    assert!(verify(&whole[..whole.len() / 2]), "half a store");
    // Every value of a request is covered: flip one bit of a recorded id.
    let store = rusqlite::Connection::open(home.store()).unwrap();
    let ids: Vec<Vec<u8>> = store
        .prepare("SELECT request_id FROM requests WHERE typeof(request_id) = 'blob'")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    for id in random.choose_multiple(&ids, 25) {
        let mut bytes = whole.clone();
        // A page that was split keeps a dead copy of what moved: every copy is changed.
        let (offset, bit) = (random.usize(..16), 1 << random.u8(..8));
        for at in 0..bytes.len() - 16 {
            if whole[at..at + 16] == id[..] {
                bytes[at + offset] ^= bit;
            }
        }
        assert!(
            verify(&bytes),
            "seed {seed}: a flipped bit of {id:x?} went unnoticed"
        );
    }
}

#[test]
fn a_changed_row_is_damage_and_reported_where_it_is_shown() {
    let home = recorded();
    let check = |sql: &str, table: &str, shown_by: &str| {
        let path = home.write("changed.db", fs::read(home.store()).unwrap());
        let store = rusqlite::Connection::open(&path).unwrap();
        assert!(store.execute(sql, []).unwrap() > 0, "{sql}");
        drop(store);
        let ran = home.run(&["store", "verify", "--db", path.to_str().unwrap()]);
        assert_eq!(ran.code, Some(1), "{sql}: {ran:?}");
        let shown = ran.out.lines().next().unwrap();
        let names = shown.contains(&format!("rows of {table} that")) && shown.contains(shown_by);
        assert!(names, "{sql}: {shown}");
    };
    // One bucket of the latencies counts one more, another one less.
    check(
        "UPDATE rollups SET sketch = zeroblob(length(sketch))",
        "rollups",
        "`stats`",
    );
    check(
        "UPDATE sessions SET total_errors = total_errors + 1",
        "sessions",
        "`sessions`",
    );
    check(
        "UPDATE sessions SET ended_at = 0 WHERE id = 1",
        "sessions",
        "`sessions`",
    );
    check(
        "UPDATE clients SET name = 'x' WHERE id = 1",
        "clients",
        "`logs`",
    );
    check("UPDATE batches SET max_ts = 0", "batches", "`logs`");
    check(
        "UPDATE counters SET value = 9 WHERE name = 'duplicates'",
        "counters",
        "`store stats`",
    );
    check(
        "UPDATE sources SET lines = lines + 1",
        "sources",
        "`store stats`",
    );
    check(
        "UPDATE checkpoints SET offset = 0",
        "checkpoints",
        "`store stats`",
    );
}

#[test]
fn a_uuid_that_became_text_is_damage() {
    let home = recorded();
    let path = home.write("changed.db", fs::read(home.store()).unwrap());
    let store = rusqlite::Connection::open(&path).unwrap();
    let sql = "UPDATE requests SET request_id = CAST(request_id AS TEXT) WHERE seq = 1";
    store.execute(sql, []).unwrap();
    drop(store);
    let ran = home.run(&["store", "verify", "--db", path.to_str().unwrap()]);
    assert!(ran.out.contains("its checksum does not match"), "{ran:?}");
}

#[test]
fn a_changed_layout_is_damage() {
    let home = recorded();
    let path = home.write("changed.db", fs::read(home.store()).unwrap());
    let store = rusqlite::Connection::open(&path).unwrap();
    store
        .execute_batch(
            "DROP VIEW session_log; CREATE VIEW session_log AS SELECT 1;
             DROP INDEX requests_errors",
        )
        .unwrap();
    drop(store);
    let ran = home.run(&["store", "verify", "--db", path.to_str().unwrap()]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    for part in ["view session_log", "index requests_errors"] {
        assert!(ran.out.contains(&format!("the {part} is not")), "{ran:?}");
    }
}

#[test]
fn numbers_too_large_to_be_summed_are_no_damage() {
    let home = Home::new();
    let line = |id: u32, latency: i64, bytes: i64| {
        format!(
            r#"{{"type":"mcpr_request","ts":1780000000000,"request_id":"{id}","proxy":"p","kind":"mcp","method":"ping","latency_us":{latency},"bytes_in":{bytes},"bytes_out":{bytes}}}"#
        )
    };
    let huge = 9_000_000_000_000_000_000;
    let lines = [line(1, huge, huge), line(2, huge, huge), line(3, 7, 9)].join("\n") + "\n";
    let log = home.write("huge.log", lines);
    let shown = home.record(&[&log]);
    assert!(shown.contains("3 stored"), "{shown}");
    let out = home.succeed(&["store", "verify", "--full"]);
    assert!(out.starts_with("no damage found"), "{out}");
    for question in [&["stats"][..], &["slow"], &["clients"], &["store", "stats"]] {
        home.succeed(&[question, &["--json"]].concat());
        home.succeed(question);
    }
    // A sum beyond the largest number is that number, and another one is damage still.
    let store = rusqlite::Connection::open(home.store()).unwrap();
    let sql = "UPDATE rollups SET latency_sum_us = latency_sum_us - 1 WHERE latency_sum_us = ?1";
    assert_eq!(store.execute(sql, [i64::MAX]).unwrap(), 1);
    drop(store);
    let ran = home.run(&["store", "verify", "--full"]);
    assert!(ran.out.contains("rollup of hour"), "{ran:?}");
}

#[test]
fn hourly_sums_that_disagree_are_damage() {
    let home = recorded();
    let change = |sql: &str| {
        let path = home.write("changed.db", fs::read(home.store()).unwrap());
        let store = rusqlite::Connection::open(&path).unwrap();
        store.execute_batch(sql).unwrap();
        drop(store);
        let ran = home.run(&["store", "verify", "--full", "--db", path.to_str().unwrap()]);
        assert_eq!(ran.code, Some(1), "{sql}: {ran:?}");
        assert!(ran.out.contains("rollup of hour"), "{sql}: {ran:?}");
    };
    change("UPDATE rollups SET calls = calls + 2048");
    change("UPDATE rollups SET latency_max_us = latency_max_us + 1");
    change("UPDATE rollups SET latency_min_us = latency_min_us - 1");
    change("UPDATE rollups SET errors_tool = errors_tool + 1");
    change("UPDATE rollups SET bytes_in = bytes_in + 64 WHERE bytes_in > 0");
    change("UPDATE rollups SET errors_http = calls + 1");
}

#[test]
fn a_store_with_sums_at_their_end_is_answered() {
    let home = recorded();
    let store = rusqlite::Connection::open(home.store()).unwrap();
    store
        .execute_batch(
            "UPDATE rollups SET calls = 9223372036854775807, latency_sum_us = 9223372036854775807,
                 errors_rpc = 9223372036854775807, errors_tool = 9223372036854775807,
                 bytes_in = 9223372036854775807, bytes_out = 9223372036854775807;
             UPDATE sessions SET total_calls = 9223372036854775807, total_errors = 9223372036854775807;",
        )
        .unwrap();
    for arguments in [
        &["stats", "--since", "@0", "--exact"][..],
        &["stats", "--since", "@0", "--by", "hour"],
        &["stats", "--since", "@0", "--by", "client"],
        &["stats", "--since", "1h", "--by", "tool"],
        &["clients", "--since", "@0"],
        &["sessions"],
    ] {
        let ran = home.run(arguments);
        assert!(matches!(ran.code, Some(0 | 1)), "{arguments:?} {ran:?}");
        assert!(!ran.err.contains("panicked"), "{arguments:?} {ran:?}");
    }
}

#[test]
fn an_index_that_is_cut_beside_a_recorder_is_an_error_and_no_signal() {
    let home = Home::new();
    let text = fs::read_to_string(capture("mcpr-0.4.64/proxy.log")).unwrap();
    let (first, rest) = text.split_at(text.len() / 2);
    let stream = home.write("proxy.log", first);
    let recorder = home
        .command(&["record", stream.to_str().unwrap()])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    until("a row is stored", || !home.rows_or_none().is_empty());
    let index = home.path(".mcpr/recorder.db-shm");
    let index = fs::OpenOptions::new().write(true).open(index).unwrap();
    index.set_len(0).unwrap();
    let mut stream = fs::OpenOptions::new().append(true).open(stream).unwrap();
    stream.write_all(rest.as_bytes()).unwrap();
    let ended = recorder.wait_with_output().unwrap();
    let err = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(2), "{:?}: {err}", ended.status);
    assert!(err.contains("was cut"), "{err}");
    home.record(&[&home.path("proxy.log")]);
    assert_eq!(home.rows(&[]).len(), 141);
}

#[test]
fn an_index_that_is_cut_within_a_commit_is_reported_before_the_end() {
    let home = Home::new();
    let recorder = home
        .command(&["record", "--listen", "127.0.0.1:0"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    until("the store is there", || home.store().exists());
    // What the system sends for an access that cannot be made; here to whatever thread comes first.
    signal(&recorder, Signal::BUS);
    let ended = recorder.wait_with_output().unwrap();
    let err = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(2), "{:?}: {err}", ended.status);
    assert!(err.contains("was cut by another program"), "{err}");
    assert!(err.contains("hint: what was committed is safe"), "{err}");
}

const CUT_STORE: &str = "MCPR_TEST_CUT_STORE";

/// Reads a mapped file that is cut, where the test below asks for it.
#[test]
#[cfg(target_os = "linux")]
fn a_mapped_file_is_read_after_it_was_cut() {
    let Some(path) = std::env::var_os(CUT_STORE) else {
        return;
    };
    let store = rusqlite::Connection::open(&path).unwrap();
    store
        .execute_batch(
            "CREATE TABLE rows (text TEXT); PRAGMA mmap_size = 1000000;
             INSERT INTO rows SELECT hex(zeroblob(2000)) FROM (VALUES (1), (2), (3), (4), (5), (6));",
        )
        .unwrap();
    mcpr::console::report_bus_errors(|| ()).unwrap();
    let mut read = store.prepare("SELECT text FROM rows").unwrap();
    let mut rows = read.query([]).unwrap();
    assert!(rows.next().unwrap().is_some());
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(4096).unwrap();
    // A question that is under way does not look at the length again.
    while let Ok(Some(_)) = rows.next() {}
    panic!("the cut file was read");
}

#[test]
#[cfg(target_os = "linux")]
fn an_access_to_what_was_cut_ends_with_a_message_and_not_by_the_signal() {
    let directory = tempfile::tempdir().unwrap();
    for round in 0..5 {
        let ended = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture"])
            .arg("verify::a_mapped_file_is_read_after_it_was_cut")
            .env(CUT_STORE, directory.path().join(format!("{round}.db")))
            .output()
            .unwrap();
        let err = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(2), "{:?}: {err}", ended.status);
        assert!(err.contains("was cut by another program"), "{err}");
    }
}
