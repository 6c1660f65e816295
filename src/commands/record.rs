//! `mcpr record`: read event streams into the store until they end or a signal comes.

mod fifo;
mod limit;
#[cfg_attr(not(feature = "listen"), path = "record/no_listen.rs")]
mod listen;
mod progress;
mod reload;
mod report;
mod run;
mod sources;

use super::help::CommandHelp;
use super::keep_args::KeepArgs;
use super::recording_options::RecordingOptions;
use super::{Refused, StoreArgs, WriterArgs};
use crate::console::Console;
use crate::exit::Exit;
use clap::ValueHint;
use listen::ListenArgs;
use mcpr_ingest::{Config, Full, LineOptions, Live, MethodFilter, Notes};
use mcpr_store::query::Pattern;
use mcpr_store::query::when::parse_duration_us;
use mcpr_wire::Bodies;
pub(crate) use reload::Reread;
use std::ffi::OsString;
use std::time::Duration;

/// Read event streams into the store
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Read these files, globs, named pipes, or `-` for standard input
    #[arg(value_name = "SOURCE", value_hint = ValueHint::AnyPath)]
    pub sources: Vec<OsString>,
    /// Read the logs that `mcpr sources` lists, and those that appear later
    #[arg(long)]
    pub discover: bool,
    #[command(flatten)]
    pub(crate) listen: ListenArgs,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    #[command(flatten)]
    pub(crate) writer: WriterArgs,
    /// Read every source to its end and exit
    #[arg(long)]
    #[cfg_attr(feature = "listen", arg(conflicts_with = "address"))]
    pub once: bool,
    /// Where to begin in a file that was never read before
    #[arg(long, value_enum, default_value_t = From::Start)]
    pub from: From,
    /// Name the proxy of streams that name none (default: the file's name up to the first dot)
    #[arg(long, value_name = "NAME")]
    pub proxy: Option<String>,
    /// Record only methods that match this glob; may be repeated
    #[arg(long, value_name = "GLOB")]
    pub include: Vec<Pattern>,
    /// Do not record methods that match this glob; may be repeated
    #[arg(long, value_name = "GLOB")]
    pub exclude: Vec<Pattern>,
    /// Commit when this many events wait (1 to 10000)
    #[arg(long, value_name = "N", default_value_t = Config::BATCH_SIZE as u64,
          value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub batch_size: u64,
    /// Commit at the latest this long after the first waiting event
    #[arg(long, value_name = "DURATION", default_value = "200ms", value_parser = interval)]
    pub flush_interval: Duration,
    /// What a source does when the queue is full (default: files wait, standard input and pipes drop)
    #[arg(long, value_enum, value_name = "WHAT")]
    pub on_full: Option<OnFull>,
    #[command(flatten)]
    pub(crate) recording: RecordingOptions,
    #[command(flatten)]
    pub(crate) keep: KeepArgs,
    /// Say as well where reading begins in each file, and which files were rotated, moved or removed
    #[arg(short, long)]
    pub verbose: bool,
    /// What the sources have to say meanwhile.
    #[arg(skip)]
    notes: Notes,
    /// Whether payloads are kept, as every source sees it.
    #[arg(skip)]
    bodies: Live<Bodies>,
}

/// What its help has beside its flags.
pub(super) const HELP: CommandHelp = CommandHelp::new(
    "record",
    &[
        "mcpr record /var/log/mcpr/*.log # files of a proxy, and what is added to them",
        "mcpr record --once proxy.log # once, what is there now",
        "mcpr record --listen 127.0.0.1:8787 # what senders post",
    ],
);

/// Where a file without a checkpoint begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum From {
    /// With its first line
    Start,
    /// With what is written from now on
    End,
}

/// What a source does when the queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum OnFull {
    /// Drop events, count them and store a gap in their place
    Drop,
    /// Wait until there is room
    Block,
}

impl OnFull {
    fn full(self) -> Full {
        match self {
            Self::Drop => Full::Drop,
            Self::Block => Full::Block,
        }
    }
}

impl Args {
    /// What is wanted of every source, of whatever kind.
    fn wanted(&self) -> LineOptions {
        LineOptions {
            methods: MethodFilter {
                include: self.include.clone(),
                exclude: self.exclude.clone(),
            },
            bodies: self.bodies.clone(),
            notes: self.notes.clone(),
        }
    }

    /// Passes on what the sources have to say.
    fn report_notes(&self, console: &mut Console) {
        for note in self.notes.take() {
            console.note(&note);
        }
    }
}

fn interval(text: &str) -> Result<Duration, String> {
    let us = parse_duration_us(text).map_err(|error| error.to_string())?;
    match u64::try_from(us) {
        Ok(us) if (1_000..=60_000_000).contains(&us) => Ok(Duration::from_micros(us)),
        _ => Err("it must lie between 1ms and 60s".to_owned()),
    }
}

/// Records until the sources end or a signal comes; SIGHUP has it read the configuration again.
///
/// # Errors
/// When a source or the store cannot be opened, or the store fails for good.
pub(crate) fn run(args: &Args, reread: Reread<'_>, console: &mut Console) -> anyhow::Result<Exit> {
    // An address of the configuration has no end, and `--once` asks for one.
    let listens = args.listen.is_named() && !args.once;
    if args.sources.is_empty() && !args.discover && !listens {
        let hint = if cfg!(feature = "listen") {
            "name files, globs, named pipes, or - for standard input; or an address with --listen or --metrics; \
             --discover reads the logs of this machine"
        } else {
            "name files, globs, named pipes, or - for standard input; --discover reads the logs of this machine"
        };
        return Err(Refused::new("nothing to record: no SOURCE is named")
            .hint(hint)
            .into());
    }
    run::run(args, reread, console)
}
