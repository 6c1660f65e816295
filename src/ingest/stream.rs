//! A source that can be read only once: standard input, a named pipe.

use super::{Delivery, LineDecoder, SourceHandle};
use crate::tail::{Piece, Splitter};
use std::io::{self, Read};
use std::time::SystemTime;

/// Most bytes read at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// Reads a stream to its end and delivers what it holds; its last line needs no newline.
///
/// # Errors
/// When reading fails. Ending early because the recorder takes nothing more is no error.
pub fn record_stream(
    stream: &mut dyn Read,
    decoder: &mut LineDecoder,
    handle: &SourceHandle,
    stop: &dyn Fn() -> bool,
) -> io::Result<()> {
    let mut splitter = Splitter::new(0);
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        let read = match stream.read(&mut buffer) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let now = super::unix_ms(SystemTime::now());
        let mut pieces = Vec::new();
        if read == 0 {
            pieces.extend(splitter.unfinished());
        } else {
            splitter.feed(&buffer[..read], &mut pieces);
        }
        for piece in &pieces {
            match *piece {
                // Nothing will be added to it any more.
                Piece::Unfinished { offset, bytes } => decoder.line(offset, bytes, now),
                _ => decoder.piece(piece, now),
            }
        }
        if read == 0 {
            decoder.end();
        }
        if handle.deliver(decoder.take(), stop).is_err() || read == 0 {
            return Ok(());
        }
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
            Piece::Unfinished { offset, bytes } => self.unfinished(offset, bytes, now),
            Piece::Oversized { offset, len, head } => self.oversized(offset, len, head, now),
            Piece::Nuls { len, .. } => self.nul_bytes(len),
        }
    }
}
