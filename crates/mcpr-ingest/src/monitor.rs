//! What a recorder shows of itself: whether it commits, and its metrics. Knows no HTTP.

use crate::vitals::lock;
use crate::{NotReady, QueueFill, Recorder, Summary, Vitals, unix_ms};
use mcpr_connect::connect;
pub use mcpr_metrics::Format;
use mcpr_metrics::{Clean, Follower, MAX_SOURCES, QueueState, RecorderState, SourceState, render};
use mcpr_model::{FileIdentity, Text};
use mcpr_store::query::OTHER;
use mcpr_store::{Backend, StoreError, StoreUrl};
use mcpr_tail::{Tailer, identity_of, text_of};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// How often what is stored is read for the metrics, and how far files are is taken down.
const EVERY: Duration = Duration::from_secs(1);
/// Most pages of rows that one scrape waits for; the rest is in the next one.
const SCRAPE_PAGES: usize = 50;

/// A recorder as others see it.
#[derive(Debug)]
pub struct Monitor {
    vitals: Vitals,
    backend: Box<dyn Backend>,
    follower: Mutex<Follower>,
    clean: Clean,
    files: Mutex<SeenFiles>,
    version: &'static str,
    started_at: i64,
    /// A thread reads what is stored.
    is_followed: AtomicBool,
    is_closed: AtomicBool,
}

/// Where files stood at a moment.
#[derive(Debug, Default)]
struct SeenFiles {
    taken: Option<Instant>,
    files: Vec<SeenFile>,
}

#[derive(Debug)]
struct SeenFile {
    path: PathBuf,
    identity: FileIdentity,
    read: u64,
    backlog: u64,
}

impl SeenFile {
    /// Bytes that are there by now and were not read. Whoever reads may be held up by a full queue, and
    /// knows nothing of what has come since.
    fn lag_bytes(&self) -> u64 {
        match fs::metadata(&self.path) {
            Ok(now) if identity_of(&now) == self.identity => now.len().saturating_sub(self.read),
            // Another file has its path.
            _ => self.backlog,
        }
    }
}

impl Monitor {
    /// Shows a recorder of a store. `version` is that of the program.
    ///
    /// # Errors
    /// When the store's URL is of no known backend.
    pub fn new(
        recorder: &Recorder,
        store: &StoreUrl,
        version: &'static str,
    ) -> Result<Self, StoreError> {
        let screen = recorder.screen();
        let clean = Clean::by(move |name| screen.get().name(name));
        let followed = connect(store)?;
        let open = Box::new(move || followed.reader());
        Ok(Self {
            vitals: recorder.vitals(),
            backend: connect(store)?,
            follower: Mutex::new(Follower::new(open, clean.clone())),
            clean,
            files: Mutex::default(),
            version,
            started_at: unix_ms(SystemTime::now()),
            is_followed: AtomicBool::new(false),
            is_closed: AtomicBool::new(false),
        })
    }

    /// Counts what is stored from now on. It is read all the time, so that no scrape has to wait for much.
    pub fn follow(self: &Arc<Self>) {
        if self.is_followed.swap(true, Ordering::AcqRel) {
            return;
        }
        self.read();
        let monitor = Arc::downgrade(self);
        // Without the thread each scrape reads what there is.
        let _ = thread::Builder::new()
            .name("mcpr-metrics".to_owned())
            .spawn(move || follow_on(&monitor));
    }

