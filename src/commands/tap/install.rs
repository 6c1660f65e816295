//! `mcpr tap install` and `uninstall`: an MCP client's configuration file, changed in one step if nobody
//! else changed it, with the old one kept in the state directory.

use super::choice::{ChosenConfig, choose};
use super::config::{
    ConfigError, Rewrite, Rewritten, ServedAddress, ServerForm, ServerOutcome, ServerWay,
    UnservedUrls, list, rewrite,
};
use super::kept::ConfigKeep;
use super::refusal::refused;
use super::replace::{Replaced, read, replace};
use super::served::{LOST, ServedServers};
use crate::commands::help::CommandHelp;
use crate::commands::recording_options::RecordingOptions;
use crate::commands::{Refused, WriterArgs, places};
use crate::config::values::address;
use crate::console::Console;
use crate::exit::Exit;
use crate::render::text::escape;
use anyhow::Context;
use mcpr_store::StoreUrl;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// How often a configuration is read again that another program goes on changing.
const MAX_TRIES: usize = 8;

/// Which servers of which configurations
#[derive(Debug, clap::Args)]
pub(super) struct ConfigArgs {
    /// Change this configuration file, such as `.mcp.json` or `claude_desktop_config.json`
    #[arg(long, value_name = "FILE", conflicts_with_all = ["clients", "all"])]
    pub(super) config: Option<PathBuf>,
    /// Change the configurations of this client; may be repeated
    #[arg(long = "client", value_name = "NAME", value_parser = places::clients(), conflicts_with = "all")]
    pub(super) clients: Vec<String>,
    /// Change the configurations of all clients that this machine has
    #[arg(long)]
    pub(super) all: bool,
    /// Change these servers only
    #[arg(value_name = "SERVER")]
    pub(super) servers: Vec<String>,
    /// Print what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// How an installation goes about it
#[derive(Debug, clap::Args)]
pub(super) struct InstallArgs {
    #[command(flatten)]
    target: ConfigArgs,
    /// Change taps that are there already, too: to this program, and to the options given here
    #[arg(long)]
    update: bool,
    /// Leave servers at URLs as they are (others are reached through `mcpr tap serve`)
    #[arg(long)]
    no_urls: bool,
    /// Have `mcpr tap serve` listen on this address of this machine [default: 127.0.0.1:8788]
    #[arg(long, value_name = "ADDRESS", value_parser = address, conflicts_with = "no_urls")]
    serve_at: Option<SocketAddr>,
    /// Record them into this store [default: ~/.mcpr/recorder.db]
    #[arg(long, value_name = "FILE", env = "MCPR_DB", hide_env_values = true)]
    db: Option<PathBuf>,
    #[command(flatten)]
    writer: WriterArgs,
    #[command(flatten)]
    recording: RecordingOptions,
}

/// What its help has beside its flags.
pub(in crate::commands) const HELP: CommandHelp = CommandHelp::new(
    "tap install",
    &[
        "mcpr tap install --all --dry-run # see what would change",
        "mcpr tap install --client cursor # one client",
    ],
);

impl InstallArgs {
    /// The arguments of the installed taps.
    fn arguments(&self) -> anyhow::Result<Vec<String>> {
        let mut arguments = Vec::new();
        if let Some(db) = self.db.as_deref().filter(|db| !db.as_os_str().is_empty()) {
            // The client runs the tap in a directory of its own.
            let db = StoreUrl::parse(db)?;
            if db.has_password() {
                let message = "the store's URL has a password, which would stand in the clients' files and in the list of processes";
                let hint = "leave it out of the URL and put it into ~/.pgpass, a line HOST:PORT:DATABASE:USER:PASSWORD that \
                            only you may read (chmod 600)";
                return Err(Refused::new(message).hint(hint).into());
            }
            let db = db.from_anywhere();
            let db = db.context("cannot resolve the store's path")?;
            arguments = vec!["--db".to_owned(), db.to_string_lossy().into_owned()];
        }
        arguments.extend(self.writer.arguments());
        arguments.extend(self.recording.arguments());
        Ok(arguments)
    }

