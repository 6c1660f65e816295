//! What is special to the SQLite backend: settings, modes, whose file it is, the lock, the views.

mod bounds;
mod client_sums;
mod costs;
mod layouts;
mod long_names;
mod place;
mod vacuum;

use super::layout::{MIGRATIONS, layout_of};
use super::*;
use mcpr_model::{
    Batch, Counts, ErrorKind, Event, EventKey, Kind, Outcome, Request, RequestId, SourceProgress,
    Target, TargetKind,
};
use mcpr_store::Backend as _;
use mcpr_store::query::SessionKey;
use mcpr_store::{Admin, Retention, StoreErrorKind, Trust, Writer};
use rusqlite::Connection;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

pub(super) fn request(id: &str, ts: i64) -> Request {
    Request {
        request_id: Some(RequestId::from_text(id)),
        session_id: Some("s-1".into()),
        client_name: Some("cursor".into()),
        client_version: Some("1.0".into()),
        target: Some(Target {
            kind: TargetKind::Tool,
            name: "echo".into(),
        }),
        latency_us: Some(1500),
        upstream_us: Some(1400),
        bytes_in: Some(10),
        outcome: Outcome {
            error_kind: Some(ErrorKind::Tool),
            error_code: None,
            error_msg: Some("it's broken".into()),
            retyped: false,
        },
        ..Request::new(
            EventKey::of_id(id),
            ts,
            "weather".into(),
            Kind::Mcp,
            "tools/call".into(),
        )
    }
}

pub(super) fn batch(number: i64, requests: Vec<Request>) -> Batch {
    Batch {
        writer: 1,
        number,
        now: 1_795_224_422_390,
        events: requests.into_iter().map(Event::Request).collect(),
        sources: vec![SourceProgress {
            name: "a.log".into(),
            checkpoint: None,
            counts: Counts::default(),
        }],
    }
}

/// How SQLite answers a question, a line for each step.
pub(crate) fn plan_of(store: &SqliteStore, sql: &str) -> String {
    let mut statement = store
        .connection
        .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
        .expect("a statement");
    let parameters = statement.parameter_count();
    let nothing = vec![rusqlite::types::Null; parameters];
    let rows = statement
        .query_map(rusqlite::params_from_iter(nothing), |row| {
            row.get::<_, String>(3)
        })
        .expect("a plan");
    rows.map(|row| row.expect("a step") + "\n").collect()
}

fn store_in(directory: &tempfile::TempDir) -> SqliteStore {
    SqliteStore::open(&directory.path().join("private/store.db")).expect("a new store")
}

#[test]
fn the_library_is_free_of_the_wal_reset_bug() {
    let parts: Vec<u32> = SqliteStore::library_version()
        .split('.')
        .map(|part| part.parse().expect("number"))
        .collect();
    assert!(parts >= vec![3, 51, 3], "{parts:?}");
}

#[test]
fn a_new_store_is_private_and_marked() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut store = store_in(&directory);
    store
        .append(&batch(1, vec![request("a", 1)]))
        .expect("append");
    let mode = |path: &Path| fs::metadata(path).expect("metadata").permissions().mode() & 0o777;
    assert_eq!(mode(store.path().parent().expect("a parent")), 0o700);
    for file in crate::backend::own_files(store.path())
        .iter()
        .filter(|file| file.exists())
    {
        assert_eq!(mode(file), 0o600, "{}", file.display());
    }
    let pragma = |name: &str| -> i64 {
        store
            .connection
            .pragma_query_value(None, name, |row| row.get(0))
            .expect(name)
    };
    assert_eq!(pragma("application_id"), i64::from(APPLICATION_ID));
    let newest = i64::try_from(MIGRATIONS.len()).expect("a number");
    assert_eq!(pragma("user_version"), newest);
    assert_eq!(pragma("secure_delete"), 1, "what is deleted is overwritten");
    assert_eq!(pragma("synchronous"), 2, "FULL");
    assert_eq!(pragma("wal_autocheckpoint"), 0);
    assert_eq!(pragma("auto_vacuum"), 2, "INCREMENTAL");
    assert_eq!(pragma("foreign_keys"), 1);
    assert_eq!(pragma("trusted_schema"), 0);
    assert_eq!(pragma("mmap_size"), 0);
    let mode: String = store
        .connection
        .pragma_query_value(None, "journal_mode", |row| row.get(0))
        .expect("mode");
    assert_eq!(mode, "wal");
    let lax: i64 = store
        .connection
        .query_row(
            "SELECT count(*) FROM pragma_table_list
             WHERE type = 'table' AND schema = 'main' AND name NOT LIKE 'sqlite_%' AND strict = 0",
            [],
            |row| row.get(0),
        )
        .expect("tables");
    assert_eq!(lax, 0, "every table is STRICT");
}

