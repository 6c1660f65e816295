//! Growing files, read line by line: which file is which, how far each was read, what is a line.
//!
//! Knows files, lines and checkpoints; neither what the lines hold nor where they are kept. The
//! caller commits each chunk's checkpoint together with what its lines led to; then every line of a
//! file is seen exactly once, whatever happens to the process and to the file's name.
//!
//! In reading order: [`Splitter`] cuts bytes into lines; `identity` knows a file again; `position`
//! keeps both together; `file`, and `gzip` with its `decoder`, read one open file; `resolver` says what sources lead to;
//! `opening`, `known` and `recover` find where each file begins, `rotated` and `sibling` by its name,
//! `spelling` under whatever name its directory had; [`Tailer`] reads them all; [`Waker`] and [`Pace`] say
//! when.

mod body;
mod decoder;
mod family;
mod file;
mod gzip;
mod handle;
mod identity;
mod known;
mod label;
mod lines;
mod listing;
mod nearby;
mod notice;
mod opening;
mod pace;
mod path_text;
mod pattern;
mod position;
mod recover;
mod resolve;
mod resolver;
mod rotated;
mod set;
mod sibling;
mod spelling;
mod tracked;
mod wake;
mod writers;

#[cfg(test)]
mod tests;

pub use family::log_of;
pub use identity::{MIN_HEAD_OF_MOVED_BYTES, fingerprint, of as identity_of, verify};
pub use lines::{MAX_LINE_BYTES, OVERSIZED_HEAD_BYTES, Piece, Splitter};
pub use notice::{LetGo, Notice};
pub use opening::Begin;
pub use pace::{GATHER, Pace};
pub use path_text::text_of;
pub use pattern::PathPattern;
pub use position::{Chunk, Deliver, FilePlace};
pub use resolve::{PathKind, PresentFile, SourceSpec, classify};
pub use resolver::LOOKS_PER_SCAN;
pub use set::{MAX_HELD, ReadOutcome, Room, Tailer};
pub use tracked::{HELD_DELETED, HELD_IDLE, HELD_UNSEEN};
pub use wake::{MAX_WATCHED, POLL_INTERVAL, WakeHandle, Waker};
