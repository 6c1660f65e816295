//! The store in a SQLite file: one writer's connection, readers beside it.
//!
//! The only place that knows rusqlite. Layouts are in `migrations/`, run by writers alone. Stores of
//! other programs are read in `foreign/`.

mod admin;
mod append;
mod backend;

mod call_match;
mod census;
mod checkpointer;
mod codes;
mod conditions;
mod connect;
#[cfg(test)]
mod contract;
mod errors;
mod file;
mod flight;
mod foreign;
mod functions;
mod intact;
mod layout;
mod limits;
mod log_index;
mod migrate;
mod names;
mod new_rows;
mod notes;
mod number_set;
mod open;
mod packing;
mod payloads;
mod places;
mod read;
mod reader;
mod recall;
mod remains;
mod remove;
mod rename;
mod request_ids;
mod requests;
mod rollups;
mod runs;
mod seal;
mod searched;
mod session_blocks;
mod session_ranges;
mod sessions;
mod shape;
mod shown;
mod sources;
mod stale_log;
mod sums;
mod surface_cache;
mod surfaces;
mod sweep;
#[cfg(test)]
mod tests;
mod transaction;
mod verify;
mod watch;
mod whole;
mod writer;

pub use backend::SqliteBackend;
pub use layout::APPLICATION_ID;
pub use read::SqliteReader;
pub use reader::open_reader;
pub use verify::verify;
pub use writer::SqliteStore;
