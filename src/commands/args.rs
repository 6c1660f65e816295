//! The arguments that every reading command takes, and what they resolve to.

use super::layout_args::LayoutArgs;
use super::{Refused, complete, open_store};
use crate::console::{ColourChoice, Console};
use crate::render::{Column, Format, Record, TableStyle, choose, select, units};
use anyhow::Context;
use clap_complete::ArgValueCompleter;
use mcpr_store::query::Pattern;
use mcpr_store::query::when::{Zone, parse_when};
use mcpr_store::{Reader, StoreUrl, Trust, WriterOptions};
use std::path::PathBuf;

/// Which store is meant.
#[derive(Debug, Clone, clap::Args)]
pub struct StoreArgs {
    /// Use this store: a file, or a URL such as sqlite:FILE [default: ~/.mcpr/recorder.db]
    #[arg(long, value_name = "FILE", env = "MCPR_DB", hide_env_values = true)]
    pub db: Option<PathBuf>,
}

/// Where a command that writes may find its store.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub struct TrustArgs {
    /// Write into a store whose directory other users may write, too: they could put another file in
    /// its place
    #[arg(long)]
    pub shared_directory: bool,
}

impl TrustArgs {
    /// The arguments that say the same; none where nothing differs from the default.
    #[cfg(feature = "tap")]
    pub(crate) fn arguments(self) -> Vec<String> {
        let flag = "--shared-directory".to_owned();
        self.shared_directory.then_some(flag).into_iter().collect()
    }

    /// Who may be trusted with the store's directory.
    #[must_use]
    pub fn trust(self) -> Trust {
        if self.shared_directory {
            Trust::Anyone
        } else {
            Trust::Owner
        }
    }
}

/// Who writes a store, and where he may find it.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct WriterArgs {
    #[command(flatten)]
    trust: TrustArgs,
    /// Write as NAME into a store on a server, which takes one recorder of a name [default: `MCPR_WRITER`, else the
    /// name of this machine]
    #[arg(long, value_name = "NAME", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    writer: Option<String>,
}

impl WriterArgs {
    /// How a store is opened, by its one recorder or beside one.
    #[must_use]
    pub fn options(&self, exclusive: bool) -> WriterOptions {
        WriterOptions {
            name: self.writer.clone(),
            exclusive,
            trust: self.trust.trust(),
        }
    }

    /// The arguments that say the same; none where nothing differs from the default.
    #[cfg(feature = "tap")]
    pub(crate) fn arguments(&self) -> Vec<String> {
        let name = self.writer.iter().map(|name| format!("--writer={name}"));
        self.trust.arguments().into_iter().chain(name).collect()
    }
}

impl StoreArgs {
    /// The store, as who writes it takes it.
    ///
    /// # Errors
    /// When what was named is not a store, or none is named and there is no home directory.
    pub fn url(&self) -> anyhow::Result<StoreUrl> {
        match &self.db {
            // Parsed here and not by clap, whose messages repeat what was typed: a password, too.
            Some(named) => Ok(StoreUrl::parse(named).map_err(|error| {
                Refused::new(format!("--db: {error}"))
                    .hint("give a path, sqlite:PATH or postgres://USER@HOST/DATABASE")
            })?),
            None => Ok(default_directory()?.join(OWN_STORE).into()),
        }
    }

    /// The store that is read: where none is named and ours is not there, the one of the proxy, if that
    /// is.
    pub(super) fn url_to_read(&self) -> anyhow::Result<StoreUrl> {
        let own = self.url()?;
        if self.db.is_some() {
            return Ok(own);
        }
        let of_proxy = default_directory()?.join(PROXY_STORE);
        Ok(if !is_there(&own) && of_proxy.exists() {
            of_proxy.into()
        } else {
            own
        })
    }

    /// The store that is read; says so where it is the proxy's.
    pub(super) fn read_url(&self, console: &mut Console) -> anyhow::Result<StoreUrl> {
        let url = self.url_to_read()?;
        let own = self.url()?;
        if url != own {
            console.note(&format!(
                "reading {url}, where the mcpr proxy stores: there is no {own} yet"
            ));
        }
        Ok(url)
    }
}

