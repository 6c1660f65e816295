//! What is reported about an unknown command or flag: what was probably meant. Pure.

use crate::nearest::did_you_mean;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use std::ffi::OsString;

/// Words that other programs have for it, and what does it here.
pub(crate) const COMMANDS: &[(&str, &str)] = &[
    // Of process viewers and file tools.
    (
        "top",
        "`mcpr watch` is the live screen, `mcpr stats` the table",
    ),
    ("ls", "`mcpr logs` lists requests, `mcpr sessions` sessions"),
    (
        "list",
        "`mcpr logs` lists requests, `mcpr sessions` sessions",
    ),
    ("log", "`mcpr logs` lists requests"),
    ("tail", "`mcpr logs --follow` goes on as more is recorded"),
    ("follow", "`mcpr logs --follow` goes on as more is recorded"),
    // What one looks for, by its own name.
    ("errors", "`mcpr logs --status failed` lists what failed"),
    ("failures", "`mcpr logs --status failed` lists what failed"),
    ("failed", "`mcpr logs --status failed` lists what failed"),
    (
        "pending",
        "`mcpr logs --status pending` lists what is in flight",
    ),
    (
        "hang",
        "`mcpr logs --status pending` lists what is in flight",
    ),
    (
        "hanging",
        "`mcpr logs --status pending` lists what is in flight",
    ),
    (
        "ps",
        "`mcpr logs --status pending` lists what is in flight, `mcpr sessions` sessions",
    ),
    ("last", "`mcpr show -1` shows the last request"),
    (
        "changes",
        "`mcpr schema changes` lists what changed in servers' lists",
    ),
    (
        "compare",
        "`mcpr stats --against 1d` compares with the day before",
    ),
    ("search", "`mcpr logs --grep TEXT` searches"),
    ("grep", "`mcpr logs --grep TEXT` searches"),
    (
        "tools",
        "`mcpr stats` sums up per tool, `mcpr schema` lists what servers offer",
    ),
    (
        "servers",
        "`mcpr schema` lists what servers offer, `mcpr stats --by proxy` sums up per server",
    ),
    ("proxies", "`mcpr stats --by proxy` sums up per proxy"),
    ("diff", "`mcpr schema diff` compares lists of tools"),
    ("export", "`mcpr store export` writes a store as a stream"),
    ("import", "`mcpr store import` takes in another store"),
    // Tasks of `store` and `tap` that look like commands.
    ("backup", "`mcpr store backup FILE` copies a store"),
    (
        "copy",
        "`mcpr store copy FROM TO` copies into another store",
    ),
    ("vacuum", "`mcpr store vacuum` removes what is old"),
    ("verify", "`mcpr store verify` looks for damage"),
    (
        "install",
        "`mcpr tap install` puts the tap into a client's configuration",
    ),
    ("uninstall", "`mcpr tap uninstall` takes the tap out of it"),
    (
        "serve",
        "`mcpr record --listen ADDR` receives events over HTTP",
    ),
    (
        "listen",
        "`mcpr record --listen ADDR` receives events over HTTP",
    ),
    (
        "status",
        "`mcpr stats` sums up requests, `mcpr store stats` describes the store",
    ),
    ("version", "`mcpr --version` prints it"),
];

/// Flags that other programs have for it, and what does it here.
pub(crate) const FLAGS: &[(&str, &str)] = &[
    // Of `journalctl`, `tail` and `kubectl`.
    ("--errors", "--status failed"),
    ("--hanging", "--status pending"),
    ("--open", "--status pending"),
    ("--slowest", "`mcpr slow`"),
    ("--failed", "--status failed"),
    ("--last", "--limit N"),
    ("--lines", "--limit N"),
    ("--head", "--limit N"),
    ("--all", "--limit all"),
    // An alias of `logs` alone.
    ("--tail", "--limit N"),
    ("--top", "--limit N"),
    ("--count", "--limit N"),
    ("--sort", "--reverse, or `mcpr slow` for the slowest"),
    ("--dry-run", "`mcpr session ID`, which shows what is there"),
    ("--from", "--since TIME"),
    ("--after-time", "--since TIME"),
    ("--to", "--until TIME"),
    ("--before", "--until TIME"),
    // Of searching.
    ("--filter", "--grep TEXT"),
    ("--search", "--grep TEXT"),
    // What a proxy is called elsewhere.
    ("--server", "--proxy NAME"),
    ("--store", "--db FILE"),
    ("--database", "--db FILE"),
    ("--output-format", "--format FORMAT"),
    ("--columns", "--fields A,B"),
    ("--watch", "--follow"),
    ("--tools", "--tool GLOB"),
    // Of ours, in another command.
    (
        "--against",
        "`mcpr stats --against 1d`: which tool got slower",
    ),
];

