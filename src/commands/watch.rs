//! `mcpr watch`: the live screen over a store.

mod opener;

use super::args::{MessageArgs, is_there, moment_if, note_question, proxy_pattern};
use super::find::{find_session, say_no_session_of};
use super::help::CommandHelp;
use super::request_filter::RequestFilterArgs;
use super::{Refused, StoreArgs, complete, now_ms, open_store, report};
use crate::console::Console;
use crate::exit::Exit;
pub(crate) use crate::watch::give_back_terminal;
use crate::watch::{ReportOf, StoreSource, WatchEnded, WatchOptions, run as watch};
use clap_complete::ArgValueCompleter;
use mcpr_connect::connect;
use mcpr_store::query::Filter;
use mcpr_store::query::when::Zone;
use mcpr_store::{Reader, StoreError, StoreErrorKind, StoreUrl};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

/// What `mcpr watch` takes.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(flatten)]
    store: StoreArgs,
    /// Show proxies whose name matches GLOB (repeatable; commas separate)
    #[arg(short, long, value_name = "GLOB", add = ArgValueCompleter::new(complete::proxies))]
    proxy: Vec<String>,
    #[command(flatten)]
    request_filter: RequestFilterArgs,
    /// Show what happened at or after TIME: 30m, 2h, 7d, 2026-11-21 14:00, today, monday, @EPOCH
    #[arg(short, long, value_name = "TIME", allow_hyphen_values = true)]
    since: Option<String>,
    /// Show what happened before TIME
    #[arg(short, long, value_name = "TIME", allow_hyphen_values = true)]
    until: Option<String>,
    /// Show and read times in UTC instead of local time
    #[arg(long)]
    utc: bool,
    #[command(flatten)]
    messages: MessageArgs,
}

/// What its help has beside its flags.
pub(super) const HELP: CommandHelp =
    CommandHelp::new("watch", &["mcpr watch -p files # one server"]).with_headings();

/// Shows the live screen until somebody leaves it.
///
/// # Errors
/// When there is no terminal, or the store cannot be read.
pub fn run(args: &Args, console: &mut Console) -> anyhow::Result<Exit> {
    args.messages.apply(console);
    if !console.has_screen() {
        return Err(no_screen("`mcpr watch` needs a terminal").into());
    }
    let source = Source {
        url: args.store.url_to_read()?,
        own: args.store.url()?,
    };
    let opened = source.clone().open();
    let is_open = opened.is_ok();
    // What waiting does not help is reported before the terminal is taken.
    if let Err(error) = opened
        && !matches!(
            error.kind,
            StoreErrorKind::Missing | StoreErrorKind::Retryable
        )
    {
        return Err(error.into());
    }
    let Some(filter) = filter(args, source.current())? else {
        let id = args.request_filter.session.as_deref().unwrap_or_default();
        say_no_session_of(id, &args.proxy.join(","), source.current(), console);
        return Ok(Exit::No);
    };
    // Before the screen is taken, so that it stands there again once that is given back.
    if is_open {
        let url = source.current();
        note_question(url, filter.since, filter.until, zone(args), console)?;
    }
    let begin = WatchOptions {
        store: source.url.to_string(),
        sources: [Box::new(source.clone()), Box::new(source.clone())],
        filter_words: words(args),
        filter,
        #[cfg(feature = "schema")]
        changes_of: Some(super::schema::newest_changes()),
        #[cfg(not(feature = "schema"))]
        changes_of: None,
        report_of: report_of(&source),
        zone: zone(args),
        colour: console.colours_output(),
        now_ms,
    };
    console.flush()?;
    match watch(begin) {
        Ok(WatchEnded::Left) => Ok(Exit::Done),
        Ok(WatchEnded::Signal(number)) => Ok(Exit::Signal(u8::try_from(number).unwrap_or(u8::MAX))),
        Ok(WatchEnded::Failed(why)) => Err(Refused::new(why).into()),
        Err(error) => Err(no_screen(&format!("the terminal cannot be used: {error}")).into()),
    }
}

