//! Files that are replaced as a whole: whoever reads one finds the old text or the new, after a crash
//! too, and a name that somebody else has placed beside it is never written through.

use rustix::process::{getegid, geteuid};
use std::fs::{self, File, Metadata, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// Most links that lead to the file itself.
const MAX_LINKS: usize = 40;
/// What a new file may be opened for, before the process's own mask.
const NEW_FILE_MODE: u32 = 0o666;

/// Writes a file anew, with the mode and owner of the one that it replaces. A link stays, and the file
/// behind it is written.
///
/// # Errors
/// When it is not a regular file (a directory, a device), or when anything fails; the old text stays then.
pub(super) fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = Replacement::begin(path)?;
    file.write(text)?;
    file.commit()
}

/// A file that is written anew, piece by piece; until the end the old text stays.
pub(super) struct Replacement {
    path: PathBuf,
    old: Option<Metadata>,
    fresh: NamedTempFile,
}

impl Replacement {
    /// Begins with an empty text.
    ///
    /// # Errors
    /// When it is not a regular file (a directory, a device), or no file can be made beside it.
    pub(super) fn begin(path: &Path) -> io::Result<Self> {
        let path = behind_links(path)?;
        let old = old_file(&path)?;
        if let Some(old) = &old {
            check_planted(&path, old)?;
        }
        // The name is unpredictable, and a file that has it already is not opened.
        let fresh = tempfile::Builder::new()
            .prefix(".mcpr-")
            .permissions(Permissions::from_mode(NEW_FILE_MODE))
            .tempfile_in(directory_of(&path))
            .map_err(|error| without_own_name(&error, directory_of(&path)))?;
        Ok(Self { path, old, fresh })
    }

    /// Adds to the text.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn write(&mut self, text: &[u8]) -> io::Result<()> {
        self.fresh.write_all(text)
    }

    /// Puts the text in its place.
    ///
    /// # Errors
    /// When anything fails; the old text stays then.
    pub(super) fn commit(self) -> io::Result<()> {
        if let Some(old) = &self.old {
            keep(old, self.fresh.as_file())?;
        }
        self.fresh.as_file().sync_all()?;
        self.fresh
            .persist(&self.path)
            .map_err(|error| error.error)?;
        // A new name is on the disk only once its directory is.
        File::open(directory_of(&self.path))?.sync_all()
    }
}

