//! A proxy that gets another name: what that means where the new name is recorded as well. Meaning only; a
//! backend rewrites its rows.

use crate::query::INFERRED_GAP_MS;
use mcpr_surface::capture::{MAX_VERSIONS, changes_between};
use std::collections::HashMap;

/// What became of a proxy's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Renamed {
    /// Requests that go by the new name now.
    pub requests: u64,
    /// Whether the new name was recorded before.
    pub is_merged: bool,
}

/// A session of one of the two names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionSpan {
    /// Whether it goes by the name that is given up.
    pub is_old: bool,
    /// Its id.
    pub id: String,
    /// Whether it was put together from requests without a session id.
    pub inferred: bool,
    /// A number that stands for its client.
    pub client: i64,
    /// When it began, unix milliseconds.
    pub started_at: i64,
    /// When it was last used, unix milliseconds.
    pub last_seen_at: i64,
}

/// Which sessions of the two names become one: in this order, the first of each pair becomes the second.
///
/// Those of one id do. Inferred sessions of a client do where they overlap, or lie so close that requests under
/// one name would have been one: no two of them overlap afterwards, as ever.
#[must_use]
pub fn merge_sessions(mut spans: Vec<SessionSpan>) -> Vec<(usize, usize)> {
    let mut moves = Vec::new();
    let mut is_gone = vec![false; spans.len()];
    let places: HashMap<String, usize> = spans
        .iter()
        .enumerate()
        .filter(|(_, span)| !span.is_old)
        .map(|(at, span)| (span.id.clone(), at))
        .collect();
    for at in 0..spans.len() {
        if let Some(&into) = places.get(&spans[at].id).filter(|_| spans[at].is_old) {
            moves.push((at, into));
            is_gone[at] = true;
            spans[into].started_at = spans[into].started_at.min(spans[at].started_at);
            spans[into].last_seen_at = spans[into].last_seen_at.max(spans[at].last_seen_at);
        }
    }
    let mut inferred: Vec<usize> = (0..spans.len())
        .filter(|&at| spans[at].inferred && !is_gone[at])
        .collect();
    inferred.sort_by_key(|&at| (spans[at].client, spans[at].started_at, &spans[at].id));
    let mut group: Option<Group> = None;
    for at in inferred {
        match &mut group {
            Some(group) if group.takes(&spans[at]) => {
                moves.push((at, group.first));
                group.add(&spans[at]);
            }
            _ => group = Some(Group::of(at, &spans[at])),
        }
    }
    moves
}

/// Inferred sessions that become one.
struct Group {
    first: usize,
    client: i64,
    last_seen_at: i64,
    has_old: bool,
    has_new: bool,
}

impl Group {
    fn of(first: usize, span: &SessionSpan) -> Self {
        Self {
            first,
            client: span.client,
            last_seen_at: span.last_seen_at,
            has_old: span.is_old,
            has_new: !span.is_old,
        }
    }

    fn takes(&self, next: &SessionSpan) -> bool {
        let is_of_other = if next.is_old {
            self.has_new
        } else {
            self.has_old
        };
        // Of one name they were two all along, however close.
        let gap = if is_of_other { INFERRED_GAP_MS } else { 0 };
        next.client == self.client && next.started_at <= self.last_seen_at.saturating_add(gap)
    }

    fn add(&mut self, next: &SessionSpan) {
        self.last_seen_at = self.last_seen_at.max(next.last_seen_at);
        self.has_old |= next.is_old;
        self.has_new |= !next.is_old;
    }
}

/// A version of a list, without its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionSpan {
    /// Its number within its own list.
    pub version: i64,
    /// SHA-256 of its canonical form.
    pub sha256: String,
    /// When it was first seen, unix milliseconds.
    pub first_seen_at: i64,
    /// When it was last seen, unix milliseconds.
    pub last_seen_at: i64,
    /// The protocol version that was negotiated when it was last seen.
    pub protocol: Option<String>,
}

/// A version of the list that two became. Its number is its place, from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergedVersion {
    /// Which of the given versions it is.
    pub of: usize,
    /// When it was last seen, unix milliseconds.
    pub last_seen_at: i64,
    /// The protocol version that was negotiated when it was last seen.
    pub protocol: Option<String>,
    /// What it brought, with the item's key.
    pub changes: Vec<(String, Option<String>)>,
}