/// Whether somebody has made a store in a file. An empty one is not made yet.
pub(super) fn is_there(url: &StoreUrl) -> bool {
    // Whether a server has a store cannot be determined without connecting to it.
    let Some(path) = url.path() else { return true };
    path.metadata().is_ok_and(|file| file.len() > 0)
}

/// The store that is made where none is named.
const OWN_STORE: &str = "recorder.db";
/// The store of the mcpr proxy beside it, which is read and never written.
const PROXY_STORE: &str = "store.db";

fn default_directory() -> anyhow::Result<PathBuf> {
    std::env::home_dir()
        // `HOME` may be set and empty: the store would be made wherever the command is run.
        .filter(|home| !home.as_os_str().is_empty())
        .map(|home| home.join(".mcpr"))
        .ok_or_else(|| Refused::new("no home directory to look for a store in"))
        .context(Refused::new("no store named").hint("name one with --db FILE or MCPR_DB"))
}

/// What every reading command takes.
#[derive(Debug, Clone, clap::Args)]
pub struct ReadArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// Show proxies whose name matches GLOB (repeatable; commas separate)
    #[arg(short, long, value_name = "GLOB", add = ArgValueCompleter::new(complete::proxies))]
    pub proxy: Vec<String>,
    /// Show what happened at or after TIME: 30m, 2h, 7d, 2026-11-21 14:00, today, monday, @EPOCH
    #[arg(short, long, value_name = "TIME", allow_hyphen_values = true)]
    since: Option<String>,
    /// Show what happened before TIME
    #[arg(short, long, value_name = "TIME", allow_hyphen_values = true)]
    until: Option<String>,
    /// Show and read times in UTC instead of local time
    #[arg(long)]
    utc: bool,
    /// Print JSON: one object a line for lists, one document for single reports
    #[arg(short, long, conflicts_with = "format")]
    json: bool,
    /// Choose the output format
    #[arg(
        short = 'o',
        long,
        value_enum,
        value_name = "FORMAT",
        default_value = "table"
    )]
    format: Format,
    /// Print these fields, in this order
    #[arg(long, value_name = "A,B,…", value_delimiter = ',',
          add = ArgValueCompleter::new(complete::fields))]
    fields: Option<Vec<String>>,
    #[command(flatten)]
    layout: LayoutArgs,
    #[command(flatten)]
    manners: AnswerArgs,
}

/// How messages reach whoever asked, whatever the answer is.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct MessageArgs {
    /// Use colour
    #[arg(long, value_enum, value_name = "WHEN", default_value = "auto")]
    color: ColourChoice,
    /// Print no notes and hints, only the answer and errors
    #[arg(short, long)]
    quiet: bool,
    /// Say on standard error which store was asked for which time, and how long it took
    #[arg(short, long, conflicts_with = "quiet")]
    verbose: bool,
}

impl MessageArgs {
    /// Those of somebody who has typed none.
    pub(super) const DEFAULT: Self = Self {
        color: ColourChoice::Auto,
        quiet: false,
        verbose: false,
    };

    /// Sets the console up.
    pub(super) fn apply(self, console: &mut Console) {
        console.choose_colour(self.color);
        if self.quiet {
            console.leave_out_notes();
        }
        if self.verbose {
            console.show_details();
        }
    }
}

/// How an answer that may be long reaches whoever asked.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct AnswerArgs {
    #[command(flatten)]
    messages: MessageArgs,
    /// Never send long output through a pager
    #[arg(long)]
    no_pager: bool,
}

impl AnswerArgs {
    /// Sets the console up; what no person reads is never paged.
    pub(super) fn apply(self, is_for_people: bool, console: &mut Console) {
        self.messages.apply(console);
        if !self.no_pager && is_for_people {
            console.page_long_output();
        }
    }
}

