//! The command line: which commands there are, and what their results mean to the shell.

#[cfg(feature = "forward")]
use crate::commands::forward;
#[cfg(feature = "schema")]
use crate::commands::schema;
#[cfg(feature = "tap")]
use crate::commands::tap;
use crate::commands::{
    self, Refused, check, clients, complete, config, generated, logs, proxy, record, report,
    service, session, sessions, show, slow, sources, stats, store, watch,
};
use crate::commands::{asked_command, is_poor_guess, known_elsewhere, topic_of, with_help};
use crate::config::{KEYS, Settings, SettingsError};
use crate::console::{ColourChoice, Console, report_bus_errors};
use crate::exit::Exit;
use crate::render::{text, units};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use mcpr_store::StoreUrl;
use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Instant;

/// Record and inspect MCP (Model Context Protocol) traffic
#[derive(Debug, Parser)]
#[command(name = "mcpr", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Read event streams into the store
    Record(Box<record::Args>),
    /// Run a stdio MCP server and record what passes
    #[cfg(feature = "tap")]
    Tap(Box<tap::Args>),
    /// Send what a store records to other stores and to collectors of OTLP, as it comes
    ///
    /// What a target does not have yet stays in the store: a target that is away costs time and no row
    #[cfg(feature = "forward")]
    Forward(forward::Args),
    /// List what this machine has to record and to tap: hosts' logs, clients' configurations, stores
    Sources(sources::Args),
    /// List recorded requests, oldest first
    Logs(Box<logs::Args>),
    /// Watch requests, sessions, tools and schema changes on a live screen
    Watch(watch::Args),
    /// List sessions with their client, calls and errors
    Sessions(sessions::Args),
    /// Show one session and its requests
    Session(session::Args),
    /// Show one request whole: client, time, outcome, schema and payload
    Show(show::Args),
    /// List the slowest requests
    Slow(Box<slow::Args>),
    /// Sum up requests per tool or method: calls, errors, latencies, sizes
    Stats(stats::Args),
    /// List clients with their versions, platforms, sessions and calls
    Clients(clients::Args),
    /// Show what servers offer, how it changed, and whom the change breaks
    #[cfg(feature = "schema")]
    Schema(schema::Args),
    /// Check conditions on calls, errors, latencies, gaps and lists; exit with 1 when one is broken
    Check(Box<check::Args>),
    /// Write a window, a session or two windows into a file to hand on: HTML, HAR or Markdown
    Report(Box<report::Args>),
    /// Maintain the store
    Store(store::Args),
    /// Run the recorder as a service of systemd or launchd
    Service(service::Args),
    /// Show the settings in force without flags, and where each comes from
    Config(config::Args),
    /// Print a shell's completion script
    Completions(generated::Completions),
    /// Print the manual page, or write all of them into a directory
    Man(generated::Man),
    /// Run a command under its name of mcpr 0.4
    #[command(hide = true)]
    Proxy(proxy::Args),
}

/// Runs mcpr with these arguments, the program's name first.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    #[cfg(feature = "tap")]
    if let [_, first, rest @ ..] = &args[..] {
        if first == tap::BECOME_SERVER {
            return tap::become_server(rest, &mut Console::of_process()).into();
        }
        if first == tap::WATCH_TAP {
            return tap::watch_tap(rest).into();
        }
    }
    // Without the handler such an error ends the process as it always did.
    let _ = report_bus_errors(watch::give_back_terminal);
    match std::env::var(complete::VARIABLE) {
        Ok(shell) if !shell.is_empty() => complete_in(&shell, args),
        _ => run_with(&args, &Settings::of_user, &mut Console::of_process()).into(),
    }
}

/// Runs mcpr on a console, without a configuration file.
pub fn run_on(args: impl IntoIterator<Item = OsString>, console: &mut Console) -> Exit {
    let args: Vec<OsString> = args.into_iter().collect();
    run_with(&args, &|| Ok(Settings::default()), console)
}

/// Warns of a store's password among the arguments, which whoever lists processes can read.
fn warn_of_passwords(args: &[OsString], console: &mut Console) {
    let has_password = |arg: &OsString| {
        let text = arg.to_str().unwrap_or_default();
        let value = text.strip_prefix("--db=").unwrap_or(text);
        StoreUrl::parse(value).is_ok_and(|url| url.has_password())
    };
    // Behind it stand the arguments of a tapped server.
    if args.iter().take_while(|arg| *arg != "--").any(has_password) {
        console.note("warning: others on this machine can read the password in the arguments; put the URL into MCPR_DB");
    }
}