/// The same error without the name of a file that nobody asked for.
fn without_own_name(error: &io::Error, directory: &Path) -> io::Error {
    if error.kind() == ErrorKind::NotFound {
        let message = format!("there is no directory {}", directory.display());
        return io::Error::new(ErrorKind::NotFound, message);
    }
    // The name is reported by what wraps the system's own error.
    let source = std::error::Error::source(error);
    let system = source.and_then(|inner| inner.downcast_ref::<io::Error>());
    let code = system.and_then(io::Error::raw_os_error);
    code.map_or_else(|| error.kind().into(), io::Error::from_raw_os_error)
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// The file that is there already, if one is.
fn old_file(path: &Path) -> io::Result<Option<Metadata>> {
    match fs::metadata(path) {
        Ok(old) if !old.is_file() => Err(io::Error::new(
            ErrorKind::InvalidInput,
            "it is not a regular file",
        )),
        Ok(old) => Ok(Some(old)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Refuses a link or a file that another user put into a directory which others may write, such as `/tmp`: who
/// writes there would write a file of their own that somebody else chose, or hand over what is theirs.
/// The kernel's `protected_symlinks` and `protected_regular` have the same rule.
fn check_planted(path: &Path, found: &Metadata) -> io::Result<()> {
    let directory = fs::metadata(directory_of(path))?;
    let is_own_group = directory.gid() == getegid().as_raw();
    let is_open = directory.mode() & 0o002 != 0 || (directory.mode() & 0o020 != 0 && !is_own_group);
    let is_trusted = [geteuid().as_raw(), directory.uid()].contains(&found.uid());
    if is_open && !is_trusted {
        let what = if found.is_symlink() { "link" } else { "file" };
        let message = format!(
            "another user ({}) put this {what} there, in a directory that others may write",
            found.uid()
        );
        return Err(io::Error::new(ErrorKind::PermissionDenied, message));
    }
    Ok(())
}

/// Gives a file the owner and mode of the one that it replaces.
fn keep(old: &Metadata, fresh: &File) -> io::Result<()> {
    let own = fresh.metadata()?;
    if (own.uid(), own.gid()) != (old.uid(), old.gid()) {
        fchown(fresh, Some(old.uid()), Some(old.gid()))?;
    }
    // After the owner, for a change of owner clears the set-user-ID bits, see chown(2).
    fresh.set_permissions(Permissions::from_mode(old.mode() & 0o7777))
}

/// The file that a chain of links leads to, which need not be there yet.
fn behind_links(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    // As many as Linux itself follows, see path_resolution(7): a loop of links must end.
    for _ in 0..MAX_LINKS {
        match fs::read_link(&path) {
            // An absolute target takes the place of the whole path.
            Ok(target) => {
                check_planted(&path, &fs::symlink_metadata(&path)?)?;
                path = path.parent().unwrap_or(Path::new("")).join(target);
            }
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::new(ErrorKind::InvalidInput, "too many links"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_replaced_with_its_mode_and_nothing_is_left_beside_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        replace(&path, b"first").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        replace(&path, b"second").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o640);
        assert_eq!(names(directory.path()), ["file"]);
    }

    #[test]
    fn a_link_stays_and_the_file_behind_it_is_written() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::create_dir(at("sub")).unwrap();
        fs::write(at("sub/real"), "old").unwrap();
        symlink("sub/real", at("relative")).unwrap();
        symlink(at("relative"), at("absolute")).unwrap();
        symlink("sub/not-yet", at("dangling")).unwrap();
        for (link, real) in [
            ("relative", "sub/real"),
            ("absolute", "sub/real"),
            ("dangling", "sub/not-yet"),
        ] {
            replace(&at(link), link.as_bytes()).unwrap();
            assert!(fs::symlink_metadata(at(link)).unwrap().is_symlink());
            assert_eq!(fs::read_to_string(at(real)).unwrap(), link);
        }
        symlink("loop", at("loop")).unwrap();
        let error = replace(&at("loop"), b"x").unwrap_err();
        assert_eq!(error.to_string(), "too many links");
    }

    #[test]
    fn a_link_that_waits_under_a_temporary_name_is_not_written_through() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::write(at("victim"), "precious").unwrap();
        // Names that were used before: predictable, and followed.
        for name in [
            "file.new",
            "file.tmp",
            &format!("file.{}.tmp", std::process::id()),
        ] {
            symlink(at("victim"), at(name)).unwrap();
        }
        replace(&at("file"), b"text").unwrap();
        assert_eq!(fs::read_to_string(at("victim")).unwrap(), "precious");
        assert_eq!(fs::read_to_string(at("file")).unwrap(), "text");
    }

    #[test]
    fn what_another_user_put_into_an_open_directory_is_not_written() {
        if !geteuid().is_root() {
            println!("SKIPPED: only root can make a file of another user");
            return;
        }
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let nobody = Some(65_534);
        fs::write(at("victim"), "precious").unwrap();
        fs::write(at("theirs"), "theirs").unwrap();
        symlink(at("victim"), at("link")).unwrap();
        symlink(at("new"), at("dangling")).unwrap();
        for name in ["theirs", "link", "dangling"] {
            std::os::unix::fs::lchown(at(name), nobody, nobody).unwrap();
        }
        let open = |mode| fs::set_permissions(directory.path(), Permissions::from_mode(mode));
        for mode in [0o1777, 0o777] {
            open(mode).unwrap();
            for name in ["theirs", "link", "dangling"] {
                let error = replace(&at(name), b"x").unwrap_err();
                assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{name}");
                assert!(error.to_string().contains("another user"), "{error}");
            }
        }
        assert_eq!(fs::read_to_string(at("victim")).unwrap(), "precious");
        assert!(!at("new").exists());
        // Where nobody else may write, what belongs to another user was not put there by them.
        open(0o755).unwrap();
        replace(&at("theirs"), b"mended").unwrap();
        replace(&at("link"), b"written").unwrap();
        assert_eq!(fs::read_to_string(at("victim")).unwrap(), "written");
    }

    #[test]
    fn what_is_no_file_is_left_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let error = replace(directory.path(), b"x").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(directory.path().is_dir());
        let error = replace(Path::new("/dev/null"), b"x").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let error = replace(&directory.path().join("none/file"), b"x").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
}
