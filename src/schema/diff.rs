//! Two surfaces into one report. Runs on a stack of its own, so that no nesting overflows the
//! caller's.

use super::finding::Finding;
use super::level::{Compatibility, Security};
use super::rules;
use super::surface::Surface;
use serde::Serialize;
use std::thread;

/// The stack for reading schemas, in bytes.
pub(super) const STACK_BYTES: usize = 64 << 20;

/// What a diff found.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Report {
    /// The worst of all findings, for callers.
    pub compatibility: Compatibility,
    /// The worst of all findings, for trust.
    pub security: Security,
    /// Every finding: by kind, by item, the worst of each item first.
    pub findings: Vec<Finding>,
}

impl Report {
    /// A report of these findings.
    #[must_use]
    pub fn of(mut findings: Vec<Finding>) -> Self {
        findings.sort_by(|a, b| {
            let weight = |finding: &Finding| (finding.compatibility, finding.security);
            let place = a.kind.cmp(&b.kind).then_with(|| a.item.cmp(&b.item));
            place
                .then_with(|| weight(b).cmp(&weight(a)))
                .then_with(|| a.pointer.cmp(&b.pointer))
                .then_with(|| a.rule.cmp(b.rule))
        });
        let compatibility = findings.iter().map(|finding| finding.compatibility).max();
        let security = findings.iter().map(|finding| finding.security).max();
        Self {
            compatibility: compatibility.unwrap_or_default(),
            security: security.unwrap_or_default(),
            findings,
        }
    }
}

/// What changed from one surface to another. Lists that one of them did not capture are unknown,
/// and not compared.
///
/// # Panics
///
/// When the system gives no thread.
#[must_use]
pub fn diff(old: &Surface, new: &Surface) -> Report {
    if old == new {
        return Report::default();
    }
    let findings = thread::scope(|scope| {
        let thread = thread::Builder::new()
            .name("diff".to_owned())
            .stack_size(STACK_BYTES);
        let work = thread.spawn_scoped(scope, || rules::findings(old, new));
        let work = work.expect("the system has room for one more thread");
        work.join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    Report::of(findings)
}