/// Says which store is asked for which time, where that is wanted.
pub(super) fn note_question(
    url: &StoreUrl,
    since: Option<i64>,
    until: Option<i64>,
    zone: Zone,
    console: &mut Console,
) -> anyhow::Result<()> {
    if console.shows_details() {
        let at = |ts: Option<i64>, end: &str| {
            ts.map_or_else(|| end.to_owned(), |ts| units::time(ts, zone))
        };
        let last = open_store(url)?.head()?.cursor;
        console.note(&format!("store: {url}, up to number {last}"));
        let (since, until) = (at(since, "the beginning"), at(until, "now"));
        console.note(&format!("time: {since} to {until}"));
    }
    Ok(())
}

/// The common arguments, resolved once.
#[derive(Debug, Clone)]
pub(super) struct View {
    pub(super) url: StoreUrl,
    /// The store that is followed as soon as it is there; the same one, but where the proxy's is read.
    pub(super) own: StoreUrl,
    pub(super) proxy: Option<Pattern>,
    /// The proxies that were named, as they were typed.
    pub(super) proxies_typed: Vec<String>,
    pub(super) since: Option<i64>,
    pub(super) until: Option<i64>,
    pub(super) format: Format,
    pub(super) zone: Zone,
    pub(super) now_ms: i64,
    pub(super) style: TableStyle,
    pub(super) layout: LayoutArgs,
    fields: Option<Vec<String>>,
    /// How far back is looked because nothing was given, in milliseconds.
    pub(super) default_window_ms: Option<i64>,
}

impl ReadArgs {
    /// Resolves the arguments against the present and the console, which learns about colour.
    pub(super) fn view(&self, now_ms: i64, console: &mut Console) -> anyhow::Result<View> {
        self.manners.apply(true, console);
        let zone = if self.utc { Zone::Utc } else { Zone::Local };
        let since = moment_if("--since", self.since.as_deref(), now_ms, zone)?;
        let until = moment_if("--until", self.until.as_deref(), now_ms, zone)?;
        if let (Some(since), Some(until)) = (since, until)
            && since > until
        {
            let at = |ts| units::time(ts, zone);
            let hint = format!("--since is {}, --until is {}", at(since), at(until));
            return Err(Refused::new("--since is after --until").hint(hint).into());
        }
        Ok(View {
            url: self.store.read_url(console)?,
            own: self.store.url()?,
            proxy: proxy_pattern(&self.proxy),
            proxies_typed: self.proxy.clone(),
            since,
            until,
            format: if self.json {
                Format::Ndjson
            } else {
                self.format
            },
            zone,
            now_ms,
            style: TableStyle {
                times: self.layout.times(self.fields.is_some()),
                width: self.layout.width(console.width(), console.text_width()),
                overflow: self.layout.overflow(),
                palette: console.palette(),
                ..TableStyle::plain(zone, now_ms)
            },
            layout: self.layout.clone(),
            fields: self.fields.clone(),
            default_window_ms: None,
        })
    }
}

impl View {
    /// What tables are fitted to on the terminal as it is now.
    pub(super) fn table_width(&self, console: &Console) -> Option<usize> {
        self.layout.width(console.width(), console.text_width())
    }

    /// Opens the store for reading; says where it is looked for what, if that is asked for.
    pub(super) fn open(&self, console: &mut Console) -> anyhow::Result<Box<dyn Reader>> {
        let reader = open_store(&self.url)?;
        note_question(&self.url, self.since, self.until, self.zone, console)?;
        Ok(reader)
    }

    /// Looks back only so far, unless a beginning was named.
    pub(super) fn looking_back(mut self, window_ms: i64) -> Self {
        if self.since.is_none() {
            // From `--until` backwards: a window that ends now could begin after it, and show
            // nothing.
            let end = self.until.unwrap_or(self.now_ms);
            self.since = Some(end.saturating_sub(window_ms));
            self.default_window_ms = Some(window_ms);
        }
        self
    }

