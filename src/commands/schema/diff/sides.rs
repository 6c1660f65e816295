//! The two surfaces that are compared: of files, of versions, of proxies.

use super::super::Lists;
use super::super::changes::before;
use super::super::history::History;
use super::inputs::Texts;
use super::{Args, servers};
use crate::commands::args::moment;
use crate::commands::{Refused, now_ms, open_store};
use crate::render::units;
use mcpr_model::SurfaceUpdate;
use mcpr_store::query::{SurfaceRow, Surfaces};
use mcpr_surface::Surface;
use mcpr_surface::capture::{kind_of, surface_of};
use mcpr_surface::gather::Places;
use mcpr_surface::location::ReadSide;
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// One of the two.
#[derive(Debug)]
pub(crate) struct Side {
    /// What it is, in words: a file's name, `tools/list of weather, version 2`.
    pub(crate) name: String,
    pub(crate) surface: Arc<Surface>,
    /// Names and texts of the files it was read from; none for what was recorded.
    pub(crate) files: Vec<(String, String)>,
    /// Where its parts stand in them.
    pub(crate) places: Places,
    /// Lines that were not JSON.
    pub(crate) noise: usize,
}

impl Side {
    /// What was recorded, or asked of a server.
    pub(crate) fn without_files(name: String, surface: Surface) -> Self {
        Self {
            name,
            surface: surface.into(),
            files: Vec::new(),
            places: Places::default(),
            noise: 0,
        }
    }

    /// What is to be reported about lines that were passed over.
    fn noise_note(&self) -> Option<String> {
        let lines = match self.noise {
            0 => return None,
            1 => "a line that is not JSON was".to_owned(),
            count => format!("{count} lines that are not JSON were"),
        };
        Some(format!("{}: {lines} passed over", self.name))
    }

    /// The side as findings are located in it.
    pub(crate) fn read(&self) -> ReadSide<'_> {
        ReadSide {
            files: &self.files,
            surface: &self.surface,
            places: &self.places,
        }
    }
}

/// Both, and the recorded versions between them.
#[derive(Debug)]
pub(crate) struct Compared {
    pub(crate) old: Side,
    pub(crate) new: Side,
    /// The versions that are compared, old and new, where they were recorded by one proxy.
    pub(crate) versions: Vec<(SurfaceRow, SurfaceRow)>,
    /// What was recorded of the proxies that are compared, without texts; nothing for files.
    pub(crate) surfaces: Surfaces,
    /// What is to be reported before the report.
    pub(crate) notes: Vec<String>,
}

impl Compared {
    /// Whether neither side has anything.
    pub(super) fn is_of_nothing(&self) -> bool {
        self.versions.is_empty() && *self.old.surface == *self.new.surface
    }
}

/// What `--from` and `--to` take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    Number(i64),
    FindingPlace(i64),
}

/// Most digits of a version's number: longer numbers are times.
const MAX_DIGITS: usize = 9;

