//! `mcpr report`: a window, a session or two windows as a file to hand to somebody else.

mod archive;
mod not_known;
mod output;
#[cfg_attr(not(feature = "schema"), path = "report/no_changes.rs")]
mod server_changes;
mod unanswered;

use super::args::{MessageArgs, client_pattern, moment_if, note_question, patterns, proxy_pattern};
use super::check::{TimeWindow, earlier, window_of};
use super::empty::{self, SoughtName};
use super::find::{find_session, say_no_session_of};
use super::help::CommandHelp;
use super::pages::{OrderBy, Range, each_page};
use super::{Refused, StoreArgs, complete, now_ms, open_store};
use crate::console::Console;
use crate::exit::Exit;
use crate::render::units;
use clap_complete::ArgValueCompleter;
use mcpr_model::time::DAY_MS;
use mcpr_model::{Kind, Payload};
use mcpr_report::{TrafficReport, TrafficWindow, WindowFold, WindowScope};
use mcpr_store::Reader;
use mcpr_store::query::when::Zone;
use mcpr_store::query::{Entry, Filter, Order, Pattern, SessionFilter, SessionPage, SessionRow};
use output::Output;
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

/// What `mcpr report` takes.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Write to FILE, or to standard output for `-` [default: standard output, where that is not a terminal]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Choose the format [default: by the name of FILE, or html]
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<FileFormat>,
    /// Report what happened at or after TIME [default: 24h]
    #[arg(short, long, value_name = "TIME", allow_hyphen_values = true)]
    since: Option<String>,
    /// Report what happened before TIME
    #[arg(short, long, value_name = "TIME", allow_hyphen_values = true)]
    until: Option<String>,
    /// Compare with an earlier window: as long before the other one as DURATION (7d), from TIME on
    /// (yesterday), or FROM..TO
    #[arg(long, value_name = "WINDOW", allow_hyphen_values = true)]
    against: Option<String>,
    /// Report one session: any unambiguous prefix of its id, or `latest`, the one used last
    #[arg(short = 'S', long, value_name = "ID", conflicts_with = "against",
          add = ArgValueCompleter::new(complete::sessions))]
    session: Option<String>,
    /// Report proxies whose name matches GLOB (repeatable; commas separate)
    #[arg(short, long, value_name = "GLOB", add = ArgValueCompleter::new(complete::proxies))]
    proxy: Vec<String>,
    /// Report tools that match GLOB (repeatable; commas separate)
    #[arg(short, long, value_name = "GLOB", add = ArgValueCompleter::new(complete::tools))]
    tool: Vec<String>,
    /// Report methods that match GLOB (repeatable; commas separate)
    #[arg(long, value_name = "GLOB", add = ArgValueCompleter::new(complete::methods))]
    method: Vec<String>,
    /// Report clients whose name matches GLOB, ignoring case (repeatable; commas separate)
    #[arg(short, long, value_name = "GLOB", add = ArgValueCompleter::new(complete::clients))]
    client: Vec<String>,
    /// Leave out payloads, though they are kept
    #[arg(long)]
    no_payloads: bool,
    #[command(flatten)]
    store: StoreArgs,
    /// Read times in UTC instead of local time; the report itself is in UTC
    #[arg(long)]
    utc: bool,
    #[command(flatten)]
    messages: MessageArgs,
}

/// What its help has beside its flags.
pub(super) const HELP: CommandHelp = CommandHelp::new(
    "report",
    &[
        "mcpr report -s today -o report.html # a page of today",
        "mcpr report --session latest --format md # for an issue",
    ],
)
.with_headings();

impl Args {
    /// What nobody has typed: a page with payloads, about whatever else is asked for.
    fn of_screen() -> Self {
        Self {
            output: None,
            format: None,
            since: None,
            until: None,
            against: None,
            session: None,
            proxy: Vec::new(),
            tool: Vec::new(),
            method: Vec::new(),
            client: Vec::new(),
            no_payloads: false,
            store: StoreArgs { db: None },
            utc: false,
            messages: MessageArgs::DEFAULT,
        }
    }
}

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum FileFormat {
    /// One page that loads nothing from elsewhere
    Html,
    /// An HTTP archive (HAR 1.2), a call an exchange
    Har,
    /// Markdown, for an issue or a chat
    Md,
}

