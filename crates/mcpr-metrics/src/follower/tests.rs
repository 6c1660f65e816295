//! A store that is followed: each row counts once.

use super::*;
use crate::BOUNDS_US;
use crate::operations::tests::clean;
use crate::sessions::{MAX_LOOKS, MAX_OPEN};
use mcpr_model::{
    Batch, Event, EventKey, Kind, Request, SessionState, SessionUpdate, Target, TargetKind,
};
use mcpr_store::memory::MemoryStore;
use mcpr_store::{StoreErrorKind, Writer};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A store, and who follows it.
struct Bench {
    store: MemoryStore,
    is_readable: Arc<AtomicBool>,
    follower: Follower,
    batches: i64,
    requests: u64,
}

impl Bench {
    fn new() -> Self {
        let store = MemoryStore::default();
        let is_readable = Arc::new(AtomicBool::new(true));
        let (followed, readable) = (store.clone(), Arc::clone(&is_readable));
        let open = Box::new(move || {
            if readable.load(Ordering::Relaxed) {
                Ok(followed.reader())
            } else {
                Err(StoreError::new(StoreErrorKind::Gone, "not there"))
            }
        });
        Self {
            store,
            is_readable,
            follower: Follower::new(open, clean()),
            batches: 0,
            requests: 0,
        }
    }

    fn append(&mut self, events: Vec<Event>) {
        self.batches += 1;
        let batch = Batch {
            writer: 1,
            number: self.batches,
            events,
            ..Batch::default()
        };
        self.store.append(&batch).unwrap();
    }

    fn request(&mut self, latency_us: i64) -> Request {
        self.requests += 1;
        Request {
            target: Some(Target {
                kind: TargetKind::Tool,
                name: "forecast".into(),
            }),
            latency_us: Some(latency_us),
            ..Request::new(
                EventKey::of_id(&self.requests.to_string()),
                1_795_224_422_000 + i64::try_from(self.requests).unwrap(),
                "weather".into(),
                Kind::Mcp,
                "tools/call".into(),
            )
        }
    }

    fn record(&mut self, latencies_us: impl IntoIterator<Item = i64>) {
        let events = latencies_us
            .into_iter()
            .map(|latency_us| Event::Request(self.request(latency_us)))
            .collect();
        self.append(events);
    }

    fn end_session(&mut self, id: &str, ts: i64) {
        self.append(vec![Event::Session(SessionUpdate {
            session_id: id.into(),
            proxy: Some("weather".into()),
            ts,
            started_at: None,
            last_seen_at: None,
            state: SessionState::Closed,
            client_name: None,
            client_version: None,
            conversation: None,
        })]);
    }

    fn buckets(&self) -> Vec<u64> {
        let series = self.follower.operations().requests.values();
        let mut sums = vec![0; BOUNDS_US.len() + 1];
        for durations in series {
            for (sum, (_, count)) in sums.iter_mut().zip(durations.server.buckets()) {
                *sum += count;
            }
        }
        sums
    }

    fn counted(&self) -> u64 {
        self.buckets().into_iter().sum()
    }

    fn sessions(&self) -> u64 {
        let sessions = self.follower.operations().sessions.values();
        sessions.map(crate::Durations::count).sum()
    }
}

#[test]
fn buckets_equal_the_rows_that_are_stored_from_the_beginning_on() {
    let mut bench = Bench::new();
    bench.record([1, 2, 3]);
    assert!(!bench.follower.read(), "what was there before is not news");
    let latencies: Vec<i64> = BOUNDS_US
        .iter()
        .flat_map(|us| [us - 1, *us, us + 1])
        .collect();
    for _ in 0..40 {
        bench.record(latencies.clone());
    }
    while bench.follower.read() {}
    let mut expected = vec![3 * 40; BOUNDS_US.len() + 1];
    expected[0] = 2 * 40;
    expected[BOUNDS_US.len()] = 40;
    assert_eq!(bench.buckets(), expected);
    assert!(!bench.follower.read());
    assert_eq!(bench.buckets(), expected, "nothing counts twice");
}

#[test]
fn a_request_that_comes_again_counts_once() {
    let mut bench = Bench::new();
    bench.follower.read();
    let request = bench.request(5);
    for _ in 0..3 {
        bench.append(vec![Event::Request(request.clone())]);
        bench.follower.read();
    }
    assert_eq!(bench.counted(), 1);
}

#[test]
fn what_cannot_be_read_now_is_read_later() {
    let mut bench = Bench::new();
    bench.follower.read();
    bench.record([1]);
    bench.follower.let_go();
    bench.is_readable.store(false, Ordering::Relaxed);
    assert!(!bench.follower.read());
    bench.follower.look_for_ends();
    assert_eq!((bench.follower.failures(), bench.counted()), (2, 0));
    bench.is_readable.store(true, Ordering::Relaxed);
    bench.record([1]);
    bench.follower.read();
    assert_eq!((bench.follower.failures(), bench.counted()), (2, 2));
}

#[test]
fn a_session_counts_once_when_its_end_is_stored() {
    let mut bench = Bench::new();
    bench.follower.read();
    let mut request = bench.request(1);
    request.session_id = Some("s-1".into());
    let began = request.ts;
    bench.append(vec![Event::Request(request.clone())]);
    bench.record([1]);
    bench.follower.read();
    bench.follower.look_for_ends();
    assert_eq!(bench.sessions(), 0, "it goes on");
    bench.end_session("s-1", began + 90_000);
    bench.follower.look_for_ends();
    assert_eq!(bench.sessions(), 1);
    let (proxy, durations) = bench
        .follower
        .operations()
        .sessions
        .first_key_value()
        .unwrap();
    assert_eq!(proxy, "weather");
    assert!((durations.sum_seconds() - 90.0).abs() < f64::EPSILON);
    // A request that is reported late belongs to it, and ends it no second time.
    request.key = EventKey::of_id("late");
    bench.append(vec![Event::Request(request)]);
    bench.follower.read();
    bench.follower.look_for_ends();
    assert_eq!(bench.sessions(), 1);
}

#[test]
fn sessions_without_an_end_are_given_up_for_new_ones() {
    let mut bench = Bench::new();
    bench.follower.read();
    let events = (0..=MAX_OPEN)
        .map(|number| {
            let mut request = bench.request(1);
            request.session_id = Some(format!("s-{number}").into());
            Event::Request(request)
        })
        .collect();
    bench.append(events);
    while bench.follower.read() {}
    for number in [0, MAX_OPEN] {
        bench.end_session(&format!("s-{number}"), 1_795_224_500_000);
    }
    // Each is looked at once.
    for _ in 0..MAX_OPEN / MAX_LOOKS {
        bench.follower.look_for_ends();
    }
    assert_eq!(
        bench.sessions(),
        1,
        "the newest is looked at, the oldest is not"
    );
}
