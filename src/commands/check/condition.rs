//! What `--fail-on` says: a figure, a comparison and a bound, or a level of changes of a schema. Pure.

use super::figures::{FigureUnit, Figures, Metric};
use crate::commands::values::size_bytes;
use mcpr_store::query::when::parse_duration_us;
use std::str::FromStr;

/// What must not be.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::commands) enum Condition {
    /// A figure beyond a bound.
    Figure(FigureCondition),
    /// A change of a list that is this bad, or worse.
    Schema(SchemaLevel),
}

/// A figure beyond a bound.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::commands) struct FigureCondition {
    text: String,
    pub(super) metric: Metric,
    comparison: Comparator,
    bound: Bound,
}

/// How a figure is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparator {
    Above,
    AtLeast,
    Below,
    AtMost,
}

/// What a figure is compared with.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Bound {
    /// A number, in the unit of the figure.
    Number(f64),
    /// So many times the same figure of an earlier window.
    Times(f64),
}

/// From which level on a change counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::commands) enum SchemaLevel {
    Breaking,
    Undecided,
    Dangerous,
    Any,
    Alert,
    Review,
}

impl SchemaLevel {
    const ALL: [(&'static str, Self); 6] = [
        ("schema:breaking", Self::Breaking),
        ("schema:undecided", Self::Undecided),
        ("schema:dangerous", Self::Dangerous),
        ("schema:any", Self::Any),
        ("schema:alert", Self::Alert),
        ("schema:review", Self::Review),
    ];

    fn as_str(self) -> &'static str {
        let named = Self::ALL.iter().find(|(_, level)| *level == self);
        named.map_or("schema", |(name, _)| name)
    }
}

impl Comparator {
    /// Two characters are looked for before one.
    const ALL: [(&'static str, Self); 4] = [
        (">=", Self::AtLeast),
        ("<=", Self::AtMost),
        (">", Self::Above),
        ("<", Self::Below),
    ];

    fn holds(self, value: f64, bound: f64) -> bool {
        match self {
            Self::Above => value > bound,
            Self::AtLeast => value >= bound,
            Self::Below => value < bound,
            Self::AtMost => value <= bound,
        }
    }
}

impl Condition {
    /// As it was typed, without blanks.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Figure(figure) => &figure.text,
            Self::Schema(level) => level.as_str(),
        }
    }

    /// Whether it compares with an earlier window.
    pub(super) fn is_relative(&self) -> bool {
        matches!(self, Self::Figure(figure) if matches!(figure.bound, Bound::Times(_)))
    }

    /// Whether it asks for the time since the last call.
    pub(super) fn is_of_age(&self) -> bool {
        matches!(self, Self::Figure(figure) if figure.metric == Metric::Age)
    }

    /// Whether it is about requests, which can be distinguished by tool.
    pub(super) fn is_of_requests(&self) -> bool {
        matches!(self, Self::Figure(figure) if figure.metric != Metric::Gaps)
    }
}

/// A figure, its limit and whether it is beyond that; or why this is not known.
pub(super) struct ConditionResult {
    pub(super) value: Option<f64>,
    pub(super) limit: Option<f64>,
    pub(super) verdict: Result<bool, String>,
}

impl FigureCondition {
    /// Whether the figure is beyond the bound; what is not known says why.
    pub(super) fn judge(&self, figures: &Figures, before: Option<&Figures>) -> ConditionResult {
        let value = figures.get(self.metric);
        let limit = match self.bound {
            Bound::Number(bound) => Ok(bound),
            Bound::Times(times) => match before {
                Some(before) => before
                    .scaled_to(figures)
                    .get(self.metric)
                    .map(|earlier| earlier * times)
                    .map_err(|why| format!("{why} to compare with")),
                None => Err("no calls to compare with".to_owned()),
            },
        };
        let verdict = match (&value, &limit) {
            (Ok(value), Ok(limit)) => Ok(self.comparison.holds(*value, *limit)),
            (Err(why), _) | (_, Err(why)) => Err(why.clone()),
        };
        ConditionResult {
            value: value.ok(),
            limit: limit.ok(),
            verdict,
        }
    }
}

impl FromStr for Condition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        if text.starts_with("schema") {
            let known = SchemaLevel::ALL.iter().find(|(name, _)| *name == text);
            return match known {
                Some((_, level)) => Ok(Self::Schema(*level)),
                None => Err(format!(
                    "give one of {}",
                    SchemaLevel::ALL.map(|(name, _)| name).join(", ")
                )),
            };
        }
        let found = Comparator::ALL.iter().find_map(|(sign, comparison)| {
            let (name, bound) = text.split_once(sign)?;
            Some((name, *comparison, bound))
        });
        let Some((name, comparison, bound)) = found else {
            return Err("give a figure, a comparison and a bound, such as 'error-rate>5%'".into());
        };
        let metric = Metric::of_name(name)?;
        let bound = bound_of(metric, bound)?;
        Ok(Self::Figure(FigureCondition {
            text,
            metric,
            comparison,
            bound,
        }))
    }
}

