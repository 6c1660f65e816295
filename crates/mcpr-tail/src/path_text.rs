//! Paths as text and back, those that are not UTF-8 as well: any other byte stands as `\xff`.

use std::ffi::{OsStr, OsString};
use std::fmt::Write;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use mcpr_model::Text;

/// A path as text. What is UTF-8 stays as it is, but for a backslash that would be taken for the
/// beginning of such a byte.
#[must_use]
pub fn text_of(path: &Path) -> Text {
    let bytes = path.as_os_str().as_bytes();
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        // Only where an x follows: other backslashes cannot be mistaken, and paths stay readable.
        text.push_str(&chunk.valid().replace("\\x", "\\x5cx"));
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}"); // a string takes everything
        }
    }
    text.into()
}

/// The path of a text that [`text_of`] has given.
pub(super) fn path_of(text: &str) -> PathBuf {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        if let Some(byte) = escaped(rest) {
            bytes.push(byte);
            rest = &rest[4..];
        } else {
            bytes.push(first);
            rest = after;
        }
    }
    PathBuf::from(OsString::from_vec(bytes))
}

/// The byte that stands escaped at the beginning.
fn escaped(text: &[u8]) -> Option<u8> {
    let digits = text.strip_prefix(b"\\x")?.get(..2)?;
    let digits = OsStr::from_bytes(digits).to_str()?;
    u8::from_str_radix(digits, 16)
        .ok()
        // Nothing else is ever escaped, so that any other `\x41` in a name is those four
        // characters.
        .filter(|byte| *byte >= 0x80 || *byte == b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_come_back_from_their_text() {
        let names: [&[u8]; 7] = [
            b"/var/log/a.log",
            b"x\xff.log",
            b"\xfe\xff/\xc3\xa4\xc3",
            b"a\\xff.log",
            b"\\xg\xff\\x5c",
            "\u{fffd}.log".as_bytes(),
            b"",
        ];
        for name in names {
            let path = PathBuf::from(OsStr::from_bytes(name));
            let text = text_of(&path);
            assert_eq!(path_of(&text), path, "{text}");
        }
        assert_eq!(
            text_of(Path::new(OsStr::from_bytes(b"x\xff.log"))),
            "x\\xff.log"
        );
    }
}
