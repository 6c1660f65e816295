//! Who has a file open for writing, where the system says that: Linux, in `/proc`.
//!
//! Reads links and metadata, opens no file.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustc_hash::FxHashSet;

use super::identity;
use mcpr_model::FileIdentity;

/// Which of some files have a writer.
#[derive(Debug, Clone, Default)]
pub(super) struct Writers {
    /// Those that some process has open for writing.
    pub(super) of: FxHashSet<FileIdentity>,
    /// Every process could be looked at: what is not among them has no writer.
    pub(super) is_complete: bool,
}

/// A way of asking for the writers of files.
pub(super) type Ask = fn(&FxHashSet<FileIdentity>) -> Writers;

/// Looks through the descriptors of all processes that may be looked at.
pub(super) fn of(files: &FxHashSet<FileIdentity>) -> Writers {
    let mut writers = Writers {
        of: FxHashSet::default(),
        is_complete: sees_every_process(),
    };
    let processes = fs::read_dir("/proc").into_iter().flatten();
    for process in processes.filter_map(Result::ok) {
        let name = process.file_name();
        let is_process = name.as_bytes().iter().all(u8::is_ascii_digit);
        // Once all have a writer nothing more can be learnt.
        if is_process && writers.of.len() < files.len() {
            look_at(&process.path(), files, &mut writers);
        }
    }
    writers
}

/// Whether all processes of this machine are in `/proc`: those of other containers are not, seen
/// from within one.
fn sees_every_process() -> bool {
    // The kernel gives the first namespace of processes this fixed number.
    const FIRST_NAMESPACE: &str = "pid:[4026531836]";
    fs::read_link("/proc/self/ns/pid").is_ok_and(|name| name == Path::new(FIRST_NAMESPACE))
}

/// Looks through the descriptors of one process. One that has ended meanwhile has none.
fn look_at(process: &Path, files: &FxHashSet<FileIdentity>, writers: &mut Writers) {
    let descriptors = match fs::read_dir(process.join("fd")) {
        Ok(descriptors) => descriptors,
        Err(error) => {
            // Another user's process may be the writer, unseen.
            writers.is_complete &= error.kind() != io::ErrorKind::PermissionDenied;
            return;
        }
    };
    for descriptor in descriptors.filter_map(Result::ok) {
        let link = descriptor.path();
        // The link's text first: to look at what it leads to may wait for a device or a remote file
        // system.
        let leads_to_file = fs::read_link(&link).is_ok_and(|target| {
            target.is_absolute() && !target.starts_with("/dev") && !target.starts_with("/proc")
        });
        if !leads_to_file {
            continue;
        }
        let Ok(metadata) = fs::metadata(&link) else {
            continue;
        };
        let identity = identity::of(&metadata);
        let info = process.join("fdinfo").join(descriptor.file_name());
        if files.contains(&identity) && writes(&info) {
            writers.of.insert(identity);
        }
    }
}

/// Whether a descriptor was opened for writing, as its `flags`, in octal, say.
fn writes(info: &Path) -> bool {
    // The lowest two bits: 0 is reading alone, 1 and 2 write.
    const ACCESS: u32 = 0o3;
    let info = fs::read_to_string(info).unwrap_or_default();
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok());
    // What cannot be read is taken for a writer: a file is rather held than let go.
    flags.is_none_or(|flags| flags & ACCESS != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_has_a_writer_while_somebody_can_write_to_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("renamed away");
        let writer = fs::File::create(&path).unwrap();
        let reader = fs::File::open(&path).unwrap();
        let identity = identity::of(&reader.metadata().unwrap());
        let files = FxHashSet::from_iter([identity]);
        assert!(of(&files).of.contains(&identity));
        fs::remove_file(&path).unwrap();
        assert!(
            of(&files).of.contains(&identity),
            "deleted, and still written"
        );
        drop(writer);
        assert!(!of(&files).of.contains(&identity), "a reader is no writer");
        drop(reader);
    }
}
