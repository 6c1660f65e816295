//! `mcpr schema check`: what a server shows now, against the snapshot that was agreed on.

use super::diff::{Compared, OutputArgs, Side, Texts, judge_and_print};
use super::gate::GateArgs;
use super::server::{ServerArgs, text_of};
use crate::commands::Refused;
use crate::commands::help::CommandHelp;
use crate::commands::replace::replace;
use crate::console::Console;
use crate::exit::Exit;
use anyhow::Context;
use mcpr_store::query::Surfaces;
use mcpr_surface::gather::Gatherer;
use std::path::PathBuf;

/// What `mcpr schema check` takes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    /// Compare with this snapshot
    #[arg(long, value_name = "FILE")]
    baseline: PathBuf,
    /// Accept what the server shows now: replace the snapshot with it
    #[arg(long)]
    update: bool,
    #[command(flatten)]
    gate: GateArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

/// What its help has beside its flags.
pub(in crate::commands) const HELP: CommandHelp = CommandHelp::new(
    "schema check",
    &[
        "mcpr schema check --baseline tools.lock.json -- node server.js # in CI: exit 1 when a caller breaks",
    ],
);

/// Asks the server and compares; finding what fails is the answer no.
///
/// # Errors
/// When there is no snapshot, the server does not answer, or the output is not written.
pub(super) fn run(args: &Args, console: &mut Console) -> anyhow::Result<Exit> {
    args.output.prepare(console);
    let path = args.baseline.display();
    let is_new = !args.baseline.exists();
    if is_new && !args.update {
        return Err(Refused::new(format!("no snapshot {path}"))
            .hint("`mcpr schema snapshot -o FILE -- COMMAND` (or --url URL) takes one; so does --update")
            .into());
    }
    let old = if is_new {
        None
    } else {
        Some(Texts::read(std::slice::from_ref(&args.baseline))?.side()?)
    };
    // After the file was read: a server is not started for nothing.
    let text = text_of(&args.server.snapshot(console)?);
    let ended = match old {
        None => Exit::Done,
        Some(old) => {
            let mut gatherer = Gatherer::default();
            let refused = |error| Refused::new(format!("{}: {error}", args.server.name()));
            gatherer.add(&text).map_err(refused)?;
            let (surface, ..) = gatherer.finish().map_err(refused)?;
            let compared = Compared {
                new: Side::without_files(args.server.name(), surface),
                old,
                versions: Vec::new(),
                surfaces: Surfaces::default(),
                notes: Vec::new(),
            };
            judge_and_print(&compared, &args.gate, &args.output, console)?
        }
    };
    if !args.update {
        return Ok(ended);
    }
    replace(&args.baseline, text.as_bytes())
        .with_context(|| format!("cannot write the snapshot {path}"))?;
    console.note(&format!("{path} is what the server shows now"));
    // It is agreed on now.
    Ok(Exit::Done)
}
