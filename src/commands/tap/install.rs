//! `mcpr tap install` and `uninstall`: an MCP client's configuration file, changed in one step if nobody
//! else changed it, with the old one kept in the state directory.

use super::config::{ConfigError, Rewrite, Rewritten, ServerOutcome, rewrite};
use super::kept::ConfigKeep;
use super::replace::{Replaced, replace};
use crate::commands::recording_options::RecordingOptions;
use crate::commands::{Refused, TrustArgs};
use crate::console::Console;
use crate::exit::Exit;
use crate::render::text::escape;
use anyhow::Context;
use mcpr_store::{Scheme, StoreUrl};
use std::fs;
use std::path::{Path, PathBuf};

/// How often a configuration is read again that another program goes on changing.
const MAX_TRIES: usize = 8;

/// Which servers of which configuration
#[derive(Debug, clap::Args)]
pub(super) struct ConfigArgs {
    /// The client's configuration file, such as `.mcp.json` or `claude_desktop_config.json`
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Change these servers only
    #[arg(value_name = "SERVER")]
    servers: Vec<String>,
    /// Print what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// The options that the installed taps are run with.
pub(super) struct TapOptions<'a> {
    pub(super) db: Option<&'a Path>,
    pub(super) trust: TrustArgs,
    pub(super) recording: &'a RecordingOptions,
}

impl TapOptions<'_> {
    /// The arguments that say the same.
    fn arguments(&self) -> anyhow::Result<Vec<String>> {
        let mut arguments = Vec::new();
        if let Some(db) = self.db {
            // The client runs the tap in a directory of its own.
            let url = StoreUrl::parse(db)?;
            let db = match url.path().filter(|_| url.scheme() == Scheme::Sqlite) {
                Some(path) => {
                    std::path::absolute(path).context("cannot resolve the store's path")?
                }
                None => db.to_owned(),
            };
            arguments = vec!["--db".to_owned(), db.to_string_lossy().into_owned()];
        }
        arguments.extend(self.trust.arguments());
        arguments.extend(self.recording.arguments());
        Ok(arguments)
    }
}

/// Puts the tap before the servers of a configuration.
pub(super) fn install(
    target: &ConfigArgs,
    tap: &TapOptions<'_>,
    console: &mut Console,
) -> anyhow::Result<Exit> {
    // What the tap would refuse later, in a client that may hide it, is refused now.
    tap.recording.screen()?;
    let program = std::env::current_exe().context("cannot find this very program")?;
    let options = tap.arguments()?;
    let program = program.to_string_lossy().into_owned();
    let install = Rewrite::Install {
        program,
        options,
        is_gone,
    };
    change(target, &ConfigTask::Install(install), console)
}

/// Whether there is no program at a path. A name alone is looked up where the client runs, as a path
/// from its directory is: neither can be told from here.
fn is_gone(program: &str) -> bool {
    let path = Path::new(program);
    path.is_absolute() && !path.is_file()
}

/// Takes the tap away from the servers of a configuration.
pub(super) fn uninstall(target: &ConfigArgs, console: &mut Console) -> anyhow::Result<Exit> {
    change(target, &ConfigTask::Uninstall, console)
}

/// What is to be done to a configuration.
enum ConfigTask {
    Install(Rewrite),
    Uninstall,
}

fn change(target: &ConfigArgs, task: &ConfigTask, console: &mut Console) -> anyhow::Result<Exit> {
    let shown = target.config.display();
    // Where it is a link, the file behind it is changed and the link stays.
    let path = fs::canonicalize(&target.config).with_context(|| format!("cannot read {shown}"))?;
    for _ in 0..MAX_TRIES {
        let text = read(&path, &target.config)?;
        let rewritten = match task {
            ConfigTask::Install(install) => rewrite(&text, &target.servers, install),
            ConfigTask::Uninstall => {
                let kept = ConfigKeep::of(&path).map_or_else(|_| Vec::new(), |keep| keep.entries());
                rewrite(&text, &target.servers, &Rewrite::Uninstall { kept })
            }
        };
        let rewritten = rewritten.map_err(|error| refused(&target.config, &error))?;
        let is_change = rewritten.text != text;
        let backup = if is_change && !target.dry_run {
            let Some(backup) = put(&path, &text, &rewritten, task)? else {
                continue;
            };
            Some(backup)
        } else {
            None
        };
        let servers = rewritten.servers.iter();
        for line in servers.flat_map(|(name, outcome)| change_lines(name, outcome)) {
            console.print(&format!("{}\n", escape(&line)))?;
        }
        if let Some(backup) = backup {
            let backup = backup.display();
            console.note(&format!("{shown}: changed; as it was before: {backup}"));
            console.note("restart the client for it to take effect");
        } else if is_change {
            console.note(&format!("{shown}: not changed (--dry-run)"));
        } else {
            console.note(&format!("{shown}: nothing to change"));
        }
        return Ok(Exit::Done);
    }
    let refused = Refused::new(format!("{shown}: another program goes on changing it"));
    Err(refused.hint("close the client, then try again").into())
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
) -> anyhow::Result<Option<PathBuf>> {
    let keep = ConfigKeep::of(path)?;
    let backup = keep.backup(text.as_bytes())?;
    // Kept before the file is changed: what is not there yet is not given back either.
    if let ConfigTask::Install(_) = task {
        keep.add(&rewritten.entries)?;
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
            .hint("servers are looked for under mcpServers, servers, mcp, context_servers and mcp_servers"),
        ConfigError::Doubled { .. } => refused.hint(
            "clients differ in which of the two they take: remove one of them, then try again",
        ),
        ConfigError::NotJson(_) | ConfigError::Neither(_) => match by_hand(path) {
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
            "YAML is not changed: put the tap before a server's command by hand, as in command (or cmd): {program} \
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
