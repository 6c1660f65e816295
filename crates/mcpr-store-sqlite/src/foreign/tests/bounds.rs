//! Stores made on purpose: with texts of megabytes, and with names without end.

use super::*;
use mcpr_store::StoreErrorKind;
use mcpr_store::query::{GroupBy, SessionPage, StatsQuestion};

/// Longest text that is shown of any longer one, bytes.
const MAX_SHOWN: usize = 4096;

#[test]
fn texts_of_megabytes_are_not_read_whole() {
    let of_requests = ["request_id", "proxy", "session_id", "method", "tool"];
    let of_sessions = ["proxy", "client_name", "client_version"];
    // Of two sizes: one is shown by its beginning, one by its length alone.
    let long =
        |column: &&str| format!("{column} = id || hex(zeroblob(10000 + 1000000 * (id % 2)))");
    let set = |columns: &[&str]| columns.iter().map(long).collect::<Vec<_>>().join(", ");
    let directory = tempfile::tempdir().expect("a directory");
    let paths = [
        (made_04(&make(&directory, "04"), 5), "requests", "rowid"),
        (made_05(&make(&directory, "05")), "responses", "rowid"),
    ];
    for (path, messages, number) in paths {
        let sql = format!(
            "UPDATE requests SET {};
             UPDATE sessions SET {};
             UPDATE {messages} SET error_code = 'x', error_msg = hex(zeroblob(1000000));",
            set(&of_requests),
            set(&of_sessions)
                .replace("= id", &format!("= {number}"))
                .replace("(id %", &format!("({number} %")),
        );
        Connection::open(&path)
            .and_then(|store| store.execute_batch(&sql))
            .expect("long texts");
        let reader = open(&path);
        let rows = all_requests(reader.as_ref()).expect("requests");
        assert!(!rows.is_empty());
        for row in rows {
            let texts = [
                row.request_id,
                Some(row.proxy),
                row.session,
                Some(row.method),
                row.tool,
                row.client_name,
                row.client_version,
                row.error_msg,
            ];
            for text in texts.into_iter().flatten() {
                assert!(text.len() <= MAX_SHOWN, "{} bytes", text.len());
            }
        }
        for row in all_sessions(reader.as_ref()).expect("sessions") {
            let texts = [Some(row.proxy), Some(row.session_id), row.client_name];
            for text in texts.into_iter().flatten() {
                assert!(text.len() <= MAX_SHOWN, "{} bytes", text.len());
            }
        }
    }
}

fn make(directory: &tempfile::TempDir, name: &str) -> PathBuf {
    let path = directory.path().join(name);
    fs::create_dir(&path).expect("a directory");
    path
}

#[test]
fn sessions_and_names_without_end_are_an_error_and_not_memory() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = made_04(directory.path(), 5);
    let sql = "WITH RECURSIVE n (x) AS (SELECT 100 UNION ALL SELECT x + 1 FROM n WHERE x < 30000)
         INSERT INTO requests (id, request_id, ts, proxy, session_id, method, tool, latency_us, status)
         SELECT x, 'r' || x, x, 'weather', 's-' || x, 'tools/call', 't-' || x, 1, 'ok' FROM n";
    Connection::open(&path)
        .and_then(|store| store.execute_batch(sql))
        .expect("many rows");
    let reader = open(&path);
    let filter = SessionFilter::default();
    let sums = StatsQuestion::sums(&Filter::default(), GroupBy::Tool);
    let refused = [
        reader.sessions(&filter, &SessionPage::oldest(1)).err(),
        reader.clients(&filter, 10).err(),
        reader.stats(&sums).err(),
        reader.overview().err(),
    ];
    for error in refused {
        let error = error.expect("too much to hold");
        assert_eq!(error.kind, StoreErrorKind::Unsupported, "{error}");
        assert!(error.hint.is_some(), "{error}");
    }
    // What comes in pages still comes.
    let rows = all_requests(reader.as_ref()).expect("requests");
    assert!(rows.len() > 29_000);
}
