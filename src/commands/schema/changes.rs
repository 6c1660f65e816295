//! `mcpr schema changes`: what each version of each list brought, and how bad it was.

use super::history::History;
use super::lists::Lists;
use crate::commands::args::{ReadArgs, View};
use crate::commands::follow::{FollowArgs, Limits, Watcher, watch};
use crate::commands::help::{CommandHelp, field_names};
use crate::commands::list_printer::ListPrinter;
use crate::commands::values::RowLimit;
use crate::commands::{Refused, now_ms};
use crate::console::Console;
use crate::exit::Exit;
use crate::render::{CHANGE_COLUMNS, CHANGE_FIELDS, Column, choose};
use mcpr_store::Reader;
use mcpr_store::query::{ChangeRow, Head, Pattern, SurfaceRow, Surfaces};
use mcpr_surface::capture::{kind_of, surface_of};
use mcpr_surface::{Compatibility, ItemKind, Report, Security, diff};
use std::collections::HashSet;
use std::ops::Range;

/// What `mcpr schema changes` takes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    read: ReadArgs,
    /// Show this list only: server, tools, prompts, resources, templates, or a method
    #[arg(long, value_name = "METHOD")]
    method: Option<Lists>,
    /// Show the newest N changes, or `all`
    #[arg(
        short = 'n',
        long,
        alias = "tail",
        value_name = "N",
        default_value = "50"
    )]
    limit: RowLimit,
    /// Print the rows the other way round
    #[arg(short, long, conflicts_with = "follow")]
    reverse: bool,
    #[command(flatten)]
    follow: FollowArgs,
}

/// What its help has beside its flags.
pub(in crate::commands) const HELP: CommandHelp = CommandHelp::new(
    "schema changes",
    &["mcpr schema changes -s monday # since a day"],
)
.with_headings()
.with_fields(|| field_names(CHANGE_COLUMNS));

/// Proxy, method and number of a version.
type Version = (String, String, i64);

pub(super) fn run(args: &Args, console: &mut Console) -> anyhow::Result<Exit> {
    let view = args.read.view(now_ms(), console)?;
    let listing = |with_proxy, console: &Console| {
        let columns = view.columns(CHANGE_COLUMNS, CHANGE_FIELDS, || columns(with_proxy))?;
        Ok::<_, Refused>(ListPrinter::new(columns, view.style, &view, console))
    };
    let mut changes = Changes {
        args,
        listing: listing(true, console)?,
        view: &view,
        left: args.follow.most(),
        tail: args.limit.rows(),
        shown: HashSet::new(),
        store_id: None,
        count: None,
    };
    if args.follow.follow {
        // With `--follow` the output has no end, and neither would an array.
        view.refuse_array()?;
        let limits = Limits::of(&args.follow)?;
        return watch(&view, &limits, &mut changes, console);
    }
    let reader = view.open(console)?;
    let (mut rows, proxies) = changes.news(reader.as_ref())?;
    if args.reverse {
        rows.reverse();
    }
    // One proxy needs no column that says its name in every row.
    let several = rows.windows(2).any(|pair| pair[0].proxy != pair[1].proxy);
    changes.listing = listing(several, console)?;
    changes.listing.page(&rows, console)?;
    changes.listing.finish(console)?;
    if rows.is_empty() {
        super::nothing(&view, &proxies, console);
    }
    Ok(Exit::Done)
}

/// The columns of a table.
fn columns(with_proxy: bool) -> Vec<&'static Column<ChangeRow>> {
    let shown = [
        "time",
        "proxy",
        "version",
        "change",
        "what",
        "compatibility",
        "security",
        "client_name",
    ];
    let shown = shown.into_iter();
    let shown = shown.filter(|&name| with_proxy || name != "proxy");
    choose(CHANGE_COLUMNS, &shown.collect::<Vec<_>>())
}

/// The changes that are meant, and which of them are out.
struct Changes<'a> {
    args: &'a Args,
    view: &'a View,
    listing: ListPrinter<ChangeRow>,
    /// Rows still to be shown; `None` is all.
    left: Option<usize>,
    /// Rows to begin with.
    tail: Option<usize>,
    shown: HashSet<Version>,
    store_id: Option<i64>,
    /// How many versions the store held when it was last read.
    count: Option<u64>,
}

