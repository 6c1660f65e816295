//! `mcpr store verify`: is the store damaged?

use crate::commands::StoreArgs;
use crate::commands::args::{MessageArgs, note_question};
use crate::console::{Console, Waiting};
use crate::exit::Exit;
use crate::render::text::{escape, escape_json};
use mcpr_connect::connect;
use mcpr_store::query::when::Zone;
use mcpr_store::{Depth, Findings};
use std::fmt::Write as _;

/// What `mcpr store verify` takes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    store: StoreArgs,
    /// Check every index too, and counters and hourly sums against the requests
    #[arg(long)]
    full: bool,
    /// Print one JSON document
    #[arg(short, long)]
    json: bool,
    #[command(flatten)]
    messages: MessageArgs,
}

pub(super) fn run(args: &Args, console: &mut Console) -> anyhow::Result<Exit> {
    let depth = if args.full { Depth::Full } else { Depth::Quick };
    args.messages.apply(console);
    let store = connect(&args.store.read_url(console)?)?;
    note_question(store.url(), None, None, Zone::Local, console)?;
    let waiting = Waiting::new("looking for damage", console.is_message_terminal());
    let findings = store.verify(depth);
    waiting.finish();
    let findings = findings?;
    let text = if args.json {
        document(&findings)
    } else {
        report(&findings)
    };
    console.print(&text)?;
    Ok(if findings.problems.is_empty() {
        Exit::Done
    } else {
        Exit::No
    })
}

fn document(findings: &Findings) -> String {
    let Findings {
        requests,
        batches,
        problems,
    } = findings;
    let document = serde_json::json!({
        "ok": problems.is_empty(), "requests": requests, "batches": batches, "problems": problems,
    });
    format!("{}\n", escape_json(&document.to_string()))
}

fn report(findings: &Findings) -> String {
    let Findings {
        requests,
        batches,
        problems,
    } = findings;
    let mut text = String::new();
    for problem in problems {
        writeln!(text, "damaged: {}", escape(problem)).expect("a string takes any text");
    }
    let verdict = if problems.is_empty() {
        "no damage found"
    } else {
        "the store is damaged"
    };
    writeln!(
        text,
        "{verdict}: {requests} requests in {batches} batches checked"
    )
    .expect("a string takes any text");
    text
}