    /// The columns that were named, those of machine formats, or those of a table.
    pub(super) fn columns<R: Record>(
        &self,
        all: &'static [Column<R>],
        fields: &[&str],
        of_table: impl FnOnce() -> Vec<&'static Column<R>>,
    ) -> Result<Vec<&'static Column<R>>, Refused> {
        Ok(match self.named(all)? {
            Some(columns) => columns,
            None if self.is_table() => of_table(),
            None => choose(all, fields),
        })
    }

    /// Whether fields were asked for by name.
    pub(super) fn names_fields(&self) -> bool {
        self.fields.is_some()
    }

    /// Whether the answer is for a person.
    pub(super) fn is_table(&self) -> bool {
        self.format == Format::Table
    }

    /// The fields that were asked for by name.
    pub(super) fn named<R: Record>(
        &self,
        all: &'static [Column<R>],
    ) -> Result<Option<Vec<&'static Column<R>>>, Refused> {
        let selected = self
            .fields
            .as_ref()
            .map(|names| select(all, names))
            .transpose();
        selected.map_err(|error| {
            let known = format!("the fields are {}", error.known.join(", "));
            Refused::new(error.to_string()).hint(known)
        })
    }

    /// Refuses the one format that has an end, for a list that has none.
    pub(super) fn refuse_array(&self) -> Result<(), Refused> {
        match self.format {
            Format::Json => Err(Refused::new("a list that goes on cannot be one JSON array")
                .hint("--json prints one object a line")),
            _ => Ok(()),
        }
    }

    /// What the common arguments leave out, in words.
    pub(super) fn conditions(&self) -> Vec<String> {
        let at = |ts| units::time(ts, self.zone);
        let proxy = self.proxy.as_ref().map(|proxy| format!("proxy `{proxy}`"));
        let since = self.since.map(|ts| format!("since {}", at(ts)));
        let until = self.until.map(|ts| format!("until {}", at(ts)));
        [proxy, since, until].into_iter().flatten().collect()
    }
}

/// Reads a time, naming the flag where the text is not a time.
pub(super) fn moment(flag: &str, text: &str, now_ms: i64, zone: Zone) -> Result<i64, Refused> {
    parse_when(text, now_ms, &zone)
        .map_err(|error| Refused::new(format!("{flag}: {error}")).hint(error.hint))
}

/// A moment that a flag names, where it is given.
pub(super) fn moment_if(
    flag: &str,
    text: Option<&str>,
    now: i64,
    zone: Zone,
) -> Result<Option<i64>, Refused> {
    text.map(|text| moment(flag, text, now, zone)).transpose()
}

/// Compiles globs, naming the flag where one is not well-formed. A comma separates two.
pub(super) fn patterns(flag: &str, globs: &[String]) -> Result<Vec<Pattern>, Refused> {
    let compiled = globs
        .iter()
        .flat_map(|globs| Pattern::split(globs))
        .map(Pattern::new)
        .collect::<Result<_, _>>();
    compiled.map_err(|error| Refused::new(format!("{flag}: {error}")))
}

/// Compiles the globs of `--client`, which do not distinguish upper from lower case. A comma separates two.
pub(super) fn client_pattern(globs: &[String]) -> Result<Option<Pattern>, Refused> {
    let compiled = globs
        .iter()
        .flat_map(|globs| Pattern::split(globs))
        .map(Pattern::ignoring_case)
        .collect::<Result<Vec<_>, _>>();
    match compiled {
        Ok(compiled) => Ok(Pattern::any_of(compiled)),
        Err(error) => Err(Refused::new(format!("--client: {error}"))),
    }
}

/// Compiles the globs of `--proxy`. A comma separates two.
///
/// What was typed is a name, too: a server's name may hold brackets and commas, and then is often no glob, or
/// one that does not match itself.
pub(super) fn proxy_pattern(globs: &[String]) -> Option<Pattern> {
    let each = globs.iter().flat_map(|text| {
        // One that is not a glob is a name, and no error: `srv[` may be a server.
        let globs = Pattern::split(text).filter_map(|glob| Pattern::new(glob).ok());
        let mut all: Vec<Pattern> = globs.collect();
        if !Pattern::any_matches(&all, Some(text)) || all.is_empty() {
            all.insert(0, Pattern::name(text));
        }
        all
    });
    Pattern::any_of(each)
}
