//! What the recorded traffic knows of a change: when it was first seen and between which calls,
//! whether it was announced, who was shown what, and who calls what changed.

use super::super::changes::is_equivocation;
use super::Args;
use super::replay::{Replay, replay};
use super::sides::Compared;
use crate::commands::args::{moment_if, patterns};
use crate::commands::{now_ms, open_store};
use mcpr_model::Kind;
use mcpr_model::time::{DAY_MS, rfc3339};
use mcpr_store::Reader;
use mcpr_store::query::{
    Cursor, Entry, Filter, GroupBy, Order, Page, Pattern, RequestRow, StatsQuestion, SurfaceRow,
};
use mcpr_surface::{ItemKind, Report, Surface};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// How far back calls are counted by default.
const LOOK_BACK_MS: i64 = 7 * DAY_MS;
/// Most items whose callers are reported by name: those with the most calls.
const MAX_ITEMS: usize = 20;
/// Most clients of a tool that are distinguished; the calls of all others are put together.
const MAX_CLIENTS: usize = 1000;

/// All of it; nothing for files.
#[derive(Debug, Default, Serialize)]
pub(super) struct RecordedFacts {
    /// The versions that came between the two.
    pub(super) versions: Vec<KnownVersion>,
    /// The calls of the items that changed, those with the most first.
    pub(super) usage: Vec<Usage>,
    /// From when on calls are counted, unix milliseconds.
    pub(super) since: Option<i64>,
    pub(super) since_time: Option<String>,
}

/// A version, as it was first seen.
#[derive(Debug, Serialize)]
pub(super) struct KnownVersion {
    pub(super) proxy: String,
    pub(super) method: String,
    pub(super) version: i64,
    pub(super) first_seen_at: i64,
    pub(super) first_seen: Option<String>,
    pub(super) session_id: Option<String>,
    pub(super) client_name: Option<String>,
    /// The last call before it, of any client.
    pub(super) after: Option<RecordedCall>,
    /// The first call after it.
    pub(super) before: Option<RecordedCall>,
    /// Whether the server had announced a change; one that was not is silent.
    pub(super) announced: bool,
    /// Whether two clients were shown different lists at the same time.
    pub(super) equivocation: bool,
}

/// A call beside a change.
#[derive(Debug, Serialize)]
pub(super) struct RecordedCall {
    pub(super) seq: i64,
    pub(super) ts: i64,
    pub(super) time: Option<String>,
    pub(super) method: String,
    pub(super) target: Option<String>,
}

/// The calls of an item.
#[derive(Debug, Serialize)]
pub(super) struct Usage {
    pub(super) kind: ItemKind,
    pub(super) item: String,
    pub(super) calls: u64,
    pub(super) errors: u64,
    pub(super) clients: Vec<ClientCalls>,
    /// What the new schema says of the calls; nothing where no arguments were kept.
    pub(super) replay: Option<Replay>,
}

/// A client and its calls of an item.
#[derive(Debug, Serialize)]
pub(super) struct ClientCalls {
    pub(super) client_name: Option<String>,
    pub(super) calls: u64,
}

/// Asks the store what it knows of a change.
pub(super) fn known(
    args: &Args,
    compared: &Compared,
    report: &Report,
) -> anyhow::Result<RecordedFacts> {
    // Those are hit who call the old surface.
    let caller_of = args.against.clone().or_else(|| the_proxy(compared));
    let Some(proxy) = caller_of else {
        return Ok(RecordedFacts::default());
    };
    let reader = open_store(&args.store.url_to_read()?)?;
    let (since, until) = window(args)?;
    let filter = Filter {
        proxy: Some(Pattern::name(&proxy)),
        since: Some(since),
        until,
        kind: Some(Kind::Mcp),
        ..Filter::default()
    };
    Ok(RecordedFacts {
        versions: versions(compared, reader.as_ref())?,
        usage: usage(report, &compared.new.surface, &filter, reader.as_ref())?,
        since: Some(since),
        since_time: rfc3339(since),
    })
}

