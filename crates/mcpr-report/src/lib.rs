//! A window of traffic to hand to somebody else: one self-contained page, a HAR archive, or Markdown.
//!
//! Knows the rows that a store answers with, and neither a backend nor the command line. Must not trust
//! what was recorded: in the page it is data, in Markdown it is escaped.
//!
//! A [`TrafficWindow`] is filled request by request ([`WindowFold`]) and holds no more than the limits here, so
//! that neither memory nor the page grows with the store; what was left out is reported in it.

mod data;
mod fold;
mod har;
mod html;
mod lines;
mod markdown;
#[cfg(test)]
mod tests;
mod visible;

pub use data::{
    CompactRequest, EndedServer, EventGap, FailedCall, KeptBody, ListChange, OpenCall, TimeSeries,
    ToolFigures, Total, TrafficReport, TrafficWindow,
};
pub use fold::{WindowFold, WindowScope};
pub use har::HarWriter;
pub use html::{MAX_PAGE_BYTES, html};
pub use markdown::markdown;

/// Most requests of a window that are in the page one by one: the newest.
pub const MAX_REQUESTS: usize = 10_000;
/// Most failures that are in it one by one: the newest.
pub const MAX_FAILURES: usize = 200;
/// Most tools and methods; those with the most calls.
pub const MAX_TOOLS: usize = 500;
/// Most changes of lists, and most gaps: the newest.
pub const MAX_CHANGES: usize = 500;
/// Most calls in flight, and most servers that ended: the newest.
pub const MAX_OPEN: usize = 100;
/// Most bytes of what was asked, and of what was answered, of a failure.
pub const MAX_BODY_BYTES: usize = 4096;
/// Longest name or message, in characters.
pub const MAX_TEXT_CHARS: usize = 300;
/// Most pieces that a window's time is cut into.
pub const MAX_BUCKETS: usize = 60;
