//! `mcpr store vacuum`: remove old requests and give their space back.

mod plan;

use crate::commands::confirm::confirmed;
use crate::commands::values::size_bytes;
use crate::commands::{StoreArgs, open_store};
use crate::console::{Console, Progress, Unit};
use crate::exit::Exit;
use crate::query::when::Zone;
use crate::render::text::escape;
use crate::render::units::{bytes, grouped};
use crate::store::sqlite::SqliteStore;
use crate::store::{Retention, Store};
use plan::{Extent, Plan, plan, requests_beyond};
use std::path::Path;

/// What `mcpr store vacuum` takes.
#[derive(Debug, Clone, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
#[command(group = clap::ArgGroup::new("what").required(true).multiple(true)
    .args(["before", "max_size", "payloads_before"]))]
pub(super) struct Args {
    #[command(flatten)]
    store: StoreArgs,
    /// Remove requests older than TIME: 30d, 2026-11-01
    #[arg(long, value_name = "TIME")]
    before: Option<String>,
    /// Remove the oldest payloads, then the oldest requests, until the store is no larger than SIZE:
    /// 500M, 2G
    #[arg(long, value_name = "SIZE", value_parser = size_bytes, conflicts_with = "before")]
    max_size: Option<u64>,
    /// Remove what was asked and answered before TIME, and keep the requests
    #[arg(long, value_name = "TIME")]
    payloads_before: Option<String>,
    /// Remove what belongs to this proxy only
    #[arg(long, value_name = "NAME")]
    proxy: Option<String>,
    /// Say what would be removed, and remove nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
    /// Show and read times in UTC instead of local time
    #[arg(long)]
    utc: bool,
}

/// Most rounds of removing until a store is small enough: each comes closer.
const MAX_ROUNDS: usize = 20;

pub(super) fn run(args: &Args, console: &mut Console) -> anyhow::Result<Exit> {
    let path = args.store.path()?;
    // A store that cannot be read must not be made by opening it for writing.
    drop(open_store(&path)?);
    let mut store = SqliteStore::open(&path)?;
    let plan = plan(args, &store)?;
    if plan.requests.is_none() && plan.payloads.is_none() {
        let used = store.used_bytes()?;
        let is_stuck = args.max_size.is_some_and(|most| used > most);
        let why = if is_stuck {
            format!(
                ", no request{} is left",
                plan::of_proxy(args.proxy.as_ref())
            )
        } else {
            String::new()
        };
        let used = bytes(as_i64(used));
        let text = format!("nothing to remove: the store holds {used}{why}");
        return told(args, console, (Extent::default(), 0), &text);
    }
    let extent = plan.extent(&store)?;
    let words = plan.words(extent, if args.utc { Zone::Utc } else { Zone::Local });
    if args.dry_run {
        return told(args, console, (extent, 0), &format!("would remove {words}"));
    }
    let question = format!("remove {words} from {}?", path.display());
    let is_empty = extent.requests == 0 && extent.payloads == 0;
    if !is_empty && !args.yes && !confirmed(&question, console)? {
        console.note("nothing was removed");
        return Ok(Exit::Failed);
    }
    let before = file_bytes(&path);
    let removed = remove(args, plan, &mut store, console)?;
    let freed = before.saturating_sub(file_bytes(&path));
    let payloads = match removed.payloads {
        0 => String::new(),
        some => format!(" and {} payloads", grouped(some)),
    };
    let text = format!(
        "removed {} rows{payloads}; the file went from {} to {}, {} freed",
        grouped(removed.requests),
        bytes(as_i64(before)),
        bytes(as_i64(before - freed)),
        bytes(as_i64(freed)),
    );
    told(args, console, (removed, freed), &text)?;
    let left = store.used_bytes()?;
    if args.max_size.is_some_and(|most| left > most) {
        let left = bytes(as_i64(left));
        let of = plan::of_proxy(args.proxy.as_ref());
        console.note(&format!(
            "what stays takes {left}: no request{of} is left to remove"
        ));
    }
    Ok(Exit::Done)
}

fn told(
    args: &Args,
    console: &mut Console,
    (removed, freed_bytes): (Extent, u64),
    text: &str,
) -> anyhow::Result<Exit> {
    let text = if args.json {
        serde_json::json!({
            "dry_run": args.dry_run, "rows": removed.requests, "payloads": removed.payloads,
            "freed_bytes": freed_bytes,
        })
        .to_string()
    } else {
        escape(text).into_owned()
    };
    console.print(&format!("{text}\n"))?;
    Ok(Exit::Done)
}

/// Removes until nothing is left to remove; with a size, until that is reached, payloads first.
fn remove(
    args: &Args,
    plan: Plan,
    store: &mut SqliteStore,
    console: &Console,
) -> anyhow::Result<Extent> {
    let mut removed = Extent::default();
    if let Some(what) = &plan.payloads {
        removed.payloads += remove_payloads(what, store, console)?;
    }
    let mut next = plan.requests;
    if let Some(most) = args.max_size {
        removed.payloads += remove_payloads_beyond(args, most, store, console)?;
        next = requests_beyond(args, store, most)?;
    }
    for _ in 0..MAX_ROUNDS {
        let Some(round) = next.take() else { break };
        let expected = store.count_of(&round)?;
        let mut progress = Progress::new(Unit::Rows, console.is_message_terminal());
        let rows = store.vacuum(&round, &mut |done| {
            progress.update(done, expected.saturating_sub(done));
        })?;
        progress.finish();
        removed.requests += rows;
        if let Some(most) = args.max_size
            && rows > 0
        {
            next = requests_beyond(args, store, most)?;
        }
    }
    store.shrink()?;
    Ok(removed)
}

/// Removes the oldest payloads until the store is small enough or has none.
fn remove_payloads_beyond(
    args: &Args,
    most: u64,
    store: &mut SqliteStore,
    console: &Console,
) -> anyhow::Result<u64> {
    let mut removed = 0;
    for _ in 0..MAX_ROUNDS {
        let used = store.used_bytes()?;
        if used <= most {
            break;
        }
        let proxy = args.proxy.clone();
        let oldest = store.oldest_payloads(proxy.as_deref(), used - most)?;
        let Some((before, _)) = oldest else {
            break;
        };
        let rows = remove_payloads(&Retention { before, proxy }, store, console)?;
        removed += rows;
        if rows == 0 {
            break;
        }
    }
    Ok(removed)
}

fn remove_payloads(
    what: &Retention,
    store: &mut SqliteStore,
    console: &Console,
) -> anyhow::Result<u64> {
    let expected = store.count_of_payloads(what)?;
    let mut progress = Progress::new(Unit::Rows, console.is_message_terminal());
    let rows = store.vacuum_payloads(what, &mut |done| {
        progress.update(done, expected.saturating_sub(done));
    })?;
    progress.finish();
    Ok(rows)
}

fn file_bytes(path: &Path) -> u64 {
    let [file, wal, ..] = SqliteStore::own_files(path);
    let size = |path: &Path| path.metadata().map_or(0, |metadata| metadata.len());
    size(&file) + size(&wal)
}

fn as_i64(size: u64) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}
