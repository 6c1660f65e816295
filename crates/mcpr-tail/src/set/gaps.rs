//! Gaps that are reported, and the files that were found with them and are still to be begun.
//!
//! Reporting a gap forgets the checkpoint that led to those files. Until they have checkpoints of their
//! own, one of their log stands in its place: a recorder that is killed in between finds them by it.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustc_hash::FxHashSet;

use super::lost::OpenFiles;
use super::{Parting, Tailer};
use crate::identity::fingerprint;
use crate::label;
use crate::notice::Notice;
use crate::recover::Recovered;
use crate::resolve::ChangedAt;
use crate::sibling::Sibling;
use crate::tracked::{Stage, Tracked};
use mcpr_model::{Checkpoint, FileIdentity};

/// Gaps that were reported, by the identities of their logs' checkpoints.
#[derive(Debug, Default)]
pub(super) struct ReportedGaps {
    /// Those of the last run. Empty once the first look has been taken.
    of_last_run: Vec<Checkpoint>,
    awaiting: BTreeMap<FileIdentity, ReportedGap>,
}

/// A gap that was reported.
#[derive(Debug)]
struct ReportedGap {
    checkpoint: Checkpoint,
    /// Files that were found with it, of which nothing was settled so far.
    files: FxHashSet<FileIdentity>,
    /// By the last run.
    was_reported_before: bool,
}

/// The files of a log that come after a gap.
#[derive(Debug)]
pub(super) struct Followers {
    log: PathBuf,
    /// Only those that were changed since then are wanted.
    since: ChangedAt,
    files: FxHashSet<FileIdentity>,
}

impl Followers {
    pub(super) fn new(
        log: &Path,
        since: ChangedAt,
        found: &[(Checkpoint, Recovered)],
        unseen: &[Sibling],
    ) -> Self {
        let found = found.iter().map(|(_, found)| found.sibling.identity);
        let unseen = unseen.iter().map(|sibling| sibling.identity);
        Self {
            log: log.to_owned(),
            since,
            files: found.chain(unseen).collect(),
        }
    }

    /// What stands in the place of a checkpoint that is forgotten.
    fn checkpoint(&self, lost: &Checkpoint) -> Checkpoint {
        Checkpoint {
            path: label::reported_gap(&self.log, self.since),
            identity: identity_of_log(&self.log),
            ..lost.clone()
        }
    }
}

impl ReportedGaps {
    /// Takes out, of the checkpoints of the last run, those that say so; keeps those of today's sources.
    pub(super) fn take_from(
        checkpoints: &mut Vec<Checkpoint>,
        is_ours: impl Fn(&Checkpoint) -> bool,
    ) -> Self {
        let is_reported = |known: &mut Checkpoint| label::gap_of(&known.path).is_some();
        let reported = checkpoints.extract_if(.., is_reported);
        // Without a head it is one that is over.
        let reported = reported.filter(|known| known.head.len > 0 && is_ours(known));
        Self {
            of_last_run: reported.collect(),
            awaiting: BTreeMap::new(),
        }
    }

    /// Those of the last run whose files were not all begun.
    pub(super) fn of_last_run(&mut self) -> Vec<Checkpoint> {
        let reported = std::mem::take(&mut self.of_last_run);
        // Whoever looks for one says whether it is still awaited.
        for checkpoint in &reported {
            let gap = ReportedGap {
                checkpoint: checkpoint.clone(),
                files: FxHashSet::default(),
                was_reported_before: true,
            };
            self.awaiting.insert(checkpoint.identity, gap);
        }
        reported
    }

    /// Whether the last run reported the gap after a checkpoint of a log, and was killed before it forgot
    /// the checkpoint.
    pub(super) fn has(&self, log: &Path, lost: &Checkpoint) -> bool {
        let gap = self.awaiting.get(&identity_of_log(log));
        gap.filter(|gap| gap.was_reported_before)
            .is_some_and(|gap| {
                let reported = &gap.checkpoint;
                (reported.offset, reported.head, reported.marker)
                    == (lost.offset, lost.head, lost.marker)
            })
    }
}

