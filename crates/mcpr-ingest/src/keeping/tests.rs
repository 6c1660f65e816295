//! Months of recording at a clock of the test's own, slice by slice.

mod names;
mod targets;

use super::*;
use mcpr_connect::connect;
use mcpr_model::{EventKey, Kind, Payload, Request, RequestId, Target, TargetKind};
use mcpr_store::query::{Filter, GroupBy, StatsQuestion};
use mcpr_store::{Backend, Depth, StoreUrl, Trust, Writer, WriterOptions};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

const HOUR: i64 = 60 * 60 * 1000;
const DAY: i64 = 24 * HOUR;
/// 2026-11-21 00:00 UTC.
const BEGIN: i64 = 1_795_219_200_000;

/// A store with what keeps it small.
struct Kept {
    backend: Box<dyn Backend>,
    writer: Box<dyn Writer>,
    keeping: RetentionTask,
    now: Arc<AtomicI64>,
    batches: i64,
    requests: u64,
    _directory: tempfile::TempDir,
}

impl Kept {
    fn new(keep: Keep) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let url = StoreUrl::from(directory.path().join("store.db"));
        let backend = connect(&url).expect("a backend");
        let options = WriterOptions {
            exclusive: true,
            trust: Trust::Anyone,
            ..WriterOptions::default()
        };
        let now = Arc::new(AtomicI64::new(BEGIN));
        let clock = Arc::clone(&now);
        Self {
            writer: backend.writer(options).expect("a writer"),
            backend,
            keeping: RetentionTask::new(
                keep,
                Some(Box::new(move || clock.load(Ordering::Relaxed))),
                None,
            ),
            now,
            batches: 0,
            requests: 0,
            _directory: directory,
        }
    }

    /// Commits requests of one moment, and does what they make due; says how many slices that took.
    fn record(&mut self, ts: i64, count: u64, body: &dyn Fn(u64) -> Option<String>) -> usize {
        let requests = (0..count).map(|at| {
            let number = self.requests + at;
            request(ts + i64::try_from(at).unwrap_or(0), number, body(number))
        });
        let events = requests.map(Event::Request).collect();
        self.requests += count;
        self.commit(ts, events)
    }

    /// Commits events of one moment, and does what they make due; says how many slices that took.
    fn commit(&mut self, ts: i64, events: Vec<Event>) -> usize {
        self.batches += 1;
        let batch = Batch {
            writer: 1,
            number: self.batches,
            now: ts,
            events,
            sources: Vec::new(),
        };
        self.now.store(ts, Ordering::Relaxed);
        self.writer.append(&batch).expect("a commit");
        let store = self.writer.care().expect("it takes care");
        self.keeping.committed(&batch, store);
        let mut slices = 0;
        while self.keeping.is_busy() {
            self.keeping
                .step(self.writer.care().expect("it takes care"))
                .expect("a whole store");
            slices += 1;
            assert!(slices < 10_000, "what is to be done has an end");
        }
        slices
    }

    /// Bytes that hold something.
    fn used_bytes(&mut self) -> u64 {
        let store = self.writer.care().expect("it takes care");
        store.used_bytes().expect("a size")
    }

    fn store_bytes(&self) -> u64 {
        self.backend.sizes().expect("sizes").store_bytes
    }
}

fn request(ts: i64, number: u64, body: Option<String>) -> Request {
    let id = format!("r{number}");
    Request {
        request_id: Some(RequestId::from_text(&id)),
        session_id: Some(format!("s{}", number / 500).into()),
        client_name: Some(format!("client {}", number % 1000).into()),
        // Distinct names, as of a server that makes them up.
        target: Some(Target {
            kind: TargetKind::Resource,
            name: format!("note://{number}").into(),
        }),
        latency_us: Some(1000),
        bytes_in: Some(10),
        bytes_out: Some(10),
        payload: body
            .and_then(|body| Payload::of(Some(&body), None))
            .map(Box::new),
        ..Request::new(
            EventKey::of_id(&id),
            ts,
            "p".into(),
            Kind::Mcp,
            "resources/read".into(),
        )
    }
}

