//! One thing that a diff found: which rule, where, from what to what, how bad, and the proof.

use super::canonical::{canonical_text, sha256_hex};
use super::level::{Compatibility, Security};
use super::location::FileLocation;
use super::rules::RuleId;
use super::surface::ItemKind;
use serde::Serialize;
use serde_json::Value;

/// One finding.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// The rule.
    pub rule: RuleId,
    /// What it means for callers.
    pub compatibility: Compatibility,
    /// What it means for trust.
    pub security: Security,
    /// What sort of item it is about.
    pub kind: ItemKind,
    /// The item's name, URI or URI template.
    pub item: String,
    /// JSON pointer to what changed, from the item; in schemas with references followed.
    pub pointer: String,
    /// What stood there before; none when it was added.
    pub before: Option<Value>,
    /// What stands there now; none when it was removed.
    pub after: Option<Value>,
    /// One sentence: what, and why it matters.
    pub message: String,
    /// A value that was fine before and no longer is, confirmed by a validator.
    pub witness: Option<Value>,
    /// Names this change, whatever the wording: SHA-256 over rule, item, pointer, before, after.
    pub fingerprint: String,
    /// Where it stands in the new file, or what was around it; none where no file was read.
    pub location: Option<FileLocation>,
    /// Where it stood in the old file; none when it was added.
    pub old_location: Option<FileLocation>,
}

/// Where a finding is.
#[derive(Debug, Clone)]
pub(super) struct FindingPlace<'a> {
    pub(super) kind: ItemKind,
    pub(super) item: &'a str,
    pub(super) pointer: String,
}

impl Finding {
    /// A finding of a rule at the rule's own levels.
    pub(super) fn new(
        id: RuleId,
        at: FindingPlace<'_>,
        before: Option<Value>,
        after: Option<Value>,
        message: String,
    ) -> Self {
        let rule = id.rule();
        let mut finding = Self {
            rule: id,
            // The judge of schemas sets another level where it knows the direction, or a proof.
            compatibility: rule.input,
            security: rule.security,
            kind: at.kind,
            item: at.item.to_owned(),
            pointer: at.pointer,
            before,
            after,
            message,
            witness: None,
            fingerprint: String::new(),
            location: None,
            old_location: None,
        };
        // Last, as it is made of the rest.
        finding.fingerprint = finding.fingerprint_now();
        finding
    }

    /// The same about one member, as it was and as it is.
    pub(super) fn changed(
        id: RuleId,
        at: FindingPlace<'_>,
        before: Option<&Value>,
        after: Option<&Value>,
        message: &str,
    ) -> Self {
        let (before, after) = (before.cloned(), after.cloned());
        Self::new(id, at, before, after, message.to_owned())
    }

    fn fingerprint_now(&self) -> String {
        // Neither levels nor wording: an accepted finding stays so when a rule is explained anew.
        let whole = (
            self.rule,
            self.kind,
            &self.item,
            &self.pointer,
            [&self.before],
            [&self.after],
        );
        sha256_hex(canonical_text(&whole).as_bytes())
    }
}
