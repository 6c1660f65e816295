//! A log that is written in pieces and rotated in one of seven ways. Knows nothing of its readers.

use super::ledger::Ledger;
use super::program::append_to;
use anyhow::{Context, Result};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs::{self, File};
use std::io::{self, BufReader, Write};
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};

/// How a log is rotated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Renamed, and made anew.
    Rename,
    /// Copied, and cut to nothing.
    CopyTruncate,
    /// Cut to nothing without a copy.
    Truncate,
    /// A link leads to another file.
    Link,
    /// Renamed, made anew, and compressed.
    Gzip,
    /// Deleted, and made anew.
    Delete,
    /// Every numbered file moves one number on.
    Chain,
}

impl Way {
    /// All of them, with their names in the report.
    pub(crate) const ALL: [(Self, &'static str); 7] = [
        (Self::Rename, "rename+create"),
        (Self::CopyTruncate, "copytruncate"),
        (Self::Truncate, "truncate+regrow"),
        (Self::Link, "symlink switch"),
        (Self::Gzip, "gzip"),
        (Self::Delete, "delete+recreate"),
        (Self::Chain, "chain"),
    ];

    /// Whether what nobody has read is gone afterwards.
    pub(crate) fn discards(self) -> bool {
        matches!(self, Self::Truncate | Self::Delete)
    }
}

/// A log, the program that writes it, and the one that rotates it.
pub(crate) struct Log {
    directory: PathBuf,
    way: Way,
    /// What a recorder is asked to read.
    pub(crate) source: PathBuf,
    file: File,
    pub(crate) ledger: Ledger,
    pub(crate) random: fastrand::Rng,
    rotations: u32,
    /// The number of the first line of the present file.
    pub(crate) first_of_file: usize,
    /// Files that were made anew in the place of a deleted one.
    pub(crate) recreated: u64,
    /// Those of them that have the deleted one's inode.
    pub(crate) same_inodes: u64,
}

/// A line of which a part is written.
pub(crate) struct HalfLine {
    line: String,
    /// How many bytes of it are in the file.
    written: usize,
}

impl Log {
    pub(crate) fn new(directory: &Path, way: Way, mut random: fastrand::Rng) -> Result<Self> {
        let (file, source) = match way {
            Way::Link => {
                let file = append_to(&directory.join("app-0.log"))?;
                symlink("app-0.log", directory.join("current"))?;
                (file, "current")
            }
            Way::Truncate | Way::Delete => (append_to(&directory.join("app.log"))?, "app.log"),
            _ => (append_to(&directory.join("app.log"))?, "app.log*"),
        };
        Ok(Self {
            source: directory.join(source),
            directory: directory.to_owned(),
            way,
            file,
            ledger: Ledger::new(random.fork()),
            random,
            rotations: 0,
            first_of_file: 0,
            recreated: 0,
            same_inodes: 0,
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Writes some lines, in pieces that do not care where a line ends.
    pub(crate) fn grow(&mut self) -> Result<()> {
        let count = self.random.usize(1..60);
        let text = self.ledger.lines(count);
        let (first, rest) = text.as_bytes().split_at(self.random.usize(..text.len()));
        self.file.write_all(first)?;
        self.file.write_all(rest)?;
        Ok(())
    }

    /// Writes the first part of a line; gives the whole line and how much of it is there.
    pub(crate) fn write_half_line(&mut self) -> Result<HalfLine> {
        let line = self.ledger.line();
        let half = self.random.usize(1..line.len() - 1);
        self.file.write_all(&line.as_bytes()[..half])?;
        Ok(HalfLine {
            line,
            written: half,
        })
    }

    /// Rotates. A line that is half written is finished where its writer would finish it: in the file
    /// it began in, or, where that is gone, as a whole in the new one.
    pub(crate) fn rotate(&mut self, half: Option<&HalfLine>) -> Result<()> {
        self.rotations += 1;
        // Half a line may end within a character.
        let rest = half.map_or(&b""[..], |half| &half.line.as_bytes()[half.written..]);
        let whole = half.map_or("", |half| half.line.as_str());
        self.first_of_file = self.ledger.len() - usize::from(half.is_some() && self.way.discards());
        match self.way {
            Way::Rename => self.rename(rest).map(drop),
            Way::CopyTruncate => self.copy_and_truncate(rest),
            Way::Truncate => {
                self.file.set_len(0)?;
                self.file.write_all(whole.as_bytes())
            }
            Way::Link => self.switch(rest),
            Way::Gzip => self.rename(rest).and_then(|kept| compress(&kept)),
            Way::Delete => self.delete(whole),
            Way::Chain => self.move_on(rest),
        }
        .with_context(|| format!("rotate {}", self.directory.display()))
    }

    /// Gives the name that the file has from now on.
    fn rename(&mut self, rest: &[u8]) -> io::Result<PathBuf> {
        let kept = self.path(&format!("app.log.{}", self.rotations));
        fs::rename(self.path("app.log"), &kept)?;
        self.file.write_all(rest)?;
        self.file = append(&self.path("app.log"))?;
        Ok(kept)
    }

    fn copy_and_truncate(&mut self, rest: &[u8]) -> io::Result<()> {
        self.file.write_all(rest)?;
        let kept = self.path(&format!("app.log.{}", self.rotations));
        fs::copy(self.path("app.log"), kept)?;
        self.file.set_len(0)
    }

    fn switch(&mut self, rest: &[u8]) -> io::Result<()> {
        let name = format!("app-{}.log", self.rotations);
        let new = append(&self.path(&name))?;
        symlink(&name, self.path("next"))?;
        fs::rename(self.path("next"), self.path("current"))?;
        self.file.write_all(rest)?;
        self.file = new;
        Ok(())
    }

    fn delete(&mut self, whole: &str) -> io::Result<()> {
        let path = self.path("app.log");
        let inode = fs::metadata(&path)?.ino();
        // The writer lets go first: an inode that is held is not given out again.
        self.file = File::open("/dev/null")?;
        fs::remove_file(&path)?;
        self.file = append(&path)?;
        self.recreated += 1;
        self.same_inodes += u64::from(self.file.metadata()?.ino() == inode);
        self.file.write_all(whole.as_bytes())
    }

    fn move_on(&mut self, rest: &[u8]) -> io::Result<()> {
        for number in (1..self.rotations).rev() {
            let from = self.path(&format!("app.log.{number}"));
            fs::rename(from, self.path(&format!("app.log.{}", number + 1)))?;
        }
        fs::rename(self.path("app.log"), self.path("app.log.1"))?;
        self.file.write_all(rest)?;
        self.file = append(&self.path("app.log"))?;
        Ok(())
    }
}

fn append(path: &Path) -> io::Result<File> {
    append_to(path).map_err(io::Error::other)
}

/// What `gzip FILE` does.
fn compress(path: &Path) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".gz");
    let mut encoder = GzEncoder::new(File::create(name)?, Compression::fast());
    io::copy(&mut BufReader::new(File::open(path)?), &mut encoder)?;
    encoder.finish()?;
    fs::remove_file(path)
}
