//! A stdio MCP server run in the middle: bytes forwarded first, a copy recorded second.

mod awaited_name;
mod copies;
mod ending;
mod family;
mod frames;
mod held;
mod introduction;
mod last;
mod launch;
mod outline;
mod process;
mod pump;
mod reading;
mod recorder;
mod spread;
mod stderr;
mod tail;
mod transcript;
mod watcher;

pub use copies::{Copies, Copy, Loss, MAX_WAITING_BYTES};
pub use ending::{EndTimeouts, ServerEnd};
pub use frames::{Frame, Frames, MAX_FRAME_BYTES};
pub use launch::become_server;
#[cfg(feature = "tap-http")]
pub(crate) use outline::Outline;
pub use process::{ServerLifetime, TappedServer, ignored_signals};
#[cfg(feature = "tap-http")]
pub(crate) use reading::{CopyQueue, CopyReading};
pub use recorder::{FinalFlush, OnMessage, TapRecorder, TapReport};
pub use stderr::ErrorOutput;
pub use transcript::{Transcript, TranscriptState};
pub use watcher::watch;

pub use crate::{Moment, Pairing, PairingTally};
pub use mcpr_model::ServerExit;
pub use mcpr_wire::Direction;
