//! From decoded events to committed batches: a bounded queue, a batcher, one writer thread.
//!
//! [`Recorder`] is the door, for the commands of this program and for a proxy that embeds it:
//!
//! ```
//! use mcpr_ingest::{Config, Recorder};
//! use mcpr_model::{Event, EventKey, Kind, Request, RequestId};
//!
//! let directory = tempfile::tempdir()?;
//! let recorder = Recorder::open(Config::new(directory.path().join("store.db")))?;
//! let id = "3b2f0c1e-0000-4000-8000-000000000001";
//! let (key, ts) = (EventKey::of_id(id), 1_795_224_422_390);
//! recorder.record(Event::Request(Request {
//!     request_id: Some(RequestId::from_text(id)),
//!     client_name: Some("my-agent".into()),
//!     latency_us: Some(5_295),
//!     bytes_in: Some(46),
//!     bytes_out: Some(7_705),
//!     ..Request::new(key, ts, "weather".into(), Kind::Mcp, "tools/list".into())
//! }));
//! let summary = recorder.shutdown()?;
//! assert_eq!(summary.stored, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod abandoned;
#[cfg(any(feature = "listen", feature = "tap-http"))]
mod accept;
mod batcher;
mod carry;
#[cfg(all(test, feature = "tap"))]
mod costs;
mod files;
#[cfg(feature = "forward")]
pub mod forward;
mod gone;
mod hostlogs;
mod import;
mod keeping;
mod lines;
#[cfg(feature = "listen")]
pub mod listen;
mod live;
#[cfg(feature = "listen")]
pub mod monitor;
mod named;
mod notes;
mod pairing;
mod parts;
mod queue;
mod recorder;
#[cfg(feature = "tap-http")]
pub mod relay;
mod screen;
mod spill;
mod stream;
#[cfg(feature = "tap")]
pub mod tap;
mod unread;
mod unsaved;
mod unsent;
mod vitals;
mod weight;
mod writer;

pub use carry::{Beside, BesideRow, Carried, Carrier, Sent, carried_up_to};
pub use files::FileSources;
pub use gone::GoneFiles;
pub use import::{Destination, Imported, import};
pub use keeping::{CareHook, Clock, Removed};
pub use lines::{LineDecoder, LineOptions, MethodFilter};
pub use live::Live;
pub use named::{DEFAULT_PROXY, proxy_of};
pub use notes::Notes;
pub(crate) use pairing::ANNOUNCE_AFTER;
#[cfg(feature = "tap-http")]
pub(crate) use pairing::ClientIdentity;
pub use pairing::{LogReading, Moment, Pairing, PairingTally, UnresolvedRequests, WaitTime};
pub use queue::{Delivery, Full, OnCommit, QueueClosed, QueueFill};
#[cfg(feature = "tap")]
pub(crate) use recorder::screen_delivery;
pub use recorder::{Config, Recorder, Screened, SourceHandle};
pub use screen::Screen;
pub use spill::Spilled;
#[cfg(feature = "tap")]
pub(crate) use spill::{batches, write as spill};
pub use stream::StreamSource;
pub use unsent::waits_for_target;
pub use vitals::{CommitState, NotReady, Vitals};
pub use writer::{Failure, Summary};

use std::time::{SystemTime, UNIX_EPOCH};

/// A clock's time in unix milliseconds.
#[must_use]
pub fn unix_ms(time: SystemTime) -> i64 {
    let since_epoch = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}
