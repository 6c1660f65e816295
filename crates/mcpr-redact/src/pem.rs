//! Private keys in the forms that tools write them: between the lines `BEGIN` and `END`, and in files
//! of `PuTTY`. A key whose beginning or end was cut off is one, too. Must not look at what stands around.

use super::scan::Pass;
use super::value;
use std::ops::Range;

/// How the names of blocks end that hold a secret: keys of TLS, SSH and PGP, those of NATS, of `OpenVPN`.
const KEYS: [&[u8]; 5] = [
    b"PRIVATE KEY",
    b"PRIVATE KEY BLOCK",
    b"NKEY SEED",
    b"USER JWT",
    b"Static key V1",
];

impl Pass<'_> {
    pub(super) fn private_key(&mut self, hit: &Range<usize>) {
        const LONGEST_NAME: usize = 48;
        let head = &self.text[hit.end..self.text.len().min(hit.end + LONGEST_NAME)];
        let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b' ';
        let len = head.iter().take_while(|byte| is_name(byte)).count();
        let name = head[..len].trim_ascii_end();
        if !KEYS.iter().any(|key| name.ends_with(key)) || !head[len..].starts_with(b"----") {
            return;
        }
        let dashes = head[len..].iter().take_while(|byte| **byte == b'-').count();
        let after = hit.end + len + dashes;
        if self.text[hit.start..].starts_with(b"-----END") {
            return self.end_of_private_key(hit.start, after);
        }
        if !self.is_body(after) {
            return;
        }
        // Of SSH2 four dashes and a blank stand there.
        let closer: &[u8] = if dashes > 4 {
            b"-----END "
        } else {
            b"---- END "
        };
        let end = memchr::memmem::find(&self.text[after..], closer);
        let end = end.map(|found| after + found + closer.len());
        // Where the end was cut off the key goes on to the end of the text.
        let end = end.map_or(self.text.len(), |end| {
            let rest = &self.text[end..self.text.len().min(end + LONGEST_NAME)];
            memchr::memmem::find(rest, &closer[..dashes.min(5)])
                .map_or(end, |found| end + found + dashes.min(5))
        });
        self.take(hit.start..end, end, "private-key");
    }

    /// Whether the lines of a key begin here, and not the end of a text that speaks of keys.
    fn is_body(&self, at: usize) -> bool {
        let rest = &self.text[at..];
        let breaks = rest
            .iter()
            .take(16)
            .take_while(|byte| byte.is_ascii_whitespace() || **byte == b'\\')
            .count();
        let is_escaped = breaks > 0 && rest[breaks - 1] == b'\\';
        let body = &rest
            [breaks + usize::from(is_escaped && matches!(rest.get(breaks), Some(b'n' | b'r')))..];
        body.first()
            .is_some_and(|byte| byte.is_ascii_alphanumeric() || b"+/\\".contains(byte))
    }

    /// The end of a key whose beginning was cut off: its lines before go.
    fn end_of_private_key(&mut self, start: usize, end: usize) {
        const SHORTEST: usize = 16;
        let is_of_key = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=\r\n\\ ".contains(byte);
        let behind = &self.text[self.at..start];
        let len = behind
            .iter()
            .rev()
            .take_while(|byte| is_of_key(byte))
            .count();
        // A text that only mentions the line has no letters of a key right before it.
        if len < SHORTEST {
            return;
        }
        self.take(start - len..end, end, "private-key");
    }

    /// The lines behind `Private-Lines: N` of a file of `PuTTY`.
    pub(super) fn private_lines(&mut self, hit: &Range<usize>) {
        let from = value::end_of_line(self.text, hit.end);
        let from = from
            + self.text[from..]
                .iter()
                .take_while(|byte| byte.is_ascii_whitespace())
                .count();
        let rest = &self.text[from..];
        // `Private-MAC:` or `Private-Hash:` follows the lines.
        let end = memchr::memmem::find(rest, b"Private-").map_or(rest.len(), |at| at);
        let lines = from..from + rest[..end].trim_ascii_end().len();
        let end = lines.end;
        if !lines.is_empty() {
            self.take(lines, end, "private-key");
        }
    }
}
