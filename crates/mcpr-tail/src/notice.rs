//! What happens to files, for a person: plain data.

use std::path::PathBuf;
use std::time::Duration;

/// Something that a person may want to know about a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// A file is read from now on.
    Appeared {
        /// Its path.
        path: PathBuf,
        /// Where reading begins.
        offset: u64,
    },
    /// A path leads to another file than before.
    Rotated {
        /// The path.
        path: PathBuf,
    },
    /// A path leads to no file any more; the file that was there is held for a while.
    Vanished {
        /// The path.
        path: PathBuf,
    },
    /// The contents of a file were replaced in place: it is read from its beginning.
    Truncated {
        /// Its path.
        path: PathBuf,
        /// Where reading stood.
        offset: u64,
        /// Bytes of an unfinished line that are gone.
        unfinished: u64,
    },
    /// A file that had left the reach of its source was found beside it, to be read to its end.
    Recovered {
        /// Where it is now.
        path: PathBuf,
        /// Where reading goes on.
        offset: u64,
    },
    /// A path cannot be read. Reported once, until it can.
    Unreadable {
        /// The path.
        path: PathBuf,
        /// Why.
        error: String,
    },
    /// What followed in a file that was read before is not there any more, or cannot be read.
    Missing {
        /// The path where it was.
        path: PathBuf,
        /// Up to where it was read.
        offset: u64,
    },
    /// A file that no path led to was read to its end and closed.
    Released {
        /// Its last path.
        path: PathBuf,
        /// Up to where it was read.
        offset: u64,
        /// Bytes of a last line without a newline that were handed over as a line.
        unfinished: u64,
        /// Why.
        why: LetGo,
    },
}

/// Why a file that no path leads to is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LetGo {
    /// No program has it open for writing any more.
    NoWriter,
    /// It has not grown for so long; who has it open cannot be seen.
    Idle(Duration),
    /// Too many such files are held.
    TooMany,
}
