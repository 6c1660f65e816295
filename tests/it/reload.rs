//! SIGHUP: a recorder reads its configuration again, takes in what can change while it runs, and goes on.

use super::listen::client::{Client, Listener};
use super::program::{Home, signal, until};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::Child;
use std::sync::{Arc, Mutex};

/// 2026-11-21 12:00 UTC.
const NOON: i64 = 1_795_262_400_000;
const DAY: i64 = 24 * 60 * 60 * 1000;

/// How every answer to SIGHUP begins.
const ANEW: &str = "looking for the sources anew; ";

/// A recorder that goes on, and what it says.
struct Recorder {
    child: Child,
    messages: Arc<Mutex<Vec<String>>>,
    home: Home,
}

impl Recorder {
    /// Starts one that reads a file, with a configuration.
    fn start(config: &str, flags: &[&str]) -> Self {
        let home = Home::new();
        fs::create_dir_all(home.path(".config/mcpr")).unwrap();
        home.write(".config/mcpr/config.toml", config);
        let source = home.write("p.log", "");
        let arguments = [&["record", source.to_str().unwrap()], flags].concat();
        let mut command = home.command(&arguments);
        // The file has its say.
        command
            .env_remove("MCPR_KEEP")
            .env_remove("MCPR_KEEP_PAYLOADS");
        let mut child = command.spawn().unwrap();
        let messages = Arc::new(Mutex::new(Vec::new()));
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let heard = Arc::clone(&messages);
        std::thread::spawn(move || {
            for line in lines {
                heard.lock().unwrap().push(line.unwrap());
            }
        });
        let recorder = Self {
            child,
            messages,
            home,
        };
        until("it has started", || recorder.line("keeping ").is_some());
        recorder
    }

    /// The last line that begins so.
    fn line(&self, start: &str) -> Option<String> {
        let messages = self.messages.lock().unwrap();
        messages
            .iter()
            .rfind(|line| line.starts_with(start))
            .cloned()
    }

    /// Changes the configuration, sends SIGHUP, and gives what is reported about it, which is one line.
    fn hang_up(&self, config: &str) -> String {
        self.home.write(".config/mcpr/config.toml", config);
        let before = self.messages.lock().unwrap().len();
        signal(&self.child, Signal::HUP);
        let answer = || {
            let messages = self.messages.lock().unwrap();
            let mut new = messages.iter().skip(before);
            new.find_map(|line| line.strip_prefix(ANEW).map(str::to_owned))
        };
        until("it answers SIGHUP", || answer().is_some());
        answer().unwrap()
    }

    /// Appends a call with a text in its arguments, so many days before noon, and waits until it is stored.
    fn call(&self, id: u32, days: i64, text: &str) -> Value {
        let rpc = json!({"jsonrpc": "2.0", "id": id, "method": "tools/call",
                         "params": {"name": "t", "arguments": {"text": text}}});
        let line = json!({
            "type": "transaction", "ts": NOON - days * DAY, "request_id": id.to_string(),
            "session_id": "s", "latency_us": 5, "upstream_us": 4,
            "request": {"kind": "mcp", "rpc": rpc},
            "response": {"kind": "mcp", "result": {"jsonrpc": "2.0", "id": id, "result": {}}},
        });
        let source = self.home.path("p.log");
        let mut file = OpenOptions::new().append(true).open(source).unwrap();
        writeln!(file, "{line}").unwrap();
        let id = id.to_string();
        until("it is stored", || {
            let rows = self.home.rows_or_none();
            rows.iter().any(|row| row["request_id"] == *id)
        });
        self.shown(&id)
    }

    fn shown(&self, id: &str) -> Value {
        serde_json::from_str(&self.home.succeed(&["show", id, "--json"])).unwrap()
    }