#[test]
fn the_views_give_the_wide_rows_back() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut store = store_in(&directory);
    let id = "c5ebd421-e321-4334-8245-d88c04b775b1";
    store
        .append(&batch(1, vec![request(id, 1_795_224_422_390)]))
        .expect("append");
    let row: String = store
        .connection
        .query_row(
            "SELECT json_array(seq, request_id, time, proxy, kind, session_id, client_name, method,
                    tool, resource_uri, latency_us, status, error_kind, error_msg, bytes_out)
             FROM request_log",
            [],
            |row| row.get(0),
        )
        .expect("one row");
    assert_eq!(
        row,
        r#"[1,"c5ebd421-e321-4334-8245-d88c04b775b1","2026-11-21T01:27:02.390Z","weather","mcp","s-1","cursor","tools/call","echo",null,1500,"error","tool","it's broken",null]"#
    );
    let sessions: i64 = store
        .connection
        .query_row("SELECT total_errors FROM session_log", [], |row| row.get(0))
        .expect("one session");
    assert_eq!(sessions, 1);
    let calls: i64 = store
        .connection
        .query_row("SELECT calls FROM rollup_log", [], |row| row.get(0))
        .expect("one rollup");
    assert_eq!(calls, 1);
}

#[test]
fn a_file_that_is_not_ours_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().expect("a directory");
    let captures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data");
    let garbage = directory.path().join("garbage.db");
    fs::write(&garbage, vec![7_u8; 8192]).expect("write");
    let other = directory.path().join("other.db");
    Connection::open(&other)
        .and_then(|connection| connection.execute_batch("CREATE TABLE t (x)"))
        .expect("another program's file");
    let mut files = vec![(garbage, "not a database"), (other, "another program")];
    for (name, whose) in [("mcpr-0.4.64", "0.4 proxy"), ("mcpr-0.5.44", "0.5 proxy")] {
        let copy = directory.path().join(format!("{name}.db"));
        fs::copy(captures.join(name).join("store.db"), &copy).expect("copy");
        files.push((copy, whose));
    }
    for (file, whose) in files {
        let before = fs::read(&file).expect("read");
        let error = SqliteStore::open_exclusive(&file, Trust::Owner)
            .map(drop)
            .expect_err("not ours");
        assert_eq!(error.kind, StoreErrorKind::Foreign, "{error}");
        assert!(format!("{error:#}").contains(whose), "{error:#}");
        assert!(error.hint.is_some_and(|hint| hint.contains("--db")));
        let read = open_reader(&file).map(drop).map_err(|error| error.kind);
        let expected = if whose.ends_with("proxy") {
            Ok(())
        } else {
            Err(StoreErrorKind::Foreign)
        };
        assert_eq!(read, expected, "{whose}");
        assert_eq!(
            fs::read(&file).expect("read"),
            before,
            "{} was changed",
            file.display()
        );
        for made in &crate::backend::own_files(&file)[1..] {
            assert!(!made.exists(), "{} was made", made.display());
        }
    }
}

