//! `mcpr schema diff`: what changed between two surfaces, and whom it breaks.

mod inputs;
mod known;
mod output;
mod pieces;
mod replay;
mod servers;
mod sides;

use super::accept::Accepted;
use super::gate::{GateArgs, ReportFile, report_format};
use super::{accept, gate};
use crate::commands::args::{AnswerArgs, note_question};
use crate::commands::help::CommandHelp;
use crate::commands::replace::Replacement;
use crate::commands::{Refused, StoreArgs, complete};
use crate::console::Console;
use crate::exit::Exit;
use crate::render::text::escape;
use anyhow::Context;
use clap_complete::ArgValueCompleter;
use known::RecordedFacts;
use mcpr_store::query::when::Zone;
use mcpr_surface::diff;
use mcpr_surface::location::Locator;
use mcpr_surface::report::ReportFormat;
use output::{Document, TextLook};
use std::path::PathBuf;

pub(super) use inputs::Texts;
pub(super) use sides::{Compared, Side};

use super::lists::Lists;

/// What `mcpr schema diff` takes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    /// Compare these two, the old one first: files with lists of any kind, directories of one
    /// tool a file, or GITREV:PATH; - is standard input
    #[arg(value_names = ["OLD", "NEW"], num_args = 2,
          conflicts_with_all = ["proxy", "from", "to", "against", "method"])]
    files: Vec<PathBuf>,
    /// Add this to the old side (repeatable)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["proxy", "from", "to", "against", "method"])]
    old: Vec<PathBuf>,
    /// Add this to the new side (repeatable)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["proxy", "from", "to", "against", "method"])]
    new: Vec<PathBuf>,
    #[command(flatten)]
    store: StoreArgs,
    /// Compare what this proxy showed [default: of each proxy what it showed, in turn]
    #[arg(short, long, value_name = "NAME", add = ArgValueCompleter::new(complete::proxies))]
    proxy: Option<String>,
    /// Compare this list only: server, tools, prompts, resources, templates, or a method
    #[arg(long, value_name = "METHOD")]
    method: Option<Lists>,
    /// Use this version as the old one: a number (of tools/list, unless --method says otherwise), or a time
    #[arg(long, value_name = "VERSION")]
    from: Option<String>,
    /// Use this version as the new one: a number or a time [default: the newest]
    #[arg(long, value_name = "VERSION")]
    to: Option<String>,
    /// Use what this other proxy showed as the old side
    #[arg(long, value_name = "NAME", requires = "proxy",
          add = ArgValueCompleter::new(complete::proxies))]
    against: Option<String>,
    #[command(flatten)]
    gate: GateArgs,
    /// Count calls at or after TIME [default: 7d]
    #[arg(short, long, value_name = "TIME", allow_hyphen_values = true)]
    since: Option<String>,
    /// Count calls before TIME
    #[arg(short, long, value_name = "TIME", allow_hyphen_values = true)]
    until: Option<String>,
    /// Show and read times in UTC instead of local time
    #[arg(long)]
    utc: bool,
    #[command(flatten)]
    output: OutputArgs,
}

/// What its help has beside its flags.
pub(in crate::commands) const HELP: CommandHelp = CommandHelp::new(
    "schema diff",
    &[
        "mcpr schema diff --proxy files # the last two versions of a server",
        "mcpr schema diff old.json new.json # two files",
    ],
)
.with_headings();

/// How a comparison is reported.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct OutputArgs {
    /// Print one JSON document for each server that is compared
    #[arg(short, long, conflicts_with = "format")]
    pub(super) json: bool,
    /// Choose the output format
    #[arg(short = 'o', long, value_parser = report_format(), value_name = "FORMAT", default_value = "text")]
    pub(super) format: ReportFormat,
    /// Write it in this format into FILE as well (repeatable)
    #[arg(long, value_name = "FORMAT=FILE")]
    also: Vec<ReportFile>,
    #[command(flatten)]
    manners: AnswerArgs,
}

impl OutputArgs {
    /// Chooses colour and pager, before anything is printed.
    pub(super) fn prepare(&self, console: &mut Console) {
        self.manners.apply(self.is_text(), console);
    }

    fn is_text(&self) -> bool {
        self.format == ReportFormat::Text && !self.json
    }

    fn write_files(&self, document: &Document<'_, '_>) -> anyhow::Result<()> {
        for ReportFile { format, path } in &self.also {
            // The old report stays until the new one is whole.
            let written = || -> anyhow::Result<()> {
                let mut file = Replacement::begin(path)?;
                output::write(document, *format, TextLook::default(), &mut |piece| {
                    Ok(file.write(piece.as_bytes())?)
                })?;
                Ok(file.commit()?)
            };
            written().with_context(|| format!("cannot write the report {}", path.display()))?;
        }
        Ok(())
    }
}

impl Args {
    /// Whether files are compared, and no store is asked.
    fn are_files(&self) -> bool {
        !(self.files.is_empty() && self.old.is_empty() && self.new.is_empty())
    }

