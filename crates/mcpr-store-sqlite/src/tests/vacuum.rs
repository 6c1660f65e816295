//! What a vacuum leaves: counted in rows and pages.

use super::{batch, request, store_in};
use crate::admin::{SHRINK_PAGES, shrink_slice};
use crate::{SqliteStore, verify};
use mcpr_model::{Request, Target, TargetKind};
use mcpr_store::query::{MAX_SUMMED_TARGETS, OTHER};
use mcpr_store::{Admin, Class, Depth, Retention, Writer};
use std::collections::BTreeMap;

/// A read of one of any number of resources, by a caller of its own.
fn read_of(at: i64) -> Request {
    let mut read = request(&format!("r{at}"), at);
    read.method = "resources/read".into();
    read.client_name = Some(format!("caller {at}").into());
    read.session_id = Some(format!("session {at}").into());
    read.target = Some(Target {
        kind: TargetKind::Resource,
        name: format!("file:///{at}/{}", "x".repeat(200)).into(),
    });
    read
}

fn rows(store: &SqliteStore) -> BTreeMap<String, i64> {
    let tables = [
        "requests",
        "request_ids",
        "operations",
        "clients",
        "proxies",
        "sessions",
        "rollups",
        "batches",
        "sources",
        "gaps",
        "bad_lines",
        "payloads",
        "surfaces",
        "surface_texts",
        "surface_changes",
        "surface_items",
        "surface_pages",
        "surface_page_items",
        "surface_announcements",
        "conversations",
    ];
    let count = |table: &str| {
        let sql = format!("SELECT count(*) FROM {table}");
        let count = store.connection.query_row(&sql, [], |row| row.get(0));
        (table.to_owned(), count.expect("a count"))
    };
    tables.into_iter().map(count).collect()
}

#[test]
fn nothing_is_left_of_names_when_the_rows_are_gone() {
    const READS: i64 = 3000;
    let directory = tempfile::tempdir().expect("a directory");
    let mut store = store_in(&directory);
    let empty = store.used_bytes().expect("pages");
    let reads = (0..READS).map(read_of).collect();
    store.append(&batch(1, reads)).expect("append");
    let kept = rows(&store);
    let sums = i64::try_from(MAX_SUMMED_TARGETS).expect("few") + 1;
    assert_eq!((kept["operations"], kept["rollups"]), (READS + 1, sums));
    assert!(store.used_bytes().expect("pages") > 3 * empty);
    let path = store.path().to_owned();
    for (class, before) in [
        (Class::Requests, i64::MAX),
        (Class::Sums, i64::MAX),
        (Class::Names, i64::MAX),
    ] {
        let what = Retention::of(class, before);
        store.vacuum(&what, &mut |_| {}).expect("vacuum");
        let found = verify(&path, Depth::Full).expect("a store");
        assert_eq!(found.problems, [""; 0], "{class:?}");
    }
    let left = rows(&store);
    let some: Vec<_> = left.iter().filter(|(_, count)| **count > 0).collect();
    assert_eq!(some, [], "nothing of anything");
    let used = store.used_bytes().expect("pages");
    assert!(used <= empty + 8 * 4096, "{used} bytes, {empty} when new");
}

