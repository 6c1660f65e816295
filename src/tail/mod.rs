//! Growing files, read line by line: which file is which, how far each was read, what is a line.
//!
//! Knows files, lines and checkpoints; neither what the lines hold nor where they are kept. The
//! caller commits each chunk's checkpoint together with what its lines led to; then every line of a
//! file is seen exactly once, whatever happens to the process and to the file's name.
//!
//! In reading order: [`Splitter`] cuts bytes into lines; `identity` knows a file again; `position`
//! keeps both together; `file` and `gzip` read one open file; `resolve`, `opening`, `known` and `recover`
//! find the files and where each begins; [`Tailer`] reads them all; [`Waker`] and [`Pace`] say
//! when.

mod body;
mod file;
mod gzip;
mod identity;
mod known;
mod lines;
mod notice;
mod opening;
mod pace;
mod position;
mod recover;
mod resolve;
mod set;
mod tracked;
mod wake;

#[cfg(test)]
mod tests;

pub use identity::{MIN_HEAD_OF_MOVED_BYTES, fingerprint, of as identity_of, verify};
pub use lines::{MAX_LINE_BYTES, OVERSIZED_HEAD_BYTES, Piece, Splitter};
pub use notice::Notice;
pub use opening::Begin;
pub use pace::{GATHER, Pace};
pub use position::{Chunk, Deliver};
pub use resolve::{PathKind, SourceSpec, classify};
pub use set::{MAX_HELD, ReadOutcome, Tailer};
pub use tracked::{HELD_IDLE, HELD_MAX};
pub use wake::{MAX_WATCHED, POLL_INTERVAL, WakeHandle, Waker};
