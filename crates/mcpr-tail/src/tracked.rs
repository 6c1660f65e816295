//! One file of a tailer: open, reached by a path or held without one, read in its turn.

use std::io;
use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::body::Body;
use super::file::Progress;
use super::identity::{self, Proof};
use super::label;
use super::listing::SETTLED_AFTER;
use super::notice::LetGo;
use super::path_text::text_of;
use super::position::{Chunk, Deliver, FilePlace, Named};
use super::resolve::Stamp;
use super::set::UnreadLook;
use super::writers::Writers;
use mcpr_model::{Checkpoint, FileIdentity, Text};

/// How long a file that no path leads to is held after it last grew, where nobody has it open for
/// writing.
pub const HELD_IDLE: Duration = Duration::from_secs(10);
/// How long it is held after it last grew where its writers cannot be seen.
pub const HELD_UNSEEN: Duration = Duration::from_hours(1);
/// The same for one that was deleted: what is held of it takes room on the disk.
pub const HELD_DELETED: Duration = Duration::from_mins(5);

/// A file that no path leads to any more.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    /// When it last gave anything.
    pub(super) active: Instant,
    is_deleted: bool,
    /// It is to be closed, once it was read up to here, and why.
    close_at: Option<(u64, LetGo)>,
}

/// How far a file has come, as far as files that are read after it have to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// It is new, or its contents are, and had no turn yet.
    Waiting,
    /// It had a turn, and there may be more before its end.
    Reading,
    /// Its end was reached, since it was opened or since another file took its path.
    Drained,
}

/// Whether somebody may write to a file still, as far as was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writing {
    /// It is the one that is written, or was rotated lately.
    Possible,
    /// It was rotated, and nobody had it open any more.
    Over,
}

/// What a turn of a file led to.
#[derive(Debug)]
pub(super) enum Turn {
    /// It was read, see [`Progress`].
    Progress(Progress),
    /// It was held, everything was handed over, and it can be closed.
    Done {
        /// Bytes that were read since its last turn.
        bytes: usize,
        /// Bytes of a last line without its newline.
        unfinished: u64,
        why: LetGo,
    },
}

/// A file that is open.
#[derive(Debug)]
pub(super) struct Tracked {
    /// The path under which a source knows it.
    pub(super) path: PathBuf,
    /// Where it was last seen.
    pub(super) place: PathBuf,
    /// What checkpoints say of both.
    // Made when it moves, and not for each chunk.
    pub(super) label: Text,
    /// Which source led to it, by its place in the list.
    pub(super) source: usize,
    pub(super) file: Body,
    /// How it was when it was last looked at.
    pub(super) stamp: Stamp,
    /// Since when it is so.
    pub(super) changed: Option<Instant>,
    /// The scan after which it was last found whole, where it is compressed.
    whole_at: Option<Instant>,
    pub(super) stage: Stage,
    /// Where it begins is still to be reported.
    pub(super) announce: bool,
    pub(super) held: Option<Held>,
    /// Something was read from it.
    pub(super) has_given: bool,
    /// It cannot be read, and that was reported.
    pub(super) is_failing: bool,
    /// How far it had come when its contents went.
    pub(super) cut_at: Option<Stage>,
    /// Whether somebody may write to it still.
    pub(super) writing: Writing,
    /// How it was when it was looked at last, where nothing of it had been read.
    pub(super) unread: Option<UnreadLook>,
}

impl Tracked {
    pub(super) fn new(path: PathBuf, source: usize, file: Body, stamp: Stamp) -> Self {
        Self {
            place: path.clone(),
            label: text_of(&path),
            path,
            source,
            file,
            stamp,
            changed: None,
            whole_at: None,
            stage: Stage::Waiting,
            announce: false,
            held: None,
            has_given: false,
            is_failing: false,
            cut_at: None,
            writing: Writing::Possible,
            unread: None,
        }
    }

    pub(super) fn identity(&self) -> FileIdentity {
        self.file.identity()
    }

