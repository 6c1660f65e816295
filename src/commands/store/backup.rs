//! `mcpr store backup` and `compact`: the store as a whole, copied or written anew.

use crate::commands::{Refused, StoreArgs, TrustArgs};
use crate::console::{Console, Waiting};
use crate::exit::Exit;
use crate::render::text::escape;
use crate::render::units::bytes;
use mcpr_connect::connect;
use std::path::PathBuf;

/// What `mcpr store backup` takes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct BackupArgs {
    /// The file to make; it must not be there yet
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    trust: TrustArgs,
}

/// What `mcpr store compact` takes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct CompactArgs {
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    trust: TrustArgs,
}

pub(super) fn backup(args: &BackupArgs, console: &mut Console) -> anyhow::Result<Exit> {
    let backend = connect(&args.store.url()?)?;
    // A store that cannot be read must not be made by opening it for writing.
    drop(backend.reader()?);
    // A backend might write into it: an empty one is not a store, and is refused as well.
    if args.file.symlink_metadata().is_ok() {
        let file = args.file.display();
        return Err(Refused::new(format!("{file} already exists"))
            .hint("name one that does not")
            .into());
    }
    let mut store = backend.admin(args.trust.trust())?;
    let waiting = Waiting::new("copying the store", console.is_message_terminal());
    let copied = store.backup(&args.file);
    waiting.finish();
    copied?;
    let size = args.file.metadata().map_or(0, |file| file.len());
    let size = bytes(i64::try_from(size).unwrap_or(i64::MAX));
    let line = format!(
        "copied {} into {}: {size}",
        backend.url(),
        args.file.display()
    );
    console.print(&format!("{}\n", escape(&line)))?;
    Ok(Exit::Done)
}

pub(super) fn compact(args: &CompactArgs, console: &mut Console) -> anyhow::Result<Exit> {
    let backend = connect(&args.store.url()?)?;
    drop(backend.reader()?);
    let before = backend.sizes()?.total();
    let mut store = backend.admin(args.trust.trust())?;
    let waiting = Waiting::new("writing the store anew", console.is_message_terminal());
    let done = store.compact();
    waiting.finish();
    done?;
    drop(store);
    let size = |size: u64| bytes(i64::try_from(size).unwrap_or(i64::MAX));
    let after = backend.sizes()?.total();
    let line = format!("the store went from {} to {}", size(before), size(after));
    console.print(&format!("{line}\n"))?;
    Ok(Exit::Done)
}
