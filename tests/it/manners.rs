//! The manners of the manual, rule by rule, through the built program.

mod colour;
mod grammar;
mod hostile;
mod order;
mod pager;
mod progress;
mod prompts;
mod screens;
mod search;
mod streams;
mod tables;
mod times;
mod width;

pub(crate) use hostile::{hostile, is_harmless};

use super::program::{Home, capture};

/// A home whose store holds requests of two proxies, errors and several sessions.
fn recorded() -> Home {
    let home = Home::new();
    home.record(&[
        &capture("mcpr-0.5.44/weather.stderr.log"),
        &capture("mcpr-0.4.64/proxy.log"),
    ]);
    home
}

/// Every command that prints a list, with what makes it show something of the captures.
const LISTS: [&[&str]; 5] = [
    &["logs", "--kind", "all"],
    &["sessions", "--all"],
    &["slow", "--since", "2026-11-01", "--threshold", "0"],
    &["stats", "--since", "2026-11-01"],
    &["clients", "--since", "2026-11-01"],
];
