//! `mcpr logs`: recorded requests, oldest first, with gaps in their place.

use super::args::{ReadArgs, View};
use super::follow::{self, CursorFile, FollowArgs, Followed, Position, Start};
use super::pages::{Fetched, Range, each_page, each_page_of_newest};
use super::printer::Printer;
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
    let mut listed = Listed {
        args,
        filter: filter(args, &view)?,
        printer: Printer::new(&view)?,
    };
    let mut cursor = args
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
            &mut listed,
            console,
        );
    }
    let mut reader = open_store(&view.path)?;
    listed.list(reader.as_mut(), start, cursor.as_mut(), console)
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

/// The requests that were asked for, on their way to the output.
struct Listed<'a> {
    args: &'a Args,
    filter: Filter,
    printer: Printer<'a>,
}

impl Followed for Listed<'_> {
    fn filter(&mut self, reader: &mut dyn Reader) -> anyhow::Result<Option<Filter>> {
        let Self {
            args,
            filter,
            printer,
        } = self;
        args.which.with_session(filter, reader, printer.view)
    }

    fn take(&mut self, fetched: Fetched, console: &mut Console) -> anyhow::Result<()> {
        self.printer.page(&fetched, console)
    }
}

impl Listed<'_> {
    fn list(
        &mut self,
        reader: &mut dyn Reader,
        start: Start,
        mut cursor: Option<&mut CursorFile>,
        console: &mut Console,
    ) -> anyhow::Result<Exit> {
        let head = reader.head()?;
        let args = self.args;
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
        if let Some(filter) = self.filter(reader)? {
            let mut take = |fetched: Fetched| self.printer.page(&fetched, console);
            match (range.order, range.most) {
                (Order::Ascending, Some(_)) => {
                    each_page_of_newest(reader, &filter, range, &mut take)?;
                }
                _ => each_page(reader, &filter, range, &mut take)?,
            }
        }
        self.printer.finish(console)?;
        if let Some(cursor) = cursor.take() {
            // Only what is really out needs no showing again.
            console.flush()?;
            cursor.keep(Position {
                store_id: head.store_id,
                seq: head.last_seq,
            })?;
        }
        if self.printer.requests == 0 {
            let view = self.printer.view;
            empty::explain("requests", view, &conditions(args, view), reader, console)?;
        }
        Ok(Exit::Done)
    }
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
