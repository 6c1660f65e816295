//! `mcpr tap` through the built program, between a test that is the client and servers of a few
//! lines of shell.

use super::program::{Home, signal, until};
use rustix::process::Signal;
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Output, Stdio};
use std::sync::Arc;
use std::thread;

/// Answers every request with an empty result, as quickly as a shell can.
pub(crate) const ANSWERS: &str = r#"while IFS= read -r line; do
    case $line in *'"id":'*) id=${line#*'"id":'}; id=${id%%[,\}]*}
        printf '{"jsonrpc":"2.0","id":%s,"result":{}}\n' "$id";; esac
done"#;

/// A server that knows by heart what it will be asked.
const WEATHER: &str = r#"
        say() { printf '%s\n' "$1"; }
        read -r line; say '{"jsonrpc":"2.0","id":0,"result":{"serverInfo":{"name":"s"}}}'
        read -r line; read -r line
        say 'this server talks too much'
        say '{"method":"notifications/progress","params":{}}'
        say '{"id":1,"method":"roots/list"}'
        read -r line; say '{"id":1,"result":{"content":[]}}'
        read -r line
        say '{"id":"1","result":{"isError":true,"content":[{"type":"text","text":"no such city"}]}}'
        read -r line; say '{"id":2,"error":{"code":-32602,"message":"unknown tool"}}'
        read -r line; read -r line; say '{"id":3,"result":{}}'
        cat > /dev/null"#;

/// What its client says, and how many lines it waits for before it goes on.
const CLIENT: [(&str, usize); 9] = [
    (
        r#"{"id":0,"method":"initialize","params":{"clientInfo":{"name":"claude-code","version":"2.1"}}}"#,
        1,
    ),
    (r#"{"method":"notifications/initialized"}"#, 0),
    (
        r#"{"id":1,"method":"tools/call","params":{"name":"weather"}}"#,
        3,
    ),
    (r#"{"id":1,"result":{"roots":[]}}"#, 1),
    (
        r#"{"id":"1","method":"tools/call","params":{"name":"weather"}}"#,
        1,
    ),
    (
        r#"{"id":2,"method":"tools/call","params":{"name":"nope"}}"#,
        1,
    ),
    (
        r#"{"id":3,"method":"tools/call","params":{"name":"slow"}}"#,
        0,
    ),
    (
        r#"{"method":"notifications/cancelled","params":{"requestId":3}}"#,
        1,
    ),
    (
        r#"{"id":4,"method":"resources/read","params":{"uri":"file:///x"}}"#,
        0,
    ),
];

/// What Claude Code calls the conversation that every tap here is of.
const CONVERSATION: &str = "9b1c\u{1b}[2J";

/// A running tap; killed where a test gives up on it.
pub(crate) struct Tap(pub(crate) Child);

impl Drop for Tap {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Tap {
    pub(crate) fn start(home: &Home, options: &[&str], script: &str) -> Self {
        let arguments = [&["tap"], options, &["--", "sh", "-c", script]].concat();
        let mut command = home.command(&arguments);
        command.env("PATH", std::env::var_os("PATH").unwrap());
        command.env("CLAUDE_CODE_SESSION_ID", CONVERSATION);
        Self(command.stdin(Stdio::piped()).spawn().unwrap())
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.0.stdin.as_mut().unwrap().write_all(bytes).unwrap();
    }

    /// Closes the server's input and takes everything to the end.
    pub(crate) fn end(mut self) -> Output {
        drop(self.0.stdin.take());
        let read = |stream: Option<Box<dyn Read + Send>>| {
            thread::spawn(move || {
                let mut all = Vec::new();
                let stream = stream.map(|mut stream| stream.read_to_end(&mut all));
                stream.transpose().map(|_| all)
            })
        };
        let stdout = read(self.0.stdout.take().map(|it| Box::new(it) as _));
        let stderr = read(self.0.stderr.take().map(|it| Box::new(it) as _));
        Output {
            stdout: stdout.join().unwrap().unwrap(),
            stderr: stderr.join().unwrap().unwrap(),
            status: self.0.wait().unwrap(),
        }
    }

    fn first_line(&mut self) -> String {
        let mut line = String::new();
        BufReader::new(self.0.stdout.as_mut().unwrap())
            .read_line(&mut line)
            .unwrap();
        line
    }
}

/// Everything a server says to what it is sent, the exit code, and what stands on standard error.
fn session(home: &Home, options: &[&str], script: &str, input: &[u8]) -> (Vec<u8>, i32, String) {
    let mut tap = Tap::start(home, options, script);
    let mut stdin = tap.0.stdin.take().unwrap();
    let input = input.to_vec();
    // A server that does not read must not hang the test.
    let sender = thread::spawn(move || drop(stdin.write_all(&input)));
    let output = tap.end();
    sender.join().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    (output.stdout, output.status.code().unwrap(), err)
}

/// A row in short: id, method, tool, how it ended.
fn described(row: &Value) -> String {
    let text = |key: &str| row[key].as_str().unwrap_or("-").to_owned();
    let words = [
        "request_id",
        "method",
        "tool",
        "status",
        "error_kind",
        "error_code",
        "error_msg",
    ];
    words.map(text).join(" ")
}

/// Whether a process runs; one that only waits to be buried does not.
pub(crate) fn runs(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    let state = stat.rsplit_once(") ").map(|(_, rest)| rest.chars().next());
    !matches!(state, None | Some(Some('Z')))
}

pub(crate) fn read_when_there(path: &Path) -> String {
    until("a server wrote its number", || {
        fs::read_to_string(path).is_ok_and(|text| text.ends_with('\n'))
    });
    fs::read_to_string(path).unwrap()
}

#[test]
fn the_rows_are_what_the_client_did() {
    let home = Home::new();
    let mut tap = Tap::start(&home, &["--name", "weather", "-v"], WEATHER);
    let mut answers = BufReader::new(tap.0.stdout.take().unwrap()).lines();
    for (line, answered) in CLIENT {
        tap.send(format!("{line}\n").as_bytes());
        for _ in 0..answered {
            answers.next().unwrap().unwrap();
        }
    }
    let output = tap.end();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{err}");
    let rows = home.rows(&[]);
    let mut all: Vec<String> = rows.iter().map(described).collect();
    all.sort();
    let expected = [
        "0 initialize - ok - - -",
        "1 tools/call weather error tool - no such city",
        "1 tools/call weather ok - - -",
        "2 tools/call nope error rpc -32602 unknown tool",
        "3 tools/call slow error cancelled - -",
        "4 resources/read - timeout timeout - -",
        "server:1 roots/list - ok - - -",
    ];
    assert_eq!(all, expected);
    assert!(rows.iter().all(|row| row["proxy"] == "weather"));
    let sessions = home.succeed(&["sessions", "--json"]);
    let session: Value = serde_json::from_str(&sessions).unwrap();
    assert_eq!(session["client_name"], "claude-code");
    assert_eq!(session["total_calls"], 7);
    assert!(session["ended_at"].is_i64(), "{session}");
    assert_eq!(session["conversation"], CONVERSATION);
    let id = session["session_id"].as_str().unwrap();
    let shown = home.succeed(&["session", id]);
    assert!(shown.contains("\npart of    9b1c\\x1b[2J\n"), "{shown}");
    assert!(
        err.contains("17 lines, 7 requests, 7 stored, 3 notifications, 1 of them progress, 1 late answer, 1 line of text"),
        "{err}"
    );
}

#[test]
fn bytes_pass_unchanged_however_they_come() {
    let home = Home::new();
    let seed = mcpr_seed::seed();
    let mut random = fastrand::Rng::with_seed(seed);
    let mut bytes = Vec::new();
    for _ in 0..400 {
        match random.u8(0..4) {
            0 => bytes.extend("{\"id\":1,\"method\":\"é𝄞\"}\n".bytes()),
            1 => bytes.extend((0..random.usize(0..3000)).map(|_| random.u8(..))),
            2 => bytes.extend(b"junk\r\n\n\0\n{broken\n"),
            _ => bytes.extend((0..random.usize(0..70_000)).map(|_| b'x')),
        }
    }
    let mut tap = Tap::start(&home, &[], "cat");
    let mut output = tap.0.stdout.take().unwrap();
    let reader = thread::spawn(move || {
        let mut all = Vec::new();
        output.read_to_end(&mut all).map(|_| all)
    });
    let mut rest = &bytes[..];
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(random.usize(1..=rest.len().min(5000)));
        tap.send(piece);
        rest = after;
    }
    let ended = tap.end();
    assert!(
        reader.join().unwrap().unwrap() == bytes,
        "seed {seed}: other bytes came back"
    );
    assert!(ended.status.success(), "seed {seed}: {ended:?}");
}

#[test]
fn a_message_of_50_mib_passes_whole_and_is_recorded_in_outline() {
    let home = Home::new();
    let server = r#"read -r line; printf '{"jsonrpc":"2.0","result":{"content":[{"type":"text","text":"'
        head -c 52428800 /dev/zero | tr '\0' x; printf '"}],"isError":true},"id":1}\n'; cat"#;
    let argument = "y".repeat(20 << 20);
    let big = format!("{{\"method\":\"big\",\"params\":{{\"a\":\"{argument}\"}},\"id\":2}}\n");
    let asked = b"{\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"dump\"}}\n";
    let input = [&asked[..], big.as_bytes()].concat();
    let (out, code, err) = session(&home, &["-v"], server, &input);
    assert_eq!(code, 0, "{err}");
    let first = out.iter().position(|&byte| byte == b'\n').unwrap();
    let answer: Value = serde_json::from_slice(&out[..first]).unwrap();
    let text = answer["result"]["content"][0]["text"].as_str().unwrap();
    assert!(text == "x".repeat(50 << 20), "{} bytes came", text.len());
    assert!(
        out[first + 1..] == *big.as_bytes(),
        "the long request came back"
    );
    let rows = home.rows(&["--tool", "dump"]);
    assert_eq!(described(&rows[0]), "1 tools/call dump error tool - -");
    assert_eq!(rows[0]["bytes_out"], first);
    let asked: Vec<Value> = home.rows(&["--method", "big"]);
    assert!(
        asked.iter().all(|row| row["bytes_in"] == big.len() - 1),
        "{asked:?}"
    );
    assert!(err.contains("3 messages cut"), "{err}");
}

#[test]
fn the_servers_end_is_ours() {
    let home = Home::new();
    let cases = [
        ("exit 0", 0),
        ("exit 7", 7),
        ("exit 255", 255),
        ("kill -TERM $$", 143),
        ("kill -KILL $$", 137),
        ("cat > /dev/null; exit 3", 3),
        ("exec >&- ; cat > /dev/null; exit 4", 4),
        ("exec <&- ; echo said; exit 5", 5),
    ];
    for (script, expected) in cases {
        let (_, code, err) = session(&home, &[], script, b"");
        assert_eq!((code, err.as_str()), (expected, ""), "{script}");
    }
    let (out, _, err) = session(&home, &[], "echo last; echo trouble >&2; exit 1", b"");
    assert_eq!((&out[..], err.as_str()), (&b"last\n"[..], "trouble\n"));
}

#[test]
fn signals_reach_the_server_and_do_not_end_the_tap() {
    let home = Home::new();
    // Tests may run under `nohup`, and a shell cannot trap what was ignored when it began. What has a handler
    // here begins with the default there.
    signal_hook::flag::register(signal_hook::consts::SIGHUP, Arc::default()).unwrap();
    for (name, number) in [
        ("TERM", Signal::TERM),
        ("INT", Signal::INT),
        ("HUP", Signal::HUP),
    ] {
        let script =
            format!("trap 'echo caught; exit 9' {name}; echo ready; while :; do sleep 0.02; done");
        let mut tap = Tap::start(&home, &[], &script);
        assert_eq!(tap.first_line(), "ready\n");
        signal(&tap.0, number);
        let mut rest = String::new();
        tap.0
            .stdout
            .take()
            .unwrap()
            .read_to_string(&mut rest)
            .unwrap();
        assert_eq!(
            (rest.as_str(), tap.0.wait().unwrap().code()),
            ("caught\n", Some(9)),
            "{name}"
        );
    }
}

#[test]
fn a_client_that_goes_takes_a_stubborn_server_and_its_children_along() {
    let home = Home::new();
    let script =
        "trap '' TERM; sh -c 'trap \"\" TERM; echo $$ > inner; while :; do sleep 0.05; done' &
        echo $$ > outer; while :; do sleep 0.05; done";
    let mut tap = Tap::start(&home, &[], script);
    let pids = ["outer", "inner"].map(|name| read_when_there(&home.path(name)));
    assert!(pids.iter().all(|pid| runs(pid)));
    drop(tap.0.stdin.take());
    // What a client does that has waited for long enough; without it the server has no bound.
    signal(&tap.0, Signal::TERM);
    assert_eq!(tap.0.wait().unwrap().code(), Some(137));
    until("nobody is left", || !pids.iter().any(|pid| runs(pid)));
}

#[test]
fn what_a_server_leaves_behind_stays_as_it_would_without_a_tap() {
    let home = Home::new();
    let script = "(sleep 0.5; echo cleaned > over; exec sleep 1000) > /dev/null 2>&1 & echo $! > left; cat > /dev/null";
    let tap = Tap::start(&home, &[], script);
    let left = read_when_there(&home.path("left"));
    assert_eq!(tap.end().status.code(), Some(0));
    until("it does what it does", || home.path("over").exists());
    assert!(runs(&left));
    let pid = left
        .trim()
        .parse()
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    rustix::process::kill_process(pid.unwrap(), Signal::TERM).unwrap();
}

#[test]
fn a_server_that_cleans_up_for_long_after_it_was_asked_to_end_is_let_finish() {
    let home = Home::new();
    // Longer than clients wait before they kill, and than the rows wait for it.
    let script = "trap 'sleep 2.5; echo cleaned > over; exit 3' TERM; echo ready; while :; do sleep 0.05; done";
    let mut tap = Tap::start(&home, &[], script);
    assert_eq!(tap.first_line(), "ready\n");
    tap.send(b"{\"id\":1,\"method\":\"ping\"}\n");
    drop(tap.0.stdin.take());
    signal(&tap.0, Signal::TERM);
    // What was recorded is stored before: the client may kill the tap now.
    until("the call is stored", || home.rows_or_none().len() == 1);
    assert_eq!(tap.0.wait().unwrap().code(), Some(3));
    assert!(home.path("over").exists());
    assert_eq!(home.rows(&[]).len(), 1);
}

#[test]
fn a_server_that_says_nothing_after_its_client_has_gone_is_not_asked_to_end() {
    let home = Home::new();
    // Longer than a tap once waited for a silent server.
    let script =
        "trap 'echo asked > asked; exit 4' TERM; cat > /dev/null; sleep 5.5; echo cleaned > over";
    let tap = Tap::start(&home, &[], script);
    assert_eq!(tap.end().status.code(), Some(0));
    assert!(home.path("over").exists() && !home.path("asked").exists());
}

#[test]
fn a_killed_tap_closes_the_input_of_what_its_server_started() {
    let home = Home::new();
    let script =
        "exec 3<&0; (cat <&3 > /dev/null; echo over > over) & echo $! > pid; exec 3<&-; wait";
    let mut tap = Tap::start(&home, &[], script);
    let pid = read_when_there(&home.path("pid"));
    tap.0.kill().unwrap();
    tap.0.wait().unwrap();
    until("it saw its input end", || home.path("over").exists());
    until("it ended", || !runs(&pid));
}

#[test]
fn a_store_that_cannot_be_had_disturbs_nobody() {
    let home = Home::new();
    home.write("p.log", "text\n");
    home.record(&[&home.path("p.log")]);
    let holder = rusqlite::Connection::open(home.store()).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let garbage = home.write("garbage.db", vec![7_u8; 8192]);
    let nowhere = "/proc/nowhere/store.db";
    let stores = [home.store(), garbage, home.path("."), nowhere.into()];
    for store in stores {
        let options = ["--db", store.to_str().unwrap()];
        let input = b"{\"id\":1,\"method\":\"ping\"}\n";
        let (out, code, err) = session(&home, &options, &format!("{ANSWERS}; exit 6"), input);
        assert_eq!(code, 6, "{store:?}: {err}");
        assert_eq!(
            out, b"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n",
            "{store:?}"
        );
        assert!(err.starts_with("mcpr tap: warning: "), "{store:?}: {err}");
    }
    holder.execute_batch("COMMIT").unwrap();
    assert_eq!(home.rows(&[]).len(), 0);
}

#[test]
fn a_store_that_is_held_for_a_while_gets_everything() {
    let home = Home::new();
    home.write("p.log", "text\n");
    home.record(&[&home.path("p.log")]);
    let holder = rusqlite::Connection::open(home.store()).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut tap = Tap::start(&home, &[], ANSWERS);
    for id in 0..500 {
        tap.send(format!("{{\"id\":{id},\"method\":\"ping\"}}\n").as_bytes());
        if id == 0 {
            assert!(
                tap.first_line().contains("result"),
                "answered while the store is held"
            );
        }
    }
    holder.execute_batch("COMMIT").unwrap();
    let output = tap.end();
    assert!(output.status.success(), "{output:?}");
    let rows = home.rows(&[]);
    assert_eq!(rows.len(), 500);
    assert!(rows.iter().all(|row| row["status"] == "ok"));
}

#[test]
fn several_taps_and_a_recorder_write_one_store() {
    const CALLS: usize = 200;
    let home = Home::new();
    let file = home.write("p.log", "");
    let recorder = home.command(&["record", file.to_str().unwrap()]).spawn();
    let mut recorder = Tap(recorder.unwrap());
    let mut taps: Vec<Tap> = ["a", "b", "c"]
        .iter()
        .map(|name| Tap::start(&home, &["--name", name], ANSWERS))
        .collect();
    let mut log = fs::OpenOptions::new().append(true).open(&file).unwrap();
    for id in 0..CALLS {
        for tap in &mut taps {
            tap.send(format!("{{\"id\":{id},\"method\":\"ping\"}}\n").as_bytes());
        }
        log.write_all(crate::kill::line(id as u64).as_bytes())
            .unwrap();
    }
    let ended: Vec<Output> = taps.into_iter().map(Tap::end).collect();
    // Followed to the end of what it has, as nothing is written any more.
    until("the recorder has read its file", || {
        home.rows_or_none()
            .iter()
            .filter(|row| row["proxy"] == "p")
            .count()
            == CALLS
    });
    signal(&recorder.0, Signal::TERM);
    assert!(recorder.0.wait().unwrap().success());
    for (name, output) in ["a", "b", "c"].iter().zip(ended) {
        let rows = home.rows(&["--proxy", name, "--status", "ok"]);
        assert_eq!(rows.len(), CALLS, "{name}: {output:?}");
    }
    home.succeed(&["store", "verify", "--full"]);
}

#[test]
fn a_server_that_cannot_be_run_is_an_error() {
    let home = Home::new();
    for (arguments, words) in [
        (
            &["tap", "--", "/nowhere/server"][..],
            "cannot run /nowhere/server",
        ),
        (&["tap"], "COMMAND"),
    ] {
        let ran = home.run(arguments);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{ran:?}");
        assert!(ran.err.contains(words), "{ran:?}");
    }
    assert_eq!(home.rows(&[]), [Value::Null; 0]);
}
