//! Stores of older layouts: read as they are, and migrated.

use super::{batch, request};
use crate::layout::MIGRATIONS;
use crate::migrate::lay_out;
use crate::packing::{pack, unpack_bytes};
use crate::{APPLICATION_ID, SqliteStore, census, functions, open_reader, seal, verify};
use mcpr_model::{Batch, Outcome, Payload, Request};
use mcpr_store::query::{
    Cursor, Filter, GroupBy, Page, SessionFilter, SessionPage, SessionRow, StatsQuestion,
};
use mcpr_store::{Depth, StoreErrorKind, Writer};
use rusqlite::Connection;
use std::path::{Path, PathBuf};

/// How layouts 3 to 6 sealed a session and a source: a seal that is read otherwise would be a fault.
const AS_SEALED_BEFORE: &str = "
    UPDATE sessions SET seal = row_seal(id, client, started_at, last_seen_at, ended_at, total_calls,
                                        total_errors, proxy, session_id, inferred);
    INSERT INTO sources (name, lines, events, text, bad, unknown, filtered, dropped, nul_bytes, last_at,
                         seal)
    VALUES ('a.log', 1, 2, 3, 4, 5, 6, 7, 8, 9, row_seal('a.log', 1, 2, 3, 4, 5, 6, 7, 8, 9));";

/// A list that came back, and two equal gaps.
const SHOWN_TWICE: &str = r#"
    INSERT INTO gaps (seq, source, count, from_ts, to_ts) VALUES (1, '-', 5, 1, 2), (2, '-', 5, 1, 2);
    UPDATE counters SET value = 2, seal = row_seal(name, 2) WHERE name = 'last_seq';
    INSERT INTO surfaces (proxy, method, version, sha256, payload, first_seen, last_seen, seq, announced,
                          peculiar)
    VALUES (1, 'tools/list', 1, 'a', '{"tools":[{"name":"a"}]}', 1, 1, 0, 0, ''),
           (1, 'tools/list', 2, 'b', '{"tools":[]}', 2, 2, 0, 0, ''),
           (1, 'tools/list', 3, 'a', '{"tools":[{"name":"a"}]}', 3, 3, 0, 0, '');"#;

#[test]
fn every_older_layout_can_be_read_as_it_is_and_migrated() {
    let directory = tempfile::tempdir().expect("a directory");
    for layout in 1..MIGRATIONS.len() {
        let path = directory.path().join(format!("{layout}.db"));
        let old = Connection::open(&path).expect("a file");
        functions::register(&old).expect("functions");
        lay_out(&old, layout).expect("a layout");
        let row = "INSERT INTO proxies (id, name) VALUES (1, 'p');
             INSERT INTO sessions (id, session_id, inferred, proxy, started_at, last_seen_at,
                                   total_calls, total_errors) VALUES (1, 's', 0, 1, 1, 2, 3, 0);";
        old.execute_batch(row).expect("a session");
        for sealed in seal::sealed(&old).expect("tables") {
            seal::renew(&old, &sealed.table, "true", []).expect("seals");
        }
        if (3..7).contains(&layout) {
            old.execute_batch(AS_SEALED_BEFORE).expect("seals");
            old.execute_batch(SHOWN_TWICE).expect("versions");
            for table in ["surfaces", "gaps"] {
                seal::renew(&old, table, "true", []).expect("seals");
            }
        }
        census::take(&old, &[]).expect("counted");
        old.pragma_update(None, "application_id", APPLICATION_ID)
            .expect("the mark of ours");
        drop(old);
        let read = || {
            let found = open_reader(&path)
                .and_then(|reader| {
                    reader.sessions(&SessionFilter::default(), &SessionPage::oldest(100))
                })
                .expect("an older layout");
            let one = |row: SessionRow| (row.session_id, row.total_calls, row.conversation);
            found.into_iter().map(one).collect::<Vec<_>>()
        };
        let shown = || {
            let reader = open_reader(&path).expect("an older layout");
            let versions = mcpr_store::fold::surfaces(reader.as_ref(), None)
                .expect("versions")
                .versions
                .into_iter();
            let texts: Vec<String> = versions.map(|row| row.payload).collect();
            (texts, reader.overview().expect("an overview").gaps)
        };
        let before = shown();
        let has_surfaces = (3..7).contains(&layout);
        assert_eq!(before.0.len(), if has_surfaces { 3 } else { 0 });
        let expected = [("s".to_owned(), 3, None)];
        assert_eq!(read(), expected, "layout {layout}");
        let problems = || verify(&path, Depth::Quick).expect("a store").problems;
        assert_eq!(problems(), [""; 0], "layout {layout}");
        drop(SqliteStore::open(&path).expect("migrated"));
        assert_eq!(read(), expected, "layout {layout}, migrated");
        assert_eq!(shown(), before, "layout {layout}, migrated");
        assert_eq!(problems(), [""; 0], "layout {layout}, migrated");
    }
}

