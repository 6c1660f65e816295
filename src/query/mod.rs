//! The questions a command can ask: what is asked (filters, cursors), what is answered (rows), and
//! the meaning of both, defined once over plain rows. Backends may answer faster, never differently.

mod clients;
mod filter;
mod head;
mod names;
mod pattern;
mod requests;
mod rollup;
mod sessions;
mod slowest;
mod sources;
mod stats;
mod surfaces;
mod tally;
pub mod when;

pub use clients::{ClientRow, clients_of, sort_clients};
pub use filter::{Filter, SessionKey};
pub use head::Head;
pub use names::Names;
pub use pattern::{Pattern, PatternError};
pub use requests::{Entry, GapRow, Order, Page, RequestRow, StoredKey};
pub use rollup::{RollupKey, RollupRow};
pub use sessions::{INFERRED_GAP_MS, SessionFilter, SessionRow, inferred_id};
pub use slowest::Slowest;
pub use sources::SourceRow;
pub use stats::{By, StatsFold, StatsKey, StatsQuestion, StatsRow, Summary};
pub use surfaces::{
    BegunList, Captured, ChangeRow, ItemRow, ListRow, LoneItem, SurfaceRow, Surfaces, UnusedRow,
};
pub use tally::{Buckets, Counted, Latencies, Tally};
