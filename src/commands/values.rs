//! What clap accepts as values of our own types, and the words it lists for them.

use crate::console::ColourChoice;
use crate::model::{ErrorKind, Kind, Status};
use crate::query::By;
use crate::query::when::parse_duration_us;
use crate::render::Format;
use clap::ValueEnum;
use clap::builder::PossibleValue;

impl ValueEnum for Format {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Table, Self::Json, Self::Ndjson, Self::Csv]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Self::Table => PossibleValue::new("table").help("Columns for people"),
            Self::Json => PossibleValue::new("json").help("One JSON array"),
            Self::Ndjson => PossibleValue::new("ndjson").help("One JSON object a line"),
            Self::Csv => PossibleValue::new("csv").help("RFC 4180 with a header row"),
        })
    }
}

impl ValueEnum for ColourChoice {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Auto, Self::Always, Self::Never]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(match self {
            Self::Auto => "auto",
            Self::Always => "always",
            Self::Never => "never",
        }))
    }
}

impl ValueEnum for Status {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Ok, Self::Error, Self::Timeout]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.as_str()))
    }
}

impl ValueEnum for ErrorKind {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.as_str()))
    }
}

impl ValueEnum for By {
    fn value_variants<'a>() -> &'a [Self] {
        &[
            Self::Tool,
            Self::Method,
            Self::Client,
            Self::Proxy,
            Self::Hour,
        ]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Self::Tool => PossibleValue::new("tool").help("Each tool, and each other method"),
            Self::Method => PossibleValue::new("method").help("Each method"),
            Self::Client => PossibleValue::new("client").help("Each client and version"),
            Self::Proxy => PossibleValue::new("proxy").help("Each proxy"),
            Self::Hour => PossibleValue::new("hour").help("Each hour, in order of time"),
        })
    }
}

/// Which kinds of traffic are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum KindChoice {
    /// JSON-RPC requests of MCP
    Mcp,
    /// Other HTTP traffic
    Http,
    /// Requests to OAuth endpoints
    Oauth,
    /// Everything
    All,
}

impl KindChoice {
    /// The one kind that is meant; `None` is all.
    #[must_use]
    pub(super) fn kind(self) -> Option<Kind> {
        match self {
            Self::Mcp => Some(Kind::Mcp),
            Self::Http => Some(Kind::Http),
            Self::Oauth => Some(Kind::Oauth),
            Self::All => None,
        }
    }
}

/// How many rows of a list, counted from its newest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Most {
    /// At most so many.
    Rows(usize),
    /// As many as there are.
    All,
}

impl Most {
    /// The number, where there is one.
    #[must_use]
    pub(super) fn rows(self) -> Option<usize> {
        match self {
            Self::Rows(rows) => Some(rows),
            Self::All => None,
        }
    }
}

impl std::str::FromStr for Most {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "all" => Ok(Self::All),
            _ => text
                .parse()
                .map(Self::Rows)
                .map_err(|_| "give a number, or `all`".to_owned()),
        }
    }
}

/// A duration in microseconds, for clap.
pub(super) fn duration_us(text: &str) -> Result<i64, String> {
    parse_duration_us(text).map_err(|error| format!("{error}; {}", error.hint))
}

/// A size in bytes, or with K, M, G or T behind it: powers of 1024, as sizes are shown.
pub(super) fn size_bytes(text: &str) -> Result<u64, String> {
    let wrong = || "give a size such as 500M or 2G".to_owned();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let suffix = text[digits.len()..].to_ascii_uppercase();
    let unit = match suffix.trim_end_matches('B').trim_end_matches('I') {
        "" => 1,
        "K" => 1 << 10,
        "M" => 1 << 20,
        "G" => 1 << 30,
        "T" => 1_u64 << 40,
        _ => return Err(wrong()),
    };
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    number.checked_mul(unit).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::size_bytes;

    #[test]
    fn sizes() {
        let cases = [
            ("512", Some(512)),
            ("500M", Some(500 << 20)),
            ("2GiB", Some(2 << 30)),
            ("1kb", Some(1024)),
            ("", None),
            ("M", None),
            ("2X", None),
            ("-1", None),
            ("99999999999T", None),
        ];
        for (text, expected) in cases {
            assert_eq!(size_bytes(text).ok(), expected, "{text}");
        }
    }
}
