//! Tests of the tailer as its caller sees it: files in a temporary directory, lines that come out.

mod alike;
mod costs;
mod counted;
mod dated;
mod deleted;
mod first_look;
mod gzip;
mod held;
mod logrotate;
mod many;
mod model;
mod rotations;
mod sources;
mod stopped;

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustc_hash::FxHashSet;
use tempfile::TempDir;

use super::writers::{Ask, Writers};
use super::{Begin, Chunk, Notice, Piece, SourceSpec, Tailer};
use mcpr_model::steps::Steps;
use mcpr_model::{Checkpoint, FileIdentity};

/// A directory with one in it that a test writes into. Lost files are looked for in the directories beside that
/// one, and those of other tests hold the same lines.
fn new_directory() -> TempDir {
    let outer = tempfile::tempdir().unwrap();
    fs::create_dir(outer.path().join("logs")).unwrap();
    outer
}

/// A directory, a tailer of some files in it, and what a store would have committed.
struct Bench {
    directory: TempDir,
    sources: Vec<String>,
    begin: Begin,
    read_bytes: Option<usize>,
    ask: Ask,
    tailer: Tailer,
    now: Instant,
    committed: BTreeMap<FileIdentity, Checkpoint>,
    lines: Vec<String>,
    pieces: Vec<String>,
    notices: Vec<Notice>,
    /// How many of them a test has seen.
    noted: usize,
    /// Looks that it took to keep what is committed: they are not done by the tailer.
    own_looks: u64,
}

impl Bench {
    /// Tails sources, named relative to a new directory.
    fn new(sources: &[&str]) -> Self {
        let sources = sources.iter().map(|&source| source.to_owned()).collect();
        let mut bench = Self {
            directory: new_directory(),
            sources,
            begin: Begin::Start,
            read_bytes: None,
            ask: no_writers,
            tailer: Tailer::new(Vec::new(), Begin::Start, Vec::new()),
            now: Instant::now(),
            committed: BTreeMap::new(),
            lines: Vec::new(),
            pieces: Vec::new(),
            notices: Vec::new(),
            noted: 0,
            own_looks: 0,
        };
        bench.restart();
        bench
    }

    fn root(&self) -> PathBuf {
        self.directory.path().join("logs")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    /// Begins anew from what is committed.
    fn restart(&mut self) {
        let specs = self.sources.iter().map(|source| {
            let path = self.root().join(source);
            SourceSpec::parse(path.as_os_str())
        });
        let committed = self.committed.values().cloned().collect();
        self.tailer = Tailer::new(specs.collect(), self.begin, committed);
        self.tailer.set_writers(self.ask);
        if let Some(bytes) = self.read_bytes {
            self.tailer.set_read_bytes(bytes);
        }
    }

    fn append(&self, name: &str, text: &str) {
        let mut options = OpenOptions::new();
        let file = options.create(true).append(true).open(self.path(name));
        file.unwrap().write_all(text.as_bytes()).unwrap();
    }

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).unwrap();
    }

    /// What `cp FROM TO; : > FROM` does.
    fn copy_truncate(&self, from: &str, to: &str) {
        fs::copy(self.path(from), self.path(to)).unwrap();
        fs::write(self.path(from), "").unwrap();
    }

    /// Looks, reads until nothing is left, and commits all of it.
    fn poll(&mut self) {
        self.tailer.scan(self.now);
        while self.read(usize::MAX) {}
        self.notices.extend(self.tailer.take_notices());
    }

    fn poll_after(&mut self, time: Duration) {
        self.now += time;
        self.poll();
    }

    /// One round of reading, of which at most so many chunks are taken. Says whether to go on.
    fn read(&mut self, mut chunks: usize) -> bool {
        let Self {
            tailer,
            committed,
            lines,
            pieces,
            own_looks,
            ..
        } = self;
        let outcome = tailer.read(&mut |chunk: Chunk<'_>| {
            if chunks == 0 {
                return ControlFlow::Break(());
            }
            chunks -= 1;
            if chunk.is_torn() {
                return ControlFlow::Continue(()); // its rest is not looked for here
            }
            take(&chunk, lines, pieces);
            let before = Steps::taken();
            committed.insert(chunk.checkpoint.identity, chunk.checkpoint);
            *own_looks += before.since().looks;
            ControlFlow::Continue(())
        });
        outcome.progressed && !outcome.stopped
    }

    /// Reads to the end of everything, as a run with an end does.
    fn finish(&mut self) {
        self.tailer.scan(self.now);
        let Self {
            tailer,
            committed,
            lines,
            pieces,
            own_looks,
            ..
        } = self;
        tailer.finish(&mut |chunk| {
            if chunk.is_torn() {
                return ControlFlow::Continue(());
            }
            take(&chunk, lines, pieces);
            let before = Steps::taken();
            committed.insert(chunk.checkpoint.identity, chunk.checkpoint);
            *own_looks += before.since().looks;
            ControlFlow::Continue(())
        });
    }

    /// The lines that came since this was last asked.
    fn lines(&mut self) -> Vec<String> {
        self.pieces.clear();
        std::mem::take(&mut self.lines)
    }

    /// How often it was reported that something is missing.
    fn missing(&self) -> usize {
        let is_missing = |notice: &&Notice| matches!(notice, Notice::Missing { .. });
        self.notices.iter().filter(is_missing).count()
    }

    #[track_caller]
    fn expect(&mut self, expected: &[&str]) {
        assert_eq!(self.lines(), expected, "{:?}", self.notices);
    }
}

fn take(chunk: &Chunk<'_>, lines: &mut Vec<String>, pieces: &mut Vec<String>) {
    for piece in chunk.pieces {
        match piece {
            Piece::Line { bytes, .. } => lines.push(String::from_utf8_lossy(bytes).into_owned()),
            Piece::Oversized { offset, len, .. } => {
                pieces.push(format!("oversized {offset} {len}"));
            }
            Piece::Nuls { offset, len } => pieces.push(format!("nuls {offset} {len}")),
            Piece::Missing { offset } => pieces.push(format!("missing {offset}")),
            Piece::Unfinished { offset, bytes } => {
                let text = String::from_utf8_lossy(bytes);
                pieces.push(format!("unfinished {offset} {text}"));
            }
        }
    }
}

/// Nobody has any file open.
fn no_writers(_: &FxHashSet<FileIdentity>) -> Writers {
    Writers {
        is_complete: true,
        ..Writers::default()
    }
}

/// Somebody has every file open.
fn all_written(files: &FxHashSet<FileIdentity>) -> Writers {
    Writers {
        of: files.clone(),
        is_complete: true,
    }
}

/// Who has files open cannot be seen.
fn unseen_writers(_: &FxHashSet<FileIdentity>) -> Writers {
    Writers::default()
}

/// A line long enough for a file of one to be known again by its head.
fn long(name: &str) -> String {
    format!("{name} {}", "x".repeat(80))
}
