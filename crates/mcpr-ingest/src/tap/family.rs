//! The server and what it started, as far as signals reach them.
//!
//! Without a terminal the server has a process group of its own. With one it must be in the group that
//! has the terminal, or nothing that it starts could ask there for a password; then it shares the
//! tap's group, which is the client's, and is distinguished by whose child it is.

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::collections::BTreeMap;
use std::fs::{self, File};

/// The processes that a final signal goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SignalScope {
    /// The process group that the server leads.
    Group(Pid),
    /// The server and its children, within the tap's own group.
    Children(Pid),
}

/// Whether the process has a terminal that it could be asked on.
pub(super) fn has_terminal() -> bool {
    // It opens wherever there is a controlling terminal, even where no stream leads to it.
    File::open("/dev/tty").is_ok()
}

impl SignalScope {
    /// Whether what the terminal sends reaches the server by itself.
    pub(super) fn shares_terminal(self) -> bool {
        matches!(self, Self::Children(_))
    }

    /// Sends a signal to all of them; those that are gone already do not mind.
    pub(super) fn signal(self, signal: Signal) {
        match self {
            Self::Group(group) => drop(kill_process_group(group, signal)),
            Self::Children(server) => {
                for pid in children(server) {
                    // It may have ended since it was listed.
                    let _ = kill_process(pid, signal);
                }
            }
        }
    }
}

/// The processes that a process has started, and theirs, as far as they have stayed in our group.
/// Where the system does not show them, only the server itself.
fn children(server: Pid) -> Vec<Pid> {
    let us = Pid::as_raw(Some(rustix::process::getpid()));
    let our_group = Pid::as_raw(Some(rustix::process::getpgrp()));
    let mut by_parent: BTreeMap<i32, Vec<(i32, i32)>> = BTreeMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        if let Some((pid, parent, group)) = parse_stat(&stat) {
            by_parent.entry(parent).or_default().push((pid, group));
        }
    }
    if by_parent.is_empty() {
        return vec![server];
    }
    let mut found = Vec::new();
    // From the tap down: the server's number is believed only while it is our child. The watcher is
    // one as well, and is left out by its group.
    let mut parents = vec![us];
    while let Some(parent) = parents.pop() {
        for (pid, group) in by_parent.remove(&parent).unwrap_or_default() {
            parents.push(pid);
            found.extend(Pid::from_raw(pid).filter(|_| group == our_group));
        }
    }
    found
}

/// A running process's number, its parent's and its group's. The name in between may hold anything.
fn parse_stat(stat: &str) -> Option<(i32, i32, i32)> {
    let (head, rest) = stat.rsplit_once(") ")?;
    let pid = head.split_once(' ')?.0.parse().ok()?;
    let mut fields = rest.split(' ');
    // A process that has ended keeps its entry until its parent waits for it.
    if matches!(fields.next()?, "Z" | "X") {
        return None;
    }
    let parent = fields.next()?.parse().ok()?;
    let group = fields.next()?.parse().ok()?;
    Some((pid, parent, group))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_system_is_read_whatever_the_name() {
        let cases = [
            ("7 (sh) S 3 2 2 0 -1", Some((7, 3, 2))),
            ("7 (a) R 9 9 9) S 3 2 2 0 -1", Some((7, 3, 2))),
            ("7 (sh) Z 3 2 2 0 -1", None),
            ("7 (sh", None),
            ("", None),
        ];
        for (stat, expected) in cases {
            assert_eq!(parse_stat(stat), expected, "{stat}");
        }
    }
}
