//! The clauses about what servers show, with expectations written by hand.

use super::*;
use mcpr_model::{SurfaceContent, SurfaceUpdate};
use mcpr_surface::capture::{
    MAX_LONE_ITEMS, MAX_PENDING_BYTES, MAX_PENDING_CHAINS, MAX_PENDING_TOTAL_BYTES, MAX_VERSIONS,
};

/// What a server showed a session: these tools, and where the list goes on.
fn page(ts: i64, cursor: Option<&str>, next: Option<&str>, tools: &str) -> Event {
    let next = next.map_or_else(String::new, |next| format!(",\"nextCursor\":\"{next}\""));
    Event::Surface(Box::new(SurfaceUpdate {
        proxy: "p".into(),
        method: "tools/list".into(),
        ts,
        session_id: Some("s".into()),
        client_name: None,
        content: SurfaceContent::Page {
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
    let whole = |ts: i64, tools: &str| page(ts, None, None, tools);
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
    let begun = page(90, None, Some("1"), B);
    let rest = page(92, Some("1"), None, B);
    say(&mut *store, vec![begun, whole(91, A), rest]);
    let seen = [(1, 10, 25), (2, 30, 30), (3, 40, 91)];
    assert_eq!(versions(&*store), seen, "a whole list ends what had begun");
}

pub(crate) fn what_a_request_says_of_the_surface_is_taken_with_its_row(backend: &dyn Fixture) {
    const A: &str = r#"{"name":"a"}"#;
    let listed = |id: &str, ts: i64| {
        let Event::Surface(update) = page(ts, None, None, A) else {
            unreachable!("a page is one");
        };
        Request {
            method: "tools/list".into(),
            surface: Some(update),
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
        let events = vec![page(at, None, None, &tools(at))];
        store.append(&batch(at + 1, events)).expect("append");
        assert!(in_force(&*store).contains(&tools(at)), "at {at}");
    }
    let seen = [(1, 0, 0), (2, 1, 1), (3, 2, 98), (4, 3, 99)];
    assert_eq!(versions(&*store), seen, "it came back, and then it flaps");
    let other = r#"{"name":"c"}"#;
    let events = vec![page(400, None, None, other)];
    store.append(&batch(500, events)).expect("append");
    assert_eq!(versions(&*store)[4], (5, 400, 400), "what is new is new");
    drop(store);
    backend.check();
    assert!(in_force(&*backend.open()).contains(other));
}

pub(crate) fn versions_of_a_list_are_bounded(backend: &dyn Fixture) {
    let most = i64::try_from(MAX_VERSIONS).expect("few");
    let mut store = backend.open();
    let lists = (1..=most + 5).map(|at| page(at, None, None, &format!(r#"{{"name":"t{at}"}}"#)));
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
        Event::Surface(Box::new(SurfaceUpdate {
            proxy: "p".into(),
            method: "tools/list".into(),
            ts: i64::try_from(at).expect("few"),
            session_id: None,
            client_name: None,
            content: SurfaceContent::Item {
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

/// A page of the list that one of many sessions goes through: its first one, or its last one.
fn page_of_session(session: usize, is_last: bool, tool: &str) -> Event {
    let (cursor, next) = if is_last {
        (Some("2"), None)
    } else {
        (None, Some("2"))
    };
    let ts = i64::try_from(session).expect("few");
    let mut event = page(ts, cursor, next, tool);
    if let Event::Surface(update) = &mut event {
        update.session_id = Some(format!("s-{session}").as_str().into());
    }
    event
}

/// The sessions whose list becomes a version when its last page comes after the first pages of all.
fn sessions_that_end_well(store: &mut dyn Store, count: usize, filling: &str) -> Vec<String> {
    let tool = |session: usize| format!(r#"{{"name":"t{session}","description":"{filling}"}}"#);
    let first = |session| page_of_session(session, false, &tool(session));
    for session in 0..count {
        let events = vec![first(session)];
        let number = i64::try_from(session).expect("few");
        store.append(&batch(number, events)).expect("append");
    }
    // Nothing was whole until then.
    assert_eq!(versions(store), []);
    let last = |session| page_of_session(session, true, r#"{"name":"z"}"#);
    let events = (0..count).map(last).collect();
    store.append(&batch(10_000, events)).expect("append");
    let surfaces = fold::surfaces(&*reader(store), None).expect("surfaces");
    let rows = surfaces.versions.into_iter();
    rows.map(|row| row.session_id.expect("a session")).collect()
}

fn names_of(sessions: std::ops::Range<usize>) -> Vec<String> {
    sessions.map(|session| format!("s-{session}")).collect()
}

pub(crate) fn lists_left_unfinished_are_bounded_in_number(backend: &dyn Fixture) {
    let mut store = backend.open();
    let all = MAX_PENDING_CHAINS + 40;
    let whole = sessions_that_end_well(&mut *store, all, "");
    assert_eq!(whole, names_of(40..all), "those that waited longest go");
    drop(store);
    backend.check();
}

pub(crate) fn lists_left_unfinished_are_bounded_in_bytes(backend: &dyn Fixture) {
    let mut store = backend.open();
    let long = MAX_PENDING_BYTES - (1 << 20);
    let fit = MAX_PENDING_TOTAL_BYTES / long;
    let whole = sessions_that_end_well(&mut *store, fit + 2, &"x".repeat(long));
    assert_eq!(whole, names_of(2..fit + 2), "those that waited longest go");
    drop(store);
    backend.check();
}

pub(crate) fn a_list_of_more_pages_than_may_wait_is_given_up(backend: &dyn Fixture) {
    let mut store = backend.open();
    let filling = "x".repeat(MAX_PENDING_BYTES / 3);
    let mut say = |at: i64, cursor: Option<&str>, next: Option<&str>| {
        let tool = format!(r#"{{"name":"t{at}","description":"{filling}"}}"#);
        let events = vec![page(at, cursor, next, &tool)];
        store.append(&batch(at, events)).expect("append");
        versions(&*store).len()
    };
    // The third page is one too many; what follows it belongs to nothing.
    let cursors = [None, Some("1"), Some("2"), Some("3"), None];
    let pages = (1..).zip(cursors.windows(2));
    let kept: Vec<usize> = pages.map(|(at, it)| say(at, it[0], it[1])).collect();
    assert_eq!(kept, [0, 0, 0, 0]);
    assert_eq!(say(8, None, Some("1")), 0, "it begins anew");
    assert_eq!(say(9, Some("1"), None), 1);
    drop(store);
    backend.check();
}
