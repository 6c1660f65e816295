//! Files found among the open ones by what they have in common, without a look at each of them: there
//! may be thousands, and each may ask.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rustc_hash::FxHashMap;

use crate::family::log_of;
use crate::identity;
use crate::opening::shorter_names;
use crate::tracked::Tracked;
use mcpr_model::Fingerprint;

/// The files of a round that end with half a line so far, by their sources and logs.
#[derive(Debug, Default)]
pub(super) struct HalfEnded {
    /// Those whose log was not asked for yet: that takes looks at other paths, and most rounds have no
    /// file that begins.
    unsorted: Vec<usize>,
    /// The last of each.
    by_log: FxHashMap<(usize, PathBuf), usize>,
}

impl HalfEnded {
    /// Adds a file, in the order in which files are read.
    pub(super) fn add(&mut self, index: usize) {
        self.unsorted.push(index);
    }

    /// The nearest one before a file that is of the same log: the one which was written until this file
    /// was begun.
    pub(super) fn before(&mut self, begun: &Tracked, files: &[Tracked]) -> Option<usize> {
        let key = |it: &Tracked| (it.source, log_of(&it.path, &Path::exists));
        for index in self.unsorted.drain(..) {
            // What was read later takes the place of what was read before it.
            self.by_log.insert(key(&files[index]), index);
        }
        // No look at other paths where no file ends so.
        if self.by_log.is_empty() {
            return None;
        }
        self.by_log.get(&key(begun)).copied()
    }
}

/// The open files by their heads, for as long as they keep their places in the order.
#[derive(Debug, Default)]
pub(super) struct OpenHeads {
    by_head: FxHashMap<Fingerprint, Vec<usize>>,
    lens: BTreeSet<u64>,
    /// Those that are not compressed, by where they are.
    by_place: FxHashMap<PathBuf, Vec<usize>>,
    /// All files are in it: it is made once a file asks, for most rounds have none.
    is_made: bool,
}

impl OpenHeads {
    /// The files with the head of one that begins with these bytes, in the order in which they are read.
    pub(super) fn of(&mut self, head: &[u8], files: &[Tracked]) -> Vec<usize> {
        self.make(files);
        // One hash for each length, and none where the file is shorter than that.
        let heads = self.lens.iter().map_while(|&len| {
            let head = head.get(..usize::try_from(len).ok()?)?;
            Some(identity::fingerprint(head))
        });
        let mut found = BTreeSet::new();
        for head in heads {
            let known = self.by_head.get(&head).into_iter().flatten();
            // A head grows with what is read: a file stands under those that it had, too.
            let has_it = |file: &Tracked| file.file.position().head() == head;
            found.extend(known.filter(|&&index| files.get(index).is_some_and(has_it)));
        }
        found.into_iter().collect()
    }

    /// The plain files of which a compressed one may be a copy, as its name says.
    pub(super) fn originals(&mut self, copy: &Path, files: &[Tracked]) -> Vec<usize> {
        self.make(files);
        let places = shorter_names(copy);
        let places = places.filter_map(|place| self.by_place.get(&place));
        places.flatten().copied().collect()
    }

    fn make(&mut self, files: &[Tracked]) {
        if std::mem::replace(&mut self.is_made, true) {
            return;
        }
        for (index, file) in files.iter().enumerate() {
            self.see(index, file);
            if !file.file.is_compressed() {
                let at_place = self.by_place.entry(file.place.clone()).or_default();
                at_place.push(index);
            }
        }
    }

    /// Takes in what the head of a file is after its turn.
    pub(super) fn see(&mut self, index: usize, file: &Tracked) {
        let head = file.file.position().head();
        if !self.is_made || head.len == 0 {
            return;
        }
        let known = self.by_head.entry(head).or_default();
        // It comes again and again with the same one.
        if known.last() != Some(&index) {
            known.push(index);
        }
        self.lens.insert(head.len);
    }
}
