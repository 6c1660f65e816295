//! The clauses, one function each, with expectations written by hand.

use super::*;
use crate::{Class, Retention};
use mcpr_model::time::{HOUR_MS, MINUTE_MS};
use mcpr_model::{
    BadLine, Checkpoint, Counts, EventKey, Gap, Payload, SessionState, SessionUpdate,
    SourceProgress,
};

pub(crate) fn a_request_is_stored_once(backend: &dyn Fixture) {
    let mut store = backend.open();
    let twice = vec![request("a", 1), request("b", 1), request("a", 1)];
    let first = append(&mut *store, 1, twice);
    assert_eq!((first.stored, first.duplicates, first.conflicts), (2, 1, 0));
    let again = append(&mut *store, 2, vec![request("b", 1)]);
    assert_eq!((again.stored, again.duplicates), (0, 1));
    drop(store);
    let mut store = backend.open();
    let reopened = append(&mut *store, 3, vec![request("a", 1), request("c", 1)]);
    assert_eq!((reopened.stored, reopened.duplicates), (1, 1));
    assert_eq!(ids(&*store), ["a", "b", "c"]);
    assert_eq!(
        sessions(&*store)[0].total_calls,
        3,
        "duplicates are not counted as calls"
    );
    assert_eq!(reader(&*store).overview().expect("overview").duplicates, 3);
    assert_eq!(super::rollups_of(&*reader(&*store))[0].calls, 3);
}

pub(crate) fn another_content_under_the_same_id_is_kept_and_counted(backend: &dyn Fixture) {
    let mut store = backend.open();
    let other = Request {
        latency_us: Some(99),
        ..request("a", 1)
    };
    append(&mut *store, 1, vec![request("a", 1)]);
    let conflict = append(&mut *store, 2, vec![other.clone()]);
    assert_eq!(
        (conflict.stored, conflict.duplicates, conflict.conflicts),
        (1, 0, 1)
    );
    let again = append(&mut *store, 3, vec![other, request("a", 1)]);
    assert_eq!((again.stored, again.duplicates, again.conflicts), (0, 2, 0));
    assert_eq!(ids(&*store), ["a", "a"]);
}

pub(crate) fn the_same_bytes_under_another_proxy_are_the_same_event(backend: &dyn Fixture) {
    let mut store = backend.open();
    let printed = Request {
        key: EventKey::of_bytes(b"line", 0),
        ..request("0", 1)
    };
    let copied = Request {
        proxy: "copy".into(),
        ..printed.clone()
    };
    append(&mut *store, 1, vec![printed]);
    assert_eq!(append(&mut *store, 2, vec![copied]).duplicates, 1);
    assert_eq!(sessions(&*store).len(), 1, "a duplicate makes no session");
}

pub(crate) fn a_repeated_batch_changes_nothing(backend: &dyn Fixture) {
    let mut store = backend.open();
    let gap = Gap {
        source: "-".into(),
        count: 5,
        from_ts: 1,
        to_ts: 2,
        key: None,
    };
    let counts = Counts {
        lines: 7,
        ..Counts::default()
    };
    let source = SourceProgress {
        name: "-".into(),
        checkpoint: None,
        counts,
    };
    let mut batch = batch(1, vec![Event::Gap(gap)]);
    batch.sources.push(source);
    assert_eq!(store.append(&batch).expect("append").gaps, 1);
    drop(store);
    let mut store = backend.open();
    assert!(store.append(&batch).expect("append").repeated);
    let overview = reader(&*store).overview().expect("overview");
    assert_eq!(
        (overview.gaps, overview.dropped, overview.counts.lines),
        (1, 5, 7)
    );
}

pub(crate) fn sequence_numbers_grow_and_are_never_used_twice(backend: &dyn Fixture) {
    let mut store = backend.open();
    append(&mut *store, 1, vec![request("a", 1), request("b", 2)]);
    store.delete_session(&key("p", "s")).expect("delete");
    store
        .vacuum(&Retention::before(i64::MAX), &mut |_| {})
        .expect("vacuum");
    drop(store);
    let mut store = backend.open();
    append(&mut *store, 2, vec![request("c", 3)]);
    let seqs: Vec<i64> = entries(&*store, &Filter::default())
        .iter()
        .map(Entry::seq)
        .collect();
    assert_eq!(seqs, [3]);
}

