//! `mcpr schema snapshot`: what a server shows, as one file.

use super::server::{ServerArgs, text_of};
use crate::commands::replace::replace;
use crate::console::Console;
use crate::exit::Exit;
use crate::render::text::escape_json;
use anyhow::Context;
use std::path::PathBuf;

/// What `mcpr schema snapshot` takes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    /// Write the snapshot into this file, and not to standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    server: ServerArgs,
}

/// Asks the server, and writes what it shows.
///
/// # Errors
/// When the server does not answer, or the file cannot be written.
pub(super) fn run(args: &Args, console: &mut Console) -> anyhow::Result<Exit> {
    let snapshot = args.server.snapshot(console)?;
    let text = text_of(&snapshot);
    if let Some(path) = &args.output {
        replace(path, text.as_bytes())
            .with_context(|| format!("cannot write the snapshot {}", path.display()))?;
    } else {
        // Texts of a server may hold anything, also what a terminal obeys.
        let lines: Vec<_> = text.lines().map(escape_json).collect();
        console.print(&(lines.join("\n") + "\n"))?;
    }
    Ok(Exit::Done)
}