/// Runs mcpr on a console: every message and every exit code is decided here.
fn run_with(
    args: &[OsString],
    read_settings: &dyn Fn() -> Result<Settings, SettingsError>,
    console: &mut Console,
) -> Exit {
    let began = Instant::now();
    console.choose_colour(colour_of_usage_errors(args));
    let (settings, fault) = match read_settings() {
        Ok(settings) => (settings, None),
        Err(fault) => (Settings::default(), Some(fault)),
    };
    if let Some(text) = asked_topic(args) {
        return end(
            console
                .print(&text)
                .map(|()| Exit::Done)
                .map_err(Into::into),
            console,
        );
    }
    let mut command = configured(with_help(Cli::command()), "mcpr", &settings);
    let parsed = command
        .try_get_matches_from_mut(args)
        .and_then(|matches| Cli::from_arg_matches(&matches))
        .map_err(|error| error.format(&mut command));
    warn_of_passwords(args, console);
    let outcome = match parsed {
        Ok(mut cli) => match cli.command.take_in(&settings, fault) {
            Ok(()) => {
                let reread = || recording_anew(args, &read_settings()?);
                dispatch(cli.command, &settings, &reread, console)
            }
            Err(refused) => Err(refused.into()),
        },
        Err(error) => answer_parser(&harmless(error, args), args, console),
    };
    // Before the pager is waited for, in which somebody reads.
    let took = began.elapsed();
    let exit = end(outcome, console);
    if console.shows_details() {
        let us = i64::try_from(took.as_micros()).unwrap_or(i64::MAX);
        console.note(&format!("took {}", units::latency(us)));
    }
    exit
}

/// The arguments of a recorder as they are with these settings: what it was started with stands above them.
fn recording_anew(args: &[OsString], settings: &Settings) -> anyhow::Result<Box<record::Args>> {
    let mut command = configured(Cli::command(), "mcpr", settings);
    let matches = command.try_get_matches_from_mut(args)?;
    let mut cli = Cli::from_arg_matches(&matches)?;
    cli.command.take_in(settings, None)?;
    match cli.command {
        // They were those of a recorder once, and are the same.
        Command::Record(args) => Ok(args),
        _ => anyhow::bail!("the arguments are those of no recorder"),
    }
}

/// The text of the topic that `mcpr help TOPIC` asks for.
fn asked_topic(args: &[OsString]) -> Option<String> {
    let words: Option<Vec<&str>> = args.iter().map(|arg| arg.to_str()).collect();
    match &words?[..] {
        // Before clap, which takes every word after `help` for a command.
        [_, "help", rest @ ..] => topic_of(rest),
        _ => None,
    }
}

/// The same command, whose flags have the defaults that the configuration file says: arguments and
/// variables stand above them.
fn configured(mut command: clap::Command, name: &str, settings: &Settings) -> clap::Command {
    for key in KEYS {
        let (Some(setting), true) = (settings.get(key.name), key.is_of(name)) else {
            continue;
        };
        // Patterns are added to those of the flag, and take no part in this.
        let has_flag = command.get_arguments().any(|one| one.get_id() == key.flag);
        if key.flag != "redact" && has_flag {
            let values = setting.values.clone();
            command = command.mut_arg(key.flag, |flag| {
                // A flag without a value shows none in its help anyway.
                let takes_values = flag.get_action().takes_values();
                let flag = flag.default_values(values);
                if takes_values {
                    flag.hide_default_value(true)
                } else {
                    flag
                }
            });
        }
    }
    let names: Vec<String> = command
        .get_subcommands()
        .map(|one| one.get_name().to_owned())
        .collect();
    for inner in names {
        // What an installed tap has to do is in the client's file: it reads the configuration itself.
        if name != "tap" || inner == "serve" {
            command = command.mut_subcommand(&inner, |one| configured(one, &inner, settings));
        }
    }
    command
}

impl Command {
    /// Takes in what the configuration file says and no default of a flag can, or that it says nothing of use.
    fn take_in(
        &mut self,
        settings: &Settings,
        fault: Option<SettingsError>,
    ) -> Result<(), Refused> {
        let redact = settings.get("redact");
        let patterns = redact.map_or(&[][..], |setting| &setting.values);
        match self {
            Self::Record(args) => args.recording.configure(patterns),
            #[cfg(feature = "tap")]
            Self::Tap(args) => {
                let configured = settings.get("payloads").map(|setting| &setting.values);
                let keeps_payloads = configured.is_none_or(|values| values[..] == ["true"]);
                args.configure(patterns, keeps_payloads);
                if args.runs_server() {
                    // A session must not end for a slip in a file that its client knows nothing of.
                    args.unrecorded = fault.map(|fault| fault.to_string());
                    return Ok(());
                }
            }
            Self::Store(args) => args.configure(patterns),
            Self::Completions(_) | Self::Man(_) => return Ok(()),
            _ => {}
        }
        let hint = "`mcpr config` shows what holds; docs/configuration.md has every key";
        fault.map_or(Ok(()), |fault| {
            Err(Refused::new(fault.to_string()).hint(hint))
        })
    }
}

/// Answers the completion script of a shell, which asks through the environment.
fn complete_in(shell: &str, args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut console = Console::of_process();
    let words = args.into_iter().skip_while(|word| word != "--").skip(1);
    let outcome = complete::answer(
        shell,
        words.collect(),
        &mut complete::with_topics(Cli::command()),
        &mut console,
    );
    end(outcome, &mut console).into()
}

