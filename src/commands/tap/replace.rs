//! Another content for a file that others read and write: in one step where the system can, and only if
//! it is still what was read. Owner, mode, access lists and links stay. Must not know what is in it.

use crate::commands::Refused;
use anyhow::Context as _;
use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// What became of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Replaced {
    /// It has the new content.
    Done,
    /// Somebody else changed it meanwhile; it has theirs.
    Changed,
}

/// Puts a new content in the place of an old one.
///
/// # Errors
/// When the file cannot be read or written; it has its old content then.
pub(super) fn replace(path: &Path, old: &[u8], new: &[u8]) -> io::Result<Replaced> {
    let found = fs::symlink_metadata(path)?;
    if !found.is_file() {
        return Err(io::Error::new(
            ErrorKind::InvalidInput,
            "it is not a regular file",
        ));
    }
    // Another name of it would keep the old content.
    if found.nlink() == 1
        && let Some(replaced) = by_name(path, &found, old, new)?
    {
        return Ok(replaced);
    }
    in_place(path, old, new)
}

/// A new file beside the one it is to replace, gone when it is dropped.
struct TemporaryFile(PathBuf);

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        // After a plain rename nothing has this name any more.
        let _ = fs::remove_file(&self.0);
    }
}

/// Writes a file beside it and gives it the name; `None` where that is not possible, or would lose
/// something: a mount point, a directory or an owner of somebody else.
fn by_name(path: &Path, found: &Metadata, old: &[u8], new: &[u8]) -> io::Result<Option<Replaced>> {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".mcpr-{}", uuid::Uuid::new_v4().simple()));
    let beside = path.with_file_name(name);
    let mut options = OpenOptions::new();
    let opened = options
        .write(true)
        .create_new(true)
        // The content may hold secrets: nobody else may read it before it has the old file's mode.
        .mode(0o600)
        .open(&beside);
    let Ok(mut file) = opened else {
        return Ok(None);
    };
    let beside = TemporaryFile(beside);
    file.write_all(new)?;
    if !resembles(&file, path, found) {
        return Ok(None);
    }
    file.sync_all()?;
    let present = fs::symlink_metadata(path)?;
    if (present.dev(), present.ino()) != (found.dev(), found.ino()) || fs::read(path)? != old {
        return Ok(Some(Replaced::Changed));
    }
    let replaced = match exchange(&beside.0, path) {
        Ok(()) if fs::read(&beside.0)? == old => Replaced::Done,
        Ok(()) => {
            // What was written between the look and the exchange gets its name back.
            exchange(&beside.0, path)?;
            Replaced::Changed
        }
        // Not every file system can exchange names; there a plain rename is the best there is.
        Err(ErrorKind::Unsupported | ErrorKind::InvalidInput) => {
            match fs::rename(&beside.0, path) {
                Ok(()) => Replaced::Done,
                Err(_) => return Ok(None),
            }
        }
        Err(_) => return Ok(None),
    };
    if let Some(directory) = path.parent() {
        // A new name is on the disk only once its directory is.
        File::open(directory)?.sync_all()?;
    }
    Ok(Some(replaced))
}

/// Two files change their names in one step.
fn exchange(one: &Path, other: &Path) -> Result<(), ErrorKind> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE)
        .map_err(|error| io::Error::from(error).kind())
}

/// Gives a new file the owner, the mode and the attributes of the one it replaces, access lists among
/// them; whether that was possible.
fn resembles(file: &File, path: &Path, found: &Metadata) -> bool {
    use rustix::fs::{Gid, Uid, fchown};
    let Ok(own) = file.metadata() else {
        return false;
    };
    let is_other = (own.uid(), own.gid()) != (found.uid(), found.gid());
    let owner = (Uid::from_raw(found.uid()), Gid::from_raw(found.gid()));
    if is_other && fchown(file, Some(owner.0), Some(owner.1)).is_err() {
        return false;
    }
    // After the owner, for a change of owner clears the set-user-ID bits, see chown(2).
    file.set_permissions(found.permissions()).is_ok() && copy_attributes(path, file).is_ok()
}

fn copy_attributes(path: &Path, file: &File) -> io::Result<()> {
    use rustix::fs::{XattrFlags, fgetxattr, flistxattr, fsetxattr};
    /// Most bytes of the names, and of a value, that the systems allow.
    const MOST_BYTES: usize = 64 << 10;
    let from = File::open(path)?;
    let mut names = vec![0_u8; MOST_BYTES];
    let len = match flistxattr(&from, &mut names[..]) {
        Ok(len) => len,
        // A file system without attributes has none to lose.
        Err(rustix::io::Errno::OPNOTSUPP) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    for name in names[..len]
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty())
    {
        let mut value = vec![0_u8; MOST_BYTES];
        let len = fgetxattr(&from, name, &mut value[..])?;
        let set = fsetxattr(file, name, &value[..len], XattrFlags::empty());
        // Labels are the system's own to give.
        if !name.starts_with(b"security.") {
            set?;
        }
    }
    Ok(())
}

