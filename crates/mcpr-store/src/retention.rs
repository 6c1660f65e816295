//! What a store lets go: by class of what is stored, by age, in slices.

use crate::StoreError;

/// A class of what is stored, which goes by rules of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Requests and gaps; with them bad lines, and sessions that are left without a request.
    Requests,
    /// Payloads of requests, which stay.
    Payloads,
    /// Hourly sums, and sums beyond the bound of their number, which are put together.
    Sums,
    /// What is known of servers' lists, but for the version of each that was seen last.
    Surfaces,
    /// Names that nothing uses any more: operations, clients, proxies, sources, batches without rows.
    Names,
}

impl Class {
    /// How long hourly sums are kept, unless they are configured to go earlier.
    pub const SUMS_MS: i64 = 400 * 24 * 60 * 60 * 1000;
}

/// What a store keeps; `None` is without an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// How long requests and gaps are kept, milliseconds.
    pub requests_ms: Option<i64>,
    /// How long their payloads are kept, milliseconds.
    pub payloads_ms: Option<i64>,
    /// How much of the store may hold something, bytes.
    pub max_bytes: Option<u64>,
}

impl Keep {
    /// Nothing goes by itself.
    pub const EVERYTHING: Self = Self {
        requests_ms: None,
        payloads_ms: None,
        max_bytes: None,
    };
}

/// What is to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// Which class of what is stored.
    pub class: Class,
    /// What is older than this, unix milliseconds.
    pub before: i64,
    /// What is of this proxy only; no gaps and bad lines, which belong to none.
    pub proxy: Option<String>,
}

impl Retention {
    /// Everything of a class that is older than a time.
    #[must_use]
    pub fn of(class: Class, before: i64) -> Self {
        Self {
            class,
            before,
            proxy: None,
        }
    }

    /// Requests, with what goes with them, that are older than a time.
    #[must_use]
    pub fn before(before: i64) -> Self {
        Self::of(Class::Requests, before)
    }

    /// The same of one proxy only, where one is named.
    #[must_use]
    pub fn of_proxy(self, proxy: Option<String>) -> Self {
        Self { proxy, ..self }
    }

    /// Whether what belongs to this proxy is meant.
    #[must_use]
    pub fn means(&self, proxy: &str) -> bool {
        self.proxy.as_deref().is_none_or(|meant| meant == proxy)
    }
}

/// The answer to how many rows of a class a vacuum would remove, where only removing them shows that.
#[must_use]
pub fn uncounted(class: Class) -> StoreError {
    let what = match class {
        Class::Requests => "requests",
        Class::Payloads => "payloads",
        Class::Sums => "hourly sums",
        Class::Surfaces => "versions of lists",
        Class::Names => "names",
    };
    StoreError::unsupported(format!(
        "old {what} are not counted before they are removed"
    ))
}
