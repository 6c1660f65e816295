//! How far a file was read, line by line, with what proves it. Does no reading of its own.

use std::ops::ControlFlow;
use std::path::Path;

use super::identity::Proof;
use super::lines::{Piece, Splitter, without_return};
use mcpr_model::{Checkpoint, FileIdentity, Fingerprint, Text};

/// What one reading of a file led to.
#[derive(Debug)]
pub struct Chunk<'a> {
    /// The path under which the file was last seen.
    pub path: &'a Path,
    /// What stands in it, in order. Empty in a chunk that only says where reading begins.
    pub pieces: &'a [Piece<'a>],
    /// Where reading goes on once these pieces are committed; to be committed with them.
    pub checkpoint: Checkpoint,
    /// The file is closed after this chunk.
    pub is_final: bool,
}

/// Where a file stands, for somebody who looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FilePlace<'a> {
    /// The path under which it was last seen.
    pub path: &'a Path,
    /// Which file that was.
    pub identity: FileIdentity,
    /// Bytes that were read of it; all of a file that nothing more is read of.
    pub read: u64,
    /// Bytes that are there and were not read, as of the last scan.
    pub backlog: u64,
}

impl Chunk<'_> {
    /// Whether it is about a file that is not read on, and says at most what is missing of it.
    #[must_use]
    pub fn is_parting(&self) -> bool {
        let is_missing = |piece: &Piece<'_>| matches!(piece, Piece::Missing { .. });
        self.is_final && self.pieces.iter().all(is_missing)
    }

    /// Whether it is the half line at the end of a file, reported as another file of the same log begins, in
    /// which its rest may stand. Its checkpoint is behind it, and is to be committed only with that.
    #[must_use]
    pub fn is_torn(&self) -> bool {
        !self.is_final && matches!(self.pieces, [Piece::Unfinished { .. }])
    }
}

/// What takes the chunks. It may wait. `Break` means: not taken, and no more are wanted.
pub type Deliver<'d> = dyn FnMut(Chunk<'_>) -> ControlFlow<()> + 'd;

/// The file whose position it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Named<'a> {
    /// The path under which a source knows it.
    pub(super) path: &'a Path,
    /// Where it is.
    pub(super) place: &'a Path,
    /// What a checkpoint says of both.
    pub(super) label: &'a Text,
    pub(super) identity: FileIdentity,
}

impl Named<'_> {
    fn checkpoint(self, whole: Whole) -> Checkpoint {
        Checkpoint {
            path: self.label.clone(),
            identity: self.identity,
            head: whole.head,
            marker: whole.marker,
            offset: whole.offset,
        }
    }
}

/// The end of a whole line, as a checkpoint says it.
#[derive(Debug, Clone, Copy)]
struct Whole {
    offset: u64,
    head: Fingerprint,
    marker: Fingerprint,
}

impl Whole {
    fn new(offset: u64, proof: &Proof) -> Self {
        let (head, marker) = proof.fingerprints();
        Self {
            offset,
            head,
            marker,
        }
    }
}

/// How far a file was read and delivered.
#[derive(Debug)]
pub(super) struct Position {
    splitter: Splitter,
    /// Proves what was read, up to the splitter's next offset.
    proof: Proof,
    /// The end of the last piece that was delivered.
    whole: Whole,
    /// A chunk was read that nobody took: the splitter is ahead and has to go back.
    is_ahead: bool,
    /// How many pieces the last chunk had.
    expected_pieces: usize,
}

impl Position {
    /// At an offset where a line begins, with the proof of what stands before it.
    pub(super) fn new(offset: u64, proof: Proof) -> Self {
        Self {
            splitter: Splitter::new(offset),
            whole: Whole::new(offset, &proof),
            proof,
            is_ahead: false,
            expected_pieces: 0,
        }
    }

    /// Where a checkpoint says, without the bytes that prove it: for a file of which nothing is left to
    /// be read.
    pub(super) fn at_rest(checkpoint: &Checkpoint) -> Self {
        Self {
            whole: Whole {
                offset: checkpoint.offset,
                head: checkpoint.head,
                marker: checkpoint.marker,
            },
            ..Self::new(checkpoint.offset, Proof::default())
        }
    }

    /// Where the next byte to be read stands.
    pub(super) fn next_offset(&self) -> u64 {
        self.splitter.next_offset()
    }

    pub(super) fn proof(&self) -> &Proof {
        &self.proof
    }

    /// The head of what was delivered.
    pub(super) fn head(&self) -> Fingerprint {
        self.whole.head
    }

    /// Whether a chunk was not taken, so that reading has to go back to the checkpoint.
    pub(super) fn is_ahead(&self) -> bool {
        self.is_ahead
    }

