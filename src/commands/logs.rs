//! `mcpr logs`: recorded requests, oldest first, with gaps in their place.

use super::args::{ReadArgs, View};
use super::follow::{self, CursorFile, FollowArgs, Followed, Position, Start};
use super::pages::{Fetched, Range, each_page, each_page_of_newest};
use super::printer::{Asked, Printer};
use super::values::{Most, duration_us};
use super::which::Which;
use super::{empty, now_ms, open_store};
use crate::console::Console;
use crate::exit::Exit;
use crate::query::{Filter, Order};
use crate::render::units;
use crate::store::Reader;
use std::path::PathBuf;

/// What `mcpr logs` takes.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub(super) read: ReadArgs,
    /// Show the newest N requests, or `all` [default: 50; 10 with --follow; all after a cursor]
    #[arg(long, value_name = "N")]
    tail: Option<Most>,
    /// Show what was stored after this sequence number
    #[arg(long, value_name = "SEQ", value_parser = clap::value_parser!(i64).range(0..))]
    after: Option<i64>,
    #[command(flatten)]
    which: Which,
    /// Show requests that took at least DURATION: 500ms, 2s
    #[arg(long, value_name = "DURATION", value_parser = duration_us)]
    min_latency: Option<i64>,
    /// Print the newest first
    #[arg(long, conflicts_with = "follow")]
    reverse: bool,
    /// Begin where FILE says the last run ended, and write down there how far this one came
    #[arg(long, value_name = "FILE", conflicts_with = "after")]
    cursor_file: Option<PathBuf>,
    #[command(flatten)]
    follow: FollowArgs,
}

/// Most requests that are shown when nothing is said.
const DEFAULT_TAIL: usize = 50;
/// Most requests that are shown before those to come, when nothing is said.
const DEFAULT_FOLLOWED_TAIL: usize = 10;

/// Lists requests.
///
/// # Errors
/// When an argument means nothing, the store cannot be read or the output not written.
pub fn run(args: &Args, console: &mut Console) -> anyhow::Result<Exit> {
    let view = args.read.view(now_ms(), console)?;
    let mut asked = Asked {
        which: &args.which,
        filter: filter(args, &view)?,
        printer: Printer::new(&view)?,
    };
    let cursor = args
        .cursor_file
        .as_deref()
        .map(CursorFile::open)
        .transpose()?;
    let start = start(args, cursor.as_ref());
    if args.follow.follow {
        view.refuse_array()?;
        return follow::follow(
            &view.path,
            &args.follow,
            (start, cursor),
            &mut asked,
            console,
        );
    }
    let mut reader = open_store(&view.path)?;
    list(args, &mut asked, reader.as_mut(), (start, cursor), console)
}

/// Where the listing begins. After what a cursor says nothing is left out; before it says anything,
/// `--tail` counts as ever.
fn start(args: &Args, cursor: Option<&CursorFile>) -> Start {
    let by_number = |seq| Position { store_id: 0, seq };
    let kept = cursor.and_then(CursorFile::position);
    let tail = match args.tail {
        Some(tail) => tail.rows(),
        None if cursor.is_some() || args.after.is_some() => None,
        None if args.follow.follow => Some(DEFAULT_FOLLOWED_TAIL),
        None => Some(DEFAULT_TAIL),
    };
    Start {
        after: kept.or(args.after.map(by_number)),
        most: if kept.is_some() { None } else { tail },
    }
}

/// Lists what there is now.
fn list(
    args: &Args,
    asked: &mut Asked<'_>,
    reader: &mut dyn Reader,
    from: (Start, Option<CursorFile>),
    console: &mut Console,
) -> anyhow::Result<Exit> {
    let (start, cursor) = from;
    let head = reader.head()?;
    let range = Range {
        after: start.after.map(|position| position.within(head).seq),
        before: head.last_seq.checked_add(1),
        order: if args.reverse {
            Order::Descending
        } else {
            Order::Ascending
        },
        most: start.most,
    };
    if let Some(filter) = asked.filter(reader)? {
        let mut take = |fetched: Fetched| asked.printer.page(&fetched, console);
        match (range.order, range.most) {
            (Order::Ascending, Some(_)) => each_page_of_newest(reader, &filter, range, &mut take)?,
            _ => each_page(reader, &filter, range, &mut take)?,
        }
    }
    asked.printer.finish(console)?;
    if let Some(mut cursor) = cursor {
        // Only what is really out needs no showing again.
        console.flush()?;
        cursor.keep(Position {
            store_id: head.store_id,
            seq: head.last_seq,
        })?;
    }
    if asked.printer.requests == 0 {
        let view = asked.printer.view;
        empty::explain("requests", view, &conditions(args, view), reader, console)?;
    }
    Ok(Exit::Done)
}

fn filter(args: &Args, view: &View) -> anyhow::Result<Filter> {
    Ok(Filter {
        min_latency_us: args.min_latency,
        ..args.which.filter(view)?
    })
}

/// What was looked for, in words.
fn conditions(args: &Args, view: &View) -> Vec<String> {
    let mut words = view.conditions();
    words.extend(args.after.map(|seq| format!("after {seq}")));
    words.extend(args.which.words());
    words.extend(
        args.min_latency
            .map(|us| format!("latency from {}", units::latency(us))),
    );
    words
}

#[cfg(test)]
mod tests;
