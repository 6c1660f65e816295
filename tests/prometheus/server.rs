//! A Prometheus of its own, with the rules of `contrib`, and what can be asked of it.

use crate::program::Home;
use serde_json::Value;
use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long something that must happen is waited for, a minute of scrapes included.
const PATIENCE: Duration = Duration::from_mins(10);
/// Scrapes that a recorder answers at a time.
const AT_A_TIME: usize = 4;

/// A Prometheus, killed when it is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    child: Child,
    log: PathBuf,
}

impl Server {
    /// Starts one that scrapes an address every second.
    pub(crate) fn start(home: &Home, target: SocketAddr, token_file: &Path) -> Self {
        let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib/prometheus/mcpr.rules.yml");
        let config = format!(
            "global: {{ scrape_interval: 1s, evaluation_interval: 5s }}\n\
             rule_files: [\"{rules}\"]\n\
             scrape_configs:\n\
             - job_name: mcpr\n  \
               authorization: {{ credentials_file: \"{token_file}\" }}\n  \
               static_configs: [{{ targets: [\"{target}\"] }}]\n",
            rules = rules.display(),
            token_file = token_file.display(),
        );
        let config = home.write("prometheus.yml", config);
        let log = home.path("prometheus.log");
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                home.path("tsdb").display()
            ))
            .arg("--web.listen-address=127.0.0.1:0")
            // Scrapes that failed are reported at this level.
            .arg("--log.level=debug")
            .current_dir(home.path(""))
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let mut server = Self {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            child,
            log,
        };
        until("it listens", || {
            let messages = std::fs::read_to_string(&server.log).unwrap();
            let has_ended = server.child.try_wait().unwrap().is_some();
            assert!(!has_ended, "it ended: {messages}");
            let address = listened_on(&messages);
            server.address = address.unwrap_or(server.address);
            address.is_some()
        });
        until("it answers", || {
            ask(server.address, "/api/v1/query?query=1")["status"] == "success"
        });
        server
    }

    /// The one value that a query gives now; `None` where it gives none.
    pub(crate) fn number(&self, query: &str) -> Option<f64> {
        let answer = ask(
            self.address,
            &format!("/api/v1/query?query={}", encoded(query)),
        );
        assert_eq!(answer["status"], "success", "{query}: {answer}");
        let result = answer["data"]["result"].as_array().unwrap();
        assert!(result.len() <= 1, "{query}: {answer}");
        let value = result.first()?["value"][1].as_str().unwrap();
        Some(value.parse().unwrap())
    }

    /// Waits until a query gives this value. A scrape that came too late leaves it without one for a moment.
    pub(crate) fn until_number(&self, query: &str, expected: f64) {
        let mut last = None;
        until(&format!("{query} is {expected}"), || {
            let number = self.number(query);
            if number != last {
                println!("prometheus: {query}: {number:?}");
                last = number;
            }
            assert!(number <= Some(expected), "{query}: {number:?}");
            number == Some(expected)
        });
    }

    /// What it says of scrapes that were refused or that it could not read. One that took longer than a second is
    /// the machine's matter, and so is a `503` where [`AT_A_TIME`] of those may not have ended yet.
    pub(crate) fn refusals(&self) -> Vec<String> {
        let messages = std::fs::read_to_string(&self.log).unwrap();
        let is_debug = messages.to_lowercase().contains("level=debug");
        assert!(is_debug, "it does not report scrapes that fail");
        let mut late = 0;
        messages
            .lines()
            .filter(|line| line.contains("Scrape failed") || line.contains("Append failed"))
            .filter(|line| {
                let is_late = line.contains("context deadline exceeded");
                late += usize::from(is_late);
                let is_full = line.contains("HTTP status 503") && late >= AT_A_TIME;
                !is_late && !is_full
            })
            .map(str::to_owned)
            .collect()
    }
}

/// Where it listens, by its log.
fn listened_on(log: &str) -> Option<SocketAddr> {
    // Only of whole lines.
    let (messages, _) = log.rsplit_once('\n')?;
    let line = messages
        .lines()
        .find(|line| line.contains("\"Listening on\""))?;
    let (_, address) = line.split_once("address=")?;
    address.split_whitespace().next()?.parse().ok()
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until something is true, and fails the test if it never is.
pub(crate) fn until(what: &str, mut is_true: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_true() {
        assert!(began.elapsed() < PATIENCE, "never happened: {what}");
        std::thread::park_timeout(Duration::from_millis(200));
    }
}

/// What a path of its API answers.
pub(crate) fn ask(address: SocketAddr, path: &str) -> Value {
    let mut stream = TcpStream::connect(address).unwrap();
    // HTTP/1.0: the answer ends with the connection, and is not cut into chunks.
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    // Before it is ready it answers in words.
    serde_json::from_str(body).unwrap_or_default()
}

fn encoded(query: &str) -> String {
    query.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() {
            text.push(char::from(byte));
        } else {
            // A text takes whatever is written.
            let _ = write!(text, "%{byte:02X}");
        }
        text
    })
}
