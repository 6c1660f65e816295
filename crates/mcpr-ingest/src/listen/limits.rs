//! How much and how long a client may: every limit of the HTTP source.

use std::time::Duration;

/// Most connections at a time; further ones wait until one ends. Each takes little before it has sent a
/// request, so that hundreds of clients that send none keep nobody out.
pub(super) const CONNECTIONS: usize = 512;
/// Most posts at a time whose events are on their way into the store.
pub(super) const POSTS: usize = 64;
/// Most scrapes at a time whose metrics are being written or sent; each may take megabytes.
pub(super) const SCRAPES: usize = 4;
/// How long the head of a request may take, from its first byte, or from the connection's beginning.
pub(super) const HEAD: Duration = Duration::from_secs(5);
/// How long a body may take.
pub(super) const BODY: Duration = Duration::from_secs(10);
/// How long a request waits for room in the queue and for its commit. Less than the 10 s for which
/// the proxies wait, so that they hear what became of it.
pub(super) const COMMIT: Duration = Duration::from_secs(8);
/// How long a connection may be idle between two requests. The proxies post every five seconds, and
/// ten seconds apart when nothing happens.
pub(super) const IDLE: Duration = Duration::from_mins(1);
/// How often what waits for another account is looked through.
pub(super) const LOOK_AT_WAITING: Duration = Duration::from_secs(1);
/// How often a full queue is asked for room.
pub(super) const ASK_AGAIN: Duration = Duration::from_millis(20);
/// Most bytes of a body.
pub(super) const BODY_BYTES: u64 = 8 << 20;
/// Most bytes of all bodies that are being read, or whose answer is not there yet.
pub(super) const ALL_BODIES_BYTES: usize = 32 << 20;
/// Most bytes of a head, which are also the most that are read at once.
pub(super) const HEAD_BYTES: usize = 16 << 10;
/// How long what follows a refused head is read and thrown away, so that the client reads the answer.
pub(super) const LINGER: Duration = Duration::from_secs(1);
/// Bad parts that an answer lists one by one.
pub(super) const LISTED_BAD_PARTS: usize = 20;
/// How long connections without a whole request are kept after the end was asked for.
pub(super) const LAST_HEADS: Duration = Duration::from_millis(500);
/// How long the last requests are waited for after the end was asked for.
pub(super) const LAST_ANSWERS: Duration = Duration::from_secs(20);
