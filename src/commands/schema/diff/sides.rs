//! The two surfaces that are compared: of files, of versions, of proxies.

use super::super::changes::{before, foreign_tools};
use super::super::{Lists, listed};
use super::Args;
use crate::commands::args::moment;
use crate::commands::{Refused, now_ms, open_store};
use crate::model::SurfaceNews;
use crate::query::{SurfaceRow, Surfaces};
use crate::render::units;
use crate::schema::Surface;
use crate::schema::capture::surface_of;
use std::fs;
use std::io::Read;
use std::panic::resume_unwind;
use std::path::Path;
use std::sync::Arc;
use std::thread;

/// One of the two.
#[derive(Debug)]
pub(super) struct Side {
    /// What it is, in words: a file's name, `tools/list of weather, version 2`.
    pub(super) name: String,
    pub(super) surface: Arc<Surface>,
}

/// Both, and the recorded versions between them.
#[derive(Debug)]
pub(super) struct Compared {
    pub(super) old: Side,
    pub(super) new: Side,
    /// The versions that are compared, old and new, where they were recorded by one proxy.
    pub(super) versions: Vec<(SurfaceRow, SurfaceRow)>,
    /// Everything that was recorded; nothing for files.
    pub(super) surfaces: Surfaces,
    /// What is to be said before the report.
    pub(super) notes: Vec<String>,
}

/// What `--from` and `--to` take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    Number(i64),
    At(i64),
}

/// Most digits of a version's number: longer numbers are times.
const MAX_DIGITS: usize = 9;

/// Finds the two surfaces.
pub(super) fn compared(args: &Args) -> anyhow::Result<Compared> {
    if let [old, new] = args.files.as_slice() {
        return of_files(old, new);
    }
    let path = args.store.path()?;
    let surfaces = open_store(&path)?.surfaces()?;
    let proxy = the_proxy(args.proxy.as_deref(), &surfaces, &path)?;
    match &args.against {
        Some(other) => of_proxies(args, surfaces, &proxy, other),
        None => of_versions(args, surfaces, &proxy),
    }
}

fn of_files(old: &Path, new: &Path) -> anyhow::Result<Compared> {
    let is_stdin = |path: &Path| path.as_os_str() == "-";
    if is_stdin(old) && is_stdin(new) {
        return Err(Refused::new("only one of the two can be standard input").into());
    }
    let (old, new) = (Text::of_file(old)?, Text::of_file(new)?);
    let (old, new) = if old.text == new.text {
        let old = old.side()?;
        let surface = Arc::clone(&old.surface);
        let name = new.name;
        (old, Side { name, surface })
    } else {
        thread::scope(|scope| -> Result<_, Refused> {
            let old = scope.spawn(|| old.side());
            let new = new.side();
            let old = old.join();
            Ok((old.unwrap_or_else(|panic| resume_unwind(panic))?, new?))
        })?
    };
    Ok(Compared {
        old,
        new,
        versions: Vec::new(),
        surfaces: Surfaces::default(),
        notes: Vec::new(),
    })
}

/// What a file holds, before it is read as an answer.
struct Text {
    name: String,
    text: String,
}

impl Text {
    fn of_file(path: &Path) -> Result<Self, Refused> {
        let mut bytes = Vec::new();
        let (name, read) = if path.as_os_str() == "-" {
            let read = std::io::stdin().lock().read_to_end(&mut bytes);
            ("standard input".to_owned(), read.map(drop))
        } else {
            let read = fs::read(path).map(|read| bytes = read);
            (path.display().to_string(), read)
        };
        read.map_err(|error| Refused::new(format!("cannot read {name}: {error}")))?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            Refused::new(format!("{name}: invalid UTF-8 at byte {at}"))
        })?;
        Ok(Self { name, text })
    }

    fn side(self) -> Result<Side, Refused> {
        let Self { name, text } = self;
        let surface = Surface::parse(&text).map_err(|error| {
            Refused::new(format!("{name}: {error}"))
                .hint("give the result of a list such as tools/list, or the whole JSON-RPC answer")
        })?;
        let surface = Arc::new(surface);
        Ok(Side { name, surface })
    }
}

