//! `mcpr tap --url` through the built program: the test is the client and, mostly, the server.

mod capture;
mod flight;
mod operations;
mod order;
mod played;
mod replay;
mod seen;
mod ways;

use super::program::{Home, signal};
use rustix::process::Signal;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, Stdio};

/// A running tap; killed where a test gives up on it.
pub(crate) struct Relay {
    child: Child,
    err: BufReader<ChildStderr>,
    /// The addresses that it has printed.
    urls: Vec<String>,
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Relay {
    /// Starts a tap and waits until it says where it listens.
    pub(crate) fn start(home: &Home, arguments: &[&str]) -> Self {
        Self::start_all(home, arguments, 1)
    }

    /// The same for one before so many servers.
    pub(crate) fn start_all(home: &Home, arguments: &[&str], count: usize) -> Self {
        let mut command = home.command(&[&["tap"], arguments].concat());
        let mut child = command.stdout(Stdio::null()).spawn().unwrap();
        let err = BufReader::new(child.stderr.take().unwrap());
        let mut relay = Self {
            child,
            err,
            urls: Vec::new(),
        };
        while relay.urls.len() < count {
            let mut line = String::new();
            assert!(relay.err.read_line(&mut line).unwrap() > 0, "no address");
            let word = line.split(' ').find(|word| word.starts_with("http://"));
            relay.urls.extend(word.map(str::to_owned));
        }
        relay
    }

    /// The first address that was printed.
    pub(crate) fn url(&self) -> &str {
        &self.urls[0]
    }

    /// The host and port of the address.
    pub(crate) fn authority(&self) -> &str {
        self.url()["http://".len()..].split('/').next().unwrap()
    }

    /// Asks it to end, and gives what it printed after its addresses.
    pub(crate) fn end(mut self) -> String {
        signal(&self.child, Signal::TERM);
        let mut messages = String::new();
        self.err.read_to_string(&mut messages).unwrap();
        let ended = self.child.wait().unwrap();
        assert_eq!(ended.code(), Some(0), "{messages}");
        messages
    }
}
