//! `mcpr forward --to URL`: what a store records, sent on to other stores and to collectors of OTLP.

use super::store::is_same;
use crate::commands::{Refused, StoreArgs, WriterArgs};
use crate::console::Console;
use crate::exit::Exit;
use crate::render::text::escape;
use crate::render::units::grouped;
use anyhow::Context;
use mcpr_client::Header;
use mcpr_connect::connect;
use mcpr_ingest::forward::{Collector, Forward, News, Target, forward, sent_up_to};
use mcpr_store::query::Cursor;
use mcpr_store::{StoreError, StoreUrl};
use signal_hook::consts::{SIGINT, SIGTERM};
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// How often a target that goes on failing is reported again.
const REPORT_EVERY: Duration = Duration::from_mins(1);
/// How often signals and the ends of threads are looked for.
const POLL: Duration = Duration::from_millis(200);

/// What `mcpr forward` takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    // No doc comment: in one a bare address would have to be a link.
    #[arg(
        long,
        value_name = "URL",
        required = true,
        help = "Send to this store or collector: a store's URL, or otlp+http://HOST:4318 (repeatable)"
    )]
    to: Vec<OsString>,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    writer: WriterArgs,
    /// Send payloads as well; a collector never gets them
    #[arg(long)]
    payloads: bool,
    /// End once all that is there was sent
    #[arg(long)]
    once: bool,
    /// Show collectors the bearer token in FILE
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// What a target's thread has to say.
enum Message {
    Sent(Cursor),
    Failed(String, Option<String>),
    Back,
    Gone(u64),
    Refused(u64, String),
    Ended(Result<Cursor, StoreError>),
}

/// A target as it is reported.
struct SendingTarget {
    name: String,
    sent: Cursor,
    /// The failure that lasts, and when it was reported.
    failing: Option<Instant>,
    outcome: Option<Result<Cursor, StoreError>>,
}

/// Sends on what a store records.
///
/// # Errors
/// When a target cannot be one, or fails in a way that time does not mend.
pub fn run(args: &Args, console: &mut Console) -> anyhow::Result<Exit> {
    let from = args.store.url()?;
    let targets = targets(args, &from)?;
    let reader = connect(&from)?.reader()?;
    let known = mcpr_store::fold::file_checkpoints(reader.as_ref())?;
    let head = reader.head()?.cursor;
    drop(reader);
    let stop = catch_signals().context("cannot catch signals")?;
    let (sender, messages) = channel();
    let mut all = Vec::new();
    for (at, target) in targets.into_iter().enumerate() {
        let name = target.name();
        let sent = sent_up_to(&known, &name).unwrap_or(Cursor::START);
        let behind = grouped(head.rows_since(sent));
        let (shown_from, shown) = (from.to_string(), escape(&name).into_owned());
        let shown_from = escape(&shown_from);
        console.note(&format!(
            "sending {shown_from} to {shown}: {behind} rows behind"
        ));
        all.push(SendingTarget {
            name: shown,
            sent,
            failing: None,
            outcome: None,
        });
        let task = Forward {
            from: from.clone(),
            writer: args.writer.options(false),
            with_payloads: args.payloads,
            once: args.once,
        };
        start(at, task, target, Arc::clone(&stop), sender.clone())?;
    }
    drop(sender);
    listen(&mut all, &messages, &stop, console);
    end(all, console)
}

/// Where to send to: each target once, and none of them the store itself.
fn targets(args: &Args, from: &StoreUrl) -> anyhow::Result<Vec<Target>> {
    let headers = headers(args)?;
    let mut all: Vec<Target> = Vec::new();
    for text in &args.to {
        let target = target(text, &headers)?;
        if matches!(&target, Target::Store(url) if is_same(from, url)) {
            return Err(Refused::new("a store cannot be sent to itself")
                .hint("name another store with --to")
                .into());
        }
        let name = target.name();
        if all.iter().any(|known| known.name() == name) {
            let name = escape(&name);
            return Err(Refused::new(format!("--to names {name} twice")).into());
        }
        all.push(target);
    }
    Ok(all)
}

fn target(text: &OsString, headers: &[Header]) -> Result<Target, Refused> {
    let hint = "give a store's path or URL, or otlp+http://HOST:4318";
    let refused = |error: String| Refused::new(format!("--to: {error}")).hint(hint);
    let collector = text
        .to_str()
        .and_then(|text| Collector::parse(text, headers.to_vec()));
    if let Some(collector) = collector {
        let collector = collector.map_err(|error| refused(error.to_string()))?;
        return Ok(Target::Collector(Box::new(collector)));
    }
    let url = StoreUrl::parse(text).map_err(|error| refused(error.to_string()))?;
    Ok(Target::Store(url))
}

