//! mcpr: flight recorder and inspector for MCP (Model Context Protocol) traffic.
//!
//! # Code map, in reading order
//!
//! This package is the command line; everything else is a crate of the workspace, and may use what
//! its manifest names.
//!
//! | crate or part | what it is |
//! |---|---|
//! | [`mcpr_model`] | events, ids, times, checkpoints: plain data |
//! | [`mcpr_wire`] | one decoder a stream format, distinguished line by line; pure |
//! | [`mcpr_surface`] | a server's surface: its canonical form, what a change of it breaks, and whom; pure |
//! | [`mcpr_redact`] | secrets out of texts, before anything is stored; pure |
//! | [`mcpr_tail`] | growing files: which file is which, how far each was read |
//! | [`mcpr_store`] | what every store can do and what can be asked of it; the reference in memory and the suite that every backend runs |
//! | `mcpr-store-sqlite` | the store in a SQLite file |
//! | [`mcpr_connect`] | from a store's URL to the backend that keeps it: the one place that names backends |
//! | [`mcpr_ingest`] | the bounded queue, the batcher, the writer thread, the [`mcpr_ingest::Recorder`]; its sources: files, streams, [HTTP](mcpr_ingest::listen), [the tap](mcpr_ingest::tap) |
//! | [`render`] | rows into tables, JSON and CSV; one point that makes text harmless |
//! | [`watch`] | the live screen: a pure state, what it asks of the store, how it is drawn |
//! | [`console`] | the only owner of standard output and standard error |
//! | [`commands`] | one file per command: its arguments and one `run` |
//! | [`config`] | the configuration file: its keys, and what each may say |
//! | `nearest` | the known word that was probably meant |
//! | [`cli`], [`exit`] | which commands there are; what the shell gets |
//!
//! # Invariants
//!
//! * A batch is events **and** the checkpoints of their sources; both commit in one transaction, with
//!   the session counters and the rollups. A kill at any instant stores each line of a file once.
//! * `seq` is positive, grows in commit order and is never used twice. It is the cursor of every list.
//! * A duplicate changes nothing but the count of duplicates.
//! * Every queue, line and buffer has a named limit. What is dropped is counted and stored as a gap.
//! * Text from outside reaches a terminal through one escape point, and SQL as bound values only.
//! * Each outer crate lives behind one door (clap: cli and commands; rusqlite: `mcpr-store-sqlite`; …). A
//!   test reads the sources and holds this, with the directions of the parts of this package.
//!
//! # Deliberately absent
//!
//! No async runtime but in [`mcpr_ingest::listen`], on a thread of its own: elsewhere one thread reads, one writes.
//! No network, unless asked.

pub mod cli;
pub mod commands;
pub mod config;
pub mod console;
pub mod exit;
mod nearest;
pub mod render;
pub mod watch;