    /// Lets the store go, so that the recorder closes it.
    pub fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
        lock(&self.follower).let_go();
    }

    /// Whether what comes in is committed.
    ///
    /// # Errors
    /// Why it is not.
    pub fn readiness(&self) -> Result<(), NotReady> {
        self.vitals.readiness()
    }

    /// Takes down where files stand, now and then.
    pub fn see_files(&self, tailer: &Tailer) {
        let now = Instant::now();
        let mut seen = lock(&self.files);
        let is_fresh = |taken: Instant| now.saturating_duration_since(taken) < EVERY;
        if seen.taken.is_some_and(is_fresh) {
            return;
        }
        seen.taken = Some(now);
        let files = tailer.places().map(|place| SeenFile {
            path: place.path.to_owned(),
            identity: place.identity,
            read: place.read,
            backlog: place.backlog,
        });
        seen.files = files.collect();
    }

    /// All metrics, as of now.
    #[must_use]
    pub fn metrics(self: &Arc<Self>, format: Format) -> String {
        self.follow();
        let mut pages = 0;
        while pages < SCRAPE_PAGES && self.read() {
            pages += 1;
        }
        let mut follower = lock(&self.follower);
        if !self.is_closed.load(Ordering::Acquire) {
            follower.look_for_ends();
        }
        let state = self.state(follower.failures());
        // Memory takes whatever is written.
        render(state, follower.operations(), format).unwrap_or_default()
    }

    /// Counts one page of what is stored; says whether there may be more.
    fn read(&self) -> bool {
        let mut follower = lock(&self.follower);
        // Behind the lock: who closes has it after.
        !self.is_closed.load(Ordering::Acquire) && follower.read()
    }

    fn state(&self, read_failures: u64) -> RecorderState {
        let Summary {
            counts,
            stored,
            duplicates,
            conflicts,
            gaps,
            batches,
            ..
        } = self.vitals.summary();
        let commits = self.vitals.commit_state();
        RecorderState {
            version: self.version.to_owned(),
            started_at: self.started_at,
            is_ready: self.readiness().is_ok(),
            counts,
            input_bytes: self.vitals.input_bytes(),
            stored,
            duplicates,
            conflicts,
            gaps,
            commits: batches,
            failed_commits: commits.failed,
            last_commit: commits.last,
            queue: queue_state(self.vitals.queue()),
            store: self.backend.sizes().ok(),
            read_failures,
            sources: self.sources(commits.sources),
        }
    }

    /// How far files are behind: those that are furthest, and all others together.
    fn lags(&self) -> Vec<(Text, u64)> {
        let seen = lock(&self.files);
        let files = seen.files.iter();
        let mut lags: Vec<_> = files.map(|file| (file.lag_bytes(), file)).collect();
        lags.sort_by_key(|(bytes, file)| (Reverse(*bytes), &file.path));
        let rest = lags.split_off(lags.len().min(MAX_SOURCES));
        let mut lags: Vec<_> = lags
            .into_iter()
            .map(|(bytes, file)| (text_of(&file.path), bytes))
            .collect();
        if !rest.is_empty() {
            let bytes = rest.iter().map(|(bytes, _)| bytes).sum();
            lags.push((Text::const_new(OTHER), bytes));
        }
        lags
    }

    /// What is known of each source, under a name without secrets: two may have one then.
    fn sources(&self, commits: Vec<(Text, i64)>) -> Vec<SourceState> {
        let mut sources: BTreeMap<Text, SourceState> = BTreeMap::new();
        let mut of = |name: &str, lag: Option<u64>, last: Option<i64>| {
            let name = self.clean.name(name);
            let source = sources.entry(name.clone()).or_insert(SourceState {
                name,
                lag_bytes: None,
                last_commit: None,
            });
            if let Some(lag) = lag {
                source.lag_bytes = Some(source.lag_bytes.unwrap_or(0).saturating_add(lag));
            }
            source.last_commit = source.last_commit.max(last);
        };
        for (name, bytes) in self.lags() {
            of(&name, Some(bytes), None);
        }
        for (name, last) in commits {
            of(&name, None, Some(last));
        }
        sources.into_values().collect()
    }
}

fn queue_state(fill: QueueFill) -> QueueState {
    QueueState {
        events: fill.events as u64,
        bytes: fill.bytes as u64,
        max_events: fill.max_events as u64,
        max_bytes: fill.max_bytes as u64,
    }
}

/// Reads what is stored until nobody wants to know any more.
fn follow_on(monitor: &Weak<Monitor>) {
    loop {
        thread::park_timeout(EVERY);
        let Some(monitor) = monitor.upgrade() else {
            return;
        };
        if monitor.is_closed.load(Ordering::Acquire) {
            return;
        }
        while monitor.read() {}
    }
}
