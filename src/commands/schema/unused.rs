//! `mcpr schema unused`: the tools of each proxy's newest list, how often they were called, and what
//! their definitions cost.

use super::overview::items;
use crate::commands::args::{ReadArgs, patterns};
use crate::commands::help::{CommandHelp, field_names};
use crate::commands::left_out::{self, counted};
use crate::commands::list_printer::ListPrinter;
use crate::commands::values::RowLimit;
use crate::commands::{complete, now_ms};
use crate::console::Console;
use crate::exit::Exit;
use crate::render::{UNUSED_COLUMNS, UNUSED_FIELDS, choose, units};
use clap_complete::ArgValueCompleter;
use mcpr_model::time::{DAY_MS, HOUR_MS};
use mcpr_model::{Kind, TargetKind};
use mcpr_store::query::{
    Entry, Filter, GroupBy, Order, Page, Pattern, StatsQuestion, TimePage, UnusedRow,
};
use mcpr_store::{Reader, StoreError, fold};
use mcpr_surface::canonical::{canonical_text, without_ignored};
use serde_json::Value;
use std::collections::HashMap;

/// What `mcpr schema unused` takes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    read: ReadArgs,
    /// Show tools that match GLOB (repeatable; commas separate)
    #[arg(short, long, value_name = "GLOB", add = ArgValueCompleter::new(complete::tools))]
    tool: Vec<String>,
    /// Show only tools without a call in the window
    #[arg(long)]
    only: bool,
    /// Show the first N tools: those that are called least, or `all`
    #[arg(short = 'n', long, value_name = "N", default_value = "all")]
    limit: RowLimit,
    /// Print the rows the other way round
    #[arg(short, long)]
    reverse: bool,
}

/// What its help has beside its flags.
pub(in crate::commands) const HELP: CommandHelp = CommandHelp::new(
    "schema unused",
    &["mcpr schema unused -p files # of one server"],
)
.with_headings()
.with_fields(|| field_names(UNUSED_COLUMNS));

/// How far it looks back when nothing is given.
const LOOK_BACK_MS: i64 = 7 * DAY_MS;
const CALL: &str = "tools/call";

/// Proxy and tool.
type Tool = (String, String);

pub(super) fn run(args: &Args, console: &mut Console) -> anyhow::Result<Exit> {
    let view = args
        .read
        .view(now_ms(), console)?
        .looking_back(LOOK_BACK_MS);
    let columns = view.columns(UNUSED_COLUMNS, UNUSED_FIELDS, || {
        choose(UNUSED_COLUMNS, UNUSED_FIELDS)
    })?;
    let filter = Filter {
        proxy: view.proxy.clone(),
        since: view.since,
        until: view.until,
        kind: Some(Kind::Mcp),
        methods: patterns("--method", &[CALL.to_owned()])?,
        tools: patterns("--tool", &args.tool)?,
        ..Filter::default()
    };
    let reader = view.open(console)?;
    let (mut rows, proxies) = definitions(reader.as_ref(), &filter)?;
    count(&mut rows, &filter, reader.as_ref())?;
    // The summary is of all tools, also where `--only` shows some.
    let all = rows.clone();
    rows.retain(|row| !args.only || row.calls == 0);
    rows.sort_by(|a, b| {
        // The least called first; of those the dearest: to drop them spares the most.
        let order = (&a.proxy, a.calls).cmp(&(&b.proxy, b.calls));
        order
            .then(b.definition_bytes.cmp(&a.definition_bytes))
            .then_with(|| a.tool.cmp(&b.tool))
    });
    let beyond = rows
        .len()
        .saturating_sub(args.limit.rows().unwrap_or(usize::MAX));
    rows.truncate(rows.len() - beyond);
    if args.reverse {
        rows.reverse();
    }
    if rows.is_empty() && all.is_empty() {
        super::nothing(&view, &proxies, console);
    }
    let columns = if view.is_table() && !view.names_fields() {
        // One proxy needs no column that says its name in every row.
        let several = rows.windows(2).any(|pair| pair[0].proxy != pair[1].proxy);
        let names = UNUSED_FIELDS.iter().copied();
        let names = names.filter(|&name| match name {
            // A time stands in a table once, and says this, too.
            "never_called" | "last_called" => false,
            "proxy" => several,
            _ => true,
        });
        choose(UNUSED_COLUMNS, &names.collect::<Vec<_>>())
    } else {
        columns
    };
    let mut listing = ListPrinter::new(columns, view.style, &view, console);
    listing.page(&rows, console)?;
    listing.finish(console)?;
    if beyond > 0 {
        let left = format!("{} not shown", counted(beyond, "tool is", "tools are"));
        left_out::say(&left, "-n all shows each", &view, console);
    }
    // Programs add up the rows themselves.
    if view.is_table() {
        for of_proxy in all.chunk_by(|a, b| a.proxy == b.proxy) {
            console.note(&summary(of_proxy));
        }
        if !rows.is_empty() {
            left_out::say_window(&view, console);
        }
    }
    Ok(Exit::Done)
}

