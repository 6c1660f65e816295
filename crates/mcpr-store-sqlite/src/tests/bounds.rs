//! What is removed is gone, what is kept is kept once, and what was changed is found.

use super::{batch, request, store_in};
use crate::file::sibling;
use crate::layout::MIGRATIONS;
use crate::migrate::{empty_bytes, fresh};
use crate::{SqliteStore, open_reader, seal, verify};
use mcpr_model::{
    BadLine, CallFacts, CallKey, Channel, Checkpoint, Event, EventKey, FileIdentity, Fingerprint,
    Gap, OpenRequest, Payload, ServerRun, SessionState, SessionUpdate, SurfaceContent,
    SurfaceUpdate,
};
use mcpr_store::query::{Filter, Page, SessionKey};
use mcpr_store::{Admin, Class, Depth, Retention, StoreErrorKind, Writer};
use rusqlite::Connection;
use std::fs;

/// Something of every sort that a writer stores.
fn everything() -> Vec<Event> {
    let update = |content| {
        Event::Surface(Box::new(SurfaceUpdate {
            proxy: "weather".into(),
            method: "tools/list".into(),
            ts: 5,
            session_id: Some("s-1".into()),
            client_name: None,
            content,
        }))
    };
    let mut asked = request("a", 1);
    asked.outcome.retyped = true;
    asked.payload = Payload::of(Some(r#"{"a":1}"#), Some("[]")).map(Box::new);
    let whole = r#"{"tools":[{"name":"a"}]}"#.into();
    let page = r#"{"tools":[{"name":"a"}],"nextCursor":"2"}"#.into();
    vec![
        Event::Request(asked),
        Event::Gap(Gap {
            source: "-".into(),
            count: 3,
            from_ts: 1,
            to_ts: 2,
            key: None,
        }),
        Event::BadLine(BadLine {
            source: "a.log".into(),
            offset: 7,
            reason: "no JSON".into(),
            excerpt: vec![b'{'],
            ts: 3,
        }),
        update(SurfaceContent::ListChanged),
        update(SurfaceContent::Whole {
            upstream: None,
            result: whole,
        }),
        update(SurfaceContent::Page {
            cursor: None,
            asked_version: None,
            result: page,
        }),
        Event::Surface(Box::new(SurfaceUpdate {
            proxy: "weather".into(),
            method: "prompts/list".into(),
            ts: 5,
            session_id: None,
            client_name: None,
            content: SurfaceContent::Item {
                item: r#"{"name":"p"}"#.into(),
            },
        })),
        Event::Session(SessionUpdate {
            session_id: "s-1".into(),
            proxy: Some("weather".into()),
            ts: 6,
            started_at: None,
            last_seen_at: None,
            state: SessionState::Active,
            client_name: None,
            client_version: None,
            conversation: Some("c".into()),
        }),
    ]
}

/// A request in flight, and a server of a tap.
fn in_flight() -> [Event; 2] {
    [
        Event::Open(Box::new(OpenRequest {
            request: request("in flight", 1),
            resumes: false,
            is_over: false,
        })),
        Event::Server(Box::new(ServerRun {
            proxy: "weather".into(),
            session_id: "s-1".into(),
            pid: Some(7),
            ..ServerRun::default()
        })),
    ]
}

/// A store with something in every table.
fn filled(directory: &tempfile::TempDir) -> std::path::PathBuf {
    let mut store = store_in(directory);
    let mut all = batch(1, Vec::new());
    all.events = everything();
    all.events.extend(in_flight());
    all.sources[0].checkpoint = Some(Checkpoint {
        identity: FileIdentity {
            device: 1,
            inode: 2,
        },
        path: "a.log".into(),
        head: Fingerprint { len: 1, hash: 2 },
        marker: Fingerprint { len: 1, hash: 2 },
        offset: 3,
    });
    store.append(&all).expect("append");
    store.path().to_owned()
}

#[test]
fn a_row_that_something_else_took_out_is_missed_whatever_its_table_is() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = filled(&directory);
    let problems = || verify(&path, Depth::Quick).expect("a store").problems;
    assert_eq!(problems(), [""; 0]);
    let whole = fs::read(&path).expect("a store");
    let layout = fresh(MIGRATIONS.len()).expect("a layout");
    let mut empty = Vec::new();
    for sealed in seal::sealed(&layout).expect("tables") {
        let table = sealed.table;
        let raw = Connection::open(&path).expect("open");
        raw.execute_batch("PRAGMA foreign_keys = 0").expect("lax");
        let gone = raw.execute(&format!("DELETE FROM {table}"), []);
        drop(raw);
        if gone.expect("rows") == 0 {
            empty.push(table);
            continue;
        }
        assert_ne!(problems(), [""; 0], "{table}");
        fs::write(&path, &whole).expect("written");
    }
    assert_eq!(empty, WITHOUT_ROWS);
}

/// Tables that hold nothing in a store of so few requests.
const WITHOUT_ROWS: [&str; 3] = ["id_blocks", "id_marks", "session_blocks"];

#[test]
fn what_was_removed_in_order_is_no_fault() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = filled(&directory);
    let mut store = SqliteStore::open(&path).expect("a store");
    let problems = || verify(&path, Depth::Full).expect("a store").problems;
    store
        .forget_files(i64::MAX, &mut |_| true)
        .expect("forgotten");
    assert_eq!(problems(), [""; 0]);
    let all = [
        Class::Payloads,
        Class::Requests,
        Class::Sums,
        Class::Surfaces,
    ];
    for class in all.into_iter().chain([Class::Names]) {
        let what = Retention::of(class, i64::MAX);
        store.vacuum(&what, &mut |_| {}).expect("vacuum");
        assert_eq!(problems(), [""; 0], "{class:?}");
    }
    // Nor what was rolled back, or came twice.
    let mut again = batch(2, Vec::new());
    again.events = everything();
    again.events.extend(everything());
    for _ in 0..2 {
        store.append(&again).expect("append");
        assert_eq!(problems(), [""; 0]);
    }
    let key = SessionKey {
        proxy: "weather".into(),
        id: "s-1".into(),
    };
    assert_eq!(store.delete_session(&key).expect("delete"), 1);
    assert_eq!(problems(), [""; 0]);
}

