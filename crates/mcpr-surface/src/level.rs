//! The two axes of a verdict, and the direction in which a schema is read.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What a change means for a caller that was written against the old surface; mild ones first.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Compatibility {
    // The order counts: the worst of a report is the greatest of its levels.
    /// Nothing that a call could notice.
    #[default]
    Cosmetic,
    /// Every call is served as before.
    Compatible,
    /// It cannot be decided soundly, and is never guessed as safe.
    Undecided,
    /// Nothing is refused, but behaviour may differ.
    Dangerous,
    /// A call may now be refused, or a promised answer be missing.
    Breaking,
}

impl Compatibility {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cosmetic => "cosmetic",
            Self::Compatible => "compatible",
            Self::Undecided => "undecided",
            Self::Dangerous => "dangerous",
            Self::Breaking => "breaking",
        }
    }
}

impl fmt::Display for Compatibility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // With padding, as lists align these words.
        f.pad(self.as_str())
    }
}

/// What a change means for whoever trusts what is stated about an action; harmless ones first.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Security {
    // Here too the greatest is the worst.
    /// Nothing to look at.
    #[default]
    None,
    /// A person should read it.
    Review,
    /// It looks like what rug pulls and poisoned tools are made of.
    Alert,
}

impl Security {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Review => "review",
            Self::Alert => "alert",
        }
    }
}

impl fmt::Display for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Who writes the values that a schema describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SchemaDirection {
    /// The caller: narrowing breaks.
    Input,
    /// The server: widening breaks.
    Output,
}

impl SchemaDirection {
    /// The member of a tool that holds the schema.
    #[must_use]
    pub fn member(self) -> &'static str {
        match self {
            Self::Input => "inputSchema",
            Self::Output => "outputSchema",
        }
    }
}
