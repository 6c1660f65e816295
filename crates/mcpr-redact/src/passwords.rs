//! Lines of `.pgpass`, which nothing in them names: `host:port:database:user:password`. Each is recognised by its
//! port and by what stands around it. Must not know of forms that have a word of their own.

use super::scan::Pass;
use super::{value, words};
use std::ops::Range;

/// Longest line that is read.
const LONGEST_LINE: usize = 512;

/// Files that programs name before the number of a line: `main.rs:1024:…` is not a host and port.
#[rustfmt::skip]
const FILES: [&str; 24] = [
    ".rs", ".py", ".js", ".ts", ".tsx", ".jsx", ".go", ".c", ".h", ".cc", ".cpp", ".java", ".rb", ".md", ".txt", ".yml", ".yaml", ".json", ".toml",
    ".log", ".html", ".css", ".sh", ".php",
];

/// How a port begins behind the host; what a text is searched for.
pub(super) const PORTS: [&str; 9] = [":1", ":2", ":3", ":4", ":5", ":6", ":7", ":8", ":9"];

/// How many digits a port has that is no other number: those of times and of lines are shorter.
const DIGITS: std::ops::RangeInclusive<usize> = 4..=5;

impl Pass<'_> {
    /// A port may stand here in such a line.
    pub(super) fn password_line(&mut self, hit: &Range<usize>) {
        let text = self.text;
        let digits = text[hit.start + 1..].iter().take(DIGITS.end() + 1);
        let digits = digits.take_while(|byte| byte.is_ascii_digit()).count();
        let is_port = DIGITS.contains(&digits) && text.get(hit.start + 1 + digits) == Some(&b':');
        // Nearly every other number ends here.
        if !is_port && !text[hit.clone()].ends_with(b"*:") {
            return;
        }
        let from = hit
            .start
            .saturating_sub(LONGEST_LINE)
            .max(self.at.min(hit.start));
        let line = memchr::memrchr(b'\n', &text[from..hit.start]).map_or(from, |at| from + at + 1);
        let end = value::end_of_line(&text[..text.len().min(line + LONGEST_LINE)], line);
        if let Some(len) = password(&text[line..end]) {
            self.take(end - len..end, end, "key");
        }
    }
}

/// How long the password is that a line ends with, if it is such a line.
fn password(line: &[u8]) -> Option<usize> {
    let mut parts = line.splitn(5, |byte| *byte == b':');
    let (host, port, database, user, password) = (
        parts.next()?,
        parts.next()?,
        parts.next()?,
        parts.next()?,
        parts.next()?,
    );
    let is_of_host = |byte: &u8| byte.is_ascii_alphanumeric() || b"._*/-".contains(byte);
    let is_host = host.iter().all(is_of_host)
        && host
            .iter()
            .any(|byte| byte.is_ascii_alphabetic() || b".*".contains(byte))
        && !FILES.iter().any(|end| host.ends_with(end.as_bytes()))
        && (host.starts_with(b"/") || !host.contains(&b'/'));
    let is_port =
        port == b"*" || DIGITS.contains(&port.len()) && port.iter().all(u8::is_ascii_digit);
    let is_name =
        |name: &[u8]| !name.is_empty() && name.len() <= 63 && name.iter().all(u8::is_ascii_graphic);
    let is_user = user
        .first()
        .is_some_and(|byte| byte.is_ascii_alphabetic() || b"_*".contains(byte));
    // A colon of its own is escaped in it.
    let is_password = password.len() >= 3
        && password.iter().all(u8::is_ascii_graphic)
        && (0..password.len())
            .all(|at| password[at] != b':' || at > 0 && password[at - 1] == b'\\')
        && !words::is_placeholder(password)
        && !password.starts_with(b"[redacted:");
    (is_host && is_port && is_name(database) && is_name(user) && is_user && is_password)
        .then_some(password.len())
}
