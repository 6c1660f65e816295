//! `mcpr store vacuum`: remove what is old or past its bound, and give the space back.

mod plan;

use crate::commands::confirm::confirmed;
use crate::commands::values::size_bytes;
use crate::commands::{StoreArgs, TrustArgs, now_ms};
use crate::console::{Console, Progress, Unit};
use crate::exit::Exit;
use crate::render::text::escape;
use crate::render::units::bytes;
use mcpr_connect::connect;
use mcpr_ingest::GoneFiles;
use mcpr_store::query::when::Zone;
use mcpr_store::{Admin, Backend, Class, Retention, StoreErrorKind};
use plan::{Extent, Plan, plan, requests_beyond};

/// What `mcpr store vacuum` takes.
#[derive(Debug, Clone, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(super) struct Args {
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    trust: TrustArgs,
    /// Remove requests older than TIME: 30d, 2026-11-01
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    before: Option<String>,
    /// Remove the oldest payloads, then the oldest requests, then old versions of lists, until the store
    /// is no larger than SIZE: 500M, 2G
    #[arg(long, value_name = "SIZE", value_parser = size_bytes, conflicts_with = "before")]
    max_size: Option<u64>,
    /// Remove payloads from before TIME, and keep their requests
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    payloads_before: Option<String>,
    /// Remove hourly sums of before TIME; those older than 400 days always go
    #[arg(long, value_name = "TIME")]
    sums_before: Option<String>,
    /// Remove versions of lists last seen before TIME, but for the last of each list
    #[arg(long, value_name = "TIME")]
    versions_before: Option<String>,
    /// Remove what belongs to this proxy only
    #[arg(short, long, value_name = "NAME")]
    proxy: Option<String>,
    /// Show what would be removed, and remove nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// Print one JSON document
    #[arg(short, long)]
    json: bool,
    /// Show and read times in UTC instead of local time
    #[arg(long)]
    utc: bool,
}

/// Sources and files that were silent for so long are forgotten, where nothing else needs them.
const IDLE_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// Most rounds of removing until a store is small enough: each comes closer.
const MAX_ROUNDS: usize = 20;

pub(super) fn run(args: &Args, console: &mut Console) -> anyhow::Result<Exit> {
    let backend = connect(&args.store.url()?)?;
    // A store that cannot be read must not be made by opening it for writing.
    drop(backend.reader()?);
    let mut store = backend.admin(args.trust.trust())?;
    let plan = plan(args, store.as_ref())?;
    if plan.is_empty() {
        return upkeep_only(args, backend.as_ref(), store.as_mut(), console);
    }
    let extent = plan.extent(store.as_ref())?;
    let words = plan.words(extent, if args.utc { Zone::Utc } else { Zone::Local });
    if args.dry_run {
        return report(args, console, extent, 0, &format!("would remove {words}"));
    }
    let question = format!("remove {words} from {}?", backend.url());
    let otherwise = Some("--dry-run only reports");
    if !extent.is_nothing() && !args.yes && !confirmed(&question, otherwise, console)? {
        console.note("nothing was removed");
        return Ok(Exit::Failed);
    }
    let before = backend.sizes()?.total();
    // Asked before anything goes: afterwards the newest row may be gone.
    let newest = newest(backend.as_ref())?;
    let removed = remove(args, plan, newest, store.as_mut(), console)?;
    let freed = before.saturating_sub(backend.sizes()?.total());
    let text = format!(
        "removed {}; the file went from {} to {}, {} freed",
        removed.words(),
        bytes(as_i64(before)),
        bytes(as_i64(before - freed)),
        bytes(as_i64(freed)),
    );
    report(args, console, removed, freed, &text)?;
    // Asked only where it matters: a server does not report it.
    if let Some(most) = args.max_size
        && let left = store.used_bytes()?
        && left > most
    {
        let left = bytes(as_i64(left));
        let of = plan::of_proxy(args.proxy.as_ref());
        console.note(&format!(
            "what stays takes {left}: no request{of} is left to remove"
        ));
    }
    Ok(Exit::Done)
}

/// Nothing was named that is to go, or nothing of it is there: what is past its bound goes all the same.
fn upkeep_only(
    args: &Args,
    backend: &dyn Backend,
    store: &mut dyn Admin,
    console: &mut Console,
) -> anyhow::Result<Exit> {
    let before = backend.sizes()?.total();
    let mut removed = Extent::default();
    if !args.dry_run {
        upkeep(store, newest(backend)?, &mut removed)?;
        store.shrink()?;
    }
    let freed = before.saturating_sub(backend.sizes()?.total());
    let used = match store.used_bytes() {
        // On a server that is not known; its tables are, with what is free in them.
        Err(error) if error.kind == StoreErrorKind::Unsupported && args.max_size.is_none() => {
            backend.sizes()?.total()
        }
        used => used?,
    };
    let is_stuck = args.max_size.is_some_and(|most| used > most);
    let of = plan::of_proxy(args.proxy.as_ref());
    let why = if is_stuck {
        format!(", no request{of} is left")
    } else {
        String::new()
    };
    let used = bytes(as_i64(used));
    let text = if removed.is_nothing() {
        format!("nothing to remove: the store holds {used}{why}")
    } else {
        let freed = bytes(as_i64(freed));
        format!(
            "removed {}; the store holds {used}, {freed} freed{why}",
            removed.words()
        )
    };
    report(args, console, removed, freed, &text)
}

