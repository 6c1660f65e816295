//! `mcpr schema changes`: what each version of each list brought, and how bad it was.

use super::lists::Lists;
use crate::commands::args::{ReadArgs, View};
use crate::commands::follow::{FollowArgs, Limits, Watcher, watch};
use crate::commands::values::Most;
use crate::commands::{now_ms, open_store};
use crate::console::Console;
use crate::exit::Exit;
use crate::query::{ChangeRow, Head, SurfaceRow, Surfaces};
use crate::render::{CHANGE_COLUMNS, CHANGE_FIELDS, Listing, choose};
use crate::schema::capture::{kind_of, surface_of};
use crate::schema::{Compatibility, ItemKind, Report, Security, Surface, diff};
use crate::store::Reader;
use std::collections::{BTreeSet, HashSet};

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
        view.refuse_array()?;
        let limits = Limits::of(&args.follow)?;
        return watch(&view.path, &limits, &mut changes, console);
    }
    let mut reader = open_store(&view.path)?;
    let surfaces = reader.surfaces()?;
    let rows = changes.news(&surfaces);
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
        reader: &mut dyn Reader,
        head: Head,
        console: &mut Console,
    ) -> anyhow::Result<()> {
        if self.store_id.replace(head.store_id) != Some(head.store_id) {
            self.shown.clear();
        }
        let count = reader.surface_count()?;
        if self.count.replace(count) == Some(count) {
            return Ok(());
        }
        let rows = self.news(&reader.surfaces()?);
        console.print(&self.listing.page(&rows))?;
        console.flush()?;
        Ok(())
    }

    fn opened(&mut self) {
        self.count = None;
    }

    fn is_done(&self) -> bool {
        self.left == Some(0)
    }
}

impl Changes<'_> {
    /// The changes that were not shown yet, oldest first.
    fn news(&mut self, surfaces: &Surfaces) -> Vec<ChangeRow> {
        let mut versions: Vec<&SurfaceRow> = surfaces.versions.iter().collect();
        versions.retain(|row| self.is_meant(row) && self.shown.insert(key(row)));
        versions.sort_by_key(|row| (row.first_seen_at, row.seq));
        let mut most = self.left;
        if let Some(tail) = self.tail.take() {
            // Versions without a part in the newest rows need no comparison.
            let mut rows = 0;
            let from = versions.iter().rposition(|row| {
                rows += row.changes.len();
                rows >= tail
            });
            versions.drain(..from.unwrap_or(0));
            most = Some(most.map_or(tail, |most| most.min(tail)));
        }
        let mut rows: Vec<ChangeRow> = versions
            .iter()
            .flat_map(|version| rows_of(version, surfaces))
            .collect();
        if let Some(most) = most {
            rows.drain(..rows.len().saturating_sub(most));
        }
        self.left = self.left.map(|left| left.saturating_sub(rows.len()));
        rows
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
fn rows_of(version: &SurfaceRow, surfaces: &Surfaces) -> Vec<ChangeRow> {
    let before = before(version, surfaces);
    let report = before.map(|before| {
        let old = surface_of([before.payload.as_str()]);
        let mut new = surface_of([version.payload.as_str()]);
        new.foreign_tools = foreign_tools(surfaces, &version.proxy, version.first_seen_at);
        diff(&old, &new)
    });
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
    version.changes.iter().map(row).collect()
}

/// The version that a version took the place of.
pub(super) fn before<'a>(version: &SurfaceRow, surfaces: &'a Surfaces) -> Option<&'a SurfaceRow> {
    let versions = surfaces.versions_of(&version.proxy, &version.method);
    versions
        .into_iter()
        .rfind(|row| row.version < version.version)
}

/// The worst that a report says about an item; without one, about anything.
fn worst(report: &Report, kind: Option<ItemKind>, item: Option<&str>) -> (Compatibility, Security) {
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

/// The tools that other proxies showed at a time.
pub(super) fn foreign_tools(surfaces: &Surfaces, proxy: &str, at: i64) -> BTreeSet<String> {
    let others = surfaces
        .proxies()
        .into_iter()
        .filter(|other| *other != proxy);
    let lists = others.filter_map(|other| surfaces.in_force(other, "tools/list", at));
    let names = |row: &SurfaceRow| -> Vec<String> {
        let surface: Surface = surface_of([row.payload.as_str()]);
        let tools = surface.lists.get(&ItemKind::Tool);
        tools.map_or_else(Vec::new, |tools| tools.items.keys().cloned().collect())
    };
    lists.flat_map(names).collect()
}

/// Whether the same list was shown to the same client before, and another one to another client in
/// between: then two clients see two servers at the same time.
pub(super) fn is_equivocation(version: &SurfaceRow, surfaces: &Surfaces) -> bool {
    let versions = surfaces.versions_of(&version.proxy, &version.method);
    let earlier = || versions.iter().filter(|row| row.version < version.version);
    let seen_before = earlier()
        .any(|row| row.sha256 == version.sha256 && is_same_client(row, version) == Some(true));
    seen_before
        && earlier()
            .next_back()
            .is_some_and(|row| is_same_client(row, version) == Some(false))
}

/// Whether two versions were first seen by the same client, as far as that is known.
fn is_same_client(a: &SurfaceRow, b: &SurfaceRow) -> Option<bool> {
    let names = a.client_name.as_ref().zip(b.client_name.as_ref());
    let sessions = a.session_id.as_ref().zip(b.session_id.as_ref());
    let by_name = names.map(|(a, b)| a == b);
    by_name.or_else(|| sessions.map(|(a, b)| a == b))
}
