//! What a change asks of the next release: the number of its version, and lines for its changelog.

use crate::diff::Report;
use crate::finding::Finding;
use crate::level::{Compatibility, Security};
use crate::quote::{markdown_code as code, markdown_text as plain};
use crate::rules::RuleId;
use crate::surface::Surface;
use serde::Serialize;
use std::cmp::Reverse;

/// Most lines for a changelog: more are not release notes.
const MAX_LINES: usize = 200;

/// Which number of a version has to grow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bump {
    /// None: nothing changed.
    #[default]
    None,
    /// The third: what is served is the same.
    Patch,
    /// The second: more is served, or something behaves otherwise.
    Minor,
    /// The first: somebody may be refused.
    Major,
}

impl Bump {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Patch => "patch",
            Self::Minor => "minor",
            Self::Major => "major",
        }
    }
}

/// The versions that the server gave itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Versions {
    /// On the old side.
    pub old: Option<String>,
    /// On the new side.
    pub new: Option<String>,
}

impl Versions {
    /// Those of two surfaces.
    pub(crate) fn of(old: &Surface, new: &Surface) -> Self {
        let version = |surface: &Surface| {
            let info = crate::surface::server_info(surface.server.as_ref()?)?;
            info.get("version")?.as_str().map(str::to_owned)
        };
        Self {
            old: version(old),
            new: version(new),
        }
    }

    /// Which number grew; none where a side has no version made of numbers.
    fn grown(&self) -> Option<Bump> {
        let (old, new) = (
            numbers(self.old.as_deref()?)?,
            numbers(self.new.as_deref()?)?,
        );
        let at = (0..3).find(|at| old[*at] != new[*at]);
        let Some(at) = at.filter(|at| new[*at] > old[*at]) else {
            return Some(Bump::None);
        };
        // Before 1.0 each number stands for the one before it.
        let first = if old[0] == 0 && at > 0 { at - 1 } else { at };
        Some([Bump::Major, Bump::Minor, Bump::Patch][first])
    }
}

/// The first three numbers of a version, as far as it has them.
fn numbers(version: &str) -> Option<[u64; 3]> {
    let mut parts = version.trim_start_matches('v').split(['.', '-', '+']);
    let mut numbers = [0; 3];
    for (at, number) in numbers.iter_mut().enumerate() {
        *number = match parts.next().map(str::parse) {
            Some(Ok(part)) => part,
            _ if at == 0 => return None,
            // `1.2` and `1.2.0-rc` go without the rest.
            _ => break,
        };
    }
    Some(numbers)
}

impl Report {
    /// Which number of the version has to grow.
    #[must_use]
    pub fn requires(&self) -> Bump {
        let of = |finding: &Finding| match finding.compatibility {
            // Not shown to be safe is not safe.
            Compatibility::Breaking | Compatibility::Undecided => Bump::Major,
            Compatibility::Dangerous | Compatibility::Compatible => Bump::Minor,
            Compatibility::Cosmetic => Bump::Patch,
        };
        self.findings.iter().map(of).max().unwrap_or_default()
    }

    /// Whether the server's version grew as much; none where it has no such version.
    #[must_use]
    pub fn is_version_enough(&self) -> Option<bool> {
        Some(self.versions.grown()? >= self.requires())
    }

    /// What is required, in words: `requires: major (1.0.0 to 1.1.0 is too little)`.
    #[must_use]
    pub fn requirement(&self) -> String {
        let required = self.requires().as_str();
        let versions = self
            .versions
            .old
            .as_deref()
            .zip(self.versions.new.as_deref());
        match (versions, self.is_version_enough()) {
            (Some((old, new)), Some(is_enough)) => {
                let verdict = if is_enough { "enough" } else { "too little" };
                format!("requires: {required} ({old} to {new} is {verdict})")
            }
            _ => format!("requires: {required}"),
        }
    }

    /// The findings from the worst on, by both axes.
    #[must_use]
    pub fn worst(&self, most: usize) -> Vec<&Finding> {
        let mut all: Vec<&Finding> = self.findings.iter().collect();
        let weight = |finding: &Finding| {
            let fails = finding.compatibility == Compatibility::Breaking;
            (
                fails || finding.security == Security::Alert,
                finding.security,
                finding.compatibility,
            )
        };
        // A stable sort: of equal ones, the report's own order.
        all.sort_by_key(|finding| Reverse(weight(finding)));
        all.truncate(most);
        all
    }

    /// Lines for the changelog of the server: what a caller notices, the worst first.
    #[must_use]
    pub fn changelog(&self) -> Vec<String> {
        let is_reported = |finding: &&&Finding| {
            finding.compatibility > Compatibility::Cosmetic
                // What changed in a model's instructions is a change of behaviour, too.
                || finding.rule == RuleId::DescriptionChanged
        };
        let all = self.worst(usize::MAX);
        let reported = all.iter().filter(is_reported);
        let mut lines: Vec<String> = reported
            .take(MAX_LINES)
            .map(|finding| line(finding))
            .collect();
        let count = all.iter().filter(is_reported).count();
        if count > MAX_LINES {
            lines.push(format!("- And {} more changes.", count - MAX_LINES));
        }
        lines
    }
}

fn line(finding: &Finding) -> String {
    let item = format!("{} {}", finding.kind, code(&finding.item));
    let words = if finding.pointer.is_empty() {
        plain(&finding.message)
    } else {
        let title = plain(finding.rule.rule().title);
        format!("{item}: {title} ({})", code(&finding.pointer))
    };
    let words = match (&finding.before, &finding.after) {
        (None, Some(added)) if added.is_object() && finding.pointer.is_empty() => {
            format!("Added {item}.")
        }
        _ => words,
    };
    let level = match finding.compatibility {
        Compatibility::Breaking => "**Breaking:** ",
        Compatibility::Undecided => "**Perhaps breaking:** ",
        _ => "",
    };
    format!("- {level}{words}")
}
