//! A tap leaves the session as it would be without it: what its server inherits, what its terminal is
//! for, whom it takes along when it dies, and that nothing is lost when its store is busy at the end.

use super::program::{Home, until};
use super::tap::{ANSWERS, Tap, read_when_there, runs};
use super::terminal::Terminal;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn path_variable() -> String {
    std::env::var("PATH").unwrap()
}

#[test]
fn a_server_can_ask_on_its_terminal() {
    let home = Home::new();
    let path = path_variable();
    let ask = r#"printf Password: >/dev/tty; read -r it </dev/tty; echo "got $it"; exit 3"#;
    let arguments = ["tap", "--name", "x", "--", "sh", "-c", ask];
    let session = Terminal::of(&home).env("PATH", &path).start(&arguments);
    session.expect("Password:");
    session.type_in("hunter2\n");
    session.expect("got hunter2");
    assert_eq!(session.finish().code, Some(3));
}

#[test]
fn a_key_of_the_terminal_is_one_signal() {
    let home = Home::new();
    let path = path_variable();
    let count = r#"n=0; trap 'n=$((n+1)); echo "signal $n"' INT; trap 'exit 4' TERM
        echo ready; while :; do read -r line && echo "line $line"; done"#;
    let arguments = ["tap", "--name", "x", "--", "sh", "-c", count];
    let session = Terminal::of(&home).env("PATH", &path).start(&arguments);
    session.expect("ready");
    session.type_in("\u{3}");
    session.expect("signal 1");
    session.type_in("still there\n");
    session.expect("line still there");
    super::program::signal(&session.child, rustix::process::Signal::TERM);
    let ran = session.finish();
    assert_eq!(ran.code, Some(4), "{ran:?}");
    assert!(!ran.out.contains("signal 2"), "{ran:?}");
}

#[test]
fn a_killed_tap_takes_a_server_along_that_reads_nothing() {
    let home = Home::new();
    let mut tap = Tap::start(&home, &[], "echo $$ > pid; exec sleep 1000");
    let pid = read_when_there(&home.path("pid"));
    tap.0.kill().unwrap();
    tap.0.wait().unwrap();
    until("the server ended", || !runs(&pid));
}

/// How it is done where the kernel does not do it: here the test is the tap.
#[test]
fn a_watcher_ends_the_server_of_a_tap_that_is_gone() {
    let home = Home::new();
    let mut server = Command::new("sleep");
    let mut server = server.arg("1000").spawn().unwrap();
    let pid = server.id().to_string();
    let watch = |input: &[u8]| {
        let mut watcher = home.command(&["__tap-watch", &pid]);
        let mut watcher = watcher.stdin(Stdio::piped()).spawn().unwrap();
        watcher.stdin.take().unwrap().write_all(input).unwrap();
        assert_eq!(watcher.wait().unwrap().code(), Some(0));
    };
    watch(b".");
    assert_eq!(server.try_wait().unwrap(), None, "all was over");
    watch(b"");
    assert_eq!(server.wait().unwrap().signal(), Some(9));
}

