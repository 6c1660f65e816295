//! A server and a client that play what was captured, step by step, with a tap between them: what comes out
//! on the other side is compared with what went in.

use super::capture::{Captured, CapturedAnswer};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

/// How long anything may take that must come.
const PATIENCE: Duration = Duration::from_secs(20);
/// The header by which the server knows which exchange a request is of; a tap passes it on like any other.
const NUMBER: &str = "x-captured";

/// A side of a connection, read piece by piece.
pub(super) struct Wire {
    stream: TcpStream,
    read: Vec<u8>,
}

/// A head, as it came.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) line: String,
    pub(super) headers: Vec<(String, String)>,
}

impl Head {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter();
        let found = found.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

impl Wire {
    pub(super) fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            read: Vec::new(),
        }
    }

    pub(super) fn connect(authority: &str) -> Self {
        Self::new(TcpStream::connect(authority).unwrap())
    }

    pub(super) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Reads more; says whether there was any.
    fn more(&mut self) -> bool {
        let mut piece = [0; 16384];
        let count = match self.stream.read(&mut piece) {
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => 0,
            Err(error) => panic!("nothing came: {error}"),
        };
        self.read.extend_from_slice(&piece[..count]);
        count > 0
    }

    /// Whether the other side closes the connection without saying anything more.
    pub(super) fn is_closed(&mut self) -> bool {
        self.read.is_empty() && !self.more()
    }

    /// The next head; `None` where the connection ends instead.
    pub(super) fn head(&mut self) -> Option<Head> {
        let end = loop {
            let found = self
                .read
                .windows(4)
                .position(|window| window == b"\r\n\r\n");
            if let Some(end) = found {
                break end;
            }
            if !self.more() {
                return None;
            }
        };
        let text = String::from_utf8(self.read.drain(..end + 4).collect()).unwrap();
        let mut lines = text.trim_end().split("\r\n").map(str::to_owned);
        let line = lines.next().unwrap();
        let header = |line: String| {
            let (name, value) = line.split_once(':').unwrap();
            (name.to_owned(), value.trim().to_owned())
        };
        Some(Head {
            line,
            headers: lines.map(header).collect(),
        })
    }

    /// So many bytes.
    pub(super) fn take(&mut self, count: usize) -> Vec<u8> {
        while self.read.len() < count {
            assert!(self.more(), "the connection has ended");
        }
        self.read.drain(..count).collect()
    }

    /// The next chunk of a body that comes in chunks; empty at its end.
    pub(super) fn chunk(&mut self) -> Vec<u8> {
        let end = loop {
            if let Some(end) = self.read.windows(2).position(|window| window == b"\r\n") {
                break end;
            }
            assert!(self.more(), "the connection has ended within a body");
        };
        let line = String::from_utf8(self.read.drain(..end + 2).collect()).unwrap();
        let length = usize::from_str_radix(line.trim(), 16).unwrap();
        let mut bytes = self.take(length + 2);
        bytes.truncate(length);
        bytes
    }

    /// A body of a known length or in chunks.
    pub(super) fn body(&mut self, head: &Head) -> Vec<u8> {
        if let Some(length) = head.get("content-length") {
            return self.take(length.parse().unwrap());
        }
        let mut all = Vec::new();
        if head.get("transfer-encoding").is_some() {
            loop {
                let chunk = self.chunk();
                if chunk.is_empty() {
                    break;
                }
                all.extend(chunk);
            }
        }
        all
    }
}

/// A request that has reached the server.
pub(super) struct Arrived {
    pub(super) head: Head,
    pub(super) body: Vec<u8>,
    pub(super) wire: Wire,
    done: Sender<Wire>,
}

impl Arrived {
    /// Gives the connection back for the next request.
    fn give_back(self) {
        // Its thread may have ended with the test.
        let _ = self.done.send(self.wire);
    }
}

/// A server that hands its requests to the test.
pub(super) struct PlayedServer {
    pub(super) address: SocketAddr,
    arrived: Receiver<Arrived>,
}

impl PlayedServer {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, arrived) = channel();
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                let sender = sender.clone();
                thread::spawn(move || serve(Wire::new(stream), &sender));
            }
        });
        Self { address, arrived }
    }

    pub(super) fn next(&self) -> Arrived {
        self.arrived.recv_timeout(PATIENCE).unwrap()
    }
}

fn serve(mut wire: Wire, sender: &Sender<Arrived>) {
    // An idle connection may stay open longer than anything else here.
    wire.stream.set_read_timeout(None).unwrap();
    while let Some(head) = wire.head() {
        let body = wire.body(&head);
        let (done, given_back) = channel();
        let arrived = Arrived {
            head,
            body,
            wire,
            done,
        };
        if sender.send(arrived).is_err() {
            return;
        }
        match given_back.recv() {
            Ok(back) => wire = back,
            Err(_) => return,
        }
    }
}

