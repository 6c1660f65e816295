//! `mcpr store import FILE`: another store's rows into this one.

use crate::commands::recording_options::Redaction;
use crate::commands::{Refused, StoreArgs, WriterArgs};
use crate::console::{Console, Progress, Unit};
use crate::exit::Exit;
use crate::render::text::escape;
use crate::render::units::grouped;
use mcpr_connect::connect;
use mcpr_ingest::{Destination, import};
use mcpr_store::{Reader, StoreErrorKind, StoreUrl};
use mcpr_tail::identity_of;
use std::path::PathBuf;

/// What `mcpr store import` takes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    /// A store of mcpr: of this recorder, or of the proxies 0.3 to 0.5
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    writer: WriterArgs,
    #[command(flatten)]
    redaction: Redaction,
    /// Print one JSON document
    #[arg(short, long)]
    json: bool,
}

impl Args {
    /// Takes in the patterns of the configuration file.
    pub(super) fn configure(&mut self, patterns: &[String]) {
        self.redaction.configure(patterns);
    }
}

pub(super) fn run(args: &Args, console: &mut Console) -> anyhow::Result<Exit> {
    let url = args.store.url()?;
    let from = StoreUrl::parse(&args.file).map_err(|error| Refused::new(error.to_string()))?;
    let reader = open_source(&from)?;
    if is_same(&from, &url) {
        return Err(Refused::new("a store cannot be imported into itself")
            .hint("name the store to write into with --db")
            .into());
    }
    let screen = args.redaction.screen()?;
    let mut store = connect(&url)?.writer(
        // An import may run beside the store's recorder, as a tap may.
        args.writer.options(false),
    )?;
    let last_seq = reader.overview()?.last_seq;
    let mut progress = Progress::new(Unit::Rows, console.is_message_terminal());
    let source = from.to_string();
    let to = Destination {
        store: store.as_mut(),
        screen: &screen,
    };
    let imported = import(reader.as_ref(), to, &source, &mut |seq| {
        let left = last_seq.saturating_sub(seq);
        progress.update(seq.cast_unsigned(), left.cast_unsigned());
    })?;
    progress.finish();
    let text = if args.json {
        serde_json::json!({
            "stored": imported.stored, "duplicates": imported.duplicates,
            "gaps": imported.gaps, "sessions": imported.sessions,
        })
        .to_string()
    } else {
        format!(
            "imported {} requests and {} sessions into {}; {} were there already",
            grouped(imported.stored),
            grouped(imported.sessions),
            escape(&url.to_string()),
            grouped(imported.duplicates)
        )
    };
    console.print(&format!("{text}\n"))?;
    let unknown = without_latency(reader.as_ref())?;
    if unknown > 0 {
        console.note(&format!(
            "{} requests of {} say not how long they took: percentiles and sums of time are those of the others",
            grouped(unknown),
            escape(&source)
        ));
    }
    Ok(Exit::Done)
}

/// Opens what is imported. What is not a store may be a log: that is recorded.
fn open_source(url: &StoreUrl) -> anyhow::Result<Box<dyn Reader>> {
    match connect(url)?.reader() {
        Err(mut error) if error.kind == StoreErrorKind::Foreign => {
            let hint = "FILE is not a store of mcpr 0.3 to 0.5 nor of this recorder; \
                        `mcpr record --once FILE` takes a log";
            error.hint = Some(hint.to_owned());
            Err(error.into())
        }
        opened => Ok(opened?),
    }
}

/// How many requests of a store have no latency.
fn without_latency(reader: &dyn Reader) -> anyhow::Result<u64> {
    let mut unknown: u64 = 0;
    reader.rollups(&mut |row| {
        unknown = unknown.saturating_add(row.calls.saturating_sub(row.sketch.count()));
    })?;
    Ok(unknown)
}

/// Whether two URLs lead to one store.
pub(in crate::commands) fn is_same(left: &StoreUrl, right: &StoreUrl) -> bool {
    // Two paths may lead to one file, through a link for example.
    let identity = |url: &StoreUrl| Some(identity_of(&url.path()?.metadata().ok()?));
    left == right || (identity(left).is_some() && identity(left) == identity(right))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::testing::{Rows, key, request, session};
    use mcpr_ingest::{Imported, Screen};
    use mcpr_store::WriterOptions;
    use mcpr_store::query::{Entry, Page, SessionFilter, SessionPage};

    /// A store of so many requests, each of which has a session of its own.
    fn rows(count: i64) -> Rows {
        let ids = (1..=count).map(|seq| (seq, format!("s-{seq}")));
        let requests = ids.clone().map(|(seq, id)| request(seq, &id, "echo"));
        Rows {
            entries: requests.map(Box::new).map(Entry::Request).collect(),
            sessions: ids
                .map(|(_, id)| session(&key("everything", &id), 1))
                .collect(),
            ..Rows::default()
        }
    }

    /// Imports a store twice into an empty one: what was done each time, and how much was fetched for it.
    fn imported(count: i64) -> [(Imported, usize, usize); 2] {
        let directory = tempfile::tempdir().expect("a directory");
        let url = StoreUrl::parse(directory.path().join("store.db")).expect("a place");
        let backend = connect(&url).expect("a backend");
        [(); 2].map(|()| {
            let rows = rows(count);
            let mut store = backend.writer(WriterOptions::default()).expect("a store");
            let to = Destination {
                store: store.as_mut(),
                screen: &Screen::default(),
            };
            let done = import(&rows, to, "from", &mut drop).expect("an import");
            let every = SessionFilter::default();
            let reader = backend.reader().expect("a reader");
            let stored = reader.sessions(&every, &SessionPage::oldest(Page::MAX_LIMIT));
            assert_eq!(stored.expect("sessions").len(), Page::MAX_LIMIT);
            assert!(rows.largest.get() <= Page::MAX_LIMIT, "more than a page");
            (done, rows.fetched.get(), rows.pages.get())
        })
    }

    #[test]
    fn an_import_fetches_each_row_once_however_many_there_are() {
        for count in [1_500, 6_000] {
            let [first, second] = imported(count);
            let all = count.unsigned_abs();
            assert_eq!((first.0.stored, first.0.sessions), (all, all));
            assert_eq!((second.0.stored, second.0.duplicates), (0, all));
            for (_, fetched, pages) in [first, second] {
                assert_eq!(fetched as u64, 2 * all, "requests and sessions, each once");
                let full = fetched / Page::MAX_LIMIT;
                assert!((full..=full + 3).contains(&pages), "{pages} pages");
            }
        }
    }
}
