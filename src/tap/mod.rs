//! A stdio MCP server run in the middle: bytes forwarded first, a copy recorded second.

mod copies;
mod ending;
mod frames;
mod keep;
mod outline;
mod process;
mod pump;
mod transcript;

pub use copies::{Copies, Copy, Loss, MAX_WAITING_BYTES};
pub use ending::Patience;
pub use frames::{Frame, Frames, MAX_FRAME_BYTES};
pub use keep::{Keeper, Report, Tell};
pub use process::{Ended, Server};
pub use transcript::{Account, Transcript};

pub use crate::ingest::{Moment, Pairing, Tally};
pub use crate::wire::Direction;
