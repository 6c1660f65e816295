//! `mcpr tap install` and `uninstall`: an MCP client's configuration file, changed in one step if nobody
//! else changed it, with the old one kept in the state directory.

use super::choice::{ChosenConfig, choose};
use super::config::{
    ConfigError, Rewrite, Rewritten, ServedAddress, ServerOutcome, ServerWay, list, rewrite,
};
use super::kept::ConfigKeep;
use super::replace::{Replaced, replace};
use super::served::ServedServers;
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
            let db = StoreUrl::parse(db)?.from_anywhere();
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
/// from its directory is: neither can be told from here.
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
    let chosen = choose(target, console)?;
    if chosen.is_empty() {
        console.note("nothing was chosen, and nothing changed");
    }
    let mut report = ChangeReport::default();
    for config in &chosen {
        match change(config, task, target.dry_run, &mut report, console) {
            Ok(()) => {}
            // The only one there is is the whole answer.
            Err(error) if chosen.len() == 1 => return Err(error),
            Err(error) => {
                crate::commands::report(&error, console);
                report.has_failed = true;
            }
        }
    }
    if report.has_changed {
        // A client may have several configurations, which stand one behind the other.
        report.clients.dedup();
        let which = match &report.clients[..] {
            [] | [_] => "restart the client".to_owned(),
            several => format!("restart the clients ({})", several.join(", ")),
        };
        if report.is_served {
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
    Ok(if report.has_failed {
        Exit::Failed
    } else {
        Exit::Done
    })
}

fn change(
    config: &ChosenConfig,
    task: &ConfigTask,
    is_dry: bool,
    report: &mut ChangeReport,
    console: &mut Console,
) -> anyhow::Result<()> {
    let shown = config.path.display();
    // Where it is a link, the file behind it is changed and the link stays.
    let path = fs::canonicalize(&config.path).with_context(|| format!("cannot read {shown}"))?;
    for _ in 0..MAX_TRIES {
        let text = read(&path, &config.path)?;
        // Read anew at each try, as the text is: what was taken in for another text is dropped.
        let mut served = ServedServers::load()?;
        let rewritten = task
            .rewrite(&path, &text, config, &mut served)
            .map_err(|error| refused(&config.path, &error))?;
        let is_change = rewritten.text != text;
        let backup = if is_change && !is_dry {
            let Some(backup) = put(&path, &text, &rewritten, task, &mut served)? else {
                continue;
            };
            Some(backup)
        } else {
            None
        };
        if let Some(client) = config.client {
            console.print(&format!("{client}: {}\n", escape(&shown.to_string())))?;
        }
        let servers = rewritten.servers.iter();
        for line in servers.flat_map(|(name, outcome)| change_lines(name, outcome)) {
            console.print(&format!("{}\n", escape(&line)))?;
        }
        if let Some(backup) = backup {
            let backup = backup.display();
            console.note(&format!("{shown}: changed; as it was before: {backup}"));
            report.has_changed = true;
            report.clients.extend(config.client);
            report.is_served |= matches!(task, ConfigTask::Install(_)) && served.is_used_by(&path);
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
            Self::Uninstall => Rewrite::Uninstall {
                addresses: served.all_addresses(),
                kept,
            },
            Self::Install(task) => Rewrite::Install {
                program: task.program.clone(),
                options: task.options.clone(),
                is_gone,
                updates: task.updates,
                addresses: task.addresses(path, text, config, served)?,
                kept,
            },
        };
        rewrite(text, &config.servers, &task)
    }
}

impl InstallTask {
    /// Where the servers at URLs are reached from now on.
    fn addresses(
        &self,
        path: &Path,
        text: &str,
        config: &ChosenConfig,
        served: &mut ServedServers,
    ) -> Result<Vec<ServedAddress>, ConfigError> {
        if !self.serves {
            return Ok(Vec::new());
        }
        if let Some(listen) = self.serve_at {
            served.serve_at(listen);
        }
        for server in list(text)? {
            // Only what is going to be changed, or the others would have users that there are not.
            let is_meant = config.servers.is_empty() || config.servers.contains(&server.name);
            if let (true, ServerWay::Url(url)) = (is_meant, &server.way) {
                served.take_in(&server.name, url, &user(path, &server.place));
            }
        }
        let mut addresses = served.addresses();
        addresses.extend(served.moved());
        Ok(addresses)
    }
}

/// Who uses a server: a place in a configuration.
fn user(path: &Path, place: &str) -> String {
    format!("{}#{place}", path.display())
}

/// The text of a configuration.
pub(super) fn read(path: &Path, shown: &Path) -> anyhow::Result<String> {
    /// Largest configuration that is read, in bytes: those of clients with years of history are far smaller.
    const MOST_BYTES: u64 = 64 << 20;
    let shown = shown.display();
    let found = fs::metadata(path).with_context(|| format!("cannot read {shown}"))?;
    // A pipe or a device would be read for ever.
    if !found.is_file() {
        return Err(Refused::new(format!("{shown}: it is no regular file")).into());
    }
    if found.len() > MOST_BYTES {
        let size = found.len() >> 20;
        return Err(Refused::new(format!(
            "{shown}: it is no configuration: it has {size} MiB"
        ))
        .into());
    }
    let content = fs::read(path).with_context(|| format!("cannot read {shown}"))?;
    String::from_utf8(content).map_err(|_| {
        let refused = Refused::new(format!("{shown}: it is no text of UTF-8"));
        refused
            .hint("save it as UTF-8 in an editor, then try again")
            .into()
    })
}

/// Puts a configuration in the place of the one that was read, and keeps that one; `None` where another
/// program changed it meanwhile.
fn put(
    path: &Path,
    text: &str,
    rewritten: &Rewritten,
    task: &ConfigTask,
    served: &mut ServedServers,
) -> anyhow::Result<Option<PathBuf>> {
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

fn refused(path: &Path, error: &ConfigError) -> Refused {
    let refused = Refused::new(format!("{}: {error}", path.display()));
    match error {
        ConfigError::Unknown { known, .. } => {
            refused.hint(format!("its servers are {}", known.join(", ")))
        }
        ConfigError::NoServers => refused
            .hint("servers are looked for under mcpServers, servers, mcp, context_servers, mcp_servers and extensions"),
        ConfigError::Doubled { .. } => refused.hint(
            "clients differ in which of the two they take: remove one of them, then try again",
        ),
        ConfigError::NotJson(_) | ConfigError::NoForm { .. } => match by_hand(path) {
            Some(hint) => refused.hint(hint),
            None => refused,
        },
    }
}

/// What to write into a configuration that is not changed, by the ending of its name.
fn by_hand(path: &Path) -> Option<String> {
    let ending = path.extension()?.to_str()?;
    let program = std::env::current_exe().ok();
    let program = program.map_or_else(|| "mcpr".into(), |program| program.display().to_string());
    matches!(ending, "yaml" | "yml").then(|| {
        format!(
            "it is not changed: put the tap before a server's command by hand, as in command (or cmd): {program} \
             and args: [tap, --name=NAME, --, COMMAND, …]"
        )
    })
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
