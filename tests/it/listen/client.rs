//! A plain client, and the recorder that it talks to.

use crate::program::{Home, signal};
use rustix::process::Signal;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStderr, Command};
use std::time::Duration;

/// How long a client waits for an answer: longer than the recorder does for a commit.
const PATIENCE: Duration = Duration::from_secs(30);

/// A recorder that listens; killed when it is dropped.
pub(crate) struct Listener {
    pub(crate) address: SocketAddr,
    pub(crate) child: Child,
    messages: BufReader<ChildStderr>,
}

impl Listener {
    /// Starts a recorder on a free port.
    pub(crate) fn start(home: &Home, arguments: &[&str]) -> Self {
        let mut all = vec!["record", "--listen", "127.0.0.1:0"];
        all.extend(arguments);
        Self::of(home.command(&all))
    }

    /// Starts a recorder by a command.
    pub(crate) fn of(command: Command) -> Self {
        Self::messages(command, "listening on ")
    }

    /// Starts a recorder that shows metrics on a free port, and takes no posts.
    pub(crate) fn metrics(home: &Home, arguments: &[&str]) -> Self {
        let mut all = vec!["record", "--metrics", "127.0.0.1:0"];
        all.extend(arguments);
        Self::messages(home.command(&all), "metrics on ")
    }

    /// Starts a recorder, which says its address behind these words.
    fn messages(mut command: Command, words: &str) -> Self {
        let mut child = command.spawn().unwrap();
        let mut messages = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.starts_with(words) {
            line.clear();
            assert!(
                messages.read_line(&mut line).unwrap() > 0,
                "it never listened"
            );
        }
        let address = line.trim().split('/').nth(2).unwrap().parse().unwrap();
        Self {
            address,
            child,
            messages,
        }
    }

    /// Ends it in order, and gives what it printed.
    pub(crate) fn stop(mut self) -> String {
        signal(&self.child, Signal::TERM);
        self.wait()
    }

    /// Waits for its end, which must be in order.
    pub(crate) fn wait(&mut self) -> String {
        let mut rest = String::new();
        self.messages.read_to_string(&mut rest).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0), "{rest}");
        rest
    }

    /// Ends it without a word.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // It has ended already, unless a test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// In lower case.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// One connection.
pub(crate) struct Client(pub(crate) BufReader<TcpStream>);

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self(BufReader::new(stream))
    }

    /// Sends bytes as they are. A recorder that is gone is found out when its answer is read.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.0.get_mut().write_all(bytes.as_ref());
    }

    /// Posts JSON and waits for the answer.
    pub(crate) fn post(&mut self, path: &str, body: &str) -> Reply {
        self.send_post(path, body);
        self.reply().unwrap()
    }

    /// Posts JSON and waits for nothing.
    pub(crate) fn send_post(&mut self, path: &str, body: &str) {
        let host = self.0.get_ref().peer_addr().unwrap();
        self.send(format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        ));
    }

    /// The next answer; `None` where the connection ended without one.
    pub(crate) fn reply(&mut self) -> Option<Reply> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            match self.0.read_line(&mut head) {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
        let head = head.to_lowercase();
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let length = head
            .lines()
            .find_map(|it| it.strip_prefix("content-length: "));
        let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        self.0.read_exact(&mut body).ok()?;
        let body = String::from_utf8(body).unwrap();
        Some(Reply { status, head, body })
    }
}

/// The answer to one request on a connection of its own; `head` has the further header lines.
pub(crate) fn reply_to(address: SocketAddr, line: &str, head: &str, body: &str) -> Reply {
    let mut client = Client::connect(address);
    let host = if head.contains("Host:") {
        String::new()
    } else {
        format!("Host: {address}\r\n")
    };
    client.send(format!(
        "{line} HTTP/1.1\r\n{host}{head}Content-Length: {}\r\n\r\n{body}",
        body.len()
    ));
    client.reply().unwrap()
}
