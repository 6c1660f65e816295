//! The clauses about a proxy that gets another name: the store is as if all had been recorded under it.

use super::{Fixture, Store, batch, key, reader, request, rollups_of, sessions};
use crate::memory::MemoryStore;
use crate::query::{Cursor, Entry, Filter, GroupBy, Page, StatsQuestion};
use crate::{Renamed, Writer, fold};
use mcpr_model::time::HOUR_MS;
use mcpr_model::{
    Event, Gap, Payload, Request, SessionState, SessionUpdate, SurfaceContent, SurfaceUpdate,
    Target, TargetKind,
};

fn list(proxy: &str, ts: i64, tools: &str) -> SurfaceUpdate {
    SurfaceUpdate {
        proxy: proxy.into(),
        method: "tools/list".into(),
        ts,
        session_id: Some("s".into()),
        client_name: None,
        content: SurfaceContent::Page {
            cursor: None,
            asked_version: None,
            result: format!("{{\"tools\":[{tools}]}}").into(),
        },
    }
}

/// What a stream reports from a time on, under a name.
fn stream_events(proxy: &str, from: i64) -> Vec<Event> {
    let call = |number: i64, tool: &str| {
        let id = format!("{from} {number}");
        Event::Request(Request {
            proxy: proxy.into(),
            method: "tools/call".into(),
            target: Some(Target {
                kind: TargetKind::Tool,
                name: tool.into(),
            }),
            client_name: Some("cli".into()),
            latency_us: Some(100 + number),
            payload: Payload::of(Some("{\"a\":1}"), None).map(Box::new),
            ..request(&id, from + number)
        })
    };
    let listed = Request {
        proxy: proxy.into(),
        method: "tools/list".into(),
        surface: Some(Box::new(list(proxy, from + 3, "{\"name\":\"a\"}"))),
        ..request(&format!("{from} listed"), from + 3)
    };
    let elsewhere = Request {
        proxy: "elsewhere".into(),
        ..request(&format!("{from} elsewhere"), from + 4)
    };
    let update = SessionUpdate {
        session_id: "s".into(),
        proxy: Some(proxy.into()),
        ts: from + 5,
        started_at: None,
        last_seen_at: None,
        state: SessionState::Closed,
        client_name: None,
        client_version: None,
        conversation: Some("c".into()),
    };
    vec![
        call(1, "a"),
        call(2, "b"),
        Event::Request(listed),
        Event::Request(elsewhere),
        Event::Session(update),
        Event::Gap(Gap {
            source: "f.log".into(),
            count: 1,
            from_ts: from,
            to_ts: from,
            key: None,
        }),
    ]
}

/// Everything that a store reports, in one text.
fn everything(store: &dyn Store) -> String {
    let reader = reader(store);
    let page = Page::after(Cursor::START, Page::MAX_LIMIT);
    let entries = reader.entries(&Filter::default(), page).expect("entries");
    let payloads: Vec<Option<Payload>> = entries
        .iter()
        .map(|entry| reader.payload(Entry::seq(entry)).expect("a payload"))
        .collect();
    let stats = reader.stats(&StatsQuestion::sums(&Filter::default(), GroupBy::Tool));
    format!(
        "{entries:#?}{payloads:#?}{:#?}{:#?}{:#?}{:#?}",
        sessions(store),
        rollups_of(&*reader),
        fold::surfaces(&*reader, None).expect("surfaces"),
        stats.expect("stats"),
    )
}

fn stored(events: &[Vec<Event>]) -> MemoryStore {
    let mut store = MemoryStore::default();
    for (number, events) in (1..).zip(events) {
        let batch = batch(number, events.clone());
        store.append(&batch).expect("append");
    }
    store
}

pub(crate) fn a_renamed_proxy_is_as_if_recorded_under_its_name(backend: &dyn Fixture) {
    let mut store = backend.open();
    let batches = [stream_events("wrong", 10), stream_events("wrong", HOUR_MS)];
    for (number, events) in (1..).zip(&batches) {
        let batch = batch(number, events.clone());
        store.append(&batch).expect("append");
    }
    let nothing = store.rename_proxy("never", "right").expect("a look");
    assert_eq!(nothing, None);
    let renamed = store.rename_proxy("wrong", "right").expect("renamed");
    let expected = Renamed {
        requests: 6,
        is_merged: false,
    };
    assert_eq!(renamed, Some(expected));
    backend.check();
    let right = stored(&[stream_events("right", 10), stream_events("right", HOUR_MS)]);
    assert_eq!(everything(&*store), everything(&right));
    drop(store);
    // It goes on under the new name, and what was reported before is known.
    let mut store = backend.open();
    let mut again = stream_events("right", HOUR_MS);
    again.extend(stream_events("right", 2 * HOUR_MS));
    again.retain(|event| !matches!(event, Event::Gap(_)));
    let appended = store.append(&batch(3, again)).expect("append");
    assert_eq!((appended.stored, appended.duplicates), (4, 4));
    store.delete_session(&key("right", "s")).expect("delete");
    backend.check();
}

pub(crate) fn two_names_of_a_proxy_become_one(backend: &dyn Fixture) {
    let batches = |first: &str, second: &str| {
        let mut later = stream_events(second, HOUR_MS + 10);
        later.push(Event::Surface(Box::new(list(
            second,
            HOUR_MS + 50,
            "{\"name\":\"a\"},{\"name\":\"b\"}",
        ))));
        [
            stream_events(first, 10),
            stream_events(second, 1000),
            stream_events(first, HOUR_MS),
            later,
        ]
    };
    let mut store = backend.open();
    for (number, events) in (1..).zip(&batches("wrong", "right")) {
        let batch = batch(number, events.clone());
        store.append(&batch).expect("append");
    }
    let renamed = store.rename_proxy("wrong", "right").expect("renamed");
    let expected = Renamed {
        requests: 6,
        is_merged: true,
    };
    assert_eq!(renamed, Some(expected));
    backend.check();
    let right = stored(&batches("right", "right"));
    assert_eq!(everything(&*store), everything(&right));
    store.delete_session(&key("right", "s")).expect("delete");
    backend.check();
}
