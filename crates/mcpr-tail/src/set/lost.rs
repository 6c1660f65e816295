//! What was read of files that are not where they were: found again, made up for, or reported as missing.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rustc_hash::{FxHashMap, FxHashSet};

use super::Tailer;
use super::gaps::Followers;
use crate::known::LastFile;
use crate::label;
use crate::nearby::Nearby;
use crate::opening::Begin;
use crate::recover::{Reach, Recovered, Siblings, is_ambiguous};
use crate::resolve::parent;
use crate::rotated::counted;
use crate::sibling::{Sibling, last_before_hole, sort_oldest_first};
use crate::tracked::{Stage, Tracked};
use mcpr_model::{Checkpoint, FileIdentity};

/// A path that leads to another file than before, with the last one that it led to.
pub(super) struct Moved {
    pub(super) path: PathBuf,
    pub(super) last: LastFile,
}

/// Whether a log has a number in its name itself: then no number of its rotated files is missing for that.
pub(super) fn is_counted(path: &Path) -> bool {
    let counted = path.file_name().and_then(counted);
    counted.is_some_and(|(_, number)| number.is_some())
}

/// The checkpoints of what was found of which it is not sure what came next, one before a hole among them.
fn doubtful(found: &[(Checkpoint, Recovered)], hole: Option<FileIdentity>) -> Vec<Checkpoint> {
    let is_it = |it: &Recovered| it.has_rivals || Some(it.sibling.identity) == hole;
    let doubtful = found.iter().filter(|(_, found)| is_it(found));
    doubtful.map(|(lost, _)| lost.clone()).collect()
}

/// Where each open file is in the list of them.
pub(super) type OpenFiles = FxHashMap<FileIdentity, usize>;

/// The open files, by what a search asks of them, and where the search has looked.
#[derive(Debug, Default)]
pub(super) struct Search {
    nearby: Nearby,
    /// Files that are open or that a source leads to, and those that must not be opened.
    pub(super) reached: FxHashSet<FileIdentity>,
    /// Files that a source leads to.
    watched: FxHashSet<FileIdentity>,
    /// Where the open files are in the list.
    pub(super) open: OpenFiles,
    /// Open files of which lines were handed over, in this run or before.
    pub(super) begun: FxHashSet<FileIdentity>,
    /// Paths that lead to a file of which lines were read before.
    unmoved: FxHashSet<PathBuf>,
    /// How many more descriptors may stay open.
    pub(super) room: usize,
    /// What was found for each path, the oldest first.
    pub(super) added: BTreeMap<PathBuf, Vec<Tracked>>,
}

/// Where reading stood in contents that are gone from their place.
#[derive(Debug)]
pub(super) struct Lost {
    pub(super) checkpoint: Checkpoint,
    /// More of them may have followed than was read.
    pub(super) more_followed: bool,
}

impl Lost {
    /// Nobody knows what followed.
    pub(super) fn certain(checkpoint: Checkpoint) -> Self {
        Self {
            checkpoint,
            more_followed: true,
        }
    }

    /// The gap after it was reported, and files that came with that are still to be begun.
    fn is_reported(&self) -> bool {
        label::gap_of(&self.checkpoint.path).is_some()
    }

    /// Cut while it was open: unless its end was still to be read, that is where reading stood.
    pub(super) fn cut(checkpoint: Checkpoint, tracked: &Tracked) -> Self {
        Self {
            checkpoint,
            more_followed: tracked.cut_at != Some(Stage::Drained),
        }
    }
}

impl Tailer {
    fn begin_search(&mut self) -> Search {
        let begun = self.begun();
        let unmoved = self.files.iter();
        let is_unmoved = |t: &&Tracked| t.held.is_none() && t.place == t.path;
        let unmoved = unmoved.filter(is_unmoved).filter(|t| t.has_checkpoint());
        Search {
            nearby: Nearby::default(),
            reached: self.reached(),
            watched: self.paths.values().copied().collect(),
            open: self.open_files(),
            begun,
            unmoved: unmoved.map(|t| t.path.clone()).collect(),
            room: self.room_left(),
            added: BTreeMap::new(),
        }
    }

