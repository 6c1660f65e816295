//! The one event that is not passed on as it is: the older transport's, which says where messages are to be
//! posted. Where that is reported as the server's own address, the client would go around the tap. Pure.

use super::RelayTarget;
use std::net::SocketAddr;

/// How the event begins; every other stream begins in another way.
const BEGINS: [&[u8]; 2] = [b"event: endpoint", b"event:endpoint"];
/// Most bytes that are held back for it.
const MAX_HELD_BYTES: usize = 8 * 1024;

/// Looks for the event at the beginning of a stream.
#[derive(Debug)]
pub(super) struct EndpointRewriter {
    held: Vec<u8>,
    /// The server's own origin.
    origin: String,
    /// The tap's.
    local: String,
    /// What stands before the server's paths there.
    prefix: String,
}

impl EndpointRewriter {
    pub(super) fn new(target: &RelayTarget, address: SocketAddr) -> Self {
        Self {
            held: Vec::new(),
            origin: target.origin(),
            local: format!("http://{address}"),
            prefix: target.prefix(),
        }
    }

    /// Takes the next bytes of the stream; gives all that were held back once it is known what they are.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        self.held.extend_from_slice(bytes);
        let is_it = BEGINS.iter().any(|begins| {
            let len = begins.len().min(self.held.len());
            self.held[..len] == begins[..len]
        });
        if is_it && !is_whole(&self.held) && self.held.len() < MAX_HELD_BYTES {
            return None;
        }
        let held = std::mem::take(&mut self.held);
        Some(if is_it { self.rewritten(&held) } else { held })
    }

    /// What is held back still, at the end of the stream.
    pub(super) fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.held)
    }

    fn rewritten(&self, bytes: &[u8]) -> Vec<u8> {
        let Some(data) = memchr::memmem::find(bytes, b"\ndata:") else {
            return bytes.to_vec();
        };
        let begin = data + b"\ndata:".len();
        let blanks = bytes[begin..]
            .iter()
            .take_while(|&&byte| byte == b' ')
            .count();
        let (before, value) = bytes.split_at(begin + blanks);
        // Its line may end in either way.
        let end = memchr::memchr2(b'\r', b'\n', value).unwrap_or(value.len());
        let (value, after) = value.split_at(end);
        [before, &self.place(value), after].concat()
    }

    /// A place at the server, as the client is to call it.
    fn place(&self, stated: &[u8]) -> Vec<u8> {
        let of_origin = stated.strip_prefix(self.origin.as_bytes());
        let of_origin = of_origin.filter(|rest| matches!(rest.first(), None | Some(b'/' | b'?')));
        if let Some(rest) = of_origin {
            return [self.local.as_bytes(), self.prefix.as_bytes(), rest].concat();
        }
        if stated.starts_with(b"/") && !stated.starts_with(b"//") {
            return [self.prefix.as_bytes(), stated].concat();
        }
        stated.to_vec()
    }
}

/// Whether an event has come to its end.
fn is_whole(bytes: &[u8]) -> bool {
    [&b"\n\n"[..], b"\r\n\r\n", b"\r\r"]
        .iter()
        .any(|end| memchr::memmem::find(bytes, end).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(target: &RelayTarget, chunks: &[&str]) -> String {
        let mut rewriter = EndpointRewriter::new(target, "127.0.0.1:8080".parse().unwrap());
        let mut all = Vec::new();
        for (index, chunk) in chunks.iter().enumerate() {
            match rewriter.take(chunk.as_bytes()) {
                Some(bytes) => {
                    all.extend(bytes);
                    // Once it is known what the stream is, nothing is held back any more.
                    all.extend(chunks[index + 1..].concat().bytes());
                    break;
                }
                None => assert!(rewriter.held.len() < MAX_HELD_BYTES),
            }
        }
        all.extend(rewriter.rest());
        String::from_utf8(all).unwrap()
    }

    #[test]
    fn a_place_at_the_server_becomes_one_at_the_tap() {
        let alone = RelayTarget::alone(None, "https://a.example/sse").unwrap();
        let named = RelayTarget::named("files", "https://a.example/sse").unwrap();
        let check = |target: &RelayTarget, stated: &str, expected: &str| {
            for newline in ["\n", "\r\n"] {
                let event = |place: &str| {
                    format!("event: endpoint{newline}data: {place}{newline}{newline}: ping")
                };
                let stated = event(stated);
                assert_eq!(passed(target, &[&stated]), event(expected), "{stated:?}");
                let (first, second) = stated.split_at(30);
                assert_eq!(
                    passed(target, &[first, second]),
                    event(expected),
                    "{stated:?}"
                );
            }
        };
        check(&alone, "/messages?s=1", "/messages?s=1");
        check(&named, "/messages?s=1", "/files/messages?s=1");
        let local = "http://127.0.0.1:8080";
        check(&alone, "https://a.example/m?s=1", &format!("{local}/m?s=1"));
        check(
            &named,
            "https://a.example/m?s=1",
            &format!("{local}/files/m?s=1"),
        );
        for elsewhere in [
            "https://a.example.evil/m",
            "https://b.example/m",
            "messages",
        ] {
            check(&named, elsewhere, elsewhere);
        }
    }

    #[test]
    fn every_other_stream_passes_at_once() {
        let target = RelayTarget::alone(None, "https://a.example/mcp").unwrap();
        for stream in [
            "event: message\ndata: /x\n\n",
            "id: 1\n",
            ": ping\n",
            "event: endpoints",
        ] {
            assert_eq!(passed(&target, &[stream]), stream);
        }
    }
}
