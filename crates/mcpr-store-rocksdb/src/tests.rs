//! Tests of what is peculiar to this store.

use crate::RocksdbBackend;
use mcpr_model::{Batch, Event, EventKey, Kind, Request, RequestId};
use mcpr_store::query::{Cursor, Filter, Page, SessionKey};
use mcpr_store::{
    Backend, Depth, Reader, Retention, StoreErrorKind, StoreUrl, Trust, Writer, WriterOptions, fold,
};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

fn scratch() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("store");
    (directory, path)
}

fn backend(path: &Path) -> RocksdbBackend {
    let url = StoreUrl::parse(format!("rocksdb:{}", path.display())).expect("a URL");
    RocksdbBackend::at(&url).expect("a backend")
}

fn request(at: i64) -> Request {
    let id = at.to_string();
    Request {
        request_id: Some(RequestId::from_text(&id)),
        session_id: Some(format!("s{}", at % 7).as_str().into()),
        latency_us: Some(at * 10),
        ..Request::new(
            EventKey::of_id(&id),
            at,
            "p".into(),
            Kind::Mcp,
            "ping".into(),
        )
    }
}

fn batch(number: i64, requests: std::ops::Range<i64>) -> Batch {
    Batch {
        writer: 1,
        number,
        events: requests.map(|at| Event::Request(request(at))).collect(),
        ..Batch::default()
    }
}

fn writer(path: &Path, exclusive: bool) -> Box<dyn Writer> {
    let options = WriterOptions {
        exclusive,
        ..WriterOptions::default()
    };
    backend(path).writer(options).expect("a writer")
}

fn count(reader: &dyn Reader) -> u64 {
    let mut count = 0;
    fold::each_request(reader, &Filter::default(), &mut |_| count += 1).expect("read");
    count
}

/// A reader as another process has it: it does not share the writer's engine.
fn follower(path: &Path) -> Box<dyn Reader> {
    let path = fs::canonicalize(path).expect("a store");
    let engine = crate::engine::Engine::following(path).expect("opened");
    Box::new(crate::read::RocksdbReader::of(std::sync::Arc::new(engine)))
}

#[test]
fn a_reader_of_another_process_follows_and_writes_nothing() {
    let (_directory, path) = scratch();
    let mut store = writer(&path, true);
    store.append(&batch(1, 0..100)).expect("append");
    let files = || {
        let entries = fs::read_dir(&path).expect("a directory");
        let mut names: Vec<_> = entries
            .map(|it| it.expect("an entry").file_name())
            .collect();
        names.sort();
        names
    };
    let before = files();
    let reader = follower(&path);
    assert_eq!(count(&*reader), 100);
    let seen = reader.head().expect("a head");
    store.append(&batch(2, 100..150)).expect("append");
    let head = reader.watch(seen, Duration::from_mins(1)).expect("news");
    assert_eq!(head.cursor, Cursor::from_seq(150));
    assert_eq!(count(&*reader), 150);
    assert_eq!(files(), before, "nothing but the writer's own files");
    // What was written into tables and removed from the log is seen as well.
    store.care().expect("care").compact().expect("compact");
    store.append(&batch(3, 150..151)).expect("append");
    assert_eq!(count(&*reader), 151);
}

#[test]
fn what_is_not_ours_is_refused_and_left_alone() {
    let (directory, path) = scratch();
    let is = |found: StoreErrorKind, path: &Path| {
        let error = backend(path).reader().map(drop).expect_err("refused");
        assert_eq!(error.kind, found, "{error}");
        let options = WriterOptions::default();
        let written = backend(path).writer(options).map(drop);
        if found == StoreErrorKind::Foreign {
            assert_eq!(written.expect_err("refused").kind, found);
        }
    };
    fs::write(&path, "a file").expect("a file");
    is(StoreErrorKind::Foreign, &path);
    assert_eq!(fs::read_to_string(&path).expect("a file"), "a file");
    let other = directory.path().join("other");
    fs::create_dir(&other).expect("a directory");
    fs::write(other.join("CURRENT"), "MANIFEST-000001\n").expect("a file");
    is(StoreErrorKind::Foreign, &other);
    assert_eq!(fs::read_dir(&other).expect("a directory").count(), 1);
    let missing = directory.path().join("missing");
    let error = backend(&missing)
        .admin(Trust::Owner)
        .map(drop)
        .expect_err("none");
    assert_eq!(error.kind, StoreErrorKind::Missing);
    is(StoreErrorKind::Missing, &missing);
    // A layout that is not known yet.
    drop(writer(&missing, false));
    let newer = "A store of mcpr, kept by RocksDB. Layout 9\n";
    fs::write(missing.join("mcpr-store"), newer).expect("a file");
    let error = backend(&missing).reader().map(drop).expect_err("newer");
    assert_eq!(error.kind, StoreErrorKind::Newer, "{error}");
}