fn report(
    args: &Args,
    console: &mut Console,
    removed: Extent,
    freed_bytes: u64,
    text: &str,
) -> anyhow::Result<Exit> {
    let text = if args.json {
        serde_json::json!({
            "dry_run": args.dry_run, "rows": removed.requests, "payloads": removed.payloads,
            "sums": removed.sums, "versions": removed.versions, "names": removed.names,
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
    newest: Option<i64>,
    store: &mut dyn Admin,
    console: &Console,
) -> anyhow::Result<Extent> {
    let mut removed = Extent::default();
    let of = |what: Option<Retention>, store: &mut dyn Admin| match what {
        Some(what) => vacuum(&what, store, console),
        None => Ok(0),
    };
    removed.payloads += of(plan.payloads, store)?;
    removed.sums += of(plan.sums, store)?;
    removed.versions += of(plan.versions, store)?;
    let mut next = plan.requests;
    if let Some(most) = args.max_size {
        removed.payloads += remove_beyond(Class::Payloads, args, most, store, console)?;
        next = requests_beyond(args, store, most)?;
    }
    for _ in 0..MAX_ROUNDS {
        let Some(round) = next.take() else { break };
        let rows = vacuum(&round, store, console)?;
        removed.requests += rows;
        if let Some(most) = args.max_size
            && rows > 0
        {
            next = requests_beyond(args, store, most)?;
        }
    }
    // Before versions are looked at: what goes here is room that no version has to make.
    upkeep(store, newest, &mut removed)?;
    if let Some(most) = args.max_size {
        removed.versions += remove_beyond(Class::Surfaces, args, most, store, console)?;
    }
    store.shrink()?;
    Ok(removed)
}

/// Removes what is past its bound, and names that nothing uses any more.
fn upkeep(store: &mut dyn Admin, newest: Option<i64>, removed: &mut Extent) -> anyhow::Result<()> {
    // By the clock or by what was recorded last, whichever is earlier: a wrong clock empties no store.
    let now = now_ms().min(newest.unwrap_or(i64::MAX));
    let sums = Retention::of(Class::Sums, now.saturating_sub(Class::SUMS_MS));
    removed.sums += store.vacuum(&sums, &mut |_| {})?;
    let versions = Retention::of(Class::Surfaces, i64::MIN);
    removed.versions += store.vacuum(&versions, &mut |_| {})?;
    let idle_since = now.saturating_sub(IDLE_MS);
    let mut files = GoneFiles::default();
    removed.names += store.forget_files(idle_since, &mut |file| files.has_gone(file))?;
    let names = Retention::of(Class::Names, idle_since);
    removed.names += store.vacuum(&names, &mut |_| {})?;
    Ok(())
}

/// Removes the oldest of a class, payloads or superseded versions of lists, until the store is small
/// enough or nothing of the class is left.
fn remove_beyond(
    class: Class,
    args: &Args,
    most: u64,
    store: &mut dyn Admin,
    console: &Console,
) -> anyhow::Result<u64> {
    let mut removed = 0;
    for _ in 0..MAX_ROUNDS {
        let used = store.used_bytes()?;
        // How much a removal frees is known only afterwards, so it is measured again each round.
        if used <= most {
            break;
        }
        let proxy = args.proxy.as_deref();
        let Some(oldest) = store.oldest(class, proxy, used - most)? else {
            break;
        };
        let before = oldest.before;
        let what = Retention::of(class, before).of_proxy(args.proxy.clone());
        let rows = vacuum(&what, store, console)?;
        removed += rows;
        if rows == 0 {
            break;
        }
    }
    Ok(removed)
}

fn vacuum(what: &Retention, store: &mut dyn Admin, console: &Console) -> anyhow::Result<u64> {
    let expected = match what.class {
        Class::Requests | Class::Payloads => store.count_of(what)?,
        // Only removing them shows how many they are; with nothing left to do, no bar is shown.
        Class::Sums | Class::Surfaces | Class::Names => 0,
    };
    let mut progress = Progress::new(Unit::Rows, console.is_message_terminal());
    let rows = store.vacuum(what, &mut |done| {
        progress.update(done, expected.saturating_sub(done));
    })?;
    progress.finish();
    Ok(rows)
}

/// When the newest thing was recorded that is known.
fn newest(backend: &dyn Backend) -> anyhow::Result<Option<i64>> {
    Ok(backend.reader()?.span()?.map(|(_, newest)| newest))
}

fn as_i64(size: u64) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}
