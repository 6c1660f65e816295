//! This test's own program between two others: passes everything on, and keeps what it passed in two
//! files. It knows nothing of messages and uses nothing of the tap.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::thread;

/// The first argument that makes a shim of this program.
pub(crate) const WORD: &str = "shim";

/// What passed a shim.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Passed {
    pub(crate) to_server: Vec<u8>,
    pub(crate) to_client: Vec<u8>,
}

impl Passed {
    /// Reads what a shim kept.
    pub(crate) fn read(at: &Path) -> Self {
        let [to_server, to_client] = files(at).map(|path| std::fs::read(path).unwrap());
        Self {
            to_server,
            to_client,
        }
    }
}

fn files(at: &Path) -> [PathBuf; 2] {
    ["to-server", "to-client"].map(|extension| at.with_extension(extension))
}

/// A command behind a shim that keeps what passes at a path.
pub(crate) fn before(at: &Path, command: &[String]) -> Vec<String> {
    let program = std::env::current_exe().unwrap();
    let first = [program.to_str().unwrap(), WORD, at.to_str().unwrap()];
    first
        .into_iter()
        .map(str::to_owned)
        .chain(command.iter().cloned())
        .collect()
}

/// Runs a command in the middle until it has closed its output; `words` are the path and the command.
pub(crate) fn run(words: &[String]) -> ExitCode {
    let (at, command) = words.split_first().unwrap();
    let mut server = Command::new(&command[0])
        .args(&command[1..])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let [to_server, to_client] = files(Path::new(at)).map(|path| File::create(path).unwrap());
    let input = server.stdin.take().unwrap();
    let output = server.stdout.take().unwrap();
    // Ends with the client's input, or with the program.
    thread::spawn(move || pass(io::stdin(), input, to_server));
    pass(output, io::stdout(), to_client);
    let code = server.wait().unwrap().code();
    ExitCode::from(code.map_or(255, |code| u8::try_from(code).unwrap()))
}

fn pass(mut from: impl Read, mut to: impl Write, mut kept: impl Write) {
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        kept.write_all(&bytes[..count]).unwrap();
        let passed = to.write_all(&bytes[..count]).and_then(|()| to.flush());
        if passed.is_err() {
            return;
        }
    }
}
