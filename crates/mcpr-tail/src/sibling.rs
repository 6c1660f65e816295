//! Files near a log, and which of them was rotated before another one.

use std::cmp::Ordering;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use rustc_hash::FxHashSet;

use super::resolve::{ChangedAt, Stamp};
use super::rotated::{Compression, Rank, Rotation};
use mcpr_model::FileIdentity;

/// A file beside a path, or in a directory near it.
#[derive(Debug, Clone)]
pub(super) struct Sibling {
    pub(super) path: PathBuf,
    pub(super) identity: FileIdentity,
    pub(super) stamp: Stamp,
    pub(super) rotation: Option<Rotation>,
    /// When it was made, where the file system says that.
    pub(super) born: Option<SystemTime>,
}

impl Sibling {
    fn rank(&self) -> Option<&Rank> {
        self.rotation.as_ref().map(|rotation| &rotation.rank)
    }

    /// Whether it was made before a time, as far as the file system says that.
    pub(super) fn was_born_before(&self, (secs, nanos): ChangedAt) -> bool {
        let since_epoch = self
            .born
            .and_then(|born| born.duration_since(UNIX_EPOCH).ok());
        since_epoch.is_some_and(|born| {
            let secs_of_birth = i64::try_from(born.as_secs()).unwrap_or(i64::MAX);
            (secs_of_birth, i64::from(born.subsec_nanos())) < (secs, nanos)
        })
    }

    pub(super) fn is_compressed(&self) -> bool {
        let rotation = self.rotation.as_ref();
        rotation.is_some_and(|rotation| rotation.compression != Compression::None)
    }

    /// Whether it was rotated after another one, or may have been.
    pub(super) fn is_newer_than(&self, other: &Self) -> bool {
        // A compressed file was made when it was compressed, which says nothing of when it was
        // rotated.
        let is_plain = !self.is_compressed() && !other.is_compressed();
        let born = self.born.zip(other.born).filter(|_| is_plain);
        let by_birth = born.map_or(Ordering::Equal, |(own, other)| own.cmp(&other));
        let by_name = self.rank().zip(other.rank());
        let by_name = by_name.and_then(|(own, other)| own.is_newer_than(other));
        let by_time = self.stamp.modified.cmp(&other.stamp.modified);
        match (by_birth, by_name) {
            (Ordering::Greater, _) | (Ordering::Equal, Some(true)) => true,
            // What is older was perhaps written to for longer, or not numbered as is usual.
            (Ordering::Less, _) | (Ordering::Equal, Some(false)) => by_time == Ordering::Greater,
            (Ordering::Equal, None) => by_time != Ordering::Less,
        }
    }
}

/// Of files that have the same contents, leaves out those that are named as compressed copies of others: `p.log.1.gz`
/// is no other file than `p.log.1` beside it.
pub(super) fn leave_compressed_copies(files: &mut Vec<Sibling>) {
    let paths = files.iter().map(|it| it.path.clone());
    let paths = paths.collect::<FxHashSet<_>>();
    files.retain(|it| {
        let name = it.path.file_name().unwrap_or_default();
        let (compression, plain) = Compression::by_name(name.as_bytes());
        let original = it.path.with_file_name(OsStr::from_bytes(plain));
        compression == Compression::None || !paths.contains(&original)
    });
}

/// The newest of some files, where a file is gone that was rotated after it, as the numbers of all say.
pub(super) fn last_before_hole(found: &[Sibling], rotated: &[Sibling]) -> Option<FileIdentity> {
    let is_newest = |it: &&Sibling| {
        !found
            .iter()
            .any(|other| other.identity != it.identity && other.is_newer_than(it))
    };
    let newest = found.iter().find(is_newest)?;
    is_before_hole(newest, rotated).then_some(newest.identity)
}

fn is_before_hole(own: &Sibling, rotated: &[Sibling]) -> bool {
    let number = |sibling: &Sibling| match sibling.rank() {
        Some(Rank::Number(number)) => Some(*number),
        _ => None,
    };
    let Some(last) = number(own) else {
        return false;
    };
    let is_newer = |it: &&Sibling| it.stamp.modified > own.stamp.modified;
    let newer = rotated.iter().filter(is_newer).filter_map(number);
    // Where higher numbers are newer, the lower ones went as the oldest.
    if newer.max() > Some(last) {
        return false;
    }
    // `p.log.old` has the place of a number, and says not which.
    if rotated.iter().any(|it| it.rank() == Some(&Rank::Word)) {
        return false;
    }
    let numbers = rotated.iter().filter_map(number).collect::<FxHashSet<_>>();
    // Whether it counts from 0 or from 1 is not known.
    (1..last).any(|number| !numbers.contains(&number))
}

/// Brings siblings into the order in which they were rotated: by their names where these say it of
/// all of them, else by their times.
pub(super) fn sort_oldest_first<T>(siblings: &mut [T], sibling: impl Fn(&T) -> &Sibling) {
    let number = |item: &T| match sibling(item).rank() {
        Some(Rank::Number(number)) => Some(*number),
        _ => None,
    };
    let date = |item: &T| match sibling(item).rank() {
        Some(Rank::Date(date)) => Some(date.clone()),
        _ => None,
    };
    // Numbers and dates do not compare with each other: only where all have the same kind do names
    // decide.
    if siblings.iter().all(|item| number(item).is_some()) {
        siblings.sort_by_key(|item| std::cmp::Reverse(number(item)));
    } else if siblings.iter().all(|item| date(item).is_some()) {
        siblings.sort_by_key(date);
    } else {
        siblings.sort_by(|a, b| {
            let (a, b) = (sibling(a), sibling(b));
            (a.stamp.modified, &b.path).cmp(&(b.stamp.modified, &a.path))
        });
    }
}