/// The proxy that is meant: the one that was named, or the only one there is.
fn the_proxy(named: Option<&str>, surfaces: &Surfaces, path: &Path) -> Result<String, Refused> {
    let proxies = surfaces.proxies();
    let known = || format!("there are lists of {}", listed(&proxies));
    if proxies.is_empty() {
        let path = path.display();
        return Err(Refused::new(format!("no lists of a server in {path}"))
            .hint("`mcpr schema diff OLD.json NEW.json` compares files"));
    }
    match (named, proxies.iter().next()) {
        (Some(name), _) if proxies.contains(name) => Ok(name.to_owned()),
        (Some(name), _) => Err(Refused::new(format!("no lists of proxy `{name}`")).hint(known())),
        (None, Some(only)) if proxies.len() == 1 => Ok((*only).to_owned()),
        _ => Err(Refused::new("which proxy? name one with --proxy").hint(known())),
    }
}

/// What a proxy shows, against what another one does.
fn of_proxies(
    args: &Args,
    surfaces: Surfaces,
    proxy: &str,
    other: &str,
) -> anyhow::Result<Compared> {
    if proxy == other {
        return Err(
            Refused::new(format!("proxy `{proxy}` is compared with itself"))
                .hint("name another one with --against, or versions with --from and --to")
                .into(),
        );
    }
    let proxies = surfaces.proxies();
    if !proxies.contains(other) {
        return Err(
            Refused::new(format!("--against: no lists of proxy `{other}`"))
                .hint(format!("there are lists of {}", listed(&proxies)))
                .into(),
        );
    }
    let side = |flag: &str, version: &Option<String>, proxy: &str| -> anyhow::Result<Side> {
        let at = match version {
            None => Version::At(i64::MAX),
            Some(text) => parsed(flag, text, args)?,
        };
        let rows = rows_at(&surfaces, proxy, args.method, (flag, at))?;
        Ok(of_rows(&rows, proxy, args))
    };
    let old = side("--from", &args.from, other)?;
    let new = side("--to", &args.to, proxy)?;
    Ok(Compared {
        old,
        new,
        versions: Vec::new(),
        surfaces,
        notes: Vec::new(),
    })
}

/// Two versions of one proxy: without a word, of each list the one before the last and the last.
fn of_versions(args: &Args, surfaces: Surfaces, proxy: &str) -> anyhow::Result<Compared> {
    let to = match &args.to {
        Some(text) => parsed("--to", text, args)?,
        None => Version::At(i64::MAX),
    };
    let new = rows_at(&surfaces, proxy, args.method, ("--to", to))?;
    let old = match &args.from {
        Some(text) => {
            let from = parsed("--from", text, args)?;
            rows_at(&surfaces, proxy, args.method, ("--from", from))?
        }
        None => new
            .iter()
            .filter_map(|row| before(row, &surfaces))
            .collect(),
    };
    let versions: Vec<(SurfaceRow, SurfaceRow)> = old
        .iter()
        .filter_map(|old| {
            let new = new.iter().find(|new| new.method == old.method)?;
            (old.version != new.version).then(|| ((*old).clone(), (*new).clone()))
        })
        .collect();
    let mut notes = Vec::new();
    if versions.is_empty() {
        notes.push(match &args.from {
            None => {
                format!("proxy `{proxy}`: only one version was seen, nothing to compare it with")
            }
            Some(_) => format!("proxy `{proxy}`: both are the same version"),
        });
    }
    let pick = |pick: fn(&(SurfaceRow, SurfaceRow)) -> &SurfaceRow| -> Vec<&SurfaceRow> {
        versions.iter().map(pick).collect()
    };
    let old = of_rows(&pick(|pair| &pair.0), proxy, args);
    let mut new = of_rows(&pick(|pair| &pair.1), proxy, args);
    let latest = versions.iter().map(|(_, new)| new.first_seen_at).max();
    if let Some(at) = latest {
        Arc::make_mut(&mut new.surface).foreign_tools = foreign_tools(&surfaces, proxy, at);
    }
    Ok(Compared {
        old,
        new,
        versions,
        surfaces,
        notes,
    })
}

