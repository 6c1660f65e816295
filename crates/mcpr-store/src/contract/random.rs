//! The same random life on a backend and on the reference: every answer must be equal.

use super::{Fixture, Store, generate, sessions};
use crate::memory::MemoryStore;
use crate::query::{Entry, Filter, NameKind, Page, SessionKey, SessionRow, Surfaces};
use crate::{Admin, Class, Overview, Reader, Renamed, StoreError, Writer, fold};
use fastrand::Rng;

const STEPS: i64 = 120;

pub(crate) fn answers_equal_those_of_the_reference(backend: &dyn Fixture) {
    let seed = mcpr_seed::seed();
    println!("seed {seed}");
    let mut random = Rng::with_seed(seed);
    let mut store = backend.open();
    let mut reference = MemoryStore::default();
    let mut past = Vec::new();
    for number in 1..=STEPS {
        let batch = generate::batch(&mut random, number, &mut past);
        let appended = store.append(&batch).expect("append");
        let expected = reference.append(&batch).expect("append");
        assert_eq!(appended, expected, "seed {seed}, batch {number}: {batch:?}");
        change(&mut random, &mut *store, &mut reference);
        if random.u8(0..15) == 0 {
            drop(store);
            store = backend.open();
        }
        let reader = store.reader().expect("a reader");
        for _ in 0..8 {
            ask(&mut random, &*reader, &reference, seed);
        }
    }
    drop(store);
    backend.check();
}

/// Now and then something is taken out.
fn change(random: &mut Rng, store: &mut dyn Store, reference: &mut MemoryStore) {
    let known = known(reference);
    let key = generate::session_key(random, &known);
    let (done, expected) = match random.u8(0..40) {
        0 => (store.delete_session(&key), reference.delete_session(&key)),
        1 => (
            store.summarize_session(&key),
            reference.summarize_session(&key),
        ),
        2 => {
            let what = generate::retention(random);
            let done = store.vacuum(&what, &mut |_| {});
            let expected = reference.vacuum(&what, &mut |_| {});
            if what.class == Class::Names {
                // How a backend keeps its names is its own affair.
                done.and(expected).expect("done");
                return;
            }
            (done, expected)
        }
        3 => {
            let (old, new) = (generate::proxy(random), generate::proxy(random));
            let requests = |renamed: Option<Renamed>| renamed.map_or(0, |it| it.requests);
            (
                store.rename_proxy(&old, &new).map(requests),
                reference.rename_proxy(&old, &new).map(requests),
            )
        }
        _ => return,
    };
    assert_eq!(done.expect("done"), expected.expect("done"));
}

fn known(reference: &MemoryStore) -> Vec<SessionKey> {
    sessions(reference).iter().map(SessionRow::key).collect()
}

fn ask(random: &mut Rng, reader: &dyn Reader, reference: &MemoryStore, seed: u64) {
    let overview = reference.overview().expect("overview");
    let answered = reader.overview().expect("overview");
    // How much space bodies take is the backend's own matter.
    let answered = Overview {
        // How a store lays out its rows is its own matter.
        free_bytes: overview.free_bytes,
        base_bytes: overview.base_bytes,
        payload_bytes: overview.payload_bytes,
        ..answered
    };
    assert_eq!(answered, overview, "seed {seed}");
    let seq = random.i64(0..=overview.last_seq);
    assert_eq!(
        reader.payload(seq).expect("a payload"),
        reference.payload(seq).expect("a payload"),
        "seed {seed}: {seq}"
    );
    let filter = generate::filter(random, &known(reference));
    let page = generate::page(random, overview.last_seq);
    assert_eq!(
        reader.entries(&filter, page).expect("entries"),
        reference.entries(&filter, page).expect("entries"),
        "seed {seed}: {filter:?} {page:?}"
    );
    let page = generate::time_page(random, overview.last_seq);
    assert_eq!(
        reader.timeline(&filter, page).expect("a timeline"),
        reference.timeline(&filter, page).expect("a timeline"),
        "seed {seed}: {filter:?} {page:?}"
    );
    assert_eq!(
        fold::sources(reader).expect("sources"),
        fold::sources(reference).expect("sources"),
        "seed {seed}"
    );
    assert_eq!(
        reader.request(seq).expect("a request"),
        reference.request(seq).expect("a request"),
        "seed {seed}: {seq}"
    );
    ask_of_sessions(random, reader, reference, seed);
    assert_eq!(
        reader.span().expect("span"),
        reference.span().expect("span"),
        "seed {seed}"
    );
    assert_eq!(
        fold::surfaces(reader, None).expect("surfaces"),
        fold::surfaces(reference, None).expect("surfaces"),
        "seed {seed}"
    );
    ask_of_servers(reader, reference, seed);
    ask_for_one(reader, reference, seed);
    ask_of_requests(random, reader, reference, seed);
    assert_eq!(
        super::rollups_of(reader),
        super::rollups_of(reference),
        "seed {seed}"
    );
}

