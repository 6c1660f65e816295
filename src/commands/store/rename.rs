//! `mcpr store rename-proxy`: what was recorded under a wrong name is given the right one.

use crate::commands::confirm::confirmed;
use crate::commands::{Refused, StoreArgs, TrustArgs, complete};
use crate::console::{Console, Waiting};
use crate::exit::Exit;
use crate::render::text::escape;
use crate::render::units::grouped;
use clap_complete::ArgValueCompleter;
use mcpr_connect::connect;
use mcpr_model::MAX_NAME_BYTES;
use mcpr_store::query::NameKind;

/// What `mcpr store rename-proxy` takes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    /// The name that is recorded
    #[arg(value_name = "OLD", add = ArgValueCompleter::new(complete::proxies))]
    old: String,
    /// The new name; where it is recorded as well, the two become one for good
    #[arg(value_name = "NEW", value_parser = name, add = ArgValueCompleter::new(complete::proxies))]
    new: String,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    trust: TrustArgs,
    /// Do not ask before two names become one
    #[arg(short, long)]
    yes: bool,
}

fn name(text: &str) -> Result<String, String> {
    match text.len() {
        0 => Err("a proxy has a name".to_owned()),
        // Longer ones are cut as they are recorded.
        len if len > MAX_NAME_BYTES => Err(format!("a name has {MAX_NAME_BYTES} bytes at most")),
        _ => Ok(text.to_owned()),
    }
}

pub(super) fn run(args: &Args, console: &mut Console) -> anyhow::Result<Exit> {
    let (old, new) = (args.old.as_str(), args.new.as_str());
    if old == new {
        return Err(Refused::new("the two names are the same")
            .hint("give the name that is recorded, and then the one it is to have")
            .into());
    }
    let backend = connect(&args.store.url()?)?;
    let reader = backend.reader()?;
    // The name itself comes first among those that begin with it.
    let alike = reader.names(NameKind::Proxy, new, 1)?;
    // The admin connection below must not wait for a reader of this same process.
    drop(reader);
    // Two names that became one cannot be distinguished again; a free name can be given back.
    let is_recorded = alike.iter().any(|name| name == new);
    let question =
        format!("`{new}` is recorded as well: put `{old}` and `{new}` together for good?");
    if is_recorded && !args.yes && !confirmed(&question, None, console)? {
        console.note("nothing was renamed");
        return Ok(Exit::Failed);
    }
    let mut store = backend.admin(args.trust.trust())?;
    let waiting = Waiting::new("renaming the proxy", console.is_message_terminal());
    let renamed = store.rename_proxy(old, new);
    waiting.finish();
    let Some(renamed) = renamed? else {
        return Err(Refused::new(format!("no proxy `{old}` is recorded"))
            .hint("`mcpr stats --by proxy --since 400d` lists those that are")
            .into());
    };
    let requests = grouped(i64::try_from(renamed.requests).unwrap_or(i64::MAX));
    let how = if renamed.is_merged {
        "is part of"
    } else {
        "is now"
    };
    let line = format!("`{old}` {how} `{new}`: {requests} requests");
    console.print(&format!("{}\n", escape(&line)))?;
    Ok(Exit::Done)
}