/// The tools of the newest lists, without calls yet, and the proxies of which any list is known.
pub(super) fn definitions(
    reader: &dyn Reader,
    filter: &Filter,
) -> Result<(Vec<UnusedRow>, Vec<String>), StoreError> {
    let (mut rows, mut proxies) = (Vec::new(), Vec::new());
    fold::each_server(reader, None, &mut |proxy, _| {
        proxies.push(proxy.to_owned());
        // The newest list, whatever the window: an unused tool is one that is offered now.
        let Some(row) = reader.surface_in_force(proxy, "tools/list", i64::MAX)? else {
            return Ok::<_, StoreError>(());
        };
        let payload: Value = serde_json::from_str(&row.payload).unwrap_or_default();
        for item in items("tools/list", &payload).unwrap_or_default() {
            let Some(tool) = item.get("name").and_then(Value::as_str) else {
                continue;
            };
            if !filter.takes_operation(Kind::Mcp, proxy, CALL, Some(tool)) {
                continue;
            }
            // The hints for caches do not reach the model, and take none of its context.
            let definition = canonical_text(&*without_ignored(item));
            rows.push(UnusedRow {
                proxy: proxy.to_owned(),
                tool: tool.to_owned(),
                calls: 0,
                errors: 0,
                last_called_at: None,
                definition_bytes: i64::try_from(definition.len()).unwrap_or(i64::MAX),
            });
        }
        Ok(())
    })?;
    Ok((rows, proxies))
}

/// Counts the calls of the window, and finds the last call of all.
fn count(rows: &mut [UnusedRow], filter: &Filter, reader: &dyn Reader) -> anyhow::Result<()> {
    // Tools that are called but no longer offered have no row, and of such there may be any number.
    let offered = rows.iter().map(|row| (row.proxy.clone(), row.tool.clone()));
    let mut hours: HashMap<Tool, Option<i64>> = offered.map(|tool| (tool, None)).collect();
    let question = StatsQuestion {
        tools: Some(hours.keys().cloned().collect()),
        ..StatsQuestion::sums(filter, GroupBy::Tool)
    };
    let calls: HashMap<Tool, (u64, u64)> = reader
        .stats(&question)?
        .into_iter()
        .filter_map(|row| {
            let tool = (row.key.proxy?, row.key.tool?);
            Some((tool, (row.tally.calls, row.tally.total_errors())))
        })
        .collect();
    // The last call may be long before the window: hourly sums go back further than requests do.
    reader.rollups(&mut |row| {
        if let Some(target) = row.key.target.filter(|it| it.kind == TargetKind::Tool) {
            let tool = (row.key.proxy.to_string(), target.name.to_string());
            if let Some(last) = hours.get_mut(&tool) {
                *last = (*last).max(Some(row.key.hour));
            }
        }
    })?;
    for row in rows {
        let tool = (row.proxy.clone(), row.tool.clone());
        if let Some((calls, errors)) = calls.get(&tool) {
            row.calls = calls.cast_signed();
            row.errors = errors.cast_signed();
        }
        if let Some(hour) = hours.get(&tool).copied().flatten() {
            row.last_called_at = Some(last_call(&tool, hour, reader)?);
        }
    }
    Ok(())
}

/// The last call within an hour; the hour itself, where its requests are gone.
fn last_call((proxy, tool): &Tool, hour: i64, reader: &dyn Reader) -> anyhow::Result<i64> {
    let filter = Filter {
        proxy: Some(Pattern::name(proxy)),
        since: Some(hour),
        until: Some(hour.saturating_add(HOUR_MS)),
        kind: Some(Kind::Mcp),
        ..Filter::default()
    };
    // The newest request first; most pages of the hour end the search early.
    let mut page = TimePage {
        stored_before: None,
        after: None,
        before: None,
        order: Order::Descending,
        limit: Page::MAX_LIMIT,
    };
    loop {
        let entries = reader.timeline(&filter, page)?;
        let found = entries.iter().find_map(|entry| match entry {
            Entry::Request(row) if row.tool.as_ref() == Some(tool) => Some(row.ts),
            _ => None,
        });
        match (found, entries.last()) {
            (Some(ts), _) => return Ok(ts),
            (None, Some(last)) if entries.len() >= page.limit => page.before = Some(last.place()),
            // Retention deletes requests, and keeps their sums.
            _ => return Ok(hour),
        }
    }
}

/// How much of the context is spent on what nobody calls.
fn summary(rows: &[UnusedRow]) -> String {
    let bytes = |rows: &mut dyn Iterator<Item = &UnusedRow>| -> i64 {
        rows.map(|row| row.definition_bytes).sum()
    };
    let unused = || rows.iter().filter(|row| row.calls == 0);
    format!(
        "{}: {} of {} tools were not called; their definitions take {} of {}",
        rows[0].proxy,
        unused().count(),
        rows.len(),
        units::bytes(bytes(&mut unused())),
        units::bytes(bytes(&mut rows.iter())),
    )
}
