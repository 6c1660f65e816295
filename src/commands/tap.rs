//! `mcpr tap`: run a stdio MCP server, or stand before one at an address, pass everything on, and record
//! what passes.

mod choice;
mod config;
mod install;
mod kept;
mod package;
mod refusal;
#[cfg(feature = "tap-http")]
mod relay;
mod replace;
mod report;
mod served;

use super::help::CommandHelp;
use super::keep_args::KeepArgs;
use super::recording_options::RecordingOptions;
use super::sources::{self, ListedServer};
use super::{StoreArgs, WriterArgs};
use crate::commands::Refused;
use crate::console::Console;
use crate::exit::Exit;
use config::ServerWay;
use install::ConfigArgs;
pub(super) use install::HELP as INSTALL_HELP;
use mcpr_ingest::tap::{
    Copies, EndTimeouts, ErrorOutput, FinalFlush, Moment, ServerExit, ServerLifetime, TapRecorder,
    TapReport, TappedServer, Transcript,
};
use mcpr_ingest::{Config, Screen};
use package::package_of;
use report::closing_lines;
use served::ServedServers;
use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// How long the end of a session waits for its last rows: clients ask a server to end about 2 s after
/// they have closed its input, and kill it 2 s later.
const LAST_ROWS: FinalFlush = FinalFlush {
    patience: Duration::from_secs(2),
    most: Duration::from_secs(5),
};

/// Where Claude Code puts the conversation's id for what it starts.
const CONVERSATION: &str = "CLAUDE_CODE_SESSION_ID";

/// The first argument of a process that a tap has started to become its server.
pub(crate) const BECOME_SERVER: &str = "__tap-become-server";

/// The first argument of a process that a tap has started to end its server should it be killed.
pub(crate) const WATCH_TAP: &str = "__tap-watch";

/// Run a stdio MCP server, or stand before one at a URL, and record what passes between it and its client
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Args {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    #[command(flatten)]
    pub(crate) writer: WriterArgs,
    /// Name the server in the store (default: what it calls itself, else its package; of a URL its host)
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    #[command(flatten)]
    pub(crate) recording: RecordingOptions,
    #[command(flatten)]
    keep: KeepArgs,
    /// Print at the end what passed and what was stored
    #[arg(long, short)]
    pub verbose: bool,
    /// Written by `install` where a configuration had an empty list of arguments, for `uninstall`
    // A client writes its configuration anew in its own way: only a word among the arguments survives that.
    #[arg(long = "empty-args", hide = true)]
    had_empty_list: bool,
    #[cfg(feature = "tap-http")]
    #[command(flatten)]
    relay: relay::RelayArgs,
    /// The server's command and its arguments
    #[cfg_attr(
        feature = "tap-http",
        arg(required_unless_present = "url", conflicts_with = "url")
    )]
    #[cfg_attr(not(feature = "tap-http"), arg(required = true))]
    // Completed as paths: a server is mostly a script or a program somewhere.
    #[arg(last = true, value_name = "COMMAND", value_hint = clap::ValueHint::AnyPath)]
    pub command: Vec<OsString>,
    /// Why nothing can be recorded: the session goes on without it.
    #[arg(skip)]
    pub(crate) unrecorded: Option<String>,
}

/// What its help has beside its flags.
pub(super) const HELP: CommandHelp = CommandHelp::new(
    "tap",
    &[
        "mcpr tap --name files -- npx -y @modelcontextprotocol/server-filesystem . # run a server, and record what passes",
        "mcpr tap install --client cursor # put the tap before the servers of a client",
    ],
);

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Put the tap before the servers in clients' configurations
    Install(Box<install::InstallArgs>),
    /// Show which servers of clients' configurations are tapped, and whether each tap can work
    Status(sources::Args),
    /// Stand before several servers at URLs, each at its name: http://127.0.0.1:PORT/NAME/…
    #[cfg(feature = "tap-http")]
    Serve(Box<relay::ServeArgs>),
    /// Remove the tap from the servers in clients' configurations
    Uninstall {
        #[command(flatten)]
        target: ConfigArgs,
    },
}

/// Where what passes is recorded, and how much of it.
#[derive(Clone, Copy)]
struct RecordingPlan<'a> {
    store: &'a StoreArgs,
    writer: &'a WriterArgs,
    recording: &'a RecordingOptions,
    keep: &'a KeepArgs,
    /// Why nothing can be recorded.
    unrecorded: Option<&'a str>,
    is_verbose: bool,
}

impl RecordingPlan<'_> {
    /// The same for a recorder.
    fn config(self, screen: Screen) -> anyhow::Result<Config> {
        if let Some(reason) = self.unrecorded {
            anyhow::bail!("{reason}");
        }
        let mut config = Config::new(self.store.url()?);
        config.screen = screen;
        config.writer = self.writer.options(false);
        config.keep = self.keep.keep(self.store);
        Ok(config)
    }
}