    fn named(&self) -> Named<'_> {
        Named {
            path: &self.path,
            place: &self.place,
            label: &self.label,
            identity: self.file.identity(),
        }
    }

    /// Says where it is, and under which path a source knows it.
    pub(super) fn move_to(&mut self, path: &Path, place: &Path) {
        if self.path != path || self.place != place {
            path.clone_into(&mut self.path);
            place.clone_into(&mut self.place);
            self.name();
        }
    }

    pub(super) fn name(&mut self) {
        let label = label::of(&self.path, &self.place);
        self.label = if self.writing == Writing::Over {
            label::done(&label, self.file.whole_size())
        } else if let Some(since) = self.unread.and_then(|unread| unread.empty_since()) {
            label::empty(&label, since)
        } else {
            label
        };
    }

    /// Says whether anybody may write to it still, for the next run as well.
    pub(super) fn set_writing(&mut self, writing: Writing) {
        if self.writing != writing {
            self.writing = writing;
            self.name();
            self.announce |= self.has_checkpoint();
        }
    }

    /// Takes over what its checkpoint says of that.
    pub(super) fn set_was_done(&mut self) {
        self.writing = Writing::Over;
        self.name();
    }

    /// Why it is closed, where it is.
    pub(super) fn leaves(&self) -> Option<LetGo> {
        let (_, why) = self.held?.close_at?;
        Some(why)
    }

    pub(super) fn checkpoint(&self) -> Checkpoint {
        self.file.position().checkpoint(self.named())
    }

    /// Whether a line of it was ever handed over.
    pub(super) fn has_checkpoint(&self) -> bool {
        self.file.position().head().len > 0
    }

    /// Whether it is where it was last seen.
    pub(super) fn is_in_place(&self) -> bool {
        let metadata = std::fs::metadata(&self.place);
        metadata.is_ok_and(|it| identity::of(&it) == self.identity())
    }

    /// A checkpoint at the end of what it holds now, read or not: what is compressed of it is known by
    /// that. `None` where it is closed.
    pub(super) fn as_it_stands(&self) -> Option<Checkpoint> {
        let file = self.file.handle().opened()?;
        let offset = file.metadata().ok()?.len();
        let (head, marker) = Proof::read(file, offset).ok()??.fingerprints();
        Some(Checkpoint {
            head,
            marker,
            offset,
            ..self.checkpoint()
        })
    }

    /// Where it stands.
    pub(super) fn place(&self) -> FilePlace<'_> {
        FilePlace {
            path: &self.path,
            identity: self.identity(),
            // Of a file that has no end, all but what is left.
            read: u64::MAX - self.file.backlog(u64::MAX),
            backlog: self.backlog(),
        }
    }

    /// Bytes that are there and were not read.
    pub(super) fn backlog(&self) -> u64 {
        self.file.backlog(self.stamp.size)
    }

    /// Takes in how it is now.
    pub(super) fn see(&mut self, stamp: Stamp, now: Instant) {
        // The first look counts as a change: how long it has been so before is not known.
        if self.stamp != stamp || self.changed.is_none() {
            self.changed = Some(now);
        }
        self.stamp = stamp;
    }

    /// Whether it was changed so lately that more may come any moment, or has come unseen.
    pub(super) fn is_busy(&self, now: Option<Instant>) -> bool {
        let (Some(now), Some(changed)) = (now, self.changed) else {
            return true;
        };
        now.saturating_duration_since(changed) < SETTLED_AFTER
    }

    /// Whether a turn of it may lead to anything.
    pub(super) fn is_due(&self, now: Option<Instant>) -> bool {
        let is_leaving = self.held.is_some_and(|held| held.close_at.is_some());
        self.stage != Stage::Drained
            || is_leaving
            || self.is_failing
            || self.is_busy(now) && !self.is_seen_whole(now)
            || self.backlog() > 0
            // Its last chunk was not taken and is read again.
            || self.file.position().is_ahead()
    }

    /// Whether it is compressed and was found whole since the last scan, which is soon enough to see of
    /// it what a look at each round of other files would see.
    fn is_seen_whole(&self, now: Option<Instant>) -> bool {
        now.is_some() && self.whole_at == now && self.file.is_whole()
    }

    /// No path leads to it: it is held, as its writer may not know yet.
    pub(super) fn hold(&mut self, now: Instant) {
        let held = self.held.get_or_insert(Held {
            active: now,
            is_deleted: false,
            close_at: None,
        });
        // By the descriptor: no path leads to it any more.
        if let Some(Ok(metadata)) = self.file.handle().opened().map(|file| file.metadata()) {
            // Without a name anywhere nobody else can read it, and only we keep its room on the
            // disk.
            held.is_deleted = metadata.nlink() == 0;
            self.see(Stamp::of(&metadata), now);
        }
    }

    /// Whether it has been held so long without growing that somebody should want it open.
    pub(super) fn is_idle(&self, now: Instant) -> bool {
        self.stage == Stage::Drained
            && self.held.is_some_and(|held| {
                held.close_at.is_none() && now.saturating_duration_since(held.active) >= HELD_IDLE
            })
    }

    /// Whether the processes of this machine say nothing of its writers, who may be on another one.
    pub(super) fn is_remote(&self) -> bool {
        let file = self.file.handle().opened();
        file.is_some_and(|file| is_remote(file))
    }

    /// Lets go of it where nobody has it open, or, where that cannot be seen, after a long while.
    pub(super) fn let_go_unless_written(&mut self, writers: &Writers, now: Instant) {
        let Some(held) = self.held.filter(|_| self.is_idle(now)) else {
            return;
        };
        if writers.of.contains(&self.identity()) {
            return;
        }
        let limit = if held.is_deleted {
            HELD_DELETED
        } else {
            HELD_UNSEEN
        };
        if writers.is_complete && !self.is_remote() {
            self.close_soon(LetGo::NoWriter);
        } else if now.saturating_duration_since(held.active) >= limit {
            self.close_soon(LetGo::Idle(limit));
        }
    }

    /// Its end is to be reached once more before files after it are begun.
    pub(super) fn drain_again(&mut self) {
        // What has not been drained yet is read to its end anyway.
        if self.stage == Stage::Drained {
            self.stage = Stage::Reading;
        }
    }

    /// A held file is closed as soon as what it has now is read.
    pub(super) fn close_soon(&mut self, why: LetGo) {
        if let Some(held) = &mut self.held {
            // The end as it was when this was decided: a writer that goes on must not keep it open
            // for ever.
            held.close_at.get_or_insert((self.stamp.size, why));
        }
    }

    /// Reads and delivers the next bytes; hands over what is left of a file that is to be closed.
    pub(super) fn take_turn(
        &mut self,
        now: Option<Instant>,
        buffer: &mut [u8],
        deliver: &mut Deliver<'_>,
    ) -> io::Result<Turn> {
        if self.stage == Stage::Waiting {
            self.stage = Stage::Reading;
        }
        if self.announce(deliver).is_break() {
            return Ok(Turn::Progress(Progress::Stopped));
        }
        let named = Named {
            path: &self.path,
            place: &self.place,
            label: &self.label,
            identity: self.file.identity(),
        };
        let progress = match self.file.read(named, buffer, deliver) {
            // It was reported, and what cannot be read keeps nothing open.
            Err(_) if self.is_failing && self.leaves().is_some() => Progress::Read {
                bytes: 0,
                at_end: true,
            },
            progress => {
                let progress = progress?;
                // It was read: the next failure is reported again.
                self.is_failing = false;
                progress
            }
        };
        self.begin_anew_after(&progress);
        let Progress::Read { bytes, at_end } = progress else {
            return Ok(Turn::Progress(progress));
        };
        if at_end {
            self.stage = Stage::Drained;
        }
        self.has_given |= bytes > 0;
        if bytes > 0 {
            self.set_writing(Writing::Possible);
        }
        if at_end && self.file.is_whole() {
            self.set_writing(Writing::Over);
            self.whole_at = now;
        }
        // Only bytes keep a held file: a look that finds none must not.
        if let (Some(held), Some(now), 1..) = (&mut self.held, now, bytes) {
            held.active = now;
        }
        let offset = self.file.position().next_offset();
        let closing = self.held.and_then(|held| held.close_at);
        let Some((_, why)) = closing.filter(|(close_at, _)| at_end || offset >= *close_at) else {
            return Ok(Turn::Progress(progress));
        };
        let unfinished = self.file.position().unfinished_len();
        let named = Named {
            path: &self.path,
            place: &self.place,
            label: &self.label,
            identity: self.file.identity(),
        };
        let position = self.file.position_mut();
        Ok(match position.deliver_last(named, deliver) {
            ControlFlow::Continue(()) => Turn::Done {
                bytes,
                unfinished,
                why,
            },
            // It stays open and leaves in a later turn, when somebody takes its last line.
            ControlFlow::Break(()) => Turn::Progress(Progress::Stopped),
        })
    }

    /// Looks whether its contents are still those that were read, without reading on.
    pub(super) fn check(&mut self) -> io::Result<Progress> {
        let named = Named {
            path: &self.path,
            place: &self.place,
            label: &self.label,
            identity: self.file.identity(),
        };
        let progress = self.file.check(named)?;
        self.begin_anew_after(&progress);
        Ok(progress)
    }

    /// A file with new contents waits like a new one for what has to be read before it.
    fn begin_anew_after(&mut self, progress: &Progress) {
        if let Progress::Truncated { unfinished, .. } = progress {
            // Half a line at its end: more of it was still to come.
            let has_more = *unfinished > 0 && self.stage == Stage::Drained;
            self.cut_at = Some(if has_more { Stage::Reading } else { self.stage });
            self.stage = Stage::Waiting;
            self.note_unread();
        }
    }

    /// Delivers a line without its newline, for a run that ends here.
    pub(super) fn deliver_unfinished(&self, deliver: &mut Deliver<'_>) -> ControlFlow<()> {
        let position = self.file.position();
        position.deliver_unfinished(self.named(), deliver)
    }

    /// Delivers a line without its newline, as another file of the same log begins.
    pub(super) fn deliver_torn(&self, deliver: &mut Deliver<'_>) -> ControlFlow<()> {
        self.file.position().deliver_torn(self.named(), deliver)
    }

    /// Whether it is about to be read from its very beginning.
    pub(super) fn is_beginning(&self) -> bool {
        self.stage == Stage::Waiting && self.file.position().next_offset() == 0
    }

    /// A file that is read from its beginning takes the place of any checkpoint that has its inode. The
    /// contents of that one may be in another file by now, which is read before.
    fn may_announce(&self) -> bool {
        self.stage != Stage::Waiting || self.file.position().next_offset() > 0
    }

    /// Says where it begins, if that is still to be reported.
    pub(super) fn announce(&mut self, deliver: &mut Deliver<'_>) -> ControlFlow<()> {
        if self.announce && self.may_announce() {
            let mut checkpoint = self.checkpoint();
            if checkpoint.offset == 0 {
                // Nothing was delivered, so that the position knows no byte of it: without a head
                // it could not be found once it is rotated.
                checkpoint.head = self.file.head_now(&self.place);
            }
            deliver(Chunk {
                path: &self.path,
                pieces: &[],
                checkpoint,
                is_final: false,
            })?;
            self.announce = false;
        }
        ControlFlow::Continue(())
    }
}

/// Whether other machines may write to a file, unseen by this one.
#[cfg(target_os = "linux")]
fn is_remote(file: &std::fs::File) -> bool {
    /// NFS, SMB, SMB2, CIFS, FUSE, 9P, Ceph, AFS, Coda.
    // Numbers of file systems as `statfs` gives them, in the order of the names above.
    const REMOTE: [u64; 9] = [
        0x6969,
        0x517b,
        0xfe53_4d42,
        0xff53_4d42,
        0x6573_5546,
        0x0102_1997,
        0x00c3_6400,
        0x5346_414f,
        0x7375_7245,
    ];
    rustix::fs::fstatfs(file).is_ok_and(|it| {
        let kind = u64::try_from(it.f_type).unwrap_or_default();
        REMOTE.contains(&kind)
    })
}

#[cfg(not(target_os = "linux"))]
fn is_remote(_: &std::fs::File) -> bool {
    true
}
