//! The arguments that every reading command takes, and what they resolve to.

use super::{Refused, complete};
use crate::console::{ColourChoice, Console};
use crate::query::Pattern;
use crate::query::when::{Zone, parse_when};
use crate::render::{Column, Format, Record, TableStyle, choose, select, units};
use anyhow::Context;
use clap_complete::ArgValueCompleter;
use std::path::PathBuf;

/// Which store is meant.
#[derive(Debug, Clone, clap::Args)]
pub struct StoreArgs {
    /// Use this store [default: ~/.mcpr/store.db]
    #[arg(long, value_name = "FILE", env = "MCPR_DB", hide_env_values = true)]
    pub db: Option<PathBuf>,
}

impl StoreArgs {
    /// The path of the store.
    ///
    /// # Errors
    /// When none is named and there is no home directory.
    pub fn path(&self) -> anyhow::Result<PathBuf> {
        match &self.db {
            Some(path) => Ok(path.clone()),
            None => std::env::home_dir()
                .filter(|home| !home.as_os_str().is_empty())
                .map(|home| home.join(".mcpr").join("store.db"))
                .ok_or_else(|| Refused::new("no home directory to look for a store in"))
                .context(Refused::new("no store named").hint("name one with --db FILE or MCPR_DB")),
        }
    }
}

/// What every reading command takes.
#[derive(Debug, Clone, clap::Args)]
pub struct ReadArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// Show this proxy only
    #[arg(long, value_name = "NAME", add = ArgValueCompleter::new(complete::proxies))]
    pub proxy: Option<String>,
    /// Show what happened at or after TIME: 30m, 2h, 7d, 2026-11-21 14:00, today, @EPOCH
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Show what happened before TIME
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Show and read times in UTC instead of local time
    #[arg(long)]
    utc: bool,
    /// Print JSON: one object a line for lists, one document for single reports
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// Choose the output format
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "table")]
    format: Format,
    /// Print these fields, in this order
    #[arg(long, value_name = "A,B,…", value_delimiter = ',',
          add = ArgValueCompleter::new(complete::fields))]
    fields: Option<Vec<String>>,
    /// Use colour
    #[arg(long, value_enum, value_name = "WHEN", default_value = "auto")]
    color: ColourChoice,
    /// Never send long output through a pager
    #[arg(long)]
    no_pager: bool,
}

/// The common arguments, resolved once.
#[derive(Debug, Clone)]
pub(super) struct View {
    pub(super) path: PathBuf,
    pub(super) proxy: Option<String>,
    pub(super) since: Option<i64>,
    pub(super) until: Option<i64>,
    pub(super) format: Format,
    pub(super) zone: Zone,
    pub(super) now_ms: i64,
    pub(super) style: TableStyle,
    fields: Option<Vec<String>>,
    /// How far back is looked because nothing was said, in milliseconds.
    pub(super) default_window_ms: Option<i64>,
}

impl ReadArgs {
    /// Resolves the arguments against the present and the console, which learns about colour.
    pub(super) fn view(&self, now_ms: i64, console: &mut Console) -> anyhow::Result<View> {
        console.choose_colour(self.color);
        if !self.no_pager {
            console.page_long_output();
        }
        let zone = if self.utc { Zone::Utc } else { Zone::Local };
        let read = |flag: &str, text: &Option<String>| {
            let text = text.as_deref();
            text.map(|text| moment(flag, text, now_ms, zone))
                .transpose()
        };
        let (since, until) = (read("--since", &self.since)?, read("--until", &self.until)?);
        if let (Some(since), Some(until)) = (since, until)
            && since > until
        {
            let at = |ts| units::time(ts, zone);
            let hint = format!("--since is {}, --until is {}", at(since), at(until));
            return Err(Refused::new("--since is after --until").hint(hint).into());
        }
        Ok(View {
            path: self.store.path()?,
            proxy: self.proxy.clone(),
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
                zone,
                width: console.width(),
                colour: console.colours_output(),
            },
            fields: self.fields.clone(),
            default_window_ms: None,
        })
    }
}

impl View {
    /// Looks back only so far, unless a beginning was named.
    pub(super) fn looking_back(mut self, window_ms: i64) -> Self {
        if self.since.is_none() {
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

/// Reads a time, naming the flag where it is none.
pub(super) fn moment(flag: &str, text: &str, now_ms: i64, zone: Zone) -> Result<i64, Refused> {
    parse_when(text, now_ms, &zone)
        .map_err(|error| Refused::new(format!("{flag}: {error}")).hint(error.hint))
}

/// Compiles globs, naming the flag where one is not well-formed.
pub(super) fn patterns(flag: &str, globs: &[String]) -> Result<Vec<Pattern>, Refused> {
    let compiled = globs
        .iter()
        .map(|glob| Pattern::new(glob))
        .collect::<Result<_, _>>();
    compiled.map_err(|error| Refused::new(format!("{flag}: {error}")))
}

/// Compiles the glob of `--client`, which does not tell upper from lower case.
pub(super) fn client_pattern(glob: Option<&str>) -> Result<Option<Pattern>, Refused> {
    let compiled = glob.map(Pattern::ignoring_case).transpose();
    compiled.map_err(|error| Refused::new(format!("--client: {error}")))
}
