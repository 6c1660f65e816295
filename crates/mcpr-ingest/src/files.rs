//! File sources: what the tailer reads, decoded and delivered with its checkpoints.

use super::lines::{OpenLog, Torn, TornState};
use super::named::proxy_of;
use super::unread::UnknownFiles;
use super::{ANNOUNCE_AFTER, Delivery, LineDecoder, LineOptions, SourceHandle};
use mcpr_model::{Checkpoint, Event, Gap, Text};
use mcpr_tail::{Chunk, Piece, ReadOutcome, Tailer, identity_of, log_of, text_of};
use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// After a chunk of at least this many bytes more is likely to follow, so that a batch waits for it.
const FULL_CHUNK_BYTES: usize = 64 * 1024;

/// How far back a log is looked through for who calls; hosts begin another one long before that.
const MAX_RECALLED_BYTES: u64 = 64 << 20;

/// How long a file must have stood that ends with half a line before that is taken for all of it, where
/// another file of the same log has begun.
const TORN_AFTER: Duration = Duration::from_secs(10);

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
    /// What waits in files that are one log.
    logs: HashMap<PathBuf, OpenLog>,
    proxy: Option<Text>,
    wanted: LineOptions,
    /// Files that were looked at to give up what waits: what that costs.
    looks: u64,
    /// Files of which no line was of a known format so far.
    unknown: UnknownFiles,
}