fn parsed(flag: &str, text: &str, args: &Args) -> Result<Version, Refused> {
    let digits = text.strip_prefix('v').unwrap_or(text);
    if digits.len() <= MAX_DIGITS
        && let Ok(number) = digits.parse()
    {
        return Ok(Version::Number(number));
    }
    moment(flag, text, now_ms(), args.zone()).map(Version::At)
}

/// The versions of a proxy's lists that are meant.
fn rows_at<'a>(
    surfaces: &'a Surfaces,
    proxy: &str,
    lists: Option<Lists>,
    (flag, version): (&str, Version),
) -> Result<Vec<&'a SurfaceRow>, Refused> {
    match version {
        Version::Number(number) => {
            // Numbers are given out by list.
            let lists = lists.unwrap_or(Lists::TOOLS);
            let mut rows = surfaces.versions.iter();
            let found = rows.find(|row| {
                row.proxy == proxy && lists.holds(&row.method) && row.version == number
            });
            found.map(|row| vec![row]).ok_or_else(|| {
                Refused::new(format!(
                    "{flag}: no version {number} of {} of proxy `{proxy}`",
                    lists.name()
                ))
                .hint(there_are(surfaces, proxy, Some(lists)))
            })
        }
        Version::At(at) => {
            let methods = SurfaceNews::METHODS.iter();
            let rows: Vec<&SurfaceRow> = methods
                .filter(|method| lists.is_none_or(|lists| lists.holds(method)))
                .filter_map(|method| surfaces.in_force(proxy, method, at))
                .collect();
            if rows.is_empty() {
                let what = lists.map_or("any list", Lists::name);
                let words =
                    format!("{flag}: nothing of {what} of proxy `{proxy}` was seen by then");
                return Err(Refused::new(words).hint(there_are(surfaces, proxy, lists)));
            }
            Ok(rows)
        }
    }
}

/// The versions that do exist.
fn there_are(surfaces: &Surfaces, proxy: &str, lists: Option<Lists>) -> String {
    let mut words = Vec::new();
    for method in SurfaceNews::METHODS {
        let versions = surfaces.versions_of(proxy, method);
        let (Some(first), Some(last)) = (versions.first(), versions.last()) else {
            continue;
        };
        if lists.is_some_and(|lists| !lists.holds(method)) {
            continue;
        }
        let since = units::time(first.first_seen_at, crate::query::when::Zone::Utc);
        words.push(if first.version == last.version {
            format!("version {} of {method}, first seen {since}", last.version)
        } else {
            format!(
                "versions {} to {} of {method}, first seen {since}",
                first.version, last.version
            )
        });
    }
    if words.is_empty() {
        return "no version of it was recorded; `mcpr schema` shows what was".to_owned();
    }
    format!("there are {}", words.join("; "))
}

fn of_rows(rows: &[&SurfaceRow], proxy: &str, args: &Args) -> Side {
    let at = |row: &SurfaceRow| {
        let time = units::time(row.first_seen_at, args.zone());
        format!("{} version {} of {time}", row.method, row.version)
    };
    let lists: Vec<String> = rows.iter().map(|row| at(row)).collect();
    let name = if lists.is_empty() {
        format!("proxy {proxy}")
    } else {
        format!("proxy {proxy}: {}", lists.join(", "))
    };
    Side {
        name,
        surface: surface_of(rows.iter().map(|row| row.payload.as_str())).into(),
    }
}
