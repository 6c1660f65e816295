//! `mcpr watch`: the live screen. What happens (keys, answers of the store, signals) goes through one queue into a
//! pure state; the state is drawn when it has changed. Two workers with readers of their own look into the
//! store, so that no key waits for it.
//!
//! Knows nothing of arguments, nor of which store it is: see `commands/watch.rs`.

mod app;
mod body;
mod changes;
mod detail;
mod draw;
mod event;
mod json_lines;
mod keys;
mod lists;
mod needle;
mod output;
mod palette;
mod prompt;
mod queries;
mod query_slots;
mod report;
mod requests;
mod run;
mod scan;
mod screen;
mod sessions;
mod store;
mod sums;
mod threads;
mod tools;
mod view;

#[cfg(test)]
mod screens;
#[cfg(test)]
mod testing;

pub use report::ReportOf;
pub use run::{WatchEnded, WatchOptions, run};
pub use screen::give_back_terminal;
pub use store::{ChangesOf, StoreSource};
