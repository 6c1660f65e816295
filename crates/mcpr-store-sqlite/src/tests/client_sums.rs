//! What `clients` says from sums of blocks is what the sessions themselves say.

use super::{batch, request, store_in};
use crate::read::costs::steps_of;
use crate::session_blocks::QUIET_BATCHES;
use crate::{SqliteStore, verify};
use mcpr_model::Request;
use mcpr_store::query::{ClientsFold, Pattern, SessionFilter, SessionKey, SessionPage};
use mcpr_store::{Admin, Class, Depth, Reader, Retention, Writer};

const HOUR_MS: i64 = 3_600_000;

/// A request in a session of its own, of one of a few clients and proxies.
fn in_session(session: i64, ts: i64) -> Request {
    Request {
        session_id: Some(format!("s-{session}").as_str().into()),
        client_name: (session % 5 > 0).then(|| format!("client-{}", session % 5).as_str().into()),
        proxy: format!("proxy-{}", session % 3).as_str().into(),
        ..request(&format!("{session}-{ts}"), ts)
    }
}

/// Sessions, a minute from each other, that were left alone since.
fn recorded(directory: &tempfile::TempDir, sessions: std::ops::Range<i64>) -> SqliteStore {
    let mut store = store_in(directory);
    for (number, first) in (1..).zip(sessions.clone().step_by(500)) {
        let of_batch = first..sessions.end.min(first + 500);
        let requests = of_batch.map(|session| in_session(session, session * 60_000));
        store
            .append(&batch(number, requests.collect()))
            .expect("append");
    }
    settle(&mut store, 1000);
    store
}

/// Leaves every session alone for long enough, and then gives the store an idle moment.
fn settle(store: &mut SqliteStore, first_batch: i64) {
    for number in first_batch..first_batch + i64::try_from(QUIET_BATCHES).expect("a number") {
        store.append(&batch(number, Vec::new())).expect("append");
    }
    store.idle().expect("idle");
}

fn blocks(store: &SqliteStore) -> i64 {
    let count = "SELECT count(DISTINCT block) FROM session_blocks";
    store
        .connection
        .query_row(count, [], |row| row.get(0))
        .expect("blocks")
}

/// Each window, proxy and client that cuts the sessions in another way.
fn filters() -> Vec<SessionFilter> {
    let pattern = |text: &str| Some(Pattern::new(text).expect("a pattern"));
    let mut filters = Vec::new();
    for hours in [None, Some(0), Some(7), Some(30), Some(45), Some(1000)] {
        let bound = hours.map(|hours| hours * HOUR_MS + 1);
        for (since, until) in [(bound, None), (None, bound), (bound, Some(40 * HOUR_MS))] {
            let window = SessionFilter {
                since,
                until,
                ..SessionFilter::default()
            };
            filters.push(SessionFilter {
                with_empty: true,
                ..window.clone()
            });
            filters.push(SessionFilter {
                proxy: pattern("proxy-1"),
                ..window.clone()
            });
            filters.push(SessionFilter {
                client: pattern("client-[23]"),
                ..window.clone()
            });
            filters.push(window);
        }
    }
    filters
}

/// Compares each answer with what comes of the sessions one by one.
fn assert_right(store: &SqliteStore, what: &str) {
    let reader = store.reader().expect("a reader");
    for filter in filters() {
        let mut fold = ClientsFold::default();
        for session in all_sessions(reader.as_ref(), &filter) {
            fold.add(&session);
        }
        let listed = reader.clients(&filter, 3).expect("clients");
        assert_eq!(listed, fold.finish(3), "{what}: {filter:?}");
    }
    let found = verify(store.path(), Depth::Full).expect("a store");
    assert_eq!(found.problems, [""; 0], "{what}");
}

fn all_sessions(reader: &dyn Reader, filter: &SessionFilter) -> Vec<mcpr_store::query::SessionRow> {
    let mut all = Vec::new();
    let mut page = SessionPage::oldest(1000);
    loop {
        let rows = reader.sessions(filter, &page).expect("sessions");
        let Some(last) = rows.last() else { return all };
        page.after = Some(last.place());
        all.extend(rows);
    }
}

#[test]
fn sums_of_blocks_say_what_their_sessions_say_whatever_is_changed() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut store = recorded(&directory, 0..5000);
    assert_eq!(blocks(&store), 4);
    assert_right(&store, "recorded");
    // An old session goes on, and one has an earlier request than all it had.
    let late = vec![in_session(5, 9 * HOUR_MS), in_session(3000, 1)];
    store.append(&batch(2000, late)).expect("append");
    assert_eq!(blocks(&store), 2, "what changed has no sums");
    assert_right(&store, "changed");
    store.idle().expect("idle");
    assert_eq!(blocks(&store), 2, "nor while more may come");
    settle(&mut store, 3000);
    assert_eq!(blocks(&store), 4, "and has them again");
    assert_right(&store, "made again");
    let key = SessionKey {
        proxy: "proxy-1".into(),
        id: "s-1300".into(),
    };
    assert_eq!(store.delete_session(&key).expect("deleted"), 1);
    assert_right(&store, "deleted");
    store.rename_proxy("proxy-2", "proxy-1").expect("renamed");
    assert_right(&store, "renamed");
    store.idle().expect("idle");
    let old = Retention::of(Class::Requests, 20 * HOUR_MS);
    store.vacuum(&old, &mut |_| {}).expect("vacuum");
    assert_right(&store, "vacuumed");
}

#[test]
fn a_writer_makes_the_sums_that_another_one_left_out() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = recorded(&directory, 0..3000);
    store
        .connection
        .execute("DELETE FROM session_blocks", [])
        .expect("none");
    crate::census::settle(&store.connection).expect("counted");
    drop(store);
    let mut store = store_in(&directory);
    assert_eq!(blocks(&store), 0);
    assert_right(&store, "without sums");
    store.idle().expect("idle");
    assert_eq!(blocks(&store), 2);
    assert_right(&store, "made by another writer");
}

#[test]
fn clients_of_a_long_past_are_reported_without_a_look_at_each_session() {
    let steps = |sessions: i64| {
        let directory = tempfile::tempdir().expect("a directory");
        let store = recorded(&directory, 0..sessions);
        steps_of(store.path(), |reader| {
            let listed = reader.clients(&SessionFilter::default(), 10);
            assert_eq!(listed.expect("clients").len(), 5);
        })
    };
    // 1,000 sessions at the end of each have no sums yet.
    let (few, many) = (steps(10 * 1024 + 1000), steps(40 * 1024 + 1000));
    assert!(
        many < few * 2,
        "{few} steps, {many} for four times as many sessions"
    );
}

#[test]
fn sums_that_something_else_changed_are_damage() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = recorded(&directory, 0..3000);
    let path = store.path().to_owned();
    let change = "UPDATE session_blocks SET calls = calls + 1,
                  seal = row_seal(block, client, proxy, used, sessions, calls + 1, errors, first_started_at,
                                  last_started_at, first_last_seen_at, last_seen_at) WHERE block = 1";
    store.connection.execute(change, []).expect("changed");
    crate::census::settle(&store.connection).expect("counted");
    let found = verify(&path, Depth::Full).expect("a store");
    let listed = "the sums of sessions 1024 to 2047 are not what these come to";
    assert_eq!(found.problems, [listed]);
}
