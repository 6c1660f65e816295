//! How a file is known again: device and inode, proved by hashes of its first bytes and of the bytes
//! before the checkpoint. Reads files, never opens or changes one.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};

use xxhash_rust::xxh3::xxh3_64;

use mcpr_model::{Checkpoint, FileIdentity, Fingerprint};

/// Fewest bytes of a head by which a file under another inode is taken for the one that is gone:
/// shorter beginnings are alike too often.
pub const MIN_HEAD_OF_MOVED_BYTES: u64 = 64;

/// Device and inode of what was looked at.
#[must_use]
pub fn of(metadata: &Metadata) -> FileIdentity {
    FileIdentity {
        device: metadata.dev(),
        inode: metadata.ino(),
    }
}

/// The hash of a run of bytes.
#[must_use]
pub fn fingerprint(bytes: &[u8]) -> Fingerprint {
    Fingerprint {
        len: bytes.len() as u64,
        hash: xxh3_64(bytes),
    }
}

/// The bytes by which a file that was read up to some offset is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Proof {
    /// The first bytes, at most [`Checkpoint::HEAD_BYTES`].
    head: Vec<u8>,
    /// The bytes before the offset, at most [`Checkpoint::MARKER_BYTES`].
    recent: Vec<u8>,
}

impl Proof {
    /// Reads it from a file; `None` where the file is shorter than the offset.
    pub(super) fn read(file: &File, offset: u64) -> io::Result<Option<Self>> {
        let (head_len, recent_len) = (head_len(offset), marker_len(offset));
        let mut proof = Self {
            head: vec![0; head_len],
            recent: vec![0; recent_len],
        };
        let is_whole = read_exactly(file, &mut proof.head, 0)?
            && read_exactly(file, &mut proof.recent, offset - recent_len as u64)?;
        Ok(is_whole.then_some(proof))
    }

    /// The bytes follow what was read before.
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        let missing = HEAD_LEN - self.head.len();
        self.head
            .extend_from_slice(&bytes[..missing.min(bytes.len())]);
        let last = &bytes[bytes.len().saturating_sub(MARKER_LEN)..];
        let surplus = (self.recent.len() + last.len()).saturating_sub(MARKER_LEN);
        self.recent.drain(..surplus);
        self.recent.extend_from_slice(last);
    }

    /// Whether a file still holds these bytes, with the offset where it did.
    pub(super) fn holds(&self, file: &File, offset: u64) -> io::Result<bool> {
        // One buffer for both: a marker is no longer than a head.
        let mut bytes = [0; HEAD_LEN];
        let recent = &mut bytes[..self.recent.len()];
        // The later bytes first: a file that is rewritten grows from its beginning.
        if !read_exactly(file, recent, offset - self.recent.len() as u64)? || *recent != self.recent
        {
            return Ok(false);
        }
        let head = &mut bytes[..self.head.len()];
        Ok(read_exactly(file, head, 0)? && *head == self.head)
    }

    /// The hashes, head and marker.
    pub(super) fn fingerprints(&self) -> (Fingerprint, Fingerprint) {
        (fingerprint(&self.head), fingerprint(&self.recent))
    }

    /// Whether these are the bytes that a checkpoint was made of. A checkpoint may have seen more of the
    /// head than stands before it: that is to be compared with the file, see [`has_head`].
    pub(super) fn fits(&self, checkpoint: &Checkpoint) -> bool {
        let (head, marker) = self.fingerprints();
        // Many logs have one head; few have the same bytes at the same offset as well.
        marker == checkpoint.marker && (head == checkpoint.head || head.len < checkpoint.head.len)
    }
}

/// Whether a file still is the one of a checkpoint, as far as its bytes say: it reaches up to the
/// offset, and both hashes are right.
///
/// # Errors
/// When the file cannot be read.
pub fn verify(file: &File, checkpoint: &Checkpoint) -> io::Result<bool> {
    Ok(proof_of(file, checkpoint)?.is_some())
}

/// The bytes by which a file is known as the one of a checkpoint; `None` where it is another one.
pub(super) fn proof_of(file: &File, checkpoint: &Checkpoint) -> io::Result<Option<Proof>> {
    let Some(proof) = Proof::read(file, checkpoint.offset)?.filter(|it| it.fits(checkpoint)) else {
        return Ok(None);
    };
    // A file that was announced at its beginning has a head and no bytes before its offset.
    let has_seen_more = checkpoint.head.len > proof.head.len() as u64;
    let is_it = !has_seen_more || has_head(&head(file)?, checkpoint.head);
    Ok(is_it.then_some(proof))
}

