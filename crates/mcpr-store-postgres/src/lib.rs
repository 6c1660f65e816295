//! The store of mcpr on a PostgreSQL server: for a team whose proxies, taps and recorders are on many machines.
//!
//! Each transaction that writes first locks the one row that says how far the store has come. So sequence numbers are
//! dense and in the order of commits, for all writers together, and a batch sees all that was ever committed.
//! What events mean is decided by `mcpr-store`; here rows are read for a whole batch, changed in memory, and written
//! back as streams.

mod admin;
mod append;
mod backend;
mod connect;
mod db;
mod errors;
mod figures;
mod flight;
mod grants;
mod heart;
mod layout;
mod lease;
mod names;
mod read;
mod recorders;
mod records;
mod remains;
mod rename;
mod runs;
mod sessions;
mod settings;
mod sources;
mod store_row;
mod sums;
mod surfaces;
mod sweep;
mod tls;
mod values;
mod verify;
mod writer;

#[cfg(test)]
mod contract;
#[cfg(any(test, feature = "test-server"))]
#[allow(
    clippy::print_stdout,
    clippy::missing_panics_doc,
    reason = "a server for tests, compiled as a library for those of other crates"
)]
pub mod test_server;
#[cfg(test)]
mod tests;

pub use backend::PostgresBackend;
