//! Two surfaces into one report. Runs on a stack of its own, so that no nesting overflows the
//! caller's; the report is a function of the surfaces.

use super::compat::comparing;
use super::finding::Finding;
use super::level::{Compatibility, Security};
use super::report::Versions;
use super::rules;
use super::surface::Surface;
use thiserror::Error;

/// What a diff found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// The worst of all findings, for callers.
    pub compatibility: Compatibility,
    /// The worst of all findings, for trust.
    pub security: Security,
    /// Every finding: by kind, by item, the worst of each item first.
    pub findings: Vec<Finding>,
    /// What the server called its versions.
    pub versions: Versions,
}

impl Report {
    /// A report of these findings.
    #[must_use]
    pub fn of(mut findings: Vec<Finding>) -> Self {
        // A total order, so that the same surfaces always give the same text.
        findings.sort_by(|a, b| {
            let weight = |finding: &Finding| (finding.compatibility, finding.security);
            let place = a.kind.cmp(&b.kind).then_with(|| a.item.cmp(&b.item));
            place
                .then_with(|| weight(b).cmp(&weight(a)))
                .then_with(|| a.pointer.cmp(&b.pointer))
                .then_with(|| a.rule.as_str().cmp(b.rule.as_str()))
        });
        // The worst on each axis, which may come from two findings.
        let compatibility = findings.iter().map(|finding| finding.compatibility).max();
        let security = findings.iter().map(|finding| finding.security).max();
        Self {
            compatibility: compatibility.unwrap_or_default(),
            security: security.unwrap_or_default(),
            findings,
            versions: Versions::default(),
        }
    }

    /// A report of these findings about the same two surfaces.
    #[must_use]
    pub fn with(self, findings: Vec<Finding>) -> Self {
        Self {
            versions: self.versions,
            ..Self::of(findings)
        }
    }
}

/// Why two surfaces were not compared.
#[derive(Debug, Error)]
pub enum DiffError {
    /// The system gave no thread, or no memory for its stack.
    #[error("cannot start a thread to compare on: {0}")]
    NoThread(#[from] std::io::Error),
}

/// What changed from one surface to another. A list that one of them did not capture is unknown,
/// which is reported, and not compared.
///
/// # Errors
///
/// When the system gives no thread: what was not compared is never called safe.
pub fn diff(old: &Surface, new: &Surface) -> Result<Report, DiffError> {
    // Mostly nothing changed, and a thread with a large stack is not for free.
    if old == new {
        return Ok(Report::default());
    }
    let findings = comparing(|comparer| rules::findings(old, new, comparer))?;
    Ok(Report {
        versions: Versions::of(old, new),
        ..Report::of(findings)
    })
}
