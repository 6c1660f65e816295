//! `mcpr tap --url` and `mcpr tap serve`: servers at addresses, with this program in the middle.

use super::served::ServedServers;
use super::{Args, LAST_ROWS, RecordingPlan, print_report, report};
use crate::commands::keep_args::KeepArgs;
use crate::commands::recording_options::RecordingOptions;
use crate::commands::{Refused, StoreArgs, WriterArgs};
use crate::config::values::address;
use crate::console::Console;
use crate::exit::Exit;
use anyhow::Context;
use mcpr_ingest::Screen;
use mcpr_ingest::relay::{RelayAddress, RelayTarget, ServerTrust};
use mcpr_ingest::tap::{TapRecorder, ignored_signals};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Where the servers are, and where they are reached here.
#[derive(Debug, clap::Args)]
pub(super) struct RelayArgs {
    /// Stand before the server at this URL (Streamable HTTP or SSE); its client calls the address that is
    /// printed
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    #[command(flatten)]
    way: RelayWay,
}

/// How clients reach the tap, and how it reaches servers.
#[derive(Debug, clap::Args)]
pub(super) struct RelayWay {
    /// Listen on this address of this machine for clients; port 0 is any free one
    #[arg(long, value_name = "ADDRESS", value_parser = address, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Believe only the authorities in FILE (PEM), and not those of this machine
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Believe any certificate; only for a server on this machine
    #[arg(long, conflicts_with = "ca")]
    insecure: bool,
}

/// The settings of `serve`.
#[derive(Debug, clap::Args)]
pub(super) struct ServeArgs {
    /// Serve this one, as NAME=URL; may be repeated (default: `servers` of the configuration)
    #[arg(long = "server", value_name = "NAME=URL")]
    servers: Vec<String>,
    #[command(flatten)]
    way: RelayWay,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    writer: WriterArgs,
    #[command(flatten)]
    recording: RecordingOptions,
    #[command(flatten)]
    keep: KeepArgs,
    /// Print at the end what passed and what was stored
    #[arg(long, short)]
    verbose: bool,
}

impl ServeArgs {
    /// What is kept of what passes.
    pub(super) fn recording(&mut self) -> &mut RecordingOptions {
        &mut self.recording
    }

    fn plan(&self) -> RecordingPlan<'_> {
        RecordingPlan {
            store: &self.store,
            writer: &self.writer,
            recording: &self.recording,
            keep: &self.keep,
            unrecorded: None,
            is_verbose: self.verbose,
        }
    }

    /// The servers: those that were named, in that order, and those that installed configurations reach here.
    fn targets(&self, installed: &ServedServers) -> Result<Vec<RelayTarget>, Refused> {
        let mut targets: Vec<RelayTarget> = Vec::new();
        for named in &self.servers {
            // What is wrong is reported without the URL, which may hold a key.
            let (name, url) = named.split_once('=').unwrap_or(("", named));
            let refused = |why: String| {
                let hint = "give NAME=URL, such as files=https://host/mcp";
                Refused::new(format!("the server `{name}`: {why}")).hint(hint)
            };
            let target = RelayTarget::named(name, url);
            let target = target.map_err(|error| refused(error.to_string()))?;
            if targets.iter().any(|known| known.name() == target.name()) {
                return Err(refused("there is another one of this name".to_owned()));
            }
            targets.push(target);
        }
        for (name, url) in installed.named() {
            // A name that the configuration has is its own, as it was before.
            if !targets.iter().any(|known| known.name() == name) {
                let refused = |error| Refused::new(format!("the server `{name}`: {error}"));
                targets.push(RelayTarget::named(name, url).map_err(refused)?);
            }
        }
        if targets.is_empty() {
            let hint = "write them into the configuration, as `name = \"https://host/mcp\"` below \
                        `[servers]`, or give --server NAME=URL";
            return Err(Refused::new("there are no servers to stand before").hint(hint));
        }
        Ok(targets)
    }
}

impl RelayArgs {
    /// Whether a server at an address is to be tapped.
    pub(super) fn is_asked(&self) -> bool {
        self.url.is_some()
    }
}

