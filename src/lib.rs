//! mcpr: flight recorder and inspector for MCP (Model Context Protocol) traffic.
//!
//! # Code map, in reading order
//!
//! | part | what it is | may use |
//! |---|---|---|
//! | [`model`] | events, ids, times, checkpoints: plain data | nothing |
//! | [`wire`] | one decoder a stream format, told apart line by line; pure | model |
//! | [`schema`] | a server's surface: its canonical form, what a change of it breaks, and whom; pure | model |
//! | [`query`] | what can be asked: filters, cursors, rows, and what each means; pure | model |
//! | [`redact`] | secrets out of texts, before anything is stored; pure | nothing |
//! | [`tail`] | growing files: which file is which, how far each was read | model |
//! | [`store`] | where events are kept: the traits, an in-memory reference, SQLite | model, query |
//! | [`render`] | rows into tables, JSON and CSV; one point that makes text harmless | model, query |
//! | [`ingest`] | the bounded queue, the batcher, the writer thread, the [`ingest::Recorder`] | all above but render |
//! | [`listen`] | the HTTP source: what a proxy posts, answered when it is committed | model, wire, ingest |
//! | [`tap`] | a stdio MCP server run in the middle: forwarded first, recorded second | model, wire, ingest |
//! | [`console`] | the only owner of standard output and standard error | render |
//! | [`commands`] | one file a command: its arguments and one `run` | all above |
//! | [`cli`], [`exit`] | which commands there are; what the shell is told | commands |
//!
//! # Invariants
//!
//! * A batch is events **and** the checkpoints of their sources; both commit in one transaction, with
//!   the session counters and the rollups. A kill at any instant stores each line of a file once.
//! * `seq` is positive, grows in commit order and is never used twice. It is the cursor of every list.
//! * A duplicate changes nothing but the count of duplicates.
//! * Every queue, line and buffer has a named limit. What is dropped is counted and stored as a gap.
//! * Text from outside reaches a terminal through one escape point, and SQL as bound values only.
//! * Each outer crate lives behind one door (clap: cli and commands; rusqlite: `store/sqlite`; …). A
//!   test reads the sources and holds this, with the directions of the table above.
//!
//! # Deliberately absent
//!
//! No async runtime but in [`listen`], on a thread of its own: elsewhere one thread reads, one writes.
//! No configuration file. No network, unless asked.

pub mod cli;
pub mod commands;
pub mod console;
pub mod exit;
pub mod ingest;
pub mod listen;
pub mod model;
pub mod query;
pub mod redact;
pub mod render;
pub mod schema;
pub mod store;
pub mod tail;
pub mod tap;
pub mod wire;
