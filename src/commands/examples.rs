//! Examples of commands that keep a store, a service or a configuration, which have nothing else beside their flags.

use super::help::CommandHelp;

/// The examples, in the order of the commands.
pub(super) const ALL: &[CommandHelp] = &[
    CommandHelp::new(
        "sources",
        &["mcpr sources # what this machine has to record and to tap"],
    ),
    #[cfg(feature = "forward")]
    CommandHelp::new(
        "forward",
        &["mcpr forward --to http://127.0.0.1:4318 # to a collector of OTLP"],
    ),
    #[cfg(feature = "tap")]
    CommandHelp::new(
        "tap serve",
        &["mcpr tap serve --server files=http://127.0.0.1:3000/mcp # a server at an address"],
    ),
    #[cfg(feature = "tap")]
    CommandHelp::new(
        "tap status",
        &["mcpr tap status # which servers of which clients are tapped"],
    ),
    #[cfg(feature = "tap")]
    CommandHelp::new(
        "tap uninstall",
        &["mcpr tap uninstall files # one server as it was before"],
    ),
    #[cfg(feature = "schema")]
    CommandHelp::new(
        "schema rules",
        &["mcpr schema rules --json # every rule, for a program"],
    ),
    #[cfg(feature = "schema")]
    CommandHelp::new(
        "schema snapshot",
        &[
            "mcpr schema snapshot -o before.json --url http://127.0.0.1:3000/mcp # what it offers now",
        ],
    ),
    CommandHelp::new(
        "session delete",
        &["mcpr session delete latest # after a question"],
    ),
    CommandHelp::new(
        "store backup",
        &["mcpr store backup before.db # while it is recorded into"],
    ),
    CommandHelp::new(
        "store copy",
        &["mcpr store copy old.db new.db # everything, into another store"],
    ),
    CommandHelp::new(
        "store export",
        &["mcpr store export # every request, one JSON object a line"],
    ),
    CommandHelp::new(
        "store import",
        &["mcpr store import other.db # add what another store holds"],
    ),
    CommandHelp::new(
        "store rename-proxy",
        &["mcpr store rename-proxy old new # move what was recorded under a name"],
    ),
    CommandHelp::new(
        "store stats",
        &["mcpr store stats # how large it is, and how far its sources were read"],
    ),
    CommandHelp::new(
        "store verify",
        &["mcpr store verify --full # every index and sum, too"],
    ),
    CommandHelp::new(
        "config",
        &["mcpr config # the settings in force, and where each comes from"],
    ),
    CommandHelp::new(
        "completions",
        &["mcpr completions bash # for a file that the shell reads"],
    ),
    // Both meanings of its one argument.
    CommandHelp::new(
        "man",
        &[
            "mcpr man logs # the page of a command",
            "mcpr man ./man # all pages, into a directory",
        ],
    ),
];