/// Hands over each two surfaces that are compared, with the name of their server where there are several.
pub(super) fn each(
    args: &Args,
    take: &mut dyn FnMut(&Compared, Option<&str>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    if args.are_files() {
        let (old, new) = args.sides_of_files()?;
        return take(&of_files(&old, &new)?, None);
    }
    let url = args.store.url_to_read()?;
    let reader = open_store(&url)?;
    let (mut history, _) = History::read(reader.as_ref(), None, &mut |_| false)?;
    let proxies = servers::compared(args, &mut history, &url)?;
    for proxy in &proxies {
        let compared = match &args.against {
            Some(other) => of_proxies(args, &mut history, proxy, other)?,
            None => of_versions(args, &mut history, proxy)?,
        };
        take(&compared, (proxies.len() > 1).then_some(proxy))?;
    }
    Ok(())
}

fn of_files(old: &[PathBuf], new: &[PathBuf]) -> anyhow::Result<Compared> {
    let is_stdin = |path: &PathBuf| path.as_os_str() == "-";
    if old.iter().chain(new).filter(|path| is_stdin(path)).count() > 1 {
        // What the first read took, the second would miss.
        return Err(Refused::new("only one of the two can be standard input").into());
    }
    let (old, new) = (Texts::read(old)?, Texts::read(new)?);
    // Parsing and comparing large files takes long; equal texts need neither.
    let (old, new) = if old.are_those_of(&new) {
        let old = old.side()?;
        let new = Side {
            name: new.name,
            surface: Arc::clone(&old.surface),
            files: new.files,
            places: Places::default(),
            noise: 0,
        };
        (old, new)
    } else {
        both_sides(old, new)?
    };
    let notes = [&old, &new].into_iter().filter_map(Side::noise_note);
    Ok(Compared {
        notes: notes.collect(),
        old,
        new,
        versions: Vec::new(),
        surfaces: Surfaces::default(),
    })
}

/// Reads both, at the same time where there is another thread for it.
fn both_sides(old: Texts, new: Texts) -> Result<(Side, Side), Refused> {
    let old = Mutex::new(Some(old));
    let read = || {
        // A panic in the other thread is resumed below: the lock says nothing more.
        let text = old.lock().unwrap_or_else(PoisonError::into_inner).take();
        text.map(Texts::side)
    };
    thread::scope(|scope| {
        // Where no thread is to be had, `read` runs here: slower, with the same answer.
        let other = thread::Builder::new().spawn_scoped(scope, read).ok();
        let new = new.side();
        let joined = other.map(|other| other.join().unwrap_or_else(|panic| resume_unwind(panic)));
        let old = joined.flatten().or_else(read);
        Ok((
            old.expect("it is taken once, and reported by who took it")?,
            new?,
        ))
    })
}

/// What a proxy shows, against what another one does.
fn of_proxies(
    args: &Args,
    history: &mut History<'_>,
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
    let proxies = history.proxies();
    if !proxies.iter().any(|known| known == other) {
        return Err(servers::no_lists("--against: ", other, proxies).into());
    }
    let mut surfaces = Surfaces::default();
    let mut side = |flag: &str, version: &Option<String>, proxy: &str| -> anyhow::Result<Side> {
        let at = match version {
            // What is in force at the end of all time is the newest.
            None => Version::FindingPlace(i64::MAX),
            Some(text) => parsed(flag, text, args)?,
        };
        let known = history.lists_of(proxy)?.clone();
        let rows = rows_at(&known, proxy, args.method, flag, at)?;
        let rows = with_texts(history, rows)?;
        surfaces.append(known);
        Ok(of_rows(&rows.iter().collect::<Vec<_>>(), proxy, args))
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
fn of_versions(args: &Args, history: &mut History<'_>, proxy: &str) -> anyhow::Result<Compared> {
    let surfaces = history.lists_of(proxy)?.clone();
    let to = match &args.to {
        Some(text) => parsed("--to", text, args)?,
        None => Version::FindingPlace(i64::MAX),
    };
    let new = rows_at(&surfaces, proxy, args.method, "--to", to)?;
    let from = args.from.as_ref();
    let from = from.map(|text| parsed("--from", text, args)).transpose()?;
    let old = match from {
        Some(from) => rows_at(&surfaces, proxy, args.method, "--from", from)?,
        None => new
            .iter()
            .filter_map(|row| before(row, &surfaces))
            .collect(),
    };
    let (old, new) = (with_texts(history, old)?, with_texts(history, new)?);
    let versions: Vec<(SurfaceRow, SurfaceRow)> = old
        .iter()
        // A list that only one of the two has is unknown to the other, or looked at below.
        .filter_map(|old| {
            let new = new.iter().find(|new| new.method == old.method)?;
            (old.version != new.version).then(|| (old.clone(), new.clone()))
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
    // Only pairs are compared: a list of one side alone would be reported as unknown.
    let pick = |pick: fn(&(SurfaceRow, SurfaceRow)) -> &SurfaceRow| -> Vec<&SurfaceRow> {
        versions.iter().map(pick).collect()
    };
    let old_side = of_rows(&pick(|pair| &pair.0), proxy, args);
    let mut rows = pick(|pair| &pair.1);
    // A list that the server did not promise before is all new; and where a time was named, one that
    // was not seen by then is missing.
    let is_timed = matches!(from, Some(Version::FindingPlace(_)));
    let is_new = |row: &SurfaceRow| {
        let was_seen = old.iter().any(|old| old.method == row.method);
        let kind = kind_of(&row.method);
        let promised = kind.and_then(|kind| old_side.surface.promises(kind));
        !was_seen && (is_timed || promised == Some(false))
    };
    rows.extend(new.iter().filter(|row| is_new(row)));
    let mut new = of_rows(&rows, proxy, args);
    let old = old_side;
    // Imitated names are looked for among what others showed when the last of these was first seen.
    let latest = versions.iter().map(|(_, new)| new.first_seen_at).max();
    if let Some(at) = latest {
        Arc::make_mut(&mut new.surface).foreign_tools = history.foreign_tools(proxy, at)?;
    }
    Ok(Compared {
        old,
        new,
        versions,
        surfaces,
        notes,
    })
}

/// The rows with their texts; those that were removed since they were listed are left out.
fn with_texts(history: &History<'_>, rows: Vec<&SurfaceRow>) -> anyhow::Result<Vec<SurfaceRow>> {
    let mut all = Vec::with_capacity(rows.len());
    for row in rows {
        if let Some(payload) = history.text_of(row)? {
            let row = row.clone();
            all.push(SurfaceRow { payload, ..row });
        }
    }
    Ok(all)
}

fn parsed(flag: &str, text: &str, args: &Args) -> Result<Version, Refused> {
    // Dates have signs and lengths of time a unit, which leaves short bare numbers to versions.
    let digits = text.strip_prefix('v').unwrap_or(text);
    if digits.len() <= MAX_DIGITS
        && let Ok(number) = digits.parse()
    {
        return Ok(Version::Number(number));
    }
    moment(flag, text, now_ms(), args.zone()).map(Version::FindingPlace)
}

/// The versions of a proxy's lists that are meant.
fn rows_at<'a>(
    surfaces: &'a Surfaces,
    proxy: &str,
    lists: Option<Lists>,
    flag: &str,
    version: Version,
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
        Version::FindingPlace(at) => {
            let methods = SurfaceUpdate::METHODS.iter();
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
    for method in SurfaceUpdate::METHODS {
        let versions = surfaces.versions_of(proxy, method);
        let (Some(first), Some(last)) = (versions.first(), versions.last()) else {
            continue;
        };
        if lists.is_some_and(|lists| !lists.holds(method)) {
            continue;
        }
        // The oldest ones may have been swept, so that the first need not be number 1.
        let since = units::time(first.first_seen_at, mcpr_store::query::when::Zone::Utc);
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
    let surface = surface_of(rows.iter().map(|row| row.payload.as_str()));
    Side::without_files(name, surface)
}
