//! Growing files, read line by line: which file is which, how far each was read, what is a line.
//!
//! Knows files, lines and checkpoints; neither what the lines hold nor where they are kept.

mod identity;
mod lines;

pub use identity::{fingerprint, verify};
pub use lines::{MAX_LINE_BYTES, OVERSIZED_HEAD_BYTES, Piece, Splitter};
