//! One thing that a diff found: which rule, where, from what to what, how bad, and the proof.

use super::canonical::{canonical_text, sha256_hex};
use super::level::{Compatibility, Security};
use super::location::{FileLocation, FindingLocations};
use super::packed::Packed;
use super::rules::RuleId;
use super::surface::ItemKind;
use serde::Serialize;
use serde_json::Value;

/// One finding. There may be tens of thousands: where it stands and what names it are worked out when
/// it is reported.
#[derive(Debug, Clone, PartialEq)]
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
    pub before: Option<Packed>,
    /// What stands there now; none when it was removed.
    pub after: Option<Packed>,
    /// One sentence: what, and why it matters.
    pub message: String,
    /// A value that was fine before and no longer is, confirmed by a validator.
    pub witness: Option<Packed>,
}

/// A finding as it is reported, with all that is known of it.
#[derive(Debug, Serialize)]
pub struct LocatedFinding<'a> {
    rule: RuleId,
    compatibility: Compatibility,
    security: Security,
    kind: ItemKind,
    item: &'a str,
    pointer: &'a str,
    before: &'a Option<Packed>,
    after: &'a Option<Packed>,
    message: &'a str,
    witness: &'a Option<Packed>,
    fingerprint: String,
    location: Option<FileLocation>,
    old_location: Option<FileLocation>,
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
        let before = before.map(Packed::from);
        let after = after.map(Packed::from);
        Self::packed(id, at, [before, after], message)
    }

    fn packed(
        id: RuleId,
        at: FindingPlace<'_>,
        [before, after]: [Option<Packed>; 2],
        message: String,
    ) -> Self {
        let rule = id.rule();
        Self {
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
        }
    }

    /// The same about one member, as it was and as it is.
    pub(super) fn changed(
        id: RuleId,
        at: FindingPlace<'_>,
        before: Option<&Value>,
        after: Option<&Value>,
        message: &str,
    ) -> Self {
        let values = [before.map(Packed::of), after.map(Packed::of)];
        Self::packed(id, at, values, message.to_owned())
    }

    /// Names this change, whatever the wording: SHA-256 over rule, item, pointer, before, after.
    #[must_use]
    pub fn fingerprint(&self) -> String {
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

    /// The finding as it is reported, standing at these places.
    #[must_use]
    pub fn located(&self, at: FindingLocations) -> LocatedFinding<'_> {
        LocatedFinding {
            rule: self.rule,
            compatibility: self.compatibility,
            security: self.security,
            kind: self.kind,
            item: &self.item,
            pointer: &self.pointer,
            before: &self.before,
            after: &self.after,
            message: &self.message,
            witness: &self.witness,
            // Not kept: half of the findings' memory would be digits.
            fingerprint: self.fingerprint(),
            location: at.new,
            old_location: at.old,
        }
    }
}
