//! A named pipe that is read on when its writer has gone: the next one may come any time.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often a pipe without a writer is looked at. It stays open, so that a writer need not wait.
const POLL: Duration = Duration::from_millis(50);

/// A named pipe whose end is not the end of its source.
pub(super) struct Fifo<'s> {
    path: PathBuf,
    file: File,
    /// Asked while nothing comes.
    stop: &'s dyn Fn() -> bool,
    /// The last byte that was read is not a newline.
    is_within_line: bool,
}

impl<'s> Fifo<'s> {
    /// Opens a pipe without waiting for a writer.
    pub(super) fn open(path: &Path, stop: &'s dyn Fn() -> bool) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            file: open(path)?,
            stop,
            is_within_line: false,
        })
    }

    /// Waits until there may be something to read.
    fn wait(&mut self) -> io::Result<()> {
        let mut pipe = [PollFd::new(&self.file, PollFlags::IN)];
        let timeout = Timespec {
            tv_sec: 0,
            tv_nsec: i64::from(POLL.subsec_nanos()),
        };
        match poll(&mut pipe, Some(&timeout)) {
            // What a signal means is for `stop` to say, which is asked before the next read.
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let events = pipe[0].revents();
        if events.contains(PollFlags::HUP) && !events.contains(PollFlags::IN) {
            // Without a writer that is reported at once, time and again.
            std::thread::sleep(POLL);
            self.look_for_another();
        }
        Ok(())
    }

    /// Somebody may have made the pipe anew, under its name.
    fn look_for_another(&mut self) {
        let own = self.file.metadata().map(|it| (it.dev(), it.ino()));
        let there = fs::metadata(&self.path).map(|it| (it.dev(), it.ino()));
        if let (Ok(own), Ok(there)) = (own, there)
            && own != there
            && let Ok(file) = open(&self.path)
        {
            self.file = file;
        }
    }
}

impl Read for Fifo<'_> {
    /// Reads what comes; 0 only when it is to stop. A line that a writer has left without its end is
    /// ended, as the next writer begins another one.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !buffer.is_empty() && !(self.stop)() {
            match self.file.read(buffer) {
                Ok(0) if self.is_within_line => {
                    self.is_within_line = false;
                    buffer[0] = b'\n';
                    return Ok(1);
                }
                Ok(0) => self.wait()?,
                Ok(bytes) => {
                    self.is_within_line = buffer[bytes - 1] != b'\n';
                    return Ok(bytes);
                }
                // There is a writer, which has written nothing yet; without one, 0 bytes are read.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.wait()?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(0)
    }
}

/// Opens the pipe, and nothing else that has taken its place.
fn open(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::FileTypeExt;
    // Without waiting for a writer; and a terminal that has the name by now must not become this
    // process's own.
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let mut options = OpenOptions::new();
    let options = options.read(true).custom_flags(flags.bits().cast_signed());
    let file = options.open(path)?;
    if file.metadata()?.file_type().is_fifo() {
        Ok(file)
    } else {
        Err(io::Error::other("is not a named pipe any more"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::io::Write;

    fn make(path: &Path) {
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        let kind = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, path, kind, mode, 0).unwrap();
    }

    fn write(path: &Path, text: &str) {
        let mut writer = OpenOptions::new().write(true).open(path).unwrap();
        writer.write_all(text.as_bytes()).unwrap();
    }

    fn read(fifo: &mut Fifo<'_>) -> String {
        let mut buffer = [0; 100];
        let bytes = fifo.read(&mut buffer).unwrap();
        String::from_utf8(buffer[..bytes].to_vec()).unwrap()
    }

    #[test]
    fn one_writer_after_the_other_is_read_until_it_is_to_stop() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pipe");
        make(&path);
        let stops = Cell::new(false);
        let stop = || stops.get();
        let mut fifo = Fifo::open(&path, &stop).unwrap();
        write(&path, "one\nhal");
        assert_eq!(read(&mut fifo), "one\nhal");
        assert_eq!(read(&mut fifo), "\n");
        write(&path, "two\n");
        assert_eq!(read(&mut fifo), "two\n");
        fs::remove_file(&path).unwrap();
        make(&path);
        fifo.look_for_another();
        write(&path, "three\n");
        assert_eq!(read(&mut fifo), "three\n");
        stops.set(true);
        assert_eq!(read(&mut fifo), "");
    }
}