fn bound_of(metric: Metric, text: &str) -> Result<Bound, String> {
    // A word that only ends so (`max`) is not a factor, and is answered as any other bound that means nothing.
    let times = text.strip_suffix('x');
    if let Some(times) = times.filter(|it| it.starts_with(|c: char| c.is_ascii_digit() || c == '.'))
    {
        if metric == Metric::Age {
            return Err("`age` is of now: it has nothing earlier to be compared with".to_owned());
        }
        let times = number(times).ok_or("give a factor such as 1.5x")?;
        return Ok(Bound::Times(times));
    }
    let name = metric.name();
    let bound = match metric.unit() {
        FigureUnit::Count => {
            number(text).ok_or_else(|| format!("`{name}` takes a number such as 5"))
        }
        FigureUnit::Share => {
            share(text).ok_or_else(|| format!("`{name}` takes a share such as 5% or 0.05"))
        }
        FigureUnit::Duration => parse_duration_us(text)
            .map(as_f64)
            .map_err(|error| format!("`{name}` takes a length of time: {error}; {}", error.hint)),
        FigureUnit::Size => size_bytes(text)
            .map(|size| as_f64(i64::try_from(size).unwrap_or(i64::MAX)))
            .map_err(|error| format!("`{name}` takes a size: {error}")),
    };
    bound.map(Bound::Number).map_err(|why| match metric {
        Metric::Age => why,
        _ => format!("{why}; or a factor such as 1.5x of what it is in --against"),
    })
}

fn number(text: &str) -> Option<f64> {
    // `parse` also takes words such as `inf` and signs, which mean nothing here.
    let is_plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    if is_plain { text.parse().ok() } else { None }
}

/// `5%`, or the same as a number between 0 and 1.
fn share(text: &str) -> Option<f64> {
    let (number, whole) = match text.strip_suffix('%') {
        Some(percent) => (number(percent)?, 100.0),
        None => (number(text)?, 1.0),
    };
    // A bare 5 is more than all: the sign was forgotten.
    (number <= whole).then_some(number / whole)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "figures are compared, and far below 2^52 where that matters"
)]
pub(super) fn as_f64(number: i64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::super::figures::testing::{calls, none};
    use super::*;

    fn figure(text: &str) -> FigureCondition {
        match text.parse() {
            Ok(Condition::Figure(figure)) => figure,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn conditions_are_broken_by_what_lies_beyond_them() {
        // 100 calls of 1 to 100 ms, 5 of them errors, 2 of these timeouts; 1,000 bytes each.
        let cases = [
            ("calls<1", Some(false)),
            ("calls < 101", Some(true)),
            ("calls>=100", Some(true)),
            ("calls<=99", Some(false)),
            ("errors>4", Some(true)),
            ("errors>5", Some(false)),
            ("error-rate>5%", Some(false)),
            ("error-rate>=5%", Some(true)),
            ("error-rate>0.049", Some(true)),
            ("timeouts>1", Some(true)),
            ("p50>50ms", Some(false)),
            ("p50>=50ms", Some(true)),
            ("p95>90", Some(true)),
            ("p99>1s", Some(false)),
            ("max>99ms", Some(true)),
            ("bytes>100K", Some(false)),
            ("bytes>97K", Some(true)),
            ("gaps>0", Some(false)),
            ("age>1m", Some(true)),
            ("age>1h", Some(false)),
        ];
        for (text, expected) in cases {
            let judged = figure(text).judge(&calls(100, 5), None);
            assert_eq!(judged.verdict.ok(), expected, "{text}");
        }
    }

    #[test]
    fn a_window_without_calls_reports_only_that_there_are_none() {
        let cases = [
            ("calls<1", Some(true)),
            ("calls>5", Some(false)),
            ("errors>0", None),
            ("error-rate>5%", None),
            ("p95>2s", None),
            ("max>2s", None),
            ("bytes>1", None),
            ("timeouts>0", None),
            ("gaps>0", None),
            ("age>1m", None),
        ];
        for (text, expected) in cases {
            let judged = figure(text).judge(&none(), None);
            assert_eq!(judged.verdict.ok(), expected, "{text}");
        }
    }

    #[test]
    fn counts_of_windows_of_other_lengths_are_compared_by_time() {
        // The earlier window is ten times as long.
        let mut before = calls(1000, 10);
        before.length_ms *= 10;
        for (text, expected) in [
            ("calls<1x", false),
            ("calls<=1x", true),
            ("errors>2x", true),
            ("errors>5x", false),
            ("error-rate>4x", true),
            ("error-rate>5x", false),
            ("p95>1x", false),
            ("p95>=0.1x", true),
        ] {
            let judged = figure(text).judge(&calls(100, 5), Some(&before));
            assert_eq!(judged.verdict, Ok(expected), "{text}: {:?}", judged.limit);
        }
        let judged = figure("p95>2x").judge(&calls(100, 5), Some(&none()));
        assert_eq!(judged.verdict, Err("no calls to compare with".to_owned()));
    }

    #[test]
    fn what_means_nothing_is_refused_with_what_would() {
        let cases = [
            ("", "error-rate>5%"),
            ("calls", "error-rate>5%"),
            ("eror-rate>5%", "did you mean `error-rate`"),
            ("nothing>1", "calls, errors"),
            ("error-rate>5", "5% or 0.05"),
            ("error-rate>-1%", "5% or 0.05"),
            ("p95>soon", "500ms"),
            ("p95>x", "`p95` takes a length of time"),
            ("p95>1.5.2x", "give a factor such as 1.5x"),
            ("calls>inf", "`calls` takes a number such as 5; or a factor"),
            ("calls>max", "`calls` takes a number such as 5; or a factor"),
            ("gaps>x", "`gaps` takes a number such as 5"),
            (
                "error-rate>max",
                "`error-rate` takes a share such as 5% or 0.05",
            ),
            ("bytes>1q", "500M"),
            ("bytes>max", "`bytes` takes a size"),
            ("age>2x", "nothing earlier"),
            ("age>max", "`age` takes a length of time"),
            ("schema:bad", "schema:breaking"),
        ];
        for (text, says) in cases {
            let error = text.parse::<Condition>().expect_err(text);
            assert!(error.contains(says), "{text}: {error}");
            let is_of_age = text.starts_with("age");
            assert!(!is_of_age || !error.contains("1.5x"), "{text}: {error}");
        }
    }
}
