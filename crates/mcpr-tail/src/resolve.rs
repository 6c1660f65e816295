//! From what a person names as a source to the regular files that are there now.
//!
//! Looks at files by `stat` alone and opens none: closing a descriptor of the store's own files
//! would drop its locks.

use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::identity;
use super::pattern::PathPattern;
use mcpr_model::FileIdentity;

/// What a path leads to, links followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathKind {
    /// A regular file: what a tailer reads.
    Regular,
    /// A named pipe: can be read as a stream, once.
    Fifo,
    /// A directory: its regular files are read.
    Directory,
    /// Nothing yet.
    Missing,
    /// A device or a socket: no source.
    Other,
}

/// Says what a path leads to, without opening it.
///
/// # Errors
/// When that cannot be known, for want of permission for one.
pub fn classify(path: &Path) -> io::Result<PathKind> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(kind_of(&metadata)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(PathKind::Missing),
        Err(error) => Err(error),
    }
}

fn kind_of(metadata: &Metadata) -> PathKind {
    let kind = metadata.file_type();
    if kind.is_file() {
        PathKind::Regular
    } else if kind.is_dir() {
        PathKind::Directory
    } else if kind.is_fifo() {
        PathKind::Fifo
    } else {
        PathKind::Other
    }
}

/// A source of files, resolved anew on each scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceSpec {
    /// A file that may come and go, or a directory: the files directly inside, hidden ones left out.
    Path(PathBuf),
    /// Every file that a pattern matches, and the one that is called just as the pattern.
    Glob(PathPattern),
}

impl SourceSpec {
    /// Takes a text for a pattern where it has a special character, is well formed, and no file is
    /// called that.
    #[must_use]
    pub fn parse(text: &OsStr) -> Self {
        // Also a link that leads nowhere yet: it is called so, and is not a pattern.
        if fs::symlink_metadata(text).is_ok() {
            return Self::Path(text.into());
        }
        let is_there = |path: &Path| fs::symlink_metadata(path).is_ok();
        match text
            .to_str()
            .and_then(|text| PathPattern::parse(text, &is_there))
        {
            Some(pattern) => Self::Glob(pattern),
            None => Self::Path(text.into()),
        }
    }

    /// Whether any file is there now.
    #[must_use]
    pub fn matches_any(&self) -> bool {
        let mut resolver = super::resolver::Resolver::new(vec![self.clone()]);
        resolver.look(std::time::Instant::now(), &|_| true);
        let any = resolver.found().next().is_some();
        any || resolver.troubles().next().is_some()
    }

    /// Whether a file is there that rotation has made of one of this source's: between a rotation and the
    /// new file there is no other.
    #[must_use]
    pub fn has_rotated(&self) -> bool {
        let text = match self {
            Self::Path(path) => path.as_os_str(),
            Self::Glob(pattern) => pattern.text(),
        };
        let mut longer = text.to_owned();
        longer.push("*");
        let is_ours = |path: &Path| {
            let name = path.file_name().unwrap_or_default();
            let mut bases = super::rotated::bases(name).into_iter();
            bases.any(|base| self.covers(&path.with_file_name(base)))
        };
        let near = Self::parse(&longer).files();
        near.iter().any(|file| is_ours(&file.path))
    }

    /// The named pipes that are there now, of which a glob reads none: whoever opened one would take what others
    /// wait for.
    #[must_use]
    pub fn named_pipes(&self) -> Vec<PathBuf> {
        let mut resolver = super::resolver::Resolver::new(vec![self.clone()]);
        resolver.look(std::time::Instant::now(), &|_| true);
        let is_pipe = |path: &&Path| classify(path).is_ok_and(|kind| kind == PathKind::Fifo);
        let pipes = resolver.passed_over().filter(is_pipe);
        pipes.map(Path::to_owned).collect()
    }

    /// The files that are there now, each with its size and the time of its last change in unix milliseconds.
    #[must_use]
    pub fn files(&self) -> Vec<PresentFile> {
        let mut resolver = super::resolver::Resolver::new(vec![self.clone()]);
        resolver.look(std::time::Instant::now(), &|_| true);
        let file = |found: &Found| {
            let (seconds, nanoseconds) = found.stamp.modified;
            PresentFile {
                path: found.path.clone(),
                size: found.stamp.size,
                changed_at: seconds
                    .saturating_mul(1000)
                    .saturating_add(nanoseconds / 1_000_000),
            }
        };
        resolver.found().map(file).collect()
    }

    /// Whether a file at a path would be one of this source's.
    pub(super) fn covers(&self, path: &Path) -> bool {
        match self {
            Self::Path(named) => path == named || path.parent() == Some(named),
            Self::Glob(pattern) => pattern.matches(path),
        }
    }
}

/// A file that a source leads to, as it was when it was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresentFile {
    /// Where it is.
    pub path: PathBuf,
    /// How many bytes it has.
    pub size: u64,
    /// When it was changed last, in unix milliseconds.
    pub changed_at: i64,
}

/// The directory that a path stands in.
pub(super) fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        // The parent of a plain name is an empty path, which cannot be listed.
        Some(parent) if parent.as_os_str().is_empty() => PathBuf::from("."),
        Some(parent) => parent.to_owned(),
        None => path.to_owned(),
    }
}

/// When a file was changed: seconds and nanoseconds, as the system gives them.
pub(super) type ChangedAt = (i64, i64);

/// Size and times of change: a file in which they stay is taken for unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) size: u64,
    pub(super) modified: ChangedAt,
    // A program may set the time of the contents back; that of the inode it cannot.
    changed: ChangedAt,
}

impl Stamp {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            size: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// A regular file that a source leads to.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    /// Which source, by its place in the list.
    pub(super) source: usize,
    pub(super) identity: FileIdentity,
    pub(super) stamp: Stamp,
}

impl Found {
    pub(super) fn new(path: &Path, source: usize, metadata: &Metadata) -> Self {
        Self {
            path: path.to_owned(),
            source,
            identity: identity::of(metadata),
            stamp: Stamp::of(metadata),
        }
    }
}

/// What a path leads to that was named itself.
pub(super) fn look_at_named(path: &Path) -> io::Result<Option<Metadata>> {
    let metadata = fs::metadata(path)?;
    match kind_of(&metadata) {
        PathKind::Regular | PathKind::Directory => Ok(Some(metadata)),
        _ => Err(io::Error::other("not a regular file")),
    }
}

/// What a path leads to that was not named itself: what is not a regular file is passed over, and a
/// link is followed only where its maker could have named its target as well.
pub(super) fn look_at_matched(path: &Path) -> io::Result<Option<Metadata>> {
    // The link first: what it leads to is somebody else's choice.
    let link = fs::symlink_metadata(path)?;
    if !link.is_symlink() {
        return Ok(link.is_file().then_some(link));
    }
    let target = fs::metadata(path)?;
    if !target.is_file() {
        return Ok(None);
    }
    if is_foreign(&link, &target) {
        // Else whoever may write into a directory of logs could have any file read that we may
        // read.
        return Err(io::Error::other("a link to a file of another owner"));
    }
    Ok(Some(target))
}

/// Whether a link may lead where its maker has no say: it was made neither by us, nor by root, nor
/// by the owner of its target.
fn is_foreign(link: &Metadata, target: &Metadata) -> bool {
    // The effective user is the one with whose rights the file is opened.
    let ours = rustix::process::geteuid().as_raw();
    ![ours, 0, target.uid()].contains(&link.uid())
}