    /// Puts what was found before the file that its path leads to now.
    fn end_search(&mut self, search: Search) {
        let mut added = search.added;
        if added.is_empty() {
            return;
        }
        let mut files = Vec::with_capacity(self.files.len() + added.len());
        for tracked in std::mem::take(&mut self.files) {
            // What is held or read to its end waits for nothing: what was found goes before the
            // first that still can.
            let is_before = tracked.held.is_some() || tracked.stage == Stage::Drained;
            if !is_before {
                // Of its log, which a rotated file that a source covers is of as well.
                let base = self.base_of(&tracked.place);
                files.extend(added.remove(&base).into_iter().flatten());
            }
            files.push(tracked);
        }
        files.extend(added.into_values().flatten());
        self.files = files;
    }

    /// Looks near their paths for files whose contents are no longer where they were; they are read
    /// before what has taken their place, and so is what was rotated after them unseen.
    pub(super) fn recover(&mut self, lost: Vec<Lost>) {
        if lost.is_empty() {
            return;
        }
        let mut by_path: BTreeMap<PathBuf, Vec<Lost>> = BTreeMap::new();
        for lost in lost {
            let label = &lost.checkpoint.path;
            let path = label::gone_from(label).unwrap_or_else(|| label::path(label));
            let path = self.base_of(&path);
            // All files of one log together: what is found of one says what came before and after
            // another.
            by_path.entry(path).or_default().push(lost);
        }
        let of_lost = by_path.values().flatten();
        let of_lost = of_lost.map(|lost| lost.checkpoint.identity);
        let of_lost = of_lost.collect::<FxHashSet<_>>();
        for tracked in &mut self.files {
            // What it holds now is another file, for the next run as well. One that looks for its place
            // still has nothing to say.
            let is_placed = !tracked.file.wants_checkpoints();
            tracked.announce |= is_placed && of_lost.contains(&tracked.identity());
        }
        let mut search = self.begin_search();
        for (path, lost) in by_path {
            self.recover_at(&path, lost, &mut search);
        }
        self.end_search(search);
    }

    fn recover_at(&mut self, path: &Path, lost: Vec<Lost>, search: &mut Search) {
        // Lent, so that the rest of the search is free while it is used.
        let mut nearby = std::mem::take(&mut search.nearby);
        let mut siblings = Siblings::of(path, &mut nearby);
        // What was found to be gone is not looked for again: it says that there was such a log.
        let is_gone = |lost: &mut Lost| label::gone_from(&lost.checkpoint.path).is_some();
        self.neighbours.add_places(path, &mut siblings);
        let mut missing = lost;
        let given_up = missing.extract_if(.., is_gone).collect::<Vec<_>>();
        for lost in &missing {
            // Where earlier files of the log were moved, later ones are as well.
            if let Some(place) = label::place(&lost.checkpoint.path) {
                siblings.include(&parent(&place));
                siblings.learn_name(&place);
            }
        }
        let noted = missing.iter().filter(|lost| lost.is_reported());
        let noted = noted
            .map(|lost| lost.checkpoint.clone())
            .collect::<Vec<_>>();
        let found = self.find_lost(&mut siblings, &mut missing, search);
        self.neighbours.learn(path, &siblings);
        missing.retain(|lost| !lost.is_reported());
        // A file that was seen empty is known by its inode alone, which may be a younger file's by now:
        // where others are known by their bytes, these say what came after them.
        let is_proved = |(lost, _): &&(Checkpoint, Recovered)| lost.head.len > 0;
        let mut known = found.iter().map(|(lost, _)| lost);
        let mut gone = missing.iter().map(|lost| &lost.checkpoint);
        let has_proved = known.any(|it| it.head.len > 0) || gone.any(|it| it.head.len > 0);
        let anchors = found.iter().filter(|it| !has_proved || is_proved(it));
        let anchors = anchors.map(|(_, found)| found.sibling.clone());
        let anchors = anchors.collect::<Vec<_>>();
        // A path that leads to the file that it led to last has had no others since.
        let is_same = search.unmoved.contains(path);
        let is_known = |sibling: &Sibling| search.begun.contains(&sibling.identity);
        let rotated = siblings.rotated();
        let is_trace_lost = anchors.is_empty() && !is_same && !rotated.iter().any(is_known);
        if is_trace_lost {
            // Also where all that was known of it is gone: what came since may be there still.
            self.expect_at(path, missing.last().or(given_up.last()));
        }
        // Nothing can be reported about a log that has no file, and of one that has the first of its files.
        let is_replaced = self.paths.contains_key(path) && self.logs.was_vacant(path);
        let is_trace_lost = is_trace_lost && (is_replaced || !rotated.is_empty());
        missing.extend(given_up);
        // The last run was killed before it forgot these.
        let was_reported = |lost: &mut Lost| self.gaps.has(path, &lost.checkpoint);
        let again = missing.extract_if(.., was_reported).collect::<Vec<_>>();
        let (missing, has_successors) = self.still_missing(path, missing, is_trace_lost);
        let has_followers = has_successors || !noted.is_empty();
        // What is lost of a file that nobody wanted from its beginning is not made up for by others.
        let is_wanted = !anchors.is_empty() || has_followers && self.begin == Begin::Start;
        let mut since = (i64::MIN, 0);
        if anchors.is_empty() && !has_successors {
            // Those that were wanted when the gap was reported.
            let noted = noted.iter().filter_map(|noted| label::gap_of(&noted.path));
            since = noted.map(|(_, since)| since).min().unwrap_or(since);
        }
        let mut unseen = Vec::new();
        if is_wanted && !is_same {
            unseen = siblings.rotated_after(&anchors);
            unseen.retain(|sibling| sibling.stamp.modified >= since);
            // What was there before this run saw the log was nobody's.
            let had = self.neighbours.had(path).filter(|_| anchors.is_empty());
            unseen.retain(|sibling| had.is_none_or(|had| !had.contains(&sibling.identity)));
            unseen.retain(|sibling| search.reached.insert(sibling.identity));
        }
        let followers = Followers::new(path, since, &found, &unseen);
        self.await_on(&noted, &followers);
        let again = again.into_iter().map(|lost| lost.checkpoint);
        for missing in again.chain(missing) {
            self.miss(missing, &search.open, Some(&followers));
        }
        self.note_vacant(path, &anchors, &unseen);
        let hole = last_before_hole(&anchors, &rotated).filter(|_| !is_same && !is_counted(path));
        let doubtful = doubtful(&found, hole);
        self.add_recovered(path, found, unseen, search);
        search.nearby = nearby;
        // Files that begin alike: the one of the checkpoint may be gone, and this one younger. Or the one that
        // came after it is.
        for lost in doubtful {
            self.miss(lost, &search.open, Some(&followers));
        }
    }

