//! How a table looks where it is shown.

use super::palette::Palette;
use mcpr_store::query::when::Zone;

/// How times are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TimeStyle {
    /// The time alone while the day is today's, or stands in a line above.
    #[default]
    Short,
    /// Date and time, to the millisecond.
    Full,
    /// How long ago.
    Ago,
    /// How long after the row before.
    Delta,
}

/// What becomes of text that is wider than its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overflow {
    /// It is cut.
    #[default]
    Cut,
    /// It is cut, and stands whole beyond the right edge, where a pager that chops lines scrolls to.
    Beyond,
    /// It goes on in further lines, broken between words.
    Wrap,
}

/// How a table looks where it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableStyle {
    /// The zone of shown times.
    pub zone: Zone,
    /// The present, unix milliseconds: what is of today is recognised by it.
    pub now_ms: i64,
    /// How times are written.
    pub times: TimeStyle,
    /// What lines are fitted to, in cells; `None`: they are as long as they are.
    pub width: Option<usize>,
    /// What becomes of text that does not fit.
    pub overflow: Overflow,
    /// The colours.
    pub palette: Palette,
    /// Whether rows come one by one: then columns get a width at ease from the first one on.
    pub goes_on: bool,
    /// Whether rows are not in the order of time, so that each time has its date.
    pub is_by_rank: bool,
    /// Whether the last of counts side by side is counted still.
    pub is_unfinished: bool,
}

impl TableStyle {
    /// Whether a time stands without its day, which a line above it has to name.
    pub(super) fn names_days(&self) -> bool {
        self.times == TimeStyle::Short && !self.is_by_rank
    }

    /// Without colour, and cut to nothing.
    #[must_use]
    pub fn plain(zone: Zone, now_ms: i64) -> Self {
        Self {
            zone,
            now_ms,
            times: TimeStyle::Short,
            width: None,
            overflow: Overflow::Cut,
            palette: Palette::Colourless,
            goes_on: false,
            is_by_rank: false,
            is_unfinished: false,
        }
    }
}