#[test]
fn what_stands_in_the_way_is_reported() {
    let directory = tempfile::tempdir().expect("a directory");
    let at = |name: &str| directory.path().join(name);
    let kind = |path: &Path| {
        SqliteStore::open(path)
            .map(drop)
            .expect_err("an error")
            .kind
    };
    assert_eq!(kind(directory.path()), StoreErrorKind::Foreign);
    // Some have no end, and of each SQLite says something else.
    for device in ["/dev/null", "/dev/zero"] {
        let writer = SqliteStore::open(Path::new(device)).map(drop);
        let reader = open_reader(Path::new(device)).map(drop);
        for error in [writer, reader].map(|opened| opened.expect_err(device)) {
            let message = error.to_string();
            assert!(
                message.contains("a device or a pipe, not a store"),
                "{message}"
            );
        }
    }
    assert_eq!(
        open_reader(&at("none.db"))
            .map(drop)
            .expect_err("none")
            .kind,
        StoreErrorKind::Missing
    );
    assert_eq!(
        open_reader(&at("none/none.db"))
            .map(drop)
            .expect_err("none")
            .kind,
        StoreErrorKind::Missing
    );
    assert!(!at("none.db").exists(), "a reader makes nothing");
    drop(SqliteStore::open(&at("store.db")).expect("a new store"));
    Connection::open(at("store.db"))
        .and_then(|connection| connection.pragma_update(None, "user_version", 99))
        .expect("a newer layout");
    assert_eq!(kind(&at("store.db")), StoreErrorKind::Newer);
    assert_eq!(
        open_reader(&at("store.db"))
            .map(drop)
            .expect_err("newer")
            .kind,
        StoreErrorKind::Newer
    );
    std::os::unix::fs::symlink(at("elsewhere.db"), at("link.db")).expect("a link");
    let error = SqliteStore::open(&at("link.db"))
        .map(drop)
        .expect_err("no store is made through a link");
    assert!(
        error.to_string().contains("a link that leads to nothing"),
        "{error}"
    );
    assert!(!at("elsewhere.db").exists());
}

#[test]
fn a_link_of_ours_leads_to_the_store() {
    let directory = tempfile::tempdir().expect("a directory");
    let at = |name: &str| directory.path().join(name);
    fs::create_dir(at("real")).expect("a directory");
    drop(SqliteStore::open(&at("real/s.db")).expect("a store"));
    std::os::unix::fs::symlink("real/s.db", at("link.db")).expect("a link");
    let first = SqliteStore::open_exclusive(&at("link.db"), Trust::Owner).expect("by its link");
    // What belongs to the store stands beside the store, so that both names are of one.
    assert!(!at("link.db.lock").exists());
    let error = SqliteStore::open_exclusive(&at("real/s.db"), Trust::Owner)
        .map(drop)
        .expect_err("it is in use");
    assert_eq!(error.kind, StoreErrorKind::InUse);
    let url = mcpr_store::StoreUrl::from(at("link.db"));
    let named = crate::SqliteBackend::at(&url).expect("a file");
    assert_eq!(named.files()[0], at("real/s.db"));
    drop(first);
    // Whoever may write there could lead the link into any other store.
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777)).expect("ours");
    let error = SqliteStore::open(&at("link.db"))
        .map(drop)
        .expect_err("a link that others may have put there");
    assert_eq!(error.kind, StoreErrorKind::Permission, "{error}");
}

#[test]
fn a_store_has_one_recorder_at_a_time() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("store.db");
    let first = SqliteStore::open_exclusive(&path, Trust::Owner).expect("the first");
    let error = SqliteStore::open_exclusive(&path, Trust::Owner)
        .map(drop)
        .expect_err("the second");
    assert_eq!(error.kind, StoreErrorKind::InUse);
    assert!(
        error
            .to_string()
            .contains(&format!("pid {}", std::process::id())),
        "{error}"
    );
    drop(first);
    SqliteStore::open_exclusive(&path, Trust::Owner).expect("the lock is free again");
}

#[test]
fn two_writers_number_their_names_and_rows_without_a_clash() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("store.db");
    let mut writers =
        [SqliteStore::open(&path), SqliteStore::open(&path)].map(|it| it.expect("open"));
    for round in 0..20_i64 {
        for (index, store) in (0_i64..).zip(&mut writers) {
            let mut request = request(&format!("{round}-{index}"), round);
            request.method = format!("method/{}", round % 7).into();
            request.session_id = Some(format!("s-{}", round % 5).into());
            let mut batch = batch(round + 1, vec![request]);
            batch.writer = index;
            store.append(&batch).expect("append");
        }
    }
    let reader = writers[0].reader().expect("reader");
    let page = mcpr_store::query::Page::after(mcpr_store::query::Cursor::START, 1000);
    let entries = reader
        .entries(&mcpr_store::query::Filter::default(), page)
        .expect("entries");
    let seqs: Vec<i64> = entries.iter().map(mcpr_store::query::Entry::seq).collect();
    assert_eq!(seqs, (1..=40).collect::<Vec<_>>());
    let sessions = reader
        .sessions(
            &mcpr_store::query::SessionFilter::default(),
            &mcpr_store::query::SessionPage::oldest(100),
        )
        .expect("sessions");
    assert_eq!(
        sessions
            .iter()
            .map(|session| session.total_calls)
            .collect::<Vec<_>>(),
        [8; 5]
    );
}

