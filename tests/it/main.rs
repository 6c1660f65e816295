//! The integration tests, as one binary: it links once, and its modules run side by side.
#![expect(
    clippy::unwrap_used,
    reason = "a test says what it expects by panicking"
)]

#[path = "../../benches/generate.rs"]
mod generate;

#[cfg(any(feature = "postgres", feature = "rocksdb"))]
mod backends;
mod backup;
mod captures;
mod check;
mod check_table;
mod clients_home;
mod config;
mod copy;
mod cursor;
mod default_store;
mod exported;
mod flight;
mod flight_lists;
mod follow;
mod foreign;
mod formats;
#[cfg(feature = "forward")]
mod forward;
mod fuzz;
mod generated;
mod generated_stream;
mod group;
mod handed_on;
mod hostlogs;
mod keeping;
mod kill;
mod listen;
mod manners;
mod metrics;
mod payloads;
#[cfg(feature = "postgres")]
mod postgres;
mod program;
mod questions;
mod record;
mod record_files;
mod record_rotated;
mod redaction;
mod relay;
mod release;
mod reload;
mod rename;
mod reports;
#[cfg(feature = "rocksdb")]
mod rocksdb;
mod schema;
mod schemas;
mod scripts;
mod service;
mod shells;
mod sources;
mod stateless;
mod store;
mod tables;
mod tap;
mod tap_answers;
mod tap_clients;
mod tap_ends;
mod tap_install;
mod tap_load;
mod tap_messages;
mod tap_names;
mod terminal;
mod tidy;
mod two_channels;
mod upgrade;
mod verify;
mod watch;
mod web;
mod whole_export;
mod wrapped;
