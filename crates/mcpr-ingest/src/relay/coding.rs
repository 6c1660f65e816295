//! Bodies that a server has compressed, read from the copy: what the client gets stays as it is.

use super::pieces::ContentCoding;
use flate2::write::MultiGzDecoder;
use std::io::Write;

/// Bytes that are decompressed at once: what comes of them is at most some thousand times as much.
const STEP_BYTES: usize = 1024;

/// How the bytes of an answer are read.
#[derive(Debug)]
pub(super) enum BodyDecoder {
    Plain,
    Gzip(Box<MultiGzDecoder<Vec<u8>>>),
    /// Not at all.
    Unread,
}

impl BodyDecoder {
    pub(super) fn of(coding: ContentCoding) -> Self {
        match coding {
            ContentCoding::Plain => Self::Plain,
            ContentCoding::Gzip => Self::Gzip(Box::new(MultiGzDecoder::new(Vec::new()))),
            ContentCoding::Unread => Self::Unread,
        }
    }

    /// Whether the answer cannot be read.
    pub(super) fn is_unread(&self) -> bool {
        matches!(self, Self::Unread)
    }

    /// Reads bytes and hands over what they are, in pieces of a bounded length.
    pub(super) fn read(&mut self, bytes: &[u8], found: &mut dyn FnMut(&[u8])) {
        match self {
            Self::Plain => found(bytes),
            Self::Unread => {}
            Self::Gzip(decoder) => {
                for step in bytes.chunks(STEP_BYTES) {
                    // A flush brings out what a server has flushed: the events of a stream come in time.
                    if decoder
                        .write_all(step)
                        .and_then(|()| decoder.flush())
                        .is_err()
                    {
                        *self = Self::Unread;
                        return;
                    }
                    // Taken out at once, so that little is ever held.
                    let plain = decoder.get_mut();
                    found(plain);
                    plain.clear();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;

    #[test]
    fn a_compressed_stream_is_read_as_it_is_flushed() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        let mut decoder = BodyDecoder::of(ContentCoding::Gzip);
        let mut plain = Vec::new();
        for text in [b"data: 1\n\n", b"data: 2\n\n"] {
            encoder.write_all(text).unwrap();
            encoder.flush().unwrap();
            let sent = std::mem::take(encoder.get_mut());
            decoder.read(&sent, &mut |bytes| plain.extend_from_slice(bytes));
            assert!(plain.ends_with(text), "{plain:?}");
        }
        decoder.read(b"no gzip", &mut |_| {});
        decoder.read(&[0; 64], &mut |_| {});
        assert!(!plain.is_empty());
    }
}
