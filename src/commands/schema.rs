//! `mcpr schema`: what servers show of themselves, and how it changed.

mod accept;
mod changes;
mod check;
mod diff;
mod gate;
mod history;
mod lists;
mod newest;
mod overview;
mod remote;
mod rules;
mod server;
mod settings;
mod snapshot;
#[cfg(test)]
mod tests;
mod unused;

use super::args::{ReadArgs, View, moment};
use super::help::CommandHelp;
use super::now_ms;
use crate::console::Console;
use crate::exit::Exit;
use crate::nearest::did_you_mean;
use crate::render::{Column, LIST_COLUMNS, LIST_FIELDS, Listing, TableStyle, choose};
pub(in crate::commands) use changes::{Brought, brought, change_rows, is_seen_in};
pub(in crate::commands) use history::History;
use lists::Lists;
use mcpr_store::query::ListRow;
use mcpr_store::{Reader, fold};
pub(super) use newest::newest_changes;
pub(super) use {
    changes::HELP as CHANGES_HELP, check::HELP as CHECK_HELP, diff::HELP as DIFF_HELP,
    unused::HELP as UNUSED_HELP,
};

/// What `mcpr schema` takes.
#[derive(Debug, Clone, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(flatten)]
    pub(super) read: ReadArgs,
    /// Show this list only: server, tools, prompts, resources, templates, or a method
    #[arg(long, value_name = "METHOD")]
    method: Option<Lists>,
    /// Show what was in force at TIME
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    at: Option<String>,
    #[command(subcommand)]
    task: Option<SchemaTask>,
}

/// What its help has beside its flags.
pub(super) const HELP: CommandHelp = CommandHelp::new(
    "schema",
    &[
        "mcpr schema # what each server offers",
        "mcpr schema changes # what changed",
        "mcpr schema unused # tools that nobody called",
    ],
)
.with_headings();

#[derive(Debug, Clone, clap::Subcommand)]
enum SchemaTask {
    /// List what changed, version by version
    Changes(changes::Args),
    /// List tools with their calls, the least called first, and what their definitions cost
    Unused(unused::Args),
    /// Compare two versions, proxies or files: whom does the change break, and is it to be trusted?
    Diff(Box<diff::Args>),
    /// Ask a server for its surface, and write that to one file
    Snapshot(snapshot::Args),
    /// Compare what a server shows now with its snapshot: does it break callers?
    Check(Box<check::Args>),
    /// List the rules of `diff`, or explain one
    Rules(rules::Args),
}

/// Shows the newest surface of each proxy, or does what a subcommand says.
///
/// # Errors
/// When an argument means nothing, the store cannot be read or the output not written.
pub fn run(args: &Args, console: &mut Console) -> anyhow::Result<Exit> {
    match &args.task {
        None => show(args, console),
        Some(SchemaTask::Changes(args)) => changes::run(args, console),
        Some(SchemaTask::Unused(args)) => unused::run(args, console),
        Some(SchemaTask::Diff(args)) => diff::run(args, console),
        Some(SchemaTask::Snapshot(args)) => snapshot::run(args, console),
        Some(SchemaTask::Check(args)) => check::run(args, console),
        Some(SchemaTask::Rules(args)) => rules::run(args, console),
    }
}

fn show(args: &Args, console: &mut Console) -> anyhow::Result<Exit> {
    let view = args.read.view(now_ms(), console)?;
    let columns = view.columns(LIST_COLUMNS, LIST_FIELDS, || {
        choose(LIST_COLUMNS, overview::TABLE)
    })?;
    let at = match &args.at {
        Some(text) => moment("--at", text, view.now_ms, view.zone)?,
        // What was in force when the window ended: `until` itself is no longer in it.
        None => view.until.map_or(i64::MAX, |until| until.saturating_sub(1)),
    };
    let asked = overview::Asked {
        lists: args.method,
        at,
        since: view.since,
    };
    list(
        asked,
        &view,
        &columns,
        view.open(console)?.as_ref(),
        console,
    )?;
    Ok(Exit::Done)
}

/// Prints the lists server by server, so that never more than those of one are held.
fn list(
    asked: overview::Asked,
    view: &View,
    columns: &[&'static Column<ListRow>],
    reader: &dyn Reader,
    console: &mut Console,
) -> anyhow::Result<()> {
    let mut proxies = Vec::new();
    // Rows of nothing but unknown lists would say nothing: they wait until one says something.
    let (mut waiting, mut is_anything_known) = (Vec::new(), false);
    let mut listing = Listing::new(columns.to_vec(), view.format, view.style);
    // People see lists and items below each other; who names fields gets a plain table of them.
    let is_text = view.is_table() && !view.names_fields();
    let styles = overview::Styles {
        lists: view.style,
        items: TableStyle {
            width: console.text_width(),
            ..view.style
        },
    };
    let mut is_first = true;
    fold::each_server(reader, None, &mut |proxy, known| {
        proxies.push(proxy.to_owned());
        if view
            .proxy
            .as_ref()
            .is_some_and(|wanted| !wanted.matches(proxy))
        {
            return Ok(());
        }
        waiting.append(&mut overview::rows(reader, proxy, &known, asked)?);
        is_anything_known |= waiting.iter().any(overview::is_known);
        if !is_anything_known {
            return Ok(());
        }
        waiting.retain(|row| overview::is_in(row, asked));
        if waiting.is_empty() {
            return Ok(());
        }
        let rows = std::mem::take(&mut waiting);
        if is_text {
            if !std::mem::take(&mut is_first) {
                console.print("\n")?;
            }
            console.print(&overview::text(&rows, columns, styles))?;
        } else {
            is_first = false;
            console.print(&listing.page(&rows))?;
        }
        Ok::<_, anyhow::Error>(())
    })?;
    if is_first {
        nothing(view, &proxies, console);
    }
    if !is_text {
        console.print(&listing.finish())?;
    }
    Ok(())
}

/// Reports why nothing is shown.
fn nothing(view: &View, proxies: &[String], console: &mut Console) {
    let mut words = view.conditions();
    // First the store that was read, then what narrowed the question.
    words.insert(0, format!("no lists of a server found in {}", view.url));
    console.note(&words.join(", "));
    if proxies.is_empty() {
        console.hint(
            "they are kept as `initialize`, `tools/list` and the other lists pass; nothing of that \
             was recorded yet",
        );
    } else {
        let typed = view.proxies_typed.first().map(String::as_str);
        console.hint(&there_are_lists(typed, proxies));
    }
}

/// Most proxies that are named.
const MAX_NAMED: usize = 10;

/// Whose lists there are, and which of them was meant by a name that is none.
fn there_are_lists(typed: Option<&str>, proxies: &[String]) -> String {
    let known: Vec<&str> = proxies.iter().map(String::as_str).collect();
    let is_none = |name: &&str| !known.contains(name);
    let meant = typed
        .filter(is_none)
        .and_then(|name| did_you_mean(name, &known));
    let meant = meant.map_or_else(String::new, |meant| format!("did you mean `{meant}`? "));
    let named: Vec<String> = known
        .iter()
        .take(MAX_NAMED)
        .map(|name| format!("`{name}`"))
        .collect();
    let more = match known.len().saturating_sub(MAX_NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{meant}there are lists of {}{more}", named.join(", "))
}