#[test]
fn sums_without_bound_of_an_older_layout_are_put_together() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut store = store_in(&directory);
    let most = i64::try_from(MAX_SUMMED_TARGETS).expect("few");
    let reads = (0..most + 50).map(read_of).collect();
    store.append(&batch(1, reads)).expect("append");
    // As a writer without the bound left it: each has sums of its own.
    let calls = |store: &SqliteStore| {
        let reader = store.reader().expect("a reader");
        let rollups = mcpr_store::contract::rollups_of(&*reader).into_iter();
        let name = |row: &mcpr_store::RollupRow| {
            let target = row.key.target.as_ref();
            target.map(|target| target.name.to_string())
        };
        rollups
            .map(|row| (name(&row).unwrap_or_default(), row.calls))
            .collect::<BTreeMap<String, u64>>()
    };
    store
        .connection
        .execute_batch(
            "INSERT INTO rollups (hour, operation, calls, errors_rpc, errors_tool, errors_http,
                 errors_cancelled, errors_timeout, latency_sum_us, latency_min_us, latency_max_us,
                 bytes_in, bytes_out, sketch, seal, errors_died)
             SELECT r.ts - r.ts % 3600000, r.operation, 1, 0, 1, 0, 0, 0,
                 r.latency_us, r.latency_us, r.latency_us, 10, 0,
                 (SELECT sketch FROM rollups WHERE calls = 1 LIMIT 1), 0, 0
             FROM requests r JOIN operations o ON o.id = r.operation WHERE o.summed_as IS NOT NULL;
             DELETE FROM rollups WHERE calls > 1;
             UPDATE operations SET summed_as = NULL;
             DELETE FROM operations WHERE target = '(other)';",
        )
        .expect("an older store");
    for table in ["rollups", "operations"] {
        crate::seal::renew(&store.connection, table, "true", []).expect("seals");
    }
    crate::census::settle(&store.connection).expect("counted");
    let path = store.path().to_owned();
    let problems = || verify(&path, Depth::Full).expect("a store").problems;
    assert_eq!(problems(), [""; 0]);
    assert_eq!(calls(&store).len() as u64, most.unsigned_abs() + 50);
    let what = Retention::of(Class::Sums, i64::MIN);
    store.vacuum(&what, &mut |_| {}).expect("vacuum");
    let after = calls(&store);
    assert_eq!(after.len(), MAX_SUMMED_TARGETS + 1);
    assert_eq!(after[OTHER], 50);
    assert_eq!(problems(), [""; 0]);
    // What comes later goes where the others went.
    let mut again = read_of(most + 49);
    again.key = mcpr_model::EventKey::of_id("again");
    let known = read_of(most + 49);
    let other = after.contains_key(known.target.expect("a target").name.as_str());
    store.append(&batch(2, vec![again])).expect("append");
    assert_eq!(calls(&store)[OTHER], if other { 50 } else { 51 });
    assert_eq!(problems(), [""; 0]);
}

#[test]
fn free_pages_are_given_back_by_the_thousand() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut store = store_in(&directory);
    let reads = (0..20_000).map(read_of).collect();
    store.append(&batch(1, reads)).expect("append");
    for class in [Class::Requests, Class::Sums, Class::Names] {
        let what = Retention::of(class, i64::MAX);
        store.vacuum(&what, &mut |_| {}).expect("vacuum");
    }
    let free = || {
        let pages = store
            .connection
            .pragma_query_value(None, "freelist_count", |row| row.get::<_, i64>(0));
        pages.expect("a count")
    };
    let before = free();
    assert!(before > 2000, "{before} free pages");
    // A call is a statement, which is a transaction.
    let mut transactions = 1;
    while shrink_slice(&store.connection, SHRINK_PAGES).expect("shrink") {
        transactions += 1;
    }
    assert_eq!(free(), 0);
    assert_eq!(transactions, before.cast_unsigned().div_ceil(2000));
}

#[test]
fn a_batch_is_synced_also_after_a_slice_was_removed() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut store = store_in(&directory);
    store
        .append(&batch(1, (0..100).map(read_of).collect()))
        .expect("append");
    store.begin_sweep(&Retention::before(50));
    let mut removed = 0;
    while let Some(rows) = store.sweep_slice().expect("a slice") {
        removed += rows;
        let level = store
            .connection
            .pragma_query_value(None, "synchronous", |row| row.get::<_, i64>(0));
        assert_eq!(level.expect("a level"), 2, "FULL");
    }
    assert_eq!(removed, 50);
}

#[test]
fn names_are_kept_while_one_row_uses_them() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut store = store_in(&directory);
    store
        .append(&batch(1, (0..100).map(read_of).collect()))
        .expect("append");
    for what in [
        Retention::of(Class::Requests, 60),
        Retention::of(Class::Sums, i64::MAX),
        Retention::of(Class::Names, 0),
    ] {
        store.vacuum(&what, &mut |_| {}).expect("vacuum");
    }
    let left = rows(&store);
    let counts = ["requests", "operations", "clients", "sessions", "proxies"];
    assert_eq!(counts.map(|table| left[table]), [40, 40, 40, 40, 1]);
    assert_eq!(left["batches"], 1, "the batch still has rows");
    // A name that went is given out anew, under whatever number.
    store
        .append(&batch(2, (0..100).map(read_of).collect()))
        .expect("append");
    assert_eq!(rows(&store)["requests"], 100);
    let path = store.path().to_owned();
    let found = verify(&path, Depth::Quick).expect("a store");
    assert_eq!(found.problems, [""; 0]);
}
