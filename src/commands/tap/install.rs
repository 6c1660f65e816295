//! `mcpr tap install` and `uninstall`: an MCP client's configuration file, changed in one step and
//! with the old one kept beside it.

use super::config::{ConfigError, Outcome, Rewrite, Rewritten, rewrite};
use crate::commands::Refused;
use crate::commands::keeping::Keeping;
use crate::console::Console;
use crate::exit::Exit;
use crate::render::text::escape;
use anyhow::Context;
use std::ffi::OsString;
use std::fs::{self, OpenOptions, Permissions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Which servers of which configuration
#[derive(Debug, clap::Args)]
pub(super) struct Target {
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

/// Puts the tap before the servers of a configuration.
pub(super) fn install(
    target: &Target,
    db: Option<&Path>,
    keeping: &Keeping,
    console: &mut Console,
) -> anyhow::Result<Exit> {
    // What the tap would refuse later, in a client that may hide it, is refused now.
    keeping.screen()?;
    let program = std::env::current_exe().context("cannot find this very program")?;
    let mut options = Vec::new();
    if let Some(db) = db {
        let db = std::path::absolute(db).context("cannot resolve the store's path")?;
        options = vec!["--db".to_owned(), db.to_string_lossy().into_owned()];
    }
    options.extend(keeping.arguments());
    let program = program.to_string_lossy().into_owned();
    let install = Rewrite::Install {
        program,
        options,
        is_gone,
    };
    change(target, &install, console)
}

/// Whether there is no program at a path. A name alone is looked up where the client runs, as a path
/// from its directory is: neither can be told from here.
fn is_gone(program: &str) -> bool {
    let path = Path::new(program);
    path.is_absolute() && !path.is_file()
}

/// Takes the tap away from the servers of a configuration.
pub(super) fn uninstall(target: &Target, console: &mut Console) -> anyhow::Result<Exit> {
    change(target, &Rewrite::Uninstall, console)
}

fn change(target: &Target, what: &Rewrite, console: &mut Console) -> anyhow::Result<Exit> {
    let shown = target.config.display();
    // Where it is a link, the file behind it is changed and the link stays.
    let path = fs::canonicalize(&target.config).with_context(|| format!("cannot read {shown}"))?;
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {shown}"))?;
    let rewritten =
        rewrite(&text, &target.servers, what).map_err(|error| refused(&target.config, &error))?;
    for line in rewritten.servers.iter().flat_map(told) {
        console.print(&format!("{}\n", escape(&line)))?;
    }
    if rewritten.text == text {
        console.note(&format!("{shown}: nothing to change"));
    } else if target.dry_run {
        console.note(&format!("{shown}: not changed (--dry-run)"));
    } else {
        let backup = replace(&path, &text, &rewritten)?;
        let backup = backup.display();
        console.note(&format!("{shown}: changed; as it was before: {backup}"));
        console.note("restart the client for it to take effect");
    }
    Ok(Exit::Done)
}

fn refused(path: &Path, error: &ConfigError) -> Refused {
    let refused = Refused::new(format!("{}: {error}", path.display()));
    match error {
        ConfigError::Unknown { known, .. } => {
            refused.hint(format!("its servers are {}", known.join(", ")))
        }
        ConfigError::NoServers => {
            refused.hint("servers are looked for under mcpServers, servers and mcp.servers")
        }
        ConfigError::NotJson(_) => refused,
    }
}

/// What became of a server, in lines for a person.
fn told((name, outcome): &(String, Outcome)) -> Vec<String> {
    let change = |head: String, before: &[String], after: &[String]| {
        let (before, after) = (before.join(" "), after.join(" "));
        vec![head, format!("- {before}"), format!("+ {after}")]
    };
    match outcome {
        Outcome::Changed { before, after } => change(format!("{name}:"), before, after),
        Outcome::Mended { why, before, after } => change(format!("{name}: {why}"), before, after),
        Outcome::AsWanted => vec![format!("{name}: as it should be")],
        Outcome::LeftAlone(why) => vec![format!("{name}: left alone, {why}")],
    }
}

/// Keeps the old text beside the file, then puts the new one in its place in one step.
fn replace(path: &Path, old: &str, rewritten: &Rewritten) -> anyhow::Result<PathBuf> {
    let permissions = fs::metadata(path)
        .with_context(|| format!("cannot read {}", path.display()))?
        .permissions();
    let backup = keep_beside(path, old, &permissions)?;
    let new = beside(path, ".mcpr-new");
    // What an earlier run may have left behind is no reason to fail.
    let _ = fs::remove_file(&new);
    write_new(&new, &rewritten.text, &permissions)
        .and_then(|()| fs::rename(&new, path))
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(backup)
}

/// Writes a backup under the first name that is free.
fn keep_beside(path: &Path, text: &str, permissions: &Permissions) -> anyhow::Result<PathBuf> {
    const MOST: usize = 1000;
    for number in 1..=MOST {
        let backup = match number {
            1 => beside(path, ".mcpr-backup"),
            _ => beside(path, &format!(".mcpr-backup-{number}")),
        };
        match write_new(&backup, text, permissions) {
            Ok(()) => return Ok(backup),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => {
                return Err(error).with_context(|| format!("cannot write {}", backup.display()));
            }
        }
    }
    let refused = Refused::new(format!("{}: {MOST} backups already", path.display()));
    Err(refused.hint("remove those that are not needed").into())
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

/// Writes a file that must not be there yet; the configuration can hold secrets, so its
/// permissions hold for every copy.
fn write_new(path: &Path, text: &str, permissions: &Permissions) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    file.set_permissions(permissions.clone())?;
    file.sync_all()
}
