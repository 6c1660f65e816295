//! Where a store lies: whether somebody else could put files of theirs in the place of its own.
//!
//! Looks at directories and files without opening them: a descriptor of our own, once closed, would
//! take this process's locks on the store with it.

use crate::{StoreError, StoreErrorKind, Trust};
use rustix::fs::OFlags;
use rustix::process::{getegid, geteuid};
use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{Error, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The mode of every file of a store, unless its owner lets a group read it.
const PRIVATE: u32 = 0o600;
/// The mode of a store that its owner lets a group read.
const GROUP_READS: u32 = 0o640;
const GROUP_MAY_WRITE: u32 = 0o020;
const OTHERS_MAY_WRITE: u32 = 0o002;
/// In such a directory each may remove and rename their own files only.
const STICKY: u32 = 0o1000;

/// The owner of what belongs to nobody whom this process knows: see `user_namespaces(7)`.
const UNMAPPED_USER: u32 = 65_534;

/// Refuses a directory in which others could put a file in the place of one of the store's, or another
/// directory in the place of one that leads to it. The path is one without links.
///
/// A sticky one will do where it is ours or root's, as `/tmp` is: what others put there beforehand
/// is known by its owner.
///
/// # Errors
/// When it is such a directory, or cannot be looked at.
pub fn check_directory(directory: &Path, trust: Trust) -> Result<(), StoreError> {
    for place in directory.ancestors() {
        let metadata = fs::metadata(place).map_err(|error| inaccessible(place, error))?;
        // Whoever says so answers for everybody who may write there.
        if trust == Trust::Anyone {
            return Ok(());
        }
        let leads_to_it = place != directory;
        if let Some(who) = who_may_replace(&metadata, leads_to_it) {
            return Err(replaceable(place, &who, leads_to_it));
        }
    }
    Ok(())
}

/// Who else could rename what lies in a directory, if anybody.
fn who_may_replace(metadata: &Metadata, leads_to_it: bool) -> Option<String> {
    match whose(metadata) {
        // In a container the system's own directories may belong to nobody.
        Uid::Another(UNMAPPED_USER) if leads_to_it => {}
        // Its owner may rename whatever lies in it, sticky or not.
        Uid::Another(user) => return Some(format!("belongs to another user ({user})")),
        Uid::Ours | Uid::Root => {}
    }
    let is_open = others_may_write(metadata) && metadata.mode() & STICKY == 0;
    is_open.then(|| "may be written by other users".to_owned())
}

fn replaceable(place: &Path, who: &str, leads_to_it: bool) -> StoreError {
    let what = if leads_to_it {
        "a directory above the store's"
    } else {
        "the store's directory"
    };
    let message = format!("{what} {who}, who could put a file in the store's place");
    StoreError::new(StoreErrorKind::Permission, message)
        .at(place)
        .hint(
            "`chmod go-w` it, name a store in a directory of your own with --db, or trust everyone \
             who may write there with --shared-directory",
        )
}

enum Uid {
    Ours,
    Root,
    Another(u32),
}

fn whose(metadata: &Metadata) -> Uid {
    match metadata.uid() {
        // The effective user is the one whom the files we make belong to.
        user if user == geteuid().as_raw() => Uid::Ours,
        0 => Uid::Root,
        user => Uid::Another(user),
    }
}

/// A user's own group has nobody else in it, and many systems let it write by default.
fn others_may_write(metadata: &Metadata) -> bool {
    let is_own_group = metadata.gid() == getegid().as_raw();
    metadata.mode() & OTHERS_MAY_WRITE != 0
        || (metadata.mode() & GROUP_MAY_WRITE != 0 && !is_own_group)
}

/// Refuses a file of the store that is another user's. No file is not a fault.
///
/// # Errors
/// When it is another user's, or cannot be looked at.
pub fn check_file(path: &Path) -> Result<(), StoreError> {
    match file_at(path)? {
        // Root's as well: a file that is not ours cannot be made private by us.
        Some(metadata) if !matches!(whose(&metadata), Uid::Ours) => Err(not_ours(path, &metadata)),
        _ => Ok(()),
    }
}

/// Refuses a link in the store's place that somebody else may have put there.
///
/// # Errors
/// When somebody else may have put it there, or it cannot be looked at.
pub fn check_link(link: &Path) -> Result<(), StoreError> {
    let directory = link.parent().unwrap_or(link);
    let of_directory = fs::metadata(directory).map_err(|error| inaccessible(directory, error))?;
    let metadata = file_at(link)?;
    let is_others = metadata.is_some_and(|link| matches!(whose(&link), Uid::Another(_)));
    if is_others || who_may_replace(&of_directory, false).is_some() {
        let message = "is a link that another user may have put there";
        return Err(StoreError::new(StoreErrorKind::Permission, message)
            .at(link)
            .hint("name the store itself with --db"));
    }
    Ok(())
}

/// Where a store really is: its path without links, from which every file beside it has its name, so that whoever
/// names the store by a link and whoever names itself find the same ones. The store need not be there, its directory
/// has to be. A link in its place is followed where nobody else can have put it there.
///
/// # Errors
/// When it is another user's link or one to nothing, or its directory cannot be looked at.
pub fn real_path(path: &Path) -> Result<PathBuf, StoreError> {
    let directory = directory_of(path);
    let Some(name) = path.file_name() else {
        return Err(StoreError::new(StoreErrorKind::Other, "names no file").at(path));
    };
    let path = match directory.canonicalize() {
        Ok(directory) => directory.join(name),
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(missing(path)),
        Err(error) => return Err(inaccessible(path, error)),
    };
    let Ok(target) = fs::read_link(&path) else {
        // No link, or nothing at all.
        return Ok(path);
    };
    check_link(&path)?;
    path.canonicalize().map_err(|_| {
        let message = format!("is a link that leads to nothing: {}", target.display());
        StoreError::new(StoreErrorKind::Missing, message)
            .at(&path)
            .hint("remove the link, or name the store itself with --db")
    })
}

/// The directory in which a path lies as it is written.
#[must_use]
pub fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// What stands at a path. A link is looked at itself: what it leads to may be ours, and still be put there
/// by somebody else.
fn file_at(path: &Path) -> Result<Option<Metadata>, StoreError> {
    match fs::symlink_metadata(path) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(inaccessible(path, error)),
    }
}

