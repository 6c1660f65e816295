//! The bytes that a compressed file holds, one after the other, as gzip(1) gives them. Knows nothing of lines.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::Arc;

use flate2::bufread::GzDecoder;

/// Most bytes that one file is decompressed to.
const MAX_DECOMPRESSED: u64 = 64 << 30;
/// Up to so many bytes any ratio will do.
const FREE_DECOMPRESSED: u64 = 64 << 20;
/// Beyond them, the most bytes that one compressed byte may give.
// Deflate gives about 1030 at most: nothing but a file made for it comes near.
const MAX_RATIO: u64 = 1000;

/// Reads a file from its own offset, whatever other readers do.
#[derive(Debug)]
struct Compressed {
    file: Arc<File>,
    offset: u64,
}

impl Read for Compressed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.file.read_at(buffer, self.offset)?;
        self.offset += bytes as u64;
        Ok(bytes)
    }
}

/// Compressed bytes that one read asks for.
const COMPRESSED_BYTES: usize = 32 * 1024;
/// With what a member begins.
const MEMBER_BEGIN: u8 = 0x1f;

/// The decompressed bytes, one after the other.
#[derive(Debug)]
pub(super) struct Decoder {
    /// The member that is read. Others may follow: some programs add to a compressed file that way.
    inner: GzDecoder<BufReader<Compressed>>,
    /// The last member was read, or a fault was met.
    is_over: bool,
    /// How many came out.
    pub(super) offset: u64,
    /// How the compressed file was when it was begun.
    // Not as it is at the end: what is written meanwhile would be taken for read.
    pub(super) stamp: Stamp,
    /// What ended it, where that is still to be reported.
    failure: Option<io::Error>,
}

impl Decoder {
    pub(super) fn new(file: &Arc<File>) -> io::Result<Self> {
        let stamp = stamp_of(file)?;
        let file = Arc::clone(file);
        let compressed = Compressed { file, offset: 0 };
        let compressed = BufReader::with_capacity(COMPRESSED_BYTES, compressed);
        Ok(Self {
            inner: GzDecoder::new(compressed),
            is_over: false,
            offset: 0,
            stamp,
            failure: None,
        })
    }

    /// Bytes of the compressed file that were taken in.
    pub(super) fn compressed_offset(&self) -> u64 {
        self.inner.get_ref().get_ref().offset
    }

    /// Reads on, of one member after the other; 0 at the end of the last one.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.is_over {
            let read = self.inner.read(buffer);
            let read = match read {
                Ok(0) => self.next_member().map(|()| 0),
                read => read,
            };
            match read {
                Ok(0) => {}
                Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                    // Asked once more the decoder would say that it is at its end.
                    self.is_over = true;
                    return Err(error);
                }
                read => return read,
            }
        }
        Ok(0)
    }

    /// Goes on behind a member as gzip(1) does: to the next one, or over zeros to the end, with which
    /// some programs fill a block. What is anything else may not be passed over in silence.
    fn next_member(&mut self) -> io::Result<()> {
        let rest = self.inner.get_mut();
        let mut has_zeros = false;
        loop {
            let bytes = rest.fill_buf()?;
            let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
            match bytes.get(zeros) {
                None if bytes.is_empty() => {
                    self.is_over = true;
                    return Ok(());
                }
                Some(&MEMBER_BEGIN) if zeros == 0 && !has_zeros => break,
                Some(_) => return Err(io::Error::other("ends with data that are not compressed")),
                None => {}
            }
            rest.consume(zeros);
            has_zeros = true;
        }
        let file = Arc::clone(&rest.get_ref().file);
        let spare = BufReader::with_capacity(0, Compressed { file, offset: 0 });
        let rest = std::mem::replace(rest, spare);
        self.inner.reset(rest);
        Ok(())
    }

    /// Fills a buffer, less only at the end. What comes before a fault is given out first: a
    /// checksum that is wrong is known only at the end.
    pub(super) fn fill(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        let mut filled = 0;
        while filled < buffer.len() {
            match self.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(bytes) => filled += bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if filled > 0 => {
                    // The decoder does not say it twice.
                    self.failure = Some(error);
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        self.offset += filled as u64;
        let most = FREE_DECOMPRESSED.max(self.stamp.0.saturating_mul(MAX_RATIO));
        // After each buffer: a file that is a bomb is given up before it was gone through.
        if self.offset > most.min(MAX_DECOMPRESSED) {
            return Err(io::Error::other("decompresses to too much"));
        }
        Ok(filled)
    }
}

/// The first bytes of what a compressed file holds, as many as a head can have.
///
/// # Errors
/// When it cannot be decompressed, or ends before its head can be known.
pub(super) fn head(file: &Arc<File>) -> io::Result<Vec<u8>> {
    let mut head = vec![0; HEAD_BYTES];
    let mut decoder = Decoder::new(file)?;
    let bytes = decoder.fill(&mut head)?;
    let is_cut = |error: &io::Error| error.kind() == io::ErrorKind::UnexpectedEof;
    // Half a head is that of no other file: what was read before it was compressed would be read again.
    if let Some(cut) = decoder.failure.filter(is_cut) {
        return Err(cut);
    }
    head.truncate(bytes);
    Ok(head)
}

/// Bytes that a head can have.
const HEAD_BYTES: usize = 1024;

/// Size and time of change: a file in which they stay is taken for unchanged.
pub(super) type Stamp = (u64, i64, i64);

/// How a file is now.
///
/// # Errors
/// When that cannot be asked.
pub(super) fn stamp_of(file: &File) -> io::Result<Stamp> {
    let metadata = file.metadata()?;
    Ok((metadata.len(), metadata.mtime(), metadata.mtime_nsec()))
}