fn headers(args: &Args) -> anyhow::Result<Vec<Header>> {
    let Some(path) = &args.token_file else {
        return Ok(Vec::new());
    };
    let token = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the token in {}", path.display()))?;
    let header = Header::bearer(&token)
        .map_err(|error| Refused::new(format!("--token-file: {error}")).hint("give one token"))?;
    Ok(vec![header])
}

/// The first signal ends it where it stands; a second one ends the process at once.
fn catch_signals() -> io::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        let code = 128 + signal;
        // Before the flag is registered, or the first signal would set the flag and then find it set.
        signal_hook::flag::register_conditional_shutdown(signal, code, Arc::clone(&stop))?;
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    Ok(stop)
}

/// A thread for each target: one that is away keeps no other waiting.
fn start(
    at: usize,
    task: Forward,
    target: Target,
    stop: Arc<AtomicBool>,
    sender: Sender<(usize, Message)>,
) -> anyhow::Result<()> {
    let run = move || {
        let say = |message: Message| {
            // Whoever listens goes last.
            let _ = sender.send((at, message));
        };
        let ended = forward(&task, &target, &stop, &mut |news| {
            say(match news {
                News::Sent(place) => Message::Sent(place),
                News::Failed(error, _) => Message::Failed(format!("{error:#}"), error.hint.clone()),
                News::Back => Message::Back,
                News::Gone(rows) => Message::Gone(rows),
                News::Refused(rows, why) => Message::Refused(rows, why.to_owned()),
            });
        });
        say(Message::Ended(ended));
    };
    std::thread::Builder::new()
        .name("mcpr-forward".to_owned())
        .spawn(run)
        .context("cannot start sending")?;
    Ok(())
}

/// Reports what happens until every target has ended.
fn listen(
    all: &mut [SendingTarget],
    messages: &Receiver<(usize, Message)>,
    stop: &AtomicBool,
    console: &mut Console,
) {
    loop {
        match messages.recv_timeout(POLL) {
            Ok((at, message)) => {
                if let Some(target) = all.get_mut(at) {
                    target.take(message, console);
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        // One that has failed for good must be seen by whoever runs this: the others end where they stand.
        if all.iter().any(|it| matches!(it.outcome, Some(Err(_)))) {
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
        }
    }
}

impl SendingTarget {
    fn take(&mut self, message: Message, console: &mut Console) {
        let name = &self.name;
        match message {
            Message::Sent(place) => self.sent = place,
            Message::Back => {
                self.failing = None;
                console.note(&format!("{name}: sending again"));
            }
            Message::Gone(rows) => {
                let rows = grouped(rows);
                console.note(&format!(
                    "warning: {name}: {rows} rows went before they were sent"
                ));
            }
            Message::Refused(rows, why) => {
                let (rows, why) = (grouped(rows), escape(&why));
                console.note(&format!("warning: {name} refuses {rows} rows: {why}"));
            }
            Message::Failed(error, hint) => {
                let is_reported = self.failing.is_some_and(|at| at.elapsed() < REPORT_EVERY);
                if is_reported {
                    return;
                }
                self.failing = Some(Instant::now());
                let error = escape(&error);
                console.note(&format!(
                    "warning: {name} cannot be reached, and is tried again: {error}"
                ));
                if let Some(hint) = hint {
                    console.hint(&hint);
                }
            }
            Message::Ended(outcome) => self.outcome = Some(outcome),
        }
    }
}

fn end(all: Vec<SendingTarget>, console: &mut Console) -> anyhow::Result<Exit> {
    let mut failure = None;
    for target in all {
        let (name, sent) = (target.name, target.sent);
        console.note(&if sent == Cursor::START {
            format!("{name}: nothing new was sent")
        } else {
            format!("{name}: sent up to row {sent}")
        });
        match target.outcome {
            // What was failing as it was stopped was reported.
            Some(Err(error)) if target.failing.is_none() => {
                failure = failure.or(Some((name, error)));
            }
            _ => {}
        }
    }
    match failure {
        Some((_, error)) => Err(error.into()),
        None => Ok(Exit::Done),
    }
}