/// Pages of sessions, the clients behind them, and names.
fn ask_of_sessions(random: &mut Rng, reader: &dyn Reader, reference: &MemoryStore, seed: u64) {
    let mut filter = generate::session_filter(random);
    let known_sessions = sessions(reference);
    filter.up_to = random
        .choice(&known_sessions)
        .map(SessionRow::place)
        .filter(|_| random.u8(..) < 64);
    let page = generate::session_page(random, reference);
    assert_eq!(
        reader.sessions(&filter, &page).expect("sessions"),
        Reader::sessions(reference, &filter, &page).expect("sessions"),
        "seed {seed}: {filter:?} {page:?}"
    );
    for kind in NameKind::ALL {
        let prefix = *random.choice(&["", "t", "tools/", "é"]).expect("prefixes");
        let limit = random.usize(0..5);
        let names = reader.names(kind, prefix, limit).expect("names");
        assert!(names.len() <= limit && names.is_sorted(), "{names:?}");
        assert!(
            names.iter().all(|name| name.starts_with(prefix)),
            "{names:?}"
        );
    }
    let most = random.usize(0..4);
    for most in [most, usize::MAX] {
        assert_eq!(
            reader.clients(&filter, most).expect("clients"),
            reference.clients(&filter, most).expect("clients"),
            "seed {seed}: {filter:?} {most}"
        );
    }
}

/// One request by its id, and the lists that were in force.
fn ask_for_one(reader: &dyn Reader, reference: &MemoryStore, seed: u64) {
    if let Some(Entry::Request(row)) = reader
        .entries(&Filter::default(), Page::newest(None, 1))
        .expect("entries")
        .pop()
        && let Some(id) = row.request_id
    {
        assert_eq!(
            reader.with_id(&id, 3).expect("requests"),
            reference.with_id(&id, 3).expect("requests"),
            "seed {seed}: {id}"
        );
    }
    for version in fold::surfaces(reference, None).expect("surfaces").versions {
        let (proxy, method, at) = (&version.proxy, &version.method, version.last_seen_at);
        let of = |reader: &dyn Reader| {
            let found = reader.surface_in_force(proxy, method, at);
            found
                .expect("a version")
                .map(|row| (row.version, row.payload))
        };
        assert_eq!(
            of(reader),
            of(reference),
            "seed {seed}: {proxy} {method} {at}"
        );
        let found = reader.surface_version(proxy, method, version.version);
        let found = found.expect("a version").expect("it is there");
        assert_eq!(found, version, "seed {seed}");
    }
}

/// What a server shows, server by server: everything but the texts.
fn ask_of_servers(reader: &dyn Reader, reference: &MemoryStore, seed: u64) {
    let mut all = fold::surfaces(reference, None).expect("surfaces");
    for row in &mut all.versions {
        row.payload.clear();
    }
    for item in &mut all.items {
        item.payload.clear();
    }
    let mut found = Surfaces::default();
    let mut proxies = Vec::new();
    fold::each_server(reader, None, &mut |proxy, known| {
        assert_eq!(known.proxies().into_iter().collect::<Vec<_>>(), [proxy]);
        proxies.push(proxy.to_owned());
        found.append(known);
        Ok::<_, StoreError>(())
    })
    .expect("servers");
    assert_eq!(found, all, "seed {seed}");
    assert!(
        proxies.is_sorted_by(|left, right| left < right),
        "seed {seed}"
    );
}

/// What is summed up and ranked over all requests.
fn ask_of_requests(random: &mut Rng, reader: &dyn Reader, reference: &MemoryStore, seed: u64) {
    let filter = generate::filter(random, &known(reference));
    let limit = random.usize(0..10);
    assert_eq!(
        reader.slowest(&filter, limit).expect("slowest"),
        reference.slowest(&filter, limit).expect("slowest"),
        "seed {seed}: {filter:?} {limit}"
    );
    let question = generate::stats_question(random);
    let answer = reader.stats(&question).expect("stats");
    let expected = reference.stats(&question).expect("stats");
    assert_eq!(answer, expected, "seed {seed}: {question:?}");
}
