//! `mcpr store migrate` and `grant`: the layout of a store, and who may use it.

use crate::commands::{Refused, StoreArgs, TrustArgs};
use crate::console::Console;
use crate::exit::Exit;
use crate::render::text::{escape, escape_but_breaks};
use mcpr_connect::connect;
use mcpr_store::Migrated;

/// What `mcpr store migrate` takes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct MigrateArgs {
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    trust: TrustArgs,
}

/// What `mcpr store grant` takes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct GrantArgs {
    /// Let ROLE read the store
    #[arg(long, value_name = "ROLE")]
    reader: Option<String>,
    /// Let ROLE record into the store, and read it
    #[arg(long, value_name = "ROLE")]
    recorder: Option<String>,
    #[command(flatten)]
    store: StoreArgs,
}

pub(super) fn migrate(args: &MigrateArgs, console: &mut Console) -> anyhow::Result<Exit> {
    let backend = connect(&args.store.url()?)?;
    let Migrated { from, to } = backend.migrate(args.trust.trust())?;
    let url = backend.url();
    let line = match from {
        None => format!("made {url} with layout {to}"),
        Some(from) if from == to => format!("{url} has layout {to}, the newest one"),
        Some(from) => format!("brought {url} from layout {from} to {to}"),
    };
    console.print(&format!("{}\n", escape(&line)))?;
    Ok(Exit::Done)
}

pub(super) fn grant(args: &GrantArgs, console: &mut Console) -> anyhow::Result<Exit> {
    if args.reader.is_none() && args.recorder.is_none() {
        return Err(Refused::new("no role is named")
            .hint("name one with --reader ROLE or --recorder ROLE")
            .into());
    }
    let backend = connect(&args.store.url()?)?;
    // Somebody else carries it out: who owns the tables, in psql.
    let sql = backend.grants(args.reader.as_deref(), args.recorder.as_deref())?;
    console.print(&format!("{}\n", escape_but_breaks(&sql)))?;
    Ok(Exit::Done)
}