    /// Takes out, of the files of a log, those that are found near it, the furthest checkpoint first.
    fn find_lost(
        &self,
        siblings: &mut Siblings<'_>,
        missing: &mut Vec<Lost>,
        search: &mut Search,
    ) -> Vec<(Checkpoint, Recovered)> {
        let mut found = Vec::new();
        // A file of its own inode goes first: it must not be taken for the copy of another one. Of those
        // that say little, the last: they may be of what is left then. One that is reported stands in for
        // others, which say more.
        missing.sort_by_key(|lost| (lost.is_reported(), is_ambiguous(&lost.checkpoint)));
        for find in [Siblings::find_renamed_for_certain, Siblings::find_copy] {
            for lost in std::mem::take(missing) {
                let reach = Reach {
                    reached: &search.reached,
                    had: self.neighbours.had(siblings.base()),
                    watched: &search.watched,
                    modified: None,
                    excluded: self.resolver.excluded(),
                };
                if let Some(recovered) = find(siblings, &lost.checkpoint, &reach) {
                    search.reached.insert(recovered.sibling.identity);
                    found.push((lost.checkpoint, recovered));
                } else {
                    // It may be a copy of this, with what was written after the last look.
                    let is_known =
                        |identity| search.reached.contains(&identity) || self.known.has(identity);
                    let log = siblings.base();
                    let more_followed = lost.more_followed
                        || siblings.has_doubtful_copy()
                        || self.neighbours.has_newcomer(log, siblings, &is_known);
                    missing.push(Lost {
                        more_followed,
                        ..lost
                    });
                }
            }
        }
        // Of one file that several checkpoints are of, the furthest is handed over.
        found.sort_by_key(|(lost, _)| Reverse(lost.offset));
        found
    }

    /// Where the open files are in the list.
    pub(super) fn open_files(&self) -> OpenFiles {
        let open = self.files.iter().enumerate();
        open.map(|(at, tracked)| (tracked.identity(), at)).collect()
    }

