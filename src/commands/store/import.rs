//! `mcpr store import FILE`: another store's rows into this one.

use crate::commands::keeping::Redaction;
use crate::commands::{Refused, StoreArgs};
use crate::console::{Console, Progress, Unit};
use crate::exit::Exit;
use crate::ingest::{Destination, import};
use crate::render::text::escape;
use crate::render::units::grouped;
use crate::store::sqlite::{SqliteStore, open_reader};
use crate::store::{Reader, StoreErrorKind};
use crate::tail::identity_of;
use std::path::{Path, PathBuf};

/// What `mcpr store import` takes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    /// A store of mcpr: of this recorder, or of the proxies 0.3 to 0.5
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    redaction: Redaction,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, console: &mut Console) -> anyhow::Result<Exit> {
    let path = args.store.path()?;
    let mut reader = open_source(&args.file)?;
    if is_same_file(&args.file, &path) {
        return Err(Refused::new("a store cannot be imported into itself")
            .hint("name the store to write into with --db")
            .into());
    }
    let screen = args.redaction.screen()?;
    let mut store = SqliteStore::open(&path)?;
    let last_seq = reader.head()?.last_seq;
    let mut progress = Progress::new(Unit::Rows, console.is_message_terminal());
    let source = args.file.display().to_string();
    let to = Destination {
        store: &mut store,
        screen: &screen,
    };
    let imported = import(reader.as_mut(), to, &source, &mut |seq| {
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
            escape(&path.to_string_lossy()),
            grouped(imported.duplicates)
        )
    };
    console.print(&format!("{text}\n"))?;
    let unknown = without_latency(reader.as_mut())?;
    if unknown > 0 {
        console.note(&format!(
            "{} requests of {} say not how long they took: they count as 0 µs here",
            grouped(unknown),
            escape(&source)
        ));
    }
    Ok(Exit::Done)
}

/// Opens what is imported. What is no store may be a log: that is recorded.
fn open_source(path: &Path) -> anyhow::Result<Box<dyn Reader>> {
    match open_reader(path) {
        Err(mut error) if error.kind == StoreErrorKind::Foreign => {
            let hint = "FILE is no store of mcpr 0.3 to 0.5 nor of this recorder; \
                        `mcpr record --once FILE` takes a log";
            error.hint = Some(hint.to_owned());
            Err(error.into())
        }
        opened => Ok(opened?),
    }
}

/// How many requests of a store have no latency: ours keeps a number for each, 0 for these.
fn without_latency(reader: &mut dyn Reader) -> anyhow::Result<u64> {
    let rows = reader.rollups()?;
    let unknown = rows
        .iter()
        .map(|row| row.calls.saturating_sub(row.sketch.count()));
    Ok(unknown.fold(0, u64::saturating_add))
}

fn is_same_file(left: &Path, right: &Path) -> bool {
    let identity = |path: &Path| path.metadata().ok().map(|metadata| identity_of(&metadata));
    identity(left).is_some() && identity(left) == identity(right)
}
