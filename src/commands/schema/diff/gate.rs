//! What is left out of a report, and what of the rest fails.

use super::GateArgs;
use super::accept::Accepted;
use crate::schema::report::ReportFormat;
use crate::schema::{Compatibility, Finding, Report, Security};
use clap::ValueEnum;
use clap::builder::PossibleValue;
use std::str::FromStr;

/// From which level on callers are hit too hard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum FailOn {
    /// A call may be refused, or an answer be missing
    Breaking,
    /// Also: behaviour may differ
    Dangerous,
    /// Also: it could not be decided
    Undecided,
    /// Anything that is found
    Any,
    /// Nothing
    Never,
}

/// From which level on trust is hit too hard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum FailOnSecurity {
    /// What rug pulls and poisoned tools are made of
    Alert,
    /// Also: what a person should read
    Review,
    /// Nothing
    Never,
}

impl GateArgs {
    fn fails(&self, finding: &Finding) -> bool {
        let breaks = match self.fail_on {
            FailOn::Breaking => finding.compatibility >= Compatibility::Breaking,
            FailOn::Dangerous => finding.compatibility >= Compatibility::Dangerous,
            FailOn::Undecided => finding.compatibility >= Compatibility::Undecided,
            FailOn::Any => true,
            FailOn::Never => false,
        };
        let alarms = match self.fail_on_security {
            FailOnSecurity::Alert => finding.security >= Security::Alert,
            FailOnSecurity::Review => finding.security >= Security::Review,
            FailOnSecurity::Never => false,
        };
        breaks || alarms
    }
}

/// A rule that is left out, perhaps about one item only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ignored {
    rule: &'static str,
    item: Option<String>,
}

impl FromStr for Ignored {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (id, item) = match text.split_once(':') {
            Some((id, item)) => (id, Some(item.to_owned())),
            None => (text, None),
        };
        let rule = crate::schema::rules::rule(id);
        let rule = rule.ok_or_else(|| format!("no rule `{id}`; `mcpr schema rules` lists them"))?;
        Ok(Self {
            rule: rule.id,
            item,
        })
    }
}

impl Ignored {
    fn holds(&self, finding: &Finding) -> bool {
        self.rule == finding.rule && self.item.as_ref().is_none_or(|item| *item == finding.item)
    }
}

/// A report without what was left out.
#[derive(Debug)]
pub(super) struct Verdict {
    pub(super) report: Report,
    /// What fails.
    pub(super) failing: Vec<Finding>,
    /// How many findings `--ignore` left out.
    pub(super) ignored: usize,
    /// How many were agreed on.
    pub(super) accepted: usize,
}

/// Leaves out what is ignored or accepted, and tells what of the rest fails.
pub(super) fn judge(found: Report, args: &GateArgs, accepted: &mut Accepted) -> Verdict {
    let (ignored, rest): (Vec<_>, Vec<_>) = found
        .findings
        .into_iter()
        .partition(|finding| args.ignore.iter().any(|ignored| ignored.holds(finding)));
    let (agreed, rest): (Vec<_>, Vec<_>) = rest
        .into_iter()
        .partition(|finding| accepted.take(&finding.fingerprint));
    let failing = rest
        .iter()
        .filter(|finding| args.fails(finding))
        .cloned()
        .collect();
    Verdict {
        report: Report::of(rest),
        failing,
        ignored: ignored.len(),
        accepted: agreed.len(),
    }
}

impl ValueEnum for ReportFormat {
    fn value_variants<'a>() -> &'a [Self] {
        &[
            Self::Text,
            Self::Json,
            Self::Ndjson,
            Self::Markdown,
            Self::Sarif,
            Self::Github,
            Self::Junit,
        ]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let value = |name: &'static str, help: &'static str| PossibleValue::new(name).help(help);
        Some(match self {
            Self::Text => value("text", "By item, for people"),
            Self::Json => value("json", "One JSON document"),
            Self::Ndjson => value("ndjson", "One finding a line"),
            Self::Markdown => value("markdown", "A comment on a pull request"),
            Self::Sarif => value("sarif", "SARIF 2.1.0, for code scanning"),
            Self::Github => value("github", "Annotations of GitHub Actions"),
            Self::Junit => value("junit", "A JUnit report"),
        })
    }
}
