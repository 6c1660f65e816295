//! What is kept and for how long: the flags that `record`, `tap` and `store stats` share.

use super::StoreArgs;
use crate::config::values::{kept_ms, most_bytes};
use crate::render::units;
use mcpr_store::Keep;

/// How much of what is recorded is kept.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct KeepArgs {
    /// Remove requests that are older than DURATION, or `off`
    #[arg(long, value_name = "DURATION", default_value = "30d", value_parser = age,
          env = "MCPR_KEEP", hide_env_values = true)]
    keep: Age,
    /// Remove payloads older than DURATION, or `off`
    #[arg(long, value_name = "DURATION", default_value = "7d", value_parser = age,
          env = "MCPR_KEEP_PAYLOADS", hide_env_values = true)]
    keep_payloads: Age,
    /// Hold a SQLite store to SIZE: the oldest payloads go first, then the oldest requests; or `off`
    #[arg(long, value_name = "SIZE", default_value = "2G", value_parser = most,
          env = "MCPR_MAX_SIZE", hide_env_values = true)]
    max_size: SizeLimit,
}

/// How long something is kept, milliseconds; `None` is without an end.
#[derive(Debug, Clone, Copy)]
struct Age(Option<i64>);

/// How large a store may be, bytes; `None` is as large as it grows.
#[derive(Debug, Clone, Copy)]
struct SizeLimit(Option<u64>);

fn age(text: &str) -> Result<Age, String> {
    kept_ms(text).map(Age)
}

fn most(text: &str) -> Result<SizeLimit, String> {
    most_bytes(text).map(SizeLimit)
}

impl KeepArgs {
    /// What is kept in a store.
    pub(crate) fn keep(&self, store: &StoreArgs) -> Keep {
        let is_measured = store.url().is_ok_and(|url| url.scheme().is_measured());
        Keep {
            requests_ms: self.keep.0,
            payloads_ms: self.keep_payloads.0,
            max_bytes: self.max_size.0.filter(|_| is_measured),
        }
    }

    /// The same in words.
    pub(crate) fn words(&self, store: &StoreArgs) -> String {
        let keep = self.keep(store);
        // Somebody may have typed a size.
        let is_left_out = keep.max_bytes.is_none() && self.max_size.0.is_some();
        let why = if is_left_out {
            " (--max-size is for SQLite stores)"
        } else {
            ""
        };
        kept_words(keep) + why
    }
}

/// What is kept, in words.
pub(crate) fn kept_words(keep: Keep) -> String {
    let kept = |what: &str, length: Option<i64>| match length {
        Some(ms) => format!("{what} for {}", units::age(ms)),
        None => format!("{what} without an end"),
    };
    let most = keep.max_bytes.map_or_else(
        || "any size".to_owned(),
        |most| {
            format!(
                "{} in all",
                units::bytes(i64::try_from(most).unwrap_or(i64::MAX))
            )
        },
    );
    let requests = kept("requests", keep.requests_ms);
    let payloads = kept("payloads", keep.payloads_ms);
    format!("{requests}, {payloads}, {most}")
}
