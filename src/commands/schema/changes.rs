//! `mcpr schema changes`: what each version of each list brought, and how bad it was.

use super::lists::Lists;
use super::overview::server_of;
use crate::commands::args::{ReadArgs, View};
use crate::commands::follow::{FollowArgs, Limits, Watcher, watch};
use crate::commands::values::Most;
use crate::commands::{now_ms, open_store};
use crate::console::Console;
use crate::exit::Exit;
use crate::render::{CHANGE_COLUMNS, CHANGE_FIELDS, Listing, choose};
use mcpr_store::query::{ChangeRow, Head, SurfaceRow, Surfaces};
use mcpr_store::{Reader, fold};
use mcpr_surface::capture::{kind_of, surface_of};
use mcpr_surface::{Compatibility, DiffError, ItemKind, Report, Security, Surface, diff};
use serde_json::Value;
use std::collections::{BTreeSet, HashSet};
use std::ops::Range;

/// What `mcpr schema changes` takes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    read: ReadArgs,
    /// Show this list only: server, tools, prompts, resources, templates, or a method
    #[arg(long, value_name = "METHOD")]
    method: Option<Lists>,
    /// Show the newest N changes, or all
    #[arg(long, value_name = "N|all", default_value = "50")]
    tail: Most,
    #[command(flatten)]
    follow: FollowArgs,
}

/// Proxy, method and number of a version.
type Version = (String, String, i64);

pub(super) fn run(args: &Args, console: &mut Console) -> anyhow::Result<Exit> {
    let view = args.read.view(now_ms(), console)?;
    let columns = view.columns(CHANGE_COLUMNS, CHANGE_FIELDS, || {
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
        choose(CHANGE_COLUMNS, &shown)
    })?;
    let mut changes = Changes {
        args,
        listing: Listing::new(columns, view.format, view.style),
        view: &view,
        left: args.follow.most(),
        tail: args.tail.rows(),
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
    let reader = open_store(&view.url)?;
    let surfaces = fold::surfaces(reader.as_ref(), None)?;
    let rows = changes.news(&surfaces)?;
    console.print(&changes.listing.page(&rows))?;
    console.print(&changes.listing.finish())?;
    if rows.is_empty() {
        super::nothing(&view, &surfaces, console);
    }
    Ok(Exit::Done)
}

/// The changes that are meant, and which of them are out.
struct Changes<'a> {
    args: &'a Args,
    view: &'a View,
    listing: Listing<ChangeRow>,
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
        let rows = self.news(&fold::surfaces(reader, None)?)?;
        console.print(&self.listing.page(&rows))?;
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
    /// The changes that were not shown yet, oldest first.
    fn news(&mut self, surfaces: &Surfaces) -> Result<Vec<ChangeRow>, DiffError> {
        let mut versions: Vec<&SurfaceRow> = surfaces.versions.iter().collect();
        // Asked last, for asking marks the version as shown.
        versions.retain(|row| self.is_meant(row) && self.shown.insert(key(row)));
        // Two versions may have been seen in the same millisecond: the order of storing decides.
        versions.sort_by_key(|row| (row.first_seen_at, row.seq));
        let mut most = self.left;
        // Only the first look is cut to `--tail`; later ones show everything that is new.
        if let Some(tail) = self.tail.take() {
            // Versions without a part in the newest rows need no comparison.
            let mut rows = 0;
            let from = versions.iter().rposition(|row| {
                rows += row.changes.len();
                rows >= tail
            });
            // None is as many as asked for: then all of them are shown.
            versions.drain(..from.unwrap_or(0));
            most = Some(most.map_or(tail, |most| most.min(tail)));
        }
        let mut rows = Vec::new();
        for version in &versions {
            rows.extend(rows_of(version, surfaces)?);
        }
        if let Some(most) = most {
            // One version may bring more rows than are left; the newest are kept.
            rows.drain(..rows.len().saturating_sub(most));
        }
        self.left = self.left.map(|left| left.saturating_sub(rows.len()));
        Ok(rows)
    }

    fn is_meant(&self, row: &SurfaceRow) -> bool {
        let view = self.view;
        view.proxy.as_ref().is_none_or(|proxy| *proxy == row.proxy)
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
    surfaces: &Surfaces,
) -> Result<Vec<ChangeRow>, DiffError> {
    let report = compared(version, surfaces)?;
    let equivocation = is_equivocation(version, surfaces);
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
    surfaces: &Surfaces,
    proxy: Option<&str>,
    window: &Range<i64>,
) -> Result<Vec<ChangeRow>, DiffError> {
    let mut rows = Vec::new();
    for version in seen_in(surfaces, proxy, window) {
        rows.extend(rows_of(version, surfaces)?);
    }
    Ok(rows)
}

/// The versions of a window, in the order in which they were seen.
fn seen_in<'a>(
    surfaces: &'a Surfaces,
    proxy: Option<&str>,
    window: &Range<i64>,
) -> Vec<&'a SurfaceRow> {
    let mut versions: Vec<&SurfaceRow> = surfaces.versions.iter().collect();
    versions.retain(|row| {
        proxy.is_none_or(|proxy| proxy == row.proxy) && window.contains(&row.first_seen_at)
    });
    versions.sort_by_key(|row| (row.first_seen_at, row.seq));
    versions
}

/// What the versions brought that were first seen in a window, in the order in which they were seen. The
/// first version of a list changes nothing.
pub(in crate::commands) fn brought(
    surfaces: &Surfaces,
    proxy: Option<&str>,
    window: Range<i64>,
) -> Result<Vec<Brought>, DiffError> {
    let mut all = Vec::new();
    for version in seen_in(surfaces, proxy, &window) {
        let Some(report) = compared(version, surfaces)? else {
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
fn compared(version: &SurfaceRow, surfaces: &Surfaces) -> Result<Option<Report>, DiffError> {
    let Some(before) = before(version, surfaces) else {
        return Ok(None);
    };
    let old = surface_of([before.payload.as_str()]);
    let mut new = surface_of([version.payload.as_str()]);
    // As of then: a tool that another proxy got later cannot have been imitated.
    new.foreign_tools = foreign_tools(surfaces, &version.proxy, version.first_seen_at);
    diff(&old, &new).map(Some)
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

/// The tools that other servers showed at a time.
pub(super) fn foreign_tools(surfaces: &Surfaces, proxy: &str, at: i64) -> BTreeSet<String> {
    let own = server_info(surfaces, proxy, at);
    // One server behind two proxies, such as staging and production, imitates nobody.
    let is_same = |other: &str| own.is_some() && server_info(surfaces, other, at) == own;
    let others = surfaces
        .proxies()
        .into_iter()
        .filter(|other| *other != proxy && !is_same(other));
    let lists = others.filter_map(|other| surfaces.in_force(other, "tools/list", at));
    let names = |row: &SurfaceRow| -> Vec<String> {
        let surface: Surface = surface_of([row.payload.as_str()]);
        let tools = surface.lists.get(&ItemKind::Tool);
        tools.map_or_else(Vec::new, |tools| tools.items.keys().cloned().collect())
    };
    lists.flat_map(names).collect()
}

/// Who the server behind a proxy said it was, until a time.
fn server_info(surfaces: &Surfaces, proxy: &str, at: i64) -> Option<Value> {
    let row = server_of(surfaces, proxy, at)?;
    let answer: Value = serde_json::from_str(&row.payload).ok()?;
    mcpr_surface::server_info(&answer).cloned()
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