#[test]
fn a_launcher_that_ends_early_does_not_end_the_session() {
    let home = Home::new();
    // What it leaves answers its second call later than a tap once waited for a server that is gone.
    let script = format!("exec 3<&0; (read -r a; echo \"$a\"; sleep 1.5; {ANSWERS}) <&3 & exit 7");
    let mut tap = Tap::start(&home, &[], &script);
    tap.send(b"{\"id\":0,\"result\":{}}\n");
    let mut output = BufReader::new(tap.0.stdout.take().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    tap.send(b"{\"id\":1,\"method\":\"ping\"}\n");
    line.clear();
    output.read_line(&mut line).unwrap();
    assert_eq!(line, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n");
    let ended = tap.end();
    assert_eq!(ended.status.code(), Some(7), "{ended:?}");
    assert_eq!(home.rows(&["--status", "ok"]).len(), 1);
}

#[test]
fn a_helper_that_a_server_leaves_with_its_output_is_not_waited_for() {
    let home = Home::new();
    // What it says last is more than the pipe holds while nobody reads, and comes whole.
    let script = "sleep 1000 & echo $! > left; cat > /dev/null
        head -c 300000 /dev/zero | tr '\\0' x; exit 3";
    let tap = Tap::start(&home, &[], script);
    let left = read_when_there(&home.path("left"));
    let began = Instant::now();
    let ended = tap.end();
    assert_eq!(ended.status.code(), Some(3), "{ended:?}");
    assert_eq!(ended.stdout.len(), 300_000);
    // It once was waited for 5 s long; clients ask a second time after 2 s.
    assert!(
        began.elapsed() < Duration::from_secs(4),
        "the helper was waited for"
    );
    assert!(runs(&left), "it is none of the tap's");
    let pid = left
        .trim()
        .parse()
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    rustix::process::kill_process(pid.unwrap(), rustix::process::Signal::TERM).unwrap();
}

#[test]
fn a_server_sees_what_it_would_see_without_a_tap() {
    let home = Home::new();
    let look = r#"umask; ulimit -a; pwd; echo "$0 $*"; env | sort; ls /proc/self/fd
        grep -E 'Sig(Ign|Blk)|CoreDump|NoNewPrivs|Seccomp:' /proc/self/status; nice"#;
    home.write("look", look);
    // As `nohup` and a shell in the background leave it.
    let prepare = "trap '' HUP INT QUIT TERM USR1 USR2 CHLD WINCH; umask 027; ulimit -n 100
        ulimit -c 0; exec 7< look; MARK=1; export MARK; exec nice -n 3 \"$@\"";
    let run = |front: &[&str]| {
        let mut command = Command::new("sh");
        command.args(["-c", prepare, "sh"]).args(front);
        command.args(["sh", "look", "one", "two  words", ""]);
        command
            .env_clear()
            .env("HOME", home.path("."))
            .env("PATH", path_variable());
        command.current_dir(home.path(".")).stdin(Stdio::null());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let seen = String::from_utf8(output.stdout).unwrap();
        // The C library ignores a signal of its own in what it starts: only the first 31 have names.
        let (before, mask) = seen.split_once("SigIgn:\t").unwrap();
        let (mask, after) = mask.split_once('\n').unwrap();
        let named = u64::from_str_radix(mask, 16).unwrap() & 0x7fff_ffff;
        format!("{before} ignores {named:x} {after}")
    };
    let without = run(&[]);
    let with = run(&[env!("CARGO_BIN_EXE_mcpr"), "tap", "--"]);
    assert!(without.contains("ignores 8004a07"), "{without}");
    assert_eq!(with, without);
}

#[test]
fn what_a_busy_store_does_not_take_at_the_end_is_stored_by_the_next() {
    let home = Home::new();
    home.write("p.log", "text\n");
    home.record(&[&home.path("p.log")]);
    let holder = rusqlite::Connection::open(home.store()).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut tap = Tap::start(&home, &["--redact", "sesame"], ANSWERS);
    for id in 0..100 {
        tap.send(format!("{{\"id\":{id},\"method\":\"ping\"}}\n").as_bytes());
    }
    tap.send(b"{\"id\":100,\"method\":\"resources/read\",\"params\":{\"uri\":\"x:sesame\"}}\n");
    let ended = tap.end();
    let err = String::from_utf8(ended.stderr).unwrap();
    assert!(err.contains("wait in "), "{err}");
    let left = || -> Vec<_> {
        let directory = home.store().parent().unwrap().to_owned();
        let entries = fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let is_left = |path: &std::path::PathBuf| path.to_string_lossy().contains(".spill-");
        entries.filter(is_left).collect()
    };
    let file = left().pop().expect("it is beside the store");
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let text = fs::read_to_string(&file).unwrap();
    assert!(!text.contains("sesame"), "secrets are taken out before");
    holder.execute_batch("ROLLBACK").unwrap();
    assert_eq!(home.rows(&[]).len(), 0);
    for _ in 0..2 {
        assert!(Tap::start(&home, &[], "exit 0").end().status.success());
        let rows = home.rows(&[]);
        assert_eq!(rows.len(), 101, "once, and no gap");
        assert_eq!(left().len(), 0);
    }
    home.succeed(&["store", "verify", "--full"]);
}

#[test]
fn a_large_end_is_stored_or_reported_as_lost_and_never_gone_in_silence() {
    const CALLS: u64 = 20_000;
    let home = Home::new();
    home.write("p.log", "text\n");
    home.record(&[&home.path("p.log")]);
    let holder = rusqlite::Connection::open(home.store()).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    // The server asks what it is asked: more rows than a tap holds for a store that is not open.
    let mut tap = Tap::start(&home, &[], "exec cat");
    let mut output = tap.0.stdout.take().unwrap();
    let reader = std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
    for id in 0..CALLS {
        tap.send(format!("{{\"id\":{id},\"method\":\"ping\"}}\n").as_bytes());
    }
    let ended = tap.end();
    reader.join().unwrap().unwrap();
    let err = String::from_utf8(ended.stderr).unwrap();
    assert!(err.contains(".spill-"), "{err}");
    holder.execute_batch("ROLLBACK").unwrap();
    // A short session need not have the time for all of the file: what is left is there for the next one.
    let is_left = || {
        let beside = std::fs::read_dir(home.store().parent().unwrap()).unwrap();
        let mut names = beside.map(|entry| entry.unwrap().file_name());
        names.any(|name| name.to_string_lossy().contains(".spill-"))
    };
    for _ in 0..100 {
        assert!(Tap::start(&home, &[], "exit 0").end().status.success());
        if !is_left() {
            break;
        }
    }
    assert!(!is_left(), "what was left beside the store is taken in");
    let stats: serde_json::Value =
        serde_json::from_str(&home.succeed(&["store", "stats", "--json"])).unwrap();
    let count_of = |key: &str| stats[key].as_u64().unwrap();
    let (stored, lost) = (count_of("requests"), count_of("dropped"));
    assert!(stored + lost >= 2 * CALLS, "{stats}");
}

/// How the only call of a session ended whose server does this when it was asked; the client is still there, or
/// has left.
fn outcome(script: &str, client_leaves: bool) -> String {
    let home = Home::new();
    let mut tap = Tap::start(&home, &["--name", "p"], script);
    let call = b"{\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"t\"}}\n";
    tap.send(call);
    let held = (!client_leaves).then(|| tap.0.stdin.take());
    let _ = tap.end();
    drop(held);
    let rows = home.rows(&[]);
    let text = |key: &str| rows[0][key].as_str().unwrap_or("-").to_owned();
    ["status", "error_kind", "error_msg"].map(text).join(" ")
}

#[test]
fn what_was_open_when_the_server_died_is_no_timeout() {
    let fails = "read -r line; exit 7";
    let code = "error died server exited with code 7";
    assert_eq!(outcome(fails, false), code);
    assert_eq!(outcome("read -r line; cat >/dev/null; exit 7", true), code);
    let killed = "error died server was killed by signal 9 (SIGKILL)";
    assert_eq!(outcome("read -r line; kill -9 $$", false), killed);
    let well = "read -r line; exit 0";
    assert_eq!(outcome(well, false), "error died server exited with code 0");
    // It ends as it should, when its client has left.
    let left = "read -r line; cat >/dev/null";
    assert_eq!(outcome(left, true), "timeout timeout -");
}

#[test]
fn what_cannot_start_is_reported_once_and_its_session_is_listed() {
    let home = Home::new();
    let ran = Terminal::of(&home).run(&["tap", "--name", "p", "--", "/no/such/server"]);
    let count_of = ran.out + &ran.err;
    assert_eq!(count_of.matches("No such file").count(), 1, "{count_of}");
    assert_eq!(ran.code, Some(2), "{count_of}");
    let nowhere = ["tap", "--db", "/proc/no/store.db", "--", "true"];
    let ran = home.run(&nowhere);
    assert_eq!(
        ran.err.matches("cannot open the store").count(),
        1,
        "{ran:?}"
    );
    let listed = home.succeed(&["sessions"]);
    assert!(listed.contains("not started"), "{listed}");
    let session = home.succeed(&["session", "latest"]);
    assert!(session.contains("state      not started"), "{session}");
}