    /// What is to be done to each configuration.
    fn task(&self) -> anyhow::Result<ConfigTask> {
        // What the tap would refuse later, in a client that may hide it, is refused now.
        self.recording.screen()?;
        if let Some(listen) = self.serve_at
            && (!listen.ip().is_loopback() || listen.port() == 0)
        {
            let message =
                format!("--serve-at {listen}: clients of this machine are to find it there");
            let hint = "give an address of this machine and a port, such as 127.0.0.1:8788";
            return Err(Refused::new(message).hint(hint).into());
        }
        let program = std::env::current_exe().context("cannot find this very program")?;
        Ok(ConfigTask::Install(InstallTask {
            program: program.to_string_lossy().into_owned(),
            options: self.arguments()?,
            updates: self.update,
            serves: cfg!(feature = "tap-http") && !self.no_urls,
            serve_at: self.serve_at,
        }))
    }
}

/// What an installation is to do.
struct InstallTask {
    program: String,
    options: Vec<String>,
    updates: bool,
    /// Whether servers at URLs are reached through the tap.
    serves: bool,
    serve_at: Option<SocketAddr>,
}

/// What is to be done to a configuration.
enum ConfigTask {
    Install(InstallTask),
    Uninstall,
}

/// Puts the tap before the servers of configurations.
pub(super) fn install(args: &InstallArgs, console: &mut Console) -> anyhow::Result<Exit> {
    change_all(&args.target, &args.task()?, console)
}

/// Whether there is no program at a path. A name alone is looked up where the client runs, as a path
/// from its directory is: neither can be determined from here.
pub(super) fn is_gone(program: &str) -> bool {
    let path = Path::new(program);
    path.is_absolute() && !path.is_file()
}

/// Takes the tap away from the servers of configurations.
pub(super) fn uninstall(target: &ConfigArgs, console: &mut Console) -> anyhow::Result<Exit> {
    change_all(target, &ConfigTask::Uninstall, console)
}

/// What was done to the configurations so far.
#[derive(Default)]
struct ChangeReport {
    /// The clients that have to read theirs again.
    clients: Vec<&'static str>,
    has_changed: bool,
    /// Whether a server at a URL is reached through the tap now.
    is_served: bool,
    has_failed: bool,
}

fn change_all(
    target: &ConfigArgs,
    task: &ConfigTask,
    console: &mut Console,
) -> anyhow::Result<Exit> {
    let choice = choose(target, console)?;
    let mut report = ChangeReport::default();
    for error in &choice.passed_over {
        crate::commands::report(error, console);
        report.has_failed = true;
    }
    if choice.configs.is_empty() && !report.has_failed {
        console.note("nothing was chosen, and nothing changed");
    }
    let mut served = ServedServers::load()?;
    // Each is planned on top of those before it, dry run or not: one and the same address for two servers would be
    // printed by a dry run that knew of each file alone.
    let plan_next = |config| plan(config, task, &mut served);
    let plans: Vec<_> = choice.configs.iter().map(plan_next).collect();
    let is_only = plans.len() == 1 && !report.has_failed;
    for plan in plans {
        let changed = plan.and_then(|plan| {
            change(
                plan,
                task,
                target.dry_run,
                &mut served,
                &mut report,
                console,
            )
        });
        match changed {
            Ok(()) => {}
            // The only one there is is the whole answer.
            Err(error) if is_only => return Err(error),
            Err(error) => {
                crate::commands::report(&error, console);
                report.has_failed = true;
            }
        }
    }
    report.report_task(task, console);
    Ok(if report.has_failed {
        Exit::Failed
    } else {
        Exit::Done
    })
}

impl ChangeReport {
    /// Says what is to be done now.
    fn report_task(&mut self, task: &ConfigTask, console: &mut Console) {
        if !self.has_changed {
            return;
        }
        // A client may have several configurations, which stand one behind the other.
        self.clients.dedup();
        let which = match &self.clients[..] {
            [] | [_] => "restart the client".to_owned(),
            several => format!("restart the clients ({})", several.join(", ")),
        };
        if self.is_served {
            console.note(
                "servers at URLs are reached through the tap, which has to run: mcpr tap serve",
            );
        }
        let then = match task {
            ConfigTask::Install(_) => "then: mcpr logs -f",
            ConfigTask::Uninstall => "then it goes on without the tap",
        };
        console.note(&format!("{which}, {then}"));
    }

