//! The command of a tapped server: written and known again. Pure.

use std::path::Path;

/// The option that names a server in the store.
const NAME: &str = "--name";

/// The option that says that there was a list of arguments with nothing in it.
const EMPTY_ARGS: &str = "--empty-args";

/// A command that is a tap of another.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tapped<'a> {
    /// What stands before `--`, but the name and what an installation notes for itself.
    pub(super) options: Vec<String>,
    /// A name that the tap takes for an option, as earlier installations wrote it.
    pub(super) refused_name: Option<&'a str>,
    /// Whether the command had a list of arguments with nothing in it.
    pub(super) had_empty_args: bool,
    /// The command that is tapped.
    pub(super) command: &'a [String],
}

/// The command that runs a server of this name in a tap.
pub(super) fn tap(
    program: &str,
    name: &str,
    options: &[String],
    command: &[String],
    has_empty_args: bool,
) -> Vec<String> {
    // In one argument: a name may begin with `-`.
    let head = [
        program.to_owned(),
        "tap".to_owned(),
        format!("{NAME}={name}"),
    ];
    let noted = has_empty_args.then(|| EMPTY_ARGS.to_owned());
    let noted = noted.as_slice();
    [&head, noted, options, &["--".to_owned()], command].concat()
}

/// Takes a command apart, if it is a tap.
pub(super) fn tapped(command: &[String]) -> Option<Tapped<'_>> {
    let (program, arguments) = command.split_first()?;
    let mut rest = match arguments.split_first() {
        Some((first, rest)) if first == "tap" => rest,
        _ => return None,
    };
    if !is_ours(Path::new(program), rest) {
        return None;
    }
    let (mut options, mut refused_name, mut had_empty_args) = (Vec::new(), None, false);
    while let Some((argument, behind)) = rest.split_first() {
        rest = behind;
        if argument == "--" {
            let command = Some(rest).filter(|command| !command.is_empty())?;
            return Some(Tapped {
                options,
                refused_name,
                had_empty_args,
                command,
            });
        }
        if argument == NAME {
            let (name, behind) = rest.split_first()?;
            refused_name = name.starts_with('-').then_some(name.as_str());
            rest = behind;
        } else if argument == EMPTY_ARGS {
            had_empty_args = true;
        } else if !argument.starts_with("--name=") {
            options.push(argument.clone());
        }
    }
    None
}

/// Whether a program with these arguments of `tap` is this one, under whatever name: an installation
/// writes the whole path of what ran it, and `--name=NAME` before everything else.
fn is_ours(program: &Path, arguments: &[String]) -> bool {
    let is_as_written = || {
        let first = arguments.first();
        program.is_absolute() && first.is_some_and(|first| first.starts_with("--name="))
    };
    program.file_stem().is_some_and(|stem| stem == "mcpr") || is_as_written()
}

/// Where the option stands whose name the tap refuses, and that name.
pub(super) fn refused_name(command: &[String]) -> Option<(usize, &str)> {
    let name = tapped(command)?.refused_name?;
    let is_it = |pair: &[String]| pair[0] == NAME && pair[1] == name;
    let at = command.windows(2).position(is_it)?;
    Some((at, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(command: &str) -> Vec<String> {
        command.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn a_tap_is_known_whichever_way_its_name_is_written() {
        for (command, expected) in [
            ("/x/mcpr tap --name=a -- s y", Some(("", None, "s y"))),
            (
                "/x/mcpr tap --name a --db /d -- s",
                Some(("--db /d", None, "s")),
            ),
            ("mcpr tap -- s -- y", Some(("", None, "s -- y"))),
            (
                "mcpr tap --verbose --name a -- s",
                Some(("--verbose", None, "s")),
            ),
            ("mcpr tap --name=-- -- s", Some(("", None, "s"))),
            (
                "mcpr tap --name=-- --payloads -- s",
                Some(("--payloads", None, "s")),
            ),
            ("mcpr tap --name -- -- s", Some(("", Some("--"), "s"))),
            ("mcpr tap --name -x -- s", Some(("", Some("-x"), "s"))),
            ("mcpr tap --name -- s", None),
            ("mcpr tap --name a --", None),
            ("mcpr tap --name", None),
            ("mcpr tap", None),
            ("mcpr logs -- s", None),
            ("other tap --name=a -- s", None),
            // A program of another name, as an installation by it writes it.
            ("/x/mcpr-0.7 tap --name=a -- s y", Some(("", None, "s y"))),
            (
                "/x/recorder tap --name=a --payloads -- s",
                Some(("--payloads", None, "s")),
            ),
            ("/x/other tap -- s", None),
            ("/x/other run --name=a -- s", None),
        ] {
            let command = owned(command);
            let found = tapped(&command);
            let found = found.map(|tap| {
                let options = tap.options.join(" ");
                (options, tap.refused_name, tap.command.join(" "))
            });
            let expected = expected
                .map(|(options, name, command)| (options.to_owned(), name, command.to_owned()));
            assert_eq!(found, expected, "{command:?}");
        }
    }

    #[test]
    fn what_is_written_is_known_again() {
        for name in ["a", "-x", "--", "--name", "a b", "=", ""] {
            for options in [&[][..], &owned("--payloads --redact=--")[..]] {
                for had_empty_args in [false, true] {
                    let command = owned("server -- --name y");
                    let written = tap("/x/mcpr", name, options, &command, had_empty_args);
                    let expected = Tapped {
                        options: options.to_vec(),
                        refused_name: None,
                        had_empty_args,
                        command: &command,
                    };
                    assert_eq!(tapped(&written), Some(expected), "{written:?}");
                }
            }
        }
    }
}
