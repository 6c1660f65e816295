//! `mcpr session delete ID`: remove a session with all its requests, in one step.

use crate::commands::args::proxy_pattern;
use crate::commands::confirm::confirmed;
use crate::commands::find::find_session;
use crate::commands::{StoreArgs, TrustArgs, complete};
use crate::console::Console;
use crate::exit::Exit;
use crate::render::text::escape;
use crate::render::units::grouped;
use clap_complete::ArgValueCompleter;
use mcpr_connect::connect;
use mcpr_store::query::when::Zone;

/// What `mcpr session delete` takes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    /// The session's id, any unambiguous prefix of it, or `latest`, the one used last
    #[arg(value_name = "ID", add = ArgValueCompleter::new(complete::sessions))]
    id: String,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    trust: TrustArgs,
    /// Look for the session among proxies whose name matches GLOB (repeatable; commas separate)
    #[arg(short, long, value_name = "GLOB")]
    proxy: Vec<String>,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

pub(super) fn run(args: &Args, console: &mut Console) -> anyhow::Result<Exit> {
    let store = connect(&args.store.url()?)?;
    let reader = store.reader()?;
    let found = find_session(
        reader.as_ref(),
        &args.id,
        proxy_pattern(&args.proxy).as_ref(),
        Zone::Local,
    )?;
    drop(reader);
    let Some(session) = found else {
        console.note(&format!("no session `{}`: nothing to remove", args.id));
        // As in every command that is given one thing by name: a script has to see a slip.
        return Ok(Exit::No);
    };
    let question = format!(
        "remove session {} of proxy `{}` with {} {}?",
        session.session_id,
        session.proxy,
        grouped(session.total_calls),
        if session.total_calls == 1 {
            "call"
        } else {
            "calls"
        },
    );
    if !args.yes && !confirmed(&question, None, console)? {
        console.note("nothing was removed");
        return Ok(Exit::Failed);
    }
    let mut admin = store.admin(args.trust.trust())?;
    let removed = admin.delete_session(&session.key())?;
    console.print(&format!(
        "removed session {} and {} {}\n",
        escape(&session.session_id),
        grouped(removed),
        if removed == 1 { "request" } else { "requests" },
    ))?;
    Ok(Exit::Done)
}