/// From when on, and up to when, calls are counted.
pub(super) fn window(args: &Args) -> anyhow::Result<(i64, Option<i64>)> {
    let (now, zone) = (now_ms(), args.zone());
    let since = moment_if("--since", args.since.as_deref(), now, zone)?;
    let until = moment_if("--until", args.until.as_deref(), now, zone)?;
    Ok((since.unwrap_or(now.saturating_sub(LOOK_BACK_MS)), until))
}

fn the_proxy(compared: &Compared) -> Option<String> {
    let (_, new) = compared.versions.first()?;
    Some(new.proxy.clone())
}

/// The versions after the old one up to the new one, whichever of them is the later.
fn versions(compared: &Compared, reader: &dyn Reader) -> anyhow::Result<Vec<KnownVersion>> {
    let mut known = Vec::new();
    for (old, new) in &compared.versions {
        // `--from` may be the later version: a comparison backwards is allowed.
        let (low, high) = (old.version.min(new.version), old.version.max(new.version));
        for row in compared.surfaces.versions_of(&new.proxy, &new.method) {
            // The old one itself was there before the change.
            if row.version <= low || row.version > high {
                continue;
            }
            known.push(KnownVersion {
                proxy: row.proxy.clone(),
                method: row.method.clone(),
                version: row.version,
                first_seen_at: row.first_seen_at,
                first_seen: rfc3339(row.first_seen_at),
                session_id: row.session_id.clone(),
                client_name: row.client_name.clone(),
                after: beside(row, Order::Descending, reader)?,
                before: beside(row, Order::Ascending, reader)?,
                announced: row.announced,
                equivocation: is_equivocation(row, &compared.surfaces),
            });
        }
    }
    Ok(known)
}

/// The call next to the moment when a version was first seen.
fn beside(
    row: &SurfaceRow,
    order: Order,
    reader: &dyn Reader,
) -> anyhow::Result<Option<RecordedCall>> {
    let is_before = order == Order::Descending;
    let calls = ["tools/call", "prompts/get", "resources/read"];
    let filter = Filter {
        proxy: Some(Pattern::name(&row.proxy)),
        kind: Some(Kind::Mcp),
        methods: patterns("--method", &calls.map(str::to_owned))?,
        // A window holds its begin but not its end; the moment itself belongs to neither side here.
        since: (!is_before).then(|| row.first_seen_at.saturating_add(1)),
        until: is_before.then_some(row.first_seen_at),
        ..Filter::default()
    };
    let page = Page {
        after: None,
        before: None,
        order,
        limit: 1,
    };
    Ok(reader
        .entries(&filter, page)?
        .into_iter()
        .find_map(|entry| match entry {
            Entry::Request(row) => Some(RecordedCall {
                seq: row.seq,
                ts: row.ts,
                time: rfc3339(row.ts),
                target: target(&row).map(str::to_owned),
                method: row.method,
            }),
            Entry::Gap(_) => None,
        }))
}

fn target(row: &RequestRow) -> Option<&str> {
    let targets = [&row.tool, &row.prompt_name, &row.resource_uri];
    targets.into_iter().find_map(|target| target.as_deref())
}

fn usage(
    report: &Report,
    new: &Surface,
    filter: &Filter,
    reader: &dyn Reader,
) -> anyhow::Result<Vec<Usage>> {
    let changed = |kind: ItemKind| -> BTreeSet<&str> {
        let findings = report.findings.iter();
        findings
            .filter(|finding| finding.kind == kind)
            .map(|finding| finding.item.as_str())
            .collect()
    };
    let mut usage = of_tools(&changed(ItemKind::Tool), new, filter, reader)?;
    for (kind, method) in [
        // Templates are called through the resources they make, whose URIs no finding names.
        (ItemKind::Prompt, "prompts/get"),
        (ItemKind::Resource, "resources/read"),
    ] {
        usage.extend(of_others(kind, method, &changed(kind), filter, reader)?);
    }
    usage.sort_by(|a, b| b.calls.cmp(&a.calls).then_with(|| a.item.cmp(&b.item)));
    Ok(usage)
}

