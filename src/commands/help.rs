//! What the help of reading commands has beside the flags themselves: headings over them, and examples.

use clap::Command;

/// Which flags stand under which heading. Those of a command alone stand first, without one.
pub(crate) const HEADINGS: &[(&str, &[&str])] = &[
    (
        "What to show",
        &[
            "proxy",
            "tool",
            "method",
            "session",
            "client",
            "status",
            "error_kind",
            "error_code",
            "grep",
            "fixed_strings",
            "bodies",
            "trace",
            "kind",
            "min_latency",
            "threshold",
            "active",
            "all",
            "by",
        ],
    ),
    (
        "When",
        &["since", "until", "after", "against", "cursor_file"],
    ),
    (
        "Going on",
        &["follow", "max", "timeout", "every", "exec", "exec_timeout"],
    ),
    (
        "Output",
        &[
            "limit", "sort", "reverse", "json", "format", "fields", "color", "no_pager", "quiet",
            "utc", "time", "seq", "wide", "wrap",
        ],
    ),
    ("Store", &["db"]),
];

/// The commands that have headings: those that read.
pub(crate) const READING: &[&str] = &[
    // `schema` has commands of its own below it, whose flags are few.
    "logs", "watch", "sessions", "session", "show", "slow", "stats", "clients", "check", "report",
];

/// What a command is used for, a line that says it and the line that does it, by the command's name.
pub(crate) const EXAMPLES: &[(&str, &[Example])] = &[
    (
        "mcpr",
        &[
            Example {
                what: "put the tap before a client's servers, and watch",
                line: "mcpr tap install --client cursor",
            },
            Example {
                what: "record what a proxy writes",
                line: "mcpr record '/var/log/mcpr/*.log'",
            },
            Example {
                what: "what is going on now",
                line: "mcpr watch",
            },
            Example {
                what: "what failed",
                line: "mcpr logs --status error",
            },
        ],
    ),
    (
        "logs",
        &[
            Example {
                what: "as it happens",
                line: "mcpr logs --follow",
            },
            Example {
                what: "what failed in the last hour",
                line: "mcpr logs -s 1h --status error,timeout",
            },
            Example {
                what: "calls of some tools, the latest first",
                line: "mcpr logs -t 'get-*,read_*' -r -n 20",
            },
            Example {
                what: "for a script",
                line: "mcpr logs -n all --json --fields time,tool,latency_us",
            },
        ],
    ),
    (
        "sessions",
        &[
            Example {
                what: "who is connected",
                line: "mcpr sessions --active",
            },
            Example {
                what: "every session of a client",
                line: "mcpr sessions -c 'claude*' --all -n all",
            },
        ],
    ),
    (
        "session",
        &[
            Example {
                what: "the session that was used last",
                line: "mcpr session latest",
            },
            Example {
                what: "one by the beginning of its id",
                line: "mcpr session 41c5",
            },
        ],
    ),
    (
        "show",
        &[
            Example {
                what: "the last request",
                line: "mcpr show -1",
            },
            Example {
                what: "the request with a number of `logs --fields seq`",
                line: "mcpr show 4711",
            },
        ],
    ),
    (
        "slow",
        &[
            Example {
                what: "calls over two seconds today",
                line: "mcpr slow -s today --threshold 2s",
            },
            Example {
                what: "slow calls as they come",
                line: "mcpr slow --follow",
            },
        ],
    ),
    (
        "stats",
        &[
            Example {
                what: "each tool of a day",
                line: "mcpr stats -s 1d",
            },
            Example {
                what: "each hour of a tool",
                line: "mcpr stats -s 7d -t search --by hour",
            },
        ],
    ),
    (
        "clients",
        &[Example {
            what: "who called this month",
            line: "mcpr clients -s 1mo",
        }],
    ),
    (
        "watch",
        &[Example {
            what: "one server",
            line: "mcpr watch -p files",
        }],
    ),
];

/// One use of a command.
pub(crate) struct Example {
    /// What it is for.
    pub(crate) what: &'static str,
    /// What is typed.
    pub(crate) line: &'static str,
}

/// The examples of a command.
pub(crate) fn examples_of(command: &str) -> &'static [Example] {
    let found = EXAMPLES.iter().find(|(name, _)| *name == command);
    found.map_or(&[], |(_, examples)| examples)
}

/// The same command line with headings and examples in its help.
pub(crate) fn with_help(mut command: Command) -> Command {
    for name in READING {
        command = command.mut_subcommand(name, with_headings);
    }
    for (name, examples) in EXAMPLES {
        let text = after_help(examples);
        // The program's own help leads on to the topics, which no command has.
        command = if *name == "mcpr" {
            command.after_help(format!(
                "{text}\n`mcpr help topics` lists what holds for all commands: times, filters, output, exit codes."
            ))
        } else {
            command.mut_subcommand(name, |one| one.after_help(text))
        };
    }
    command
}

// Done here for all, not flag by flag: the same flag has to stand under the same heading everywhere.
fn with_headings(mut command: Command) -> Command {
    for (heading, flags) in HEADINGS {
        for flag in *flags {
            // Not every reading command has every flag, and clap panics over one that is not there.
            if command.get_arguments().any(|arg| arg.get_id() == flag) {
                command = command.mut_arg(flag, |arg| arg.help_heading(*heading));
            }
        }
    }
    command
}

fn after_help(examples: &[Example]) -> String {
    let lines = examples
        .iter()
        .map(|Example { what, line }| format!("  {line}\n      {what}\n"));
    format!("Examples:\n{}", lines.collect::<String>())
}
