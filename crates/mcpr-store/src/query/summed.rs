//! Whose hourly sums a request counts in: there is room for so many methods of a proxy and so many
//! targets of a method, and what is beyond counts together. A peer that invents names makes no sums
//! without end. Pure.

use super::RollupKey;
use mcpr_model::{Target, Text};
use std::collections::{HashMap, HashSet};

/// Most methods of a proxy that have hourly sums of their own.
pub const MAX_SUMMED_METHODS: usize = 1000;

/// Most targets (tools, resources, prompts) of a proxy's method that have hourly sums of their own.
pub const MAX_SUMMED_TARGETS: usize = 1000;

/// The name of all others together.
pub const OTHER: &str = "(other)";

/// Whose sums an operation counts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SummedAs {
    /// Its own.
    Itself,
    /// Those of the other targets of its method.
    OtherTarget,
    /// Those of the other methods of its proxy.
    OtherMethod,
}

impl SummedAs {
    /// Where an operation that was not met before goes: `methods` of its proxy and `targets` of its
    /// method have sums of their own; no `targets` where its method has none.
    #[must_use]
    pub fn of(target: Option<&Target>, methods: usize, targets: Option<usize>) -> Self {
        match (target, targets) {
            (_, None) if methods >= MAX_SUMMED_METHODS => Self::OtherMethod,
            (Some(target), Some(targets))
                if targets >= MAX_SUMMED_TARGETS && target.name != OTHER =>
            {
                Self::OtherTarget
            }
            _ => Self::Itself,
        }
    }

    /// The key of the sums that a request with this key counts in.
    #[must_use]
    pub fn key(self, key: RollupKey) -> RollupKey {
        let other = Text::const_new(OTHER);
        match self {
            Self::Itself => key,
            Self::OtherTarget => RollupKey {
                target: key.target.map(|target| Target {
                    name: other,
                    ..target
                }),
                ..key
            },
            Self::OtherMethod => RollupKey {
                method: other,
                target: None,
                ..key
            },
        }
    }
}

/// What has hourly sums of its own so far, for a store that has no other way to know.
#[derive(Debug, Clone, Default)]
pub struct Summed {
    proxies: HashMap<Text, HashMap<Text, HashSet<Target>>>,
}

impl Summed {
    /// The key of the sums that a request with this key counts in; what is new is remembered.
    pub fn key(&mut self, key: RollupKey) -> RollupKey {
        let methods = self.proxies.entry(key.proxy.clone()).or_default();
        let (count, targets) = (methods.len(), methods.get(&key.method));
        let is_known = match (targets, &key.target) {
            (Some(_), None) => true,
            (Some(targets), Some(target)) => targets.contains(target),
            (None, _) => false,
        };
        if is_known {
            return key;
        }
        let summed_as = SummedAs::of(key.target.as_ref(), count, targets.map(HashSet::len));
        if summed_as == SummedAs::Itself {
            let targets = methods.entry(key.method.clone()).or_default();
            targets.extend(key.target.clone());
        }
        summed_as.key(key)
    }

    /// Counts what one proxy has sums of to those of another.
    pub fn rename(&mut self, old: &str, new: &str) {
        let moved = self.proxies.remove(&Text::from(old)).unwrap_or_default();
        let methods = self.proxies.entry(new.into()).or_default();
        for (method, targets) in moved {
            methods.entry(method).or_default().extend(targets);
        }
    }
}
