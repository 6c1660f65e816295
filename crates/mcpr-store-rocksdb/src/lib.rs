//! The store of mcpr in a directory that `RocksDB` keeps, for one machine.
//!
//! One process at a time has the directory open for writing, and all that it does shares one engine; readers of other
//! processes follow it as secondaries and write nothing there. A batch is one write, synced, of rows, indexes, counters
//! and checkpoints together. What events mean is decided by `mcpr-store`; here records are read and written.
//!
//! Without the feature `engine` this crate is empty, so that the workspace builds where no C++ is wanted.
#![cfg(feature = "engine")]

mod admin;
mod append;
mod backend;
mod codec;
mod columns;
mod engine;
mod errors;
mod flight;
mod keys;
mod memory;
mod names;
mod read;
mod records;
mod remains;
mod rename;
mod rows;
mod runs;
mod sessions;
mod sources;
mod state;
mod sums;
mod surfaces;
mod sweep;
mod txn;
mod verify;
mod view;
mod writer;

#[cfg(test)]
mod contract;
#[cfg(test)]
mod tests;

pub use backend::RocksdbBackend;