#[test]
fn a_request_whose_call_was_changed_is_found() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut store = store_in(&directory);
    let facts = CallFacts {
        session_id: Some("s-1"),
        id: "1",
        method: "tools/call",
        target: "echo",
    };
    let call = CallKey::of_call(Channel::Stderr, facts);
    let mut shown = request("a", 1);
    shown.key = EventKey::of_bytes(b"a", 0).with_call(call);
    store.append(&batch(1, vec![shown])).expect("append");
    let path = store.path().to_owned();
    drop(store);
    let problems = || verify(&path, Depth::Quick).expect("a store").problems;
    assert_eq!(problems(), [""; 0]);
    let raw = Connection::open(&path).expect("open");
    raw.execute("UPDATE requests SET call = call + 4", [])
        .expect("one");
    drop(raw);
    let found = problems();
    assert!(
        found[0].contains("its checksum does not match"),
        "{found:?}"
    );
}

/// The columns of every table that has rows of its own, apart from those that a row is found by.
fn columns() -> Vec<(String, String, String)> {
    let layout = fresh(MIGRATIONS.len()).expect("a layout");
    let sql = "SELECT t.name, c.name, c.type FROM sqlite_schema t, pragma_table_info(t.name) c
               WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' AND t.name <> 'requests'
               AND c.name <> 'seal' AND c.pk = 0";
    let mut columns = layout.prepare(sql).expect("a question");
    columns
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .and_then(Iterator::collect)
        .expect("columns")
}

#[test]
fn a_row_of_any_table_that_was_changed_is_found() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut store = store_in(&directory);
    let mut all = batch(1, Vec::new());
    all.events = everything();
    store.append(&all).expect("append");
    let path = store.path().to_owned();
    drop(store);
    let problems = |path| verify(path, Depth::Quick).expect("a store").problems;
    assert_eq!(problems(&path), [""; 0]);
    let whole = fs::read(&path).expect("a store");
    let mut changed = 0;
    for (table, column, kind) in columns() {
        fs::write(&path, &whole).expect("written");
        let other = match kind.as_str() {
            "INTEGER" => "CASE WHEN {} IN (0, 1) THEN 1 - {} ELSE {} + 1 END",
            "BLOB" => "zeroblob(length({}) + 1)",
            _ => "{} || 'x'",
        };
        let other = other.replace("{}", &column);
        let sql = format!("UPDATE {table} SET {column} = {other} WHERE {column} IS NOT NULL");
        let raw = Connection::open(&path).expect("open");
        for lax in ["ignore_check_constraints = 1", "foreign_keys = 0"] {
            raw.execute_batch(&format!("PRAGMA {lax}")).expect("lax");
        }
        let rows = raw.execute(&sql, []).expect(&sql);
        drop(raw);
        if rows > 0 {
            changed += 1;
            assert_ne!(problems(&path), [""; 0], "{sql}");
        }
    }
    assert!(changed > 60, "{changed} columns were tried");
}

#[test]
fn a_forged_row_is_found() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut store = store_in(&directory);
    store
        .append(&batch(1, vec![request("a", 1)]))
        .expect("append");
    let path = store.path().to_owned();
    drop(store);
    let whole = fs::read(&path).expect("a store");
    for sql in [
        "INSERT INTO bad_lines (seq, ts, source, offset, reason, excerpt)
         VALUES (1, 1, 'a', 1, 'r', x'00')",
        "INSERT INTO payloads (seq, ts, params_cut, answer_cut) VALUES (1, 1, 0, 0)",
        "INSERT INTO gaps (seq, source, count, from_ts, to_ts) VALUES (1, 'a', 1, 1, 1)",
        "INSERT INTO proxies (name) VALUES ('x')",
    ] {
        fs::write(&path, &whole).expect("written");
        Connection::open(&path)
            .and_then(|raw| raw.execute(sql, []))
            .expect(sql);
        let found = verify(&path, Depth::Quick).expect("a store");
        assert_ne!(found.problems, [""; 0], "{sql}");
    }
}

