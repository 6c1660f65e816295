//! What `tap install` keeps in the state directory: the configuration as it was, and the entries that it
//! changed, so that `uninstall` gives the same bytes back. Both can hold secrets: nobody else may read
//! them. Must not touch the configuration.

use super::config::KeptEntry;
use anyhow::Context as _;
use sha2::{Digest as _, Sha256};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};

/// Most backups that are kept of a configuration.
const MAX_BACKUPS: usize = 10;

/// Largest file of entries that is read.
const MAX_BYTES: u64 = 16 << 20;

/// Where things are kept of one configuration.
#[derive(Debug)]
pub(super) struct ConfigKeep {
    directory: PathBuf,
    config: PathBuf,
}

/// The entries as they are stored.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Stored {
    version: u32,
    config: PathBuf,
    entries: Vec<KeptEntry>,
}

impl ConfigKeep {
    /// What is kept of a configuration; its path is one without links.
    pub(super) fn of(config: &Path) -> anyhow::Result<Self> {
        let digest = Sha256::digest(config.as_os_str().as_bytes());
        let hash = digest
            .iter()
            .take(8)
            .fold(0_u64, |hash, byte| hash << 8 | u64::from(*byte));
        let name = config.file_name().unwrap_or_default().to_string_lossy();
        let name: String = name
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
            // The name is for people, and must stay within what a file system allows; the hash
            // distinguishes paths.
            .take(64)
            .collect();
        let directory = state_directory()?
            .join("configs")
            .join(format!("{name}-{hash:016x}"));
        Ok(Self {
            directory,
            config: config.to_owned(),
        })
    }

    /// The entries that installations changed. What cannot be read does not count: the tap's own words are
    /// taken away then.
    pub(super) fn entries(&self) -> Vec<KeptEntry> {
        let path = self.directory.join("entries.json");
        // A link or a pipe that somebody put there is not read.
        let is_small = fs::symlink_metadata(&path)
            .is_ok_and(|found| found.is_file() && found.len() <= MAX_BYTES);
        let text = Some(path)
            .filter(|_| is_small)
            .and_then(|path| fs::read(path).ok());
        let stored = text.and_then(|text| serde_json::from_slice::<Stored>(&text).ok());
        stored
            // Eight bytes of a hash may be those of another path, too.
            .filter(|stored| stored.config == self.config)
            .map_or_else(Vec::new, |stored| stored.entries)
    }

    /// Keeps the entries that an installation changed beside those of earlier ones.
    pub(super) fn add(&self, changed: &[KeptEntry]) -> anyhow::Result<()> {
        let mut entries = self.entries();
        for entry in changed {
            let mut entry = entry.clone();
            if let Some(at) = entries.iter().position(|known| known.place == entry.place) {
                let known = entries.swap_remove(at);
                // A tap that is mended stands where the first one was put.
                if known.installed == entry.original {
                    entry.original = known.original;
                }
            }
            entries.push(entry);
        }
        self.store(entries)
    }

    /// Forgets the entries that were given back.
    pub(super) fn forget(&self, changed: &[KeptEntry]) -> anyhow::Result<()> {
        let mut entries = self.entries();
        let before = entries.len();
        entries.retain(|known| !changed.iter().any(|entry| entry.place == known.place));
        if entries.len() == before {
            Ok(())
        } else {
            self.store(entries)
        }
    }

    fn store(&self, entries: Vec<KeptEntry>) -> anyhow::Result<()> {
        let stored = Stored {
            version: 1,
            config: self.config.clone(),
            entries,
        };
        let text = serde_json::to_vec_pretty(&stored).context("cannot write the kept entries")?;
        let path = self.directory.join("entries.json");
        put_private(&self.directory, &path, &text)
    }

    /// Keeps the configuration as it was; the oldest backups give way.
    pub(super) fn backup(&self, content: &[u8]) -> anyhow::Result<PathBuf> {
        let mut numbers = self.backups();
        numbers.sort_unstable();
        let number = numbers.last().map_or(1, |last| last + 1);
        let path = self.backup_path(number);
        write_new(&self.directory, &path, content)?;
        let surplus = (numbers.len() + 1).saturating_sub(MAX_BACKUPS);
        for old in &numbers[..surplus] {
            // A backup too many does no harm, and is tried again next time.
            let _ = fs::remove_file(self.backup_path(*old));
        }
        Ok(path)
    }

