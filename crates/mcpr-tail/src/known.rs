//! The checkpoints whose files are not open: from the store, or of files that have gone since.
//!
//! Decides where a file begins that was not open before. Found by identity, by path and by head, so
//! that many files and many checkpoints together cost no more than their sum.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::identity::{self, MIN_HEAD_OF_MOVED_BYTES, Proof};
use super::label;
use super::path_text::{path_of, text_of};
use super::recover::is_ambiguous;
use super::resolve::ChangedAt;
use mcpr_model::{Checkpoint, FileIdentity, Fingerprint, Text};
use rustc_hash::{FxHashMap, FxHashSet};

/// Most checkpoints of files that have gone that are kept beside those of the store.
const MAX_GONE: usize = 4096;

/// Where a known file goes on.
#[derive(Debug)]
pub(super) struct Place {
    /// The offset of its checkpoint.
    pub(super) offset: u64,
    /// The proof of what is before it.
    pub(super) proof: Proof,
    /// Its checkpoint is of another file, or says that it is somewhere else.
    pub(super) is_moved: bool,
    /// Nobody wrote to it any more.
    pub(super) is_done: bool,
    /// The path under which its checkpoint knows it.
    pub(super) path: PathBuf,
    /// Since when it is empty, where no byte of it was read.
    pub(super) empty_since: Option<ChangedAt>,
}

/// The number of a checkpoint; the lower the older.
type Number = u64;

/// The last file that a path led to.
#[derive(Debug, Clone)]
pub(super) struct LastFile {
    /// What it held when it was last seen.
    pub(super) checkpoint: Checkpoint,
    /// When it was last written to.
    pub(super) modified: ChangedAt,
}

/// Checkpoints that are waiting for their file.
#[derive(Debug)]
pub(super) struct Known {
    checkpoints: BTreeMap<Number, Checkpoint>,
    next: Number,
    by_identity: FxHashMap<FileIdentity, Vec<Number>>,
    by_path: FxHashMap<Text, Vec<Number>>,
    by_head: FxHashMap<Fingerprint, Vec<Number>>,
    /// How many heads there are of each length.
    head_lens: BTreeMap<u64, usize>,
    /// Of the files that a path led to in this run, the last one that was closed.
    last_at: FxHashMap<PathBuf, LastFile>,
    /// Taken for the checkpoints of files that have their inodes, and perhaps of others that begin alike.
    doubtful: Vec<Checkpoint>,
    /// Those of which another file was found to have the contents.
    taken: Vec<Checkpoint>,
    /// Files of other sources than today's, in their places.
    elsewhere: FxHashSet<FileIdentity>,
    max: usize,
}

impl Known {
    /// `is_ours` says which paths the sources of today cover. A file of other sources that is still
    /// in its place was not moved here: what has its bytes is a copy, and is read like any file.
    pub(super) fn new(checkpoints: Vec<Checkpoint>, is_ours: impl Fn(&Path) -> bool) -> Self {
        let elsewhere = checkpoints
            .iter()
            .filter(|known| !is_ours(&label::path(&known.path)) && is_in_place(known))
            .map(|known| known.identity)
            .collect();
        let mut known = Self {
            checkpoints: BTreeMap::new(),
            next: 0,
            by_identity: FxHashMap::default(),
            by_path: FxHashMap::default(),
            by_head: FxHashMap::default(),
            head_lens: BTreeMap::new(),
            last_at: FxHashMap::default(),
            doubtful: Vec::new(),
            taken: Vec::new(),
            elsewhere,
            // Those of the store are there anyway: the limit is on what a long run adds.
            max: checkpoints.len() + MAX_GONE,
        };
        for checkpoint in checkpoints {
            known.insert(checkpoint);
        }
        known
    }