impl Watcher for Changes<'_> {
    fn look(
        &mut self,
        reader: &dyn Reader,
        head: Head,
        console: &mut Console,
    ) -> anyhow::Result<()> {
        // Another store has numbers of its own: what was shown of the old one says nothing about
        // it.
        if self.store_id.replace(head.store_id) != Some(head.store_id) {
            self.shown.clear();
        }
        // Reading all versions with their payloads is costly; their number changes with every new
        // one.
        let count = reader.surface_count()?;
        if self.count.replace(count) == Some(count) {
            return Ok(());
        }
        let (rows, _) = self.news(reader)?;
        self.listing.set_width(self.view.table_width(console));
        self.listing.page(&rows, console)?;
        // A pipe holds back what is not flushed, and the next change may be hours away.
        console.flush()?;
        Ok(())
    }

    fn opened(&mut self) {
        // Another file may have as many versions as the one before.
        self.count = None;
    }

    fn is_done(&self) -> bool {
        self.left == Some(0)
    }
}

impl Changes<'_> {
    /// The changes that were not shown yet, oldest first, and the proxies of which any list is known.
    fn news(&mut self, reader: &dyn Reader) -> anyhow::Result<(Vec<ChangeRow>, Vec<String>)> {
        // Only the first look is cut to `--limit`; later ones show everything that is new.
        let tail = self.tail.take();
        let mut shown = std::mem::take(&mut self.shown);
        // Asked last, for asking marks the version as shown.
        let is_meant = &mut |row: &SurfaceRow| self.is_meant(row) && shown.insert(key(row));
        // Versions without a part in the newest rows need no comparison.
        let (mut history, versions) = History::read(reader, tail, is_meant)?;
        self.shown = shown;
        let mut rows = Vec::new();
        for version in &versions {
            rows.extend(rows_of(version, &mut history)?);
        }
        let most = [self.left, tail].into_iter().flatten().min();
        if let Some(most) = most {
            // One version may bring more rows than are left; the newest are kept.
            rows.drain(..rows.len().saturating_sub(most));
        }
        self.left = self.left.map(|left| left.saturating_sub(rows.len()));
        Ok((rows, history.proxies().to_vec()))
    }

    fn is_meant(&self, row: &SurfaceRow) -> bool {
        let view = self.view;
        view.proxy
            .as_ref()
            .is_none_or(|proxy| proxy.matches(&row.proxy))
            && self
                .args
                .method
                .is_none_or(|lists| lists.holds(&row.method))
            && view.since.is_none_or(|since| row.first_seen_at >= since)
            && view.until.is_none_or(|until| row.first_seen_at < until)
    }
}

fn key(row: &SurfaceRow) -> Version {
    (row.proxy.clone(), row.method.clone(), row.version)
}

/// What a version brought, each with the worst that a comparison with the one before finds about it.
pub(super) fn rows_of(
    version: &SurfaceRow,
    history: &mut History<'_>,
) -> anyhow::Result<Vec<ChangeRow>> {
    let report = compared(version, history)?;
    let equivocation = is_equivocation(version, history.lists_of(&version.proxy)?);
    let kind = kind_of(&version.method);
    let row = |(change, item): &(String, Option<String>)| {
        let worst = report
            .as_ref()
            .map(|report| worst(report, kind, item.as_deref()));
        ChangeRow {
            ts: version.first_seen_at,
            proxy: version.proxy.clone(),
            method: version.method.clone(),
            version: version.version,
            change: change.clone(),
            item: item.clone(),
            compatibility: worst.map(|(compatibility, _)| compatibility.as_str()),
            security: worst.map(|(_, security)| security.as_str()),
            session_id: version.session_id.clone(),
            client_name: version.client_name.clone(),
            announced: version.announced,
            equivocation,
        }
    };
    Ok(version.changes.iter().map(row).collect())
}

/// What a version of a list brought, at its worst.
#[derive(Debug)]
pub(in crate::commands) struct Brought {
    pub(in crate::commands) proxy: String,
    pub(in crate::commands) method: String,
    pub(in crate::commands) version: i64,
    pub(in crate::commands) compatibility: Compatibility,
    pub(in crate::commands) security: Security,
}