impl Args {
    /// Takes in what the configuration file says and no default of a flag can.
    pub(crate) fn configure(&mut self, patterns: &[String], keeps_payloads: bool) {
        let configure = |recording: &mut RecordingOptions| {
            recording.configure(patterns);
            if keeps_payloads {
                recording.keep_payloads();
            }
        };
        configure(&mut self.recording);
        // It has options of its own.
        #[cfg(feature = "tap-http")]
        if let Some(Action::Serve(args)) = &mut self.action {
            configure(args.recording());
        }
    }

    fn plan(&self) -> RecordingPlan<'_> {
        RecordingPlan {
            store: &self.store,
            writer: &self.writer,
            recording: &self.recording,
            keep: &self.keep,
            unrecorded: self.unrecorded.as_deref(),
            is_verbose: self.verbose,
        }
    }

    /// Whether a server is run, and not a client's configuration changed.
    pub(crate) fn runs_server(&self) -> bool {
        self.action.is_none()
    }
}

/// The servers of a client's configuration, or why they cannot be determined.
pub(super) fn listed_servers(path: &Path) -> Result<Vec<ListedServer>, String> {
    let text = replace::read(path, path).map_err(|error| {
        // With its cause, and without the file, which stands beside it.
        let (why, file) = (format!("{error:#}"), format!("{}: ", path.display()));
        why.strip_prefix(&file).unwrap_or(&why).to_owned()
    })?;
    let servers = config::list(&text).map_err(|error| refusal::reason(path, &error))?;
    // Where they cannot be read, a server at one of these addresses is one at a URL like any other.
    let served = ServedServers::load().unwrap_or_default();
    let locals = served.all_addresses();
    let listed = |server: config::ServerForm| {
        let program = server.tap_program().map(str::to_owned);
        // An address of the tap is known by what installations wrote, not by its looks.
        let is_served = |url: &str| locals.iter().any(|address| address.local == url);
        let is_lost =
            matches!(&server.way, ServerWay::Url(url) if served.is_lost(&server.name, url));
        let (transport, is_tapped) = match &server.way {
            ServerWay::Command(_) => (Some("stdio"), program.is_some()),
            ServerWay::Url(url) => (Some("http"), is_lost || is_served(url)),
            ServerWay::Unknown => (None, false),
        };
        let problem = if program.is_some_and(|program| install::is_gone(&program)) {
            Some("the program of its tap is gone: mcpr tap install mends it")
        } else if is_lost {
            Some("nobody knows what its address stands for: write its own URL there by hand")
        } else if is_tapped && transport == Some("http") && !served.are_served() {
            Some("nobody serves its address: mcpr tap serve")
        } else {
            None
        };
        ListedServer {
            name: server.name,
            transport,
            is_tapped,
            problem: problem.map(str::to_owned),
        }
    };
    Ok(servers.into_iter().map(listed).collect())
}

/// Runs the server until it ends, with its exit code; or changes a client's configuration.
///
/// # Errors
/// When the server cannot be started, or the configuration cannot be changed.
pub fn run(args: &Args, console: &mut Console) -> anyhow::Result<Exit> {
    match &args.action {
        Some(Action::Install(args)) => install::install(args, console),
        Some(Action::Status(args)) => sources::status(args, console),
        Some(Action::Uninstall { target }) => install::uninstall(target, console),
        #[cfg(feature = "tap-http")]
        Some(Action::Serve(args)) => relay::serve(args, console),
        #[cfg(feature = "tap-http")]
        None if args.relay.is_asked() => relay::alone(args, console),
        None => run_server(args, console),
    }
}

fn run_server(args: &Args, console: &mut Console) -> anyhow::Result<Exit> {
    let screen = args.plan().recording.screen()?;
    let copies = Arc::new(Copies::default());
    let at = Moment::now();
    let server = match TappedServer::start(&args.command, &lasts_with(), Arc::clone(&copies)) {
        Ok(server) => server,
        Err(error) => {
            record_refusal(args, screen, &copies, &error, console);
            return Err(cannot_run(args, &error));
        }
    };
    let begun = BegunServer {
        at,
        pid: server.pid(),
        errors: server.errors(),
        refused: None,
    };
    let recorder = start_recorder(args, screen, &copies, begun);
    let hurry = server.hurry();
    let ended = server.wait(EndTimeouts::USUAL)?;
    if let Some(recorder) = recorder {
        let report = recorder.finish(LAST_ROWS, &hurry);
        print_report(&report, args.plan().is_verbose, console);
    }
    Ok(match ended {
        ServerExit::Code(code) => Exit::Child(code),
        ServerExit::Signal(number) => Exit::Signal(number),
    })
}

