//! The integration tests, as one binary: it links once, and its modules run side by side.
#![expect(
    clippy::unwrap_used,
    reason = "a test says what it expects by panicking"
)]

#[path = "../../benches/generate.rs"]
mod generate;

mod captures;
mod follow;
mod foreign;
mod fuzz;
mod generated;
mod generated_stream;
mod hostlogs;
mod kill;
mod listen;
mod manners;
mod payloads;
mod program;
mod questions;
mod record;
mod redaction;
mod reports;
mod schema;
mod schemas;
mod scripts;
mod store;
mod tap;
mod tap_install;
mod tap_load;
mod terminal;
mod tidy;
mod verify;