    /// Keeps the checkpoint of a file that is no longer open under its identity.
    pub(super) fn add(&mut self, checkpoint: Checkpoint) {
        if checkpoint.offset == 0 && checkpoint.head.len == 0 {
            return; // it says nothing
        }
        if self.checkpoints.len() >= self.max
            // Numbers only grow, so that the first is the one that has waited longest.
            && let Some(&oldest) = self.checkpoints.keys().next()
        {
            self.remove(oldest);
        }
        self.insert(checkpoint);
    }

    /// Notes that the file which a checkpoint was taken for may be another one.
    pub(super) fn doubt(&mut self, checkpoint: Checkpoint) {
        self.doubtful.push(checkpoint);
    }

    /// Those of which that was noted since this was last asked.
    pub(super) fn take_doubtful(&mut self) -> Vec<Checkpoint> {
        std::mem::take(&mut self.doubtful)
    }

    /// Those that another file goes on from since this was last asked: under their own inodes nobody is to
    /// look for them again.
    pub(super) fn take_taken(&mut self) -> Vec<Checkpoint> {
        std::mem::take(&mut self.taken)
    }

    /// Remembers the last file that a path led to.
    pub(super) fn set_last(&mut self, path: &Path, last: LastFile) {
        // Logs that are named by the time never come back to a path.
        if self.last_at.len() >= self.max {
            self.last_at.clear();
        }
        self.last_at.insert(path.to_owned(), last);
    }

    /// Whether that is known of any path.
    pub(super) fn has_last(&self) -> bool {
        !self.last_at.is_empty()
    }

    /// The last file that a path led to, as far as that is known.
    pub(super) fn last_at(&self, path: &Path) -> Option<&LastFile> {
        self.last_at.get(path)
    }

    /// Whether a checkpoint stands under this identity that is as far as another one of the same contents.
    pub(super) fn is_as_far(&self, identity: FileIdentity, as_this: &Checkpoint) -> bool {
        let numbers = self.by_identity.get(&identity).into_iter().flatten();
        let mut known = numbers.filter_map(|number| self.checkpoints.get(number));
        known.any(|known| known.offset >= as_this.offset)
    }

    fn insert(&mut self, checkpoint: Checkpoint) {
        let number = self.next;
        self.next += 1;
        let of_identity = self.by_identity.entry(checkpoint.identity).or_default();
        of_identity.push(number);
        let of_path = self.by_path.entry(undone(&checkpoint.path)).or_default();
        of_path.push(number);
        self.by_head
            .entry(checkpoint.head)
            .or_default()
            .push(number);
        *self.head_lens.entry(checkpoint.head.len).or_default() += 1;
        self.checkpoints.insert(number, checkpoint);
    }

    fn remove(&mut self, number: Number) -> Option<Checkpoint> {
        let checkpoint = self.checkpoints.remove(&number)?;
        forget(&mut self.by_identity, &checkpoint.identity, number);
        forget(&mut self.by_path, &undone(&checkpoint.path), number);
        forget(&mut self.by_head, &checkpoint.head, number);
        if let Some(count) = self.head_lens.get_mut(&checkpoint.head.len) {
            *count -= 1;
            if *count == 0 {
                self.head_lens.remove(&checkpoint.head.len);
            }
        }
        Some(checkpoint)
    }

    /// Takes out the checkpoints that a rule is about, the oldest first.
    pub(super) fn take_where(&mut self, is_meant: impl Fn(&Checkpoint) -> bool) -> Vec<Checkpoint> {
        let meant = self.checkpoints.iter().filter(|(_, known)| is_meant(known));
        // The numbers first: taking one out changes the map that is walked.
        let meant = meant.map(|(&number, _)| number).collect::<Vec<_>>();
        let taken = meant.into_iter().filter_map(|number| self.remove(number));
        taken.collect()
    }

