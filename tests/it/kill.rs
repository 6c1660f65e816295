//! A recorder that is killed at random moments while its source grows and rotates.

use super::program::{Home, signal};
use rustix::process::Signal;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

const ROUNDS: usize = 60;

/// Writes numbered lines of mcpr 0.4 and renames the file away now and then.
struct Generator {
    directory: PathBuf,
    file: File,
    next: u64,
    rotations: u32,
    random: fastrand::Rng,
}

impl Generator {
    fn new(directory: &Path, random: fastrand::Rng) -> Self {
        let file = Self::open(directory);
        Self {
            directory: directory.to_owned(),
            file,
            next: 0,
            rotations: 0,
            random,
        }
    }

    fn open(directory: &Path) -> File {
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(directory.join("proxy.log"))
            .unwrap()
    }

    /// Writes some lines, in pieces that do not care where a line ends.
    fn write_some(&mut self) {
        let mut text = String::new();
        for _ in 0..self.random.u64(1..200) {
            text.push_str(&line(self.next));
            self.next += 1;
        }
        let middle = self.random.usize(0..text.len());
        self.file.write_all(&text.as_bytes()[..middle]).unwrap();
        self.file.write_all(&text.as_bytes()[middle..]).unwrap();
        if self.random.u8(0..12) == 0 {
            self.rotate();
        }
    }

    fn rotate(&mut self) {
        self.rotations += 1;
        let kept = self.directory.join(format!("proxy.log.{}", self.rotations));
        fs::rename(self.directory.join("proxy.log"), kept).unwrap();
        self.file = Self::open(&self.directory);
    }
}

/// A line of mcpr 0.4, with the number in its id.
pub(crate) fn line(number: u64) -> String {
    format!(
        "{{\"type\":\"request\",\"id\":\"00000000-0000-4000-8000-{number:012x}\",\"ts\":{},\
         \"proxy\":\"p\",\"session_id\":\"s-{}\",\"method\":\"POST\",\"path\":\"/\",\
         \"mcp_method\":\"tools/call\",\"tool\":\"echo\",\"status\":200,\"latency_us\":{},\
         \"note\":\"\"}}\n",
        1_795_224_422_390 + number,
        number / 50,
        number % 1000
    )
}

#[test]
fn no_line_is_lost_or_stored_twice_when_the_recorder_is_killed() {
    let seed = mcpr_seed::seed();
    println!("seed {seed}");
    every_line_is_stored_once_over_kills(&Home::new(), ROUNDS, seed);
}

/// Kills the recorder of a home's store again and again.
pub(crate) fn every_line_is_stored_once_over_kills(home: &Home, rounds: usize, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let logs = home.path("logs");
    fs::create_dir(&logs).unwrap();
    let mut generator = Generator::new(&logs, random.fork());
    let glob = format!("{}/proxy.log*", logs.display());
    for _ in 0..rounds {
        let mut child = home.command(&["record", &glob]).spawn().unwrap();
        let writes = random.u32(1..12);
        for _ in 0..writes {
            generator.write_some();
            std::thread::park_timeout(Duration::from_millis(random.u64(2..25)));
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let mut child = home.command(&["record", &glob]).spawn().unwrap();
    generator.write_some();
    signal(&child, Signal::TERM);
    child.wait().unwrap();
    let closing = home.run(&["record", "--once", &glob]);
    assert_eq!(closing.code, Some(0), "{closing:?}");

    let rows = home.rows(&[]);
    let ids: Vec<&str> = rows
        .iter()
        .map(|row| row["request_id"].as_str().unwrap())
        .collect();
    let mut sorted = ids.clone();
    sorted.sort_unstable();
    let expected: Vec<String> = (0..generator.next)
        .map(|n| format!("00000000-0000-4000-8000-{n:012x}"))
        .collect();
    assert_eq!(
        sorted.len(),
        expected.len(),
        "seed {seed}: lines lost or stored twice"
    );
    assert_eq!(sorted, expected, "seed {seed}");
    let calls: i64 = super::program::json_lines(
        &home.succeed(&["sessions", "--all", "--json", "--limit", "1000000"]),
    )
    .iter()
    .map(|session| session["total_calls"].as_i64().unwrap())
    .sum();
    assert_eq!(
        calls,
        i64::try_from(generator.next).unwrap(),
        "the counters agree with the rows"
    );
    assert_eq!(
        ids, sorted,
        "seed {seed}: stored in the order in which they were written"
    );
}
