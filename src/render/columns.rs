//! What a column is: its name, its header, how its value is got and how a table shows it. The one
//! description that drives every format and `--fields`.

use std::borrow::Cow;
use std::fmt;

/// What a cell holds, before any format has touched it.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// Nothing: `null` in JSON, an empty cell elsewhere.
    Null,
    /// A whole number.
    Int(i64),
    /// Yes or no.
    Bool(bool),
    /// Unix milliseconds that machine formats write as RFC 3339.
    Time(i64),
    /// A part of a whole, 0 to 1.
    Ratio(f64),
    /// Counts side by side.
    Counts(&'a [u64]),
    /// JSON, which stays what it is in JSON.
    Json(&'a str),
    /// Text, from outside or not.
    Text(Cow<'a, str>),
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl<'a> From<Cow<'a, str>> for Value<'a> {
    fn from(text: Cow<'a, str>) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<bool> for Value<'_> {
    fn from(yes: bool) -> Self {
        Self::Bool(yes)
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// How a table shows a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Show {
    /// As it is, to the left.
    Text,
    /// As it is, to the left, and blank where there is none.
    Message,
    /// As it is, to the right.
    Number,
    /// In groups of three digits, to the right.
    Grouped,
    /// Unix milliseconds as a date and time.
    Time,
    /// Unix milliseconds of rows in the order of time, as the table is set to write them.
    Clock,
    /// Microseconds with a unit.
    Latency,
    /// As latency, with a `!` behind what was slow.
    Took,
    /// Arguments in short: blank where there are none, cut in their middle.
    Arguments,
    /// Blank where it went well, else in red.
    Result,
    /// Bytes with a unit.
    Bytes,
    /// A session id, as short as stays unique, each in a colour of its own.
    SessionId,
    /// As it is, to the left, each in a colour of its own.
    Name,
    /// `ok`, or something else in red.
    Outcome,
    /// Per cent, in red where there are any.
    Share,
    /// How many times as much as before, to the right.
    Factor,
    /// Counts as a row of bars.
    Bars,
    /// A level of a finding, the worst in red.
    Level,
}

/// What a table does with a column that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fit {
    /// The narrowest it is cut to; `None`: never cut.
    pub least: Option<usize>,
    /// Left out in ascending order once cutting is not enough; `None`: never left out.
    pub leave_out: Option<u8>,
    /// Whether what does not fit goes on in further lines, and is not cut.
    pub wraps: bool,
    /// How wide it has to be to be read at ease: a list that goes on gives it that from its first row,
    /// and columns that could be missed go before it gets less.
    pub comfort: usize,
    /// The widest it gets on a terminal where others need room, but for the last column.
    pub most: usize,
    /// Whether it is cut in its middle: where rows differ at their ends.
    pub cuts_middle: bool,
    /// Whether it could be missed: left out before others are cut below their comfort.
    pub is_extra: bool,
}

impl Fit {
    /// What is never cut and never left out.
    pub const FIXED: Self = Self {
        least: None,
        leave_out: None,
        wraps: false,
        cuts_middle: false,
        comfort: 0,
        most: usize::MAX,
        is_extra: false,
    };
}

/// Gets the whole of a text that a column shows in short; `None` where that is all of it.
pub type WholeText<R> = fn(&R) -> Option<Cow<'_, str>>;

/// One column over rows of `R`.
pub struct Column<R> {
    /// Its key in machine formats and in `--fields`.
    pub name: &'static str,
    /// Its header in tables.
    pub header: &'static str,
    /// How a table shows it.
    pub show: Show,
    /// What a table does when it does not fit.
    pub fit: Fit,
    /// Its value in a row.
    pub value: fn(&R) -> Value<'_>,
    /// Where the value is a short form, the whole of it, for those who ask for what is cut.
    pub whole: Option<WholeText<R>>,
}

impl<R> Column<R> {
    /// A column that is never cut and never left out.
    #[must_use]
    pub const fn new(
        name: &'static str,
        header: &'static str,
        show: Show,
        value: fn(&R) -> Value<'_>,
    ) -> Self {
        Self {
            name,
            header,
            show,
            fit: Fit::FIXED,
            whole: None,
            value,
        }
    }

    /// Says where the whole of a short form is.
    #[must_use]
    pub const fn short_of(mut self, whole: WholeText<R>) -> Self {
        self.whole = Some(whole);
        self
    }

    /// Lets a table cut it.
    #[must_use]
    pub const fn cut_to(mut self, least: usize) -> Self {
        self.fit.least = Some(least);
        self
    }

    /// Lets a table cut it in its middle.
    #[must_use]
    pub const fn middle_cut_to(mut self, least: usize) -> Self {
        self.fit.cuts_middle = true;
        self.cut_to(least)
    }

    /// Gives it a width at which it is read at ease, and one that it does not go beyond where others need room.
    #[must_use]
    pub const fn between(mut self, comfort: usize, most: usize) -> Self {
        self.fit.comfort = comfort;
        self.fit.most = most;
        self
    }

    /// Lets a table leave it out, in the order of [`Column::leave_out`], as soon as others would get less
    /// than their comfort.
    #[must_use]
    pub const fn extra(mut self, order: u8) -> Self {
        self.fit.is_extra = true;
        self.leave_out(order)
    }

    /// Lets a table make it narrower and give it more lines.
    #[must_use]
    pub const fn wrapped_to(mut self, least: usize) -> Self {
        self.fit.wraps = true;
        self.cut_to(least)
    }

    /// Lets a table leave it out, those with the smallest number first.
    #[must_use]
    pub const fn leave_out(mut self, order: u8) -> Self {
        self.fit.leave_out = Some(order);
        self
    }
}

impl<R> fmt::Debug for Column<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Column").field(&self.name).finish()
    }
}

/// What a list can hold.
pub trait Record: 'static {
    /// A full-width line that stands in a table in place of this row's cells, with times (unix milliseconds) as
    /// they are written there.
    fn interruption(&self, _time: &dyn Fn(i64) -> String) -> Option<String> {
        None
    }

    /// Whose clock wrote its time, and the time in unix milliseconds, where rows have one that a table
    /// writes by [`Show::Clock`].
    fn clock(&self) -> Option<(&str, i64)> {
        None
    }
}

/// A name that no column has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no field `{name}`")]
pub struct UnknownColumn {
    /// What was asked for.
    pub name: String,
    /// What there is.
    pub known: Vec<&'static str>,
}

/// The columns of names that are written in this program, in this order.
///
/// # Panics
/// When no column has one of the names.
#[must_use]
pub fn choose<R>(columns: &'static [Column<R>], names: &[&str]) -> Vec<&'static Column<R>> {
    select(columns, names).expect("the defaults name columns that there are")
}

/// The columns of these names, in this order.
///
/// # Errors
/// When no column has one of the names.
pub fn select<R>(
    columns: &'static [Column<R>],
    names: &[impl AsRef<str>],
) -> Result<Vec<&'static Column<R>>, UnknownColumn> {
    names
        .iter()
        .map(|name| {
            let name = name.as_ref().trim();
            columns
                .iter()
                .find(|column| column.name == name)
                .ok_or_else(|| UnknownColumn {
                    name: name.to_owned(),
                    known: columns.iter().map(|column| column.name).collect(),
                })
        })
        .collect()
}
