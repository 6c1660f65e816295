//! Which log a path is of, as far as its name, the sources and the store say.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustc_hash::FxHashSet;

use super::Tailer;
use crate::label;
use crate::path_text::path_of;
use crate::resolver::Resolver;
use crate::rotated;
use mcpr_model::Checkpoint;

/// Whether a checkpoint is of a file of the sources, or of one that was rotated away from them.
pub(super) fn is_ours(known: &Checkpoint, resolver: &Resolver) -> bool {
    // That one is called like a file which a source may cover, and is not one.
    if label::gone_from(&known.path).is_some() {
        return false;
    }
    let path = label::path(&known.path);
    let covers = |path: &Path| resolver.source_of(path).is_some();
    covers(&path) || rotations_of(&path).any(|base| covers(&base))
}

/// The logs that the last run knew, as its checkpoints say.
#[derive(Debug, Default)]
pub(super) struct Logs {
    /// Where they were written.
    paths: FxHashSet<PathBuf>,
    /// Those that led to a file when the run ended. `None` once the first look has been taken: it was
    /// compared with that.
    occupied: Option<FxHashSet<PathBuf>>,
}

impl Logs {
    pub(super) fn new(checkpoints: &[Checkpoint]) -> Self {
        let mut logs = Self::default();
        let mut occupied = FxHashSet::default();
        for Checkpoint { path: label, .. } in checkpoints {
            if let Some(gone) = label::gone_from(label) {
                logs.paths.insert(gone);
                continue;
            }
            let path = label::path(label);
            if path == path_of(label::undone(label)) && !label::is_done(label) {
                occupied.insert(path.clone());
            }
            logs.paths.insert(path);
        }
        logs.occupied = Some(occupied);
        logs
    }

    /// The first look has been taken.
    pub(super) fn set_compared(&mut self) {
        self.occupied = None;
    }

    /// Whether files of a log were read, and its path led to none when the last run ended: what has
    /// come there since may not be the first that did.
    pub(super) fn was_vacant(&self, path: &Path) -> bool {
        let occupied = self.occupied.as_ref();
        occupied.is_some_and(|it| !it.contains(path)) && self.paths.contains(path)
    }

    /// Whether a file that was nowhere to be found is of a log of whose files no other is known.
    pub(super) fn is_last_trace(&self, known: &Checkpoint, resolver: &Resolver) -> bool {
        let path = label::gone_from(&known.path);
        path.is_some_and(|path| resolver.source_of(&path).is_some() && self.was_vacant(&path))
    }
}

impl Tailer {
    /// The path of which rotation has made this one, as far as a source covers that; else the path
    /// itself.
    pub(super) fn base_of(&self, path: &Path) -> PathBuf {
        let mut base = path.to_owned();
        // `p.log.1.gz` was `p.log.1` before it was compressed, and `p.log` before that. A base is
        // shorter than what was made of it, so that this ends.
        while let Some(next) = self.next_base(&base) {
            base = next;
        }
        base
    }

    fn next_base(&self, path: &Path) -> Option<PathBuf> {
        let covers = |path: &Path| self.resolver.source_of(path).is_some();
        let bases = rotations_of(path).filter(|base| covers(base));
        let mut bases = bases.collect::<Vec<_>>();
        // `p-20261129.log.gz` was `p-20261129.log` before it was compressed, which a glob may cover as
        // well: the log that is written, or was, is the one whose rotated files belong together.
        let written = bases.iter().position(|base| {
            let was_written = self.logs.paths.contains(base) || self.vacant.contains_key(base);
            was_written || base.exists()
        });
        // `p.log.1` was `p.log` also while nobody writes that; `worker-1.log` may be a log of its own.
        let name = path.file_name().unwrap_or_default().as_bytes();
        let is_longer = |base: &PathBuf| {
            let base = base.file_name().unwrap_or_default();
            name.starts_with(base.as_bytes())
        };
        let longer = || bases.iter().rposition(is_longer);
        let named = || (!bases.is_empty() && !covers(path)).then_some(0);
        let at = written.or_else(longer).or_else(named)?;
        Some(bases.swap_remove(at))
    }
}

/// The paths of which rotation may have made this one.
pub(super) fn rotations_of(path: &Path) -> impl Iterator<Item = PathBuf> {
    let bases = rotated::bases(path.file_name().unwrap_or_default());
    bases.into_iter().map(|name| path.with_file_name(name))
}