/// Puts the versions of two lists of a method into one order, that in which they were first seen. Equal ones
/// that follow one another are one version. `text` gives the whole list that a version is.
///
/// # Errors
/// When a text cannot be read.
pub fn merge_versions<E>(
    method: &str,
    spans: &[VersionSpan],
    mut text: impl FnMut(usize) -> Result<String, E>,
) -> Result<Vec<MergedVersion>, E> {
    let mut order: Vec<usize> = (0..spans.len()).collect();
    order.sort_by_key(|&at| (spans[at].first_seen_at, spans[at].version));
    let mut merged: Vec<MergedVersion> = Vec::new();
    for at in order {
        let span = &spans[at];
        match merged.last_mut() {
            Some(last) if spans[last.of].sha256 == span.sha256 => {
                if span.last_seen_at > last.last_seen_at {
                    last.last_seen_at = span.last_seen_at;
                    last.protocol.clone_from(&span.protocol);
                }
            }
            _ => merged.push(MergedVersion {
                of: at,
                last_seen_at: span.last_seen_at,
                protocol: span.protocol.clone(),
                changes: Vec::new(),
            }),
        }
    }
    while merged.len() > MAX_VERSIONS {
        let seen = |at: &usize| (merged[*at].last_seen_at, *at);
        let oldest = (0..merged.len()).min_by_key(seen).unwrap_or_default();
        merged.remove(oldest);
    }
    let mut before: Option<String> = None;
    for version in &mut merged {
        let after = text(version.of)?;
        version.changes = changes_between(method, before.as_deref(), &after);
        before = Some(after);
    }
    Ok(merged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    #[test]
    fn sessions_of_one_id_or_that_lie_together_become_one() {
        const GAP: i64 = INFERRED_GAP_MS;
        let span =
            |is_old: bool, id: &str, client: i64, started_at: i64, last_seen_at: i64| SessionSpan {
                is_old,
                id: id.to_owned(),
                inferred: id.starts_with('~'),
                client,
                started_at,
                last_seen_at,
            };
        let spans = vec![
            span(false, "s", 1, 0, 10),
            span(true, "s", 2, 5, 20),
            span(true, "t", 1, 0, 10),
            span(false, "~a", 1, 0, 10),
            span(true, "~b", 1, 10 + GAP, 20 + GAP),
            span(false, "~c", 1, 20 + 2 * GAP, 30 + 2 * GAP),
            span(false, "~d", 2, 0, 10),
            span(false, "~e", 2, 20, 30),
            span(true, "~f", 3, 0, 10),
            span(false, "~g", 3, 11 + GAP, 12 + GAP),
        ];
        assert_eq!(merge_sessions(spans), [(1, 0), (4, 3), (5, 3)]);
    }

    #[test]
    fn two_histories_of_a_list_are_one_in_the_order_of_time() {
        // Text, first seen, last seen: two streams of a server that brought `b` while both were read.
        let rows = [
            ("a", 10, 30),
            ("ab", 40, 50),
            ("a", 20, 35),
            ("ab", 45, 60),
            ("b", 70, 80),
        ];
        let spans: Vec<VersionSpan> = (1..)
            .zip(rows)
            .map(
                |(version, (sha256, first_seen_at, last_seen_at))| VersionSpan {
                    version,
                    sha256: sha256.to_owned(),
                    first_seen_at,
                    last_seen_at,
                    protocol: Some(last_seen_at.to_string()),
                },
            )
            .collect();
        let text = |at: usize| -> Result<String, Infallible> {
            let tools: Vec<String> = rows[at]
                .0
                .chars()
                .map(|name| format!("{{\"name\":\"{name}\"}}"))
                .collect();
            Ok(format!("{{\"tools\":[{}]}}", tools.join(",")))
        };
        let Ok(merged) = merge_versions("tools/list", &spans, text);
        let listed: Vec<_> = merged
            .iter()
            .map(|it| {
                let changes = it.changes.iter();
                let changes: Vec<String> = changes
                    .map(|(change, item)| format!("{change} {}", item.as_deref().unwrap_or("-")))
                    .collect();
                (it.of, it.last_seen_at, changes.join(", "))
            })
            .collect();
        let expected = [
            (0, 35, "initial -".to_owned()),
            (1, 60, "tool_added b".to_owned()),
            (4, 80, "tool_removed a".to_owned()),
        ];
        assert_eq!(listed, expected);
        assert_eq!(merged[1].protocol.as_deref(), Some("60"));
    }
}
