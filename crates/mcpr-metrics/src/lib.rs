//! What a recorder shows to Prometheus: durations of what is stored, in the histograms of the
//! OpenTelemetry conventions for MCP, and the recorder's own state.
//!
//! [`Follower`] reads what is stored, row by row and each row once, so that a histogram equals the rows,
//! whoever recorded them. [`RecorderState`] is what the recorder says of itself. [`render`] writes both.
//! Nothing here listens, prints or knows a backend.

mod durations;
mod follower;
mod labels;
mod operations;
mod recorder;
mod render;
mod sessions;

pub use durations::{BOUNDS_US, Durations};
pub use follower::{Follower, OpenStore};
pub use labels::{Clean, limits};
pub use operations::Operations;
pub use recorder::{MAX_SOURCES, QueueState, RecorderState, SourceState};
pub use render::{Format, render};