/// Takes from others what they may do with a file of the store. To be called once it is known to be one: the mode
/// of any other file is its owner's business.
///
/// # Errors
/// When its mode cannot be changed.
pub fn make_private(path: &Path) -> Result<(), StoreError> {
    let Some(metadata) = file_at(path)? else {
        return Ok(());
    };
    let mode = metadata.mode() & 0o777;
    // What a group may read and nobody else was given to it on purpose: a slip gives it to others, too.
    let is_given = mode & !GROUP_READS == 0;
    // Links and directories are refused by whoever opens the file.
    if metadata.is_file() && !is_given {
        // Rights are only taken away: a file that its owner made read-only stays so.
        let mode = mode & PRIVATE;
        return fs::set_permissions(path, Permissions::from_mode(mode))
            .map_err(|error| inaccessible(path, error));
    }
    Ok(())
}

fn not_ours(path: &Path, metadata: &Metadata) -> StoreError {
    let message = format!("belongs to another user ({})", metadata.uid());
    StoreError::new(StoreErrorKind::Permission, message)
        .at(path)
        .hint(
            "what another user put there is not recorded into: remove it, or name another store with --db",
        )
}

/// Opens a file beside the store for reading and writing, made where it is missing: never through a
/// link, never another user's, and never one that has a second name.
///
/// # Errors
/// When it cannot be opened, or something else stands in its place.
pub fn open_beside(path: &Path) -> std::io::Result<File> {
    // NONBLOCK because the opening of a pipe would wait for its other end.
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC).bits();
    let flags = i32::try_from(flags).map_err(|_| Error::from(ErrorKind::InvalidInput))?;
    let mut options = OpenOptions::new();
    options
        .read(true)
        .write(true)
        .mode(PRIVATE)
        .custom_flags(flags);
    // A file that was made just now is ours; only one that was there has to be looked at.
    let file = match options.clone().create_new(true).open(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => options.open(path)?,
        opened => return opened,
    };
    // Asked of what was opened and not of the path, where another file may stand by now.
    let metadata = file.metadata()?;
    // With a second name, what is written here would be written into a file elsewhere too.
    let is_plain = metadata.is_file() && !metadata.file_type().is_fifo() && metadata.nlink() == 1;
    if !is_plain || metadata.uid() != geteuid().as_raw() {
        let message = "another user's file, a link or no plain file stands in its place";
        return Err(Error::new(ErrorKind::PermissionDenied, message));
    }
    if metadata.mode() & 0o777 & !PRIVATE != 0 {
        file.set_permissions(Permissions::from_mode(metadata.mode() & PRIVATE))?;
    }
    Ok(file)
}

/// A file or directory of a store that cannot be used.
#[must_use]
pub fn inaccessible(path: &Path, error: Error) -> StoreError {
    let kind = match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => StoreErrorKind::Permission,
        ErrorKind::StorageFull => StoreErrorKind::Retryable,
        _ => StoreErrorKind::Other,
    };
    StoreError::new(kind, "cannot open the store")
        .caused_by(error)
        .at(path)
        .hint("check the path and its permissions, or name another with --db")
}

/// No store at a path.
#[must_use]
pub fn missing(path: &Path) -> StoreError {
    StoreError::new(StoreErrorKind::Missing, "there is no store here yet")
        .at(path)
        .hint("`mcpr tap install` has your client's servers recorded, `mcpr record FILE` reads a log; or name another with --db")
}