fn of_tools(
    changed: &BTreeSet<&str>,
    new: &Surface,
    filter: &Filter,
    reader: &dyn Reader,
) -> anyhow::Result<Vec<Usage>> {
    if changed.is_empty() {
        return Ok(Vec::new());
    }
    // One question for all tools; per tool only those are asked about that were called.
    let of_proxy = |proxy: &str| {
        changed
            .iter()
            .map(|tool| (proxy.to_owned(), (*tool).to_owned()))
            .collect()
    };
    let question = StatsQuestion {
        // Of the others there may be any number.
        tools: filter
            .proxy
            .as_ref()
            .and_then(Pattern::as_name)
            .map(of_proxy),
        ..StatsQuestion::sums(filter, GroupBy::Tool)
    };
    let rows = reader.stats(&question)?;
    let mut usage: Vec<Usage> = changed
        .iter()
        .map(|&item| {
            let row = rows
                .iter()
                .find(|row| row.key.tool.as_deref() == Some(item));
            Usage {
                kind: ItemKind::Tool,
                item: item.to_owned(),
                calls: row.map_or(0, |row| row.tally.calls),
                errors: row.map_or(0, |row| row.tally.total_errors()),
                clients: Vec::new(),
                replay: None,
            }
        })
        .collect();
    // The most called first, so that the bound cuts those that matter least.
    usage.sort_by_key(|usage| std::cmp::Reverse(usage.calls));
    let kept = reader.payload_span()?;
    for item in usage
        // Each of them takes another question to the store.
        .iter_mut()
        .take(MAX_ITEMS)
        .filter(|usage| usage.calls > 0)
    {
        // A name may hold the signs of a pattern; it is meant literally.
        let of_tool = Filter {
            tools: vec![Pattern::name(&item.item)],
            ..filter.clone()
        };
        // The sums have a row for each version of a client.
        let mut callers = BTreeMap::<Option<String>, u64>::new();
        let by_client = StatsQuestion {
            most: Some(MAX_CLIENTS),
            ..StatsQuestion::sums(&of_tool, GroupBy::Client)
        };
        for row in reader.stats(&by_client)? {
            let calls = callers.entry(row.key.client_name).or_default();
            *calls = calls.saturating_add(row.tally.calls);
        }
        item.clients = listed(callers);
        if let Some((oldest, newest)) = kept {
            item.replay = replay(&item.item, new, oldest..=newest, &of_tool, reader)?;
        }
    }
    Ok(usage)
}

/// The calls of prompts or resources, of which no sums by client are kept.
fn of_others(
    kind: ItemKind,
    method: &str,
    changed: &BTreeSet<&str>,
    filter: &Filter,
    reader: &dyn Reader,
) -> anyhow::Result<Vec<Usage>> {
    let filter = Filter {
        methods: vec![Pattern::name(method)],
        ..filter.clone()
    };
    let mut counts = BTreeMap::<String, (u64, BTreeMap<Option<String>, u64>)>::new();
    let mut page = Page::after(Cursor::START, Page::MAX_LIMIT);
    // Hourly sums report quickly that there is nothing to look for.
    let mut is_last = changed.is_empty()
        || reader
            .stats(&StatsQuestion::of_everything(&filter))?
            .is_empty();
    while !is_last {
        let entries = reader.entries(&filter, page)?;
        is_last = entries.len() < page.limit;
        page.after = entries.last().map(Entry::cursor).or(page.after);
        for entry in entries {
            let Entry::Request(row) = entry else { continue };
            // Calls of unchanged items are of no interest.
            let Some(name) = target(&row).filter(|name| changed.contains(name)) else {
                continue;
            };
            let (errors, callers) = counts.entry(name.to_owned()).or_default();
            *errors += u64::from(row.status.is_failure());
            *callers.entry(row.client_name.clone()).or_default() += 1;
        }
    }
    let usage = changed.iter().map(|&item| {
        let (errors, callers) = counts.remove(item).unwrap_or_default();
        Usage {
            kind,
            item: item.to_owned(),
            calls: callers.values().copied().fold(0, u64::saturating_add),
            errors,
            clients: listed(callers),
            replay: None,
        }
    });
    Ok(usage.collect())
}

fn listed(callers: BTreeMap<Option<String>, u64>) -> Vec<ClientCalls> {
    let mut clients: Vec<ClientCalls> = callers
        .into_iter()
        .map(|(client_name, calls)| ClientCalls { client_name, calls })
        .collect();
    clients.sort_by_key(|client| std::cmp::Reverse(client.calls));
    clients
}
