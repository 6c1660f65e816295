//! What a shell's completion offers: words of the command line from clap, names from the store.
//!
//! Names come from outside. Only those that a shell takes as plain words are offered, since what is
//! completed stands on the command line as if it had been typed.

use super::topics::TOPICS;
use super::{StoreArgs, help, open_store};
use crate::config::Settings;
use crate::console::Console;
use crate::exit::Exit;
use clap_complete::CompletionCandidate;
use clap_complete::env::Shells;
use mcpr_store::Reader;
use mcpr_store::query::{Entry, Filter, NameKind, Order, Page, SessionFilter, SessionPage};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};

/// Set by the completion scripts to the name of their shell.
pub const VARIABLE: &str = "MCPR_COMPLETE";
/// Most sessions or requests offered at once: the newest.
const MAX_SESSIONS: usize = 100;
/// Most names offered at once: no shell shows more with pleasure.
const MAX_NAMES: usize = 10_000;

/// Answers a shell that asks what could follow: `words` are those after its `--`.
///
/// # Errors
/// When the shell is not known or the output not written.
pub fn answer(
    shell: &str,
    words: Vec<OsString>,
    command: &mut clap::Command,
    console: &mut Console,
) -> anyhow::Result<Exit> {
    let shells = Shells::builtins();
    let completer = shells
        .completer(shell)
        .ok_or_else(|| super::Refused::new(format!("{VARIABLE}: no shell `{shell}`")))?;
    let mut text = Vec::new();
    let directory = std::env::current_dir().ok();
    completer.write_complete(command, words, directory.as_deref(), &mut text)?;
    console.print(&String::from_utf8_lossy(&text))?;
    Ok(Exit::Done)
}

/// The same command line with what `mcpr help` takes: the names of topics beside those of commands.
#[must_use]
pub fn with_topics(command: clap::Command) -> clap::Command {
    let mut help = help_of(&command).name("help");
    for topic in TOPICS {
        help = help.subcommand(clap::Command::new(topic.name).about(topic.about));
    }
    let all = clap::Command::new("topics").about("The list of topics");
    command.disable_help_subcommand(true).subcommand(
        help.subcommand(all)
            .about("Print the help of a command, or a topic"),
    )
}

/// A command's name with those below it, and none of its flags.
fn help_of(command: &clap::Command) -> clap::Command {
    let about = command.get_about().cloned().unwrap_or_default();
    let below = command.get_subcommands().filter(|one| !one.is_hide_set());
    clap::Command::new(command.get_name().to_owned())
        .about(about)
        .disable_help_flag(true)
        .disable_help_subcommand(true)
        .subcommands(below.map(help_of))
}

/// Whether every shell takes a name as one plain word.
fn is_plain(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@~+,%=".contains(c);
    !name.is_empty() && name.chars().all(plain)
}

/// What stands behind `--db`. Bash hands a URL over in pieces, of which `:`, `=` and `@` are some, and what is quoted with
/// its quotes.
fn named_store(words: &[OsString]) -> Option<OsString> {
    let mut words = words.iter().map(|word| word.to_string_lossy());
    let is_mark = |word: &Cow<'_, str>| word.chars().all(|c| ":=@".contains(c));
    let first = words.find(|word| word == "--db" || word.starts_with("--db="))?;
    let mut words = words.peekable();
    let mut text = if let Some(text) = first.strip_prefix("--db=") {
        text.to_owned()
    } else {
        words.next_if(|word| word == "=");
        words.next()?.into_owned()
    };
    while let Some(mark) = words.next_if(is_mark) {
        text += &mark;
        text += &words.next().unwrap_or_default();
    }
    Some(text.trim_matches(['\'', '"']).into())
}

/// The store that is asked for, found as roughly as an unfinished line allows.
fn reader() -> Option<Box<dyn Reader>> {
    let words: Vec<OsString> = std::env::args_os().collect();
    let named = named_store(&words);
    let configured = || {
        let settings = Settings::of_user().ok()?;
        settings.get("store")?.values.first().map(Into::into)
    };
    let of_environment = std::env::var_os("MCPR_DB").filter(|db| !db.is_empty());
    let db = named.or(of_environment).or_else(configured);
    let store = StoreArgs {
        db: db.filter(|db| !db.is_empty()).map(Into::into),
    };
    open_store(&store.url_to_read().ok()?).ok()
}

fn offered(names: impl IntoIterator<Item = String>, current: &OsStr) -> Vec<CompletionCandidate> {
    let current = current.to_string_lossy();
    names
        .into_iter()
        .filter(|name| name.starts_with(&*current) && is_plain(name))
        .map(CompletionCandidate::new)
        .collect()
}

fn of_names(current: &OsStr, kind: NameKind) -> Vec<CompletionCandidate> {
    let current = current.to_string_lossy();
    // These flags take several, which a comma separates.
    let at = current.rfind(',').map_or(0, |comma| comma + 1);
    let (before, begun) = current.split_at(at);
    let names = reader().and_then(|reader| reader.names(kind, begun, MAX_NAMES).ok());
    let taken: Vec<&str> = before.split(',').collect();
    let names = names.unwrap_or_default().into_iter();
    let names = names.filter(|name| !taken.contains(&name.as_str()));
    offered(
        names.map(|name| format!("{before}{name}")),
        OsStr::new(&*current),
    )
}

/// Proxies in the store.
pub(super) fn proxies(current: &OsStr) -> Vec<CompletionCandidate> {
    of_names(current, NameKind::Proxy)
}

/// Methods in the store.
pub(super) fn methods(current: &OsStr) -> Vec<CompletionCandidate> {
    of_names(current, NameKind::Method)
}