#[test]
fn a_store_has_one_recorder() {
    let (_directory, path) = scratch();
    let recorder = writer(&path, true);
    let options = WriterOptions {
        exclusive: true,
        ..WriterOptions::default()
    };
    let error = backend(&path)
        .writer(options)
        .map(drop)
        .expect_err("a second one");
    assert_eq!(error.kind, StoreErrorKind::InUse);
    drop(recorder);
    drop(writer(&path, true));
}

#[test]
fn a_store_that_was_replaced_is_reported() {
    let (directory, path) = scratch();
    let mut store = writer(&path, false);
    store.append(&batch(1, 0..10)).expect("append");
    let reader = backend(&path).reader().expect("a reader");
    let seen = reader.head().expect("a head");
    fs::rename(&path, directory.path().join("elsewhere")).expect("renamed");
    let gone = |error: mcpr_store::StoreError| error.kind == StoreErrorKind::Gone;
    assert!(store.append(&batch(2, 10..11)).is_err_and(gone));
    assert!(reader.watch(seen, Duration::from_mins(1)).is_err_and(gone));
}

#[test]
fn a_session_goes_with_every_key_of_its_requests() {
    let (_directory, path) = scratch();
    let mut store = writer(&path, true);
    for number in 0..10 {
        store
            .append(&batch(number + 1, number * 700..(number + 1) * 700))
            .expect("append");
    }
    let key = SessionKey {
        proxy: "p".to_owned(),
        id: "s3".to_owned(),
    };
    let care = store.care().expect("care");
    assert_eq!(care.delete_session(&key).expect("removed"), 1000);
    assert_eq!(care.delete_session(&key).expect("removed"), 0, "again");
    let old = Retention::before(3500);
    let removed = care.vacuum(&old, &mut |_| {}).expect("vacuum");
    assert_eq!(removed, 3000);
    care.compact().expect("compact");
    let findings = backend(&path).verify(Depth::Full).expect("looked at");
    assert_eq!(findings.problems, Vec::<String>::new());
    assert_eq!(findings.requests, 3000);
}

#[test]
fn an_operation_that_was_renamed_twice_has_one_sum() {
    let (_directory, path) = scratch();
    let mut store = writer(&path, true);
    let of = |proxy: &str, number: i64| {
        let called = Request {
            proxy: proxy.into(),
            ..request(number)
        };
        let events = vec![Event::Request(called)];
        let writer = 1;
        let empty = Batch::default();
        Batch {
            writer,
            number,
            events,
            ..empty
        }
    };
    // Both names have it when they become one, and one of the two leads to the other's sums from then on.
    let names = [("p", "q"), ("q", "p"), ("p", "r"), ("r", "q")];
    for (number, (old, new)) in (0..).zip(names) {
        store.append(&of(old, 2 * number + 1)).expect("append");
        store.append(&of(new, 2 * number + 2)).expect("append");
        let care = store.care().expect("care");
        let renamed = care.rename_proxy(old, new).expect("renamed");
        assert!(renamed.is_some_and(|it| it.is_merged));
        let reader = backend(&path).reader().expect("a reader");
        let mut calls = Vec::new();
        let mut take = |row: mcpr_store::RollupRow| calls.push((row.key.proxy, row.calls));
        reader.rollups(&mut take).expect("sums");
        assert_eq!(calls, [(new.into(), 2 * number.cast_unsigned() + 2)]);
    }
    let findings = backend(&path).verify(Depth::Full).expect("looked at");
    assert_eq!(findings.problems, Vec::<String>::new());
}

#[test]
fn damage_is_found_where_it_is() {
    let (_directory, path) = scratch();
    let mut store = writer(&path, true);
    store.append(&batch(1, 0..2000)).expect("append");
    store.care().expect("care").compact().expect("compact");
    drop(store);
    let whole = backend(&path).verify(Depth::Quick).expect("looked at");
    assert_eq!((whole.requests, whole.problems.len()), (2000, 0));
    let mut largest: Vec<(u64, PathBuf)> = fs::read_dir(&path)
        .expect("a directory")
        .map(|it| it.expect("an entry").path())
        .filter(|it| it.extension().is_some_and(|it| it == "sst"))
        .map(|it| (it.metadata().expect("a file").len(), it))
        .collect();
    largest.sort();
    let (_, table) = largest.pop().expect("a table");
    let mut bytes = fs::read(&table).expect("a table");
    bytes[100] ^= 0x10;
    fs::write(&table, bytes).expect("written");
    let found = backend(&path).verify(Depth::Quick).expect("looked at");
    assert!(!found.problems.is_empty());
}

#[test]
fn a_copy_is_a_store_of_its_own() {
    let (directory, path) = scratch();
    let mut store = writer(&path, true);
    store.append(&batch(1, 0..50)).expect("append");
    let to = directory.path().join("copy");
    store.care().expect("care").backup(&to).expect("copied");
    assert!(
        store.care().expect("care").backup(&to).is_err(),
        "it is there"
    );
    store.append(&batch(2, 50..60)).expect("append");
    let copy = backend(&to).reader().expect("a reader");
    assert_eq!(count(&*copy), 50);
    let page = Page::newest(None, 1);
    let last = copy.entries(&Filter::default(), page).expect("entries");
    assert_eq!(last.len(), 1);
}
