//! A server that is asked for its surface: as a command or at an address, within a limit of time; and
//! the snapshot that is made of the answer.

use super::remote::{self, RemoteArgs};
use crate::commands::Refused;
use crate::commands::values::duration_us;
use crate::console::Console;
use mcpr_client::{ClientError, StdioServer, ask};
use mcpr_redact::Redactor;
use mcpr_surface::ItemKind;
use mcpr_surface::gather::{SNAPSHOT_FORM, SNAPSHOT_HASH, snapshot_hash};
use serde_json::{Map, Value, json};
use std::ffi::OsString;
use std::time::Duration;

/// How many lines of the server's standard error are shown when it fails.
const SHOWN_LINES: usize = 20;

/// The server that is meant.
#[derive(Debug, Clone, clap::Args)]
#[command(group(clap::ArgGroup::new("server").required(true)))]
pub(super) struct ServerArgs {
    #[command(flatten)]
    remote: RemoteArgs,
    /// Give the server this long for all of its answers
    #[arg(long, value_parser = duration_us, value_name = "DURATION", default_value = "60s")]
    timeout: i64,
    /// Run this server, which speaks over its standard input and output
    #[arg(last = true, group = "server", value_name = "COMMAND", value_hint = clap::ValueHint::AnyPath)]
    command: Vec<OsString>,
}

impl ServerArgs {
    /// What it is, in words.
    pub(super) fn name(&self) -> String {
        if let Some(name) = self.remote.name() {
            return name;
        }
        let words = self.command.iter().map(|word| word.to_string_lossy());
        words.collect::<Vec<_>>().join(" ")
    }

    /// Asks the server, and makes a snapshot of what it shows.
    pub(super) fn snapshot(&self, console: &mut Console) -> Result<Map<String, Value>, Refused> {
        let limit = Duration::from_micros(self.timeout.unsigned_abs());
        if let Some(remote) = self.remote.resolve()? {
            let mut server = remote.connect(console)?;
            let shown = ask(&mut server, limit);
            return shown
                .map(snapshot_of)
                .map_err(|error| remote::refused(&error));
        }
        let mut server = StdioServer::start(&self.command).map_err(|error| {
            Refused::new(error.to_string())
                .hint("give the command of the server behind `--`, as a client would run it")
        })?;
        match ask(&mut server, limit) {
            Ok(shown) => Ok(snapshot_of(shown)),
            Err(error) => Err(refused(&error, &server.stderr())),
        }
    }
}

/// Why a server was not asked, with what it reported about it.
fn refused(error: &ClientError, stderr: &str) -> Refused {
    let refused = Refused::new(clean(&error.to_string()));
    let lines: Vec<&str> = stderr
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    if lines.is_empty() {
        return match error {
            ClientError::TimeOut { .. } => refused.hint("--timeout gives it more time"),
            _ => refused.hint("the server wrote nothing to its standard error"),
        };
    }
    let mut details = vec!["the server's standard error ends with".to_owned()];
    let last = lines.iter().skip(lines.len().saturating_sub(SHOWN_LINES));
    // It may print what it was started with.
    details.extend(last.map(|line| clean(line)));
    refused.details(details)
}

/// What a server stated, without secrets.
pub(super) fn clean(text: &str) -> String {
    let clean = Redactor::default().text(text);
    clean.map_or_else(|| text.to_owned(), |(clean, _)| clean)
}

/// The one file: sorted, without secrets, and signed by its hash.
fn snapshot_of(mut shown: Map<String, Value>) -> Map<String, Value> {
    for kind in ItemKind::LISTED {
        let list = kind.list_member().and_then(|member| shown.get_mut(member));
        if let Some(Value::Array(list)) = list {
            let key = |item: &Value| item[kind.key_member()].as_str().unwrap_or("").to_owned();
            // The order of an answer says nothing, and would make every line differ.
            list.sort_by_cached_key(key);
        }
    }
    let redactor = Redactor::default();
    for value in shown.values_mut() {
        redact(value, &redactor);
    }
    shown.insert(SNAPSHOT_FORM.to_owned(), json!(1));
    let hash = snapshot_hash(&shown);
    shown.insert(SNAPSHOT_HASH.to_owned(), json!(hash));
    shown
}

/// Takes secrets out of every text: servers put addresses and defaults of their setting into what they
/// say.
fn redact(value: &mut Value, redactor: &Redactor) {
    match value {
        Value::String(text) => {
            if let Some((clean, _)) = redactor.text(text) {
                *text = clean;
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|value| redact(value, redactor)),
        Value::Object(map) => map.values_mut().for_each(|value| redact(value, redactor)),
        _ => {}
    }
}

/// A snapshot as it stands in a file: a member a line, so that versions of it can be compared.
pub(super) fn text_of(snapshot: &Map<String, Value>) -> String {
    let text = serde_json::to_string_pretty(snapshot);
    text.expect("a JSON value has keys that are texts") + "\n"
}
