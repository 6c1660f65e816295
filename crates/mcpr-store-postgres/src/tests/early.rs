//! What a writer looks for before it has the lock, while others store the same.

use super::{batch, beside, open, rows};
use crate::connect::Server;
use crate::read::PostgresReader;
use crate::test_server::{TestDatabase, database};
use mcpr_model::{Batch, Event, RequestId};
use mcpr_store::{Appended, Reader, Writer};

/// Has two writers bring a batch each, both of which have looked for what is stored before either gets the lock.
fn at_once(database: &TestDatabase, batches: [Batch; 2]) -> Vec<Appended> {
    let mut holder = database.client();
    let mut lock = holder.transaction().expect("a transaction");
    lock.batch_execute("SELECT id FROM mcpr_store FOR UPDATE")
        .expect("the lock");
    std::thread::scope(|scope| {
        let writers = batches.map(|batch| {
            scope.spawn(move || {
                let mut store = open(&database.url(), &beside()).expect("a writer");
                store.append(&batch).expect("append")
            })
        });
        // Both have looked when both wait.
        let waiting = "SELECT count(*) FROM pg_stat_activity
                       WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let mut observer = database.client();
        while observer
            .query_one(waiting, &[])
            .expect("a count")
            .get::<_, i64>(0)
            < 2
        {
            std::thread::yield_now();
        }
        lock.commit().expect("the lock is let go");
        writers.map(|it| it.join().expect("a writer")).to_vec()
    })
}

#[test]
fn two_writers_who_store_the_same_at_once_store_it_once() {
    let Some(database) = database() else { return };
    drop(open(&database.url(), &beside()).expect("a store"));
    let appended = at_once(&database, [batch(1, 1, 1..=5), batch(2, 1, 3..=8)]);
    let stored: u64 = appended.iter().map(|it| it.stored).sum();
    let duplicates: u64 = appended.iter().map(|it| it.duplicates).sum();
    assert_eq!((stored, duplicates), (8, 3));
    let rows = rows(&database.url());
    let seqs: Vec<i64> = rows.iter().map(|(seq, _)| *seq).collect();
    assert_eq!(seqs, (1..=8).collect::<Vec<_>>());
    let mut ids: Vec<i64> = rows.iter().filter_map(|(_, id)| id.parse().ok()).collect();
    ids.sort_unstable();
    assert_eq!(ids, (1..=8).collect::<Vec<_>>());
}

#[test]
fn two_writers_who_store_other_things_at_once_leave_no_hole() {
    let Some(database) = database() else { return };
    drop(open(&database.url(), &beside()).expect("a store"));
    let appended = at_once(&database, [batch(1, 1, 1..=5), batch(2, 1, 11..=15)]);
    assert!(appended.iter().all(|it| it.stored == 5), "{appended:?}");
    let seqs: Vec<i64> = rows(&database.url()).iter().map(|(seq, _)| *seq).collect();
    assert_eq!(seqs, (1..=10).collect::<Vec<_>>());
}

#[test]
fn an_id_that_is_longer_than_a_key_of_an_index_is_stored_and_found() {
    let Some(database) = database() else { return };
    let mut store = open(&database.url(), &beside()).expect("a store");
    let mut long = batch(1, 1, [1]);
    // Of letters that do not repeat: the server would pack them.
    let mut random = fastrand::Rng::with_seed(1);
    let id: String = std::iter::repeat_with(|| random.alphanumeric())
        .take(9_000)
        .collect();
    if let Some(Event::Request(request)) = long.events.first_mut() {
        request.request_id = Some(RequestId::from_text(&id));
    }
    store.append(&long).expect("append");
    let server = Server::at(&database.url()).expect("a server");
    let reader = PostgresReader::open(&server).expect("a reader");
    assert_eq!(reader.with_id(&id, 10).expect("rows").len(), 1);
}
