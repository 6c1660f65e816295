//! The arguments on how a table is laid out.

use crate::render::{Overflow, TimeStyle};

/// How a table is laid out.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct LayoutArgs {
    /// Write times in tables in this form [default: short; full with --fields]
    #[arg(long, value_enum, value_name = "HOW")]
    time: Option<TimeChoice>,
    /// Cut nothing, however wide the table gets
    #[arg(long, conflicts_with = "wrap")]
    wide: bool,
    /// Break long text between words, and cut nothing
    #[arg(long)]
    wrap: bool,
}

/// What `--time` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum TimeChoice {
    /// The time alone while the day is today, or stands in a line above
    Short,
    /// Date and time, to the millisecond
    Full,
    /// How long ago
    Ago,
    /// How long after the row before
    Delta,
}

impl LayoutArgs {
    /// How times are written. Who names fields takes rows apart: each of them has the whole time.
    pub(super) fn times(&self, names_fields: bool) -> TimeStyle {
        match self.time {
            Some(TimeChoice::Full) => TimeStyle::Full,
            Some(TimeChoice::Ago) => TimeStyle::Ago,
            Some(TimeChoice::Delta) => TimeStyle::Delta,
            None if names_fields => TimeStyle::Full,
            Some(TimeChoice::Short) | None => TimeStyle::Short,
        }
    }

    /// What lines are fitted to, where the terminal has that width and text would be wrapped to this one.
    pub(super) fn width(&self, terminal: Option<usize>, text: Option<usize>) -> Option<usize> {
        // Off a terminal nothing is cut, but whoever asks for wrapping may name a width there.
        match (self.wide, self.wrap) {
            (true, _) => None,
            (false, true) => text,
            (false, false) => terminal,
        }
    }

    /// What becomes of text that does not fit.
    pub(super) fn overflow(&self) -> Overflow {
        if self.wrap {
            Overflow::Wrap
        } else {
            Overflow::Cut
        }
    }

    /// Whether nothing may be cut.
    pub(super) fn is_whole(&self) -> bool {
        self.wide || self.wrap
    }
}
