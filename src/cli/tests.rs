//! What the command line as a whole takes, and what it says of what it does not.

use super::*;
use crate::commands::{COMMANDS, CommandHelp, FLAGS, HEADINGS, helps};

fn check(line: &str, exit: Exit, says: &str) {
    let (mut console, out, err) = Console::captured();
    let got = run_on(line.split(' ').map(OsString::from), &mut console);
    let printed = out.text() + &err.text();
    assert_eq!(got, exit, "{line}: {printed}");
    assert!(printed.contains(says), "{line}: {printed}");
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
    check("mcpr logs -h", Exit::Done, "What to show:");
    check("mcpr logs -h", Exit::Done, "Examples:");
    check("mcpr help logs", Exit::Done, "--min-latency");
    check("mcpr help topics", Exit::Done, "exit-codes");
    check("mcpr help times", Exit::Done, "2 hours ago");
    check("mcpr help topics times", Exit::Done, "2 hours ago");
    check("mcpr help -h", Exit::Done, "exit-codes");
    // A name of a command is no directory to make.
    check("mcpr man logs", Exit::Done, "mcpr-logs");
}

#[test]
fn a_password_in_the_arguments_is_warned_of_and_not_shown() {
    let logs = "mcpr logs --db postgres://u:hush-hush@127.0.0.1:1/d";
    let (mut console, out, err) = Console::captured();
    run_on(logs.split(' ').map(OsString::from), &mut console);
    let printed = out.text() + &err.text();
    assert!(
        printed.contains("warning: others on this machine"),
        "{printed}"
    );
    assert!(!printed.contains("hush"), "{printed}");
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
        ("mcpr help nope", "hint: `mcpr help topics`"),
        ("mcpr tail", "hint: `mcpr logs --follow`"),
        ("mcpr top", "hint: `mcpr watch`"),
        ("mcpr errors", "--status failed"),
        ("mcpr logs --last 5", "hint: use --limit N"),
        ("mcpr logs --server=x", "hint: use --proxy NAME"),
        ("mcpr sesions", "sessions"),
        ("mcpr ps", "hint: `mcpr logs --status pending`"),
        ("mcpr session -1", "hint: `mcpr session latest`"),
        ("mcpr logs -n -1", "hint: a number here is 0 or more"),
        ("mcpr logs --sort x", "hint: use --reverse"),
        (
            "mcpr session delete --dry-run x",
            "hint: use `mcpr session ID`",
        ),
        ("mcpr logs --metod x", "'--method'"),
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

/// What each short flag stands for, wherever there is one of that name.
const SHORT: &[(char, &str)] = &[
    ('n', "limit"),
    ('r', "reverse"),
    ('g', "grep"),
    ('F', "fixed_strings"),
    ('s', "since"),
    ('u', "until"),
    ('t', "tool"),
    ('p', "proxy"),
    ('c', "client"),
    ('S', "session"),
    ('o', "format"),
    ('j', "json"),
    ('f', "follow"),
    ('q', "quiet"),
    ('v', "verbose"),
];
/// Flags of one command that keep another meaning, and why.
const OWN_SHORT: &[(&str, &str)] = &[
    // A report is a file, and this is how every compiler gets its name.
    ("report", "output"),
    ("report", "format"),
    ("snapshot", "output"),
    // The proxy that a recorder gives its requests, and what an installed tap is given to: no filters.
    ("record", "proxy"),
    ("install", "client"),
    ("uninstall", "client"),
    ("status", "client"),
];

#[test]
fn a_short_flag_means_the_same_in_every_command() {
    let mut wrong = Vec::new();
    let mut commands = vec![Cli::command()];
    while let Some(command) = commands.pop() {
        commands.extend(
            command
                .get_subcommands()
                .filter(|it| !it.is_hide_set())
                .cloned(),
        );
        for arg in command.get_arguments() {
            let (name, id) = (command.get_name(), arg.get_id().as_str());
            let by_id = SHORT.iter().find(|(_, long)| *long == id);
            let by_short = arg
                .get_short()
                .and_then(|short| SHORT.iter().find(|(it, _)| *it == short));
            let is_other = by_id.map(|it| it.0) != arg.get_short() && by_id.is_some()
                || by_short.is_some_and(|(_, long)| *long != id);
            if is_other && !OWN_SHORT.contains(&(name, id)) {
                wrong.push(format!("{name} --{id} {:?}", arg.get_short()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_example_is_a_command_line() {
    for (line, what) in helps().flat_map(CommandHelp::examples) {
        assert!(!what.is_empty(), "{line}: what is it for?");
        // A build without it has no such command.
        if cfg!(not(feature = "tap")) && line.starts_with("mcpr tap") {
            continue;
        }
        let words = line.split(' ').map(|word| word.trim_matches('\''));
        let parsed = Cli::try_parse_from(words);
        assert!(parsed.is_ok(), "{line}: {:?}", parsed.err());
    }
}

#[test]
fn commands_that_people_begin_with_have_examples_and_lists_their_fields() {
    let mut command = crate::commands::with_help(Cli::command());
    let mut help = |words: &[&str]| {
        let mut at = &mut command;
        for word in words {
            at = at.find_subcommand_mut(word).expect("a command");
        }
        at.render_long_help().to_string()
    };
    for words in [
        &["record"][..],
        &["tap", "install"],
        &["report"],
        &["check"],
        &["store"],
    ] {
        assert!(help(words).contains("Examples:"), "{words:?}");
    }
    for (name, field) in [
        ("logs", "error_kind"),
        ("stats", "p95_us"),
        ("sessions", "active"),
    ] {
        let text = help(&[name]);
        let fields = text.split("Fields:").nth(1).expect("a list of fields");
        assert!(fields.contains(field), "{name}");
        assert!(fields.lines().all(|line| line.len() <= 80), "{name}");
    }
}

#[test]
fn every_flag_with_a_heading_is_a_flag() {
    let command = Cli::command();
    let reading = || {
        let with_headings = helps().filter(|help| help.has_headings);
        with_headings.map(|help| {
            let mut at = &command;
            for word in help.name.split(' ') {
                at = at.find_subcommand(word).expect("a command");
            }
            at
        })
    };
    for (_, flags) in HEADINGS {
        for flag in *flags {
            let is_there =
                |one: &clap::Command| one.get_arguments().any(|arg| arg.get_id() == flag);
            assert!(reading().any(is_there), "{flag}");
        }
    }
}

#[test]
fn no_word_of_ours_is_taken_for_another_programs() {
    let command = Cli::command();
    for (word, _) in COMMANDS {
        assert!(command.find_subcommand(word).is_none(), "{word}");
    }
    let logs = command.find_subcommand("logs").expect("logs");
    for (flag, _) in FLAGS {
        let is_ours = |arg: &clap::Arg| arg.get_long() == flag.strip_prefix("--");
        assert!(!logs.get_arguments().any(is_ours), "{flag}");
    }
}

/// Every command with the words that lead to it.
fn each_command(at: &clap::Command, words: &str, each: &mut dyn FnMut(&clap::Command, &str)) {
    each(at, words);
    for one in at.get_subcommands() {
        each_command(one, &format!("{words} {}", one.get_name()), each);
    }
}

#[test]
fn a_hint_about_a_flag_names_only_flags_that_the_command_takes() {
    each_command(&Cli::command(), "mcpr", &mut |command, words| {
        let takes = |flag: &str| {
            command
                .get_arguments()
                .any(|arg| arg.get_long() == Some(flag))
        };
        for (flag, _) in FLAGS.iter().filter(|(flag, _)| !takes(&flag[2..])) {
            let (mut console, _, err) = Console::captured();
            let line = format!("{words} {flag}");
            run_on(line.split(' ').map(OsString::from), &mut console);
            let text = err.text();
            let Some((_, hint)) = text.split_once("hint: use ") else {
                continue;
            };
            // Between backticks stand other commands with flags of their own.
            for word in hint.split('`').step_by(2).flat_map(str::split_whitespace) {
                let named = word.trim_matches(',').strip_prefix("--");
                assert!(named.is_none_or(takes), "{line}: {hint}");
            }
        }
    });
}

#[test]
fn what_is_named_instead_exists() {
    let command = Cli::command();
    for (_, ours) in COMMANDS {
        for named in ours.split('`').skip(1).step_by(2) {
            let words = named.split(' ').skip(1);
            let mut at = &command;
            for word in words.take_while(|word| word.starts_with(char::is_lowercase)) {
                let Some(next) = at.find_subcommand(word) else {
                    break;
                };
                at = next;
            }
            let flag = named.split(' ').find_map(|word| word.strip_prefix("--"));
            let has = |flag| {
                flag == "version" || at.get_arguments().any(|arg| arg.get_long() == Some(flag))
            };
            assert!(flag.is_none_or(has), "{named}");
            assert!(
                at.get_name() != "mcpr" || named == "mcpr --version",
                "{named}"
            );
        }
    }
}