    /// Takes out one of a file; says whether it was still there.
    pub(super) fn take(&mut self, checkpoint: &Checkpoint) -> bool {
        let numbers = self.by_identity.get(&checkpoint.identity);
        let mut numbers = numbers.into_iter().flatten();
        // Of one identity there may be several: an inode was given to one file after the other.
        let is_it = |number: &&Number| self.checkpoints.get(number) == Some(checkpoint);
        let number = numbers.find(is_it).copied();
        number.is_some_and(|number| self.remove(number).is_some())
    }

    /// Takes out the checkpoints of files that were last seen at a path, the oldest first.
    pub(super) fn take_at(&mut self, path: &Path) -> Vec<Checkpoint> {
        let numbers = self.by_path.get(&text_of(path)).cloned();
        let taken = numbers.unwrap_or_default().into_iter();
        taken.filter_map(|number| self.remove(number)).collect()
    }

    /// Whether a file was known under this identity or at this path.
    pub(super) fn mentions(&self, identity: FileIdentity, path: &Path) -> bool {
        self.by_identity.contains_key(&identity) || self.is_at(path)
    }

    /// Whether a checkpoint stands under this identity.
    pub(super) fn has(&self, identity: FileIdentity) -> bool {
        self.by_identity.contains_key(&identity)
    }

    /// Whether one of them has the head of a file that begins with these bytes.
    pub(super) fn has_head(&self, identity: FileIdentity, head: &[u8]) -> bool {
        let numbers = self.by_identity.get(&identity).into_iter().flatten();
        let mut known = numbers.filter_map(|number| self.checkpoints.get(number));
        known.any(|known| known.head.len > 0 && identity::has_head(head, known.head))
    }

    /// Whether a file was known at this path.
    pub(super) fn is_at(&self, path: &Path) -> bool {
        self.by_path.contains_key(&text_of(path))
    }

    /// The checkpoints of files that have the head of one that begins with these bytes.
    pub(super) fn with_head<'a>(&'a self, head: &'a [u8]) -> impl Iterator<Item = &'a Checkpoint> {
        self.numbers_with_head(head)
            .filter_map(|number| self.checkpoints.get(&number))
    }

    fn numbers_with_head<'a>(&'a self, head: &'a [u8]) -> impl Iterator<Item = Number> + 'a {
        // One hash for each length that any checkpoint has, and none where the file is shorter than
        // that.
        let heads = self.head_lens.keys().map_while(|&len| {
            let head = head.get(..usize::try_from(len).ok()?)?;
            Some(identity::fingerprint(head))
        });
        heads.flat_map(|head| self.by_head.get(&head).into_iter().flatten().copied())
    }

    /// The place in a file that has the device and inode of a checkpoint, and its bytes.
    pub(super) fn take_same(
        &mut self,
        file: &File,
        identity: FileIdentity,
        path: &Path,
    ) -> io::Result<Option<Place>> {
        self.take_of(file, identity, path, |offset| offset > 0)
    }

    /// The same of a checkpoint at the beginning: it says that the file was seen, and nothing settled.
    pub(super) fn take_unsettled(
        &mut self,
        file: &File,
        identity: FileIdentity,
        path: &Path,
    ) -> io::Result<Option<Place>> {
        self.take_of(file, identity, path, |offset| offset == 0)
    }

    fn take_of(
        &mut self,
        file: &File,
        identity: FileIdentity,
        path: &Path,
        is_meant: impl Fn(u64) -> bool,
    ) -> io::Result<Option<Place>> {
        let numbers = self.by_identity.get(&identity).into_iter().flatten();
        let offset = |number| self.checkpoints.get(number).map(|known| known.offset);
        let numbers = numbers.filter(|number| offset(number).is_some_and(&is_meant));
        let numbers = numbers.copied().collect();
        let taken = self.take_proved(file, numbers)?;
        Ok(taken.map(|(known, proof)| Place {
            offset: known.offset,
            proof,
            // It is the same file under another name, which its next checkpoint has to say.
            is_moved: undone(&known.path) != text_of(path),
            is_done: label::is_done(&known.path),
            path: label::path(&known.path),
            // What was read of it since says more.
            empty_since: label::empty_since(&known.path).filter(|_| known.offset == 0),
        }))
    }

