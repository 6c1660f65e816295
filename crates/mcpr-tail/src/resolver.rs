//! Keeps what all sources lead to up to date, with as few looks as that takes.
//!
//! Directories are walked again when they have changed. The files they hold are looked at in turn,
//! [`LOOKS_PER_SCAN`] a scan; those that are new, that move, or that somebody has heard of, at once.

use std::ffi::OsStr;
use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rustc_hash::{FxHashMap, FxHashSet};

use super::listing::{Kind, Listings};
use super::pattern::Part;
use super::resolve::{Found, SourceSpec, look_at_matched, look_at_named, parent};
use mcpr_model::FileIdentity;

/// Most files that one scan looks at without a reason: with four scans a second, up to so many
/// files are each looked at in every scan, and of more, four times as many a second, in turn.
pub const LOOKS_PER_SCAN: usize = 1000;
/// Most paths that all sources may lead to.
const MAX_PATHS: usize = 200_000;
/// Deepest nesting of directories that `**` goes down.
const MAX_DEPTH: usize = 64;

/// What was last seen at a path.
#[derive(Debug, Clone)]
enum Seen {
    /// It was not looked at yet.
    New,
    /// Nothing to read.
    Nothing,
    File(Found),
    /// Why it cannot be read.
    Trouble(String),
}

impl Seen {
    fn identity(&self) -> Option<FileIdentity> {
        match self {
            Self::File(found) => Some(found.identity),
            _ => None,
        }
    }
}

/// A path that a source leads to.
#[derive(Debug)]
struct Spot {
    source: usize,
    path: PathBuf,
    /// What its directory reported about it.
    inode: Option<u64>,
    is_named: bool,
    seen: Seen,
}

/// All that sources lead to.
#[derive(Debug)]
pub(super) struct Resolver {
    sources: Vec<SourceSpec>,
    /// Sources that are paths, and those that are patterns, by their places in the list.
    named: FxHashMap<PathBuf, usize>,
    patterns: Vec<usize>,
    excluded: FxHashSet<FileIdentity>,
    listings: Listings,
    spots: Vec<Spot>,
    /// Paths that were met on the way and cannot be gone through.
    obstacles: Vec<(PathBuf, String)>,
    /// Named sources that are directories.
    directories: FxHashSet<usize>,
    /// Whose turn it is to be looked at.
    next: usize,
    hints: Vec<PathBuf>,
    /// The spots that the last scan looked at.
    looked: Vec<usize>,
    /// Looks at files so far.
    looks: u64,
}

impl Resolver {
    pub(super) fn new(sources: Vec<SourceSpec>) -> Self {
        let (mut named, mut patterns) = (FxHashMap::default(), Vec::new());
        for (at, source) in sources.iter().enumerate() {
            match source {
                SourceSpec::Path(path) => {
                    // Named twice, it is read once, for the first.
                    named.entry(path.clone()).or_insert(at);
                }
                SourceSpec::Glob(_) => patterns.push(at),
            }
        }
        Self {
            sources,
            named,
            patterns,
            excluded: FxHashSet::default(),
            listings: Listings::default(),
            spots: Vec::new(),
            obstacles: Vec::new(),
            directories: FxHashSet::default(),
            next: 0,
            hints: Vec::new(),
            looked: Vec::new(),
            looks: 0,
        }
    }

    pub(super) fn sources(&self) -> &[SourceSpec] {
        &self.sources
    }

    /// The source that a file at a path would be one of.
    pub(super) fn source_of(&self, path: &Path) -> Option<usize> {
        let named = self.named.get(path);
        // A directory that was named covers the files directly in it.
        let named = named.or_else(|| self.named.get(path.parent()?));
        let mut patterns = self.patterns.iter();
        let matches = |&&at: &&usize| self.sources[at].covers(path);
        named.or_else(|| patterns.find(matches)).copied()
    }

    pub(super) fn exclude(&mut self, identities: impl IntoIterator<Item = FileIdentity>) {
        self.excluded = identities.into_iter().collect();
    }

    pub(super) fn excluded(&self) -> &FxHashSet<FileIdentity> {
        &self.excluded
    }

    /// Says that something has happened to these paths.
    pub(super) fn hint(&mut self, paths: Vec<PathBuf>) {
        self.hints = paths;
    }

    /// Looks at what may have changed; `is_busy` says of which files that is likely. Says whether
    /// any path leads elsewhere than before.
    pub(super) fn look(&mut self, now: Instant, is_busy: &dyn Fn(FileIdentity) -> bool) -> bool {
        let mut has_changed = false;
        if self.spots.is_empty() || self.listings.may_have_changed(now) {
            has_changed |= self.walk(now);
        }
        // A named path is known to be a directory only when it was looked at; its files are looked
        // for in the same scan then.
        let directories = self.directories.clone();
        has_changed |= self.look_at_some(is_busy);
        if self.directories != directories {
            has_changed |= self.walk(now);
            has_changed |= self.look_at_some(is_busy);
        }
        has_changed
    }