    /// The files of both sides.
    fn sides_of_files(&self) -> Result<(Vec<PathBuf>, Vec<PathBuf>), Refused> {
        let side = |first: Option<&PathBuf>, more: &[PathBuf]| -> Vec<PathBuf> {
            first.into_iter().chain(more).cloned().collect()
        };
        let old = side(self.files.first(), &self.old);
        let new = side(self.files.get(1), &self.new);
        if old.is_empty() || new.is_empty() {
            return Err(Refused::new("one of the two sides has no file")
                .hint("give OLD NEW, or both --old FILE and --new FILE"));
        }
        Ok((old, new))
    }

    fn zone(&self) -> Zone {
        if self.utc { Zone::Utc } else { Zone::Local }
    }
}

/// Compares; finding what fails is the answer no.
///
/// # Errors
/// When the two cannot be compared, or the output not written.
pub(super) fn run(args: &Args, console: &mut Console) -> anyhow::Result<Exit> {
    args.output.prepare(console);
    // Read before the comparison, which may take long: a bad file fails at once.
    let gate = args.gate.resolved(args.are_files())?;
    let mut accepted = gate.accepted(console)?;
    // Files need no store; it may not even exist.
    if !args.are_files() {
        let url = args.store.read_url(console)?;
        let (since, until) = known::window(args)?;
        note_question(&url, Some(since), until, args.zone(), console)?;
    }
    let mut exit = Exit::Done;
    let mut are_several = false;
    sides::each(args, &mut |compared, server| {
        // The report is judged before it is printed, so that what is accepted is not in it.
        let found = diff(&compared.old.surface, &compared.new.surface)?;
        let locator = Locator::of(compared.old.read(), compared.new.read());
        let verdict = gate::judge(found, &gate, &mut accepted);
        let is_text = args.output.is_text();
        if let Some(name) = server.filter(|_| is_text) {
            let gap = if are_several { "\n" } else { "" };
            console.print(&format!("{gap}── {} ──\n", escape(name)))?;
        }
        are_several |= server.is_some();
        for note in &compared.notes {
            // Among several, what is reported about one stands with it: there is nothing else to report.
            match server {
                Some(_) if is_text => console.print(&format!("{}\n", escape(note)))?,
                _ => console.note(note),
            }
        }
        if server.is_some() && is_text && compared.is_of_nothing() {
            return Ok(());
        }
        let document = Document {
            known: known::known(args, compared, &verdict.report)?,
            compared,
            verdict: &verdict,
            audience: gate.audience,
            zone: args.zone(),
            locator: &locator,
        };
        let view = DiffView {
            document: &document,
            gate: &args.gate,
            output: &args.output,
        };
        // Which entries met a finding is known once the last of several was judged.
        let met = server.is_none().then_some(&accepted);
        if view.print(met, console)? == Exit::No {
            exit = Exit::No;
        }
        Ok(())
    })?;
    if are_several {
        say_unused(&accepted, console);
    }
    Ok(exit)
}

/// Judges what a server shows now against a file, and reports it.
pub(super) fn judge_and_print(
    compared: &Compared,
    gate_args: &GateArgs,
    output: &OutputArgs,
    console: &mut Console,
) -> anyhow::Result<Exit> {
    // A snapshot stands in a repository.
    let gate = gate_args.resolved(true)?;
    let mut accepted = gate.accepted(console)?;
    let found = diff(&compared.old.surface, &compared.new.surface)?;
    // What the server shows stands in no file: findings are shown in the snapshot.
    let locator = Locator::of(compared.old.read(), compared.old.read());
    let verdict = gate::judge(found, &gate, &mut accepted);
    let document = Document {
        known: RecordedFacts::default(),
        compared,
        verdict: &verdict,
        audience: gate.audience,
        zone: Zone::Local,
        locator: &locator,
    };
    let view = DiffView {
        document: &document,
        gate: gate_args,
        output,
    };
    view.print(Some(&accepted), console)
}

fn say_unused(accepted: &Accepted, console: &mut Console) {
    for note in accepted.unused_notes() {
        console.note(&note);
    }
}

/// A judged comparison, and how it is printed.
struct DiffView<'a, 'files> {
    document: &'a Document<'a, 'files>,
    gate: &'a GateArgs,
    output: &'a OutputArgs,
}

impl DiffView<'_, '_> {
    fn print(&self, accepted: Option<&Accepted>, console: &mut Console) -> anyhow::Result<Exit> {
        // Only now is it known which entries met a finding.
        if let Some(accepted) = accepted {
            say_unused(accepted, console);
        }
        let look = TextLook {
            has_colour: console.colours_output(),
            width: console.width(),
        };
        let mut print = |piece: &str| Ok(console.print(piece)?);
        if self.output.json {
            output::write_one_line(self.document, &mut print)?;
        } else {
            output::write(self.document, self.output.format, look, &mut print)?;
        }
        self.output.write_files(self.document)?;
        let verdict = self.document.verdict;
        // Written after the report, so that one sees what was accepted.
        if let Some(path) = &self.gate.write_accept {
            let count = accept::write(path, verdict.failing(), self.gate)?;
            let path = path.display();
            console.note(&format!("{count} findings are accepted in {path}"));
            // What would have failed is agreed on now.
            return Ok(Exit::Done);
        }
        Ok(if verdict.is_failed() {
            Exit::No
        } else {
            Exit::Done
        })
    }
}