/// What the versions brought that were first seen in a window, row by row, in the order in which they were
/// seen.
pub(in crate::commands) fn change_rows(
    reader: &dyn Reader,
    proxy: Option<&Pattern>,
    window: &Range<i64>,
) -> anyhow::Result<Vec<ChangeRow>> {
    let is_meant = &mut |row: &SurfaceRow| is_seen_in(row, proxy, window);
    let (mut history, versions) = History::read(reader, None, is_meant)?;
    let mut rows = Vec::new();
    for version in &versions {
        rows.extend(rows_of(version, &mut history)?);
    }
    Ok(rows)
}

/// Whether a version of a proxy was first seen in a window.
pub(in crate::commands) fn is_seen_in(
    row: &SurfaceRow,
    proxy: Option<&Pattern>,
    window: &Range<i64>,
) -> bool {
    proxy.is_none_or(|proxy| proxy.matches(&row.proxy)) && window.contains(&row.first_seen_at)
}

/// What some versions brought, in their order. The first version of a list changes nothing.
pub(in crate::commands) fn brought(
    versions: &[SurfaceRow],
    history: &mut History<'_>,
) -> anyhow::Result<Vec<Brought>> {
    let mut all = Vec::new();
    for version in versions {
        let Some(report) = compared(version, history)? else {
            continue;
        };
        let (compatibility, security) = worst(&report, None, None);
        all.push(Brought {
            proxy: version.proxy.clone(),
            method: version.method.clone(),
            version: version.version,
            compatibility,
            security,
        });
    }
    Ok(all)
}

/// What a comparison with the version before finds; nothing of the first version.
fn compared(version: &SurfaceRow, history: &mut History<'_>) -> anyhow::Result<Option<Report>> {
    let Some(before) = before(version, history.lists_of(&version.proxy)?).cloned() else {
        return Ok(None);
    };
    let (old, new) = (history.text_of(&before)?, history.text_of(version)?);
    // What was removed since the versions were listed is compared with nothing.
    let Some((old, new)) = old.zip(new) else {
        return Ok(None);
    };
    let old = surface_of([old.as_str()]);
    let mut new = surface_of([new.as_str()]);
    // As of then: a tool that another proxy got later cannot have been imitated.
    new.foreign_tools = history.foreign_tools(&version.proxy, version.first_seen_at)?;
    Ok(Some(diff(&old, &new)?))
}

/// The version that a version took the place of.
pub(super) fn before<'a>(version: &SurfaceRow, surfaces: &'a Surfaces) -> Option<&'a SurfaceRow> {
    let versions = surfaces.versions_of(&version.proxy, &version.method);
    versions
        // Versions are cleaned up, so that the one before need not have the number before.
        .into_iter()
        .rfind(|row| row.version < version.version)
}

/// The worst that a report says about an item; without one, about anything.
fn worst(report: &Report, kind: Option<ItemKind>, item: Option<&str>) -> (Compatibility, Security) {
    // A list's name may be the same as that of an item of another kind.
    let about = report.findings.iter().filter(|finding| match item {
        Some(item) => finding.item == item && Some(finding.kind) == kind,
        None => true,
    });
    about.fold(
        (Compatibility::default(), Security::default()),
        |(compatibility, security), finding| {
            (
                finding.compatibility.max(compatibility),
                finding.security.max(security),
            )
        },
    )
}

/// Whether the same list was shown to the same client before, and another one to another client in
/// between: then two clients see two servers at the same time.
pub(super) fn is_equivocation(version: &SurfaceRow, surfaces: &Surfaces) -> bool {
    let versions = surfaces.versions_of(&version.proxy, &version.method);
    let earlier = || versions.iter().filter(|row| row.version < version.version);
    let seen_before = earlier()
        // Where the client is unknown, nothing is claimed.
        .any(|row| row.sha256 == version.sha256 && is_same_client(row, version) == Some(true));
    seen_before
        && earlier()
            // Only the version directly before counts: another client was shown it in between.
            .next_back()
            .is_some_and(|row| is_same_client(row, version) == Some(false))
}

/// Whether two versions were first seen by the same client, as far as that is known.
fn is_same_client(a: &SurfaceRow, b: &SurfaceRow) -> Option<bool> {
    let names = a.client_name.as_ref().zip(b.client_name.as_ref());
    let sessions = a.session_id.as_ref().zip(b.session_id.as_ref());
    let by_name = names.map(|(a, b)| a == b);
    // Several sessions of one client are that client; sessions decide only where a name is missing.
    by_name.or_else(|| sessions.map(|(a, b)| a == b))
}
