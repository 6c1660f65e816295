//! The questions a command can ask: what is asked (filters, cursors), what is answered (rows), and
//! the meaning of both, defined once over plain rows. Backends may answer faster, never differently.

mod filter;
mod head;
mod pattern;
mod requests;
mod sessions;
mod sources;
pub mod when;

pub use filter::{Filter, SessionKey};
pub use head::Head;
pub use pattern::{Pattern, PatternError};
pub use requests::{Entry, GapRow, Order, Page, RequestRow};
pub use sessions::{INFERRED_GAP_MS, SessionFilter, SessionRow, inferred_id};
pub use sources::SourceRow;
