//! `mcpr service print`: units of systemd and launchd, with this machine's paths.

use crate::commands::Refused;
use crate::console::Console;
use crate::exit::Exit;
use anyhow::Context;
use mcpr_surface::quote::xml;
use std::ffi::{OsStr, OsString};
use std::path::Path;

const SYSTEM_UNIT: &str = include_str!("../../contrib/systemd/system/mcpr.service");
const USER_UNIT: &str = include_str!("../../contrib/systemd/user/mcpr.service");
const FORWARD_SYSTEM_UNIT: &str = include_str!("../../contrib/systemd/system/mcpr-forward.service");
const FORWARD_USER_UNIT: &str = include_str!("../../contrib/systemd/user/mcpr-forward.service");
const AGENT: &str = include_str!("../../contrib/launchd/mcpr.recorder.plist");

/// What `mcpr service` takes.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Clone, clap::Subcommand)]
enum Task {
    /// Print a unit that starts `mcpr record` or `mcpr forward` with the machine, or with a user's session
    Print(PrintArgs),
}

#[derive(Debug, Clone, clap::Args)]
struct PrintArgs {
    /// What runs the recorder
    #[arg(value_enum, value_name = "KIND")]
    kind: Kind,
    /// Print the unit of `mcpr forward`, whose arguments stand behind `--`
    #[arg(long)]
    forward: bool,
    /// The arguments of `mcpr record` [default: --listen 127.0.0.1:8787]
    #[arg(last = true, value_name = "ARGUMENT")]
    arguments: Vec<OsString>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// A user's own unit: ~/.config/systemd/user/mcpr.service
    Systemd,
    /// A unit of the machine, shut off from the rest of it: /etc/systemd/system/mcpr.service
    SystemdSystem,
    /// A user's own agent: ~/Library/LaunchAgents/mcpr.recorder.plist
    Launchd,
}

/// Prints a unit.
///
/// # Errors
/// When an argument cannot stand in a unit, or the output is not written.
pub fn run(args: &Args, console: &mut Console) -> anyhow::Result<Exit> {
    let Task::Print(args) = &args.task;
    let program = std::env::current_exe().context("cannot find the program mcpr itself")?;
    let command = if args.forward { "forward" } else { "record" };
    let mut words = vec![program.into_os_string(), command.into()];
    if args.forward && args.arguments.is_empty() {
        // There is no target that would be right for everybody.
        return Err(Refused::new("--forward: no target is named")
            .hint("mcpr service print systemd --forward -- --to otlp+http://HOST:4318")
            .into());
    }
    if args.arguments.is_empty() {
        words.extend(["--listen".into(), "127.0.0.1:8787".into()]);
    } else {
        let directory = std::env::current_dir().context("cannot find the current directory")?;
        let arguments = args.arguments.iter();
        words.extend(arguments.map(|word| absolute(word, &directory)));
    }
    let words: Vec<String> = words.into_iter().map(text).collect::<Result<_, _>>()?;
    let unit = match (args.kind, args.forward) {
        (Kind::Systemd, false) => systemd(USER_UNIT, &words),
        (Kind::Systemd, true) => systemd(FORWARD_USER_UNIT, &words),
        (Kind::SystemdSystem, false) => systemd(SYSTEM_UNIT, &words),
        (Kind::SystemdSystem, true) => systemd(FORWARD_SYSTEM_UNIT, &words),
        (Kind::Launchd, false) => launchd(&words),
        (Kind::Launchd, true) => forward_agent(&words),
    };
    console.print(&unit)?;
    Ok(Exit::Done)
}

/// An argument as it is meant here: a service is run in another directory.
fn absolute(word: &OsStr, directory: &Path) -> OsString {
    let path = directory.join(word);
    let bytes = word.as_encoded_bytes();
    // Only what is a file here, or a glob over a directory that is: a name of a proxy stays a name.
    let is_glob = bytes.contains(&b'*') && path.parent().is_some_and(Path::is_dir);
    if !bytes.starts_with(b"-") && (path.exists() || is_glob) {
        path.into_os_string()
    } else {
        word.to_owned()
    }
}

fn text(word: OsString) -> Result<String, Refused> {
    let refused = |word: &str| {
        Refused::new(format!("`{word}` cannot stand in a unit"))
            .hint("give text on one line, without control characters")
    };
    let word = word
        .into_string()
        .map_err(|word| refused(&word.to_string_lossy()))?;
    if word.chars().any(char::is_control) {
        return Err(refused(&word));
    }
    Ok(word)
}

/// The unit with another command in it.
fn systemd(unit: &str, words: &[String]) -> String {
    let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    let line = format!("ExecStart={}", words.join(" "));
    let lines = unit.lines().map(|old| {
        if old.starts_with("ExecStart=") {
            line.as_str()
        } else {
            old
        }
    });
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// A word of a command as systemd reads it back.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/-_.,:=@+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    let mut quoted = String::from("\"");
    for c in word.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            // Names of the manager, and of variables, begin with these: doubled they are themselves.
            '%' | '$' => quoted.extend([c, c]),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// The agent with another command in it.
fn launchd(words: &[String]) -> String {
    let (head, rest) = AGENT.split_once("<array>\n").unwrap_or((AGENT, ""));
    let (_, tail) = rest.split_once("  </array>").unwrap_or(("", ""));
    let words = words.iter();
    let words: Vec<String> = words
        .map(|word| format!("    <string>{}</string>\n", xml(word)))
        .collect();
    let words = words.concat();
    format!("{head}<array>\n{words}  </array>{tail}")
}

/// The agent under a label of its own: two of one label are one.
fn forward_agent(words: &[String]) -> String {
    launchd(words).replace("mcpr.recorder", "mcpr.forward")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words() -> Vec<String> {
        [
            "/opt/my apps/mcpr",
            "record",
            "/var/log/100%/$x \"a\\b\".log",
        ]
        .map(str::to_owned)
        .to_vec()
    }

    #[test]
    fn words_stand_in_a_unit_as_they_are_read_back() {
        let unit = systemd(SYSTEM_UNIT, &words());
        let lines: Vec<&str> = unit
            .lines()
            .filter(|line| line.contains("ExecStart"))
            .collect();
        assert_eq!(
            lines,
            [r#"ExecStart="/opt/my apps/mcpr" record "/var/log/100%%/$$x \"a\\b\".log""#]
        );
    }

    #[test]
    fn words_stand_in_an_agent_as_xml() {
        let agent = launchd(&["/bin/m&m".to_owned(), "<x>".to_owned()]);
        assert!(
            agent.contains(
                "<string>/bin/m&amp;m</string>\n    <string>&lt;x&gt;</string>\n  </array>"
            )
        );
        assert!(!agent.contains("8787"), "{agent}");
    }

    #[test]
    fn what_cannot_stand_in_a_unit_is_refused() {
        let error = text("a\nExecStartPost=/bin/sh".into()).expect_err("two lines");
        assert!(error.to_string().contains("cannot stand in a unit"));
    }
}