/// An exchange that is being played.
pub(super) struct Playing {
    captured: Captured,
    client: Wire,
    /// The head that the client has got, once it is sent.
    head: Option<Head>,
    server: Option<Arrived>,
    sent: usize,
}

/// A message as its bytes.
pub(super) fn message(line: &str, headers: &[(String, String)], body: &str) -> Vec<u8> {
    let headers = headers.iter();
    let headers = headers.map(|(name, value)| format!("{name}: {value}\r\n"));
    let headers = headers.collect::<Vec<_>>().concat();
    format!("{line}\r\n{headers}\r\n{body}").into_bytes()
}

/// Headers of the capture that are the same on both sides of a tap.
fn passed(headers: &[(String, String)]) -> Vec<(String, String)> {
    let of_connection = [
        "host",
        "connection",
        "keep-alive",
        "transfer-encoding",
        NUMBER,
    ];
    let is_passed = |name: &str| !of_connection.contains(&name.to_ascii_lowercase().as_str());
    let mut all: Vec<_> = headers.to_vec();
    all.retain(|(name, _)| is_passed(name));
    all.sort();
    all
}

impl Playing {
    /// Sends the request through the tap at `authority`, and takes it at the server.
    pub(super) fn begin(captured: &Captured, authority: &str, server: &PlayedServer) -> Self {
        let mut client = Wire::connect(authority);
        let mut headers = captured.headers.clone();
        headers.retain(|(name, _)| !name.eq_ignore_ascii_case("host"));
        headers.push(("Host".to_owned(), authority.to_owned()));
        headers.push((NUMBER.to_owned(), captured.number.to_string()));
        client.send(&message(&captured.request_line, &headers, &captured.body));
        let arrived = server.next();
        let number = captured.number.to_string();
        assert_eq!(arrived.head.get(NUMBER), Some(number.as_str()));
        assert_eq!(arrived.head.line, captured.request_line);
        assert_eq!(passed(&arrived.head.headers), passed(&captured.headers));
        let host = server.address.to_string();
        assert_eq!(arrived.head.get("host"), Some(host.as_str()));
        assert!(
            arrived.body == captured.body.as_bytes(),
            "{number}: the request changed"
        );
        Self {
            captured: captured.clone(),
            client,
            head: None,
            server: Some(arrived),
            sent: 0,
        }
    }

    fn answer(&self) -> &CapturedAnswer {
        self.captured.answer.as_ref().unwrap()
    }

    fn is_chunked(&self) -> bool {
        let mut headers = self.answer().headers.iter();
        headers.any(|(name, _)| name.eq_ignore_ascii_case("transfer-encoding"))
    }

    /// Sends the head of the answer, and takes it at the client.
    pub(super) fn send_head(&mut self) {
        let answer = self.answer().clone();
        let server = self.server.as_mut().unwrap();
        let head = message(&answer.status_line, &answer.headers, "");
        server.wire.send(&head);
        let got = self.client.head().unwrap();
        let status = |line: &str| line.split(' ').nth(1).map(str::to_owned);
        assert_eq!(status(&got.line), status(&answer.status_line));
        assert_eq!(passed(&got.headers), passed(&answer.headers));
        self.head = Some(got);
    }

    /// Sends the next piece of the answer, and takes it at the client before there is more.
    pub(super) fn send_chunk(&mut self) {
        let text = self.answer().chunks[self.sent].1.clone();
        let is_chunked = self.is_chunked();
        self.sent += 1;
        let server = self.server.as_mut().unwrap();
        if !is_chunked {
            server.wire.send(text.as_bytes());
            let got = self.client.take(text.len());
            assert!(
                got == text.as_bytes(),
                "{}: the answer changed",
                self.captured.number
            );
            return;
        }
        let framed = format!("{:x}\r\n{text}\r\n", text.len());
        server.wire.send(framed.as_bytes());
        let mut got = Vec::new();
        while got.len() < text.len() {
            got.extend(self.client.chunk());
        }
        assert!(
            got == text.as_bytes(),
            "{}: the answer changed",
            self.captured.number
        );
    }

    /// Ends the exchange as it ended.
    pub(super) fn end(mut self) {
        let end = self.captured.end.clone();
        let mut server = self.server.take().unwrap();
        match end.as_str() {
            "complete" | "open_at_stop" => {
                if self.is_chunked() {
                    server.wire.send(b"0\r\n\r\n");
                    assert_eq!(self.client.chunk(), b"");
                }
                server.give_back();
            }
            "client_closed" => {
                drop(self.client);
                assert!(server.wire.is_closed(), "the server did not hear of it");
            }
            "cut_by_proxy" | "upstream_closed" => {
                drop(server);
                assert!(self.client.is_closed(), "the client did not hear of it");
            }
            other => panic!("an exchange that ended as {other}"),
        }
    }
}
