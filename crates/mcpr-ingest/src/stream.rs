//! A source that can be read only once: standard input, a named pipe.

use super::{Delivery, LineDecoder, SourceHandle};
use mcpr_tail::{Piece, Splitter};
use mcpr_wire::bare;
use std::io::{self, Read};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

/// Most bytes read at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// A stream that one thread reads, and that another may end while the reader waits for input.
#[derive(Debug)]
pub struct StreamSource {
    handle: SourceHandle,
    state: Mutex<StreamState>,
}

/// How far a stream has come.
#[derive(Debug)]
struct StreamState {
    decoder: LineDecoder,
    splitter: Splitter,
    has_ended: bool,
}

impl StreamSource {
    /// A stream that is decoded by `decoder` and delivered through `handle`.
    #[must_use]
    pub fn new(decoder: LineDecoder, handle: SourceHandle) -> Self {
        let state = StreamState {
            decoder,
            splitter: Splitter::new(0),
            has_ended: false,
        };
        Self {
            handle,
            state: Mutex::new(state),
        }
    }

    fn lock(&self) -> MutexGuard<'_, StreamState> {
        // What a reader that panicked has left is whole up to its last line.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the stream to its end and delivers what it holds; its last line needs no newline.
    ///
    /// # Errors
    /// When reading fails. Ending early because the recorder takes nothing more is not an error.
    pub fn read(&self, stream: &mut dyn Read, stop: &dyn Fn() -> bool) -> io::Result<()> {
        let mut buffer = vec![0; CHUNK_BYTES];
        loop {
            let read = match stream.read(&mut buffer) {
                Ok(read) => read,
                // A signal that only wakes the process is not an end of the stream.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            // The lock is taken after reading, which may take for ever.
            let mut state = self.lock();
            if state.has_ended {
                return Ok(());
            }
            if read == 0 {
                state.end_of_input();
            } else {
                state.feed(&buffer[..read]);
                // More than a pipe holds at once is read by now: who asked waits for an answer.
                if read < CHUNK_BYTES {
                    state.decoder.announce_open(Instant::now(), false);
                }
            }
            let delivery = state.decoder.take();
            // Held until it is delivered: what ends the stream comes behind it.
            if self.handle.deliver(delivery, stop).is_err() || read == 0 {
                return Ok(());
            }
        }
    }

    /// Ends the stream where it stands, unless it has ended: what waits for an answer is delivered
    /// as never answered. `give_up` is asked while there is no room for it.
    pub fn end(&self, give_up: &dyn Fn() -> bool) {
        let mut state = self.lock();
        if state.has_ended {
            return;
        }
        state.stop();
        let delivery = state.decoder.take();
        // Refused only by a recorder that has failed, which says so itself.
        let _ = self.handle.deliver(delivery, give_up);
    }
}

impl StreamState {
    fn feed(&mut self, bytes: &[u8]) {
        let now = super::unix_ms(SystemTime::now());
        let mut pieces = Vec::new();
        self.splitter.feed(bytes, &mut pieces);
        for piece in &pieces {
            self.decoder.piece(piece, now);
        }
    }

    /// Nothing will be added to the last line any more.
    fn end_of_input(&mut self) {
        let now = super::unix_ms(SystemTime::now());
        match self.splitter.unfinished() {
            Some(Piece::Unfinished { offset, bytes }) => self.decoder.line(offset, bytes, now),
            Some(piece) => self.decoder.piece(&piece, now),
            None => {}
        }
        self.close();
    }

    /// Nothing more is read, though there may be more.
    fn stop(&mut self) {
        let now = super::unix_ms(SystemTime::now());
        if let Some(piece) = self.splitter.unfinished() {
            self.decoder.piece(&piece, now);
        }
        self.close();
    }

    fn close(&mut self) {
        self.decoder.end_parts(super::unix_ms(SystemTime::now()));
        self.decoder.end();
        self.has_ended = true;
    }
}

impl LineDecoder {
    /// Decodes lines that are there as a whole; the last one needs no newline.
    pub fn lines(&mut self, text: &[u8], now: i64) {
        let mut offset = 0;
        for line in text.split_inclusive(|&byte| byte == b'\n') {
            self.line(offset, line.strip_suffix(b"\n").unwrap_or(line), now);
            offset += line.len() as u64;
        }
        self.end_parts(now);
    }

    /// Decodes one JSON document, over however many lines it goes; `None` where the text is neither an
    /// object nor an array.
    pub fn document(&mut self, text: &[u8], now: i64) -> Option<Delivery> {
        // A body of text is read line by line instead.
        if !matches!(bare(text).bytes.first(), Some(b'{' | b'[')) {
            return None;
        }
        if holds_lines(text) {
            self.lines(text, now);
            return Some(self.take());
        }
        self.line(0, text, now);
        self.end_parts(now);
        let delivery = self.take();
        (delivery.progress.counts.text == 0).then_some(delivery)
    }

    /// Decodes what stands at one place of a source.
    pub fn piece(&mut self, piece: &Piece<'_>, now: i64) {
        match *piece {
            Piece::Line { offset, bytes } => self.line(offset, bytes, now),
            Piece::Unfinished { offset, bytes } => {
                self.unfinished(offset, bytes, now);
            }
            Piece::Oversized { offset, len, head } => self.oversized(offset, len, head, now),
            Piece::Nuls { len, .. } => self.nul_bytes(len),
            // It is not a line: whose source it is says it.
            Piece::Missing { .. } => {}
        }
    }
}

/// Whether a body that was called one JSON document holds one object per line.
fn holds_lines(text: &[u8]) -> bool {
    let lines = text.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
    let mut lines = lines.filter(|line| !line.is_empty());
    // A document that is laid out for people goes on with its members, or ends with a bracket.
    let is_of_objects = lines
        .next()
        .is_some_and(|line| bare(line).bytes.starts_with(b"{"))
        && lines.next().is_some_and(|line| line.starts_with(b"{"))
        && lines.all(|line| line.starts_with(b"{"));
    is_of_objects && serde_json::from_slice::<serde::de::IgnoredAny>(text).is_err()
}
