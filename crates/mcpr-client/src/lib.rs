//! A small MCP client that asks a server for all that it shows of itself, and nothing else: its answer
//! to `initialize` or `server/discover`, and every page of its lists. Calls no tool, reads no resource. Its HTTP also
//! takes what is posted to a collector.

mod ask;
mod http;
mod stdio;

pub use ask::{Transport, ask};
pub use http::{
    BodyKind, Header, HeaderError, HttpServer, PostAnswer, PostBox, ServerUrl, UrlError,
};
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
        /// Its message.
        error: String,
    },
    /// What it answered is not an answer.
    #[error("the answer to {asked} is not as it should be: {why}")]
    BadAnswer {
        /// The method.
        asked: String,
        /// What is wrong.
        why: String,
    },
    /// More than is read.
    #[error("the server shows more than is read: {0}")]
    TooMuch(&'static str),
    /// Nothing takes connections at the address.
    #[error("cannot reach {url}: {why}")]
    Unreachable {
        /// The address, without what may be secret in it.
        url: String,
        /// Why not.
        why: String,
    },
    /// Something does, but no secure connection comes about.
    #[error("no secure connection to {url}: {why}")]
    Insecure {
        /// The address.
        url: String,
        /// Why not.
        why: String,
    },
    /// The server answers with a status of HTTP that is not a success.
    #[error("{url} answers {asked} with {shown}{}", after_colon(message))]
    Status {
        /// The address.
        url: String,
        /// The method.
        asked: String,
        /// The status as a number.
        code: u16,
        /// And with its name.
        shown: String,
        /// Where the server says that it is, or the beginning of what it says.
        message: String,
    },
    /// The server took a request, and sent no answer to it.
    #[error("{url} has no answer to {asked}: {why}")]
    Unanswered {
        /// The address.
        url: String,
        /// The method.
        asked: String,
        /// What came in its place.
        why: String,
    },
    /// What answers is something else.
    #[error("what answers at {url} is not an MCP server: {why}")]
    NotMcp {
        /// The address.
        url: String,
        /// What shows it.
        why: String,
    },
    /// The pipe to the server broke.
    #[error("cannot write to the server: {0}")]
    Pipe(std::io::Error),
}

impl ClientError {
    /// Whether a server of the other era may say so of a question that it does not know.
    fn may_be_of_era(&self) -> bool {
        match self {
            Self::TimeOut { .. } => true,
            Self::Status { code, .. } => matches!(code, 400 | 404 | 405 | 501),
            _ => false,
        }
    }
}

/// More about an error, if there is more.
fn after_colon(message: &str) -> String {
    if message.is_empty() {
        String::new()
    } else {
        format!(": {message}")
    }
}

/// A length of time as people give it.
fn shown(limit: Duration) -> String {
    if limit.subsec_millis() == 0 {
        format!("{} s", limit.as_secs())
    } else {
        format!("{} ms", limit.as_millis())
    }
}