    /// Counts what was left alone although that was asked for.
    fn note_left(&mut self, task: &ConfigTask, config: &ChosenConfig, outcome: &ServerOutcome) {
        let is_asked = match task {
            // Of all servers only those that can be tapped are meant.
            ConfigTask::Install(_) => !config.servers.is_empty(),
            ConfigTask::Uninstall => true,
        };
        self.has_failed |= is_asked && matches!(outcome, ServerOutcome::LeftAlone(_));
    }
}

/// A configuration as it is, and as it is to be.
struct PlannedChange<'a> {
    config: &'a ChosenConfig,
    /// Where it is a link, the file behind it is changed and the link stays.
    path: PathBuf,
    text: String,
    rewritten: Rewritten,
}

/// Looks at a configuration; takes in the servers at URLs that it is to reach through the tap.
fn plan<'a>(
    config: &'a ChosenConfig,
    task: &ConfigTask,
    served: &mut ServedServers,
) -> anyhow::Result<PlannedChange<'a>> {
    let shown = config.path.display();
    let path = fs::canonicalize(&config.path).with_context(|| format!("cannot read {shown}"))?;
    let text = read(&path, &config.path)?;
    let mut next = served.clone();
    let rewritten = task
        .rewrite(&path, &text, config, &mut next)
        .map_err(|error| refused(&config.path, &error))?;
    // What was taken in for a text that is refused is dropped.
    *served = next;
    Ok(PlannedChange {
        config,
        path,
        text,
        rewritten,
    })
}

fn change(
    mut planned: PlannedChange<'_>,
    task: &ConfigTask,
    is_dry: bool,
    served: &mut ServedServers,
    report: &mut ChangeReport,
    console: &mut Console,
) -> anyhow::Result<()> {
    let config = planned.config;
    let shown = config.path.display();
    for _ in 0..MAX_TRIES {
        let is_change = planned.rewritten.text != planned.text;
        let backup = if is_change && !is_dry {
            let Some(backup) = put(&planned, task, served)? else {
                // Another program has written it since.
                planned = plan(config, task, served)?;
                continue;
            };
            Some(backup)
        } else {
            None
        };
        if let Some(client) = config.client {
            console.print(&format!("{client}: {}\n", escape(&shown.to_string())))?;
        }
        for (name, outcome) in &planned.rewritten.servers {
            report.note_left(task, config, outcome);
            for line in change_lines(name, outcome) {
                console.print(&format!("{}\n", escape(&line)))?;
            }
        }
        if let Some(backup) = backup {
            let backup = backup.display();
            console.note(&format!("{shown}: changed; as it was before: {backup}"));
            report.has_changed = true;
            report.clients.extend(config.client);
            let is_install = matches!(task, ConfigTask::Install(_));
            report.is_served |= is_install && served.is_used_by(&planned.path);
        } else if is_change {
            console.note(&format!("{shown}: not changed (--dry-run)"));
        } else {
            console.note(&format!("{shown}: nothing to change"));
        }
        return Ok(());
    }
    let refused = Refused::new(format!("{shown}: another program goes on changing it"));
    Err(refused.hint("close the client, then try again").into())
}

impl ConfigTask {
    /// What becomes of a text, and of the servers at URLs that the tap stands before.
    fn rewrite(
        &self,
        path: &Path,
        text: &str,
        config: &ChosenConfig,
        served: &mut ServedServers,
    ) -> Result<Rewritten, ConfigError> {
        let kept = ConfigKeep::of(path).map_or_else(|_| Vec::new(), |keep| keep.entries());
        let task = match self {
            Self::Uninstall => {
                let mut unserved = at_urls(list(text)?);
                unserved.retain(|(name, url)| served.is_lost(name, url));
                Rewrite::Uninstall {
                    addresses: served.all_addresses(),
                    unserved: unserved.into_iter().map(|(_, url)| (url, LOST)).collect(),
                    kept,
                }
            }
            Self::Install(task) => {
                let (addresses, unserved) = task.addresses(path, text, config, served)?;
                Rewrite::Install {
                    program: task.program.clone(),
                    options: task.options.clone(),
                    is_gone,
                    updates: task.updates,
                    addresses,
                    unserved,
                    kept,
                }
            }
        };
        rewrite(text, &config.servers, &task)
    }
}