/// Payloads that are fetched at a time.
const PAYLOADS_AT_ONCE: usize = 16;

/// Which calls are reported.
#[derive(Debug, Clone)]
struct ReportScope {
    filter: Filter,
    window: TimeWindow,
    session: Option<SessionRow>,
}

impl ReportScope {
    fn filter(&self) -> Filter {
        Filter {
            since: Some(self.window.since),
            until: Some(self.window.until),
            ..self.filter.clone()
        }
    }

    fn name(&self) -> String {
        let at = |ts| units::time(ts, Zone::Utc);
        let (from, to) = (at(self.window.since), at(self.window.until));
        match &self.session {
            Some(session) => format!("session {}", session.session_id),
            None => format!("{from} to {to}"),
        }
    }
}

/// Writes a report.
///
/// # Errors
/// When an argument means nothing, the store cannot be read or the file not written.
pub fn run(args: &Args, console: &mut Console) -> anyhow::Result<Exit> {
    args.messages.apply(console);
    let format = format(args)?;
    refuse_what_does_not_fit(args, format, console)?;
    let url = args.store.read_url(console)?;
    let reader = open_store(&url)?;
    let session = match &args.session {
        Some(id) => {
            let proxy = proxy_pattern(&args.proxy);
            let found = find_session(reader.as_ref(), id, proxy.as_ref(), zone(args))?;
            if found.is_none() {
                say_no_session_of(id, &args.proxy.join(","), &url, console);
                return Ok(Exit::No);
            }
            found
        }
        None => None,
    };
    let wanted = wanted(args, session)?;
    for TimeWindow { since, until } in wanted.iter().map(|one| one.window) {
        note_question(&url, Some(since), Some(until), zone(args), console)?;
    }
    let mut output = Output::begin(args.output.as_deref())?;
    let calls = match format {
        FileFormat::Har => archive::write(args, reader.as_ref(), &wanted[0], &mut output, console)?,
        FileFormat::Html | FileFormat::Md => {
            let report = report(args, reader.as_ref(), &wanted)?;
            let calls = report.windows.iter().map(|window| window.total.calls).sum();
            let text = match format {
                FileFormat::Md => mcpr_report::markdown(&report),
                _ => mcpr_report::html(report),
            };
            output.write(&text, console)?;
            calls
        }
    };
    output.finish(calls, console)?;
    let names = SoughtName::of_flags(&args.proxy, &args.tool, &args.method, &args.client);
    if calls == 0 && !empty::say_unknown_names(&names, reader.as_ref(), console)? {
        // In a store without a row no window holds more.
        console.hint(match reader.span()? {
            Some(_) => "no call lies in this window; --since looks further back, `mcpr stats --since 1y` shows what there is",
            None => "nothing is recorded in this store yet; `mcpr sources` lists what this machine has to record",
        });
    }
    Ok(Exit::Done)
}

/// The page about some requests, as the live screen asks for it: of one session, or of the last day that was
/// recorded.
///
/// # Errors
/// When the store cannot be read.
pub(super) fn page_of(reader: &dyn Reader, filter: Filter) -> anyhow::Result<String> {
    let session = match &filter.session {
        Some(key) => {
            let of_key = SessionFilter {
                proxy: Some(Pattern::name(&key.proxy)),
                id: Some(key.id.clone()),
                with_empty: true,
                ..SessionFilter::default()
            };
            reader.sessions(&of_key, &SessionPage::used_last(1))?.pop()
        }
        None => None,
    };
    // A store that nobody fills any more has a last day, too.
    let newest = reader.span()?.map_or_else(now_ms, |(_, newest)| newest);
    let window = match &session {
        Some(row) => TimeWindow {
            since: row.started_at,
            until: row.last_seen_at.saturating_add(1),
        },
        None => TimeWindow {
            since: newest.saturating_sub(DAY_MS),
            until: newest.saturating_add(1),
        },
    };
    let wanted = ReportScope {
        filter: Filter {
            kind: Some(Kind::Mcp),
            ..filter
        },
        window,
        session,
    };
    let report = report(&Args::of_screen(), reader, &[wanted])?;
    Ok(mcpr_report::html(report))
}

