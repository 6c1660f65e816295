//! One file a command: its arguments, whose doc comments are the help, and one `run`.

mod args;
mod callers;
pub mod check;
pub mod clients;
pub mod complete;
pub mod config;
mod confirm;
mod empty;
mod examples;
mod find;
mod flight;
mod follow;
#[cfg(feature = "forward")]
pub mod forward;
pub mod generated;
mod help;
mod keep_args;
mod layout_args;
mod left_out;
mod list_printer;
mod log_rows;
pub mod logs;
mod pages;
mod places;
mod printer;
pub mod proxy;
pub mod record;
mod recording_options;
mod replace;
pub mod report;
mod request_filter;
#[cfg(feature = "schema")]
pub mod schema;
mod search_args;
pub mod service;
pub mod session;
pub mod sessions;
pub mod show;
pub mod slow;
pub mod sources;
pub mod stats;
pub mod store;
#[cfg(feature = "tap")]
pub mod tap;
mod topics;
mod usage;
mod values;
pub mod watch;

pub use args::{ReadArgs, StoreArgs, TrustArgs, WriterArgs};
pub(crate) use help::with_help;
#[cfg(test)]
pub(crate) use help::{CommandHelp, HEADINGS, all as helps};
pub(crate) use topics::of_words as topic_of;
#[cfg(test)]
pub(crate) use usage::{COMMANDS, FLAGS};
pub(crate) use usage::{asked_command, is_poor_guess, known_elsewhere};

use crate::console::{Console, OutputError};
use crate::exit::Exit;
use mcpr_connect::connect;
use mcpr_store::{Reader, StoreError, StoreErrorKind, StoreUrl};
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

/// What the help of each command has beside its flags.
const HELP: &[&help::CommandHelp] = &[
    &record::HELP,
    #[cfg(feature = "tap")]
    &tap::HELP,
    #[cfg(feature = "tap")]
    &tap::INSTALL_HELP,
    &logs::HELP,
    &watch::HELP,
    &sessions::HELP,
    &session::HELP,
    &show::HELP,
    &slow::HELP,
    &stats::HELP,
    &clients::HELP,
    #[cfg(feature = "schema")]
    &schema::HELP,
    #[cfg(feature = "schema")]
    &schema::CHANGES_HELP,
    #[cfg(feature = "schema")]
    &schema::UNUSED_HELP,
    #[cfg(feature = "schema")]
    &schema::DIFF_HELP,
    #[cfg(feature = "schema")]
    &schema::CHECK_HELP,
    &check::HELP,
    &report::HELP,
    &store::HELP,
];

/// Opens the store that every reading command reads.
///
/// # Errors
/// When there is none at this place, or it cannot be read.
pub fn open_store(url: &StoreUrl) -> anyhow::Result<Box<dyn Reader>> {
    Ok(connect(url)?.reader()?)
}

/// Something the user asked for that cannot be done as asked.
#[derive(Debug)]
pub struct Refused {
    message: String,
    details: Vec<String>,
    hint: Option<String>,
}

impl Refused {
    /// A refusal that says what is wrong.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            details: Vec::new(),
            hint: None,
        }
    }

    /// Adds lines below the message.
    #[must_use]
    pub fn details(mut self, details: Vec<String>) -> Self {
        self.details = details;
        self
    }

    /// Says what can be done.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Refused {}

/// Reports an error to the user and says what the process ends with.
pub fn report(error: &anyhow::Error, console: &mut Console) -> Exit {
    if let Some(OutputError::Closed) = error.downcast_ref::<OutputError>() {
        return Exit::Done;
    }
    let refused = error.downcast_ref::<Refused>();
    let store = error.downcast_ref::<StoreError>();
    // `OutputError` names its cause itself.
    let message = match error.downcast_ref::<OutputError>() {
        Some(output) => output.to_string(),
        None => format!("{error:#}"),
    };
    console.error(&message, None);
    for line in refused.into_iter().flat_map(|refused| &refused.details) {
        console.note(&format!("  {line}"));
    }
    let missing = store.filter(|store| store.kind == StoreErrorKind::Missing);
    let hint = refused
        .and_then(|refused| refused.hint.as_deref())
        .or_else(|| store.and_then(|store| store.hint.as_deref()))
        .or_else(|| {
            missing
                .map(|_| "`mcpr record FILE` or `mcpr tap install` makes one; --db reads another")
        });
    if let Some(hint) = hint {
        console.hint(hint);
    }
    Exit::Failed
}

/// The present in unix milliseconds.
#[must_use]
pub fn now_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod testing;
