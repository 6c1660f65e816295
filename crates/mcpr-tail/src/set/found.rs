//! Files that were found near a log: opened, each where it goes on, and put where it is to be read.

use std::io;
use std::path::{Path, PathBuf};

use super::lost::Search;
use super::{Parting, Tailer};
use crate::body::Body;
use crate::file::OpenFile;
use crate::gzip::GzipFile;
use crate::handle::Handle;
use crate::identity::fingerprint;
use crate::label;
use crate::notice::Notice;
use crate::opening::{Begin, Opening, Troubles};
use crate::path_text::text_of;
use crate::recover::{Content, Recovered};
use crate::resolve::Found;
use crate::sibling::{Sibling, sort_oldest_first};
use crate::tracked::Tracked;
use mcpr_model::{Checkpoint, FileIdentity};

/// Most rotated files that are read for one path because they were never seen.
// A directory full of old logs is not read whole for one loss; of more, the newest are.
const MAX_UNSEEN: usize = 1000;

impl Tailer {
    /// Adds what was found for a path, the oldest first.
    pub(super) fn add_recovered(
        &mut self,
        path: &Path,
        found: Vec<(Checkpoint, Recovered)>,
        unseen: Vec<Sibling>,
        search: &mut Search,
    ) {
        if found.is_empty() && unseen.is_empty() {
            return;
        }
        let source = self.resolver.source_of(path).unwrap_or(0);
        let mut added = Vec::new();
        for (lost, recovered) in found {
            added.extend(self.open_recovered(path, source, lost, recovered, search));
        }
        added.extend(self.open_unseen(path, source, unseen));
        sort_oldest_first(&mut added, |(sibling, _)| sibling);
        for (_, mut tracked) in added {
            if let Some(now) = self.now {
                tracked.hold(now);
            }
            if search.room == 0 {
                tracked.file.park();
            }
            search.room = search.room.saturating_sub(1);
            let of_path = search.added.entry(path.to_owned()).or_default();
            of_path.push(tracked);
        }
    }

    /// Makes a file ready that has the contents of a checkpoint.
    fn open_recovered(
        &mut self,
        path: &Path,
        source: usize,
        mut lost: Checkpoint,
        Recovered {
            sibling, content, ..
        }: Recovered,
        search: &Search,
    ) -> Option<(Sibling, Tracked)> {
        let offset = lost.offset;
        let label = label::of(path, &sibling.path);
        // What stands in for it stays until it has begun.
        let stands_in = label::gap_of(&lost.path).is_some();
        let is_moved = label != lost.path;
        let is_other = sibling.identity != lost.identity;
        // Where a compressed file goes on is found only when it is read; until then it is shown
        // the checkpoint.
        let needs_checkpoint = !matches!(content, Content::Plain(..));
        let has_more = sibling.stamp.size > offset;
        let (body, is_new) = match content {
            Content::Plain(file, proof) => {
                let handle = Handle::new(file, sibling.identity);
                let file = OpenFile::from_offset(handle, offset, proof);
                (Some(Body::Plain(file)), has_more)
            }
            Content::Gzip(file) => {
                let handle = Handle::new(file, sibling.identity);
                let file = GzipFile::new(handle, Begin::Start);
                (Some(Body::Gzip(Box::new(file))), true)
            }
            // It has a place in the list already.
            Content::Reached => (None, false),
        };
        if is_other || needs_checkpoint {
            // It is looked for where it is now, and what is compressed is shown the checkpoint.
            let is_compressed = is_other && sibling.is_compressed();
            if is_compressed && !search.begun.contains(&sibling.identity) {
                self.hand_over(path, &lost, &sibling, label.clone());
            }
            lost.path = label;
            if needs_checkpoint {
                self.known.add(lost.clone());
            }
            // Its inode may be that of another file by now, perhaps of one that was just found.
            let is_given_away = is_other && search.reached.contains(&lost.identity);
            if is_moved && !stands_in && !is_given_away && !search.open.contains_key(&lost.identity)
            {
                self.partings.push_back(Parting {
                    path: path.to_owned(),
                    checkpoint: lost,
                    missing: None,
                });
            }
        }
        let mut tracked = Tracked::new(path.to_owned(), source, body?, sibling.stamp);
        tracked.move_to(path, &sibling.path);
        // What is compressed says it itself, once it is known where it goes on.
        tracked.announce = !needs_checkpoint && (is_moved || is_other);
        if is_new {
            let path = sibling.path.clone();
            self.notices.push(Notice::Recovered { path, offset });
        }
        Some((sibling, tracked))
    }

    /// Opens rotated files that were never seen; says which cannot be read.
    fn open_unseen(
        &mut self,
        path: &Path,
        source: usize,
        mut unseen: Vec<Sibling>,
    ) -> Vec<(Sibling, Tracked)> {
        sort_oldest_first(&mut unseen, |sibling| sibling);
        let surplus = unseen.len().saturating_sub(MAX_UNSEEN);
        let mut opened = Vec::new();
        for sibling in unseen.into_iter().skip(surplus) {
            let found = Found {
                path: sibling.path.clone(),
                source,
                identity: sibling.identity,
                stamp: sibling.stamp,
            };
            let mut troubles = Troubles::new();
            // One at a time, so that each stays in its place in the order of rotation.
            let opening = Opening::new(vec![found], self.room, 1, &mut troubles);
            let (added, _) = opening.finish(
                &mut self.known,
                Begin::Start,
                self.resolver.excluded(),
                &mut troubles,
            );
            for mut tracked in added {
                let offset = tracked.file.position().next_offset();
                if tracked.stamp.size > offset {
                    let path = sibling.path.clone();
                    self.notices.push(Notice::Recovered { path, offset });
                }
                tracked.move_to(path, &sibling.path);
                opened.push((sibling.clone(), tracked));
            }
            for (path, error) in troubles {
                self.lose_unseen(path, sibling.identity, &error);
            }
        }
        opened
    }

    /// A rotated file that was never seen cannot be read: what it holds is missing.
    fn lose_unseen(&mut self, path: PathBuf, identity: FileIdentity, error: &io::Error) {
        self.unread_siblings += 1;
        self.partings.push_back(Parting {
            checkpoint: Checkpoint {
                path: text_of(&path),
                identity,
                head: fingerprint(b""),
                marker: fingerprint(b""),
                offset: 0,
            },
            path: path.clone(),
            missing: Some(0),
        });
        let error = error.to_string();
        self.notices.push(Notice::Unreadable { path, error });
    }
}