    /// The place in a file that has the bytes of a checkpoint, whatever its inode: it was moved
    /// from another file system, restored, or copied before the original was truncated.
    ///
    /// Files of a log may begin alike. What is known of no more than a beginning is given only to a file
    /// that has none beside it with the same one, as `is_elsewhere` says: else it is looked for among
    /// those, where it is known which of them is the oldest.
    pub(super) fn take_moved(
        &mut self,
        file: &File,
        size: u64,
        mut is_elsewhere: impl FnMut(&Checkpoint) -> bool,
    ) -> io::Result<Option<Place>> {
        let longest = self.head_lens.keys().next_back();
        // Without such a checkpoint the file need not be read.
        if longest.is_none_or(|&len| len < MIN_HEAD_OF_MOVED_BYTES) {
            return Ok(None);
        }
        let head = identity::head(file)?;
        let numbers = self.numbers_with_head(&head).filter(|number| {
            self.checkpoints.get(number).is_some_and(|known| {
                known.head.len >= MIN_HEAD_OF_MOVED_BYTES
                    // A file that is shorter cannot hold what was read.
                    && known.offset <= size
                    // Logs that begin alike are many: at the beginning only an inode says which it is.
                    && known.offset > 0
                    && !self.elsewhere.contains(&known.identity)
            })
        });
        let mut numbers = numbers.collect::<Vec<_>>();
        numbers.retain(|number| {
            let known = self.checkpoints.get(number).filter(|it| is_ambiguous(it));
            // Only what may be of this file: to look through the directory takes longer.
            let known = known.filter(|it| identity::verify(file, it).is_ok_and(|is_it| is_it));
            !known.is_some_and(&mut is_elsewhere)
        });
        let taken = self.take_proved(file, numbers)?;
        self.taken
            .extend(taken.as_ref().map(|(known, _)| known.clone()));
        Ok(taken.map(|(known, proof)| Place {
            offset: known.offset,
            proof,
            is_moved: true,
            is_done: false,
            path: label::path(&known.path),
            empty_since: None,
        }))
    }

    /// Takes, of these, the furthest checkpoint that the file's bytes prove.
    fn take_proved(
        &mut self,
        file: &File,
        numbers: Vec<Number>,
    ) -> io::Result<Option<(Checkpoint, Proof)>> {
        let mut furthest = numbers
            .into_iter()
            .filter_map(|number| Some((self.checkpoints.get(&number)?.offset, number)))
            .collect::<Vec<_>>();
        // The furthest first: to begin at a nearer one would store lines twice.
        furthest.sort_unstable_by_key(|(offset, number)| (std::cmp::Reverse(*offset), *number));
        for (_, number) in furthest {
            let Some(known) = self.checkpoints.get(&number) else {
                continue;
            };
            if let Some(proof) = identity::proof_of(file, known)? {
                return Ok(self.remove(number).map(|known| (known, proof)));
            }
        }
        Ok(None)
    }
}

/// What a checkpoint is found by beside its identity and head.
fn undone(label: &str) -> Text {
    label::undone(label).into()
}

fn forget<K: std::hash::Hash + Eq>(index: &mut FxHashMap<K, Vec<Number>>, key: &K, number: Number) {
    if let Some(numbers) = index.get_mut(key) {
        numbers.retain(|&known| known != number);
        // Else names that never come back would fill the index.
        if numbers.is_empty() {
            index.remove(key);
        }
    }
}

/// Whether a checkpoint's file is still where it was.
fn is_in_place(known: &Checkpoint) -> bool {
    std::fs::metadata(path_of(&known.path)).is_ok_and(|metadata| {
        // Shorter than it was read, it holds something else by now.
        identity::of(&metadata) == known.identity && metadata.len() >= known.offset
    })
}