#[test]
fn checksums_of_batches_follow_what_is_removed() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut store = store_in(&directory);
    for number in 1..=3_i64 {
        let requests = (0..50).map(|index| {
            let mut request = request(&format!("{number}-{index}"), number * 1000 + index);
            request.session_id = Some(format!("s-{}", index % 3).into());
            request
        });
        store
            .append(&batch(number, requests.collect()))
            .expect("append");
    }
    let key = SessionKey {
        proxy: "weather".into(),
        id: "s-1".into(),
    };
    assert_eq!(store.delete_session(&key).expect("delete"), 51);
    assert_eq!(
        store
            .vacuum(&Retention::before(2000), &mut |_| {})
            .expect("vacuum"),
        33
    );
    let layout = layout_of(&store.connection).expect("a layout");
    let columns = requests::hashed_columns(layout);
    let mut statement = store
        .connection
        .prepare(&format!(
            "SELECT {columns} FROM requests r JOIN operations o ON o.id = r.operation"
        ))
        .expect("a query");
    let hashes: Vec<i64> = statement
        .query_map([], requests::stored_row_hash)
        .and_then(Iterator::collect)
        .expect("rows");
    let requests = i64::try_from(hashes.len()).expect("a small number");
    let sum = hashes
        .iter()
        .fold(0_i64, |sum, hash| sum.wrapping_add(*hash));
    let mut batches = store
        .connection
        .prepare("SELECT requests, checksum FROM batches")
        .expect("ok");
    let (counted, summed) = batches
        .query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))
        .expect("rows")
        .fold((0, 0_i64), |(count, sum), row| {
            let row = row.expect("a row");
            (count + row.0, sum.wrapping_add(row.1))
        });
    assert_eq!((counted, summed), (requests, sum));
}

#[test]
fn writers_that_make_a_store_at_the_same_time_all_get_it() {
    const WRITERS: usize = 6;
    for _ in 0..30 {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("store.db");
        let all_there = std::sync::Barrier::new(WRITERS);
        std::thread::scope(|scope| {
            let open = || {
                all_there.wait();
                SqliteStore::open(&path).map(drop)
            };
            let writers: Vec<_> = (0..WRITERS).map(|_| scope.spawn(open)).collect();
            for writer in writers {
                writer.join().expect("no panic").expect("a store");
            }
        });
    }
}

#[test]
fn a_store_whose_maker_was_killed_is_made_again() {
    let directory = tempfile::tempdir().expect("a directory");
    let at = |name: &str| directory.path().join(name);
    let maker = Connection::open(at("making.db")).expect("a file");
    // A cache that small is written out before the transaction ends, as a long one's is.
    maker
        .execute_batch(
            "PRAGMA cache_size = 1; BEGIN; CREATE TABLE requests (a); CREATE TABLE other (a);
             INSERT INTO requests
                 WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n LIMIT 50)
                 SELECT randomblob(9000) FROM n;",
        )
        .expect("it is taken");
    for suffix in ["", "-journal"] {
        let name = |stem: &str| at(&format!("{stem}.db{suffix}"));
        fs::copy(name("making"), name("left")).expect("copied in the middle");
    }
    assert!(fs::metadata(at("left.db")).expect("a file").len() > 0);
    let mut store = SqliteStore::open(&at("left.db")).expect("it is made again");
    assert_eq!(store.checkpoints().expect("readable"), []);
}

#[test]
fn a_store_whose_making_failed_between_two_pages_is_made_again() {
    let directory = tempfile::tempdir().expect("a directory");
    let at = |name: &str| directory.path().join(name);
    let maker = Connection::open(at("making.db")).expect("a file");
    functions::register(&maker).expect("functions");
    // What opening a new store does, with a cache so small that the journal is written early.
    maker
        .execute_batch(&format!(
            "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA cache_size = 1; BEGIN;
             {}; PRAGMA application_id = {APPLICATION_ID}",
            MIGRATIONS.concat()
        ))
        .expect("it is taken");
    fs::copy(at("making.db-journal"), at("left.db-journal")).expect("copied in the middle");
    maker.execute_batch("COMMIT").expect("it is made");
    let made = fs::read(at("making.db")).expect("a file");
    // The first page names all the others, and they are not there.
    fs::write(at("left.db"), &made[..4096]).expect("written");
    let mut store = SqliteStore::open(&at("left.db")).expect("it is made again");
    assert_eq!(store.checkpoints().expect("readable"), []);
}
