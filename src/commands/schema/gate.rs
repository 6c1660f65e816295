//! What is left out of a report, and what of the rest fails.

use super::accept::Accepted;
use super::settings::Settings;
use crate::commands::values::one_of;
use crate::console::Console;
use clap::ValueEnum;
use clap::builder::{PossibleValue, TypedValueParser};
use mcpr_surface::report::ReportFormat;
use mcpr_surface::rules::{RuleId, UnknownRule};
use mcpr_surface::{
    Audience, Compatibility, Finding, Report, Security, Severities, Severity, UnknownSeverity,
};
use std::path::PathBuf;
use std::str::FromStr;

/// From which level on callers are hit too hard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum FailOn {
    /// A call may be refused, or an answer be missing
    Breaking,
    /// Also: it could not be decided whether it is
    Undecided,
    /// Also: nothing is refused, but behaviour may differ
    Dangerous,
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

/// For whom it is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum JudgedFor {
    /// Whoever wrote the change: their own claims are to be reviewed
    Maintainer,
    /// Whoever runs an agent on the server: everything counts
    Consumer,
}

/// What decides between the exit codes 0 and 1.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct GateArgs {
    /// Judge for this reader [default: maintainer for files in CI, consumer otherwise]
    #[arg(long = "for", value_enum, value_name = "READER")]
    audience: Option<JudgedFor>,
    /// Fail when callers are hit at this level or above [default: undecided]
    #[arg(long, value_enum, value_name = "LEVEL")]
    fail_on: Option<FailOn>,
    /// Fail when trust is hit at this level or above [default: alert]
    #[arg(long, value_enum, value_name = "LEVEL")]
    fail_on_security: Option<FailOnSecurity>,
    /// Set the level of findings of a rule, for callers or for trust (repeatable)
    #[arg(long, value_name = "RULE=LEVEL")]
    severity: Vec<RuleSeverity>,
    /// Leave out findings of a rule, everywhere or about one item (repeatable)
    #[arg(long, value_name = "RULE[:ITEM]")]
    ignore: Vec<Ignored>,
    /// Leave out the findings that this file accepts
    #[arg(long, value_name = "FILE")]
    accept: Option<PathBuf>,
    /// Accept the findings that fail now: add them to this file
    #[arg(long, value_name = "FILE")]
    pub(super) write_accept: Option<PathBuf>,
    /// Give the reason in the accept file
    #[arg(long, value_name = "TEXT", requires = "write_accept")]
    pub(super) reason: Option<String>,
    /// Let what is accepted expire at this date
    #[arg(long, value_name = "DATE", requires = "write_accept")]
    pub(super) expires: Option<chrono::NaiveDate>,
    /// Read settings from this file [default: .mcpr/schema.toml of the repository, if there]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// A level that was set for a rule.
#[derive(Debug, Clone)]
struct RuleSeverity(RuleId, Severity);

impl FromStr for RuleSeverity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (id, level) = text
            .split_once('=')
            .ok_or("give RULE=LEVEL, such as default-changed=breaking")?;
        let rule = id
            .parse()
            .map_err(|unknown: UnknownRule| unknown.to_string())?;
        let level = level
            .parse()
            .map_err(|unknown: UnknownSeverity| unknown.to_string())?;
        Ok(Self(rule, level))
    }
}

/// What decides, from flags, the settings file and defaults, in this order.
#[derive(Debug)]
pub(super) struct SurfaceGate {
    pub(super) audience: Audience,
    severities: Severities,
    fail_on: FailOn,
    fail_on_security: FailOnSecurity,
    ignored: Vec<Ignored>,
    accept: Option<PathBuf>,
}

impl GateArgs {
    /// Puts flags, settings and defaults together. `is_own` shows that files of a repository are
    /// compared, and not what a recorder saw.
    pub(super) fn resolved(&self, is_own: bool) -> anyhow::Result<SurfaceGate> {
        let settings = Settings::read(self.config.as_deref())?;
        let judged_for = self.audience.or(settings.judged_for);
        let by_default = if is_own && is_ci() {
            JudgedFor::Maintainer
        } else {
            JudgedFor::Consumer
        };
        let mut severities = Severities::default();
        // Flags last, so that they count.
        for (rule, level) in settings.severity {
            severities.set(rule, level);
        }
        for RuleSeverity(rule, level) in &self.severity {
            severities.set(*rule, *level);
        }
        let mut ignored = settings.ignore;
        ignored.extend(self.ignore.iter().cloned());
        Ok(SurfaceGate {
            audience: match judged_for.unwrap_or(by_default) {
                JudgedFor::Maintainer => Audience::Maintainer,
                JudgedFor::Consumer => Audience::Consumer,
            },
            severities,
            fail_on: self
                .fail_on
                .or(settings.fail_on)
                .unwrap_or(FailOn::Undecided),
            fail_on_security: self
                .fail_on_security
                .or(settings.fail_on_security)
                .unwrap_or(FailOnSecurity::Alert),
            ignored,
            accept: self.accept.clone().or(settings.accept),
        })
    }
}

