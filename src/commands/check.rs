//! `mcpr check`: whether what happened is as it should be, for CI and for alarms.

mod condition;
mod exec;
mod figures;
mod follow;
#[cfg_attr(not(feature = "schema"), path = "check/no_lists.rs")]
mod lists;
mod measure;
mod outcome;
mod report;

use super::args::{
    MessageArgs, client_pattern, moment, moment_if, note_question, patterns, proxy_pattern,
};
use super::empty::{self, SoughtName};
use super::find::find_session;
use super::follow::FollowArgs;
use super::help::CommandHelp;
use super::values::{duration_us, one_of};
use super::{Refused, StoreArgs, complete, now_ms, open_store};
use crate::console::Console;
use crate::exit::Exit;
use clap::builder::{PossibleValue, TypedValueParser};
use clap_complete::ArgValueCompleter;
use condition::Condition;
use mcpr_model::Kind;
use mcpr_model::time::{DAY_MS, HOUR_MS};
use mcpr_store::query::when::Zone;
use mcpr_store::query::{Filter, GroupBy, Pattern, SessionRow};
use measure::Scope;
pub(super) use measure::TimeWindow;
use outcome::{ConditionState, Outcomes, Question};
use report::CheckFormat;
use std::ffi::OsString;
use std::time::Duration;

/// What `mcpr check` takes.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Fail when this holds (repeatable): a figure of calls, errors, error-rate, timeouts, p50, p95, p99,
    /// max, bytes, gaps or age (since the last call), compared by >, >=, < or <= with a number (1, 5%,
    /// 2s, 10M) or with a multiple (1.5x) of what it is in --against; or schema:LEVEL, a change of a
    /// list as bad as breaking, undecided, dangerous, any, alert or review
    #[arg(long, value_name = "CONDITION", required = true)]
    fail_on: Vec<Condition>,
    /// Look at what happened at or after TIME [default: 24h]
    #[arg(short, long, value_name = "TIME", allow_hyphen_values = true)]
    since: Option<String>,
    /// Look at what happened before TIME
    #[arg(short, long, value_name = "TIME", allow_hyphen_values = true)]
    until: Option<String>,
    /// Compare with this earlier window: as long before the other one as DURATION (7d), from TIME on
    /// (yesterday), or FROM..TO. Counts are compared by time, where one window is longer than the other
    #[arg(long, value_name = "WINDOW", allow_hyphen_values = true)]
    against: Option<String>,
    /// Look at one session: any unambiguous prefix of its id, or `latest`, the one used last
    #[arg(short = 'S', long, value_name = "ID", add = ArgValueCompleter::new(complete::sessions))]
    session: Option<String>,
    /// Look at proxies whose name matches GLOB (repeatable; commas separate)
    #[arg(short, long, value_name = "GLOB", add = ArgValueCompleter::new(complete::proxies))]
    proxy: Vec<String>,
    /// Look at tools that match GLOB (repeatable; commas separate)
    #[arg(short, long, value_name = "GLOB", add = ArgValueCompleter::new(complete::tools))]
    tool: Vec<String>,
    /// Look at methods that match GLOB (repeatable; commas separate)
    #[arg(long, value_name = "GLOB", add = ArgValueCompleter::new(complete::methods))]
    method: Vec<String>,
    /// Look at clients whose name matches GLOB, ignoring case (repeatable; commas separate)
    #[arg(short, long, value_name = "GLOB", add = ArgValueCompleter::new(complete::clients))]
    client: Vec<String>,
    /// Judge each tool (and each other method), each method or each proxy on its own
    #[arg(long, value_name = "WHAT", value_parser = check_by())]
    by: Option<GroupBy>,
    /// Pass conditions that cannot be judged because there is no data
    #[arg(long)]
    allow_empty: bool,
    #[command(flatten)]
    follow: FollowArgs,
    /// With --follow, judge anew after so long
    #[arg(long, value_name = "DURATION", default_value = "1m", value_parser = interval,
          requires = "follow")]
    every: Duration,
    /// With --follow, run CMD, without a shell, when a condition becomes broken and when that ends. CMD is all
    /// that follows, up to a `;`. `MCPR_CHECK_STATE` (broken or ok), _CONDITION, _PROXY, _METHOD, _TOOL, _VALUE,
    /// _LIMIT, _UNIT and _SINCE are in its environment, and the same as JSON on its standard input
    #[arg(long, value_name = "CMD", num_args = 1.., value_terminator = ";",
          allow_hyphen_values = true, requires = "follow")]
    exec: Vec<OsString>,
    /// End CMD, and what it started, after so long
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = timeout,
          requires = "exec")]
    exec_timeout: Duration,
    #[command(flatten)]
    store: StoreArgs,
    /// Show and read times in UTC instead of local time
    #[arg(long)]
    utc: bool,
    /// Print one JSON document; with --follow one per line
    #[arg(short, long, conflicts_with = "format")]
    json: bool,
    /// Choose the output format
    #[arg(
        short = 'o',
        long,
        value_enum,
        value_name = "FORMAT",
        default_value = "text"
    )]
    format: CheckFormat,
    #[command(flatten)]
    messages: MessageArgs,
}

