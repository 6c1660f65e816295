//! How a rule is named and explained in texts and files.

use super::table::{Rule, RuleId};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::fmt::Write as _;
use std::str::FromStr;
use thiserror::Error;

/// That no rule has this name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("no rule `{0}`; `mcpr schema rules` lists them")]
pub struct UnknownRule(pub String);

impl FromStr for RuleId {
    type Err = UnknownRule;

    fn from_str(name: &str) -> Result<Self, UnknownRule> {
        let found = Self::ALL.iter().find(|id| id.as_str() == name);
        found.copied().ok_or_else(|| UnknownRule(name.to_owned()))
    }
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // With padding: the table of rules aligns the names.
        f.pad(self.as_str())
    }
}

impl Serialize for RuleId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for RuleId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        // By name, so that files outlive a new order of the table.
        name.parse().map_err(serde::de::Error::custom)
    }
}

impl Rule {
    /// Whether the levels of input and output differ, as they do for rules about schemas.
    #[must_use]
    pub fn has_directions(&self) -> bool {
        self.input != self.output
    }

    /// The rule's page, as plain text.
    ///
    /// # Panics
    ///
    /// Never: writing to a string does not fail.
    #[must_use]
    pub fn page(&self) -> String {
        let mut page = format!("{}\n\n{}.\n", self.id, sentence(self.title));
        writeln!(page, "{}.\n", sentence(self.why)).expect("a string takes all");
        let levels = if self.has_directions() {
            format!("{} in an input, {} in an output", self.input, self.output)
        } else {
            self.input.to_string()
        };
        writeln!(page, "compatibility: {levels}").expect("a string takes all");
        writeln!(page, "security: {}", self.security).expect("a string takes all");
        writeln!(page, "example: {}", self.example).expect("a string takes all");
        page
    }
}

/// A sentence's first letter as it stands at its beginning.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string());
    first.unwrap_or_default() + chars.as_str()
}
