//! Files of which no byte was read: what was written to one, copied away and truncated before that.

use super::Tailer;
use super::lost::Moved;
use crate::identity;
use crate::known::LastFile;
use crate::resolve::{ChangedAt, Stamp};
use crate::tracked::{Stage, Tracked};
use mcpr_model::{Checkpoint, Fingerprint};

/// How a file was when it was seen and nothing of it had been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UnreadLook {
    /// When it had been changed last.
    modified: ChangedAt,
    /// Its first bytes; none where it was empty.
    head: Fingerprint,
}

impl UnreadLook {
    /// That it was empty.
    pub(crate) fn empty(modified: ChangedAt) -> Self {
        let head = identity::fingerprint(b"");
        Self { modified, head }
    }

    /// Since when it was empty, where it was.
    pub(crate) fn empty_since(&self) -> Option<ChangedAt> {
        (self.head.len == 0).then_some(self.modified)
    }
}

impl Tracked {
    /// Where no byte was read and it holds something else than when it was looked at, the time from which on
    /// a copy may have been made of what it held in between. Notes how it is now, for the next look and, where
    /// it is empty, for the next run.
    fn take_unread_since(&mut self) -> Option<ChangedAt> {
        let was = self.unread;
        if self.file.position().next_offset() > 0 || self.file.is_compressed() {
            // What is read on is known by what was read.
            if was.is_some() {
                self.set_unread(None);
            }
            return None;
        }
        let (now, head) = self.look_unread()?;
        if was != Some(now) {
            self.set_unread(Some(now));
        }
        // One that was renamed holds what it held, and is read on.
        let was = was.filter(|_| self.is_in_place())?;
        match was.empty_since() {
            // A copy of what it held before that is not younger.
            Some(since) => (now.modified > since).then(|| just_after(since)),
            None => (!identity::has_head(&head, was.head)).then_some(was.modified),
        }
    }

    /// Says how it is while nothing of it was read, for the next run as well.
    pub(crate) fn set_unread(&mut self, unread: Option<UnreadLook>) {
        let was_named = self.label.clone();
        self.unread = unread;
        self.name();
        self.announce |= self.label != was_named && unread.is_some();
    }

    /// How it is now, with its first bytes: what was seen of it may be older than that it was truncated.
    fn look_unread(&self) -> Option<(UnreadLook, Vec<u8>)> {
        // One that is closed is looked at once it is opened for its turn.
        let file = self
            .file
            .handle()
            .opened()
            .filter(|_| self.held.is_none())?;
        let modified = Stamp::of(&file.metadata().ok()?).modified;
        let head = identity::head(file).ok()?;
        let look = UnreadLook {
            modified,
            head: identity::fingerprint(&head),
        };
        Some((look, head))
    }

    /// Notes how it is as it begins anew.
    pub(crate) fn note_unread(&mut self) {
        let look = self.look_unread();
        self.set_unread(look.map(|(look, _)| look));
    }

    /// Whether a look at it may show something new, as far as the last scan saw.
    fn is_unread_and_changed(&self) -> bool {
        self.unread
            .is_none_or(|unread| unread.modified != self.stamp.modified)
    }
}

impl Tailer {
    /// The files of which no byte was read and that hold something else than when they were seen: what they
    /// held may have been copied away and truncated.
    pub(super) fn emptied_unread(&mut self) -> Vec<Moved> {
        let files = 0..self.files.len();
        // Mostly nothing has changed, and nothing is asked of the system.
        let changed = files.filter(|&at| self.files[at].is_unread_and_changed());
        let changed = changed.collect::<Vec<_>>();
        let changed = changed.into_iter();
        changed.filter_map(|at| self.emptied_at(at)).collect()
    }

    /// The same of one, as its turn comes.
    pub(super) fn emptied_at(&mut self, at: usize) -> Option<Moved> {
        let tracked = &mut self.files[at];
        let modified = tracked.take_unread_since()?;
        // What is found is read before it.
        tracked.stage = Stage::Waiting;
        let nothing = identity::fingerprint(b"");
        let checkpoint = Checkpoint {
            head: nothing,
            marker: nothing,
            offset: 0,
            ..tracked.checkpoint()
        };
        let path = tracked.path.clone();
        let last = LastFile {
            checkpoint,
            modified,
        };
        Some(Moved { path, last })
    }
}

/// The moment after a time.
fn just_after((secs, nanos): ChangedAt) -> ChangedAt {
    (secs, nanos.saturating_add(1))
}
