//! From what a person names as a source to the regular files that are there now.
//!
//! Looks at files by `stat` alone and opens none: closing a descriptor of the store's own files
//! would drop its locks.

use std::fs::{self, DirEntry, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use glob::{MatchOptions, Pattern, PatternError};

use super::identity;
use crate::model::FileIdentity;

/// Globs match as a shell's do.
const AS_A_SHELL: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

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
    /// Every file that a glob pattern matches.
    Glob(Pattern),
}

impl SourceSpec {
    /// Takes a text for a glob where it has a special character and no file is called that.
    ///
    /// # Errors
    /// When it is a glob and not a valid one.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        if !text.contains(['*', '?', '[']) || fs::symlink_metadata(text).is_ok() {
            return Ok(Self::Path(text.into()));
        }
        Pattern::new(text).map(Self::Glob)
    }

    /// Whether a file at a path would be one of this source's.
    pub(super) fn covers(&self, path: &Path) -> bool {
        match self {
            Self::Path(named) => path == named || path.parent() == Some(named),
            Self::Glob(pattern) => pattern.matches_path_with(path, AS_A_SHELL),
        }
    }

    /// The directories in which its files can appear, as far as they are there.
    pub(super) fn directories(&self) -> Vec<PathBuf> {
        match self {
            Self::Path(path) if path.is_dir() => vec![path.clone()],
            Self::Path(path) => vec![parent(path)],
            Self::Glob(pattern) => {
                let directory = parent(Path::new(pattern.as_str()));
                expand(&directory.to_string_lossy())
                    .filter_map(Result::ok)
                    .filter(|path| path.is_dir())
                    .collect()
            }
        }
    }
}

/// The directory that a path stands in.
pub(super) fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => PathBuf::from("."),
        Some(parent) => parent.to_owned(),
        None => path.to_owned(),
    }
}

/// A regular file that a source leads to.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    /// Which source, by its place in the list.
    pub(super) source: usize,
    pub(super) identity: FileIdentity,
    pub(super) size: u64,
    pub(super) modified: SystemTime,
}

/// What all sources lead to at one moment.
#[derive(Debug, Default)]
pub(super) struct Resolved {
    pub(super) found: Vec<Found>,
    /// Paths that a source leads to and that cannot be read, with the reason.
    pub(super) troubles: Vec<(PathBuf, io::Error)>,
}

/// Looks at everything that the sources lead to.
pub(super) fn resolve(sources: &[SourceSpec]) -> Resolved {
    let mut resolved = Resolved::default();
    for (source, spec) in sources.iter().enumerate() {
        match spec {
            SourceSpec::Path(path) => resolved.add_named(source, path),
            SourceSpec::Glob(pattern) => resolved.add_glob(source, pattern),
        }
    }
    resolved
}

impl Resolved {
    fn add_named(&mut self, source: usize, path: &Path) {
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => self.add_directory(source, path),
            Ok(metadata) if metadata.is_file() => self.add(source, path, &metadata),
            Ok(_) => self.trouble(path, io::Error::other("not a regular file")),
            Err(error) => self.trouble(path, error),
        }
    }

    fn add_directory(&mut self, source: usize, directory: &Path) {
        match fs::read_dir(directory) {
            Ok(entries) => {
                for entry in entries.filter_map(Result::ok).filter(|e| !is_hidden(e)) {
                    self.add_matched(source, &entry.path());
                }
            }
            Err(error) => self.trouble(directory, error),
        }
    }

    fn add_glob(&mut self, source: usize, pattern: &Pattern) {
        for path in expand(pattern.as_str()) {
            match path {
                Ok(path) => self.add_matched(source, &path),
                Err(error) => {
                    let path = error.path().to_owned();
                    self.trouble(&path, error.into());
                }
            }
        }
    }

    /// Adds a path that was not named itself: what is no regular file is passed over, and a link
    /// is followed only where its maker could have named its target as well.
    fn add_matched(&mut self, source: usize, path: &Path) {
        let looked = fs::symlink_metadata(path).and_then(|link| Ok((link, fs::metadata(path)?)));
        match looked {
            Ok((_, target)) if !target.is_file() => {}
            Ok((link, target)) if link.is_symlink() && is_foreign(&link, &target) => {
                self.trouble(path, io::Error::other("a link to a file of another owner"));
            }
            Ok((_, target)) => self.add(source, path, &target),
            Err(error) => self.trouble(path, error),
        }
    }

    fn add(&mut self, source: usize, path: &Path, metadata: &Metadata) {
        self.found.push(Found {
            path: path.to_owned(),
            source,
            identity: identity::of(metadata),
            size: metadata.len(),
            modified: metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH),
        });
    }

    /// Notes what keeps a path from being read. Nothing there is no trouble: it may appear.
    fn trouble(&mut self, path: &Path, error: io::Error) {
        if error.kind() != io::ErrorKind::NotFound {
            self.troubles.push((path.to_owned(), error));
        }
    }
}

fn expand(pattern: &str) -> impl Iterator<Item = glob::GlobResult> {
    glob::glob_with(pattern, AS_A_SHELL).into_iter().flatten()
}

fn is_hidden(entry: &DirEntry) -> bool {
    entry.file_name().as_encoded_bytes().starts_with(b".")
}

/// Whether a link may lead where its maker has no say: it was made neither by us, nor by root, nor
/// by the owner of its target.
fn is_foreign(link: &Metadata, target: &Metadata) -> bool {
    let ours = rustix::process::geteuid().as_raw();
    ![ours, 0, target.uid()].contains(&link.uid())
}