pub(crate) fn what_is_gone_behind_a_place_is_counted(backend: &dyn Fixture) {
    let mut store = backend.open();
    let requests = (1..=9).map(|at| request(&at.to_string(), at * 10));
    append(&mut *store, 1, requests.collect());
    let gone = |store: &dyn Store| -> Vec<u64> {
        let reader = reader(store);
        let behind = |seq| reader.gone_behind(Cursor::from_seq(seq)).expect("a number");
        [0, 3, 5, 8, 9, 20].map(behind).to_vec()
    };
    assert_eq!(gone(&*store), [0; 6], "nothing was removed");
    store
        .vacuum(&Retention::before(60), &mut |_| {})
        .expect("vacuum");
    assert_eq!(gone(&*store), [5, 2, 0, 0, 0, 0]);
    store
        .vacuum(&Retention::before(i64::MAX), &mut |_| {})
        .expect("vacuum");
    assert_eq!(gone(&*store), [9, 6, 4, 1, 0, 0], "all there was");
}

pub(crate) fn sessions_are_kept_apart(backend: &dyn Fixture) {
    let mut store = backend.open();
    let elsewhere = Request {
        proxy: "q".into(),
        ..request("b", 2)
    };
    let other = Request {
        session_id: Some("t".into()),
        ..request("c", 3)
    };
    append(&mut *store, 1, vec![request("a", 1), elsewhere, other]);
    for (proxy, id, expected) in [("p", "s", "a"), ("q", "s", "b"), ("p", "t", "c")] {
        let filter = Filter {
            session: Some(key(proxy, id)),
            ..Filter::default()
        };
        let found = entries(&*store, &filter);
        let [Entry::Request(row)] = &found[..] else {
            panic!("one request, not {found:?}")
        };
        assert_eq!(row.request_id.as_deref(), Some(expected));
    }
    assert_eq!(sessions(&*store).len(), 3);
}

pub(crate) fn deleting_a_session_takes_all_of_it_and_nothing_else(backend: &dyn Fixture) {
    let mut store = backend.open();
    let other = Request {
        session_id: Some("t".into()),
        ..request("c", 3)
    };
    append(
        &mut *store,
        1,
        vec![request("a", 1), request("b", 2), other],
    );
    assert_eq!(store.delete_session(&key("p", "s")).expect("delete"), 2);
    assert_eq!(store.delete_session(&key("p", "s")).expect("again"), 0);
    assert_eq!(
        store.delete_session(&key("nowhere", "s")).expect("unknown"),
        0
    );
    assert_eq!(ids(&*store), ["c"]);
    assert_eq!(sessions(&*store).len(), 1);
    assert_eq!(
        super::rollups_of(&*reader(&*store))[0].calls,
        3,
        "sums are history"
    );
    let back = append(&mut *store, 2, vec![request("a", 1)]);
    assert_eq!(back.stored, 1, "what was removed is new again");
    assert_eq!(sessions(&*store).len(), 2);
}

pub(crate) fn a_summary_takes_the_place_of_a_sessions_requests(backend: &dyn Fixture) {
    let mut store = backend.open();
    append(&mut *store, 1, vec![request("a", 1), request("b", 2)]);
    let before = sessions(&*store);
    assert_eq!(
        store.summarize_session(&key("p", "s")).expect("summarize"),
        2
    );
    assert_eq!(ids(&*store), Vec::<String>::new());
    assert_eq!(sessions(&*store), before);
    append(&mut *store, 2, vec![request("c", 3)]);
    assert_eq!(sessions(&*store)[0].total_calls, 3, "counting goes on");
}

pub(crate) fn everything_is_there_after_reopening(backend: &dyn Fixture) {
    let mut store = backend.open();
    append(&mut *store, 1, vec![request("a", 1), request("b", HOUR_MS)]);
    let ask = |store: &dyn Store| {
        let rollups = super::rollups_of(&*reader(store));
        (entries(store, &Filter::default()), sessions(store), rollups)
    };
    let before = ask(&*store);
    drop(store);
    assert_eq!(ask(&*backend.open()), before);
}

pub(crate) fn a_vacuum_leaves_rollups_and_newer_rows(backend: &dyn Fixture) {
    let mut store = backend.open();
    let old = Request {
        session_id: Some("old".into()),
        ..request("a", 1)
    };
    let gap = |ts| {
        Event::Gap(Gap {
            source: "-".into(),
            count: 1,
            from_ts: ts,
            to_ts: ts,
            key: None,
        })
    };
    let events = vec![
        Event::Request(old),
        gap(2),
        Event::Request(request("b", 3)),
        Event::Request(request("c", 10)),
        gap(11),
    ];
    store.append(&batch(1, events)).expect("append");
    assert_eq!(
        store
            .vacuum(&Retention::before(10), &mut |_| {})
            .expect("vacuum"),
        3
    );
    assert_eq!(ids(&*store), ["c", "gap of 1"]);
    let left = sessions(&*store);
    assert_eq!(
        left.iter()
            .map(|row| &row.session_id[..])
            .collect::<Vec<_>>(),
        ["s"]
    );
    assert_eq!(left[0].total_calls, 2, "counters are history");
    assert_eq!(super::rollups_of(&*reader(&*store))[0].calls, 3);
}

