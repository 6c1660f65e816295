//! `mcpr store copy FROM TO`: everything that one store holds into another one, of whatever backend.

use super::import::is_same;
use crate::commands::{Refused, WriterArgs, now_ms};
use crate::console::{Console, Progress, Unit};
use crate::exit::Exit;
use crate::render::text::{escape, escape_json};
use crate::render::units::grouped;
use mcpr_connect::connect;
use mcpr_ingest::{Carrier, Sent, carried_up_to};
use mcpr_store::query::Cursor;
use mcpr_store::{Backend, Reader, StoreErrorKind, StoreUrl, Writer};
use serde_json::{Map, Value, json};
use std::ffi::OsString;
use std::ops::ControlFlow;

/// How often what was recorded during the copy is copied behind it, before that is left to the next one.
const ROUNDS: usize = 20;

/// What `mcpr store copy` takes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    /// The store to read: a file, or a URL such as sqlite:FILE
    #[arg(value_name = "FROM")]
    from: OsString,
    /// The store to make; one that holds a part of this copy is completed
    #[arg(value_name = "TO")]
    to: OsString,
    #[command(flatten)]
    writer: WriterArgs,
    /// Print one JSON document
    #[arg(short, long)]
    json: bool,
}

pub(super) fn run(args: &Args, console: &mut Console) -> anyhow::Result<Exit> {
    let (from_url, to_url) = (url("FROM", &args.from)?, url("TO", &args.to)?);
    let from = connect(&from_url)?.reader()?;
    if is_same(&from_url, &to_url) {
        return Err(Refused::new("a store cannot be copied into itself")
            .hint("name another place as TO")
            .into());
    }
    let target = connect(&to_url)?;
    check_target(from.as_ref(), target.as_ref())?;
    let mut writer = target.writer(
        // A recorder would add rows of its own between those that are copied.
        args.writer.options(true),
    )?;
    // Without a password: it is stored in the copy.
    let name = from_url.to_string();
    let copied = copy(
        from.as_ref(),
        target.as_ref(),
        writer.as_mut(),
        &name,
        console,
    )?;
    // Its end puts the log into the file, so that what is compared is all there.
    drop(writer);
    let (there, here) = (counts(from.as_ref())?, counts(target.reader()?.as_ref())?);
    let is_whole = there == here;
    print(args, &[&from_url, &to_url], &there, &here, console)?;
    if copied.leaves_sums {
        console.note("the sums of requests that are gone stay behind: TO cannot take them over");
    }
    if !is_whole && copied.is_moving {
        console.hint("FROM is being recorded into: copy again once its recorder has stopped");
    }
    Ok(if is_whole { Exit::Done } else { Exit::No })
}

fn url(name: &str, text: &OsString) -> anyhow::Result<StoreUrl> {
    Ok(StoreUrl::parse(text).map_err(|error| {
        Refused::new(format!("{name}: {error}"))
            .hint("give a path, sqlite:PATH or postgres://USER@HOST/DATABASE")
    })?)
}

/// A target is new, empty, or holds a copy of the same store.
fn check_target(from: &dyn Reader, target: &dyn Backend) -> anyhow::Result<()> {
    let reader = match target.reader() {
        Ok(reader) => reader,
        Err(error) if error.kind == StoreErrorKind::Missing => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    // Numbers that were given out say that there were rows, also where these are gone.
    let overview = reader.overview()?;
    let is_empty = overview.last_seq == 0 && overview.sessions == 0 && reader.surface_count()? == 0;
    let known = mcpr_store::fold::file_checkpoints(reader.as_ref())?;
    if is_empty || carried_up_to(&known, from.head()?.store_id).is_some() {
        return Ok(());
    }
    let url = target.url().to_string();
    Err(Refused::new(format!(
        "{} holds other rows: {} requests and {} sessions",
        escape(&url),
        grouped(overview.requests),
        grouped(overview.sessions)
    ))
    .hint("name a store that is not there yet; `mcpr store import` adds one store to another")
    .into())
}

/// How a copy went.
#[derive(Debug, Default)]
struct CopyResult {
    leaves_sums: bool,
    /// Whether the source went on while it was copied.
    is_moving: bool,
}

fn copy(
    from: &dyn Reader,
    target: &dyn Backend,
    writer: &mut dyn Writer,
    name: &str,
    console: &Console,
) -> anyhow::Result<CopyResult> {
    // Where all rows are there, they make their sessions by themselves.
    let has_lost_rows = from.gone_behind(Cursor::START)? > 0;
    let mut progress = Progress::new(Unit::Rows, console.is_message_terminal());
    let mut carrier = Carrier::resume(from, writer, name, true)?;
    if has_lost_rows {
        carrier.sessions_without_counts()?;
    }
    let reader = target.reader()?;
    let mut sent = Sent::default();
    let mut is_moving = true;
    // A recorder that goes on is caught up with where it rests for a moment.
    for _ in 0..ROUNDS {
        let last = from.head()?.cursor;
        let head = carrier.rows(&mut |place| {
            let left = last.rows_since(place);
            progress.update(place.rows_since(Cursor::START), left);
            ControlFlow::Continue(())
        })?;
        carrier.news(reader.as_ref(), &mut sent, now_ms())?;
        // What counts requests that are not copied yet would count them twice.
        is_moving = from.head()?.cursor != head.cursor;
        if !is_moving {
            carrier.counts(reader.as_ref())?;
            carrier.sources()?;
            break;
        }
    }
    progress.finish();
    Ok(CopyResult {
        leaves_sums: carrier.carried().leaves_sums,
        is_moving,
    })
}

/// How much a store holds of each class, by its name.
fn counts(reader: &dyn Reader) -> anyhow::Result<Vec<(&'static str, u64)>> {
    let overview = reader.overview()?;
    // Calls beside the number of sums: a sum that lacks some would not be noticed.
    let (mut sums, mut calls) = (0_u64, 0_u64);
    reader.rollups(&mut |row| {
        sums += 1;
        calls = calls.saturating_add(row.calls);
    })?;
    Ok(vec![
        ("requests", overview.requests),
        ("sessions", overview.sessions),
        ("payloads", overview.payloads),
        ("surfaces", reader.surface_count()?),
        ("gaps", overview.gaps),
        ("bad lines", overview.bad_lines_kept),
        ("sums", sums),
        ("calls in sums", calls),
    ])
}

fn print(
    args: &Args,
    [from, to]: &[&StoreUrl; 2],
    there: &[(&'static str, u64)],
    here: &[(&'static str, u64)],
    console: &mut Console,
) -> anyhow::Result<()> {
    let is_whole = there == here;
    let pairs = || there.iter().zip(here);
    if args.json {
        let counts: Map<String, Value> = pairs()
            .map(|((name, there), (_, here))| {
                let count = json!({"from": there, "to": here});
                (name.replace(' ', "_"), count)
            })
            .collect();
        let document = json!({
            "from": from.to_string(), "to": to.to_string(), "equal": is_whole, "counts": counts,
        });
        console.print(&format!("{}\n", escape_json(&document.to_string())))?;
        return Ok(());
    }
    let (from, to) = (from.to_string(), to.to_string());
    let (from, to) = (escape(&from), escape(&to));
    console.print(&format!("copied {from} into {to}\n"))?;
    for ((name, there), (_, here)) in pairs() {
        let (there_text, here_text) = (grouped(*there), grouped(*here));
        let line = if there == here {
            format!("{name:<13} {here_text}\n")
        } else {
            format!("{name:<13} {here_text} of {there_text}\n")
        };
        console.print(&line)?;
    }
    Ok(())
}