impl InstallTask {
    /// Where the servers at URLs are reached from now on, and which of them stay as they are for what reason.
    fn addresses(
        &self,
        path: &Path,
        text: &str,
        config: &ChosenConfig,
        served: &mut ServedServers,
    ) -> Result<(Vec<ServedAddress>, UnservedUrls), ConfigError> {
        if let (true, Some(listen)) = (self.serves, self.serve_at) {
            served.serve_at(listen);
        }
        let mut unserved = UnservedUrls::new();
        for server in list(text)? {
            // Only what is going to be changed, or the others would have users that there are not.
            let is_meant = config.servers.is_empty() || config.servers.contains(&server.name);
            let (true, ServerWay::Url(url)) = (is_meant, server.way) else {
                continue;
            };
            let taken = match self.serves {
                true => served.take_in(&server.name, &url, &user(path, &server.place)),
                false if cfg!(feature = "tap-http") => Err("it is at a URL (--no-urls)"),
                false => Err("this build has no tap for servers at URLs"),
            };
            unserved.extend(taken.err().map(|why| (url, why)));
        }
        if !self.serves {
            return Ok((Vec::new(), unserved));
        }
        let mut addresses = served.addresses();
        addresses.extend(served.moved());
        Ok((addresses, unserved))
    }
}

/// The name and URL of each server that has one.
fn at_urls(servers: Vec<ServerForm>) -> Vec<(String, String)> {
    let of = |server: ServerForm| match server.way {
        ServerWay::Url(url) => Some((server.name, url)),
        _ => None,
    };
    servers.into_iter().filter_map(of).collect()
}

/// Who uses a server: a place in a configuration.
fn user(path: &Path, place: &str) -> String {
    format!("{}#{place}", path.display())
}

/// Puts a configuration in the place of the one that was read, and keeps that one; `None` where another
/// program changed it meanwhile.
fn put(
    planned: &PlannedChange<'_>,
    task: &ConfigTask,
    served: &mut ServedServers,
) -> anyhow::Result<Option<PathBuf>> {
    let PlannedChange {
        path,
        text,
        rewritten,
        ..
    } = planned;
    let keep = ConfigKeep::of(path)?;
    let backup = keep.backup(text.as_bytes())?;
    // Kept before the file is changed: what is not there yet is not given back either.
    if let ConfigTask::Install(task) = task {
        keep.add(&rewritten.entries)?;
        if task.serves {
            served.store()?;
        }
    }
    let replaced = replace(path, text.as_bytes(), rewritten.text.as_bytes())
        .with_context(|| format!("cannot write {}", path.display()))?;
    if replaced == Replaced::Changed {
        // It is a copy of a text that was not replaced; one too many does no harm.
        let _ = fs::remove_file(&backup);
        return Ok(None);
    }
    if let ConfigTask::Uninstall = task {
        keep.forget(&rewritten.entries)?;
        // A file that is not there is not made to say that nothing is in it.
        if served.is_used_by(path) {
            for entry in &rewritten.entries {
                served.release(&user(path, &entry.place));
            }
            served.store()?;
        }
    }
    Ok(Some(backup))
}

/// What became of a server, in lines for a person.
fn change_lines(name: &str, outcome: &ServerOutcome) -> Vec<String> {
    let change = |head: String, before: &[String], after: &[String]| {
        let (before, after) = (before.join(" "), after.join(" "));
        vec![head, format!("- {before}"), format!("+ {after}")]
    };
    match outcome {
        ServerOutcome::Changed { before, after } => change(format!("{name}:"), before, after),
        ServerOutcome::Mended { why, before, after } => {
            change(format!("{name}: {why}"), before, after)
        }
        ServerOutcome::AsWanted => vec![format!("{name}: as it should be")],
        ServerOutcome::LeftAlone(why) => vec![format!("{name}: left alone, {why}")],
    }
}