    fn stop(mut self) -> Home {
        signal(&self.child, Signal::TERM);
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
        std::mem::replace(&mut self.home, Home::new())
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        // It has ended already, unless a test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn payloads_and_patterns_hold_from_the_signal_on() {
    let recorder = Recorder::start("keep = \"off\"\nkeep_payloads = \"off\"\n", &[]);
    let off = "keep = \"off\"\nkeep_payloads = \"off\"\n";
    assert!(
        !recorder
            .call(1, 0, "first-word")
            .to_string()
            .contains("first-word")
    );
    let messages = recorder.hang_up(&format!("{off}payloads = true\n"));
    assert_eq!(messages, "changed from now on: payloads");
    assert!(
        recorder
            .call(2, 0, "second-word")
            .to_string()
            .contains("second-word")
    );
    let config = format!("{off}payloads = true\npayload_limit = 16\nredact = [\"third-[a-z]+\"]\n");
    let messages = recorder.hang_up(&config);
    assert_eq!(messages, "changed from now on: payload_limit, redact");
    let third = recorder.call(3, 0, "third-word").to_string();
    assert!(!third.contains("third-word"), "{third}");
    let messages = recorder.hang_up(&config);
    assert_eq!(messages, "the configuration is as it was");
    // The file is one level; what it held before is gone with it.
    assert_eq!(
        recorder.hang_up(off),
        "changed from now on: payloads, payload_limit, redact"
    );
    assert!(
        !recorder
            .call(4, 0, "fourth-word")
            .to_string()
            .contains("fourth-word")
    );
    let home = recorder.stop();
    assert_eq!(home.rows(&[]).len(), 4, "nothing was lost");
}

#[test]
fn limits_hold_at_once_also_for_a_recorder_that_kept_everything_and_waits() {
    let off = "keep = \"off\"\nkeep_payloads = \"off\"\nmax_size = \"off\"\n";
    let recorder = Recorder::start(off, &[]);
    for (id, days) in [(1, 9), (2, 5), (3, 0)] {
        recorder.call(id, days, "");
    }
    let messages = recorder.hang_up("keep = \"7d\"\nkeep_payloads = \"off\"\nmax_size = \"off\"\n");
    assert_eq!(
        messages,
        "changed from now on: keep (keeping requests for 7d, payloads without an end, any size)"
    );
    // Nothing more comes: the signal alone has it look.
    until("what is too old goes", || {
        recorder.home.rows(&[]).len() == 2
    });
    until("that is reported", || {
        recorder.line("removed 1 request ").is_some()
    });
    recorder.stop();
}

#[test]
fn flags_and_variables_stand_above_what_is_read_again() {
    let recorder = Recorder::start(
        "",
        &["--keep", "off", "--keep-payloads", "off", "--no-payloads"],
    );
    let messages = recorder.hang_up("keep = \"1d\"\npayloads = true\n");
    assert_eq!(messages, "the configuration is as it was");
    recorder.stop();
}

#[test]
fn what_needs_a_start_is_listed_and_waits_for_one() {
    let recorder = Recorder::start("", &[]);
    let config = "store = \"~/other.db\"\nmetrics = \"127.0.0.1:1\"\npayloads = true\n";
    assert_eq!(
        recorder.hang_up(config),
        "changed from now on: payloads; needs a new start: store, metrics"
    );
    assert_eq!(
        recorder.hang_up(config),
        "nothing of the configuration changes now; needs a new start: store, metrics"
    );
    let home = recorder.stop();
    assert!(home.store().exists() && !home.path("other.db").exists());
}

#[test]
fn a_fault_in_the_file_is_reported_with_its_place_and_changes_nothing() {
    let kept = "keep = \"off\"\nkeep_payloads = \"off\"\npayloads = true\n";
    let recorder = Recorder::start(kept, &[]);
    for (config, fault) in [
        (
            "payloads = false\npaylods = true\n",
            ":2: no key `paylods`; did you mean `payloads`?",
        ),
        (
            "payloads = false\nkeep = \"soon\"\n",
            ":2: `keep`: `soon`: ",
        ),
        (
            "payloads = false\nredact = [\"(\"]\n",
            ":2: `redact`: `(`: ",
        ),
        ("payloads = false\nkeep = \n", ":2: "),
    ] {
        let messages = recorder.hang_up(config);
        let file = recorder.home.path(".config/mcpr/config.toml");
        let begin = format!("what held before stays in force: {}{fault}", file.display());
        assert!(messages.starts_with(&begin), "{messages}");
    }
    // Readers take the file as it is, and refuse it too.
    recorder.home.write(".config/mcpr/config.toml", kept);
    let shown = recorder.call(1, 0, "kept-word").to_string();
    assert!(
        shown.contains("kept-word"),
        "payloads are kept as before: {shown}"
    );
    assert_eq!(recorder.hang_up(kept), "the configuration is as it was");
    recorder.stop();
}

/// Whether a scrape under a name and with a token is let in.
fn status(address: SocketAddr, host: &str, token: &str) -> u16 {
    let mut client = Client::connect(address);
    client.send(format!(
        "GET /metrics HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\r\n"
    ));
    client.reply().unwrap().status
}

#[test]
fn names_and_the_token_change_while_an_address_is_served() {
    let config =
        |more: &str| format!("metrics = \"127.0.0.1:0\"\ntoken_file = \"~/token\"\n{more}");
    let home = Home::new();
    fs::create_dir_all(home.path(".config/mcpr")).unwrap();
    let file = home.write(".config/mcpr/config.toml", config(""));
    let token = home.write("token", "first-token");
    let mut listener = Listener::metrics(&home, &["--token-file", token.to_str().unwrap()]);
    let address = listener.address;
    assert_eq!(status(address, "recorder.lan", "first-token"), 403);
    assert_eq!(status(address, &address.to_string(), "first-token"), 200);
    fs::write(file, config("allow_host = [\"recorder.lan\"]\n")).unwrap();
    fs::write(token, "second-token").unwrap();
    signal(&listener.child, Signal::HUP);
    until("the name is known", || {
        status(address, "recorder.lan", "second-token") == 200
    });
    assert_eq!(status(address, "recorder.lan", "first-token"), 401);
    signal(&listener.child, Signal::TERM);
    let messages = listener.wait();
    assert!(
        messages.contains("changed from now on: allow_host, token_file\n"),
        "{messages}"
    );
}
