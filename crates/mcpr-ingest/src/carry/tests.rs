//! Carrying over, cut off wherever it can be.

use super::*;
use mcpr_model::{
    BadLine, EventKey, Gap, Kind, Payload, Request, RequestId, SurfaceContent, SurfaceUpdate,
};
use mcpr_store::memory::MemoryStore;
use mcpr_store::query::SessionFilter;
use mcpr_store::{Abandoned, Admin, Appended, Overview, Remains, Retention, StoreErrorKind};

/// A target that is cut off at one of its commits, before it or behind it.
struct Cut {
    store: MemoryStore,
    commits_left: u32,
    is_behind: bool,
}

impl Writer for Cut {
    fn append(&mut self, batch: &Batch) -> Result<Appended, StoreError> {
        let left = self.commits_left;
        self.commits_left = left.saturating_sub(1);
        let cut = || StoreError::new(StoreErrorKind::Retryable, "cut off");
        if left == 0 && !self.is_behind {
            return Err(cut());
        }
        let appended = self.store.append(batch)?;
        if left == 0 { Err(cut()) } else { Ok(appended) }
    }

    fn checkpoints(&mut self) -> Result<Vec<Checkpoint>, StoreError> {
        self.store.checkpoints()
    }

    fn abandoned(&mut self) -> Result<Abandoned, StoreError> {
        self.store.abandoned()
    }

    fn idle(&mut self) -> Result<(), StoreError> {
        self.store.idle()
    }

    fn take_remains(&mut self, remains: &Remains) -> Result<(), StoreError> {
        self.store.take_remains(remains)
    }
}

fn request(at: i64) -> Event {
    let id = format!("{at}");
    let body = mcpr_model::Body::of(&"x".repeat(100));
    Event::Request(Request {
        request_id: Some(RequestId::from_text(&id)),
        session_id: (at % 3 == 0).then(|| format!("s-{}", at / 30).into()),
        latency_us: Some(at),
        payload: Some(Box::new(Payload {
            params: Some(body),
            answer: None,
        })),
        ..Request::new(
            EventKey::of_bytes(id.as_bytes(), 0),
            at * 1000,
            "p".into(),
            Kind::Mcp,
            "ping".into(),
        )
    })
}

