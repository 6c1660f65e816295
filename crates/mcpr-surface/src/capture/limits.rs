//! What is kept of surfaces: how many versions, items and pages that wait, and for how long.

use super::{Latest, kind_of};
use mcpr_model::{SurfaceContent, SurfaceUpdate};
use serde_json::Value;

/// Most bytes of a chain of pages that wait for their last one; longer ones are given up.
pub const MAX_PENDING_BYTES: usize = 16 << 20;

/// How long pages wait for the rest of their chain, by the time of the update.
const MAX_PENDING_MS: i64 = 24 * 60 * 60 * 1000;

/// Most chains of pages that wait at once, over all lists; the oldest are given up.
pub const MAX_PENDING_CHAINS: usize = 256;

/// Most bytes that all waiting pages take together; the oldest are given up.
pub const MAX_PENDING_TOTAL_BYTES: usize = 64 << 20;

/// Most versions kept of one list of one proxy; those seen longest ago go.
pub const MAX_VERSIONS: usize = 1000;

/// Most items kept of a list that was never seen whole; those seen longest ago go.
pub const MAX_LONE_ITEMS: usize = 1000;

/// Longest item that is kept on its own, in bytes of JSON.
const MAX_LONE_ITEM_BYTES: usize = 1 << 20;

/// How many versions of a list may be the same text. The first says that it was there, the second that
/// it came back; a list that goes on flapping only moves when they were last seen.
const MAX_VERSIONS_PER_TEXT: usize = 2;

/// Whether a list that comes back is no new version any more; `versions` of it are the same text.
#[must_use]
pub fn is_flapping(versions: usize) -> bool {
    versions >= MAX_VERSIONS_PER_TEXT
}

/// What an item that was seen on its own is known by; `None` where it is not kept: what has no name cannot be
/// distinguished from others, and what is too long would take the room of many.
#[must_use]
pub fn lone_item_key(method: &str, item: &str) -> Option<String> {
    let kind = kind_of(method).filter(|_| item.len() <= MAX_LONE_ITEM_BYTES)?;
    let item: Value = serde_json::from_str(item).ok()?;
    item.get(kind.key_member())?.as_str().map(str::to_owned)
}

/// Whether the chain that has waited longest is given up, of so many with so many bytes together.
#[must_use]
pub fn are_too_many_chains(chains: usize, bytes: usize) -> bool {
    // A single chain has its own bound on bytes, and may fill the whole room.
    chains > MAX_PENDING_CHAINS || (bytes > MAX_PENDING_TOTAL_BYTES && chains > 1)
}

/// The time before which chains have waited too long when another page comes. By the times of the traffic,
/// not by the clock: a file may be read long after it was written.
#[must_use]
pub fn oldest_wait(update: &SurfaceUpdate) -> i64 {
    update.ts.saturating_sub(MAX_PENDING_MS)
}

/// Whether a new version was announced: the newest announcement came after the version before it was seen
/// last.
#[must_use]
pub fn is_announced(
    before: Option<&Latest>,
    announced_at: Option<i64>,
    update: &SurfaceUpdate,
) -> bool {
    if let SurfaceContent::Version(version) = &update.content {
        return version.announced;
    }
    let since = before.map(|before| before.last_seen_at).zip(announced_at);
    since.is_some_and(|(since, at)| (since..=update.ts).contains(&at))
}
