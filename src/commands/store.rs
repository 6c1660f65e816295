//! `mcpr store`: care of the store itself.

mod backup;
mod copy;
mod export;
mod import;
mod migrate;
mod outlook;
mod rename;
mod sequences;
mod stats;
mod vacuum;
mod verify;

use super::help::CommandHelp;
#[cfg(feature = "forward")]
pub(super) use import::is_same;

use crate::console::Console;
use crate::exit::Exit;

/// What `mcpr store` takes.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    task: Task,
}

/// What its help has beside its flags.
pub(super) const HELP: CommandHelp = CommandHelp::new(
    "store",
    &[
        "mcpr store stats # how large it is",
        "mcpr store vacuum --before 30d --dry-run # what would go",
    ],
);

#[derive(Debug, Clone, clap::Subcommand)]
enum Task {
    /// Show what the store holds, its size and how far its sources were read
    Stats(stats::Args),
    /// Remove old requests and give their space back; hourly sums stay
    Vacuum(vacuum::Args),
    /// Copy the whole store, as it is at one moment, into a new file
    ///
    /// Recorders go on meanwhile
    Backup(backup::BackupArgs),
    /// Copy everything of one store into another, also of another backend
    ///
    /// Requests, sessions, payloads, what servers offered, gaps, bad lines and sums. A copy that was cut off goes on
    /// where it stands; at the end both are counted and compared: exit with 1 when they differ
    Copy(copy::Args),
    /// Rewrite the store in order and without free space
    ///
    /// Needs as much space again while it works; recorders wait for it
    Compact(backup::CompactArgs),
    /// Bring the store to the newest layout, or create it
    ///
    /// A recorder does so by itself with a file; a store on a server, which many share, is brought up to date by this
    /// command alone
    Migrate(migrate::MigrateArgs),
    /// Print the SQL that lets roles of a server read a store, or record into it
    Grant(migrate::GrantArgs),
    /// Print requests, gaps and sessions as NDJSON that `mcpr record` takes back
    ///
    /// Payloads, bad lines and what servers offered (what `mcpr schema` shows) are part of it with --whole
    Export(export::Args),
    /// Copy another store's requests and sessions into this one; twice adds nothing
    Import(import::Args),
    /// Give a proxy that was recorded under a wrong name the right one
    ///
    /// Requests, sessions, lists and hourly sums go with it. Those who record wait for it
    RenameProxy(rename::Args),
    /// Look for damage; exit with 1 when there is some
    Verify(verify::Args),
}

impl Args {
    /// Takes in the patterns of the configuration file.
    pub(crate) fn configure(&mut self, patterns: &[String]) {
        if let Task::Import(import) = &mut self.task {
            import.configure(patterns);
        }
    }
}

/// Does one task.
///
/// # Errors
/// When the store cannot be opened or the output not written.
pub fn run(args: &Args, console: &mut Console) -> anyhow::Result<Exit> {
    match &args.task {
        Task::Stats(args) => stats::run(args, console),
        Task::Vacuum(args) => vacuum::run(args, console),
        Task::Backup(args) => backup::backup(args, console),
        Task::Copy(args) => copy::run(args, console),
        Task::Compact(args) => backup::compact(args, console),
        Task::Migrate(args) => migrate::migrate(args, console),
        Task::Grant(args) => migrate::grant(args, console),
        Task::Export(args) => export::run(args, console),
        Task::Import(args) => import::run(args, console),
        Task::RenameProxy(args) => rename::run(args, console),
        Task::Verify(args) => verify::run(args, console),
    }
}
