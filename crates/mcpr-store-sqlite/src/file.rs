//! A store's file: what lies beside it, and which file stands at its path.

use mcpr_model::FileIdentity;
pub(super) use mcpr_store::files::sibling;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

pub(super) fn uri(path: &Path, parameters: &str) -> String {
    use std::fmt::Write;
    use std::os::unix::ffi::OsStrExt;
    let mut uri = String::from("file:");
    for &byte in path.as_os_str().as_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                uri.push(char::from(byte));
            }
            _ => write!(uri, "%{byte:02x}").expect("a string takes any text"),
        }
    }
    uri.push('?');
    uri.push_str(parameters);
    uri
}

pub(super) fn file_identity(path: &Path) -> Option<FileIdentity> {
    path.metadata().ok().map(|metadata| FileIdentity {
        device: metadata.dev(),
        inode: metadata.ino(),
    })
}
