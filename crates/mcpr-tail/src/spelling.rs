//! Checkpoints under paths that are spelled in another way than the sources of today: relative and
//! absolute, through a link, with a `./` in front. A directory is the same whatever it is called.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustc_hash::FxHashMap;

use super::label;
use super::nearby::Nearby;
use super::resolve::{SourceSpec, parent};
use super::rotated::rotation_of;
use mcpr_model::{Checkpoint, FileIdentity};

/// The directories of today's sources.
#[derive(Debug)]
pub(super) struct Spelling {
    directories: Vec<Spelled>,
    nearby: Nearby,
    /// What directories of checkpoints are, as far as they are there.
    canonical: FxHashMap<PathBuf, Option<PathBuf>>,
}

/// A directory as a source names it.
#[derive(Debug)]
struct Spelled {
    path: PathBuf,
    /// The same without links.
    canonical: PathBuf,
}

impl Spelling {
    pub(super) fn of(sources: &[SourceSpec]) -> Self {
        let paths = sources.iter().flat_map(|source| match source {
            SourceSpec::Path(path) => vec![directory(path), path.clone()],
            SourceSpec::Glob(pattern) => vec![pattern.base().to_owned()],
        });
        let mut directories: Vec<Spelled> = Vec::new();
        for path in paths {
            // A source may name what is not there yet.
            let Ok(canonical) = fs::canonicalize(here_if_empty(&path)) else {
                continue;
            };
            if canonical.is_dir() && !directories.iter().any(|it| it.path == path) {
                directories.push(Spelled { path, canonical });
            }
        }
        Self {
            directories,
            nearby: Nearby::default(),
            canonical: FxHashMap::default(),
        }
    }

    /// The checkpoint as it would be called today, where `is_ours` takes that for one of a source's.
    pub(super) fn respell(
        &mut self,
        known: Checkpoint,
        is_ours: &dyn Fn(&Checkpoint) -> bool,
    ) -> Checkpoint {
        // The spelling of today needs no look at any directory.
        if is_ours(&known) {
            return known;
        }
        let path = label::path(&known.path);
        let paths = self.same(&path).into_iter();
        let mut paths = paths.chain(self.same_inode(&path, known.identity));
        let respelled = paths.find_map(|path| {
            let respelled = Checkpoint {
                path: label::respelled(&known.path, &path)?,
                ..known.clone()
            };
            is_ours(&respelled).then_some(respelled)
        });
        respelled.unwrap_or(known)
    }

    /// What a path is called below the directories of today.
    fn same(&mut self, path: &Path) -> Vec<PathBuf> {
        let own = parent(path);
        let canonical = self.canonical.entry(own);
        // Asked once for each directory: thousands of checkpoints may be of the same one.
        let canonical = canonical.or_insert_with_key(|own| fs::canonicalize(own).ok());
        let Some((canonical, name)) = canonical.as_ref().zip(path.file_name()) else {
            return Vec::new();
        };
        let below = self.directories.iter().filter_map(|directory| {
            let below = canonical.strip_prefix(&directory.canonical).ok()?;
            Some(directory.path.join(below).join(name))
        });
        below.collect()
    }

    /// What a relative path may be called that was named from elsewhere: its file is in a directory of
    /// today, under its name or one that rotation made of it. Its bytes are compared later.
    fn same_inode(&mut self, path: &Path, identity: FileIdentity) -> Vec<PathBuf> {
        // Only a relative path means another place when the recorder is started elsewhere.
        let Some(base) = path.file_name().filter(|_| path.is_relative()) else {
            return Vec::new();
        };
        let mut found = Vec::new();
        for Spelled { path, canonical } in &self.directories {
            let listed = self.nearby.directory(canonical);
            let is_there = listed.with_inode(identity.inode).any(|name| {
                let is_of_base = name == base || rotation_of(name, base).is_some();
                // The listing says inodes only, of which each file system has its own.
                let device = fs::metadata(canonical.join(name)).map(|it| it.dev());
                is_of_base && device.is_ok_and(|device| device == identity.device)
            });
            if is_there {
                found.push(path.join(base));
            }
        }
        found
    }
}

/// The directory of a path, in its own spelling.
fn directory(path: &Path) -> PathBuf {
    path.parent().unwrap_or(path).to_owned()
}

fn here_if_empty(path: &Path) -> &Path {
    if path.as_os_str().is_empty() {
        Path::new(".")
    } else {
        path
    }
}