    /// The files that are there, as far as they were looked at.
    pub(super) fn found(&self) -> impl Iterator<Item = &Found> {
        self.spots.iter().filter_map(|spot| match &spot.seen {
            Seen::File(found) => Some(found),
            _ => None,
        })
    }

    /// The files that the last scan looked at.
    pub(super) fn looked_at(&self) -> impl Iterator<Item = &Found> {
        self.looked
            .iter()
            .filter_map(|&at| match &self.spots[at].seen {
                Seen::File(found) => Some(found),
                _ => None,
            })
    }

    /// Paths that cannot be read, with the reason.
    pub(super) fn troubles(&self) -> impl Iterator<Item = (&Path, &str)> {
        let spots = self.spots.iter().filter_map(|spot| match &spot.seen {
            Seen::Trouble(error) => Some((spot.path.as_path(), error.as_str())),
            _ => None,
        });
        let obstacles = self.obstacles.iter();
        spots.chain(obstacles.map(|(path, error)| (path.as_path(), error.as_str())))
    }

    /// Paths that are there and hold nothing to read: no regular files.
    pub(super) fn passed_over(&self) -> impl Iterator<Item = &Path> {
        let nothing = self
            .spots
            .iter()
            .filter(|spot| matches!(spot.seen, Seen::Nothing));
        nothing.map(|spot| spot.path.as_path())
    }

    /// The directories in which files of the sources can appear.
    pub(super) fn directories(&self) -> Vec<PathBuf> {
        let named = self.spots.iter().filter(|spot| {
            // It is among the listings itself, and its parent need not be watched.
            let is_directory = spot.is_named && self.directories.contains(&spot.source);
            !is_directory
        });
        let mut directories = named
            .map(|spot| parent(&spot.path))
            .collect::<FxHashSet<_>>();
        directories.extend(self.listings.paths().map(Path::to_owned));
        let mut directories = directories.into_iter().collect::<Vec<_>>();
        directories.sort();
        directories
    }

    /// Looks at files and directories so far.
    #[cfg(test)]
    pub(super) fn steps(&self) -> u64 {
        self.looks + self.listings.steps
    }

    /// Finds all paths anew; keeps what was seen at those that lead where they did.
    fn walk(&mut self, now: Instant) -> bool {
        self.listings.begin_walk();
        let mut walk = Walk {
            listings: &mut self.listings,
            now,
            source: 0,
            spots: Vec::new(),
            obstacles: Vec::new(),
            is_full: false,
        };
        for (source, spec) in self.sources.iter().enumerate() {
            walk.source = source;
            walk.source(spec, self.directories.contains(&source));
        }
        let Walk {
            mut spots,
            obstacles,
            ..
        } = walk;
        self.listings.end_walk();
        let before = std::mem::take(&mut self.spots);
        let mut known = FxHashMap::default();
        for spot in before {
            known.insert((spot.source, spot.path), (spot.inode, spot.seen));
        }
        for spot in &mut spots {
            // The path is lent to the key and given back: a walk over many files makes no copies.
            let key = (spot.source, std::mem::take(&mut spot.path));
            if let Some((inode, seen)) = known.remove(&key)
                // Another inode under the name is another file, which is looked at anew.
                && inode == spot.inode
            {
                spot.seen = seen;
            }
            spot.path = key.1;
        }
        let is_new = |spot: &Spot| matches!(spot.seen, Seen::New);
        let has_changed = !known.is_empty() || spots.iter().any(is_new);
        self.spots = spots;
        self.obstacles = obstacles;
        has_changed
    }

    /// Looks at what is new or busy, at what was heard of, and at the next ones in turn.
    fn look_at_some(&mut self, is_busy: &dyn Fn(FileIdentity) -> bool) -> bool {
        self.looked.clear();
        let count = self.spots.len();
        // Few files are all looked at: then no hint is needed.
        if count <= LOOKS_PER_SCAN {
            self.hints.clear();
            return (0..count).fold(false, |changed, at| changed | self.look_at(at));
        }
        let hints = std::mem::take(&mut self.hints);
        // By name alone: the system may spell the directory in another way than the source does.
        let heard = hints.iter().filter_map(|path| path.file_name());
        let heard = heard.collect::<FxHashSet<&OsStr>>();
        let begin = self.next % count;
        self.next = begin + LOOKS_PER_SCAN;
        let mut has_changed = false;
        for at in 0..count {
            let spot = &self.spots[at];
            // How long ago its turn was; it is a circle, so that nobody waits longer than one
            // round.
            let turn = (at + count - begin) % count;
            let is_heard = || {
                spot.path
                    .file_name()
                    .is_some_and(|name| heard.contains(name))
            };
            let is_due = match &spot.seen {
                Seen::New => true,
                _ if turn < LOOKS_PER_SCAN => true,
                Seen::File(found) => is_busy(found.identity) || is_heard(),
                _ => is_heard(),
            };
            if is_due {
                has_changed |= self.look_at(at);
            }
        }
        has_changed
    }

