//! Plain data that every other part speaks of: events, ids, times, checkpoints. No I/O here.

mod call;
mod checkpoint;
mod era;
mod event;
mod format;
mod id;
mod name;
mod open;
mod part;
mod payload;
mod probe;
mod request;
mod server;
mod session;
mod sketch;
pub mod steps;
mod surface;
pub mod time;
mod trace;

pub use call::{CallFacts, CallKey, Channel, Channels};
pub use checkpoint::{Checkpoint, FileIdentity, Fingerprint};
pub use era::{is_poll, is_stateless, opens_stream};
pub use event::{BadLine, Batch, Counts, Event, Gap, SourceProgress};
pub use format::{FormatSet, SourceFormat};
pub use id::{EventBytes, EventKey, KeySource, RequestId};
pub use name::{MAX_NAME_BYTES, MAX_SOURCE_BYTES, MAX_URI_BYTES, cut_name};
pub use open::OpenRequest;
pub use part::{OperationLink, OperationPart, OperationStage};
pub use payload::{Body, Payload};
pub use request::{ErrorKind, Kind, Outcome, Request, Status, Target, TargetKind};
pub use server::{OutputTail, ServerExit, ServerRun};
pub use session::{Platform, SessionState, SessionUpdate};
pub use sketch::Sketch;
pub use surface::{SurfaceContent, SurfaceUpdate, SurfaceVersion};
pub use trace::TraceId;

/// Short recorded text (a name, a method, a version): inline up to 24 bytes.
pub type Text = compact_str::CompactString;
