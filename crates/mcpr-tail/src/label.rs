//! What a checkpoint's path says of a file that is not where its source knows it.
//!
//! A file that was rotated to a name made of its path stands under that name; another one keeps its
//! path, with the place where it is now.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::path_text::{path_of, text_of};
use super::resolve::ChangedAt;
use super::rotated::is_rotated_from;
use mcpr_model::Text;

/// What stands between a path and where its file is.
// Stores hold labels with these words: changing one loses the places that they say.
const NOW: &str = " (now ";
/// What stands after the path of a file that is nowhere to be found.
const GONE: &str = " (gone)";

/// What stands after the path of a log of which a gap was reported, before when its last file was changed.
const REPORTED: &str = " (told since ";

/// What stands at the end, where nobody will write to a rotated file any more.
const DONE: &str = " (done)";
/// The same of a compressed file, before how large it was.
const DONE_AT: &str = " (done at ";

/// What stands after the path of a file of which no byte was read, before when it was emptied or made.
const EMPTY: &str = " (empty since ";

/// What a checkpoint says of a file that a source knows under a path and that is in some place.
pub(super) fn of(path: &Path, place: &Path) -> Text {
    // `p-1.log` may be a log of its own: only what has the whole name in it says of which log it is.
    if path == place || is_rotated_from(place, path) && is_named_after(place, path) {
        return text_of(place);
    }
    format!("{}{NOW}{})", text_of(path), text_of(place)).into()
}

/// Whether a file's name begins with the whole of another one's.
pub(super) fn is_named_after(path: &Path, base: &Path) -> bool {
    let names = path.file_name().zip(base.file_name());
    names.is_some_and(|(name, base)| name.as_bytes().starts_with(base.as_bytes()))
}

/// The same of a file that was rotated, read to its end, and that nobody writes to any more: should it be
/// deleted, nothing is missing.
///
/// `compressed` is the size of a compressed file: what is added to one makes it another.
pub(super) fn done(label: &str, compressed: Option<u64>) -> Text {
    let label = undone(label);
    match compressed {
        Some(size) => format!("{label}{DONE_AT}{size})").into(),
        None => format!("{label}{DONE}").into(),
    }
}

/// Whether nobody writes to the file of a checkpoint any more.
pub(super) fn is_done(label: &str) -> bool {
    done_at(label).is_some() || label.ends_with(DONE)
}

/// The same of a file that is empty, and was changed last at this time: what it held since then and holds no more
/// was never read.
pub(super) fn empty(label: &str, since: ChangedAt) -> Text {
    let (secs, nanos) = since;
    format!("{label}{EMPTY}{secs}.{nanos})").into()
}

/// Since when a file is empty, as far as that is reported about it.
pub(super) fn empty_since(label: &str) -> Option<ChangedAt> {
    split_time(label, EMPTY).map(|(_, since)| since)
}

/// The size at which a compressed file was read to its end.
pub(super) fn done_at(label: &str) -> Option<u64> {
    split_done_at(label).map(|(_, size)| size)
}

/// What is reported about it beside that.
pub(super) fn undone(label: &str) -> &str {
    let plain = || label.strip_suffix(DONE).unwrap_or(label);
    if let Some((label, _)) = split_time(label, EMPTY) {
        return label;
    }
    split_done_at(label).map_or_else(plain, |(label, _)| label)
}

fn split_done_at(label: &str) -> Option<(&str, u64)> {
    let (label, size) = label.strip_suffix(')')?.rsplit_once(DONE_AT)?;
    Some((label, size.parse().ok()?))
}

/// What a checkpoint says of a file that is not to be looked for any more.
pub(super) fn gone(path: &Path) -> Text {
    format!("{}{GONE}", text_of(path)).into()
}

/// What is reported about a log of which a gap was reported: files of it that were changed since then are still
/// to be begun.
pub(super) fn reported_gap(log: &Path, since: ChangedAt) -> Text {
    let (secs, nanos) = since;
    format!("{}{REPORTED}{secs}.{nanos})", text_of(log)).into()
}