/// Writes over the content, where no other file can take its place. What an error leaves half written
/// is put back.
fn in_place(path: &Path, old: &[u8], new: &[u8]) -> io::Result<Replaced> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let mut present = Vec::new();
    file.read_to_end(&mut present)?;
    if present != old {
        return Ok(Replaced::Changed);
    }
    let written = write_over(&mut file, new);
    if written.is_err() {
        // The first error is the one to report; if this fails too, nothing more can be done.
        let _ = write_over(&mut file, old);
    }
    written.map(|()| Replaced::Done)
}

fn write_over(file: &mut File, content: &[u8]) -> io::Result<()> {
    file.rewind()?;
    file.write_all(content)?;
    // Not cut first: an error while writing would leave an empty file then.
    file.set_len(content.len() as u64)?;
    file.sync_all()
}

/// The text of a configuration.
pub(super) fn read(path: &Path, shown: &Path) -> anyhow::Result<String> {
    /// Largest configuration that is read, in bytes: those of clients with years of history are far smaller.
    const MOST_BYTES: u64 = 64 << 20;
    let shown = shown.display();
    let found = fs::metadata(path).with_context(|| format!("cannot read {shown}"))?;
    // A pipe or a device would be read for ever.
    if !found.is_file() {
        return Err(Refused::new(format!("{shown}: it is not a regular file")).into());
    }
    if found.len() > MOST_BYTES {
        let size = found.len() >> 20;
        return Err(Refused::new(format!(
            "{shown}: it is too large for a configuration: it has {size} MiB"
        ))
        .into());
    }
    let content = fs::read(path).with_context(|| format!("cannot read {shown}"))?;
    String::from_utf8(content).map_err(|_| {
        let refused = Refused::new(format!("{shown}: it is not UTF-8 text"));
        refused
            .hint("save it as UTF-8 in an editor, then try again")
            .into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn directory() -> tempfile::TempDir {
        tempfile::tempdir().expect("a directory")
    }

    fn names(directory: &Path) -> usize {
        fs::read_dir(directory).expect("it is there").count()
    }

    #[test]
    fn what_another_wrote_meanwhile_stays() {
        let directory = directory();
        let path = directory.path().join("c.json");
        fs::write(&path, "theirs").expect("written");
        assert_eq!(
            replace(&path, b"mine", b"new").expect("read"),
            Replaced::Changed
        );
        assert_eq!(
            in_place(&path, b"mine", b"new").expect("read"),
            Replaced::Changed
        );
        assert_eq!(fs::read(&path).expect("read"), b"theirs");
        assert_eq!(names(directory.path()), 1, "nothing is left behind");
    }

    #[test]
    fn mode_attributes_and_other_names_stay() {
        let directory = directory();
        let path = directory.path().join("c.json");
        fs::write(&path, "old").expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("set");
        let file = File::open(&path).expect("open");
        let has_attributes =
            rustix::fs::fsetxattr(&file, "user.mcpr", b"x", rustix::fs::XattrFlags::empty())
                .is_ok();
        assert_eq!(
            replace(&path, b"old", b"newer").expect("written"),
            Replaced::Done
        );
        assert_eq!(fs::read(&path).expect("read"), b"newer");
        assert_eq!(fs::metadata(&path).expect("there").mode() & 0o777, 0o640);
        if has_attributes {
            let mut value = [0; 8];
            let file = File::open(&path).expect("open");
            let len = rustix::fs::fgetxattr(&file, "user.mcpr", &mut value[..]).expect("kept");
            assert_eq!(&value[..len], b"x");
        }
        let other = directory.path().join("other.json");
        fs::hard_link(&path, &other).expect("linked");
        assert_eq!(
            replace(&path, b"newer", b"n").expect("written"),
            Replaced::Done
        );
        assert_eq!(fs::read(&other).expect("read"), b"n", "both names have it");
        assert_eq!(names(directory.path()), 2, "nothing is left behind");
    }

    #[test]
    fn a_directory_is_no_file() {
        let directory = directory();
        assert!(replace(directory.path(), b"", b"x").is_err());
    }
}