/// What is shown at all; `None` where a session is named that is not there.
fn filter(args: &Args, url: &StoreUrl) -> anyhow::Result<Option<Filter>> {
    let asked = &args.request_filter;
    if asked.wants_pending() {
        let refused = Refused::new("--status pending: what is in flight stands above the rows");
        return Err(refused
            .hint("leave it out and press i; `mcpr logs --status pending` lists it alone")
            .into());
    }
    let zone = zone(args);
    let filter = Filter {
        proxy: proxy_pattern(&args.proxy),
        since: moment_if("--since", args.since.as_deref(), now_ms(), zone)?,
        until: moment_if("--until", args.until.as_deref(), now_ms(), zone)?,
        ..asked.conditions()?
    };
    let Some(id) = &asked.session else {
        return Ok(Some(filter));
    };
    // Of a session that is still to come nobody knows the id: the store has to be there.
    let reader = open_store(url)?;
    let found = find_session(reader.as_ref(), id, filter.proxy.as_ref(), zone)?;
    Ok(found.map(|session| Filter {
        session: Some(session.key()),
        ..filter
    }))
}

/// The conditions, for the top of the screen.
fn words(args: &Args) -> Vec<(&'static str, String)> {
    let several = |name, values: &[String]| (!values.is_empty()).then(|| (name, values.join(",")));
    let one = |name, value: &Option<String>| value.clone().map(|value| (name, value));
    let words = several("proxy", &args.proxy).into_iter();
    let words = words.chain(args.request_filter.named_words());
    let times = [one("since", &args.since), one("until", &args.until)];
    words.chain(times.into_iter().flatten()).collect()
}

fn zone(args: &Args) -> Zone {
    if args.utc { Zone::Utc } else { Zone::Local }
}

/// Makes reports of a store, each in a file of its own that is opened where somebody can see it.
fn report_of(source: &Source) -> ReportOf {
    let source = source.clone();
    Arc::new(move |filter| {
        let written = write_report(source.current(), filter);
        let path = written.map_err(|error| format!("no report: {error:#}"))?;
        let outcome = format!("wrote {}", path.display());
        let Some(opener) = opener::opener(|name| std::env::var_os(name)) else {
            return Ok(outcome);
        };
        Ok(match opener::open(opener, &path) {
            Ok(()) => format!("{outcome}, and gave it to {opener}"),
            // The file is there all the same.
            Err(error) => format!("{outcome}; {opener}: {error}"),
        })
    })
}

/// Writes a report into a new file, which nobody else may read: payloads are private.
fn write_report(url: &StoreUrl, filter: Filter) -> anyhow::Result<PathBuf> {
    let page = report::page_of(open_store(url)?.as_ref(), filter)?;
    let mut file = tempfile::Builder::new()
        .prefix("mcpr-report-")
        .suffix(".html")
        .tempfile()?;
    file.write_all(page.as_bytes())?;
    let (_, path) = file.keep()?;
    Ok(path)
}

fn no_screen(what: &str) -> Refused {
    Refused::new(what).hint("`mcpr logs --follow` shows the same as lines")
}

/// The store that is meant, as `logs --follow` has it: our own as soon as it is there.
#[derive(Debug, Clone)]
struct Source {
    url: StoreUrl,
    own: StoreUrl,
}

impl Source {
    /// The store that is read now.
    fn current(&self) -> &StoreUrl {
        if self.url != self.own && is_there(&self.own) {
            &self.own
        } else {
            &self.url
        }
    }
}

impl StoreSource for Source {
    fn open(&mut self) -> Result<Box<dyn Reader>, StoreError> {
        connect(&self.url)?.reader()
    }

    fn has_moved(&mut self) -> bool {
        let has_moved = self.url != self.own && is_there(&self.own);
        if has_moved {
            self.url = self.own.clone();
        }
        has_moved
    }
}
