//! `mcpr proxy …`: the reading commands under the names they had in mcpr 0.4.

#[cfg(feature = "schema")]
use super::schema;
use super::{clients, logs, session, sessions, slow, stats};
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
    /// List the slowest requests
    Slow {
        /// Show this proxy only
        #[arg(value_name = "NAME", conflicts_with = "proxy")]
        name: Option<String>,
        #[command(flatten)]
        args: Box<slow::Args>,
    },
    /// Sum up requests per tool or method
    Status {
        /// Show this proxy only
        #[arg(value_name = "NAME", conflicts_with = "proxy")]
        name: Option<String>,
        #[command(flatten)]
        args: stats::Args,
    },
    /// List clients
    Clients {
        /// Show this proxy only
        #[arg(value_name = "NAME", conflicts_with = "proxy")]
        name: Option<String>,
        #[command(flatten)]
        args: clients::Args,
    },
    /// Show what servers offer
    #[cfg(feature = "schema")]
    Schema {
        /// Show this proxy only
        #[arg(value_name = "NAME", conflicts_with = "proxy")]
        name: Option<String>,
        #[command(flatten)]
        args: schema::Args,
    },
}

/// Runs the command of today, with NAME as its `--proxy`.
///
/// # Errors
/// Those of the command.
pub fn run(args: Args, console: &mut Console) -> anyhow::Result<Exit> {
    match args.command {
        Command::Logs { name, mut args } => {
            args.read.proxy.extend(name);
            logs::run(&args, console)
        }
        Command::Sessions { name, mut args } => {
            args.read.proxy.extend(name);
            sessions::run(&args, console)
        }
        Command::Slow { name, mut args } => {
            args.read.proxy.extend(name);
            slow::run(&args, console)
        }
        Command::Status { name, mut args } => {
            args.read.proxy.extend(name);
            stats::run(&args, console)
        }
        Command::Clients { name, mut args } => {
            args.read.proxy.extend(name);
            clients::run(&args, console)
        }
        #[cfg(feature = "schema")]
        Command::Schema { name, mut args } => {
            args.read.proxy.extend(name);
            schema::run(&args, console)
        }
        Command::Session(args) => session::run(&args, console),
    }
}