impl FileFormat {
    /// The one that files of this name hold.
    fn of_name(path: &Path) -> Option<Self> {
        let ending = path.extension()?.to_str()?.to_ascii_lowercase();
        match ending.as_str() {
            "html" | "htm" => Some(Self::Html),
            "har" => Some(Self::Har),
            "md" | "markdown" => Some(Self::Md),
            _ => None,
        }
    }

    /// The ending of a name that says another format, which no report has.
    fn other_of_name(path: &Path) -> Option<String> {
        let ending = path.extension()?.to_str()?.to_ascii_lowercase();
        let others = [
            "json", "jsonl", "ndjson", "csv", "txt", "text", "xml", "yaml", "yml", "pdf", "zip",
            "gz",
        ];
        others.contains(&ending.as_str()).then_some(ending)
    }
}

/// The format that is asked for: by its flag, or by the name of the file, which say the same.
fn format(args: &Args) -> Result<FileFormat, Refused> {
    let path = args.output.as_deref();
    let of_name = path.and_then(FileFormat::of_name);
    match (args.format, of_name) {
        (Some(wanted), Some(of_name)) if wanted != of_name => Err(Refused::new(
            "--format and the name of the file say different formats",
        )
        .hint("leave out --format, or name the file otherwise")),
        (Some(format), _) | (None, Some(format)) => Ok(format),
        // Whoever names it so would open it with another program than it is for.
        (None, None) => match path.and_then(FileFormat::other_of_name) {
            Some(ending) => Err(Refused::new(format!(
                "a report is a page (.html), an HTTP archive (.har, which is JSON) or Markdown (.md), and no .{ending}"
            ))
            .hint("name the file so, or say --format; `mcpr logs --json` prints requests, `mcpr stats --json` sums")),
            None => Ok(FileFormat::Html),
        },
    }
}

/// What follows from the arguments alone.
fn refuse_what_does_not_fit(
    args: &Args,
    format: FileFormat,
    console: &Console,
) -> Result<(), Refused> {
    if format == FileFormat::Har && args.against.is_some() {
        return Err(
            Refused::new("an archive holds one window, and --against is another")
                .hint("make one of each"),
        );
    }
    let is_page = format != FileFormat::Md;
    if args.output.is_none() && is_page && console.width().is_some() {
        return Err(Refused::new("a report is not text for a terminal")
            .hint("-o report.html writes a file, --format md is for reading"));
    }
    Ok(())
}

fn zone(args: &Args) -> Zone {
    if args.utc { Zone::Utc } else { Zone::Local }
}

/// The windows that are reported, the earlier one first.
fn wanted(args: &Args, session: Option<SessionRow>) -> anyhow::Result<Vec<ReportScope>> {
    let (now, zone) = (now_ms(), zone(args));
    let (since, until) = (args.since.as_deref(), args.until.as_deref());
    let (since, until) = (
        moment_if("--since", since, now, zone)?,
        moment_if("--until", until, now, zone)?,
    );
    let window = window_of(since, until, session.as_ref(), now)?;
    let filter = Filter {
        proxy: session
            .as_ref()
            .map(|row| Pattern::name(&row.proxy))
            .or_else(|| proxy_pattern(&args.proxy)),
        kind: Some(Kind::Mcp),
        methods: patterns("--method", &args.method)?,
        tools: patterns("--tool", &args.tool)?,
        client: client_pattern(&args.client)?,
        session: session.as_ref().map(SessionRow::key),
        ..Filter::default()
    };
    let now = ReportScope {
        filter,
        window,
        session,
    };
    let before = args
        .against
        .as_deref()
        .map(|text| earlier(text, window, now_ms(), zone));
    let before = before.transpose()?.map(|window| ReportScope {
        window,
        ..now.clone()
    });
    Ok(before.into_iter().chain([now]).collect())
}