    /// Bytes that were read and are not part of a whole line yet.
    pub(super) fn unfinished_len(&self) -> u64 {
        self.next_offset() - self.whole.offset
    }

    /// The end of the last piece that was delivered.
    pub(super) fn checkpoint(&self, file: Named<'_>) -> Checkpoint {
        file.checkpoint(self.whole)
    }

    /// Takes the bytes that follow, and delivers the pieces that they finish. `after` is the proof
    /// of everything up to their end.
    pub(super) fn take(
        &mut self,
        chunk: &[u8],
        after: Proof,
        file: Named<'_>,
        deliver: &mut Deliver<'_>,
    ) -> ControlFlow<()> {
        let base = self.next_offset();
        // Chunks of one file have about as many lines each: as much room as the last one needed is
        // made at once.
        let mut pieces = Vec::with_capacity(self.expected_pieces);
        let end = self.splitter.feed(chunk, &mut pieces);
        // A copy, which replaces the old one only once the chunk was taken.
        let mut whole = self.whole;
        if end > whole.offset {
            // The checkpoint is at the end of the last whole piece, and proves no more than what is
            // before that.
            let used = usize::try_from(end - base).expect("a piece ends within its last chunk");
            let mut proof = self.proof.clone();
            proof.extend(&chunk[..used]);
            whole = Whole::new(end, &proof);
        }
        // Part of a long line is nothing to commit yet.
        if !pieces.is_empty() {
            let taken = deliver(Chunk {
                path: file.path,
                pieces: &pieces,
                checkpoint: file.checkpoint(whole),
                is_final: false,
            });
            if taken.is_break() {
                // The splitter cannot go back: it is made anew at the checkpoint.
                self.is_ahead = true;
                return taken;
            }
        }
        self.expected_pieces = pieces.len();
        self.whole = whole;
        self.proof = after;
        ControlFlow::Continue(())
    }

    /// Says where the file is read from, before anything was read.
    pub(super) fn announce(&self, file: Named<'_>, deliver: &mut Deliver<'_>) -> ControlFlow<()> {
        deliver(Chunk {
            path: file.path,
            pieces: &[],
            checkpoint: self.checkpoint(file),
            is_final: false,
        })
    }

    /// Delivers a line without its newline so far, for a run that ends here. The checkpoint stays
    /// before it: with the next run, it may have grown.
    pub(super) fn deliver_unfinished(
        &self,
        file: Named<'_>,
        deliver: &mut Deliver<'_>,
    ) -> ControlFlow<()> {
        let Some(Piece::Unfinished { offset, bytes }) = self.splitter.unfinished() else {
            return ControlFlow::Continue(());
        };
        // The return may be the first half of a line's end.
        let bytes = without_return(bytes);
        deliver(Chunk {
            path: file.path,
            pieces: &[Piece::Unfinished { offset, bytes }],
            checkpoint: self.checkpoint(file),
            is_final: true,
        })
    }

    /// Delivers a line without its newline, as another file of the same log begins. The checkpoint is
    /// behind it, for the case that its rest stands there.
    pub(super) fn deliver_torn(
        &self,
        file: Named<'_>,
        deliver: &mut Deliver<'_>,
    ) -> ControlFlow<()> {
        let Some(Piece::Unfinished { offset, bytes }) = self.splitter.unfinished() else {
            return ControlFlow::Continue(());
        };
        deliver(Chunk {
            path: file.path,
            pieces: &[Piece::Unfinished { offset, bytes }],
            checkpoint: file.checkpoint(Whole::new(self.next_offset(), &self.proof)),
            is_final: false,
        })
    }

    /// Delivers what is left of a file that is closed for good: its last line counts as whole.
    pub(super) fn deliver_last(
        &mut self,
        file: Named<'_>,
        deliver: &mut Deliver<'_>,
    ) -> ControlFlow<()> {
        let Some(last) = self.splitter.unfinished() else {
            return ControlFlow::Continue(());
        };
        let last = match last {
            // Nobody is left to write its newline, and a checkpoint may stand behind a whole line only.
            Piece::Unfinished { offset, bytes } => {
                let bytes = without_return(bytes);
                Piece::Line { offset, bytes }
            }
            other => other,
        };
        let whole = Whole::new(self.next_offset(), &self.proof);
        deliver(Chunk {
            path: file.path,
            pieces: &[last],
            checkpoint: file.checkpoint(whole),
            is_final: true,
        })?;
        // The splitter would go on within the line, should the file grow after all.
        *self = Self::new(whole.offset, std::mem::take(&mut self.proof));
        ControlFlow::Continue(())
    }
}
