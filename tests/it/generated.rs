//! What packages install: completion scripts and manual pages as checked in, and completion at work.

use super::program::{Home, capture};
use super::terminal::Terminal;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const SHELLS: [(&str, &str); 5] = [
    ("bash", "mcpr.bash"),
    ("zsh", "_mcpr"),
    ("fish", "mcpr.fish"),
    ("elvish", "mcpr.elv"),
    ("powershell", "mcpr.ps1"),
];

fn checked_in(directory: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(directory)
}

fn files_of(directory: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(directory).unwrap().map(Result::unwrap);
    entries
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read_to_string(entry.path()).unwrap())
        })
        .collect()
}

/// Compares generated files with those checked in; `UPDATE_EXPECT=1` writes them instead.
fn check_fresh(directory: &str, expected: &BTreeMap<String, String>) {
    let directory = checked_in(directory);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(&directory).unwrap();
        for (name, text) in expected {
            fs::write(directory.join(name), text).unwrap();
        }
    }
    let found = files_of(&directory);
    let stale: Vec<_> = expected
        .keys()
        .chain(found.keys())
        .filter(|name| expected.get(*name) != found.get(*name))
        .collect();
    assert!(
        stale.is_empty(),
        "{}: {stale:?} are stale; UPDATE_EXPECT=1 writes them anew",
        directory.display()
    );
}

#[test]
fn completion_scripts_are_those_checked_in() {
    let home = Home::new();
    let scripts =
        SHELLS.map(|(shell, file)| (file.to_owned(), home.succeed(&["completions", shell])));
    check_fresh("completions", &BTreeMap::from(scripts));
}

#[test]
fn manual_pages_are_those_checked_in() {
    let home = Home::new();
    let directory = home.path("man");
    home.succeed(&["man", directory.to_str().unwrap()]);
    let pages = files_of(&directory);
    assert!(
        pages["mcpr-store-vacuum.1"].contains("dry\\-run"),
        "a page of each command"
    );
    check_fresh("man", &pages);
}

/// What bash is offered for the last word.
pub(crate) fn offered(home: &Home, words: &[&str]) -> Vec<String> {
    let output = home
        .command(&[&["--"], words].concat())
        .env("MCPR_COMPLETE", "bash")
        .env("_CLAP_IFS", "\n")
        .env("_CLAP_COMPLETE_INDEX", (words.len() - 1).to_string())
        .output()
        .unwrap();
    assert!(output.status.success(), "{words:?}: {output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn completion_offers_files_where_a_command_reads_or_runs_them() {
    let home = Home::new();
    std::fs::create_dir(home.path("logs")).unwrap();
    std::fs::write(home.path("logs/one.log"), "").unwrap();
    let begun = format!("{}/o", home.path("logs").display());
    let whole = format!("{}/one.log", home.path("logs").display());
    for before in [
        ["mcpr", "record"].as_slice(),
        &["mcpr", "store", "import"],
        &["mcpr", "tap", "--"],
        &["mcpr", "tap", "--", "node"],
    ] {
        let words = [before, &[begun.as_str()]].concat();
        assert_eq!(offered(&home, &words), [whole.as_str()], "{before:?}");
    }
}

#[test]
fn completion_knows_commands_flags_and_what_the_store_holds() {
    let home = Home::new();
    assert_eq!(
        offered(&home, &["mcpr", "logs", "--tool", ""]),
        [""; 0],
        "no store is no error"
    );
    home.record(&[&capture("mcpr-0.4.64/proxy.log")]);
    assert_eq!(offered(&home, &["mcpr", "stor"]), ["store"]);
    assert!(offered(&home, &["mcpr", "logs", "--fo"]).contains(&"--follow".to_owned()));
    assert_eq!(
        offered(&home, &["mcpr", "logs", "--status", "t"]),
        ["timeout"]
    );
    assert_eq!(
        offered(&home, &["mcpr", "logs", "--tool", "get"]),
        ["get-sum"]
    );
    assert_eq!(
        offered(&home, &["mcpr", "logs", "--tool", "echo,get-s"]),
        ["echo,get-sum"],
        "a list goes on after its comma"
    );
    assert_eq!(
        offered(&home, &["mcpr", "logs", "--proxy", ""]),
        ["everything"]
    );
    assert_eq!(
        offered(&home, &["mcpr", "slow", "--method", "prompts/l"]),
        ["prompts/list"]
    );
    let session = "2bdb4dcf-b09f-4c41-9733-03bc3e2ef539";
    assert_eq!(offered(&home, &["mcpr", "session", "2bdb"]), [session]);
    assert_eq!(
        offered(&home, &["mcpr", "logs", "--fields", "seq,reque"]),
        ["seq,request_id"]
    );
}

#[test]
fn a_hostile_tool_is_never_offered_to_a_shell() {
    let home = Home::new();
    let line = |id: u8, tool: &str| {
        format!(
            "{{\"type\":\"request\",\"id\":\"{id}\",\"ts\":1795224422390,\"proxy\":\"p\",\
             \"method\":\"POST\",\"mcp_method\":\"tools/call\",\"tool\":\"{tool}\",\
             \"status\":200,\"latency_us\":1}}\n"
        )
    };
    let text = line(1, "$(touch pwned)") + &line(2, "fine") + &line(3, "a;b") + &line(4, "*");
    let source = home.write("p.log", text);
    home.record(&[&source]);
    assert_eq!(offered(&home, &["mcpr", "logs", "--tool", ""]), ["fine"]);
}

#[test]
fn bash_completes_files_fields_and_the_session_used_last_first() {
    let home = Home::new();
    home.record(&[&capture("mcpr-0.4.64/proxy.log")]);
    home.write("samples.d.log", "");
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_mcpr"));
    let path = format!("{}:/usr/bin:/bin", program.parent().unwrap().display());
    home.write(
        "rc",
        "PS1='ready> '; bind 'set bell-style none'; source <(mcpr completions bash)\n",
    );
    let mut bash = std::process::Command::new("bash");
    bash.args(["--noprofile", "--rcfile", "rc", "-i"])
        .current_dir(home.path("."))
        .env_clear()
        .envs([("PATH", path.as_str()), ("TERM", "dumb")])
        .env("HOME", home.path("."));
    let session = Terminal::of(&home).start_command(bash);
    session.expect("ready>");
    for (typed, completed) in [
        ("mcpr record sam\t", "mcpr record samples.d.log"),
        ("mcpr logs --fields seq,lat\t", "seq,latency_us"),
        ("mcpr stats --fields calls_be\t", "calls_before"),
        ("mcpr logs --status pend\t", "--status pending"),
    ] {
        session.type_in(typed);
        session.expect(completed);
        // Away with the line.
        session.type_in("\u{15}");
    }
    session.type_in("exit\r");
    session.finish();
    let listed = home.succeed(&["sessions", "--sort", "used", "--json"]);
    let used: Vec<String> = crate::program::json_lines(&listed)
        .iter()
        .filter(|row| row["inferred"] == false)
        .map(|row| row["session_id"].as_str().unwrap().to_owned())
        .collect();
    let all = offered(&home, &["mcpr", "logs", "--session", ""]);
    let all: Vec<&String> = all.iter().filter(|id| used.contains(id)).collect();
    assert!(used.len() > 2);
    assert_eq!(all, used.iter().collect::<Vec<_>>());
}