    fn look_at(&mut self, at: usize) -> bool {
        self.looks += 1;
        self.looked.push(at);
        let spot = &mut self.spots[at];
        let looked = if spot.is_named {
            look_at_named(&spot.path)
        } else {
            look_at_matched(&spot.path)
        };
        let before = spot.seen.identity();
        let is_new = matches!(spot.seen, Seen::New);
        let is_directory = matches!(&looked, Ok(Some(metadata)) if metadata.is_dir());
        if is_directory {
            self.directories.insert(spot.source);
            spot.seen = Seen::Nothing;
        } else {
            if spot.is_named {
                self.directories.remove(&spot.source);
            }
            spot.seen = spot.see(looked, &self.excluded);
        }
        is_new || self.spots[at].seen.identity() != before
    }
}

impl Spot {
    fn see(
        &self,
        looked: io::Result<Option<Metadata>>,
        excluded: &FxHashSet<FileIdentity>,
    ) -> Seen {
        match looked {
            Ok(Some(metadata)) => {
                let found = Found::new(&self.path, self.source, &metadata);
                // By identity, whatever path leads there: the store may be in a directory that is
                // read.
                if excluded.contains(&found.identity) {
                    return Seen::Nothing;
                }
                Seen::File(found)
            }
            Ok(None) => Seen::Nothing,
            // It may appear.
            Err(error) if is_absence(&error) => Seen::Nothing,
            Err(error) => Seen::Trouble(error.to_string()),
        }
    }
}

fn is_absence(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        // Also where a file stands in the place of a directory on the way.
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// One walk through what the sources name.
struct Walk<'a> {
    listings: &'a mut Listings,
    now: Instant,
    source: usize,
    spots: Vec<Spot>,
    obstacles: Vec<(PathBuf, String)>,
    is_full: bool,
}

impl Walk<'_> {
    fn source(&mut self, spec: &SourceSpec, is_directory: bool) {
        match spec {
            SourceSpec::Path(path) => {
                self.add(path.clone(), None, true);
                if is_directory {
                    // At the greatest depth already, so that its files are taken and no directory
                    // in it is gone into.
                    self.step(path, &[Part::Deep], MAX_DEPTH);
                }
            }
            SourceSpec::Glob(pattern) => {
                // A file may be called just like the pattern, with its star.
                self.add(pattern.literal().to_owned(), None, false);
                self.step(pattern.base(), pattern.parts(), 0);
            }
        }
    }

    fn add(&mut self, path: PathBuf, inode: Option<u64>, is_named: bool) {
        if self.spots.len() == MAX_PATHS {
            // Reported once, not for each of the rest.
            if !std::mem::replace(&mut self.is_full, true) {
                let error = format!("more than {MAX_PATHS} files: the rest is not read");
                self.obstacles.push((path, error));
            }
            return;
        }
        self.spots.push(Spot {
            source: self.source,
            path,
            inode,
            is_named,
            seen: Seen::New,
        });
    }

    /// Goes on from a directory, or from what may be one.
    fn step(&mut self, at: &Path, parts: &[Part], depth: usize) {
        let Some((part, rest)) = parts.split_first() else {
            return;
        };
        if let Part::Name(name) = part {
            let path = at.join(name);
            if rest.is_empty() {
                self.add(path, None, false);
            } else {
                self.step(&path, rest, depth);
            }
            return;
        }
        let is_deep = matches!(part, Part::Deep);
        // `**` stands for no directory as well.
        if is_deep && !rest.is_empty() {
            self.step(at, rest, depth);
        }
        // An empty path is the directory we are in, but nothing that can be listed.
        let here = if at.as_os_str().is_empty() {
            Path::new(".")
        } else {
            at
        };
        let entries = match self.listings.list(here, self.now) {
            Ok(entries) => entries,
            Err(error) if is_absence(&error) => return,
            Err(error) => {
                self.obstacles.push((here.to_owned(), error.to_string()));
                return;
            }
        };
        for entry in entries.iter().filter(|entry| part.admits(&entry.name)) {
            let path = at.join(&entry.name);
            // What is neither is passed over when it is looked at: a pipe may give way to a file.
            if rest.is_empty() && entry.kind != Kind::Directory {
                self.add(path, Some(entry.inode), false);
            } else if is_deep && entry.kind == Kind::Directory && depth < MAX_DEPTH {
                // Links are not gone down: they may lead round in a circle.
                self.step(&path, parts, depth + 1);
            } else if !is_deep
                && !rest.is_empty()
                && matches!(entry.kind, Kind::Directory | Kind::Link)
            {
                self.step(&path, rest, depth);
            }
        }
    }
}