/// What is known of a server when its recorder starts.
struct BegunServer {
    /// Since when it can have been spoken to.
    at: Moment,
    pid: Option<u32>,
    errors: Option<ErrorOutput>,
    /// Why it could not be started.
    refused: Option<String>,
}

/// Leaves a session that says why there is nothing in it.
fn record_refusal(
    args: &Args,
    screen: Screen,
    copies: &Arc<Copies>,
    error: &std::io::Error,
    console: &mut Console,
) {
    // Nothing passes: the session is over as soon as it is begun.
    let at = Moment::now();
    copies.close(at);
    let begun = BegunServer {
        at,
        pid: None,
        errors: None,
        refused: Some(error.to_string()),
    };
    if let Some(recorder) = start_recorder(args, screen, copies, begun) {
        let report = recorder.finish(LAST_ROWS, &AtomicBool::new(false));
        print_report(&report, args.verbose, console);
    }
}

fn cannot_run(args: &Args, error: &std::io::Error) -> anyhow::Error {
    let program = args.command.first().map(|it| it.to_string_lossy());
    let program = program.unwrap_or_default();
    Refused::new(format!("cannot run {program}: {error}"))
        .hint("write the server's command after --, as its client would run it")
        .into()
}

/// A command line as a person would type it.
fn command_line(command: &[OsString]) -> String {
    let words = command.iter().map(|word| {
        let word = word.to_string_lossy();
        let is_plain = !word.is_empty() && !word.contains([' ', '\t', '\n', '"', '\'']);
        if is_plain {
            word.into_owned()
        } else {
            // The quote within quotes, as a shell takes it.
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// How the server ends with a tap that is killed.
fn lasts_with() -> ServerLifetime {
    if cfg!(target_os = "linux") {
        // The link leads to this program even where another version has taken its place.
        return ServerLifetime::Kernel(vec!["/proc/self/exe".into(), BECOME_SERVER.into()]);
    }
    let program = std::env::current_exe().unwrap_or_default();
    ServerLifetime::Watcher(vec![program.into(), WATCH_TAP.into()])
}

/// Watches over the tap that has started this process, and ends its server with it.
#[must_use]
pub fn watch_tap(arguments: &[OsString]) -> Exit {
    match mcpr_ingest::tap::watch(arguments, std::io::stdin()) {
        Ok(()) => Exit::Done,
        // Nobody listens: the tap has given it no standard error.
        Err(_) => Exit::Failed,
    }
}

/// Becomes the server that a tap was started for.
pub fn become_server(arguments: &[OsString], console: &mut Console) -> Exit {
    // A tap that knows of it says so itself: on a terminal both would stand there.
    if let Err(error) = mcpr_ingest::tap::become_server(arguments) {
        console.note(&format!("mcpr tap: cannot become the server: {error}"));
    }
    Exit::Failed
}

/// Starts the recording side. Where that fails the session goes on without it.
fn start_recorder(
    args: &Args,
    screen: Screen,
    copies: &Arc<Copies>,
    begun: BegunServer,
) -> Option<TapRecorder> {
    let named = args.name.clone();
    let name = named.unwrap_or_else(|| package_of(&args.command));
    let session_id = uuid::Uuid::new_v4().hyphenated().to_string();
    let started = args.plan().config(screen).and_then(|config| {
        let conversation = std::env::var(CONVERSATION).ok();
        let mut transcript = Transcript::new(&name, &session_id)
            .begun_at(begun.at)
            .with_bodies(args.recording.bodies())
            .with_conversation(conversation.as_deref());
        if args.name.is_none() {
            transcript = transcript.named_by_server();
        }
        transcript.say(|run| {
            run.command = Some(command_line(&args.command).into());
            run.pid = begun.pid;
            run.is_death = begun.refused.is_some();
            run.refused = begun.refused.map(Into::into);
        });
        let recorder = TapRecorder::start(
            config,
            transcript,
            Arc::clone(copies),
            begun.errors,
            Arc::new(report),
        )?;
        Ok(recorder)
    });
    started
        .inspect_err(|error| {
            copies.abandon();
            report(&format!("warning: {error:#}; this session is not recorded"));
        })
        .ok()
}

/// Says something on standard error, from whatever thread.
fn report(line: &str) {
    Console::of_process().note(&format!("mcpr tap: {line}"));
}

fn print_report(report: &TapReport, is_verbose: bool, console: &mut Console) {
    for line in closing_lines(report, is_verbose) {
        console.note(&format!("mcpr tap: {line}"));
    }
}
