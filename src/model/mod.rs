//! Plain data that every other part speaks of: events, ids, times, checkpoints. No I/O here.

mod checkpoint;
mod event;
mod id;
mod payload;
mod request;
mod session;
mod sketch;
mod surface;
pub mod time;

pub use checkpoint::{Checkpoint, FileIdentity, Fingerprint};
pub use event::{BadLine, Batch, Counts, Event, Gap, SourceProgress};
pub use id::{EventKey, KeySource, RequestId};
pub use payload::{Body, Payload};
pub use request::{ErrorKind, Kind, Outcome, Request, Status, Target, TargetKind};
pub use session::{Platform, SessionState, SessionUpdate};
pub use sketch::Sketch;
pub use surface::{Said, SurfaceNews};

/// Short recorded text (a name, a method, a version): inline up to 24 bytes.
pub type Text = compact_str::CompactString;
