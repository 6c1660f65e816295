//! `mcpr proxy …`: the reading commands under the names they had in mcpr 0.4.

use super::{logs, session, sessions};
use crate::console::Console;
use crate::exit::Exit;

/// What `mcpr proxy` takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List recorded requests
    Logs {
        /// Show this proxy only
        #[arg(value_name = "NAME", conflicts_with = "proxy")]
        name: Option<String>,
        #[command(flatten)]
        args: Box<logs::Args>,
    },
    /// List sessions
    Sessions {
        /// Show this proxy only
        #[arg(value_name = "NAME", conflicts_with = "proxy")]
        name: Option<String>,
        #[command(flatten)]
        args: sessions::Args,
    },
    /// Show one session and its requests
    Session(session::Args),
}

/// Runs the command of today, with NAME as its `--proxy`.
///
/// # Errors
/// Those of the command.
pub fn run(args: Args, console: &mut Console) -> anyhow::Result<Exit> {
    match args.command {
        Command::Logs { name, mut args } => {
            args.read.proxy = name.or(args.read.proxy);
            logs::run(&args, console)
        }
        Command::Sessions { name, mut args } => {
            args.read.proxy = name.or(args.read.proxy);
            sessions::run(&args, console)
        }
        Command::Session(args) => session::run(&args, console),
    }
}