/// Writes out what is left, reports an error, and says what the process ends with.
fn end(outcome: anyhow::Result<Exit>, console: &mut Console) -> Exit {
    let flushed = outcome.and_then(|exit| match (exit, console.flush()) {
        // A terminal that has gone took what was left with it: the signal showed it.
        (Exit::Signal(_), _) | (_, Ok(())) => Ok(exit),
        (_, Err(error)) => Err(error.into()),
    });
    flushed.unwrap_or_else(|error| commands::report(&error, console))
}

/// The same error in words that do nothing to a terminal: clap repeats arguments as they are.
fn harmless(error: clap::Error, args: &[OsString]) -> clap::Error {
    let shown: Vec<_> = args.iter().map(|arg| arg.to_string_lossy()).collect();
    if !shown.iter().any(|arg| text::acts(arg)) {
        return error;
    }
    let escaped = shown.iter().map(|arg| text::escape(arg).into_owned());
    Cli::try_parse_from(escaped)
        .err()
        .unwrap_or_else(|| clap::Error::raw(error.kind(), "an argument makes no sense\n"))
}

/// What `--color` says, read roughly: arguments that do not parse are answered in its spirit too.
fn colour_of_usage_errors(args: &[OsString]) -> ColourChoice {
    let follows = |pair: &[OsString]| (pair[0] == "--color").then(|| pair[1].clone());
    let joined = args
        .iter()
        .filter_map(|arg| arg.to_str()?.strip_prefix("--color="));
    let value = args
        .windows(2)
        .find_map(follows)
        .or_else(|| joined.map(Into::into).next());
    let choice = value.and_then(|value| ColourChoice::from_str(value.to_str()?, false).ok());
    choice.unwrap_or_default()
}

fn dispatch(
    command: Command,
    settings: &Settings,
    reread: record::Reread<'_>,
    console: &mut Console,
) -> anyhow::Result<Exit> {
    match command {
        Command::Record(args) => record::run(&args, reread, console),
        #[cfg(feature = "tap")]
        Command::Tap(args) => tap::run(&args, console),
        #[cfg(feature = "forward")]
        Command::Forward(args) => forward::run(&args, console),
        Command::Sources(args) => sources::run(&args, console),
        Command::Logs(args) => logs::run(&args, console),
        Command::Watch(args) => watch::run(&args, console),
        Command::Sessions(args) => sessions::run(&args, console),
        Command::Session(args) => session::run(&args, console),
        Command::Show(args) => show::run(&args, console),
        Command::Slow(args) => slow::run(&args, console),
        Command::Stats(args) => stats::run(&args, console),
        Command::Clients(args) => clients::run(&args, console),
        #[cfg(feature = "schema")]
        Command::Schema(args) => schema::run(&args, console),
        Command::Check(args) => check::run(&args, console),
        Command::Report(args) => report::run(&args, console),
        Command::Store(args) => store::run(&args, console),
        Command::Service(args) => service::run(&args, console),
        Command::Config(args) => config::run(&args, settings, console),
        Command::Completions(args) => generated::completions(&args, console),
        Command::Man(args) => generated::man(&args, with_help(Cli::command()), console),
        Command::Proxy(args) => proxy::run(args, console),
    }
}

/// Help and version are data; everything else clap has to say is an error of usage.
fn answer_parser(
    error: &clap::Error,
    args: &[OsString],
    console: &mut Console,
) -> anyhow::Result<Exit> {
    let render = |colour: bool| {
        let rendered = error.render();
        if colour {
            rendered.ansi().to_string()
        } else {
            rendered.to_string()
        }
    };
    if error.use_stderr() {
        let command = args.get(1).and_then(|word| word.to_str());
        let root = Cli::command();
        let of = asked_command(&root, args);
        let known = known_elsewhere(error, command.unwrap_or_default(), of);
        let text = render(console.colours_messages());
        // What looks alike is a poor guess where the word itself is known.
        let text = if known.is_some() || is_poor_guess(error) {
            without_tips(&text)
        } else {
            text
        };
        console.write_message(&text);
        if let Some(hint) = known {
            console.hint(&hint);
        }
        return Ok(Exit::Failed);
    }
    let text = render(console.colours_output());
    console.print(&text)?;
    Ok(Exit::Done)
}

/// The message of an error without what looks alike: paragraphs that begin with a tip.
fn without_tips(text: &str) -> String {
    // As clap prints them.
    let paragraphs = text.split("\n\n");
    // Beside a tip the usage is that of the flag in it.
    let is_kept = |text: &&str| !text.contains("tip:") && !text.contains("Usage:");
    let kept: Vec<&str> = paragraphs.filter(is_kept).collect();
    kept.join("\n\n")
}

#[cfg(test)]
mod tests;
