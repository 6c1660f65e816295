//! A file that was made on purpose: names of megabytes, each of which many rows refer to.

use crate::SqliteStore;
use crate::read::SqliteReader;
use crate::read::costs::{OF_ALL, OF_ONE, events, filled, limit_lengths, reader, unfinished};
use mcpr_model::Status;
use mcpr_store::query::{Entry, Filter, Order, Search, SessionKey, SurfacePage, TimePage};
use mcpr_store::{Reader, Writer};
use rusqlite::Connection;

/// More than the longest name that is read.
const LONG: usize = 5 << 20;

/// Makes every name longer than any that is recorded, each in its own way.
fn lengthen(path: &std::path::Path) {
    let raw = Connection::open(path).expect("a file");
    let long = "n".repeat(LONG);
    for sql in [
        "UPDATE proxies SET name = ?1 || id",
        "UPDATE clients SET name = ?1 || id WHERE id IN (SELECT id FROM clients LIMIT 2)",
        "UPDATE operations SET target = ?1 || id WHERE id IN (SELECT id FROM operations LIMIT 2)",
        "UPDATE sessions SET session_id = ?1 || id WHERE id IN (SELECT id FROM sessions LIMIT 2)",
        "UPDATE requests SET error_msg = ?1 || seq WHERE seq IN (SELECT seq FROM requests LIMIT 2)",
        "UPDATE requests SET request_id = CAST(?1 AS BLOB) WHERE seq IN (SELECT seq FROM requests LIMIT 2)",
        "UPDATE gaps SET source = ?1",
    ] {
        assert!(raw.execute(sql, [&long]).expect(sql) > 0, "{sql}");
    }
    // All at one time, so that every listing sorts all of them.
    raw.execute_batch("UPDATE sessions SET started_at = 5, last_seen_at = 5")
        .and_then(|()| raw.execute_batch("UPDATE requests SET ts = 5, key = seq"))
        .expect("times");
}

fn every_page(reader: &SqliteReader, filter: &Filter, order: Order) -> usize {
    let mut page = TimePage {
        stored_before: None,
        after: None,
        before: None,
        order,
        limit: 50,
    };
    let mut count = 0;
    loop {
        let entries = reader.timeline(filter, page).expect("a page");
        let Some(last) = entries.last().map(Entry::place) else {
            return count;
        };
        count += entries.len();
        match order {
            Order::Ascending => page.after = Some(last),
            Order::Descending => page.before = Some(last),
        }
    }
}

#[test]
fn a_name_of_megabytes_is_not_read_with_each_row_that_refers_to_it() {
    const ROWS: i64 = 300;
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("store.db");
    let mut store: SqliteStore = filled(&path, ROWS);
    let gap = mcpr_model::Gap {
        source: "-".into(),
        count: 1,
        from_ts: 5,
        to_ts: 5,
        key: None,
    };
    let others = vec![mcpr_model::Event::Gap(gap), unfinished(1)];
    store.append(&events(1000, others)).expect("append");
    drop(store);
    lengthen(&path);
    let mut reader = reader(&path);
    limit_lengths(&reader, 70_000);
    let session = SessionKey {
        proxy: "weather".into(),
        id: "s-100".into(),
    };
    // Its proxy has another name by now, which cannot be asked for.
    let of_session = Filter {
        session: Some(session),
        ..Filter::default()
    };
    let failed = Filter {
        statuses: vec![Status::Error],
        ..Filter::default()
    };
    let searched = Filter {
        grep: Some(Search::expression("nowhere").expect("an expression")),
        ..Filter::default()
    };
    let all = usize::try_from(ROWS).expect("a number") + 1;
    for order in [Order::Ascending, Order::Descending] {
        assert_eq!(every_page(&reader, &Filter::default(), order), all);
        assert_eq!(every_page(&reader, &failed, order), all / 3 + 1);
        assert_eq!(every_page(&reader, &of_session, order), 1, "the gap alone");
        assert_eq!(every_page(&reader, &searched, order), 1, "the gap alone");
    }
    for (name, question) in OF_ALL.iter().chain(OF_ONE) {
        println!("{name}");
        question(&mut reader, ROWS);
    }
    reader.rollups(&mut drop).expect("sums");
    reader.surfaces(&SurfacePage::of(None)).expect("lists");
    let first = reader.request(1).expect("a request").expect("the first");
    let expected = format!("(too long to show: {} bytes, number 1)", LONG + 1);
    assert_eq!(first.proxy, expected);
    assert_eq!(first.client_name.as_deref(), Some(expected.as_str()));
}
