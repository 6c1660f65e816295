//! Stores of older layouts: read as they are, and migrated.

use crate::layout::MIGRATIONS;
use crate::migrate::lay_out;
use crate::{APPLICATION_ID, SqliteStore, census, functions, open_reader, seal, verify};
use mcpr_store::Depth;
use mcpr_store::query::{SessionFilter, SessionPage, SessionRow};
use rusqlite::Connection;

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
