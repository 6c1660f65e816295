//! For whom a comparison is judged, and levels that its reader has set for rules. What was found stays
//! what it is: only levels change.

use crate::diff::Report;
use crate::finding::Finding;
use crate::level::{Compatibility, Security};
use crate::rules::RuleId;
use std::collections::BTreeMap;
use std::str::FromStr;
use thiserror::Error;

/// For whom a comparison is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Audience {
    /// Whoever wrote the change: what is their own work is to be reviewed; texts that steer a model
    /// are an alert, as they may have come in with somebody else's change.
    Maintainer,
    /// Whoever runs an agent on a server that somebody else changes: everything counts.
    #[default]
    Consumer,
}

impl Audience {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Maintainer => "maintainer",
            Self::Consumer => "consumer",
        }
    }

    fn security(self, finding: &Finding) -> Security {
        let is_own_work = match finding.rule {
            RuleId::HintSafer => true,
            // A name with letters that only look Latin is nobody's work in good faith.
            RuleId::NameConfusable => finding.item.is_ascii(),
            RuleId::TextAddress => crate::rules::names_addresses_as_reference(finding),
            _ => false,
        };
        if self == Self::Maintainer && is_own_work {
            finding.security.min(Security::Review)
        } else {
            finding.security
        }
    }
}

/// A level on one of the two axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// For callers.
    Compatibility(Compatibility),
    /// For trust.
    Security(Security),
}

/// That a word is not a level.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "no level `{0}`: give breaking, dangerous, undecided, compatible or cosmetic, or alert, review \
     or none"
)]
pub struct UnknownSeverity(String);

impl FromStr for Severity {
    type Err = UnknownSeverity;

    fn from_str(word: &str) -> Result<Self, UnknownSeverity> {
        let levels = [
            Compatibility::Breaking,
            Compatibility::Dangerous,
            Compatibility::Undecided,
            Compatibility::Compatible,
            Compatibility::Cosmetic,
        ];
        let alarms = [Security::Alert, Security::Review, Security::None];
        let level = levels.into_iter().find(|level| level.as_str() == word);
        let alarm = || alarms.into_iter().find(|level| level.as_str() == word);
        let found = level.map(Self::Compatibility);
        let found = found.or_else(|| alarm().map(Self::Security));
        found.ok_or_else(|| UnknownSeverity(word.to_owned()))
    }
}

/// Levels that were set for rules; of two for one rule and axis the later one counts.
#[derive(Debug, Clone, Default)]
pub struct Severities {
    compatibility: BTreeMap<RuleId, Compatibility>,
    security: BTreeMap<RuleId, Security>,
}

impl Severities {
    /// Sets the level of a rule on one axis.
    pub fn set(&mut self, rule: RuleId, level: Severity) {
        match level {
            Severity::Compatibility(level) => {
                self.compatibility.insert(rule, level);
            }
            Severity::Security(level) => {
                self.security.insert(rule, level);
            }
        }
    }
}

impl Report {
    /// The same findings at the levels that they have for an audience, and then at those that were
    /// set.
    #[must_use]
    pub fn judged_for(mut self, audience: Audience, severities: &Severities) -> Self {
        for finding in &mut self.findings {
            finding.security = audience.security(finding);
            if let Some(level) = severities.security.get(&finding.rule) {
                finding.security = *level;
            }
            if let Some(level) = severities.compatibility.get(&finding.rule) {
                finding.compatibility = *level;
            }
        }
        // The order and the worst levels are those of the new levels.
        let findings = std::mem::take(&mut self.findings);
        self.with(findings)
    }
}
