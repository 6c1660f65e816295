//! What the help of reading commands has beside the flags themselves: headings over them, and examples.

use crate::render::Column;
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
            "verbose", "utc", "time", "seq", "wide", "wrap",
        ],
    ),
    ("Store", &["db"]),
];

/// What the help of a command has beside its flags. Each stands in the file of its command.
#[derive(Debug)]
pub(crate) struct CommandHelp {
    /// The words that lead to the command, behind the program's name.
    pub(crate) name: &'static str,
    /// Whether its flags stand under [`HEADINGS`]: those of commands that read.
    pub(crate) has_headings: bool,
    /// The fields that its `--fields` takes.
    fields: Option<fn() -> Vec<&'static str>>,
    /// See [`CommandHelp::examples`].
    examples: &'static [&'static str],
}

impl CommandHelp {
    /// A command's examples: what is typed, and behind ` # ` what it is for.
    pub(super) const fn new(name: &'static str, examples: &'static [&'static str]) -> Self {
        Self {
            name,
            has_headings: false,
            fields: None,
            examples,
        }
    }

    /// What is typed, and what it is for.
    pub(crate) fn examples(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let parts = |one: &&'static str| one.split_once(" # ").unwrap_or((*one, ""));
        self.examples.iter().map(parts)
    }

    /// The fields that its `--fields` takes, as a section of a manual page.
    pub(super) fn field_section(&self) -> Option<String> {
        let lines = field_lines(&self.fields?());
        Some(format!(
            "--fields takes these, with commas between them:\n{lines}\n"
        ))
    }

    /// The same with headings over its flags.
    pub(super) const fn with_headings(mut self) -> Self {
        self.has_headings = true;
        self
    }

    /// The same with the fields of the list that it shows.
    pub(super) const fn with_fields(mut self, fields: fn() -> Vec<&'static str>) -> Self {
        self.fields = Some(fields);
        self
    }
}

/// That of the program itself.
const PROGRAM: CommandHelp = CommandHelp::new(
    "",
    &[
        "mcpr tap install --client cursor # put the tap before a client's servers, and watch",
        "mcpr record '/var/log/mcpr/*.log' # record what a proxy writes",
        "mcpr watch # what is going on now",
        "mcpr logs --status failed # what failed",
    ],
);

/// Every command's.
pub(crate) fn all() -> impl Iterator<Item = &'static CommandHelp> {
    std::iter::once(&PROGRAM)
        .chain(super::HELP.iter().copied())
        .chain(super::examples::ALL)
}

/// What the help of a command has; `None` where it has nothing of its own.
pub(super) fn of(command: &str) -> Option<&'static CommandHelp> {
    all().find(|help| help.name == command)
}

/// The names of columns, for `--fields`.
pub(super) fn field_names<R>(columns: &'static [Column<R>]) -> Vec<&'static str> {
    columns.iter().map(|column| column.name).collect()
}

/// The fields of the list that the first command among some words shows.
pub(super) fn fields_of(words: &[&str]) -> Option<Vec<&'static str>> {
    // The first that is one: what follows may be a name that looks like one.
    let shown_by = |word: &&str| {
        // Its name in mcpr 0.4.
        let word = if *word == "status" { "stats" } else { word };
        all().find_map(|help| {
            help.fields
                .filter(|_| help.name.rsplit(' ').next() == Some(word))
        })
    };
    words.iter().find_map(shown_by).map(|fields| fields())
}

/// The same command line with headings and examples in its help.
pub(crate) fn with_help(mut command: Command) -> Command {
    for help in all() {
        let text = after_help(help);
        // The program's own help leads on to the topics, which no command has.
        if help.name.is_empty() {
            command = command.after_help(format!(
                "{text}\n`mcpr help topics` lists what holds for all commands: times, filters, output, exit codes."
            ));
            continue;
        }
        let words: Vec<&str> = help.name.split(' ').collect();
        command = at(command, &words, &|one| {
            let one = if help.has_headings {
                with_headings(one)
            } else {
                one
            };
            let one = one.after_help(text.clone());
            // Many lines, which only the long help has room for.
            match help.fields {
                Some(fields) => one.after_long_help(format!("{text}\n{}", fields_text(&fields()))),
                None => one,
            }
        });
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

/// The fields that `--fields` takes, under a heading.
fn fields_text(names: &[&str]) -> String {
    format!("Fields:{}", field_lines(names))
}

/// The same over several lines, each of which begins with two blanks.
fn field_lines(names: &[&str]) -> String {
    let mut text = String::new();
    let mut width = HELP_WIDTH;
    for name in names {
        if width + name.len() + 2 > HELP_WIDTH {
            text.push_str("\n ");
            width = 1;
        }
        text.extend([" ", name]);
        width += name.len() + 1;
    }
    text
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

fn after_help(help: &CommandHelp) -> String {
    let examples = help.examples();
    let lines = examples.map(|(line, what)| format!("  {line}\n      {what}\n"));
    format!("Examples:\n{}", lines.collect::<String>())
}
