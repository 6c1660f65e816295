//! `less` with lines that are chopped at the edge of the screen and reached by the arrow keys, so that a table
//! stays a table.

use super::TablePaging;
use std::path::Path;
use std::process::{Command, Stdio};

/// The first version that keeps a header in sight.
const WITH_HEADER: u32 = 600;

/// The command that shows a table in `less`; `None` where the pager is another one, or does not start.
pub(super) fn with_chopped_lines(command: &str, paging: TablePaging) -> Option<String> {
    if !is_less(command) {
        return None;
    }
    // Asked only now that something is paged: it takes a process of its own.
    let program = command.split_whitespace().next()?;
    Some(with_flags(command, version(program)?, paging))
}

/// Whether a command is `less`, perhaps with flags, and no line of shell.
fn is_less(command: &str) -> bool {
    let has_shell = command.contains(|c: char| "|&;<>()$`\\\"'*?\n".contains(c));
    let program = command.split_whitespace().next().unwrap_or_default();
    !has_shell
        && Path::new(program)
            .file_name()
            .is_some_and(|it| it == "less")
}

/// The version that `less` says it is of.
fn version(program: &str) -> Option<u32> {
    let output = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    version_in(&String::from_utf8_lossy(&output.stdout))
}

/// The version in `less 590 (GNU regular expressions)`, or `less 551.2 …`.
fn version_in(text: &str) -> Option<u32> {
    let number = text.strip_prefix("less ")?;
    // `551.2` is a version, too.
    let digits = number.find(|c: char| !c.is_ascii_digit())?;
    number[..digits].parse().ok()
}

fn with_flags(command: &str, version: u32, paging: TablePaging) -> String {
    // The default command leaves at once where all of it fits, which is known here already, and keeps the
    // screen of before.
    let mut command = match command {
        super::DEFAULT_PAGER => "less -RS".to_owned(),
        command => format!("{command} -RS"),
    };
    if paging.has_header && version >= WITH_HEADER {
        command.push_str(" --header 1");
    }
    // It has to come last: what follows a `+` is a command of less itself.
    if paging.at_end {
        command.push_str(" +G");
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_less_itself_is_given_flags() {
        for (command, expected) in [
            ("less", true),
            ("less -FRX", true),
            ("/usr/bin/less -d", true),
            ("lesspipe", false),
            ("more", false),
            ("less | cat", false),
            ("less -p 'x'", false),
            ("", false),
        ] {
            assert_eq!(is_less(command), expected, "{command}");
        }
    }

    #[test]
    fn a_header_is_kept_in_sight_where_less_can() {
        let check = |command: &str, version, at_end, has_header, expected: &str| {
            let paging = TablePaging { at_end, has_header };
            assert_eq!(with_flags(command, version, paging), expected);
        };
        check(super::super::DEFAULT_PAGER, 590, true, true, "less -RS +G");
        check(
            super::super::DEFAULT_PAGER,
            608,
            true,
            true,
            "less -RS --header 1 +G",
        );
        check("less -d", 643, false, true, "less -d -RS --header 1");
        check("less", 643, false, false, "less -RS");
    }

    #[test]
    fn versions_of_less() {
        for (text, expected) in [
            ("less 590 (GNU regular expressions)\n", Some(590)),
            ("less 551.2 (POSIX)", Some(551)),
            ("BusyBox v1.36", None),
            ("less", None),
            ("", None),
        ] {
            assert_eq!(version_in(text), expected, "{text}");
        }
    }
}