fn list(at: i64) -> Event {
    Event::Surface(Box::new(SurfaceUpdate {
        proxy: "p".into(),
        method: "tools/list".into(),
        ts: at * 1000,
        session_id: None,
        client_name: None,
        content: SurfaceContent::Whole {
            upstream: None,
            result: format!(r#"{{"tools":[{{"name":"t{at}"}}]}}"#).into(),
        },
    }))
}

/// A store of so many requests, with lists, gaps and bad lines between them.
fn source(requests: i64) -> MemoryStore {
    let mut events = vec![list(0)];
    for at in 1..=requests {
        events.push(request(at));
        if at % 50 == 0 {
            events.push(list(at));
            events.push(Event::Gap(Gap {
                source: "a".into(),
                count: 1,
                from_ts: at,
                to_ts: at,
                key: None,
            }));
            events.push(Event::BadLine(BadLine {
                source: "a".into(),
                offset: at.cast_unsigned(),
                reason: "no".to_owned(),
                excerpt: b"{".to_vec(),
                ts: at,
            }));
        }
    }
    let mut store = MemoryStore::default();
    let sources = vec![SourceProgress {
        name: "a".into(),
        checkpoint: None,
        counts: Counts {
            lines: 7,
            ..Counts::default()
        },
    }];
    let batch = Batch {
        writer: 1,
        number: 1,
        now: 0,
        events,
        sources,
    };
    store.append(&batch).expect("append");
    store
}

fn carry(from: &dyn Reader, to: &mut dyn Writer, target: &dyn Reader) -> Result<(), StoreError> {
    let mut carrier = Carrier::resume(from, to, "from", true)?;
    carrier.batch_events = 50;
    carrier.sessions_without_counts()?;
    carrier.rows(&mut |_| ControlFlow::Continue(()))?;
    carrier.news(target, &mut Sent::default(), 0)?;
    carrier.counts(target)?;
    carrier.sources()
}

/// Everything that is compared: rows in their order, and what is there in all.
fn all_of(store: &MemoryStore) -> (Vec<Entry>, Overview, Vec<i64>, usize) {
    let mut page = Page::after(Cursor::START, Page::MAX_LIMIT);
    let mut rows = Vec::new();
    loop {
        let entries = store.entries(&Filter::default(), page).expect("entries");
        let Some(last) = entries.last() else { break };
        page.after = Some(last.cursor());
        rows.extend(entries);
    }
    let surfaces = mcpr_store::fold::surfaces(store, None).expect("surfaces");
    let seqs = surfaces.versions.iter().map(|row| row.seq).collect();
    let bad = store.bad_lines(usize::MAX).expect("bad lines");
    let overview = store.overview().expect("an overview");
    (rows, overview, seqs, bad.len())
}

#[test]
fn a_copy_cut_off_at_any_commit_goes_on_right_behind_it() {
    let from = source(320);
    let whole = all_of(&from);
    for (is_behind, cut_at) in (0..8).flat_map(|at| [(false, at), (true, at)]) {
        let store = MemoryStore::default();
        let mut to = Cut {
            store: store.clone(),
            commits_left: cut_at,
            is_behind,
        };
        let first = carry(&from, &mut to, &store);
        to.commits_left = u32::MAX;
        carry(&from, &mut to, &store).expect("the rest");
        let (rows, mut overview, seqs, bad) = all_of(&store);
        assert_eq!(rows, whole.0, "cut at {cut_at}, {first:?}");
        assert_eq!((seqs, bad), (whole.2.clone(), whole.3), "cut at {cut_at}");
        assert_eq!(overview.counts, whole.1.counts, "cut at {cut_at}");
        // Nothing was sent twice, so that nothing was a duplicate.
        assert_eq!(overview.duplicates, 0, "cut at {cut_at}");
        overview.counts = whole.1.counts;
        assert_eq!(overview, whole.1, "cut at {cut_at}");
    }
}

#[test]
fn sums_of_requests_that_are_gone_go_along() {
    let mut from = source(320);
    from.vacuum(&Retention::before(150_000), &mut |_| {})
        .expect("vacuum");
    let to = MemoryStore::default();
    carry(&from, &mut to.clone(), &to).expect("a copy");
    let sums = |store: &MemoryStore| {
        let mut rows = Vec::new();
        store.rollups(&mut |row| rows.push(row)).expect("rollups");
        mcpr_store::RollupRow::sort(&mut rows);
        rows
    };
    assert_eq!(sums(&to), sums(&from));
    let sessions = |store: &MemoryStore| {
        let mut rows = Vec::new();
        let every = SessionFilter {
            with_empty: true,
            ..SessionFilter::default()
        };
        mcpr_store::fold::each_session(store, &every, &mut |row| rows.push(row)).expect("sessions");
        rows
    };
    assert_eq!(sessions(&to), sessions(&from));
}

#[test]
fn what_comes_later_is_carried_over_by_itself() {
    let mut from = source(10);
    let to = MemoryStore::default();
    carry(&from, &mut to.clone(), &to).expect("a copy");
    let more = Batch {
        writer: 1,
        number: 2,
        now: 0,
        events: vec![request(11), list(11)],
        sources: Vec::new(),
    };
    from.append(&more).expect("append");
    let mut writer = to.clone();
    let mut carrier = Carrier::resume(&from, &mut writer, "from", true).expect("a carrier");
    carrier
        .rows(&mut |_| ControlFlow::Continue(()))
        .expect("rows");
    let done = carrier.carried();
    assert_eq!((done.stored, done.duplicates), (1, 0));
    assert_eq!(all_of(&to).0, all_of(&from).0);
}
