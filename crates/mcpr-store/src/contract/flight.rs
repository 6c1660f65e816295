//! The clauses on what is in flight, and on what taps know of their servers.

use super::{Fixture, Store, append, batch, ids, key, reader, request};
use crate::query::{Filter, Flight, MAX_OPEN_REQUESTS, Pattern};
use mcpr_model::{
    Event, OpenRequest, OutputTail, Payload, Request, ServerExit, ServerRun, SessionState,
    SessionUpdate, Status,
};

fn open(request: Request) -> Event {
    Event::Open(Box::new(OpenRequest {
        request,
        resumes: false,
        is_over: false,
    }))
}

fn put(store: &mut dyn Store, number: i64, events: Vec<Event>) {
    store.append(&batch(number, events)).expect("append");
}

/// The ids of what is in flight.
fn pending(store: &dyn Store, filter: &Filter) -> Vec<String> {
    let rows = reader(store)
        .open_requests(filter)
        .expect("what is in flight");
    let each = rows.into_iter().map(|open| {
        assert_eq!(open.row.flight, Some(Flight::Pending));
        open.row.request_id.unwrap_or_default()
    });
    each.collect()
}

pub(crate) fn what_is_in_flight_is_listed_until_its_row_is_stored(backend: &dyn Fixture) {
    let mut store = backend.open();
    let mut first = request("1", 5);
    first.payload = Payload::of(Some(r#"{"name":"t"}"#), None).map(Box::new);
    put(&mut *store, 1, vec![open(first), open(request("2", 4))]);
    let all = Filter::default();
    assert_eq!(pending(&*store, &all), ["2", "1"], "in order of time");
    assert_eq!(ids(&*store), [""; 0], "it is not a row");
    let rows = reader(&*store).open_requests(&all).expect("rows");
    let params = rows[1].params.as_ref().map(|body| &*body.text);
    assert_eq!(params, Some(r#"{"name":"t"}"#));
    assert_eq!((rows[1].row.latency_us, rows[1].row.seq), (None, 0));
    let later = Filter {
        since: Some(5),
        ..Filter::default()
    };
    assert_eq!(pending(&*store, &later), ["1"]);
    let ended = Filter {
        statuses: vec![Status::Ok],
        ..Filter::default()
    };
    assert_eq!(pending(&*store, &ended), [""; 0], "it has no status yet");
    backend.check();
    // Reported again, answered, and reported and answered at once.
    put(&mut *store, 2, vec![open(request("2", 4))]);
    append(&mut *store, 3, vec![request("2", 4)]);
    let at_once = vec![open(request("3", 6)), Event::Request(request("3", 6))];
    put(&mut *store, 4, at_once);
    assert_eq!(pending(&*store, &all), ["1"]);
    assert_eq!(ids(&*store), ["2", "3"]);
    // Its answer may have been lost: it leads to no row.
    let withdrawn = Event::Withdrawn(request("1", 5).key.hash);
    put(&mut *store, 5, vec![withdrawn]);
    assert_eq!(pending(&*store, &all), [""; 0]);
    assert_eq!(ids(&*store), ["2", "3"]);
    backend.check();
}

pub(crate) fn a_duplicate_ends_what_is_in_flight_too(backend: &dyn Fixture) {
    let mut store = backend.open();
    append(&mut *store, 1, vec![request("1", 5)]);
    // A log that is read again reports it before its answer.
    put(&mut *store, 2, vec![open(request("1", 5))]);
    assert_eq!(append(&mut *store, 3, vec![request("1", 5)]).duplicates, 1);
    assert_eq!(pending(&*store, &Filter::default()), [""; 0]);
    backend.check();
}

pub(crate) fn what_is_in_flight_is_bounded_and_goes_with_its_session(backend: &dyn Fixture) {
    let mut store = backend.open();
    let many = (0..MAX_OPEN_REQUESTS + 5).map(|at| open(request(&at.to_string(), 1)));
    put(&mut *store, 1, many.collect());
    let all = Filter::default();
    assert_eq!(pending(&*store, &all).len(), MAX_OPEN_REQUESTS);
    // One more finds room when one is answered.
    append(&mut *store, 2, vec![request("0", 1)]);
    put(&mut *store, 3, vec![open(request("x", 1))]);
    assert_eq!(pending(&*store, &all).len(), MAX_OPEN_REQUESTS);
    backend.check();
    let other = Request {
        session_id: Some("other".into()),
        ..request("y", 1)
    };
    append(&mut *store, 4, vec![request("1", 1)]);
    put(&mut *store, 5, vec![open(other)]);
    store.delete_session(&key("p", "s")).expect("delete");
    assert_eq!(pending(&*store, &all), ["y"]);
    let renamed = store.rename_proxy("p", "q").expect("rename");
    if renamed.is_some() {
        assert_eq!(pending(&*store, &all), ["y"]);
    }
    backend.check();
}

fn of_server(change: impl FnOnce(&mut ServerRun)) -> Event {
    let mut run = ServerRun {
        proxy: "p".into(),
        session_id: "s".into(),
        ts: 10,
        ..ServerRun::default()
    };
    change(&mut run);
    Event::Server(Box::new(run))
}

fn begun(ts: i64) -> Event {
    Event::Session(SessionUpdate {
        session_id: "s".into(),
        proxy: Some("p".into()),
        ts,
        started_at: Some(ts),
        last_seen_at: None,
        state: SessionState::Active,
        client_name: None,
        client_version: None,
        conversation: None,
    })
}

fn tail(text: &str) -> OutputTail {
    OutputTail {
        text: text.into(),
        bytes: 100,
    }
}

fn kept(store: &dyn Store, proxy: &str) -> Option<ServerRun> {
    let run = reader(store).server_run(&key(proxy, "s"));
    run.expect("what is known of a server")
}

pub(crate) fn what_a_tap_says_of_its_server_is_put_together(backend: &dyn Fixture) {
    let mut store = backend.open();
    // Nobody brings back a session that is not there.
    put(&mut *store, 1, vec![of_server(|run| run.pid = Some(1))]);
    assert_eq!(kept(&*store, "p"), None);
    let first = of_server(|run| {
        run.command = Some("sh -c x".into());
        run.pid = Some(7);
        run.stderr = Some(tail("a\n"));
    });
    put(&mut *store, 2, vec![first, begun(1)]);
    let last = of_server(|run| {
        run.ts = 20;
        run.end = Some((ServerExit::Code(3), 20));
        run.is_death = true;
        run.stderr = Some(tail("a\nboom\n"));
        run.stray = Some(tail("hello\n"));
    });
    put(&mut *store, 3, vec![last]);
    let run = kept(&*store, "p").expect("a run");
    assert_eq!(run.command.as_deref(), Some("sh -c x"));
    assert_eq!((run.pid, run.ts), (Some(7), 20));
    assert_eq!(
        (run.stderr.clone(), run.stray.clone()),
        (Some(tail("a\nboom\n")), Some(tail("hello\n")))
    );
    let ends = |since, until| {
        let found = reader(&*store).server_deaths(since, until, 10);
        found.expect("ends").into_iter().map(|run| run.ending())
    };
    let expected = Some("server exited with code 3: boom".to_owned());
    assert_eq!(ends(20, 21).collect::<Vec<_>>(), [expected]);
    assert_eq!(ends(21, 99).count() + ends(0, 20).count(), 0);
    backend.check();
}

pub(crate) fn what_servers_wrote_is_listed_by_when_it_was_last_reported(backend: &dyn Fixture) {
    let mut store = backend.open();
    let of = |id: &str, ts: i64, text: &str| {
        let (id, text) = (id.to_owned(), text.to_owned());
        let mut session = begun(ts);
        if let Event::Session(update) = &mut session {
            update.session_id = id.as_str().into();
        }
        let ending = of_server(|run| {
            run.session_id = id.as_str().into();
            run.ts = ts;
            run.stderr = (!text.is_empty()).then(|| tail(&text));
        });
        vec![session, ending]
    };
    let (late, early) = (of("late", 30, "a\n"), of("early", 20, "b\n"));
    let events = [late, early, of("silent", 40, ""), of("gone", 5, "old\n")];
    put(&mut *store, 1, events.concat());
    let listed = |proxy: Option<&str>, limit| {
        let proxy = proxy.map(Pattern::name);
        let found = reader(&*store).server_outputs(proxy.as_ref(), limit);
        let found = found.expect("outputs").into_iter();
        found
            .map(|run| run.session_id.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(listed(None, 9), ["gone", "early", "late"]);
    assert_eq!(listed(Some("p"), 2), ["early", "late"]);
    assert_eq!(listed(Some("q"), 9), [""; 0]);
    backend.check();
}

pub(crate) fn what_is_known_of_a_server_goes_with_its_session(backend: &dyn Fixture) {
    let mut store = backend.open();
    let refused = of_server(|run| {
        run.refused = Some("no such file".into());
        run.is_death = true;
    });
    put(&mut *store, 1, vec![begun(1), refused]);
    let ends = reader(&*store).server_deaths(10, 11, 10).expect("ends");
    let ending = ends[0].ending();
    assert_eq!(
        ending.as_deref(),
        Some("server could not be started: no such file")
    );
    store.rename_proxy("p", "q").expect("rename");
    assert_eq!(kept(&*store, "p"), None);
    assert!(kept(&*store, "q").is_some());
    backend.check();
    store.delete_session(&key("q", "s")).expect("delete");
    assert_eq!(kept(&*store, "q"), None);
    backend.check();
}