/// What commands want, and what there is to give them.
const MISSING: &[(&str, &str)] = &[
    (
        "show",
        "`mcpr show -1` shows the last request, `mcpr logs --seq` the numbers of all",
    ),
    (
        "session",
        "`mcpr session latest` is the session that was used last, `mcpr sessions` lists them",
    ),
    (
        "check",
        "a condition is such as --fail-on 'error-rate>5%'; `mcpr help check` lists the figures",
    ),
];

/// What does here what a wrong word asks for, where another program has that word for it; the command is the first
/// word that was typed.
pub(crate) fn known_elsewhere(
    error: &clap::Error,
    command: &str,
    of: &clap::Command,
) -> Option<String> {
    let word = |kind| match error.get(kind) {
        Some(ContextValue::String(word)) => Some(word.as_str()),
        _ => None,
    };
    match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let word = word(ContextKind::InvalidSubcommand)?;
            let is_guessed = error.get(ContextKind::SuggestedSubcommand).is_some();
            let of_help = (command == "help" && !is_guessed)
                .then_some("`mcpr help topics` lists the topics, `mcpr --help` the commands");
            found(COMMANDS, word).or(of_help).map(str::to_owned)
        }
        ErrorKind::UnknownArgument => {
            let word = word(ContextKind::InvalidArg)?;
            if word
                .strip_prefix('-')
                .is_some_and(|rest| rest.parse::<u64>().is_ok())
            {
                return Some(hint_of_negative(error));
            }
            // clap names a flag with what was joined to it.
            let flag = word.split('=').next().unwrap_or(word);
            if flag.starts_with('-') && command.starts_with('-') {
                return Some(format!(
                    "flags stand behind the command: `mcpr logs {flag}` and so on"
                ));
            }
            found(FLAGS, flag)
                .filter(|ours| takes_flags_of(ours, of))
                .map(|ours| format!("use {ours}"))
                .or_else(|| flag_for(word, command))
        }
        ErrorKind::MissingRequiredArgument => found(MISSING, command).map(str::to_owned),
        _ => None,
    }
}

/// Whether a command takes the flags that a hint names, beside those of other commands that it spells out.
fn takes_flags_of(hint: &str, command: &clap::Command) -> bool {
    // Between backticks stand other commands, whose flags are their own.
    let of_this = hint
        .split('`')
        .step_by(2)
        .flat_map(|text| text.split([' ', ',']));
    let mut flags = of_this.filter_map(|word| word.strip_prefix("--"));
    flags.all(|flag| {
        command
            .get_arguments()
            .any(|arg| arg.get_long() == Some(flag))
    })
}

/// The command that the arguments of a program ask for.
pub(crate) fn asked_command<'c>(root: &'c clap::Command, args: &[OsString]) -> &'c clap::Command {
    let mut at = root;
    for word in args.iter().skip(1) {
        // The first word that is no command begins what the command takes.
        match at.find_subcommand(word) {
            Some(next) => at = next,
            None => break,
        }
    }
    at
}

/// The flags that a word alone may have been meant for.
fn flag_for(word: &str, command: &str) -> Option<String> {
    let word = word.trim();
    // What a shell would take apart is not written as one word.
    if word.is_empty()
        || !word
            .chars()
            .all(|c| c.is_alphanumeric() || "-_./".contains(c))
    {
        return None;
    }
    match command {
        _ if word.starts_with('-') => None,
        "logs" | "slow" => Some(format!(
            "a word alone is not a filter: --tool {word}, --proxy {word} or --grep {word}"
        )),
        "stats" | "report" => Some(format!(
            "a word alone is not a filter: --tool {word} or --proxy {word}"
        )),
        "sessions" | "clients" => Some(format!(
            "a word alone is not a filter: --client {word}, --proxy {word} or --tool {word}"
        )),
        _ => None,
    }
}

/// A place from the end, which only `show` takes so, or a count.
fn hint_of_negative(error: &clap::Error) -> String {
    let usage = match error.get(ContextKind::Usage) {
        Some(ContextValue::StyledStr(usage)) => usage.to_string(),
        _ => String::new(),
    };
    if usage.contains("mcpr session ") {
        return "`mcpr session latest` is the session that was used last".to_owned();
    }
    "a number here is 0 or more".to_owned()
}

/// Whether what clap takes for alike is not, or is the way to pass a flag that nobody meant as a value.
pub(crate) fn is_poor_guess(error: &clap::Error) -> bool {
    let word = |kind| match error.get(kind) {
        Some(ContextValue::String(word)) => Some(word.trim_start_matches('-')),
        _ => None,
    };
    let Some(typed) = word(ContextKind::InvalidArg) else {
        return false;
    };
    match word(ContextKind::SuggestedArg) {
        Some(alike) => did_you_mean(typed, &[alike]).is_none(),
        None => error.kind() == ErrorKind::UnknownArgument,
    }
}

fn found(table: &[(&str, &'static str)], word: &str) -> Option<&'static str> {
    let row = table.iter().find(|(theirs, _)| *theirs == word);
    row.map(|(_, ours)| *ours)
}