fn report(
    args: &Args,
    reader: &dyn Reader,
    wanted: &[ReportScope],
) -> anyhow::Result<TrafficReport> {
    let windows = wanted.iter().map(|wanted| window(args, reader, wanted));
    Ok(TrafficReport {
        by: concat!("mcpr ", env!("CARGO_PKG_VERSION")).to_owned(),
        made_at: now_ms(),
        payloads: !args.no_payloads,
        windows: windows.collect::<anyhow::Result<_>>()?,
    })
}

fn window(args: &Args, reader: &dyn Reader, wanted: &ReportScope) -> anyhow::Result<TrafficWindow> {
    let drawn = drawn(reader, wanted.window)?;
    let mut fold = WindowFold::new(WindowScope {
        name: wanted.name(),
        conditions: conditions(args, wanted),
        from: drawn.since,
        to: drawn.until,
    });
    let mut called = BTreeSet::new();
    each_page(reader, &wanted.filter(), in_time(), &mut |page| {
        for entry in page.entries {
            if let Entry::Request(row) = &entry
                && !called.contains(&row.proxy)
            {
                called.insert(row.proxy.clone());
            }
            fold.add(entry);
        }
        Ok(())
    })?;
    fold.open_calls(&unanswered::open_calls(reader, wanted, !args.no_payloads)?);
    fold.failed_servers(&unanswered::failed_servers(reader, wanted)?);
    let changes = server_changes::changes(reader, wanted, called)?;
    fold.changes(changes.rows, changes.unchanged);
    let unknown = not_known::of_window(args, reader, wanted, fold.calls())?;
    for text in changes.unknown.into_iter().chain(unknown) {
        fold.unknown(text);
    }
    let mut payloads = HashMap::new();
    if !args.no_payloads {
        let failed: Vec<i64> = fold.failed().collect();
        for seqs in failed.chunks(PAYLOADS_AT_ONCE) {
            payloads.extend(
                reader
                    .payloads(seqs)?
                    .into_iter()
                    .map(|(seq, payload)| (seq, shortened(payload))),
            );
        }
    }
    Ok(fold.finish(&payloads))
}

/// The part of a window that may hold anything: not before the store begins, and not after now.
fn drawn(reader: &dyn Reader, window: TimeWindow) -> anyhow::Result<TimeWindow> {
    let now = now_ms();
    let (oldest, newest) = reader.span()?.unwrap_or((now, now));
    // A recorded clock may be ahead of this one.
    let until = window.until.min(now.max(newest.saturating_add(1)));
    Ok(TimeWindow {
        since: window.since.max(oldest.min(until)),
        until,
    })
}

/// The head of a payload: hundreds of whole ones would take more memory than the report.
fn shortened(mut payload: Payload) -> Payload {
    for body in [&mut payload.params, &mut payload.answer]
        .into_iter()
        .flatten()
    {
        let end = body.text.floor_char_boundary(mcpr_report::MAX_BODY_BYTES);
        if end < body.text.len() {
            body.text = body.text[..end].into();
            body.is_cut = true;
        }
    }
    payload
}

fn in_time() -> Range {
    Range {
        by: OrderBy::Time,
        after: None,
        before: None,
        order: Order::Ascending,
        most: None,
    }
}

/// What was asked for beside what the window is called after, in words.
fn conditions(args: &Args, wanted: &ReportScope) -> Vec<String> {
    let at = |ts| units::time(ts, Zone::Utc);
    let window = wanted.window;
    let mut words = Vec::new();
    if wanted.session.is_some() {
        words.push(format!("{} to {}", at(window.since), at(window.until)));
    }
    words.extend(
        wanted
            .filter
            .proxy
            .as_ref()
            .map(|proxy| format!("proxy {proxy}")),
    );
    words.extend(args.tool.iter().map(|glob| format!("tools {glob}")));
    words.extend(args.method.iter().map(|glob| format!("methods {glob}")));
    words.extend(args.client.iter().map(|glob| format!("clients {glob}")));
    words
}