#[test]
fn a_row_that_others_refer_to_is_missed_when_it_is_gone() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut store = store_in(&directory);
    let mut all = batch(1, Vec::new());
    all.events = everything();
    store.append(&all).expect("append");
    let path = store.path().to_owned();
    drop(store);
    let whole = fs::read(&path).expect("a store");
    for table in [
        "requests",
        "operations",
        "proxies",
        "clients",
        "sessions",
        "rollups",
        "batches",
        "request_ids",
        "surface_texts",
        "surface_pages",
    ] {
        fs::write(&path, &whole).expect("written");
        let raw = Connection::open(&path).expect("open");
        raw.execute_batch("PRAGMA foreign_keys = 0").expect("lax");
        let gone = raw.execute(&format!("DELETE FROM {table}"), []);
        assert!(gone.expect(table) > 0, "{table}");
        drop(raw);
        let found = verify(&path, Depth::Full).expect("a store");
        assert_ne!(found.problems, [""; 0], "{table}");
    }
}

#[test]
fn an_unknown_number_is_an_error_that_names_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut store = store_in(&directory);
    store
        .append(&batch(1, vec![request("a", 1)]))
        .expect("append");
    let raw = Connection::open(store.path()).expect("open");
    raw.execute("UPDATE requests SET error_kind = 9", [])
        .expect("a number of the future");
    let error = open_reader(store.path())
        .and_then(|reader| reader.entries(&Filter::default(), Page::newest(None, 10)))
        .expect_err("no kind of error is 9");
    assert_eq!(error.kind, StoreErrorKind::Corrupt);
    let shown = format!("{error:#}");
    assert!(shown.contains("9 stands for no kind of error"), "{shown}");
}

#[test]
fn what_a_deleted_session_held_is_nowhere_in_the_file() {
    const SECRET: &str = "SECRETWORD";
    let directory = tempfile::tempdir().expect("a directory");
    let mut store = store_in(&directory);
    let mut all = batch(1, Vec::new());
    for at in 0..300_i64 {
        let mut request = request(&format!("{at}"), at);
        let is_secret = at % 3 == 0;
        let word = if is_secret { SECRET } else { "plainword" };
        request.session_id = Some(if is_secret { "s-secret" } else { "s-plain" }.into());
        request.outcome.error_msg = Some(format!("{word} {at}").into());
        // It does not compress, so that it takes pages of its own and can be looked for.
        let noise: String = (0..4000).map(|_| fastrand::alphanumeric()).collect();
        let payload = Payload::of(Some(&format!("\"{word}{noise}\"")), None);
        request.payload = payload.map(Box::new);
        all.events.push(Event::Request(request));
    }
    store.append(&all).expect("append");
    let path = store.path().to_owned();
    store.idle().expect("a checkpoint");
    let times = |path: &std::path::Path, word: &str| {
        let bytes = fs::read(path).unwrap_or_default();
        let windows = bytes.windows(word.len());
        windows.filter(|window| *window == word.as_bytes()).count()
    };
    assert!(times(&path, SECRET) >= 100, "it is there to be found");
    let key = SessionKey {
        proxy: "weather".into(),
        id: "s-secret".into(),
    };
    assert_eq!(store.delete_session(&key).expect("delete"), 100);
    assert_eq!(times(&path, SECRET), 0);
    assert_eq!(times(&sibling(&path, "-wal"), SECRET), 0);
    assert!(times(&path, "plainword") >= 200);
}

#[test]
fn a_list_that_flaps_takes_the_space_of_two() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut store = store_in(&directory);
    // 90 KB each that do not compress.
    let noise = || -> String { (0..90_000).map(|_| fastrand::alphanumeric()).collect() };
    let lists = [noise(), noise()]
        .map(|noise| format!(r#"{{"tools":[{{"name":"a","description":"{noise}"}}]}}"#));
    let mut used = 0;
    for at in 0..400_i64 {
        let mut shown = batch(at, Vec::new());
        shown.events = vec![Event::Surface(Box::new(SurfaceUpdate {
            proxy: "p".into(),
            method: "tools/list".into(),
            ts: at,
            session_id: None,
            client_name: None,
            content: SurfaceContent::Whole {
                upstream: None,
                result: lists[usize::from(at % 2 == 1)].as_str().into(),
            },
        }))];
        store.append(&shown).expect("append");
        match at {
            3 => used = store.used_bytes().expect("pages"),
            at if at > 3 => assert_eq!(store.used_bytes().expect("pages"), used, "at {at}"),
            _ => {}
        }
    }
    let used = used - empty_bytes().expect("an empty store");
    assert!(used < 200_000, "{used} bytes");
    let texts: i64 = store
        .connection
        .query_row("SELECT count(*) FROM surface_texts", [], |row| row.get(0))
        .expect("texts");
    assert_eq!(texts, 2);
}
