//! The same random life on a backend and on the reference: every answer must be equal.

use super::{Backend, generate, sessions};
use crate::query::{Latencies, SessionKey, SessionRow};
use crate::store::memory::MemoryStore;
use crate::store::{Reader, Store};
use fastrand::Rng;

const STEPS: i64 = 120;

pub(crate) fn answers_equal_those_of_the_reference(backend: &dyn Backend) {
    let seed = fastrand::u64(..);
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
        let mut reader = store.reader().expect("a reader");
        for _ in 0..8 {
            ask(&mut random, &mut *reader, &mut reference, seed);
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
            (
                store.vacuum(&what, &mut |_| {}),
                reference.vacuum(&what, &mut |_| {}),
            )
        }
        _ => return,
    };
    assert_eq!(done.expect("done"), expected.expect("done"));
}

fn known(reference: &MemoryStore) -> Vec<SessionKey> {
    sessions(reference).iter().map(SessionRow::key).collect()
}

fn ask(random: &mut Rng, reader: &mut dyn Reader, reference: &mut MemoryStore, seed: u64) {
    let overview = reference.overview().expect("overview");
    assert_eq!(
        reader.overview().expect("overview"),
        overview,
        "seed {seed}"
    );
    let filter = generate::filter(random, &known(reference));
    let page = generate::page(random, overview.last_seq);
    assert_eq!(
        reader.entries(&filter, page).expect("entries"),
        reference.entries(&filter, page).expect("entries"),
        "seed {seed}: {filter:?} {page:?}"
    );
    assert_eq!(
        reader.sources().expect("sources"),
        reference.sources().expect("sources"),
        "seed {seed}"
    );
    let filter = generate::session_filter(random);
    assert_eq!(
        reader.sessions(&filter).expect("sessions"),
        Reader::sessions(reference, &filter).expect("sessions"),
        "seed {seed}: {filter:?}"
    );
    assert_eq!(
        reader.clients(&filter).expect("clients"),
        reference.clients(&filter).expect("clients"),
        "seed {seed}: {filter:?}"
    );
    assert_eq!(
        reader.span().expect("span"),
        reference.span().expect("span"),
        "seed {seed}"
    );
    assert_eq!(
        reader.surfaces().expect("surfaces"),
        reference.surfaces().expect("surfaces"),
        "seed {seed}"
    );
    ask_of_requests(random, reader, reference, seed);
    assert_eq!(
        reader.rollups().expect("rollups"),
        reference.rollups().expect("rollups"),
        "seed {seed}"
    );
}

/// What is summed up and ranked over all requests.
fn ask_of_requests(
    random: &mut Rng,
    reader: &mut dyn Reader,
    reference: &mut MemoryStore,
    seed: u64,
) {
    let filter = generate::filter(random, &known(reference));
    let limit = random.usize(0..10);
    assert_eq!(
        reader.slowest(&filter, limit).expect("slowest"),
        reference.slowest(&filter, limit).expect("slowest"),
        "seed {seed}: {filter:?} {limit}"
    );
    let question = generate::stats_question(random);
    let mut answers = [
        reader.stats(&question).expect("stats"),
        reference.stats(&question).expect("stats"),
    ];
    for row in answers.iter_mut().flatten() {
        if let Latencies::Exact(values) = &mut row.tally.latencies {
            values.sort_unstable();
        }
    }
    let [answer, expected] = answers;
    assert_eq!(answer, expected, "seed {seed}: {question:?}");
}
