//! A small MCP client that asks a server for all that it shows of itself, and nothing else: its answer
//! to `initialize` or `server/discover`, and every page of its lists. Calls no tool, reads no resource.

mod ask;
mod stdio;

pub use ask::{Transport, ask};
pub use stdio::StdioServer;

use std::time::Duration;
use thiserror::Error;

/// Why a server could not be asked.
#[derive(Debug, Error)]
pub enum ClientError {
    /// The command does not run.
    #[error("cannot run `{command}`: {error}")]
    NotStarted {
        /// The program.
        command: String,
        /// Why not.
        error: std::io::Error,
    },
    /// The server ended, or closed its output, before it had answered.
    #[error("the server ended before it answered {asked}{how}")]
    Ended {
        /// The method.
        asked: String,
        /// ` (exit code 1)`, or nothing.
        how: String,
    },
    /// Nothing came in time.
    #[error("no answer to {asked} within {}", shown(*.limit))]
    TimeOut {
        /// The method.
        asked: String,
        /// How long was waited, all in all.
        limit: Duration,
    },
    /// The server answered with an error.
    #[error("the server refuses {asked}: {error}")]
    Refused {
        /// The method.
        asked: String,
        /// What it said.
        error: String,
    },
    /// What it answered is no answer.
    #[error("the answer to {asked} is no list: {why}")]
    BadAnswer {
        /// The method.
        asked: String,
        /// What is wrong.
        why: String,
    },
    /// More than is read.
    #[error("the server shows more than is read: {0}")]
    TooMuch(&'static str),
    /// The pipe to the server broke.
    #[error("cannot write to the server: {0}")]
    Pipe(std::io::Error),
}

/// A length of time as people give it.
fn shown(limit: Duration) -> String {
    if limit.subsec_millis() == 0 {
        format!("{} s", limit.as_secs())
    } else {
        format!("{} ms", limit.as_millis())
    }
}