impl Tailer {
    /// Says that what followed a checkpoint is nowhere to be found, and forgets the checkpoint.
    pub(super) fn miss(
        &mut self,
        lost: Checkpoint,
        open: &OpenFiles,
        followers: Option<&Followers>,
    ) {
        if label::gap_of(&lost.path).is_some() {
            return; // once is enough
        }
        let path = label::file(&lost.path);
        let offset = lost.offset;
        let was_reported = followers.is_some_and(|followers| self.gaps.has(&followers.log, &lost));
        let stands_in = followers.filter(|it| !it.files.is_empty());
        let stands_in = stands_in.map(|followers| (followers, followers.checkpoint(&lost)));
        // Its inode may be another file's by now, whose checkpoint must stay.
        let checkpoint = match open.get(&lost.identity) {
            Some(&at) => self.files[at].checkpoint(),
            None => Checkpoint {
                head: fingerprint(b""),
                marker: fingerprint(b""),
                offset: 0,
                ..lost
            },
        };
        let mut missing = (!was_reported).then_some(offset);
        if missing.is_some() {
            self.notices.push(Notice::Missing {
                path: path.clone(),
                offset,
            });
        }
        if let Some((followers, stands_in)) = stands_in {
            // Together with the gap; only then is the other one forgotten.
            self.partings.push_back(Parting {
                path: path.clone(),
                checkpoint: stands_in.clone(),
                missing: missing.take(),
            });
            let gap = ReportedGap {
                checkpoint: stands_in,
                files: followers.files.clone(),
                was_reported_before: was_reported,
            };
            self.gaps.awaiting.insert(gap.checkpoint.identity, gap);
        }
        self.partings.push_back(Parting {
            path,
            checkpoint,
            missing,
        });
    }

    /// Has the store forget where reading stood in files that others go on from, once these have reported so.
    pub(super) fn forget_taken(&mut self) {
        let taken = self.known.take_taken();
        // Mostly there are none, and no file is looked at.
        if taken.is_empty() {
            return;
        }
        let open = self.open_files();
        // Its inode may be another file's by now, whose checkpoint takes its place.
        let gone = taken
            .into_iter()
            .filter(|it| !open.contains_key(&it.identity));
        self.partings.extend(gone.map(|gone| Parting {
            path: label::file(&gone.path),
            checkpoint: Checkpoint {
                head: fingerprint(b""),
                marker: fingerprint(b""),
                offset: 0,
                ..gone
            },
            missing: None,
        }));
    }

    /// Gaps that the last run reported are awaited on, where files that came with them are still there.
    pub(super) fn await_on(&mut self, reported: &[Checkpoint], followers: &Followers) {
        for reported in reported {
            if let Some(gap) = self.gaps.awaiting.get_mut(&reported.identity) {
                gap.files.extend(&followers.files);
            }
        }
    }

    /// Forgets gaps whose files have checkpoints of their own by now.
    pub(super) fn forget_reported(&mut self) {
        // Mostly there are none, and no file is looked at.
        if self.gaps.awaiting.is_empty() {
            return;
        }
        let is_unsettled = |it: &&Tracked| it.stage != Stage::Drained && !it.has_checkpoint();
        let unsettled = self.files.iter().filter(is_unsettled);
        let unsettled = unsettled.map(Tracked::identity).collect::<FxHashSet<_>>();
        let awaiting = &mut self.gaps.awaiting;
        let over = awaiting.extract_if(.., |_, gap| {
            gap.files.retain(|identity| unsettled.contains(identity));
            gap.files.is_empty()
        });
        self.partings.extend(over.map(|(_, gap)| Parting {
            path: label::path(&gap.checkpoint.path),
            checkpoint: Checkpoint {
                head: fingerprint(b""),
                marker: fingerprint(b""),
                offset: 0,
                ..gap.checkpoint
            },
            missing: None,
        }));
    }
}

/// The identity of what is reported about a log itself: there is one of each, and no file has it.
fn identity_of_log(log: &Path) -> FileIdentity {
    FileIdentity {
        device: u64::MAX,
        inode: fingerprint(log.as_os_str().as_bytes()).hash,
    }
}
