//! The clauses about what servers show, with expectations written by hand.

use super::*;
use mcpr_model::{Said, SurfaceNews};
use mcpr_surface::capture::{MAX_LONE_ITEMS, MAX_VERSIONS};

/// What a server showed a session: these tools, and where the list goes on.
fn page(ts: i64, (cursor, next): (Option<&str>, Option<&str>), tools: &str) -> Event {
    let next = next.map_or_else(String::new, |next| format!(",\"nextCursor\":\"{next}\""));
    Event::Surface(Box::new(SurfaceNews {
        proxy: "p".into(),
        method: "tools/list".into(),
        ts,
        session_id: Some("s".into()),
        client_name: None,
        said: Said::Page {
            cursor: cursor.map(Into::into),
            asked_version: None,
            result: format!("{{\"tools\":[{tools}]{next}}}").into(),
        },
    }))
}

/// Version, first and last sight of each.
fn versions(store: &dyn Store) -> Vec<(i64, i64, i64)> {
    let surfaces = fold::surfaces(&*reader(store), None).expect("surfaces");
    let rows = surfaces.versions.iter();
    rows.map(|row| (row.version, row.first_seen_at, row.last_seen_at))
        .collect()
}

pub(crate) fn a_list_that_comes_again_is_one_version_seen_later(backend: &dyn Fixture) {
    const A: &str = r#"{"name":"a"}"#;
    const B: &str = r#"{"name":"b"}"#;
    let whole = |ts: i64, tools: &str| page(ts, (None, None), tools);
    let mut store = backend.open();
    let mut number = 0;
    let mut say = |store: &mut dyn Store, events: Vec<Event>| {
        number += 1;
        store.append(&batch(number, events)).expect("append");
    };
    say(&mut *store, vec![whole(10, A), whole(20, A), whole(15, A)]);
    assert_eq!(versions(&*store), [(1, 10, 20)], "one comes too late");
    say(&mut *store, vec![whole(25, A), whole(30, B), whole(40, A)]);
    let seen = [(1, 10, 25), (2, 30, 30), (3, 40, 40)];
    assert_eq!(versions(&*store), seen, "what comes back is new");
    say(&mut *store, vec![whole(50, A)]);
    drop(store);
    let mut store = backend.open();
    assert_eq!(versions(&*store)[2], (3, 40, 50));
    say(&mut *store, vec![whole(60, A)]);
    say(&mut *store, vec![whole(70, A), whole(80, A)]);
    assert_eq!(versions(&*store)[2], (3, 40, 80));
    let begun = page(90, (None, Some("1")), B);
    let rest = page(92, (Some("1"), None), B);
    say(&mut *store, vec![begun, whole(91, A), rest]);
    let seen = [(1, 10, 25), (2, 30, 30), (3, 40, 91)];
    assert_eq!(versions(&*store), seen, "a whole list ends what had begun");
}

pub(crate) fn what_a_request_says_of_the_surface_is_taken_with_its_row(backend: &dyn Fixture) {
    const A: &str = r#"{"name":"a"}"#;
    let listed = |id: &str, ts: i64| {
        let Event::Surface(news) = page(ts, (None, None), A) else {
            unreachable!("a page is one");
        };
        Request {
            method: "tools/list".into(),
            surface: Some(news),
            ..request(id, ts)
        }
    };
    let mut store = backend.open();
    append(&mut *store, 1, vec![listed("a", 10), listed("b", 20)]);
    assert_eq!(versions(&*store), [(1, 10, 20)]);
    let row = &fold::surfaces(&*reader(&*store), None)
        .expect("surfaces")
        .versions[0];
    assert_eq!(row.seq, 1, "it stands behind its request");
    // A second delivery of the same request, whatever it says now.
    let mut again = listed("b", 20);
    again.surface = listed("b", 30).surface;
    assert_eq!(append(&mut *store, 2, vec![again]).duplicates, 1);
    assert_eq!(versions(&*store), [(1, 10, 20)]);
    drop(store);
    backend.check();
}

/// The text that is in force.
fn in_force(store: &dyn Store) -> String {
    let surfaces = fold::surfaces(&*reader(store), None).expect("surfaces");
    let row = surfaces.in_force("p", "tools/list", i64::MAX);
    row.expect("a version").payload.clone()
}

pub(crate) fn a_list_that_flaps_moves_when_it_was_seen(backend: &dyn Fixture) {
    let tools = |at: i64| format!(r#"{{"name":"{}"}}"#, if at % 2 == 0 { "a" } else { "b" });
    let mut store = backend.open();
    for at in 0..100 {
        let events = vec![page(at, (None, None), &tools(at))];
        store.append(&batch(at + 1, events)).expect("append");
        assert!(in_force(&*store).contains(&tools(at)), "at {at}");
    }
    let seen = [(1, 0, 0), (2, 1, 1), (3, 2, 98), (4, 3, 99)];
    assert_eq!(versions(&*store), seen, "it came back, and then it flaps");
    let other = r#"{"name":"c"}"#;
    let events = vec![page(400, (None, None), other)];
    store.append(&batch(500, events)).expect("append");
    assert_eq!(versions(&*store)[4], (5, 400, 400), "what is new is new");
    drop(store);
    backend.check();
    assert!(in_force(&*backend.open()).contains(other));
}

pub(crate) fn versions_of_a_list_are_bounded(backend: &dyn Fixture) {
    let most = i64::try_from(MAX_VERSIONS).expect("few");
    let mut store = backend.open();
    let lists = (1..=most + 5).map(|at| page(at, (None, None), &format!(r#"{{"name":"t{at}"}}"#)));
    store.append(&batch(1, lists.collect())).expect("append");
    let kept = versions(&*store);
    assert_eq!(kept.len(), MAX_VERSIONS);
    assert_eq!(kept.first(), Some(&(6, 6, 6)), "those seen longest ago go");
    assert_eq!(kept.last().map(|row| row.0), Some(most + 5));
    drop(store);
    backend.check();
}

pub(crate) fn items_of_a_list_never_seen_whole_are_bounded(backend: &dyn Fixture) {
    let item = |at: usize| {
        Event::Surface(Box::new(SurfaceNews {
            proxy: "p".into(),
            method: "tools/list".into(),
            ts: i64::try_from(at).expect("few"),
            session_id: None,
            client_name: None,
            said: Said::Item {
                item: format!(r#"{{"name":"t{at}"}}"#).into(),
            },
        }))
    };
    let mut store = backend.open();
    let events = (0..MAX_LONE_ITEMS + 3).map(item).collect();
    store.append(&batch(1, events)).expect("append");
    let items = fold::surfaces(&*reader(&*store), None)
        .expect("surfaces")
        .items;
    assert_eq!(items.len(), MAX_LONE_ITEMS);
    let oldest = items.iter().map(|item| item.last_seen_at).min();
    assert_eq!(oldest, Some(3), "those seen longest ago go");
    drop(store);
    backend.check();
}