/// What is known of a path whose file is read.
#[derive(Debug)]
struct File {
    decoder: LineDecoder,
    /// The path of the log that it is of.
    log: PathBuf,
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
    pub fn new(
        tailer: Tailer,
        handle: SourceHandle,
        proxy: Option<&str>,
        wanted: LineOptions,
    ) -> Self {
        let proxy = proxy.map(Text::from);
        Self {
            tailer,
            feed: Feed {
                handle,
                files: HashMap::new(),
                logs: HashMap::new(),
                proxy,
                wanted,
                looks: 0,
                unknown: UnknownFiles::default(),
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
        // Only at the end of all files: an answer may stand in what is not read yet.
        if !outcome.progressed && !outcome.stopped {
            let now = Instant::now();
            let unread = self.tailer.unread_paths();
            let is_read = |path: &Path, _: &File| !unread.contains(path);
            self.feed.give_up(stop, &is_read, &|decoder| {
                let until = now.checked_sub(ANNOUNCE_AFTER);
                // Both, for one request may be given up while another begins to wait.
                decoder.settle(now) | until.is_some_and(|until| decoder.announce_open(until, true))
            });
            self.feed.unknown.report(&self.feed.wanted.notes);
        }
        outcome
    }

    /// Reads every file to its end, also a last line that has no newline yet, and leaves it there: of
    /// what waits, only that which was asked just now can be answered for the next reader.
    pub fn finish(&mut self, stop: &dyn Fn() -> bool) {
        let feed = &mut self.feed;
        let outcome = self.tailer.finish(&mut |chunk| feed.deliver(&chunk, stop));
        // What was not taken may hold answers: nothing is given up.
        if outcome.stopped {
            return;
        }
        let now = super::unix_ms(SystemTime::now());
        let unread = self.tailer.unread_paths();
        // A last line without a newline counts as read where an event was found in it: this run ends
        // here.
        let is_read = |path: &Path, file: &File| file.ends_whole || !unread.contains(path);
        self.feed
            .give_up(stop, &is_read, &|decoder| decoder.leave(now));
        self.feed.unknown.report(&self.feed.wanted.notes);
    }
}

impl Feed {
    fn deliver(&mut self, chunk: &Chunk<'_>, stop: &dyn Fn() -> bool) -> ControlFlow<()> {
        // It only says that there is such a file: no decoder is needed, of which there may be
        // thousands.
        let is_first_look = chunk.pieces.is_empty() && chunk.checkpoint.offset == 0;
        if is_first_look || chunk.is_parting() {
            return self.place(chunk, stop);
        }
        // Not `entry`, which would copy the path for each chunk.
        if !self.files.contains_key(chunk.path) {
            let file = self.file(chunk);
            self.files.insert(chunk.path.to_owned(), file);
        }
        let Some(file) = self.files.get_mut(chunk.path) else {
            return ControlFlow::Break(());
        };
        if let [Piece::Unfinished { bytes, .. }] = chunk.pieces
            && chunk.is_torn()
        {
            log_of_file(&mut self.logs, file).torn = Some(Torn::new(&chunk.checkpoint, bytes));
            return ControlFlow::Continue(());
        }
        let torn = log_of_file(&mut self.logs, file).torn.take();
        let Some(torn) = torn else {
            let deliveries = with_log(&mut self.logs, file, |file| {
                file.take(chunk);
                file.deliveries()
            });
            return self.deliver_all(deliveries, stop);
        };
        let (deliveries, torn) = with_log(&mut self.logs, file, |file| file.go_on(chunk, torn));
        log_of_file(&mut self.logs, file).torn = torn;
        self.deliver_all(deliveries, stop)
    }

    fn deliver_all(
        &mut self,
        deliveries: Vec<Delivery>,
        stop: &dyn Fn() -> bool,
    ) -> ControlFlow<()> {
        for delivery in deliveries {
            self.unknown.count(&delivery.progress);
            if self.handle.deliver(delivery, stop).is_err() {
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }

    /// Takes what is reported about a file of which nothing is read: where it is, and what is missing of it. It
    /// is committed whatever waits in its log: else nobody would look for the file once it is rotated.
    fn place(&mut self, chunk: &Chunk<'_>, stop: &dyn Fn() -> bool) -> ControlFlow<()> {
        let is_missing = !chunk.pieces.is_empty();
        if chunk.checkpoint.offset > 0
            && !is_missing
            && let Some(file) = self.files.get_mut(chunk.path)
        {
            // Where it is left is settled once nothing waits in what was read of it.
            let deliveries = with_log(&mut self.logs, file, |file| {
                file.checkpoint.clone_from(&chunk.checkpoint);
                file.deliveries()
            });
            return self.deliver_all(deliveries, stop);
        }
        let name = text_of(chunk.path);
        let mut delivery = Delivery::new(name.clone());
        let now = super::unix_ms(SystemTime::now());
        for piece in chunk.pieces {
            if let Piece::Missing { offset } = piece {
                delivery.events.push(Event::Gap(Gap {
                    // The place in the name: a person looks for the gap in the file itself.
                    source: format!("{name} (after byte {offset})").into(),
                    count: Gap::UNKNOWN,
                    // When the missing lines were written nobody can say.
                    from_ts: now,
                    to_ts: now,
                    key: None,
                }));
            }
        }
        delivery.progress.checkpoint = Some(chunk.checkpoint.clone());
        match self.handle.deliver(delivery, stop) {
            Ok(_) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }

    fn file(&self, chunk: &Chunk<'_>) -> File {
        let name = text_of(chunk.path);
        let proxy = match &self.proxy {
            Some(proxy) => proxy.clone(),
            None => proxy_of(chunk.path),
        };
        // A log that was read is one also after it was rotated away.
        let exists = |path: &Path| self.files.contains_key(path) || path.exists();
        File {
            decoder: LineDecoder::new(&name, &proxy, self.wanted.clone()).of_file(),
            log: log_of(chunk.path, &exists),
            checkpoint: chunk.checkpoint.clone(),
            ends_whole: false,
            has_begun: false,
        }
    }

    /// Asks each log in which a request waits to give up some, once all of its files are read, and
    /// delivers what that leads to.
    fn give_up(
        &mut self,
        stop: &dyn Fn() -> bool,
        is_read: &dyn Fn(&Path, &File) -> bool,
        give_up: &dyn Fn(&mut LineDecoder) -> bool,
    ) {
        let waiting = self.logs.iter().filter(|it| it.1.hostlogs.is_waiting());
        let waiting: HashSet<PathBuf> = waiting.map(|(log, _)| log.clone()).collect();
        if waiting.is_empty() {
            return;
        }
        // One look at each file, however many logs wait: every file of a log has to be read, for the
        // answer may stand in any of them. Any of them will do then: its decoder is lent what waits in
        // the whole log.
        let mut read: HashMap<PathBuf, Option<PathBuf>> = HashMap::new();
        for (path, file) in self.files.iter().filter(|it| waiting.contains(&it.1.log)) {
            self.looks += 1;
            let is_read = is_read(path, file);
            let of_log = read
                .entry(file.log.clone())
                .or_insert_with(|| Some(path.clone()));
            if !is_read {
                *of_log = None;
            }
        }
        for path in read.into_values().flatten() {
            let Some(file) = self.files.get_mut(&path) else {
                continue;
            };
            let deliveries = with_log(&mut self.logs, file, |file| {
                if give_up(&mut file.decoder) {
                    file.deliveries()
                } else {
                    Vec::new()
                }
            });
            // Refused only at the end of the recorder: then the next one reads it again.
            let _ = self.deliver_all(deliveries, stop);
        }
    }
}

/// What waits in the log of a file.
fn log_of_file<'l>(logs: &'l mut HashMap<PathBuf, OpenLog>, file: &File) -> &'l mut OpenLog {
    logs.entry(file.log.clone())
        .or_insert_with(|| OpenLog::new(Text::from(file.log.to_string_lossy())))
}

/// Does something to a file while its decoder has what waits in all files of its log.
fn with_log<T>(
    logs: &mut HashMap<PathBuf, OpenLog>,
    file: &mut File,
    act: impl FnOnce(&mut File) -> T,
) -> T {
    let shared = log_of_file(logs, file);
    file.decoder.swap_log(shared);
    let result = act(file);
    // Given back, whatever was done: other files of the log come next.
    file.decoder.swap_log(shared);
    result
}

impl File {
    fn take(&mut self, chunk: &Chunk<'_>) {
        let now = super::unix_ms(SystemTime::now());
        self.decoder.read_at(Instant::now());
        self.ends_whole = false;
        // Once a file: its client was named in the first line of a connection, maybe before the place
        // where we begin.
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

    /// Takes what follows where a file of the same log ended with half a line: that and the first line of
    /// the file that was begun next may be one. Gives back what is still to be kept of the half.
    fn go_on(&mut self, chunk: &Chunk<'_>, mut torn: Torn) -> (Vec<Delivery>, Option<Torn>) {
        let now = super::unix_ms(SystemTime::now());
        match (chunk.pieces, torn.state) {
            ([Piece::Line { offset: 0, bytes }, rest @ ..], TornState::Waiting)
                if !torn.is_of(chunk) =>
            {
                let Some(joined) = self.decoder.join(&torn.bytes, bytes) else {
                    torn.state = TornState::Alone;
                    self.take(chunk);
                    return (self.deliveries(), Some(torn));
                };
                torn.state = TornState::Joined;
                self.decoder.read_at(Instant::now());
                self.decoder.line(0, &joined, now);
                self.has_begun = true;
                self.take(&Chunk {
                    path: chunk.path,
                    pieces: rest,
                    checkpoint: torn.end.clone(),
                    is_final: false,
                });
                let mut deliveries = self.deliveries();
                self.checkpoint.clone_from(&chunk.checkpoint);
                deliveries.extend(self.deliveries());
                (deliveries, Some(torn))
            }
            ([Piece::Unfinished { bytes, .. } | Piece::Line { bytes, .. }], TornState::Joined)
                if torn.is_all(chunk, bytes) =>
            {
                (Vec::new(), Some(torn))
            }
            ([Piece::Unfinished { offset, bytes }], _)
                if torn.is_all(chunk, bytes) && is_at_rest(chunk) =>
            {
                self.decoder.torn(*offset, bytes, now);
                self.checkpoint.clone_from(&torn.end);
                (self.deliveries(), None)
            }
            _ => {
                // With its end in its own file, it is a line like any other. Where a file stands says
                // nothing of its end.
                let goes_on = torn.is_of(chunk) && !chunk.is_final && !chunk.pieces.is_empty();
                self.take(chunk);
                (self.deliveries(), (!goes_on).then_some(torn))
            }
        }
    }

    /// What was decoded, with how far that brings the file; behind it, how far that brings other files
    /// of the same log.
    fn deliveries(&mut self) -> Vec<Delivery> {
        let mut places = self.decoder.reached(self.checkpoint.clone());
        // A chunk may settle places in older files of the log, which have checkpoints of their own.
        let own = places
            .iter()
            .position(|it| it.identity == self.checkpoint.identity);
        let mut delivery = self.decoder.take();
        let source = delivery.progress.name.clone();
        delivery.progress.checkpoint = own.map(|own| places.remove(own));
        delivery.more_follows = delivery.bytes >= FULL_CHUNK_BYTES;
        let others = places.into_iter().map(|place| {
            let mut delivery = Delivery::new(source.clone());
            delivery.progress.name.clone_from(&place.path);
            delivery.progress.checkpoint = Some(place);
            delivery
        });
        std::iter::once(delivery).chain(others).collect()
    }
}

/// Shows a decoder that begins in the middle of a log what stands before, as far as that says who
/// calls.
fn recall(decoder: &mut LineDecoder, chunk: &Chunk<'_>) -> io::Result<()> {
    let is_log = |piece: &Piece<'_>| matches!(piece, Piece::Line { bytes, .. } if is_logged(bytes));
    let begin = match chunk.pieces.first() {
        // Files of other formats need no past: it is not read again for them.
        Some(Piece::Line { offset, .. }) if chunk.pieces.iter().any(is_log) => *offset,
        _ => return Ok(()),
    };
    let mut file = fs::File::open(chunk.path)?;
    // The path may lead to another file by now, whose lines say nothing of this one.
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

/// Whether the file of a chunk was not written to for a while.
fn is_at_rest(chunk: &Chunk<'_>) -> bool {
    let metadata = fs::metadata(chunk.path);
    metadata.is_ok_and(|metadata| {
        let modified = metadata
            .modified()
            .and_then(|it| it.elapsed().map_err(io::Error::other));
        let is_it = identity_of(&metadata) == chunk.checkpoint.identity;
        is_it && modified.is_ok_and(|since| since >= TORN_AFTER)
    })
}

/// Whether a line may be one of a log whose messages are paired.
fn is_logged(line: &[u8]) -> bool {
    const MARKS: [&[u8]; 5] = [
        b"Message from ",
        b" editor] ",
        b" server] ",
        b" Says] ",
        b"\"server_id\"",
    ];
    MARKS
        .iter()
        .any(|mark| memchr::memmem::find(line, mark).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Config, Full, Recorder};
    use mcpr_store::memory::MemoryStore;
    use mcpr_tail::{Begin, SourceSpec};

    /// Files that are looked at in a round without news, where a request waits in each of so many logs.
    fn looks_at(logs: u64) -> u64 {
        let directory = tempfile::tempdir().expect("a directory");
        for number in 0..logs {
            let line = r#"2025-03-18T12:00:00Z [a] Message from client: {"id":1,"method":"ping"}"#;
            let path = directory.path().join(format!("server-{number}x.log"));
            fs::write(path, format!("{line}\n")).expect("a file");
        }
        let store = Box::new(MemoryStore::default());
        let recorder =
            Recorder::with_store(store, Config::new(Path::new("unused"))).expect("a recorder");
        let all = directory.path().join("*.log");
        let sources = vec![SourceSpec::parse(all.as_os_str())];
        let tailer = Tailer::new(sources, Begin::Start, Vec::new());
        let handle = recorder.source(Full::Block);
        let mut files = FileSources::new(tailer, handle, None, LineOptions::default());
        files.tailer().scan(Instant::now());
        while files.read(&|| false).progressed {}
        let before = files.feed.looks;
        files.read(&|| false);
        files.feed.looks - before
    }

    #[test]
    fn requests_that_wait_in_many_logs_cost_one_look_at_each_file() {
        assert_eq!((looks_at(10), looks_at(40)), (10, 40));
    }
}