/// Whether this runs in a CI, as all of them say by this variable.
fn is_ci() -> bool {
    let value = std::env::var("CI").unwrap_or_default();
    !matches!(value.as_str(), "" | "0" | "false")
}

impl SurfaceGate {
    /// What was agreed on before, after reporting what of it has expired.
    pub(super) fn accepted(&self, console: &mut Console) -> anyhow::Result<Accepted> {
        let accepted = match &self.accept {
            Some(path) => Accepted::read(path)?,
            None => Accepted::default(),
        };
        for note in accepted.expired_notes() {
            console.note(&note);
        }
        Ok(accepted)
    }

    fn fails(&self, finding: &Finding) -> bool {
        use Compatibility::{Breaking, Dangerous, Undecided};
        let level = finding.compatibility;
        let breaks = match self.fail_on {
            FailOn::Breaking => level == Breaking,
            FailOn::Undecided => matches!(level, Breaking | Undecided),
            // Named one by one: `Undecided` is milder than `Dangerous` in order, but fails before
            // it.
            FailOn::Dangerous => matches!(level, Breaking | Undecided | Dangerous),
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
    rule: RuleId,
    item: Option<String>,
}

impl FromStr for Ignored {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // Only the first colon: items may be URIs, which hold more of them.
        let (id, item) = match text.split_once(':') {
            Some((id, item)) => (id, Some(item.to_owned())),
            None => (text, None),
        };
        let rule = id
            .parse()
            .map_err(|unknown: UnknownRule| unknown.to_string())?;
        Ok(Self { rule, item })
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
    /// Which of the report's findings fail.
    failing: Vec<usize>,
    /// How many findings `--ignore` left out.
    pub(super) ignored: usize,
    /// How many were agreed on.
    pub(super) accepted: usize,
}

impl Verdict {
    /// Whether anything that was found fails.
    pub(super) fn is_failed(&self) -> bool {
        !self.failing.is_empty()
    }

    /// What fails, in the report's order.
    pub(super) fn failing(&self) -> impl Iterator<Item = &Finding> {
        let findings = &self.report.findings;
        self.failing.iter().filter_map(|at| findings.get(*at))
    }
}

/// Leaves out what is ignored or accepted, and shows what of the rest fails.
pub(super) fn judge(found: Report, gate: &SurfaceGate, accepted: &mut Accepted) -> Verdict {
    let mut found = found.judged_for(gate.audience, &gate.severities);
    let (mut ignored, mut agreed) = (0, 0);
    let mut findings = std::mem::take(&mut found.findings);
    // What is ignored never reaches the accept file: an entry that it would meet is reported as stale.
    findings.retain(|finding| {
        let is_ignored = gate.ignored.iter().any(|ignored| ignored.holds(finding));
        let is_agreed = !is_ignored && accepted.take(finding);
        ignored += usize::from(is_ignored);
        agreed += usize::from(is_agreed);
        !is_ignored && !is_agreed
    });
    // A new report, for the worst levels are those of what is left.
    let report = found.with(findings);
    // Their places, and not copies of them: all of a long report may fail.
    let all = report.findings.iter().enumerate();
    let failing = all.filter(|(_, finding)| gate.fails(finding));
    Verdict {
        failing: failing.map(|(at, _)| at).collect(),
        report,
        ignored,
        accepted: agreed,
    }
}

/// A file that a report is written into, and how.
#[derive(Debug, Clone)]
pub(super) struct ReportFile {
    pub(super) format: ReportFormat,
    pub(super) path: PathBuf,
}

impl FromStr for ReportFile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let words = "give FORMAT=FILE, such as sarif=mcpr.sarif";
        let (format, path) = text.split_once('=').ok_or(words)?;
        let known = formats().into_iter();
        let found = known.map(|(value, format)| (value.get_name().to_owned(), format));
        let mut found = found;
        let found = found.find(|(name, _)| name == format);
        let (_, format) = found.ok_or_else(|| format!("no format `{format}`; {words}"))?;
        Ok(Self {
            format,
            path: path.into(),
        })
    }
}

/// Parses a format of reports.
pub(super) fn report_format() -> impl TypedValueParser<Value = ReportFormat> {
    one_of(formats())
}

/// Every format of reports, under its name.
fn formats() -> Vec<(PossibleValue, ReportFormat)> {
    let value = |name: &'static str, help: &'static str, format| {
        (PossibleValue::new(name).help(help), format)
    };
    vec![
        value("text", "By item, for people", ReportFormat::Text),
        value("json", "One JSON document", ReportFormat::Json),
        value("ndjson", "One finding a line", ReportFormat::Ndjson),
        value(
            "markdown",
            "A comment on a pull request",
            ReportFormat::Markdown,
        ),
        value(
            "sarif",
            "SARIF 2.1.0, for code scanning",
            ReportFormat::Sarif,
        ),
        value(
            "github",
            "Annotations of GitHub Actions",
            ReportFormat::Github,
        ),
        value("junit", "A JUnit report", ReportFormat::Junit),
        value(
            "changelog",
            "Lines for the server's changelog",
            ReportFormat::Changelog,
        ),
    ]
}