impl RelayWay {
    /// Takes the address at which these servers are to be reached.
    fn bind(&self, listen: SocketAddr, targets: Vec<RelayTarget>) -> anyhow::Result<RelayAddress> {
        if !listen.ip().is_loopback() {
            let message = format!("--listen {listen}: other machines reach that address");
            let hint = "a tap is for the clients of this machine: give 127.0.0.1:PORT";
            return Err(Refused::new(message).hint(hint).into());
        }
        let far = targets.iter().find(|target| !target.is_loopback());
        if let Some(far) = far.filter(|_| self.insecure) {
            let message = format!("--insecure: {} is not on this machine", far.shown());
            let hint = "give the certificate of its authority with --ca FILE";
            return Err(Refused::new(message).hint(hint).into());
        }
        let trust = match &self.ca {
            Some(file) => ServerTrust::File(file.clone()),
            None if self.insecure => ServerTrust::Anybody,
            None => ServerTrust::Platform,
        };
        Ok(RelayAddress::bind(listen, targets, &trust)?)
    }
}

/// Stands before one server until it is asked to end.
pub(super) fn alone(args: &Args, console: &mut Console) -> anyhow::Result<Exit> {
    let url = args.relay.url.as_deref().unwrap_or_default();
    let target = RelayTarget::alone(args.name.as_deref(), url).map_err(|error| {
        let hint = "give the URL that the client has now, such as https://host/mcp";
        Refused::new(format!("--url: {error}")).hint(hint)
    })?;
    let source = format!("tap {}", target.name());
    let bound = args.relay.way.bind(args.relay.way.listen, vec![target])?;
    run(args.plan(), &source, bound, console)
}

/// Stands before several servers until it is asked to end.
pub(super) fn serve(args: &ServeArgs, console: &mut Console) -> anyhow::Result<Exit> {
    let installed = ServedServers::load()?;
    let targets = args.targets(&installed)?;
    // Clients have that address in their configurations; another one is named where it is meant.
    let has_installed = installed.named().next().is_some() && args.way.listen.port() == 0;
    let listen = if has_installed {
        installed.listen
    } else {
        args.way.listen
    };
    let bound = args.way.bind(listen, targets)?;
    run(args.plan(), "tap serve", bound, console)
}

/// Serves an address until the end is asked for.
fn run(
    plan: RecordingPlan<'_>,
    source: &str,
    bound: RelayAddress,
    console: &mut Console,
) -> anyhow::Result<Exit> {
    let screen = plan.recording.screen()?;
    let ignored = ignored_signals();
    let numbers = [SIGINT, SIGTERM, SIGHUP];
    let caught = numbers.iter().filter(|number| !ignored.contains(number));
    // Caught before anything is recorded: what is open at the end is written.
    let mut signals = Signals::new(caught).context("cannot catch signals")?;
    let recorder = start_recorder(plan, screen, source, &bound);
    for target in bound.targets() {
        console.note(&format!(
            "mcpr tap: {} leads to {}: put it into the client in its place",
            bound.url_of(target),
            target.shown(),
        ));
    }
    let relay = bound.serve().context("cannot start to listen")?;
    // Nothing else ends it: a server that cannot be reached now may be there later.
    let asked = signals.forever().next();
    let hurry = Arc::new(AtomicBool::new(false));
    for number in numbers {
        // Whoever asks again does not want to wait.
        signal_hook::flag::register(number, Arc::clone(&hurry))?;
    }
    if asked.is_some() && plan.is_verbose {
        console.note("mcpr tap: ending");
    }
    let report = relay.stop(recorder, LAST_ROWS, &hurry)?;
    if let Some(report) = report {
        print_report(&report, plan.is_verbose, console);
    }
    Ok(Exit::Done)
}

/// Starts the recording side. Where that fails, what passes goes on without it.
fn start_recorder(
    plan: RecordingPlan<'_>,
    screen: Screen,
    source: &str,
    bound: &RelayAddress,
) -> Option<TapRecorder> {
    let run = uuid::Uuid::new_v4().hyphenated().to_string();
    let started = plan.config(screen).and_then(|config| {
        let bodies = plan.recording.bodies();
        Ok(bound.record(config, source, &run, bodies, Arc::new(report))?)
    });
    started
        .inspect_err(|error| {
            bound.record_nothing();
            report(&format!("warning: {error:#}; nothing is recorded"));
        })
        .ok()
}