    /// The open files of which lines were handed over.
    fn begun(&mut self) -> FxHashSet<FileIdentity> {
        let mut begun = FxHashSet::default();
        for tracked in &mut self.files {
            let identity = tracked.identity();
            // What is compressed finds its place only in its turn. An inode alone is no proof: it may have
            // been that of a file which is deleted.
            let is_begun = tracked.has_checkpoint()
                || tracked.file.wants_checkpoints() && self.known.has(identity) && {
                    let head = tracked.file.compressed_head(&tracked.place);
                    self.known.has_head(identity, &head)
                };
            if is_begun {
                begun.insert(identity);
            }
        }
        begun
    }

    /// Where a path leads to no file now, remembers a file that it led to before: once it leads to one
    /// again, what came between them is looked for.
    fn expect_at(&mut self, path: &Path, lost: Option<&Lost>) {
        if self.paths.contains_key(path) {
            return;
        }
        if let Some(lost) = lost {
            let file = LastFile {
                checkpoint: lost.checkpoint.clone(),
                modified: (i64::MIN, 0),
            };
            self.known.set_last(path, file);
        }
    }

    /// Where a path leads to no file now, remembers the newest one that was rotated away from it.
    fn note_vacant(&mut self, path: &Path, found: &[Sibling], unseen: &[Sibling]) {
        if self.paths.contains_key(path) {
            return;
        }
        let mut rotated = found.iter().chain(unseen).collect::<Vec<_>>();
        sort_oldest_first(&mut rotated, |sibling| sibling);
        if let Some(newest) = rotated.last() {
            self.vacant.insert(path.to_owned(), newest.identity);
        }
    }

    /// Opens the rotated files that came and went between the last file that a path led to and the one
    /// that it leads to now.
    pub(super) fn open_between(&mut self, moved: Vec<Moved>) {
        if moved.is_empty() {
            return;
        }
        let mut search = self.begin_search();
        let none = FxHashSet::default();
        for Moved { path, last } in moved {
            let mut siblings = Siblings::of(&path, &mut search.nearby);
            self.neighbours.add_places(&path, &mut siblings);
            let reach = Reach {
                reached: &search.reached,
                had: self.neighbours.had(&path),
                // It was open: no other file has its inode.
                watched: &none,
                modified: Some(last.modified),
                excluded: self.resolver.excluded(),
            };
            let found = siblings.find_renamed(&last.checkpoint, &reach);
            let found = found.or_else(|| siblings.find_copy(&last.checkpoint, &reach));
            self.neighbours.learn(&path, &siblings);
            let anchor = found.map(|found| found.sibling);
            let mut unseen = match &anchor {
                Some(anchor) => siblings.rotated_after(std::slice::from_ref(anchor)),
                None => siblings.rotated(),
            };
            if anchor.is_none() {
                unseen.retain(|sibling| sibling.stamp.modified >= last.modified);
            }
            let is_known = |sibling: &Sibling| search.begun.contains(&sibling.identity);
            let modified = last.modified;
            let reached = &search.reached;
            // Of a scheme of other names nothing is found: a file may be of it, or a log of its own.
            let has_stranger = anchor.is_none()
                && unseen.is_empty()
                && (siblings.has_doubtful_copy()
                    || self
                        .neighbours
                        .has_stranger(&path, &siblings, modified, reached));
            let has_unknown = has_stranger || !unseen.iter().all(is_known);
            unseen.retain(|sibling| search.reached.insert(sibling.identity));
            // What was rotated next may have been deleted together with the file that it followed.
            let was_read = last.checkpoint.offset > 0;
            if anchor.is_none() && (was_read && has_unknown || has_stranger) {
                let followers = Followers::new(&path, modified, &[], &unseen);
                self.miss(last.checkpoint, &search.open, Some(&followers));
            }
            self.note_vacant(&path, &[], &unseen);
            self.add_recovered(&path, Vec::new(), unseen, &mut search);
        }
        self.end_search(search);
    }

    /// The files that are open or that a source leads to, and those that must not be opened.
    pub(super) fn reached(&self) -> FxHashSet<FileIdentity> {
        let open = self.files.iter().map(Tracked::identity);
        let paths = self.paths.values().copied();
        let excluded = self.resolver.excluded().iter().copied();
        open.chain(paths).chain(excluded).collect()
    }
}