pub(crate) fn requests_without_a_session_are_grouped_by_client_and_time(backend: &dyn Fixture) {
    let mut store = backend.open();
    let call = |id: &str, client: &str, minute: i64| Request {
        session_id: None,
        client_name: Some(client.into()),
        client_version: Some("1".into()),
        ..request(id, minute * MINUTE_MS)
    };
    let plain = Request {
        kind: Kind::Http,
        ..call("h", "x", 0)
    };
    let requests = vec![
        call("a", "x", 0),
        call("b", "x", 30),
        call("c", "y", 31),
        call("d", "x", 61),
        call("e", "x", 40),
        plain,
    ];
    append(&mut *store, 1, requests);
    let found = sessions(&*store);
    let listed: Vec<_> = found
        .iter()
        .map(|row| {
            (
                row.inferred,
                row.client_name.as_deref(),
                row.started_at / MINUTE_MS,
                row.total_calls,
            )
        })
        .collect();
    let (x, y) = (Some("x"), Some("y"));
    // The fifth request lies within reach of both sessions of x and joins the later one.
    assert_eq!(
        listed,
        [(true, x, 0, 2), (true, y, 31, 1), (true, x, 40, 2)]
    );
    for row in &found {
        let (mark, digits) = row.session_id.split_at(1);
        assert_eq!((mark, digits.len()), ("~", 8), "{}", row.session_id);
    }
    let Some(Entry::Request(row)) = entries(&*store, &Filter::default()).pop() else {
        panic!("a request")
    };
    assert_eq!(
        (row.session_id, row.session),
        (None, None),
        "HTTP rows are in no inferred session"
    );
}

pub(crate) fn a_caller_is_known_from_its_session(backend: &dyn Fixture) {
    let mut store = backend.open();
    let update = |state, ts, name: Option<&str>| {
        Event::Session(SessionUpdate {
            session_id: "s".into(),
            proxy: Some("p".into()),
            ts,
            started_at: None,
            last_seen_at: None,
            state,
            client_name: name.map(Into::into),
            client_version: name.map(|_| "2".into()),
            conversation: None,
        })
    };
    let own = Request {
        client_name: Some("own".into()),
        ..request("b", 2)
    };
    let events = vec![
        Event::Request(request("a", 1)),
        update(SessionState::Active, 3, Some("first")),
        update(SessionState::Active, 4, Some("second")),
        Event::Request(own),
        update(SessionState::Closed, 9, None),
    ];
    store.append(&batch(1, events)).expect("append");
    let callers: Vec<_> = entries(&*store, &Filter::default())
        .into_iter()
        .map(|entry| match entry {
            Entry::Request(row) => (row.client_name, row.client_version),
            Entry::Gap(gap) => panic!("{gap:?}"),
        })
        .collect();
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(callers, [(text("first"), text("2")), (text("own"), None)]);
    let row = &sessions(&*store)[0];
    assert_eq!(
        (row.started_at, row.last_seen_at, row.ended_at),
        (1, 4, Some(9))
    );
    assert_eq!(row.client_name, text("first"));
}

pub(crate) fn gaps_stand_in_their_place(backend: &dyn Fixture) {
    let mut store = backend.open();
    let gap = Gap {
        source: "-".into(),
        count: 3,
        from_ts: 5,
        to_ts: 6,
        key: None,
    };
    let events = vec![
        Event::Request(request("a", 1)),
        Event::Gap(gap),
        Event::Request(request("b", 9)),
    ];
    store.append(&batch(1, events)).expect("append");
    assert_eq!(ids(&*store), ["a", "gap of 3", "b"]);
    let late = Filter {
        since: Some(7),
        ..Filter::default()
    };
    assert_eq!(entries(&*store, &late).len(), 1);
    let page = Page::newest(None, 2);
    let newest = reader(&*store)
        .entries(&Filter::default(), page)
        .expect("entries");
    assert_eq!(newest.iter().map(Entry::seq).collect::<Vec<_>>(), [3, 2]);
}