    fn backup_path(&self, number: u64) -> PathBuf {
        self.directory.join(format!("backup-{number}"))
    }

    fn backups(&self) -> Vec<u64> {
        let names = fs::read_dir(&self.directory)
            .into_iter()
            .flatten()
            .flatten();
        let number =
            |name: std::ffi::OsString| name.to_str()?.strip_prefix("backup-")?.parse().ok();
        names
            .filter_map(|entry| number(entry.file_name()))
            .collect()
    }
}

/// A file of the state directory that is not a configuration's.
#[derive(Debug, Clone, Copy)]
pub(super) enum StateFile {
    /// The servers at URLs that the tap stands before.
    Servers,
}

impl StateFile {
    /// Where it is.
    pub(super) fn path(self) -> anyhow::Result<PathBuf> {
        let Self::Servers = self;
        Ok(state_directory()?.join("servers.json"))
    }

    /// What is in it; `None` where there is none.
    pub(super) fn read(self) -> anyhow::Result<Option<Vec<u8>>> {
        let path = self.path()?;
        let failure = || format!("cannot read {}", path.display());
        let found = match fs::symlink_metadata(&path) {
            Ok(found) => found,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(failure),
        };
        // A link or a pipe that somebody put there is not read.
        if !found.is_file() || found.len() > MAX_BYTES {
            anyhow::bail!("{} was not written by mcpr", path.display());
        }
        fs::read(&path).map(Some).with_context(failure)
    }
}

/// Writes a file of the state directory anew.
pub(super) fn write_state(file: StateFile, content: &[u8]) -> anyhow::Result<()> {
    put_private(&state_directory()?, &file.path()?, content)
}

/// Renamed into place, so that a crash leaves the old content or the new one, never a part.
fn put_private(directory: &Path, path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let new = directory.join(format!("new.{}", uuid::Uuid::new_v4().simple()));
    write_new(directory, &new, content)?;
    fs::rename(&new, path).with_context(|| format!("cannot write {}", path.display()))
}

/// Writes a file that must not be there yet and that nobody else may read.
fn write_new(directory: &Path, path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let failure = || format!("cannot write {}", path.display());
    make(directory)?;
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .with_context(failure)?;
    give_to_owner(directory, &file);
    file.write_all(content)
        .and_then(|()| file.sync_all())
        .with_context(failure)
}

/// `$XDG_STATE_HOME/mcpr`, else the place that stands for it.
fn state_directory() -> anyhow::Result<PathBuf> {
    let of = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            // The XDG specification has relative paths ignored.
            .filter(|path| path.is_absolute())
    };
    let state = of("XDG_STATE_HOME").or_else(|| of("HOME").map(|home| home.join(".local/state")));
    let state =
        state.context("no place for the backup: neither XDG_STATE_HOME nor HOME is a directory")?;
    Ok(state.join("mcpr"))
}

/// Makes a directory that only its owner may enter, and those that lead to it. Under `sudo` they belong to
/// whom the place belongs to, who else could not use it later.
fn make(directory: &Path) -> anyhow::Result<()> {
    let failure = || format!("cannot make {}", directory.display());
    match fs::symlink_metadata(directory) {
        Ok(found) if found.is_dir() => {
            if found.mode() & 0o077 != 0 {
                fs::set_permissions(directory, fs::Permissions::from_mode(0o700))
                    .with_context(failure)?;
            }
            return Ok(());
        }
        Ok(_) => anyhow::bail!("{} is not a directory", directory.display()),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(failure),
    }
    let parent = directory.parent().with_context(failure)?;
    if fs::metadata(parent).is_err() {
        make(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(directory) {
        // Another installation may have made it meanwhile.
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            return Err(error).with_context(failure);
        }
        _ => {}
    }
    if let Ok(made) = File::open(directory) {
        give_to_owner(parent, &made);
    }
    Ok(())
}

/// Gives what root made to the owner of the directory that it stands in.
fn give_to_owner(directory: &Path, made: &File) {
    use rustix::fs::{Gid, Uid, fchown};
    let (Ok(around), Ok(own)) = (fs::metadata(directory), made.metadata()) else {
        return;
    };
    if own.uid() == 0 && around.uid() != 0 {
        // Where it fails root still has it: the backup is there.
        let _ = fchown(
            made,
            Some(Uid::from_raw(around.uid())),
            Some(Gid::from_raw(around.gid())),
        );
    }
}
