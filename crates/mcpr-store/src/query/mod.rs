//! The questions a command can ask: what is asked (filters, cursors), what is answered (rows), and
//! the meaning of both, defined once over plain rows. Backends may answer faster, never differently.

mod clients;
mod cursor;
mod filter;
mod flight;
mod head;
mod names;
mod operations;
mod pattern;
mod ranking;
mod requests;
mod rollup;
mod search;
mod sessions;
mod slowest;
mod sources;
mod stats;
mod stats_fold;
mod summed;
mod surfaces;
mod tally;
pub mod when;

pub use clients::{ClientRow, ClientsFold, ListedClients};
pub use cursor::{Cursor, CursorError};
pub use filter::{Filter, SessionKey};
pub use flight::{Flight, MAX_OPEN_REQUESTS, OpenRow};
pub use head::Head;
pub use names::{NameFold, NameKind};
pub use operations::{
    Operation, OperationSums, OperationsCount, OperationsFold, TraceRow, TracesFold,
};
pub use pattern::{Pattern, PatternError};
pub use ranking::{ClientOrder, FirstSessions, RankedLines, SessionRank, StatsOrder};
pub use requests::{Entry, GapRow, Order, Page, Place, RequestRow, StoredKey, TimePage};
pub use rollup::{RollupChange, RollupKey, RollupRow};
pub use search::{Search, SearchError, SearchedBodies};
pub use sessions::{
    INFERRED_GAP_MS, Neighbour, SessionFilter, SessionOrder, SessionPage, SessionPlace, SessionRow,
    inferred_id,
};
pub use slowest::Slowest;
pub use sources::{BadLineRow, SourceRow};
pub use stats::{EarlierFigures, GroupBy, StatsKey, StatsQuestion, StatsRow, Summary};
pub use stats_fold::StatsFold;
pub use summed::{MAX_SUMMED_METHODS, MAX_SUMMED_TARGETS, OTHER, Summed, SummedAs};
pub use surfaces::{
    Captured, ChangeRow, ItemRow, ListKey, ListRow, LoneItem, SurfacePage, SurfaceRow, Surfaces,
    UnusedRow, in_force,
};
pub use tally::{Buckets, Counted, Latencies, Tally};
