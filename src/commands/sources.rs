//! `mcpr sources`: what this machine has to record and to tap: hosts' logs, the mcpr proxy's logs and store,
//! and clients' configurations with each of their servers.

use super::args::AnswerArgs;
use super::now_ms;
use super::places::{KnownPlace, PLACES, PlaceKind, PlaceVariables, System};
use crate::console::Console;
use crate::exit::Exit;
use crate::render::{
    Format, FoundSource, Listing, SOURCE_COLUMNS, SOURCE_FIELDS, SOURCE_TABLE, TableStyle, choose,
};
use mcpr_store::query::when::Zone;
use mcpr_tail::{PresentFile, SourceSpec, text_of};
use mcpr_wire::FORMATS;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// What `mcpr sources` takes.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Print JSON: one object per line
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
    /// Show times in UTC instead of local time
    #[arg(long)]
    utc: bool,
    #[command(flatten)]
    manners: AnswerArgs,
}

/// Lists what there is.
///
/// # Errors
/// When the output is not written.
pub fn run(args: &Args, console: &mut Console) -> anyhow::Result<Exit> {
    let rows = Machine::present().sources();
    let is_empty = rows.is_empty();
    let is_bare = rows.iter().any(|row| row.is_tapped == Some(false));
    print(args, &rows, console)?;
    if is_empty {
        console.note("nothing was found where clients and hosts keep their files");
        console.hint("name what you have: `mcpr record FILE`, `mcpr tap install --config FILE`");
    } else if is_bare {
        console.hint("`mcpr tap install` puts the tap before these servers");
    }
    Ok(Exit::Done)
}

/// Lists the servers of the configurations alone.
#[cfg(feature = "tap")]
pub(super) fn status(args: &Args, console: &mut Console) -> anyhow::Result<Exit> {
    let mut rows = Machine::present().sources();
    // Logs and empty configurations have nothing that could be tapped.
    rows.retain(|row| row.server.is_some());
    print(args, &rows, console)?;
    if rows.is_empty() {
        console.note("no configuration of a client lists a server");
        console.hint("`mcpr tap install --config FILE` names one");
    }
    // A script asks whether what is installed works.
    if rows.iter().any(|row| row.problem.is_some()) {
        return Ok(Exit::No);
    }
    Ok(Exit::Done)
}

fn print(args: &Args, rows: &[FoundSource], console: &mut Console) -> anyhow::Result<()> {
    args.manners.apply(true, console);
    let zone = if args.utc { Zone::Utc } else { Zone::Local };
    let format = if args.json {
        Format::Ndjson
    } else {
        args.format
    };
    // A table is for people, who want the place short and the reason beside the servers.
    let names = match format {
        Format::Table => SOURCE_TABLE,
        _ => SOURCE_FIELDS,
    };
    let style = TableStyle {
        width: console.width(),
        palette: console.palette(),
        // Rows stand by client, so that each time needs its date.
        is_by_rank: true,
        ..TableStyle::plain(zone, now_ms())
    };
    let mut listing = Listing::new(choose(SOURCE_COLUMNS, names), format, style);
    console.print(&listing.page(rows))?;
    console.print(&listing.finish())?;
    if format == Format::Table {
        for line in problems(rows) {
            console.note(&line);
        }
    }
    Ok(())
}

/// A line for each problem, with those that have it.
fn problems(rows: &[FoundSource]) -> Vec<String> {
    /// Most that are named in a line.
    const MAX_NAMED: usize = 3;
    let mut reported: Vec<(&str, Vec<String>)> = Vec::new();
    for row in rows {
        let Some(problem) = row.problem.as_deref() else {
            continue;
        };
        let name = row.server.as_ref().map_or_else(
            || row.short_path.clone(),
            |server| format!("{server} ({})", row.client),
        );
        match reported.iter_mut().find(|(known, _)| *known == problem) {
            Some((_, names)) => names.push(name),
            None => reported.push((problem, vec![name])),
        }
    }
    let line = |(problem, mut names): (&str, Vec<String>)| {
        let more = names.len().saturating_sub(MAX_NAMED);
        names.truncate(MAX_NAMED);
        if more > 0 {
            names.push(format!("{more} more"));
        }
        format!("{}: {problem}", names.join(", "))
    };
    reported.into_iter().map(line).collect()
}

/// A place with the files that are there now.
#[derive(Debug)]
pub(super) struct FoundPlace {
    pub(super) place: &'static KnownPlace,
    /// A path or pattern.
    pub(super) path: PathBuf,
    pub(super) files: Vec<PresentFile>,
}

/// This machine as the user sees it: where it has its places.
pub(super) struct Machine {
    home: PathBuf,
    directory: PathBuf,
}

impl Machine {
    /// The present one.
    pub(super) fn present() -> Self {
        Self {
            home: std::env::home_dir().unwrap_or_default(),
            directory: std::env::current_dir().unwrap_or_default(),
        }
    }

