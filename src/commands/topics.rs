//! What holds for all commands, a topic each: printed by `mcpr help TOPIC`, and sections of the manual pages.

/// A text that belongs to no command.
pub(crate) struct Topic {
    /// What it is asked for by.
    pub(crate) name: &'static str,
    /// What it is about, in a few words.
    pub(crate) about: &'static str,
    /// Its text. Lines that begin with two blanks stay as they are.
    pub(crate) text: &'static str,
}

/// Every topic, in the order in which they are listed.
pub(crate) const TOPICS: &[Topic] = &[
    // First what people ask for most.
    Topic {
        name: "times",
        about: "What --since, --until and --at take",
        text: "\
A time is one of these:

  30m, 2h, 1h30m, 7d, 2w, 1mo, 1y      so long ago
  -2h, \"2 hours ago\", \"an hour ago\"    the same
  now, today, yesterday, monday        its beginning; monday may be today
  \"last monday\", \"nov 29\", \"29 Nov\"   the last one; a date may be today
  2026-11-21, \"2026-11-21 14:00\"       in local time, or in UTC with --utc
  14:00, 2pm, \"yesterday 14:00\"        a time of day, of today by itself
  \"2026-11-21 01:00 UTC\", RFC 3339     in the zone that it names
  @1795224608                          seconds since 1970, or milliseconds

Everything that mcpr prints is read back, too. --since is inclusive, --until
exclusive. Where a clock goes back and a time comes twice, the earlier one is
meant; a time that a clock skips is the moment of the change. What may be two
moments (11/12, \"last week\") is refused with what to write.
Tables show local time, machine formats UTC.
",
    },
    Topic {
        name: "filters",
        about: "How --tool, --method, --proxy, --client and their kind match",
        text: "\
--tool, --method, --proxy and --client take globs: * and ? match any character,
/ too; [a-z] and {a,b} as usual. A comma separates two, and a flag may be
repeated: one of them has to match. Filters of different kinds all have to
match. --client ignores case. --proxy also takes a name with brackets or commas
as it stands.

  mcpr logs --tool 'get-*,read_*' --status failed
  mcpr stats --proxy files --proxy weather

--session takes a session's id, any unambiguous prefix of it, or latest, the one
that was used last. `show` takes a number of the store, a request's id, -1 for
the last request of MCP, or @-3 for the third last.
",
    },
    Topic {
        name: "output",
        about: "Tables, JSON and CSV, colour and the pager",
        text: "\
A table is for people; it is cut to the terminal and whole in a pipe. --json
prints one object a line for lists, and one document for single reports.
--format json prints a list as one array, --format csv is RFC 4180. --fields
says which keys, in which order; `mcpr logs --fields help` fails and lists them.
Keys are only ever added, absent values are null.

Data goes to standard output, everything else to standard error; --quiet leaves
notes and hints out. --color stands above NO_COLOR, that above CLICOLOR_FORCE
and CLICOLOR; otherwise a terminal gets colour.
",
    },
    Topic {
        name: "exit-codes",
        about: "What a command ends with",
        text: "\
A command ends with one of these:

  0      done; an empty list is done, too
  1      the answer is no: the one session or request that was named is not
         there, `store verify` found damage, `schema diff` and `check` found
         what --fail-on names
  2      an error, wrong usage included; `check` could not decide
  128+N  ended by signal N
  any    `tap` ends with what the server ended with
",
    },
    Topic {
        name: "environment",
        about: "Variables that mcpr reads",
        text: "\
These variables are read; flags stand above them:

  MCPR_DB                    the store, as --db
  MCPR_CONFIG                the configuration file
  MCPR_KEEP                  how long requests are kept, as --keep
  MCPR_KEEP_PAYLOADS         how long payloads are kept, as --keep-payloads
  MCPR_MAX_SIZE              most bytes of the store, as --max-size
  MCPR_WRITER                the recorder's name on a server, as --writer
  MCPR_LISTEN_TOKEN          the token of senders to `record --listen`
  MCPR_PAGER, PAGER          the pager of long output; cat or nothing for none
  COLUMNS, LINES             the size of a terminal that does not report it
  NO_COLOR, CLICOLOR_FORCE, CLICOLOR, TERM
                             whether there is colour
  TZ                         the local time zone
",
    },
    Topic {
        name: "files",
        about: "Where mcpr keeps what",
        text: "\
These files are used unless something else is named:

  ~/.mcpr/recorder.db              the store, where --db names no other
  ~/.mcpr/store.db                 the store of the mcpr proxy; only read, where
                                   ours is missing
  $XDG_CONFIG_HOME/mcpr/config.toml, ~/.config/mcpr/config.toml
                                   the configuration
",
    },
];

/// What `mcpr help` with one word prints, where that word is a topic or asks for them all.
pub(crate) fn of_words(words: &[&str]) -> Option<String> {
    // More words are a command with its own: clap knows whether there is one.
    let word = match words {
        // Who asks how help is asked for has the list of what there is.
        ["topics" | "-h" | "--help"] => &"topics",
        [word] | ["topics", word] => word,
        _ => return None,
    };
    if *word == "topics" {
        let lines = TOPICS
            .iter()
            .map(|topic| format!("  {:<12} {}\n", topic.name, topic.about));
        let lines: String = lines.collect();
        return Some(format!(
            "Topics:\n{lines}\n`mcpr help TOPIC` prints one, `mcpr COMMAND --help` is about a command.\n"
        ));
    }
    let topic = TOPICS.iter().find(|topic| topic.name == *word)?;
    Some(format!("{}\n\n{}", topic.about, topic.text))
}

/// The text of a topic that is known to be there.
pub(crate) fn text(name: &str) -> &'static str {
    let found = TOPICS.iter().find(|topic| topic.name == name);
    // A test holds that each one that is asked for is there.
    found.map_or("", |topic| topic.text)
}

#[cfg(test)]
mod tests {
    use super::{TOPICS, of_words, text};

    #[test]
    fn every_topic_is_listed_and_printed() {
        let list = of_words(&["topics"]).expect("the list");
        for topic in TOPICS {
            assert!(list.contains(topic.name), "{}", topic.name);
            let shown = of_words(&[topic.name]).expect("a topic");
            assert!(shown.contains(text(topic.name)) && !topic.text.is_empty());
            let widest = topic.text.lines().map(|line| line.chars().count()).max();
            // A terminal of 80 columns would break words otherwise.
            assert!(widest <= Some(80), "{}: {widest:?}", topic.name);
        }
        assert_eq!(of_words(&["logs"]), None);
        assert_eq!(of_words(&[]), None);
    }
}
