//! `mcpr schema diff`: what changed between two surfaces, and whom it breaks.

mod accept;
mod gate;
mod known;
mod output;
mod replay;
mod sides;

use crate::commands::{StoreArgs, complete};
use crate::console::{ColourChoice, Console};
use crate::exit::Exit;
use crate::query::when::Zone;
use crate::schema::diff;
use crate::schema::report::ReportFormat;
use accept::Accepted;
use clap_complete::ArgValueCompleter;
use gate::{FailOn, FailOnSecurity, Ignored};
use output::Document;
use std::path::PathBuf;

use super::lists::Lists;

/// What `mcpr schema diff` takes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    /// Compare these two files, the old one first: results of lists, or whole answers; - is
    /// standard input
    #[arg(value_names = ["OLD", "NEW"], num_args = 2,
          conflicts_with_all = ["proxy", "from", "to", "against", "method"])]
    files: Vec<PathBuf>,
    #[command(flatten)]
    store: StoreArgs,
    /// Compare what this proxy showed
    #[arg(long, value_name = "NAME", add = ArgValueCompleter::new(complete::proxies))]
    proxy: Option<String>,
    /// Compare this list only: server, tools, prompts, resources, templates, or a method
    #[arg(long, value_name = "METHOD")]
    method: Option<Lists>,
    /// Take as old this version: a number (of tools/list, unless --method says otherwise), or a time
    #[arg(long, value_name = "VERSION")]
    from: Option<String>,
    /// Take as new this version: a number or a time [default: the newest]
    #[arg(long, value_name = "VERSION")]
    to: Option<String>,
    /// Take as old what this other proxy showed
    #[arg(long, value_name = "NAME", requires = "proxy",
          add = ArgValueCompleter::new(complete::proxies))]
    against: Option<String>,
    #[command(flatten)]
    gate: GateArgs,
    /// Count calls at or after TIME [default: 7d]
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Count calls before TIME
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Show and read times in UTC instead of local time
    #[arg(long)]
    utc: bool,
    /// Print one JSON document
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// Choose the output format
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "text")]
    format: ReportFormat,
    /// Use colour
    #[arg(long, value_enum, value_name = "WHEN", default_value = "auto")]
    color: ColourChoice,
    /// Never send long output through a pager
    #[arg(long)]
    no_pager: bool,
}

/// What decides between the exit codes 0 and 1.
#[derive(Debug, Clone, clap::Args)]
struct GateArgs {
    /// Fail when callers are hit at this level or above
    #[arg(long, value_enum, value_name = "LEVEL", default_value = "breaking")]
    fail_on: FailOn,
    /// Fail when trust is hit at this level or above
    #[arg(long, value_enum, value_name = "LEVEL", default_value = "alert")]
    fail_on_security: FailOnSecurity,
    /// Leave out what a rule finds, everywhere or about one item (repeatable)
    #[arg(long, value_name = "RULE[:ITEM]")]
    ignore: Vec<Ignored>,
    /// Leave out what was agreed on in this file
    #[arg(long, value_name = "FILE")]
    accept: Option<PathBuf>,
    /// Write what fails now into this file, as agreed on; what it holds already stays
    #[arg(long, value_name = "FILE")]
    write_accept: Option<PathBuf>,
    /// Say in the accept file why
    #[arg(long, value_name = "TEXT", requires = "write_accept")]
    reason: Option<String>,
    /// Let what is accepted expire at this date
    #[arg(long, value_name = "DATE", requires = "write_accept")]
    expires: Option<chrono::NaiveDate>,
}

impl Args {
    fn zone(&self) -> Zone {
        if self.utc { Zone::Utc } else { Zone::Local }
    }
}

/// Compares; finding what fails is the answer no.
///
/// # Errors
/// When the two cannot be compared, or the output not written.
pub(super) fn run(args: &Args, console: &mut Console) -> anyhow::Result<Exit> {
    console.choose_colour(args.color);
    if !args.no_pager && args.format == ReportFormat::Text && !args.json {
        console.page_long_output();
    }
    let mut accepted = match &args.gate.accept {
        Some(path) => Accepted::read(path)?,
        None => Accepted::default(),
    };
    for note in accepted.expired_notes() {
        console.note(&note);
    }
    let compared = sides::compared(args)?;
    for note in &compared.notes {
        console.note(note);
    }
    let found = diff(&compared.old.surface, &compared.new.surface);
    let verdict = gate::judge(found, &args.gate, &mut accepted);
    for note in accepted.unused_notes() {
        console.note(&note);
    }
    let document = Document {
        known: known::known(args, &compared, &verdict.report)?,
        compared: &compared,
        verdict: &verdict,
    };
    let text = output::rendered(&document, args, console.colours_output());
    console.print(&text)?;
    if let Some(path) = &args.gate.write_accept {
        let count = accept::write(path, &verdict.failing, &args.gate)?;
        let path = path.display();
        console.note(&format!("{count} findings are accepted in {path}"));
        return Ok(Exit::Done);
    }
    Ok(if verdict.failing.is_empty() {
        Exit::Done
    } else {
        Exit::No
    })
}