/// The last layout that rows of today can be put into as they are: later ones have tables made of others.
const COPIED_UP_TO: usize = 7;

/// A store of an older layout with the rows of another one, as far as it has places for them.
fn older_copy(whole: &Path, path: &Path, layout: usize) {
    let old = Connection::open(path).expect("a file");
    functions::register(&old).expect("functions");
    lay_out(&old, layout.min(COPIED_UP_TO)).expect("a layout");
    let whole = whole.to_str().expect("text");
    old.execute("ATTACH ?1 AS whole", [whole]).expect("a store");
    // Those first that others refer to.
    for table in [
        "proxies",
        "clients",
        "operations",
        "sessions",
        "conversations",
        "requests",
        "gaps",
        "rollups",
        "sources",
        "writers",
        "batches",
        "payloads",
    ] {
        let columns: Option<String> = old
            .query_row(
                "SELECT group_concat(o.name, ', ') FROM pragma_table_info(?1, 'main') o
                 JOIN pragma_table_info(?1, 'whole') w ON w.name = o.name WHERE o.name <> 'seal'",
                [table],
                |row| row.get(0),
            )
            .expect("columns");
        // An older layout may not have it.
        let Some(columns) = columns else { continue };
        old.execute(
            &format!("INSERT INTO main.{table} ({columns}) SELECT {columns} FROM whole.{table}"),
            [],
        )
        .expect(table);
    }
    old.execute(
        "UPDATE main.counters SET value = (SELECT value FROM whole.counters WHERE name = 'last_seq')
         WHERE name = 'last_seq'",
        [],
    )
    .expect("the last number");
    old.execute("DETACH whole", []).expect("done with it");
    for sealed in seal::sealed(&old).expect("tables") {
        seal::renew(&old, &sealed.table, "true", []).expect("seals");
    }
    lay_out(&old, layout).expect("a later layout");
    old.pragma_update(None, "application_id", APPLICATION_ID)
        .expect("the mark of ours");
}

/// Three requests: with a payload, without a session id, and without an error.
fn recorded(number: i64) -> Batch {
    let uuid = "00000000-0000-4000-8000-000000000001";
    let mut requests: Vec<Request> = [uuid, "two", "3"]
        .iter()
        .zip([10, 20, 3_600_030])
        .map(|(id, ts)| request(id, ts))
        .collect();
    requests[0].payload = Payload::of(Some("{\"a\":1}"), Some("[]")).map(Box::new);
    requests[1].session_id = None;
    requests[2].outcome = Outcome::default();
    batch(number, requests)
}

