//! The file of what was agreed on: fingerprints, with a reason and perhaps an end.

use super::gate::GateArgs;
use crate::commands::Refused;
use crate::commands::replace::replace;
use anyhow::Context;
use chrono::{NaiveDate, Utc};
use mcpr_surface::Finding;
use mcpr_surface::rules::RuleId;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The whole file.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Agreement {
    accepted: Vec<AcceptedEntry>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AcceptedEntry {
    fingerprint: String,
    rule: RuleId,
    item: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pointer: String,
    reason: String,
    /// The first day on which it no longer counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires: Option<NaiveDate>,
}

/// What was agreed on, and which of it was met.
#[derive(Debug, Default)]
pub(super) struct Accepted {
    path: PathBuf,
    entries: Vec<(AcceptedEntry, EntryState)>,
    /// The entries that still count, by their fingerprints: there may be as many as findings.
    by_fingerprint: HashMap<String, Vec<usize>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EntryState {
    Expired,
    Unused,
    Used,
}

impl Accepted {
    /// Reads the file.
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        // Agreements end by the date of UTC, so that every machine of a team decides alike.
        let today = Utc::now().date_naive();
        let entries = read(path)?.accepted.into_iter().map(|entry| {
            let expired = entry.expires.is_some_and(|expires| expires <= today);
            (
                entry,
                if expired {
                    EntryState::Expired
                } else {
                    EntryState::Unused
                },
            )
        });
        let entries: Vec<_> = entries.collect();
        let mut by_fingerprint = HashMap::<String, Vec<usize>>::new();
        for (at, (entry, state)) in entries.iter().enumerate() {
            if *state != EntryState::Expired {
                let same = by_fingerprint.entry(entry.fingerprint.clone()).or_default();
                same.push(at);
            }
        }
        Ok(Self {
            path: path.to_owned(),
            entries,
            by_fingerprint,
        })
    }

    /// Whether a finding was agreed on.
    pub(super) fn take(&mut self, finding: &Finding) -> bool {
        // A fingerprint is dear, and mostly there is no file.
        if self.by_fingerprint.is_empty() {
            return false;
        }
        let Some(same) = self.by_fingerprint.get(&finding.fingerprint()) else {
            return false;
        };
        // Merged files may hold an entry twice: both are met, and neither is called stale.
        for at in same {
            if let Some((_, state)) = self.entries.get_mut(*at) {
                *state = EntryState::Used;
            }
        }
        true
    }

    /// What is to be reported about entries that no longer count, and of a file without any.
    pub(super) fn expired_notes(&self) -> Vec<String> {
        // Without `--accept` there is no path, and nothing to say.
        if self.entries.is_empty() && !self.path.as_os_str().is_empty() {
            let path = self.path.display();
            return vec![format!(
                "{path}: the accept file is empty: nothing is accepted"
            )];
        }
        let expired = self
            .entries
            .iter()
            .filter(|(_, met)| *met == EntryState::Expired);
        let note = |(entry, _): &(AcceptedEntry, EntryState)| {
            let end = entry.expires.map(|end| end.to_string());
            format!(
                "{}: what was accepted of {} {} expired on {}",
                self.path.display(),
                entry.rule,
                entry.item,
                end.unwrap_or_default()
            )
        };
        expired.map(note).collect()
    }

    /// What is to be reported about entries that nothing was found for.
    pub(super) fn unused_notes(&self) -> Vec<String> {
        let unused: Vec<&AcceptedEntry> = self
            .entries
            .iter()
            // An expired entry is reported already; it is not stale besides.
            .filter(|(_, met)| *met == EntryState::Unused)
            .map(|(entry, _)| entry)
            .collect();
        let Some(first) = unused.first() else {
            return Vec::new();
        };
        // One line for all of them: after a big change there may be hundreds.
        vec![format!(
            "{}: {} of {} accepted findings are stale: nothing like them was found (the first is \
             {} {}); remove them",
            self.path.display(),
            unused.len(),
            self.entries.len(),
            first.rule,
            first.item,
        )]
    }
}

fn read(path: &Path) -> anyhow::Result<Agreement> {
    let shown = path.display();
    let text = fs::read_to_string(path)
        .map_err(|error| Refused::new(format!("cannot read the accept file {shown}: {error}")))?;
    // A machine that stopped before the text was on the disk, or `mktemp`, leaves a file without any.
    if text.trim_matches(['\0', ' ', '\t', '\r', '\n']).is_empty() {
        return Ok(Agreement::default());
    }
    serde_json::from_str(&text).map_err(|error| {
        Refused::new(format!("{shown} is not an accept file: {error}"))
            .hint("--write-accept FILE writes one")
            .into()
    })
}

/// Adds findings to a file, which is replaced as a whole; says how many it accepts then.
pub(super) fn write<'a>(
    path: &Path,
    findings: impl Iterator<Item = &'a Finding>,
    args: &GateArgs,
) -> anyhow::Result<usize> {
    // A file that exists but cannot be read is an error: replacing it would lose what it holds.
    let mut agreement = match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Agreement::default(),
        _ => read(path)?,
    };
    let fresh = findings.map(|finding| AcceptedEntry {
        fingerprint: finding.fingerprint(),
        rule: finding.rule,
        item: finding.item.clone(),
        pointer: finding.pointer.clone(),
        reason: args.reason.clone().unwrap_or_default(),
        expires: args.expires,
    });
    agreement.accepted.extend(fresh);
    // Agreeing once more replaces the reason and the end, instead of adding a second entry.
    let mut known = HashSet::new();
    // From the end, where the newest of equal ones stands.
    agreement.accepted.reverse();
    agreement
        .accepted
        .retain(|entry| known.insert(entry.fingerprint.clone()));
    agreement.accepted.reverse();
    let text = serde_json::to_string_pretty(&agreement)? + "\n";
    // At once, so that a build that reads the file meanwhile never sees half of it.
    replace(path, text.as_bytes())
        .with_context(|| format!("cannot write the accept file {}", path.display()))?;
    Ok(agreement.accepted.len())
}
