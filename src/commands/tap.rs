//! `mcpr tap`: run a stdio MCP server, pass everything on, and record what passes.

mod config;
mod install;
mod report;

use super::StoreArgs;
use super::keeping::Keeping;
use crate::commands::Refused;
use crate::console::Console;
use crate::exit::Exit;
use crate::ingest::{Config, Screen};
use crate::tap::{Copies, Ended, Keeper, Patience, Report, Server, Transcript};
use install::{Target, install, uninstall};
use report::closing_lines;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How long the end of a session waits for a store that takes none of its last rows.
const LAST_ROWS: Duration = Duration::from_secs(3);

/// Where Claude Code tells what it starts which conversation it is of.
const CONVERSATION: &str = "CLAUDE_CODE_SESSION_ID";

/// Run a stdio MCP server and record what passes between it and its client
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Args {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    /// Name the server in the store (default: the command's file name)
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    #[command(flatten)]
    pub(crate) keeping: Keeping,
    /// Say at the end what passed and what was stored
    #[arg(long, short)]
    pub verbose: bool,
    /// The server's command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Put the tap before the servers in an MCP client's configuration
    Install {
        #[command(flatten)]
        target: Target,
        /// Record them into this store [default: ~/.mcpr/store.db]
        #[arg(long, value_name = "FILE")]
        db: Option<PathBuf>,
        #[command(flatten)]
        keeping: Keeping,
    },
    /// Take the tap away from the servers in an MCP client's configuration
    Uninstall {
        #[command(flatten)]
        target: Target,
    },
}

/// Runs the server until it ends, with its exit code; or changes a client's configuration.
///
/// # Errors
/// When the server cannot be started, or the configuration cannot be changed.
pub fn run(args: &Args, console: &mut Console) -> anyhow::Result<Exit> {
    match &args.action {
        Some(Action::Install {
            target,
            db,
            keeping,
        }) => install(target, db.as_deref(), keeping, console),
        Some(Action::Uninstall { target }) => uninstall(target, console),
        None => run_server(args, console),
    }
}

fn run_server(args: &Args, console: &mut Console) -> anyhow::Result<Exit> {
    let screen = args.keeping.screen()?;
    let copies = Arc::new(Copies::default());
    let server = Server::start(&args.command, Arc::clone(&copies)).map_err(|error| {
        let program = args.command.first().map(|it| it.to_string_lossy());
        let program = program.unwrap_or_default();
        Refused::new(format!("cannot run {program}: {error}"))
            .hint("write the server's command after --, as its client would run it")
    })?;
    let keeper = start_keeper(args, screen, &copies, console);
    let ended = server.wait(Patience::USUAL)?;
    if let Some(keeper) = keeper {
        tell(&keeper.finish(LAST_ROWS), args, console);
    }
    Ok(match ended {
        Ended::Code(code) => Exit::Child(code),
        Ended::Signal(number) => Exit::Signal(number),
    })
}

/// Starts the recording side. Where that fails the session goes on without it.
fn start_keeper(
    args: &Args,
    screen: Screen,
    copies: &Arc<Copies>,
    console: &mut Console,
) -> Option<Keeper> {
    let name = args.name.clone().unwrap_or_else(|| name_of(&args.command));
    let session_id = uuid::Uuid::new_v4().hyphenated().to_string();
    let started = args.store.path().and_then(|store| {
        let tell = |line: &str| Console::of_process().note(&format!("mcpr tap: {line}"));
        let conversation = std::env::var(CONVERSATION).ok();
        let transcript = Transcript::new(&name, &session_id)
            .with_bodies(args.keeping.bodies())
            .with_conversation(conversation.as_deref());
        let mut config = Config::new(store);
        config.screen = screen;
        let keeper = Keeper::start(config, transcript, Arc::clone(copies), Arc::new(tell))?;
        Ok(keeper)
    });
    started
        .inspect_err(|error| {
            copies.abandon();
            console.note(&format!(
                "mcpr tap: warning: {error:#}; this session is not recorded"
            ));
        })
        .ok()
}

/// A server is known by its command's file name.
fn name_of(command: &[OsString]) -> String {
    let program = command.first().map(Path::new);
    program.and_then(Path::file_name).map_or_else(
        || "tap".to_owned(),
        |name| name.to_string_lossy().into_owned(),
    )
}

fn tell(report: &Report, args: &Args, console: &mut Console) {
    for line in closing_lines(report, args.verbose) {
        console.note(&format!("mcpr tap: {line}"));
    }
}