pub(crate) fn bad_lines_are_capped(backend: &dyn Fixture) {
    let mut store = backend.open();
    let line = |offset| {
        Event::BadLine(BadLine {
            source: "a.log".into(),
            offset,
            reason: "no JSON".into(),
            excerpt: vec![b'{', 0xff],
            ts: i64::try_from(offset).expect("few"),
        })
    };
    store
        .append(&batch(1, (0..BadLine::MAX_ROWS + 10).map(line).collect()))
        .expect("append");
    let reader = reader(&*store);
    let overview = reader.overview().expect("overview");
    assert_eq!(overview.bad_lines_kept, BadLine::MAX_ROWS);
    let newest = |limit| reader.bad_lines(limit).expect("bad lines");
    let last = BadLine::MAX_ROWS + 9;
    let expected: Vec<Event> = (10..=last).rev().map(line).collect();
    let lines = |limit| -> Vec<Event> {
        let rows = newest(limit).into_iter();
        rows.map(|row| Event::BadLine(row.line)).collect()
    };
    let listed = lines(usize::MAX);
    assert_eq!(listed, expected, "whole, newest first");
    assert_eq!(lines(2), expected[..2]);
    let seqs: Vec<i64> = newest(2).iter().map(|row| row.seq).collect();
    let last = i64::try_from(last).expect("few") + 1;
    assert_eq!(seqs, [last, last - 1], "each with its place in the store");
    assert_eq!(newest(0), []);
}

pub(crate) fn checkpoints_follow_their_file(backend: &dyn Fixture) {
    let mut store = backend.open();
    let at = super::pages::checkpoint;
    let mut move_to = |number, checkpoint: &Checkpoint| {
        let mut batch = batch(number, Vec::new());
        let checkpoint = Some(checkpoint.clone());
        let (name, counts) = ("a".into(), Counts::default());
        batch.sources.push(SourceProgress {
            name,
            checkpoint,
            counts,
        });
        store.append(&batch).expect("append");
    };
    move_to(1, &at(1, "a.log", 10));
    move_to(2, &at(2, "b.log", 20));
    move_to(3, &at(1, "z.log", 30));
    drop(store);
    let found = backend.open().checkpoints().expect("checkpoints");
    assert_eq!(found, [at(2, "b.log", 20), at(1, "z.log", 30)]);
}

pub(crate) fn payloads_go_with_their_requests_or_before_them(backend: &dyn Fixture) {
    let mut store = backend.open();
    let of = |id: &str, ts: i64, text: &str| Request {
        payload: Payload::of(Some(text), Some("{}")).map(Box::new),
        ..request(id, ts)
    };
    let requests = vec![
        of("a", 1, "[1]"),
        of("b", 2, "[2]"),
        of("a", 1, "[3]"),
        of("c", 3, "[4]"),
    ];
    append(&mut *store, 1, requests);
    let kept = |store: &dyn Store| -> Vec<String> {
        let reader = reader(store);
        let found = (1..=4).filter_map(|seq| reader.payload(seq).expect("read"));
        let texts: Vec<String> = found
            .filter_map(|payload| Some(payload.params?.text.into()))
            .collect();
        let overview = reader.overview().expect("overview");
        assert_eq!(overview.payloads, texts.len() as u64);
        assert_eq!(overview.payload_bytes > 0, !texts.is_empty());
        let span = reader.payload_span().expect("span");
        assert_eq!(span.is_some(), !texts.is_empty());
        texts
    };
    assert_eq!(
        kept(&*store),
        ["[1]", "[2]", "[4]"],
        "a duplicate brings none"
    );
    let vacuum = |store: &mut dyn Store, before: i64, proxy: Option<&str>| {
        let proxy = proxy.map(str::to_owned);
        let what = Retention::of(Class::Payloads, before).of_proxy(proxy);
        store.vacuum(&what, &mut |_| {}).expect("vacuum")
    };
    assert_eq!(vacuum(&mut *store, 9, Some("another")), 0);
    assert_eq!(vacuum(&mut *store, 2, Some("p")), 1);
    assert_eq!(kept(&*store), ["[2]", "[4]"]);
    store
        .vacuum(&Retention::before(3), &mut |_| {})
        .expect("vacuum");
    assert_eq!(kept(&*store), ["[4]"]);
    assert_eq!(vacuum(&mut *store, i64::MAX, None), 1);
    assert_eq!(entries(&*store, &Filter::default()).len(), 1);
    drop(store);
    assert_eq!(kept(&*backend.open()), Vec::<String>::new());
}
