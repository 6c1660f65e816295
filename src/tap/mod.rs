//! A stdio MCP server run in the middle: bytes forwarded first, a copy recorded second.

mod copies;
mod ending;
mod frames;
mod keep;
mod outline;
mod pairing;
#[cfg(test)]
mod pairing_tests;
mod process;
mod pump;
mod transcript;

pub use copies::{Copies, Copy, Loss, MAX_WAITING_BYTES};
pub use ending::Patience;
pub use frames::{Frame, Frames, MAX_FRAME_BYTES};
pub use keep::{Keeper, Report, Tell};
pub use pairing::{Moment, Pairing, Tally};
pub use process::{Ended, Server};
pub use transcript::{Account, Transcript};

/// Which way bytes pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server.
    ToServer,
    /// From the server to the client.
    ToClient,
}

impl Direction {
    /// Both, in the order in which a session uses them.
    pub const ALL: [Self; 2] = [Self::ToServer, Self::ToClient];

    /// The way an answer takes.
    #[must_use]
    pub fn back(self) -> Self {
        match self {
            Self::ToServer => Self::ToClient,
            Self::ToClient => Self::ToServer,
        }
    }
}