/// Tools in the store.
pub(super) fn tools(current: &OsStr) -> Vec<CompletionCandidate> {
    of_names(current, NameKind::Tool)
}

/// Clients in the store.
pub(super) fn clients(current: &OsStr) -> Vec<CompletionCandidate> {
    of_names(current, NameKind::Client)
}

/// Sessions in the store, with their client as a help text.
pub(super) fn sessions(current: &OsStr) -> Vec<CompletionCandidate> {
    let prefix = current.to_string_lossy().into_owned();
    let filter = SessionFilter {
        prefix: Some(prefix).filter(|prefix| !prefix.is_empty()),
        ..SessionFilter::default()
    };
    let page = SessionPage::used_last(MAX_SESSIONS);
    // In the order of the page: the one used last is mostly the one that is meant.
    let rows = reader().and_then(|reader| reader.sessions(&filter, &page).ok());
    rows.unwrap_or_default()
        .into_iter()
        .filter(|row| is_plain(&row.session_id))
        .map(|row| {
            let client = row.client_name.filter(|name| is_plain(name));
            CompletionCandidate::new(row.session_id).help(client.map(Into::into))
        })
        .collect()
}

/// The newest requests in the store, with what was called as a help text.
pub(super) fn requests(current: &OsStr) -> Vec<CompletionCandidate> {
    let page = Page {
        after: None,
        before: None,
        order: Order::Descending,
        limit: MAX_SESSIONS,
    };
    let rows = reader().and_then(|reader| reader.entries(&Filter::default(), page).ok());
    let begun = current.to_string_lossy();
    rows.unwrap_or_default()
        .into_iter()
        .filter_map(|entry| match entry {
            Entry::Request(row) => Some(row),
            Entry::Gap(_) => None,
        })
        .filter(|row| row.seq.to_string().starts_with(&*begun))
        .map(|row| {
            let called = row.target().filter(|name| is_plain(name));
            let method = Some(row.method.as_str()).filter(|name| is_plain(name));
            let words: Vec<&str> = method.into_iter().chain(called).collect();
            CompletionCandidate::new(row.seq.to_string()).help(Some(words.join(" ").into()))
        })
        .collect()
}

/// The fields of the list that is asked for, each after those that stand there already.
pub(super) fn fields(current: &OsStr) -> Vec<CompletionCandidate> {
    let words: Vec<OsString> = std::env::args_os().collect();
    fields_of(&words, current)
}

fn fields_of(words: &[OsString], current: &OsStr) -> Vec<CompletionCandidate> {
    let current = current.to_string_lossy();
    let (before, begun) = current.rsplit_once(',').unwrap_or(("", &current));
    let taken: Vec<&str> = before.split(',').collect();
    let words: Vec<&str> = words.iter().filter_map(|word| word.to_str()).collect();
    let all: BTreeSet<&str> = help::fields_of(&words)
        .into_iter()
        .flatten()
        .filter(|name| name.starts_with(begun) && !taken.contains(name))
        .collect();
    let comma = if before.is_empty() { "" } else { "," };
    all.into_iter()
        .map(|name| CompletionCandidate::new(format!("{before}{comma}{name}")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(candidates: &[CompletionCandidate]) -> Vec<String> {
        let text =
            |candidate: &CompletionCandidate| candidate.get_value().to_string_lossy().into_owned();
        candidates.iter().map(text).collect()
    }

    #[test]
    fn only_plain_words_are_offered() {
        let names = [
            "echo",
            "$(reboot)",
            "a b",
            "`x`",
            "*",
            "get;ls",
            "é",
            "",
            "tools/call",
            "e\x1b",
        ];
        let got = offered(names.map(str::to_owned), OsStr::new(""));
        assert_eq!(values(&got), ["echo", "tools/call"]);
        let got = offered(names.map(str::to_owned), OsStr::new("ec"));
        assert_eq!(values(&got), ["echo"]);
    }

    #[test]
    fn help_goes_on_with_topics_and_commands() {
        let of = |line: &str| {
            let words = line.split(' ').map(OsString::from).collect();
            let install = clap::Command::new("install").about("Put it there");
            let tap = clap::Command::new("tap").subcommand(install);
            let logs = clap::Command::new("logs").about("List requests");
            let program = clap::Command::new("mcpr").subcommands([logs, tap]);
            let mut command = with_topics(program);
            let (mut console, out, _) = Console::captured();
            answer("fish", words, &mut command, &mut console).expect("an answer");
            console.flush().expect("memory takes it");
            out.text()
        };
        let all = of("mcpr help ");
        assert!(all.contains("topics\t") && all.contains("logs\t"), "{all}");
        assert!(of("mcpr help ti").starts_with("times\t"));
        assert!(of("mcpr help tap ins").starts_with("install\t"));
    }

    #[test]
    fn fields_are_those_of_the_command_and_follow_each_other() {
        let of = |line: &str, current: &str| {
            let words: Vec<OsString> = line.split(' ').map(Into::into).collect();
            values(&fields_of(&words, OsStr::new(current)))
        };
        assert_eq!(of("mcpr logs --tool stats", "latency"), ["latency_us"]);
        assert_eq!(of("mcpr logs", "seq,latency_u"), ["seq,latency_us"]);
        assert_eq!(of("mcpr logs", "latency_us,latency_u"), [""; 0]);
        assert_eq!(of("mcpr logs", "calls"), [""; 0], "that is one of stats");
        assert_eq!(
            of("mcpr stats", "calls_b"),
            ["calls_before", "calls_by_bucket"]
        );
        assert_eq!(of("mcpr schema changes", "comp"), ["compatibility"]);
    }
}
