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
                what: "what got slower than the day before",
                line: "mcpr stats -s 1d --against 1d",
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
    (
        "record",
        &[
            Example {
                what: "files of a proxy, and what is added to them",
                line: "mcpr record /var/log/mcpr/*.log",
            },
            Example {
                what: "once, what is there now",
                line: "mcpr record --once proxy.log",
            },
            Example {
                what: "what senders post",
                line: "mcpr record --listen 127.0.0.1:8787",
            },
        ],
    ),
    (
        "tap",
        &[
            Example {
                what: "run a server, and record what passes",
                line: "mcpr tap --name files -- npx -y @modelcontextprotocol/server-filesystem .",
            },
            Example {
                what: "put the tap before the servers of a client",
                line: "mcpr tap install --client cursor",
            },
        ],
    ),
    (
        "tap install",
        &[
            Example {
                what: "see what would change",
                line: "mcpr tap install --all --dry-run",
            },
            Example {
                what: "one client",
                line: "mcpr tap install --client cursor",
            },
        ],
    ),
    (
        "schema",
        &[
            Example {
                what: "what each server offers",
                line: "mcpr schema",
            },
            Example {
                what: "what changed",
                line: "mcpr schema changes",
            },
            Example {
                what: "tools that nobody called",
                line: "mcpr schema unused",
            },
        ],
    ),
    (
        "schema diff",
        &[
            Example {
                what: "the last two versions of a server",
                line: "mcpr schema diff --proxy files",
            },
            Example {
                what: "two files",
                line: "mcpr schema diff old.json new.json",
            },
        ],
    ),
    (
        "schema changes",
        &[Example {
            what: "since a day",
            line: "mcpr schema changes -s monday",
        }],
    ),
    (
        "schema unused",
        &[Example {
            what: "of one server",
            line: "mcpr schema unused -p files",
        }],
    ),
    (
        "schema check",
        &[Example {
            what: "in CI: exit 1 when a caller breaks",
            line: "mcpr schema check --baseline tools.lock.json -- node server.js",
        }],
    ),
    (
        "check",
        &[
            Example {
                what: "a gate over the last hour",
                line: "mcpr check -s 1h --fail-on 'p95>2s'",
            },
            Example {
                what: "one session",
                line: "mcpr check --session latest --fail-on 'errors>0'",
            },
        ],
    ),
    (
        "report",
        &[
            Example {
                what: "a page of today",
                line: "mcpr report -s today -o report.html",
            },
            Example {
                what: "for an issue",
                line: "mcpr report --session latest --format md",
            },
        ],
    ),
    (
        "store",
        &[
            Example {
                what: "how large it is",
                line: "mcpr store stats",
            },
            Example {
                what: "what would go",
                line: "mcpr store vacuum --before 30d --dry-run",
            },
        ],
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
            let fields = fields_text(name);
            let words: Vec<&str> = name.split(' ').collect();
            at(command, &words, &|one| {
                let one = one.after_help(text.clone());
                // Many lines, which only the long help has room for.
                match &fields {
                    Some(fields) => one.after_long_help(format!("{text}\n{fields}")),
                    None => one,
                }
            })
        };
    }
    command
}

/// Changes the command that these words lead to, where this build has it.
fn at(command: Command, words: &[&str], change: &dyn Fn(Command) -> Command) -> Command {
    let Some((first, rest)) = words.split_first() else {
        return change(command);
    };
    // clap would make an empty command of a name that it does not know.
    if command.find_subcommand(first).is_none() {
        return command;
    }
    command.mut_subcommand(*first, |inner| at(inner, rest, change))
}

/// The fields that `--fields` of a command takes, over several lines.
fn fields_text(command: &str) -> Option<String> {
    let mut text = "Fields:".to_owned();
    let mut width = HELP_WIDTH;
    for name in super::complete::field_names(command)? {
        if width + name.len() + 2 > HELP_WIDTH {
            text.push_str("\n ");
            width = 1;
        }
        text.extend([" ", name]);
        width += name.len() + 1;
    }
    Some(text)
}

/// Columns of the lines that are broken here: those of the narrowest terminal that is common.
const HELP_WIDTH: usize = 78;

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
