//! The command line: which commands there are, and what their results mean to the shell.

use crate::commands::{self, logs, proxy, record, session, sessions, store, tap};
use crate::console::{ColourChoice, Console};
use crate::exit::Exit;
use clap::{Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::process::ExitCode;

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
    Tap(tap::Args),
    /// List recorded requests, oldest first
    Logs(Box<logs::Args>),
    /// List sessions with their client, calls and errors
    Sessions(sessions::Args),
    /// Show one session and its requests
    Session(session::Args),
    /// Take care of the store
    Store(store::Args),
    /// Run a command under its name of mcpr 0.4
    #[command(hide = true)]
    Proxy(proxy::Args),
}

/// Runs mcpr with these arguments, the program's name first.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    run_on(args, &mut Console::of_process()).into()
}

/// Runs mcpr on a console: every message and every exit code is decided here.
pub fn run_on(args: impl IntoIterator<Item = OsString>, console: &mut Console) -> Exit {
    let args: Vec<OsString> = args.into_iter().collect();
    console.choose_colour(colour_of_usage_errors(&args));
    let outcome = match Cli::try_parse_from(args) {
        Ok(cli) => dispatch(cli.command, console),
        Err(error) => answer_parser(&error, console),
    };
    let flushed = outcome.and_then(|exit| {
        console.flush()?;
        Ok(exit)
    });
    flushed.unwrap_or_else(|error| commands::report(&error, console))
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

fn dispatch(command: Command, console: &mut Console) -> anyhow::Result<Exit> {
    match command {
        Command::Record(args) => record::run(&args, console),
        Command::Tap(args) => tap::run(&args, console),
        Command::Logs(args) => logs::run(&args, console),
        Command::Sessions(args) => sessions::run(&args, console),
        Command::Session(args) => session::run(&args, console),
        Command::Store(args) => store::run(&args, console),
        Command::Proxy(args) => proxy::run(args, console),
    }
}

/// Help and version are data; everything else clap has to say is an error of usage.
fn answer_parser(error: &clap::Error, console: &mut Console) -> anyhow::Result<Exit> {
    let render = |colour: bool| {
        let text = error.render();
        if colour {
            text.ansi().to_string()
        } else {
            text.to_string()
        }
    };
    if error.use_stderr() {
        let text = render(console.colours_messages());
        console.write_message(&text);
        return Ok(Exit::Failed);
    }
    let text = render(console.colours_output());
    console.print(&text)?;
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn check(line: &str, exit: Exit, says: &str) {
        let (mut console, out, err) = Console::captured();
        let got = run_on(line.split(' ').map(OsString::from), &mut console);
        let said = out.text() + &err.text();
        assert_eq!(got, exit, "{line}: {said}");
        assert!(said.contains(says), "{line}: {said}");
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn help_and_version_are_done() {
        check(
            "mcpr --version",
            Exit::Done,
            concat!("mcpr ", env!("CARGO_PKG_VERSION")),
        );
        check("mcpr --help", Exit::Done, "sessions");
        check("mcpr logs --help", Exit::Done, "--min-latency");
    }

    #[test]
    fn usage_errors_say_what_was_wrong() {
        let cases = [
            ("mcpr", "Usage"),
            ("mcpr nope", "nope"),
            ("mcpr logs --nope", "--nope"),
            ("mcpr logs --tail many", "many"),
            ("mcpr logs --status fine", "timeout"),
            ("mcpr logs --json --format csv", "cannot be used with"),
            ("mcpr logs --format xml", "ndjson"),
            ("mcpr logs --min-latency soon", "500ms"),
            ("mcpr logs --after -1", "-1"),
            ("mcpr logs --since whenever", "hint: give a duration"),
            (
                "mcpr logs --since 1h --until 2h",
                "--since is after --until",
            ),
            (
                "mcpr logs --fields seq,nope",
                "hint: the fields are seq, request_id",
            ),
            ("mcpr logs --tool a[", "bad pattern"),
            ("mcpr sessions --fields nope", "session_id"),
            ("mcpr session", "<ID>"),
            ("mcpr proxy slower", "slower"),
        ];
        for (line, says) in cases {
            check(line, Exit::Failed, says);
        }
    }

    #[test]
    fn usage_errors_heed_the_colour_asked_for() {
        for (line, coloured) in [
            ("--color always", true),
            ("--color=never", false),
            ("", false),
        ] {
            let line = format!("mcpr logs --nope {line}");
            let (mut console, _, err) = Console::captured();
            run_on(line.split(' ').map(OsString::from), &mut console);
            assert_eq!(err.text().contains('\x1b'), coloured, "{line}");
        }
    }

    #[test]
    fn a_missing_store_is_an_error_that_says_what_makes_one() {
        for line in [
            "logs",
            "sessions",
            "session abc",
            "proxy logs everything",
            "logs --json",
        ] {
            let line = format!("mcpr {line} --db /nonexistent/store.db");
            check(&line, Exit::Failed, "/nonexistent/store.db");
            check(&line, Exit::Failed, "mcpr record FILE");
        }
    }

    #[test]
    fn a_code_may_begin_with_a_minus() {
        check(
            "mcpr logs --error-code -32602 --db /nonexistent/x",
            Exit::Failed,
            "/nonexistent/x",
        );
    }
}