/// What its help has beside its flags.
pub(super) const HELP: CommandHelp = CommandHelp::new(
    "check",
    &[
        "mcpr check -s 1h --fail-on 'p95>2s' # a gate over the last hour",
        "mcpr check --session latest --fail-on 'errors>0' # one session",
    ],
)
.with_headings();

/// How far `check` looks back by default.
const LOOK_BACK_MS: i64 = DAY_MS;

impl Args {
    fn zone(&self) -> Zone {
        if self.utc { Zone::Utc } else { Zone::Local }
    }

    /// The names and globs that were typed.
    fn names(&self) -> Vec<SoughtName> {
        SoughtName::of_flags(&self.proxy, &self.tool, &self.method, &self.client)
    }

    fn format(&self) -> CheckFormat {
        if self.json {
            CheckFormat::Json
        } else {
            self.format
        }
    }
}

fn check_by() -> impl TypedValueParser<Value = GroupBy> {
    one_of(vec![
        (PossibleValue::new("tool"), GroupBy::Tool),
        (PossibleValue::new("method"), GroupBy::Method),
        (PossibleValue::new("proxy"), GroupBy::Proxy),
    ])
}

fn interval(text: &str) -> Result<Duration, String> {
    match duration_us(text)? {
        us @ 1_000_000.. => Ok(Duration::from_micros(us.unsigned_abs())),
        _ => Err("it must be 1s or more".to_owned()),
    }
}

fn timeout(text: &str) -> Result<Duration, String> {
    match duration_us(text)? {
        us @ 1_000..=3_600_000_000 => Ok(Duration::from_micros(us.unsigned_abs())),
        _ => Err("it must lie between 1ms and 1h".to_owned()),
    }
}

/// The one session that was named is not there.
#[derive(Debug, thiserror::Error)]
#[error("no session `{id}` in {store}")]
struct NoSession {
    id: String,
    store: String,
}

/// Judges the conditions: one that is broken is the answer no, one that cannot be judged an error.
///
/// # Errors
/// When an argument means nothing, the store cannot be read or the output not written.
pub fn run(args: &Args, console: &mut Console) -> anyhow::Result<Exit> {
    args.messages.apply(console);
    refuse_what_does_not_fit(args)?;
    if args.follow.follow {
        return follow::follow(args, console);
    }
    let outcomes = match judged(args, console) {
        // A miss ends as it does in every other command.
        Err(error) if error.is::<NoSession>() => {
            console.error(&error.to_string(), Some("`mcpr sessions` lists them"));
            return Ok(Exit::No);
        }
        judged => judged?,
    };
    if outcomes.calls == 0 && args.format() == CheckFormat::Text {
        let reader = open_store(&args.store.url_to_read()?)?;
        empty::say_unknown_names(&args.names(), reader.as_ref(), console)?;
    }
    let text = report::rendered(&outcomes, args.format(), args.zone());
    console.print(&text)?;
    Ok(match outcomes.state() {
        ConditionState::Holds => Exit::Done,
        ConditionState::Broken => Exit::No,
        ConditionState::Unknown => {
            let hint = "a condition could not be judged, so that this ends with 2; --allow-empty takes \
                        that for good";
            console.hint(hint);
            Exit::Failed
        }
    })
}

/// What follows from the arguments alone.
fn refuse_what_does_not_fit(args: &Args) -> Result<(), Refused> {
    let relative = args.fail_on.iter().find(|one| one.is_relative());
    match (relative, &args.against) {
        (Some(condition), None) => {
            let what = condition.text();
            return Err(Refused::new(format!("`{what}` compares with nothing"))
                .hint("--against 7d names the window it is compared with"));
        }
        (None, Some(_)) => {
            return Err(Refused::new("--against is used by no condition")
                .hint("a condition such as 'p95>1.5x' compares with it"));
        }
        _ => {}
    }
    let is_lasting = matches!(args.format(), CheckFormat::Text | CheckFormat::Json);
    if args.follow.follow && !is_lasting {
        return Err(
            Refused::new("--follow has no end, and that format needs one")
                .hint("--format text and --json go on"),
        );
    }
    Ok(())
}

