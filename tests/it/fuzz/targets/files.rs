//! Things done to log files, against a model that knows which lines must come out.
//!
//! Lines are long enough for a file to be known again by its head, and a copy is made only when
//! nothing of a line is missing: what no tailer can know is left out.

use super::Choices;
use mcpr_model::{Checkpoint, FileIdentity};
use mcpr_tail::{Begin, Piece, SourceSpec, Tailer};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Most things that are done in one run.
const MOST_ACTIONS: usize = 60;

/// A log, its writer, its tailer, and what must have come out of it.
struct Bench {
    directory: tempfile::TempDir,
    file: File,
    /// The rest of the line that stands there without its newline.
    rest: Option<String>,
    written: Vec<String>,
    read: Vec<String>,
    tailer: Tailer,
    committed: BTreeMap<FileIdentity, Checkpoint>,
    rotations: u32,
}

/// Does what the bytes say and compares what was written with what was read.
pub(super) fn tail(data: &[u8]) {
    let mut bench = Bench::new();
    let mut choices = Choices::new(data);
    for _ in 0..MOST_ACTIONS {
        let Some(action) = choices.next() else { break };
        match action % 8 {
            0 | 1 => bench.write_line(choices.byte()),
            2 => bench.write_part(choices.byte()),
            3 => bench.finish_line(),
            4 => bench.rename(),
            5 => bench.copy_truncate(),
            6 => bench.poll(usize::from(choices.byte())),
            _ => bench.restart(),
        }
    }
    bench.finish_line();
    bench.poll(usize::MAX);
    bench.restart();
    bench.poll(usize::MAX);
    bench.written.sort();
    bench.read.sort();
    assert_eq!(bench.read, bench.written, "{data:?}");
}

impl Bench {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        Self {
            file: append(&directory.path().join("log")),
            tailer: tailer(directory.path(), Vec::new()),
            directory,
            rest: None,
            written: Vec::new(),
            read: Vec::new(),
            committed: BTreeMap::new(),
            rotations: 0,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn line(&mut self, length: u8) -> String {
        let number = self.written.len();
        let line = format!("{number} {}", "x".repeat(64 + usize::from(length)));
        self.written.push(line.clone());
        line + "\n"
    }

    fn write(&mut self, text: &str) {
        self.file.write_all(text.as_bytes()).expect("written");
    }

    fn write_line(&mut self, length: u8) {
        self.finish_line();
        let line = self.line(length);
        self.write(&line);
    }

    fn write_part(&mut self, length: u8) {
        self.finish_line();
        let line = self.line(length);
        let (part, rest) = line.split_at(1 + usize::from(length) % (line.len() - 1));
        self.write(part);
        self.rest = Some(rest.to_owned());
    }

    fn finish_line(&mut self) {
        if let Some(rest) = self.rest.take() {
            self.write(&rest);
        }
    }

    /// The writer finishes its line in the file that has moved.
    fn rename(&mut self) {
        self.rotations += 1;
        let kept = self.path(&format!("log.{}", self.rotations));
        fs::rename(self.path("log"), kept).expect("renamed");
        self.finish_line();
        self.file = append(&self.path("log"));
    }

    fn copy_truncate(&mut self) {
        self.finish_line();
        self.rotations += 1;
        let kept = self.path(&format!("log.{}", self.rotations));
        fs::copy(self.path("log"), kept).expect("copied");
        self.file.set_len(0).expect("cut");
    }

    /// Looks, and takes at most so many chunks of what is there.
    fn poll(&mut self, mut chunks: usize) {
        self.tailer.scan(Instant::now());
        loop {
            let (read, committed) = (&mut self.read, &mut self.committed);
            let outcome = self.tailer.read(&mut |chunk| {
                if chunk.is_torn() {
                    // Reported beside its file's own chunks, for whoever looks for the rest in another file.
                    return ControlFlow::Continue(());
                }
                if chunks == 0 {
                    return ControlFlow::Break(());
                }
                chunks -= 1;
                for piece in chunk.pieces {
                    if let Piece::Line { bytes, .. } = piece {
                        read.push(String::from_utf8_lossy(bytes).into_owned());
                    }
                }
                committed.insert(chunk.checkpoint.identity, chunk.checkpoint);
                ControlFlow::Continue(())
            });
            if !outcome.progressed || outcome.stopped {
                return;
            }
        }
    }

    /// Begins anew from what is committed.
    fn restart(&mut self) {
        let committed = self.committed.values().cloned().collect();
        self.tailer = tailer(self.directory.path(), committed);
    }
}

fn tailer(directory: &Path, committed: Vec<Checkpoint>) -> Tailer {
    let pattern = directory.join("log*");
    let source = SourceSpec::parse(pattern.as_os_str());
    Tailer::new(vec![source], Begin::Start, committed)
}

fn append(path: &Path) -> File {
    let mut options = OpenOptions::new();
    options
        .create(true)
        .append(true)
        .open(path)
        .expect("opened")
}
