//! A source that can be read only once: standard input, a named pipe.

use super::{Delivery, LineDecoder, SourceHandle};
use crate::tail::{Piece, Splitter};
use std::io::{self, Read};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// Most bytes read at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// A stream that one thread reads, and that another may end while the reader waits for input.
#[derive(Debug)]
pub struct StreamSource {
    handle: SourceHandle,
    state: Mutex<State>,
}

/// How far a stream has come.
#[derive(Debug)]
struct State {
    decoder: LineDecoder,
    splitter: Splitter,
    has_ended: bool,
}

impl StreamSource {
    /// A stream that is decoded by `decoder` and delivered through `handle`.
    #[must_use]
    pub fn new(decoder: LineDecoder, handle: SourceHandle) -> Self {
        let state = State {
            decoder,
            splitter: Splitter::new(0),
            has_ended: false,
        };
        Self {
            handle,
            state: Mutex::new(state),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // What a reader that panicked has left is whole up to its last line.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the stream to its end and delivers what it holds; its last line needs no newline.
    ///
    /// # Errors
    /// When reading fails. Ending early because the recorder takes nothing more is no error.
    pub fn read(&self, stream: &mut dyn Read, stop: &dyn Fn() -> bool) -> io::Result<()> {
        let mut buffer = vec![0; CHUNK_BYTES];
        loop {
            let read = match stream.read(&mut buffer) {
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let mut state = self.lock();
            if state.has_ended {
                return Ok(());
            }
            if read == 0 {
                state.end_of_input();
            } else {
                state.feed(&buffer[..read]);
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

impl State {
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
    }

    /// Decodes one JSON document, over however many lines it goes; `None` where the text is neither an
    /// object nor an array.
    pub fn document(&mut self, text: &[u8], now: i64) -> Option<Delivery> {
        let start = text.len() - text.trim_ascii_start().len();
        let document = text.trim_ascii();
        if !document.starts_with(b"{") && !document.starts_with(b"[") {
            return None;
        }
        self.line(start as u64, document, now);
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
        }
    }
}
