//! File sources: what the tailer reads, decoded and delivered with its checkpoints.

use super::{Delivery, LineDecoder, SourceHandle, Wanted};
use crate::model::{Checkpoint, Text};
use crate::tail::{Chunk, Piece, ReadOutcome, Tailer, identity_of};
use std::collections::HashMap;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

/// After a chunk of at least this many bytes more is likely to follow, so that a batch waits for it.
const FULL_CHUNK_BYTES: usize = 64 * 1024;

/// How far back a log is looked through for who calls; hosts begin another one long before that.
const MAX_RECALLED_BYTES: u64 = 64 << 20;

/// Reads files and delivers what they hold.
#[derive(Debug)]
pub struct FileSources {
    tailer: Tailer,
    feed: Feed,
}

/// Turns chunks into deliveries, file by file.
#[derive(Debug)]
struct Feed {
    handle: SourceHandle,
    files: HashMap<PathBuf, File>,
    proxy: Option<Text>,
    wanted: Wanted,
}

/// What is known of a path whose file is read.
#[derive(Debug)]
struct File {
    decoder: LineDecoder,
    /// Where reading stands.
    checkpoint: Checkpoint,
    /// Its last line has no newline, and holds an event all the same.
    ends_whole: bool,
    /// A piece of it was seen.
    has_begun: bool,
}

impl FileSources {
    /// Sources read by `tailer`; `proxy` names the proxy where neither stream nor file name should.
    #[must_use]
    pub fn new(tailer: Tailer, handle: SourceHandle, proxy: Option<&str>, wanted: Wanted) -> Self {
        let proxy = proxy.map(Text::from);
        Self {
            tailer,
            feed: Feed {
                handle,
                files: HashMap::new(),
                proxy,
                wanted,
            },
        }
    }

    /// The tailer, for what concerns files alone.
    pub fn tailer(&mut self) -> &mut Tailer {
        &mut self.tailer
    }

    /// Reads one chunk of every file that has grown.
    pub fn read(&mut self, stop: &dyn Fn() -> bool) -> ReadOutcome {
        let feed = &mut self.feed;
        let outcome = self.tailer.read(&mut |chunk| feed.deliver(&chunk, stop));
        if !outcome.progressed && !outcome.stopped {
            let now = Instant::now();
            let tailer = &self.tailer;
            self.feed.give_up(stop, &mut |path, file| {
                tailer.is_read(path) && file.decoder.settle(now)
            });
        }
        outcome
    }

    /// Reads every file to its end, also a last line that has no newline yet, and leaves it there: of
    /// what waits, only that which was asked just now can be answered for the next reader.
    pub fn finish(&mut self, stop: &dyn Fn() -> bool) {
        let feed = &mut self.feed;
        let outcome = self.tailer.finish(&mut |chunk| feed.deliver(&chunk, stop));
        if outcome.stopped {
            return;
        }
        let now = super::unix_ms(SystemTime::now());
        let tailer = &self.tailer;
        self.feed.give_up(stop, &mut |path, file| {
            (file.ends_whole || tailer.is_read(path)) && file.decoder.leave(now)
        });
    }
}

impl Feed {
    fn deliver(&mut self, chunk: &Chunk<'_>, stop: &dyn Fn() -> bool) -> ControlFlow<()> {
        if !self.files.contains_key(chunk.path) {
            let file = self.file(chunk);
            self.files.insert(chunk.path.to_owned(), file);
        }
        let Some(file) = self.files.get_mut(chunk.path) else {
            return ControlFlow::Break(());
        };
        file.take(chunk);
        let delivery = file.delivery();
        match self.handle.deliver(delivery, stop) {
            Ok(_) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }

    fn file(&self, chunk: &Chunk<'_>) -> File {
        let name = chunk.path.to_string_lossy();
        let proxy = match &self.proxy {
            Some(proxy) => proxy.clone(),
            None => proxy_of(chunk.path),
        };
        File {
            decoder: LineDecoder::new(&name, &proxy, self.wanted.clone()),
            checkpoint: chunk.checkpoint.clone(),
            ends_whole: false,
            has_begun: false,
        }
    }

    /// Asks each file in which a request waits to give up some, and delivers what that leads to.
    fn give_up(
        &mut self,
        stop: &dyn Fn() -> bool,
        has_given_up: &mut dyn FnMut(&Path, &mut File) -> bool,
    ) {
        for (path, file) in &mut self.files {
            if file.decoder.is_waiting() && has_given_up(path, file) {
                // Refused only at the end of the recorder: then the next one reads it again.
                let _ = self.handle.deliver(file.delivery(), stop);
            }
        }
    }
}

impl File {
    fn take(&mut self, chunk: &Chunk<'_>) {
        let now = super::unix_ms(SystemTime::now());
        self.decoder.read_at(Instant::now());
        self.ends_whole = false;
        if !self.has_begun {
            // What cannot be read again only leaves calls without the name of their client.
            let _ = recall(&mut self.decoder, chunk);
            self.has_begun = !chunk.pieces.is_empty();
        }
        for piece in chunk.pieces {
            if let Piece::Unfinished { offset, bytes } = *piece {
                self.ends_whole = self.decoder.unfinished(offset, bytes, now);
            } else {
                self.decoder.piece(piece, now);
            }
        }
        self.checkpoint.clone_from(&chunk.checkpoint);
    }

    /// What was decoded, with how far that brings the file.
    fn delivery(&mut self) -> Delivery {
        let checkpoint = self.decoder.reached(self.checkpoint.clone());
        let mut delivery = self.decoder.take();
        delivery.progress.checkpoint = checkpoint;
        delivery.more_follows = delivery.bytes >= FULL_CHUNK_BYTES;
        delivery
    }
}

/// Shows a decoder that begins in the middle of a log what stands before, as far as that says who
/// calls.
fn recall(decoder: &mut LineDecoder, chunk: &Chunk<'_>) -> io::Result<()> {
    let is_log = |piece: &Piece<'_>| matches!(piece, Piece::Line { bytes, .. } if is_logged(bytes));
    let begin = match chunk.pieces.first() {
        Some(Piece::Line { offset, .. }) if chunk.pieces.iter().any(is_log) => *offset,
        _ => return Ok(()),
    };
    let mut file = fs::File::open(chunk.path)?;
    if identity_of(&file.metadata()?) != chunk.checkpoint.identity {
        return Ok(());
    }
    let from = begin.saturating_sub(MAX_RECALLED_BYTES);
    file.seek(SeekFrom::Start(from))?;
    let mut lines = BufReader::new(file.take(begin - from));
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line)? > 0 {
        decoder.recall(&line);
        line.clear();
    }
    Ok(())
}

/// Whether a line is one of a desktop host's log.
fn is_logged(line: &[u8]) -> bool {
    memchr::memmem::find(line, b"Message from ").is_some()
}

/// The proxy whose stream a file holds: its name up to the first dot, else `default`.
#[must_use]
pub fn proxy_of(path: &Path) -> Text {
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy())
        .unwrap_or_default();
    match name.split('.').next() {
        Some(stem) if !stem.is_empty() => stem.into(),
        _ => Text::const_new(DEFAULT_PROXY),
    }
}

/// The proxy's name where nothing says one.
pub const DEFAULT_PROXY: &str = "default";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_named_by_its_file() {
        let cases = [
            ("everything.stderr.log", "everything"),
            ("/var/log/weather.log.1", "weather"),
            ("plain", "plain"),
            (".hidden", "default"),
            ("/", "default"),
        ];
        for (path, expected) in cases {
            assert_eq!(proxy_of(Path::new(path)), expected, "{path}");
        }
    }
}
