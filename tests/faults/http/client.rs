//! A client that sends what it is asked to, and a recorder to send it to.

use super::super::program::{PATIENCE, Place, Recorder, pause};
use anyhow::{Context, Result, ensure};
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

/// A recorder that listens.
pub(super) struct Listener {
    pub(super) recorder: Recorder,
    pub(super) address: SocketAddr,
}

impl Listener {
    /// Starts one and waits until it listens.
    pub(super) fn start(place: &Place, store: &Path, more: &[&str]) -> Result<Self> {
        let mut arguments = vec![OsStr::new("--listen"), OsStr::new("127.0.0.1:0")];
        arguments.extend(more.iter().map(OsStr::new));
        let mut recorder = place.recorder(store, &arguments)?;
        let began = Instant::now();
        loop {
            let messages = recorder.messages();
            let address = messages
                .lines()
                .find_map(|line| line.strip_prefix("listening on http://")?.parse().ok());
            if let Some(address) = address {
                return Ok(Self { recorder, address });
            }
            let has_ended = recorder.has_ended()?;
            ensure!(
                began.elapsed() < PATIENCE && !has_ended,
                "it never listened: {messages}"
            );
            pause(Duration::from_millis(2));
        }
    }

    /// How many sockets the recorder holds, its listening one included.
    pub(super) fn sockets(&self) -> Result<u64> {
        let descriptors = format!("/proc/{}/fd", self.recorder.id());
        let links = std::fs::read_dir(descriptors).context("list the recorder's descriptors")?;
        let targets = links.filter_map(|link| std::fs::read_link(link.ok()?.path()).ok());
        Ok(targets
            .filter(|target| target.to_string_lossy().starts_with("socket:"))
            .count() as u64)
    }
}

/// One connection.
pub(super) struct Client {
    stream: BufReader<TcpStream>,
    host: SocketAddr,
}

impl Client {
    pub(super) fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).context("connect to the recorder")?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        let stream = BufReader::new(stream);
        Ok(Self {
            stream,
            host: address,
        })
    }

    /// Sends bytes as they are; says whether they went.
    pub(super) fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.get_mut().write_all(bytes).is_ok()
    }

    /// Posts lines on this connection; the status of the answer, if one comes.
    pub(super) fn post(&mut self, body: &str) -> Option<u16> {
        let head = format!(
            "POST / HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-ndjson\r\n\
             Content-Length: {}\r\n\r\n",
            self.host,
            body.len()
        );
        self.send(head.as_bytes());
        self.send(body.as_bytes());
        self.status()
    }

    /// The status of the next answer; `None` where the connection ends without one.
    pub(super) fn status(&mut self) -> Option<u16> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if !matches!(self.stream.read_line(&mut head), Ok(1..)) {
                return None;
            }
        }
        let head = head.to_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        self.stream.read_exact(&mut body).ok()?;
        head.split(' ').nth(1)?.parse().ok()
    }

    /// Whether the other side has ended the connection.
    pub(super) fn is_over(&mut self) -> Result<bool> {
        let stream = self.stream.get_mut();
        stream.set_nonblocking(true)?;
        let over = match stream.read(&mut [0; 512]) {
            Ok(0) => true,
            Ok(_) => false,
            Err(error) => error.kind() != ErrorKind::WouldBlock,
        };
        stream.set_nonblocking(false)?;
        Ok(over)
    }
}
