//! The figures of a window: what is counted, in which unit it is, and when it is not known. Pure.

use super::condition::as_f64;
use crate::nearest::did_you_mean;
use crate::render::units;
use mcpr_model::ErrorKind;
use mcpr_store::query::Summary;

/// What a condition may be about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::commands) enum Metric {
    Calls,
    Errors,
    ErrorRate,
    Timeouts,
    P50,
    P95,
    P99,
    Max,
    Bytes,
    Gaps,
    Age,
}

/// What a figure is measured in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FigureUnit {
    Count,
    Share,
    /// Microseconds.
    Duration,
    /// Bytes.
    Size,
}

impl Metric {
    const ALL: [(&'static str, Self, FigureUnit); 11] = [
        ("calls", Self::Calls, FigureUnit::Count),
        ("errors", Self::Errors, FigureUnit::Count),
        ("error-rate", Self::ErrorRate, FigureUnit::Share),
        ("timeouts", Self::Timeouts, FigureUnit::Count),
        ("p50", Self::P50, FigureUnit::Duration),
        ("p95", Self::P95, FigureUnit::Duration),
        ("p99", Self::P99, FigureUnit::Duration),
        ("max", Self::Max, FigureUnit::Duration),
        ("bytes", Self::Bytes, FigureUnit::Size),
        ("gaps", Self::Gaps, FigureUnit::Count),
        ("age", Self::Age, FigureUnit::Duration),
    ];

    pub(super) fn of_name(name: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|(known, ..)| *known == name);
        found.map(|(_, metric, _)| *metric).ok_or_else(|| {
            let known = Self::ALL.map(|(known, ..)| known);
            match did_you_mean(name, &known) {
                Some(nearest) => format!("no figure `{name}`; did you mean `{nearest}`?"),
                None => format!("no figure `{name}`; there are {}", known.join(", ")),
            }
        })
    }

    fn row(self) -> (&'static str, FigureUnit) {
        let found = Self::ALL.iter().find(|(_, metric, _)| *metric == self);
        found.map_or(("", FigureUnit::Count), |(name, _, unit)| (name, *unit))
    }

    pub(super) fn name(self) -> &'static str {
        self.row().0
    }

    pub(super) fn unit(self) -> FigureUnit {
        self.row().1
    }
}

impl FigureUnit {
    /// The unit as machine output names it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Share => "ratio",
            Self::Duration => "us",
            Self::Size => "bytes",
        }
    }

    /// A figure for people.
    pub(super) fn show(self, value: f64) -> String {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "shown figures are rounded on purpose"
        )]
        let whole = value.round() as i64;
        match self {
            Self::Count if (value - value.round()).abs() > 0.001 => format!("{value:.1}"),
            Self::Count => units::grouped(whole),
            Self::Share => units::share(value),
            Self::Duration => units::latency(whole),
            Self::Size => units::bytes(whole),
        }
    }
}

/// What was measured in a window, of everything or of one tool.
#[derive(Debug, Clone, Default)]
pub(super) struct Figures {
    /// Sums over the calls; `None` where there was none.
    pub(super) summary: Option<Summary>,
    /// How long the window is, milliseconds.
    pub(super) length_ms: i64,
    /// Gaps that touch the window.
    pub(super) gaps: u64,
    /// Events that are known to be missing in them.
    pub(super) missing: u64,
    /// From the last call to the end of the window, microseconds.
    pub(super) age_us: Option<i64>,
    /// What makes the counted calls too few, whatever the figure.
    pub(super) doubt: Option<String>,
    /// The share of the counts that belongs to a window of another length.
    pub(super) scale: Option<f64>,
}

impl Figures {
    pub(super) fn calls(&self) -> u64 {
        self.summary.as_ref().map_or(0, |summary| summary.calls)
    }

    /// The same with its counts as they would be in a window as long as the other one.
    pub(super) fn scaled_to(&self, other: &Self) -> Self {
        let lengths = (as_f64(other.length_ms), as_f64(self.length_ms.max(1)));
        Self {
            scale: Some(lengths.0 / lengths.1),
            ..self.clone()
        }
    }

    /// A figure, or why it is not known.
    pub(super) fn get(&self, metric: Metric) -> Result<f64, String> {
        let count = |number: u64| {
            let number = as_f64(i64::try_from(number).unwrap_or(i64::MAX));
            number * self.scale.unwrap_or(1.0)
        };
        match metric {
            // An empty window may be one that nobody recorded: then nothing is known of gaps.
            Metric::Gaps if self.gaps == 0 && self.calls() == 0 => return Err("no calls".into()),
            Metric::Gaps => return Ok(count(self.gaps)),
            Metric::Age => {
                return self.age_us.map(as_f64).ok_or_else(|| "no calls".to_owned());
            }
            _ => {}
        }
        if let Some(doubt) = &self.doubt {
            return Err(doubt.clone());
        }
        let summary = match (&self.summary, metric) {
            (Some(summary), _) if summary.calls > 0 => summary,
            (_, Metric::Calls) => return Ok(0.0),
            _ => return Err("no calls".to_owned()),
        };
        let [p50, p95, p99] = summary.quantiles_us;
        let latency = |us: Option<i64>| us.map(as_f64).ok_or_else(|| "no latencies".to_owned());
        let max = summary.latency_range_us.map(|(_, max)| max);
        match metric {
            Metric::Calls => Ok(count(summary.calls)),
            Metric::Errors => Ok(count(summary.total_errors)),
            Metric::ErrorRate => Ok(summary.error_rate()),
            Metric::Timeouts => Ok(count(summary.errors[ErrorKind::Timeout.index()])),
            Metric::P50 => latency(p50),
            Metric::P95 => latency(p95),
            Metric::P99 => latency(p99),
            Metric::Max => latency(max),
            Metric::Bytes => {
                let bytes = summary.bytes_in.saturating_add(summary.bytes_out);
                Ok(count(bytes.max(0).cast_unsigned()))
            }
            Metric::Gaps | Metric::Age => Err("no calls".to_owned()),
        }
    }
}

#[cfg(test)]
pub(super) mod testing {
    use super::*;
    use mcpr_store::query::StatsKey;

    /// So many calls of 1 ms and up to so many, of which some failed, 2 of them by timeout; within an hour.
    pub(crate) fn calls(calls: u32, failed: u32) -> Figures {
        let mut errors = [0; ErrorKind::ALL.len()];
        errors[ErrorKind::Timeout.index()] = 2;
        errors[ErrorKind::Tool.index()] = u64::from(failed - 2);
        let at = |share: u32| Some(i64::from(calls * share / 100) * 1000);
        let summary = Summary {
            key: StatsKey::default(),
            calls: u64::from(calls),
            total_errors: u64::from(failed),
            errors,
            quantiles_us: [at(50), at(95), at(99)],
            latency_range_us: Some((1000, i64::from(calls) * 1000)),
            total_us: 0,
            bytes_in: i64::from(calls) * 400,
            bytes_out: i64::from(calls) * 600,
            calls_by_bucket: Vec::new(),
            unplaced_calls: 0,
            before: None,
            operations: None,
        };
        Figures {
            summary: Some(summary),
            length_ms: 3_600_000,
            age_us: Some(120_000_000),
            ..Figures::default()
        }
    }

    /// An hour without anything.
    pub(crate) fn none() -> Figures {
        Figures {
            length_ms: 3_600_000,
            ..Figures::default()
        }
    }
}