/// Judges the conditions now.
fn judged(args: &Args, console: &mut Console) -> anyhow::Result<Outcomes> {
    let url = args.store.read_url(console)?;
    let reader = open_store(&url)?;
    let session = match &args.session {
        Some(id) => Some(
            find_session(
                reader.as_ref(),
                id,
                proxy_pattern(&args.proxy).as_ref(),
                args.zone(),
            )?
            .ok_or_else(|| NoSession {
                id: id.clone(),
                store: url.to_string(),
            })?,
        ),
        None => None,
    };
    let question = question(args, session, now_ms())?;
    let TimeWindow { since, until } = question.scope.window;
    note_question(&url, Some(since), Some(until), args.zone(), console)?;
    outcome::outcomes(args, reader.as_ref(), &question)
}

/// The window between two moments: where one is not given, it is that of a session, or it ends now and is
/// a day long.
pub(super) fn window_of(
    since: Option<i64>,
    until: Option<i64>,
    session: Option<&SessionRow>,
    now: i64,
) -> Result<TimeWindow, Refused> {
    let window = match session {
        // To the end of its last millisecond.
        Some(row) => TimeWindow {
            since: since.unwrap_or(row.started_at),
            until: until.unwrap_or(row.last_seen_at.saturating_add(1)),
        },
        None => TimeWindow {
            since: since.unwrap_or_else(|| until.unwrap_or(now).saturating_sub(LOOK_BACK_MS)),
            until: until.unwrap_or(now),
        },
    };
    if window.since > window.until {
        return Err(Refused::new("--since is after --until"));
    }
    Ok(window)
}

/// Which calls are looked at, and which they are compared with.
fn question(args: &Args, session: Option<SessionRow>, now: i64) -> anyhow::Result<Question> {
    let zone = args.zone();
    let (since, until) = (args.since.as_deref(), args.until.as_deref());
    let (since, until) = (
        moment_if("--since", since, now, zone)?,
        moment_if("--until", until, now, zone)?,
    );
    let window = window_of(since, until, session.as_ref(), now)?;
    let against = args.against.as_deref();
    let earlier = against.map(|text| earlier(text, window, now, zone));
    let of_session = session.as_ref().map(|row| Pattern::name(&row.proxy));
    let scope = Scope {
        filter: Filter {
            proxy: of_session.or_else(|| proxy_pattern(&args.proxy)),
            kind: Some(Kind::Mcp),
            methods: patterns("--method", &args.method)?,
            tools: patterns("--tool", &args.tool)?,
            client: client_pattern(&args.client)?,
            ..Filter::default()
        },
        window,
        session,
        by: args.by,
        with_age: args.fail_on.iter().any(Condition::is_of_age),
    };
    let before = earlier.transpose()?.map(|window| Scope {
        window,
        // A session is compared with what its proxy did before.
        session: None,
        with_age: false,
        ..scope.clone()
    });
    Ok(Question { scope, before })
}

/// The earlier window: so long before the other one, as long from a time on, or from one time to another.
pub(super) fn earlier(
    text: &str,
    window: TimeWindow,
    now: i64,
    zone: Zone,
) -> Result<TimeWindow, Refused> {
    let earlier = if let Some((from, to)) = text.split_once("..") {
        TimeWindow {
            since: moment("--against", from, now, zone)?,
            until: moment("--against", to, now, zone)?,
        }
    } else if let Ok(length_us) = duration_us(text) {
        let since = window.since.saturating_sub(length_us / 1000);
        // From a whole hour on: of an hour whose requests are gone only the sum is left. Nothing before
        // the window stays nothing.
        let whole_hour = since - since.rem_euclid(HOUR_MS);
        TimeWindow {
            since: if since < window.since {
                whole_hour
            } else {
                since
            },
            until: window.since,
        }
    } else {
        // As long from a time on, but no call counts in both.
        let since = moment("--against", text, now, zone).map_err(|error| {
            error.hint("give a duration such as 7d, an earlier time, or FROM..TO")
        })?;
        let length_ms = window.until.saturating_sub(window.since);
        TimeWindow {
            since,
            until: since.saturating_add(length_ms).min(window.since),
        }
    };
    if earlier.since >= earlier.until {
        return Err(Refused::new("--against is a window without any time in it")
            .hint("give a duration such as 7d, an earlier time, or FROM..TO with the earlier one first"));
    }
    Ok(earlier)
}