/// The first bytes of a file, as many as a head can have.
pub(super) fn head(file: &File) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(HEAD_LEN);
    let mut buffer = [0; HEAD_LEN];
    // A read may give less than was asked for, and a shorter head would be another one.
    while head.len() < HEAD_LEN {
        match file.read_at(&mut buffer[head.len()..], head.len() as u64) {
            Ok(0) => break,
            Ok(bytes) => head.extend_from_slice(&buffer[head.len()..][..bytes]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(head)
}

/// Whether a file that begins with these bytes has the head of a checkpoint.
pub(super) fn has_head(head: &[u8], expected: Fingerprint) -> bool {
    usize::try_from(expected.len)
        .ok()
        .and_then(|len| head.get(..len))
        .is_some_and(|head| fingerprint(head) == expected)
}

const HEAD_LEN: usize = as_len(Checkpoint::HEAD_BYTES);
const MARKER_LEN: usize = as_len(Checkpoint::MARKER_BYTES);

/// A small length that the model gives as 64 bits.
#[expect(clippy::cast_possible_truncation, reason = "at most a kilobyte")]
const fn as_len(bytes: u64) -> usize {
    bytes as usize
}

fn head_len(offset: u64) -> usize {
    as_len(offset.min(Checkpoint::HEAD_BYTES))
}

fn marker_len(offset: u64) -> usize {
    as_len(offset.min(Checkpoint::MARKER_BYTES))
}

/// Fills a buffer from an offset; false where the file ends before.
fn read_exactly(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<bool> {
    // At an offset: several readers share the descriptor, and its own place would move with each.
    match file.read_exact_at(buffer, offset) {
        Ok(()) => Ok(true),
        // A file that is too short is another one, not a failure.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn checkpoint_at(file: &File, offset: u64) -> Checkpoint {
        let proof = Proof::read(file, offset).unwrap().unwrap();
        let (head, marker) = proof.fingerprints();
        Checkpoint {
            path: "x".into(),
            identity: of(&file.metadata().unwrap()),
            head,
            marker,
            offset,
        }
    }

    #[test]
    fn a_proof_grown_in_steps_is_the_one_read_at_once() {
        let text = (0..3000_u32).map(|n| (n % 251) as u8).collect::<Vec<_>>();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&text).unwrap();
        for step in [1, 7, 255, 256, 257, 1023, 1024, 1025, 3000] {
            let mut proof = Proof::default();
            let mut offset = 0;
            for chunk in text.chunks(step) {
                proof.extend(chunk);
                offset += chunk.len() as u64;
                assert_eq!(Some(&proof), Proof::read(&file, offset).unwrap().as_ref());
                assert!(proof.holds(&file, offset).unwrap());
            }
        }
    }

    #[test]
    fn a_file_is_the_same_while_it_grows_and_another_one_once_it_is_rewritten() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[b'a'; 2000]).unwrap();
        for offset in [0, 1, 100, 1024, 2000] {
            let checkpoint = checkpoint_at(&file, offset);
            assert_eq!(checkpoint.head.len, offset.min(1024));
            assert_eq!(checkpoint.marker.len, offset.min(256));
            file.write_all(b"more").unwrap();
            assert!(verify(&file, &checkpoint).unwrap());
        }
        let checkpoint = checkpoint_at(&file, 2000);
        file.write_all_at(b"b", 1900).unwrap();
        assert!(!verify(&file, &checkpoint).unwrap(), "marker");
        file.write_all_at(b"a", 1900).unwrap();
        assert!(verify(&file, &checkpoint).unwrap());
        file.write_all_at(b"b", 3).unwrap();
        assert!(!verify(&file, &checkpoint).unwrap(), "head");
        file.write_all_at(b"a", 3).unwrap();
        file.set_len(1999).unwrap();
        assert!(!verify(&file, &checkpoint).unwrap(), "size");
    }

    #[test]
    fn a_checkpoint_without_a_marker_proves_nothing() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[b'a'; 100]).unwrap();
        let mut checkpoint = checkpoint_at(&file, 100);
        checkpoint.marker = fingerprint(b"");
        checkpoint.head = fingerprint(b"");
        assert!(!verify(&file, &checkpoint).unwrap());
    }
}
