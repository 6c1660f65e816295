//! A long text on its way out: gathered into pieces, each made harmless and passed on.

use super::output::TakePiece;
use std::borrow::Cow;
use std::io::{self, Write};

/// How long a piece is at least, in bytes, but for the last one.
const PIECE_BYTES: usize = 64 << 10;

/// Where a text may be cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PieceEnd {
    /// After a line break only.
    AfterLine,
    /// Before any character of ASCII: whether it is harmless does not depend on the one before.
    Anywhere,
}

/// Passes on what `write` writes, in pieces that `escape` made harmless.
///
/// # Errors
/// When `write` fails, or a piece is not taken: the error of `take` then.
pub(super) fn in_pieces(
    end: PieceEnd,
    escape: &dyn Fn(&str) -> Cow<'_, str>,
    take: &mut TakePiece<'_>,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> anyhow::Result<()> {
    let mut pieces = PieceWriter {
        held: Vec::with_capacity(2 * PIECE_BYTES),
        end,
        last_break: 0,
        escape,
        take,
        failed: None,
    };
    let written = write(&mut pieces);
    // The reader's error says more than that writing failed.
    if let Some(error) = pieces.failed {
        return Err(error);
    }
    written?;
    let rest = pieces.held.len();
    pieces.pass_on(rest);
    pieces.failed.map_or(Ok(()), Err)
}

struct PieceWriter<'a, 'b> {
    held: Vec<u8>,
    end: PieceEnd,
    /// The end of the last whole line.
    last_break: usize,
    escape: &'a dyn Fn(&str) -> Cow<'_, str>,
    take: &'a mut TakePiece<'b>,
    /// Why a piece was not taken.
    failed: Option<anyhow::Error>,
}

impl PieceWriter<'_, '_> {
    fn pass_on(&mut self, end: usize) {
        // Without a place to cut, the piece grows until there is one.
        if end == 0 {
            return;
        }
        // Texts are written, and cut before ASCII: no character is torn.
        let piece = String::from_utf8_lossy(&self.held[..end]);
        let passed = (self.take)(&(self.escape)(&piece));
        self.failed = passed.err();
        self.held.drain(..end);
        self.last_break = 0;
    }
}

impl Write for PieceWriter<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Only what is new is searched: a line may be long, and come in small bits.
        if let Some(at) = bytes.iter().rposition(|byte| *byte == b'\n') {
            self.last_break = self.held.len() + at + 1;
        }
        self.held.extend_from_slice(bytes);
        if self.held.len() >= PIECE_BYTES {
            self.pass_on(match self.end {
                PieceEnd::AfterLine => self.last_break,
                PieceEnd::Anywhere => self.held.iter().rposition(u8::is_ascii).unwrap_or(0),
            });
        }
        match self.failed {
            None => Ok(bytes.len()),
            Some(_) => Err(io::Error::other("a piece was not taken")),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::text::escape_but_breaks;

    #[test]
    fn pieces_are_the_whole_text_made_harmless() {
        let line = "a\u{fe0f}b \u{26a0}\u{fe0f} \u{1b}[1m é1\u{fe0f}\u{20e3}\n";
        let whole = line.repeat(3 * PIECE_BYTES / line.len());
        for end in [PieceEnd::AfterLine, PieceEnd::Anywhere] {
            let (mut count, mut taken) = (0, String::new());
            let mut take = |piece: &str| {
                count += 1;
                taken += piece;
                Ok(())
            };
            in_pieces(end, &|piece| escape_but_breaks(piece), &mut take, |out| {
                // Bit by bit, so that cuts fall anywhere.
                let mut bits = whole.as_bytes().chunks(7);
                bits.try_for_each(|bit| out.write_all(bit))
            })
            .unwrap();
            assert_eq!(taken, escape_but_breaks(&whole));
            assert!(count > 2, "{count} pieces");
        }
    }

    #[test]
    fn a_reader_that_has_gone_says_so_itself() {
        let mut take = |_: &str| Err(anyhow::anyhow!("gone"));
        let error = in_pieces(
            PieceEnd::Anywhere,
            &|piece| piece.into(),
            &mut take,
            |out| out.write_all(&vec![b'x'; 2 * PIECE_BYTES]),
        );
        assert_eq!(error.unwrap_err().to_string(), "gone");
        let mut take = |_: &str| Err(anyhow::anyhow!("gone"));
        let error = in_pieces(
            PieceEnd::Anywhere,
            &|piece| piece.into(),
            &mut take,
            |out| out.write_all(b"x"),
        );
        assert_eq!(error.unwrap_err().to_string(), "gone");
    }
}
