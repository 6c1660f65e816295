//! `mcpr store vacuum`: remove old requests and give their space back.

use crate::commands::confirm::confirmed;
use crate::commands::{Refused, StoreArgs, now_ms, open_store};
use crate::console::{Console, Progress, Unit};
use crate::exit::Exit;
use crate::query::when::{Zone, parse_when};
use crate::render::text::escape;
use crate::render::units::{bytes, grouped, time};
use crate::store::sqlite::SqliteStore;
use crate::store::{Retention, Store};
use std::path::Path;

/// What `mcpr store vacuum` takes.
#[derive(Debug, Clone, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
#[command(group = clap::ArgGroup::new("what").required(true).args(["before", "max_size"]))]
pub(super) struct Args {
    #[command(flatten)]
    store: StoreArgs,
    /// Remove requests older than TIME: 30d, 2026-11-01
    #[arg(long, value_name = "TIME")]
    before: Option<String>,
    /// Remove the oldest requests until the store is no larger than SIZE: 500M, 2G
    #[arg(long, value_name = "SIZE", value_parser = size_bytes)]
    max_size: Option<u64>,
    /// Remove requests of this proxy only
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
    let Some(what) = what(args, &store)? else {
        let used = bytes(as_i64(store.used_bytes()?));
        return told(
            args,
            console,
            0,
            0,
            &format!("nothing to remove: the store holds {used}"),
        );
    };
    let requests = store.count_of(&what)?;
    let zone = if args.utc { Zone::Utc } else { Zone::Local };
    let of = what
        .proxy
        .as_ref()
        .map_or_else(String::new, |proxy| format!(" of proxy `{proxy}`"));
    let words = format!(
        "{} requests{of} older than {}",
        grouped(requests),
        time(what.before, zone)
    );
    if args.dry_run {
        return told(args, console, requests, 0, &format!("would remove {words}"));
    }
    let question = format!("remove {words} from {}?", path.display());
    if requests > 0 && !args.yes && !confirmed(&question, console)? {
        console.note("nothing was removed");
        return Ok(Exit::Failed);
    }
    let before = file_bytes(&path);
    let removed = remove(args, what, &mut store, console)?;
    let freed = before.saturating_sub(file_bytes(&path));
    let text = format!(
        "removed {} rows; the file went from {} to {}, {} freed",
        grouped(removed),
        bytes(as_i64(before)),
        bytes(as_i64(before - freed)),
        bytes(as_i64(freed)),
    );
    told(args, console, removed, freed, &text)
}

fn told(
    args: &Args,
    console: &mut Console,
    rows: u64,
    freed_bytes: u64,
    text: &str,
) -> anyhow::Result<Exit> {
    let text = if args.json {
        serde_json::json!({
            "dry_run": args.dry_run, "rows": rows, "freed_bytes": freed_bytes,
        })
        .to_string()
    } else {
        escape(text).into_owned()
    };
    console.print(&format!("{text}\n"))?;
    Ok(Exit::Done)
}

/// What is to be removed; `None` where the store is small enough.
fn what(args: &Args, store: &SqliteStore) -> anyhow::Result<Option<Retention>> {
    let proxy = args.proxy.clone();
    if let Some(text) = &args.before {
        let zone = if args.utc { Zone::Utc } else { Zone::Local };
        let before = parse_when(text, now_ms(), &zone)
            .map_err(|error| Refused::new(format!("--before: {error}")).hint(error.hint))?;
        return Ok(Some(Retention { before, proxy }));
    }
    let most = args.max_size.unwrap_or(u64::MAX);
    let used = store.used_bytes()?;
    if used <= most {
        return Ok(None);
    }
    let all = store.count_of(&Retention {
        before: i64::MAX,
        proxy: proxy.clone(),
    })?;
    // Every request takes about the same space.
    let share = u128::from(used - most) * u128::from(all) / u128::from(used);
    let requests = u64::try_from(share).unwrap_or(all).max(1);
    let before = store.time_after_oldest(proxy.as_deref(), requests)?;
    Ok(before.map(|before| Retention { before, proxy }))
}

/// Removes until nothing is left to remove; with a size, until that is reached.
fn remove(
    args: &Args,
    first: Retention,
    store: &mut SqliteStore,
    console: &Console,
) -> anyhow::Result<u64> {
    let mut next = Some(first);
    let mut removed = 0;
    for _ in 0..MAX_ROUNDS {
        let Some(round) = next.take() else { break };
        let expected = store.count_of(&round)?;
        let mut progress = Progress::new(Unit::Rows, console.is_message_terminal());
        let rows = store.vacuum(&round, &mut |done| {
            progress.update(done, expected.saturating_sub(done));
        })?;
        progress.finish();
        removed += rows;
        if args.max_size.is_some() && rows > 0 {
            next = what(args, store)?;
        }
    }
    store.shrink()?;
    Ok(removed)
}

fn file_bytes(path: &Path) -> u64 {
    let [file, wal, ..] = SqliteStore::own_files(path);
    let size = |path: &Path| path.metadata().map_or(0, |metadata| metadata.len());
    size(&file) + size(&wal)
}

fn as_i64(size: u64) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

/// A size in bytes, or with K, M, G or T behind it: powers of 1024, as sizes are shown.
fn size_bytes(text: &str) -> Result<u64, String> {
    let wrong = || "give a size such as 500M or 2G".to_owned();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let suffix = text[digits.len()..].to_ascii_uppercase();
    let unit = match suffix.trim_end_matches('B').trim_end_matches('I') {
        "" => 1,
        "K" => 1 << 10,
        "M" => 1 << 20,
        "G" => 1 << 30,
        "T" => 1_u64 << 40,
        _ => return Err(wrong()),
    };
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    number.checked_mul(unit).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::size_bytes;

    #[test]
    fn sizes() {
        let cases = [
            ("512", Some(512)),
            ("500M", Some(500 << 20)),
            ("2GiB", Some(2 << 30)),
            ("1kb", Some(1024)),
            ("", None),
            ("M", None),
            ("2X", None),
            ("-1", None),
            ("99999999999T", None),
        ];
        for (text, expected) in cases {
            assert_eq!(size_bytes(text).ok(), expected, "{text}");
        }
    }
}
