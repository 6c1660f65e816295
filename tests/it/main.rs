//! The integration tests, as one binary: it links once, and its modules run side by side.
#![expect(
    clippy::unwrap_used,
    reason = "a test says what it expects by panicking"
)]

#[path = "../../benches/generate.rs"]
mod generate;

mod captures;
mod generated_stream;
mod kill;
mod program;
mod record;
mod tap;
mod tap_install;
mod tidy;
mod verify;