    /// Every place that this system has, with its path or pattern.
    fn paths(&self) -> Vec<(&'static KnownPlace, PathBuf)> {
        // Without a home directory the places would be those of the directory one happens to be in.
        if !self.home.is_absolute() {
            return Vec::new();
        }
        let variables = PlaceVariables {
            system: System::present(),
            home: self.home.clone(),
            directory: self.directory.clone(),
            get: &|name| std::env::var_os(name).filter(|value| !value.is_empty()),
        };
        let path = |place| Some((place, variables.path(place)?));
        PLACES.iter().filter_map(path).collect()
    }

    /// The patterns of all logs, whether there are any yet or not.
    pub(super) fn log_patterns(&self) -> Vec<PathBuf> {
        let paths = self.paths().into_iter();
        let logs = paths.filter(|(place, _)| is_recordable(place));
        logs.map(|(_, path)| path).collect()
    }

    /// Every place at which something is. A file that stands at two of them is the first one's.
    pub(super) fn places(&self) -> Vec<FoundPlace> {
        let mut seen = HashSet::new();
        let found = self.paths().into_iter().map(|(place, path)| {
            let mut files = SourceSpec::parse(path.as_os_str()).files();
            // In the home directory a project's file may be the user's own.
            files.retain(|file| seen.insert(file.path.clone()));
            FoundPlace { place, path, files }
        });
        found.filter(|found| !found.files.is_empty()).collect()
    }

    /// What there is, row by row.
    fn sources(&self) -> Vec<FoundSource> {
        let places = self.places();
        places.iter().flat_map(|found| self.rows(found)).collect()
    }

    fn rows(&self, found: &FoundPlace) -> Vec<FoundSource> {
        match found.place.kind {
            PlaceKind::Config => self.config_rows(found, "config"),
            PlaceKind::Project => self.config_rows(found, "project"),
            // One row for what may be thousands of files.
            PlaceKind::Log(format) => {
                let format = FORMATS.iter().find(|known| known.name() == format);
                vec![FoundSource {
                    format: format.map(|format| format.name()),
                    ..self.row(found, "log", &found.path, &found.files)
                }]
            }
            PlaceKind::Store => vec![self.row(found, "store", &found.path, &found.files)],
        }
    }

    fn row(
        &self,
        found: &FoundPlace,
        kind: &'static str,
        path: &Path,
        files: &[PresentFile],
    ) -> FoundSource {
        let size = files
            .iter()
            .fold(0, |sum: u64, file| sum.saturating_add(file.size));
        FoundSource {
            kind,
            client: found.place.client,
            path: text_of(path).into(),
            short_path: self.short(path),
            files: i64::try_from(files.len()).unwrap_or(i64::MAX),
            newest_at: files.iter().map(|file| file.changed_at).max(),
            size: i64::try_from(size).unwrap_or(i64::MAX),
            ..FoundSource::default()
        }
    }

    /// A row for each server, or one that says that there is none.
    fn config_rows(&self, found: &FoundPlace, kind: &'static str) -> Vec<FoundSource> {
        let mut rows = Vec::new();
        for file in &found.files {
            let row = self.row(found, kind, &file.path, std::slice::from_ref(file));
            match configured(&file.path) {
                // A client that has no servers yet is one that could get some.
                Ok(servers) if servers.is_empty() => rows.push(row),
                Ok(servers) => rows.extend(servers.into_iter().map(|server| FoundSource {
                    server: Some(server.name),
                    transport: server.transport,
                    is_tapped: Some(server.is_tapped),
                    problem: server.problem,
                    ..row.clone()
                })),
                Err(problem) => rows.push(FoundSource {
                    problem: Some(problem),
                    ..row
                }),
            }
        }
        rows
    }

    /// A path for people.
    pub(super) fn short(&self, path: &Path) -> String {
        match path.strip_prefix(&self.home) {
            Ok(rest) => format!("~/{}", text_of(rest)),
            Err(_) => text_of(path).into(),
        }
    }
}

/// Whether a place holds logs that can be recorded.
fn is_recordable(place: &KnownPlace) -> bool {
    // Its place may be known before its format is.
    let is_known = |name: &str| FORMATS.iter().any(|format| format.name() == name);
    matches!(place.kind, PlaceKind::Log(format) if is_known(format))
}

/// A server of a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ListedServer {
    pub(super) name: String,
    /// `stdio` or `http`, where that is known.
    pub(super) transport: Option<&'static str>,
    pub(super) is_tapped: bool,
    /// Why its tap cannot work.
    pub(super) problem: Option<String>,
}

/// The servers of a configuration, or why they are not known.
#[cfg(feature = "tap")]
fn configured(path: &Path) -> Result<Vec<ListedServer>, String> {
    super::tap::listed_servers(path)
}

/// This build cannot tap, and reads no configurations.
#[cfg(not(feature = "tap"))]
fn configured(_: &Path) -> Result<Vec<ListedServer>, String> {
    Err("this build cannot tap, and reads no configurations".to_owned())
}