#[test]
fn requests_of_every_older_layout_stay_what_they_were() {
    let directory = tempfile::tempdir().expect("a directory");
    let whole = directory.path().join("whole.db");
    let mut store = SqliteStore::open(&whole).expect("a new store");
    store.append(&recorded(1)).expect("append");
    drop(store);
    let answers = |path: &Path| {
        let reader = open_reader(path).expect("a store");
        let page = Page::after(Cursor::START, Page::MAX_LIMIT);
        let entries = reader.entries(&Filter::default(), page).expect("entries");
        let question = StatsQuestion::sums(&Filter::default(), GroupBy::Tool);
        let stats = reader.stats(&question).expect("stats");
        let sessions = reader
            .sessions(&SessionFilter::default(), &SessionPage::oldest(100))
            .expect("sessions");
        (
            format!("{entries:?} {stats:?} {sessions:?}"),
            reader.payload(1).expect("a payload"),
        )
    };
    let whole_problems = |path: &Path| verify(path, Depth::Full).expect("a store").problems;
    let (expected, payload) = answers(&whole);
    for layout in 1..=MIGRATIONS.len() {
        let path = directory.path().join(format!("{layout}.db"));
        older_copy(&whole, &path, layout);
        // The layout that brought payloads.
        let payload = payload.clone().filter(|_| layout >= 4);
        let as_expected = (expected.clone(), payload);
        assert_eq!(answers(&path), as_expected, "layout {layout}");
        assert_eq!(whole_problems(&path), [""; 0], "layout {layout}");
        let mut store = SqliteStore::open(&path).expect("migrated");
        assert_eq!(answers(&path), as_expected, "layout {layout}, migrated");
        // What comes once more is known, whatever layout it was stored in.
        let again = store.append(&recorded(2)).expect("append");
        assert_eq!((again.stored, again.duplicates), (0, 3), "layout {layout}");
        let more = batch(3, vec![request("four", 40)]);
        assert_eq!(store.append(&more).expect("append").stored, 1);
        drop(store);
        assert_eq!(whole_problems(&path), [""; 0], "layout {layout}, migrated");
    }
}

#[test]
fn a_store_of_a_later_layout_is_left_as_it_is_and_reported_to_be_newer() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("store.db");
    let mut store = SqliteStore::open(&path).expect("a new store");
    store
        .append(&batch(1, vec![request("one", 10)]))
        .expect("append");
    drop(store);
    let newer = MIGRATIONS.len() + 1;
    Connection::open(&path)
        .and_then(|store| store.pragma_update(None, "user_version", newer))
        .expect("a later layout");
    let before = std::fs::read(&path).expect("a file");
    let says = format!(
        "the store has layout {newer}; this mcpr knows layouts up to {}",
        MIGRATIONS.len()
    );
    let errors = [
        open_reader(&path).map(drop).expect_err("a reader"),
        SqliteStore::open(&path).map(drop).expect_err("a writer"),
        verify(&path, Depth::Quick).map(drop).expect_err("a look"),
    ];
    for error in errors {
        assert_eq!(error.kind, StoreErrorKind::Newer, "{error}");
        assert!(error.to_string().contains(&says), "{error}");
        let hint = error.hint.as_deref().unwrap_or_default();
        assert!(hint.contains("written by a newer mcpr"), "{hint}");
    }
    assert_eq!(std::fs::read(&path).expect("a file"), before);
}

/// What a store's tables, indexes and views are made by.
fn schema_of(path: &Path) -> Vec<String> {
    let store = Connection::open(path).expect("a file");
    let mut statement = store
        .prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name")
        .expect("a statement");
    let rows = statement.query_map([], |row| row.get(0)).expect("rows");
    rows.collect::<Result<_, _>>().expect("a schema")
}

/// The stored files that the tests of the program open: written once, so that a migration that is changed
/// later no longer fits them.
#[test]
fn stored_files_of_every_older_layout_are_as_the_migrations_still_make_them() {
    let files = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/layouts");
    let directory = tempfile::tempdir().expect("a directory");
    let whole = directory.path().join("whole.db");
    let mut store = SqliteStore::open(&whole).expect("a new store");
    store.append(&recorded(1)).expect("append");
    drop(store);
    for layout in 1..MIGRATIONS.len() {
        let file = files.join(format!("{layout}.db.zst"));
        let made = directory.path().join(format!("made-{layout}.db"));
        older_copy(&whole, &made, layout);
        if !file.exists() && std::env::var_os("UPDATE_EXPECT").is_some() {
            let bytes = std::fs::read(&made).expect("a file");
            let packed = pack(&bytes).expect("a frame");
            std::fs::write(&file, packed).expect("a file");
        }
        let packed = std::fs::read(&file).expect("a stored file: UPDATE_EXPECT=1 writes a new one");
        let bytes = unpack_bytes(&packed, 16 << 20).expect("a frame");
        let stored = directory.path().join(format!("stored-{layout}.db"));
        std::fs::write(&stored, bytes).expect("a file");
        assert_eq!(schema_of(&stored), schema_of(&made), "layout {layout}");
    }
}