/// The log of which that is reported, and since when.
pub(super) fn gap_of(label: &str) -> Option<(PathBuf, ChangedAt)> {
    let (log, since) = split_time(label, REPORTED)?;
    Some((path_of(log), since))
}

/// What stands before some words and a time.
fn split_time<'a>(label: &'a str, words: &str) -> Option<(&'a str, ChangedAt)> {
    let (before, since) = label.strip_suffix(')')?.rsplit_once(words)?;
    let (secs, nanos) = since.split_once('.')?;
    Some((before, (secs.parse().ok()?, nanos.parse().ok()?)))
}

/// The path under which a source knows the file of a checkpoint, or knew the one that was rotated.
pub(super) fn path(label: &str) -> PathBuf {
    if let Some((log, _)) = gap_of(label) {
        return log;
    }
    let label = undone(label);
    match label.split_once(NOW) {
        Some((path, _)) => path_of(path),
        None => path_of(label),
    }
}

/// The path of a file that is nowhere to be found.
pub(super) fn gone_from(label: &str) -> Option<PathBuf> {
    label.strip_suffix(GONE).map(path_of)
}

/// The path by which a person knows the file of a checkpoint: where it was last.
pub(super) fn file(label: &str) -> PathBuf {
    let known = gone_from(label).or_else(|| place(label));
    known.unwrap_or_else(|| path(label))
}

/// The same about a file that is called by another path now. `None` where it is not of a path.
pub(super) fn respelled(label: &str, now: &Path) -> Option<Text> {
    // What follows the path, be it a place or that it is gone, stays as it was reported.
    let rest = label.strip_prefix(&*text_of(&path(label)))?;
    Some(format!("{}{rest}", text_of(now)).into())
}

/// Where the file of a checkpoint was last, if that is not its path.
pub(super) fn place(label: &str) -> Option<PathBuf> {
    let (_, place) = undone(label).split_once(NOW)?;
    Some(path_of(place.strip_suffix(')')?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_its_path_wherever_it_is() {
        let cases = [
            ("/l/p.log", "/l/p.log"),
            ("/l/p.log.1", "/l/p.log.1"),
            ("/l/p-1.log", "/l/p.log (now /l/p-1.log)"),
            ("/l/elsewhere", "/l/p.log (now /l/elsewhere)"),
            ("/l/old/p.log.1", "/l/p.log (now /l/old/p.log.1)"),
        ];
        for (place, expected) in cases {
            let label = of(Path::new("/l/p.log"), Path::new(place));
            assert_eq!(label, expected);
            let known = path(&label);
            assert!(known == Path::new("/l/p.log") || known == Path::new(place));
            let respelled = respelled(&label, Path::new("p.log")).unwrap();
            assert_eq!(path(&respelled), Path::new("p.log"));
            assert_eq!(respelled.contains(NOW), label.contains(NOW));
            let kept = super::place(&label).unwrap_or(known);
            assert_eq!(kept, Path::new(place));
            let empty = empty(&label, (-1, 7));
            assert_eq!(empty_since(&empty), Some((-1, 7)));
            assert_eq!((path(&empty), file(&empty)), (path(&label), file(&label)));
            assert!(!is_done(&empty) && undone(&empty) == &*label);
            for size in [None, Some(7)] {
                let done = done(&label, size);
                assert!(is_done(&done) && !is_done(&label));
                assert_eq!(done_at(&done), size);
                assert_eq!((path(&done), file(&done)), (path(&label), file(&label)));
            }
        }
        let reported_gap = reported_gap(Path::new("/l/p.log"), (i64::MIN, 7));
        assert_eq!(gap_of(&reported_gap).unwrap().1, (i64::MIN, 7));
        assert_eq!(
            (path(&reported_gap), file(&reported_gap)),
            ("/l/p.log".into(), "/l/p.log".into())
        );
        assert!(gap_of("/l/p.log (told since ever)").is_none());
        let gone = gone(Path::new("/l/p.log"));
        assert_ne!(path(&gone), Path::new("/l/p.log"));
        assert_eq!(gone_from(&gone).unwrap(), Path::new("/l/p.log"));
    }
}
