//! The clauses about what servers show, with expectations written by hand.

use super::*;
use crate::model::{Said, SurfaceNews};

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
        of_request: false,
    }))
}

/// Version, first and last sight of each.
fn versions(store: &dyn Store) -> Vec<(i64, i64, i64)> {
    let surfaces = reader(store).surfaces().expect("surfaces");
    let rows = surfaces.versions.iter();
    rows.map(|row| (row.version, row.first_seen_at, row.last_seen_at))
        .collect()
}

pub(crate) fn a_list_that_comes_again_is_one_version_seen_later(backend: &dyn Backend) {
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
