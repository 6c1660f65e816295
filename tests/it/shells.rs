//! Completion in zsh and fish themselves, where they are there. That of bash stands in `generated`.
#![expect(
    clippy::print_stderr,
    reason = "a test that needs a shell says when there is none"
)]

use super::program::{Home, capture};
use super::terminal::Terminal;
use std::path::Path;
use std::process::Command;

/// Whether a shell is there; where `.ci/run` has installed it, it has to be.
fn has_shell(shell: &str) -> bool {
    let found = Command::new(shell).args(["-c", "exit 0"]).status();
    if found.is_ok_and(|status| status.success()) {
        return true;
    }
    let is_wanted = std::env::var_os("MCPR_TEST_SHELLS").is_some();
    assert!(!is_wanted, "{shell} is missing");
    eprintln!("SKIPPED: {shell} is not there");
    false
}

/// The shell in a home with records, and nothing else in its environment.
fn prepared(home: &Home, shell: &str) -> Command {
    home.record(&[&capture("mcpr-0.4.64/proxy.log")]);
    let program = Path::new(env!("CARGO_BIN_EXE_mcpr"));
    let path = format!("{}:/usr/bin:/bin", program.parent().unwrap().display());
    let mut command = Command::new(shell);
    command
        .current_dir(home.path("."))
        .env_clear()
        .envs([("PATH", path.as_str()), ("TERM", "dumb")])
        .env("HOME", home.path("."))
        .env("ZDOTDIR", home.path("."));
    command
}

#[test]
fn zsh_completes_topics_statuses_and_what_the_store_holds() {
    if !has_shell("zsh") {
        return;
    }
    let home = Home::new();
    home.write(
        ".zshrc",
        "PS1='ready> '; autoload -U compinit; compinit -u -D; source <(mcpr completions zsh)\n",
    );
    let mut zsh = prepared(&home, "zsh");
    // Without what a machine has for all of its users.
    zsh.args(["-d", "-i"]);
    let session = Terminal::of(&home).start_command(zsh);
    session.expect("ready>");
    for (typed, completed) in [
        ("mcpr help tim\t", "mcpr help times"),
        ("mcpr logs --status pend\t", "--status pending"),
        ("mcpr logs --tool get-s\t", "--tool get-sum"),
    ] {
        session.type_in(typed);
        session.expect(completed);
        session.type_in("\u{15}");
    }
    session.type_in("exit\r");
    session.finish();
}

#[test]
fn fish_completes_topics_statuses_and_what_the_store_holds() {
    if !has_shell("fish") {
        return;
    }
    let home = Home::new();
    for (line, completed) in [
        ("mcpr help tim", "times"),
        ("mcpr logs --status pend", "pending"),
        ("mcpr logs --tool get-s", "get-sum"),
    ] {
        let script = format!("mcpr completions fish | source; complete -C '{line}'");
        let mut fish = prepared(&home, "fish");
        let output = fish.args(["--no-config", "-c", &script]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let mut words = text.lines().filter_map(|line| line.split('\t').next());
        assert_eq!(words.next(), Some(completed), "{text}");
    }
}