/// About a kilobyte that no compression makes smaller.
#[expect(
    clippy::unnecessary_wraps,
    reason = "it stands for a body, which may be missing"
)]
fn noise(number: u64) -> Option<String> {
    let mut random = fastrand::Rng::with_seed(number);
    let text: String = std::iter::repeat_with(|| random.alphanumeric())
        .take(1200)
        .collect();
    Some(format!("\"{text}\""))
}

#[test]
fn a_store_stays_under_its_size_for_sixty_days() {
    let most = 4 << 20;
    let mut kept = Kept::new(Keep {
        max_bytes: Some(most),
        ..Keep::EVERYTHING
    });
    for hour in 0..60 * 24 {
        kept.record(BEGIN + hour * HOUR, 20, &noise);
        let bytes = kept.store_bytes();
        assert!(bytes <= most + most / 20, "hour {hour}: {bytes}");
    }
    let reader = kept.backend.reader().expect("a reader");
    let question = StatsQuestion::sums(&Filter::default(), GroupBy::Hour);
    let hours = reader.stats(&question).expect("stats");
    assert_eq!(hours.len(), 60 * 24, "the hours stay known");
    let calls: u64 = hours.iter().map(|row| row.tally.calls).sum();
    assert_eq!(calls, kept.requests);
    let found = kept.backend.verify(Depth::Full).expect("a look");
    assert_eq!(found.problems, [""; 0], "what went is no damage");
}

#[test]
fn requests_and_payloads_go_by_their_age() {
    let mut kept = Kept::new(Keep {
        requests_ms: Some(30 * DAY),
        payloads_ms: Some(7 * DAY),
        max_bytes: None,
    });
    for quarter in 0..60 * 4 {
        kept.record(BEGIN + quarter * 6 * HOUR, 20, &noise);
    }
    let overview = kept
        .backend
        .reader()
        .expect("a reader")
        .overview()
        .expect("sums");
    // 20 a quarter of a day, with the one that is just as old as may be.
    assert_eq!(overview.requests, 20 * (30 * 4 + 1));
    assert_eq!(overview.payloads, 20 * (7 * 4 + 1));
    let found = kept.backend.verify(Depth::Full).expect("a look");
    assert_eq!(found.problems, [""; 0], "what went is no damage");
}

#[test]
fn a_wrong_clock_empties_no_store() {
    let mut kept = Kept::new(Keep {
        requests_ms: Some(DAY),
        payloads_ms: Some(DAY),
        max_bytes: None,
    });
    kept.record(BEGIN, 5, &|_| None);
    kept.now.store(BEGIN + 1000 * DAY, Ordering::Relaxed);
    kept.keeping
        .look(kept.writer.care().expect("it takes care"));
    while kept.keeping.is_busy() {
        kept.keeping
            .step(kept.writer.care().expect("it takes care"))
            .expect("a whole store");
    }
    let overview = kept
        .backend
        .reader()
        .expect("a reader")
        .overview()
        .expect("sums");
    assert_eq!(overview.requests, 5);
}

#[test]
fn everything_stays_where_everything_is_kept() {
    let mut kept = Kept::new(Keep::EVERYTHING);
    assert_eq!(kept.record(BEGIN, 5, &noise), 0);
    assert_eq!(kept.record(BEGIN + 1000 * DAY, 5, &noise), 0);
    let overview = kept
        .backend
        .reader()
        .expect("a reader")
        .overview()
        .expect("sums");
    assert_eq!((overview.requests, overview.payloads), (10, 10));
}

#[test]
fn a_size_that_cannot_be_reached_is_not_tried_without_end() {
    let mut kept = Kept::new(Keep {
        max_bytes: Some(1),
        ..Keep::EVERYTHING
    });
    for hour in 0..5 {
        let slices = kept.record(BEGIN + hour * HOUR, 5, &noise);
        assert!(slices < 200, "{slices}");
    }
}
