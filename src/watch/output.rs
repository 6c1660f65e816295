//! What servers write beside their messages, newest last: their standard error, stray text on their standard
//! output, and how they ended. As `tail -f` of several files shows it: in the order in which it came. Pure.

use super::needle::Needle;
use super::queries::OutputsQuery;
use super::view::ListView;
use crate::render::layout::wrap;
use crate::render::text::escape;
use mcpr_model::{OutputTail, ServerRun};
use mcpr_store::query::{Pattern, SessionKey};
use std::collections::{BTreeMap, VecDeque};

/// Most servers whose outputs are read at a time: those of which something was reported last.
pub(super) const MAX_SERVERS: usize = 16;
/// Most lines in memory.
const MAX_LINES: usize = 5_000;
/// How often the outputs are read, in milliseconds. A tap records them every two seconds.
const REFRESH_MS: i64 = 1_000;
/// From so much later on, a line gets a heading of its own, in milliseconds.
const HEADING_MS: i64 = 60_000;
/// The narrowest screen over which lines are still broken between words.
const NARROWEST: usize = 8;

/// Where a line comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OutputKind {
    StandardError,
    /// Text on standard output that is not a message.
    Stray,
    /// How the server ended; whether it was not to.
    Ending {
        is_death: bool,
    },
}

/// One line of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OutputLine {
    pub(super) session: SessionKey,
    /// When it was reported, at the latest; unix milliseconds.
    pub(super) reported_at: i64,
    pub(super) kind: OutputKind,
    pub(super) text: String,
}

impl OutputLine {
    /// Whether it needs no heading of its own behind another line.
    fn goes_on_from(&self, last: &Self) -> bool {
        // Stray text is named as such once, above its first line.
        let is_stray = |line: &Self| line.kind == OutputKind::Stray;
        let is_ending = matches!(self.kind, OutputKind::Ending { .. });
        self.session == last.session
            && self.reported_at.saturating_sub(last.reported_at) < HEADING_MS
            && (is_ending || is_stray(self) == is_stray(last))
    }

    /// Whether one looks for it: it names an error, or a server that died.
    pub(super) fn is_failure(&self) -> bool {
        match self.kind {
            OutputKind::Ending { is_death } => is_death,
            _ => OutputTail::names_error(&self.text),
        }
    }
}

/// A row of the list: of which line, and what of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum OutputRow {
    /// From here on the lines are of this one's server and time.
    Source(usize),
    /// A piece of a line, harmless.
    Piece(usize, String),
}

impl OutputRow {
    fn line(&self) -> usize {
        match self {
            Self::Source(line) | Self::Piece(line, _) => *line,
        }
    }
}

/// What was taken of a server so far.
#[derive(Debug, Default)]
struct TakenOutput {
    stderr: Box<str>,
    stray: Box<str>,
    has_ended: bool,
}

/// The lines, and what is seen of them.
#[derive(Debug, Default)]
pub(super) struct OutputList {
    pub(super) text: String,
    pub(super) proxy: Option<Pattern>,
    taken: BTreeMap<SessionKey, TakenOutput>,
    lines: VecDeque<OutputLine>,
    rows: Vec<OutputRow>,
    width: usize,
    pub(super) is_loaded: bool,
    is_asked: bool,
    looked_at: i64,
    pub(super) view: ListView,
}

impl OutputList {
    /// The rows that are shown, oldest first.
    pub(super) fn rows(&self) -> &[OutputRow] {
        &self.rows
    }

    /// The line that a row is of.
    pub(super) fn line(&self, row: &OutputRow) -> Option<&OutputLine> {
        self.lines.get(row.line())
    }

    /// The line that is chosen.
    pub(super) fn chosen(&self) -> Option<&OutputLine> {
        self.line(self.rows.get(self.view.chosen)?)
    }

    pub(super) fn go(&mut self, rows: isize) {
        self.view.go(rows, self.rows.len());
    }

    /// Keeps what is seen within the list.
    pub(super) fn settle(&mut self) {
        let len = self.rows.len();
        self.view.settle(len);
    }

    pub(super) fn go_to_last(&mut self) {
        self.view.last(self.rows.len());
    }

    /// When the outputs are read again. No news of the store reports them: they are not rows.
    pub(super) fn due_at(&self) -> Option<i64> {
        (!self.is_asked).then_some(self.looked_at + REFRESH_MS)
    }

    /// What is to be read now, if anything.
    pub(super) fn queries(&mut self, now_ms: i64) -> Option<OutputsQuery> {
        let is_due = self.due_at().is_some_and(|due| now_ms >= due);
        is_due.then(|| {
            self.is_asked = true;
            self.looked_at = now_ms;
            OutputsQuery(self.proxy.clone())
        })
    }

    /// Lets go of what another store held.
    pub(super) fn forget(&mut self) {
        // An answer that is still on its way may be of the store that was: the next one is not.
        self.taken.clear();
        self.lines.clear();
        self.is_asked = false;
        self.is_loaded = false;
        self.arrange();
    }

    /// Breaks lines for a screen of another width.
    pub(super) fn resize(&mut self, width: usize) {
        // Breaking all lines is not for each frame.
        if self.width != width {
            self.width = width;
            self.arrange();
        }
    }

    /// Takes in what servers wrote; whether any of it is new.
    pub(super) fn take(&mut self, runs: &[ServerRun]) -> bool {
        self.is_asked = false;
        let was_loaded = std::mem::replace(&mut self.is_loaded, true);
        // What was removed from the store, or made room for others, leaves the screen.
        let is_there = |key: &SessionKey| {
            let mut of_key = runs.iter().filter(|run| SessionKey::of_run(run) == *key);
            of_key.any(|run| {
                text_of(run.stderr.as_ref()).len() + text_of(run.stray.as_ref()).len() > 0
            })
        };
        let is_gone = self.taken.iter().any(|(key, taken)| {
            taken.stderr.len() + taken.stray.len() > 0 && runs.len() < MAX_SERVERS && !is_there(key)
        });
        if is_gone {
            self.taken.clear();
            self.lines.clear();
        }
        let before = self.lines.back().cloned();
        let count = self.lines.len();
        // In the order in which something was last reported them, as far as one can know.
        for run in runs {
            self.take_run(run);
        }
        let is_new = is_gone || self.lines.len() != count || self.lines.back() != before.as_ref();
        if is_new {
            // The oldest make room, whosever they are.
            let over = self.lines.len().saturating_sub(MAX_LINES);
            self.lines.drain(..over);
            // Whoever looked at the newest looks at the newest again; else what one reads stays.
            let at_end = self.view.chosen + 1 >= self.rows.len();
            let chosen = self.rows.get(self.view.chosen).map(OutputRow::line);
            let below_top = self.view.chosen.saturating_sub(self.view.top);
            self.arrange();
            match chosen.and_then(|line| line.checked_sub(over)) {
                Some(line) if !at_end => self.choose_line(line, below_top),
                _ => self.go_to_last(),
            }
        }
        is_new || !was_loaded
    }

    /// Adds what is new of one server.
    fn take_run(&mut self, run: &ServerRun) {
        let session = SessionKey::of_run(run);
        let taken = self.taken.entry(session.clone()).or_default();
        let mut add = |kind, text: &str| {
            self.lines.push_back(OutputLine {
                session: session.clone(),
                reported_at: run.ts,
                kind,
                text: text.trim_end().to_owned(),
            });
        };
        let outputs = [
            (&run.stderr, &mut taken.stderr, OutputKind::StandardError),
            (&run.stray, &mut taken.stray, OutputKind::Stray),
        ];
        for (tail, known, kind) in outputs {
            let text = text_of(tail.as_ref());
            if *text != **known {
                // A tap reports the end of an output again and again, each time with more behind it.
                let new = new_lines(known, text);
                new.for_each(|line| add(kind, line));
                *known = text.into();
            }
        }
        // Behind all that it wrote: an end comes once.
        if let Some(how) = run.ending().filter(|_| !taken.has_ended) {
            taken.has_ended = true;
            let is_death = run.is_death;
            add(OutputKind::Ending { is_death }, &how);
        }
    }

    /// Chooses the first row of a line, so many rows below the top of the screen.
    fn choose_line(&mut self, line: usize, below_top: usize) {
        let first = self.rows.partition_point(|row| row.line() < line);
        let has_heading = matches!(self.rows.get(first), Some(OutputRow::Source(_)));
        let at = first + usize::from(has_heading);
        self.view.top = at.saturating_sub(below_top);
        self.view.choose(at, self.rows.len());
    }

    /// Shows only lines with a text.
    pub(super) fn look_for(&mut self, text: String) {
        self.text = text;
        self.arrange();
        self.go_to_last();
    }

    fn arrange(&mut self) {
        let needle = Needle::new(&self.text);
        let width = self.width.max(NARROWEST);
        // The line shown before: what a filter leaves out leads to no heading.
        let mut last: Option<&OutputLine> = None;
        self.rows.clear();
        for (at, line) in self.lines.iter().enumerate() {
            let is_meant =
                |needle: &Needle| needle.is_in(&line.text) || needle.is_in(&line.session.proxy);
            if !needle.as_ref().is_none_or(is_meant) {
                continue;
            }
            let goes_on = last.is_some_and(|last| line.goes_on_from(last));
            if !goes_on {
                self.rows.push(OutputRow::Source(at));
            }
            last = Some(line);
            let pieces = wrapped(&escape(&line.text), width).into_iter();
            self.rows
                .extend(pieces.map(|piece| OutputRow::Piece(at, piece)));
        }
        self.view.settle(self.rows.len());
    }

    /// Goes to the next line that names an error, or to a server that died.
    pub(super) fn seek_failure(&mut self, down: bool) -> bool {
        let chosen = self.view.chosen;
        let here = self.rows.get(chosen).map(OutputRow::line);
        let is_other_failure = |row: &OutputRow| {
            matches!(row, OutputRow::Piece(..))
                && Some(row.line()) != here
                && self.line(row).is_some_and(OutputLine::is_failure)
        };
        // Past all rows of the line that is chosen: it was found already.
        let found = if down {
            let mut after = self.rows.iter().enumerate().skip(chosen + 1);
            after.find(|(_, row)| is_other_failure(row))
        } else {
            let mut before = self.rows.iter().enumerate().take(chosen).rev();
            before.find(|(_, row)| is_other_failure(row))
        };
        let line = found.map(|(_, row)| row.line());
        if let Some(line) = line {
            // Its first piece, not the heading above it.
            let at = self
                .rows
                .iter()
                .position(|row| matches!(row, OutputRow::Piece(of, _) if *of == line));
            self.view.choose(at.unwrap_or(chosen), self.rows.len());
        }
        line.is_some()
    }
}

/// A line over rows, each as far to the right as it begins: that is how stack traces are read.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let blanks = text.len() - text.trim_start_matches(' ').len();
    // On a narrow screen the text must have half of it.
    let indent = blanks.min(width / 2);
    let pieces = wrap(&text[blanks..], width - indent).into_iter();
    pieces.map(|piece| " ".repeat(indent) + &piece).collect()
}

fn text_of(tail: Option<&OutputTail>) -> &str {
    tail.map_or("", |tail| &tail.text)
}

/// The lines of a tail that are not in what was known of it: behind the longest beginning of it with which that
/// ends. In one step a line, as both may have many.
fn new_lines<'a>(known: &str, tail: &'a str) -> impl Iterator<Item = &'a str> {
    let lines: Vec<&str> = tail.lines().collect();
    // For each beginning of the tail, the longest shorter one with which it ends.
    let mut borders = vec![0; lines.len()];
    let grown = |from: usize, line: &str, borders: &[usize]| {
        let mut len = from;
        while len > 0 && (len == lines.len() || lines[len] != line) {
            len = borders[len - 1];
        }
        len + usize::from(lines.get(len) == Some(&line))
    };
    for at in 1..lines.len() {
        borders[at] = grown(borders[at - 1], lines[at], &borders);
    }
    let seen = known
        .lines()
        .fold(0, |len, line| grown(len, line, &borders));
    lines.into_iter().skip(seen)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(session: &str, ts: i64, stderr: &str) -> ServerRun {
        ServerRun {
            proxy: "files".into(),
            session_id: session.into(),
            ts,
            stderr: Some(OutputTail {
                text: stderr.into(),
                bytes: stderr.len() as u64,
            }),
            ..ServerRun::default()
        }
    }

    fn list() -> OutputList {
        let mut list = OutputList::default();
        list.view.height = 10;
        list.resize(40);
        list
    }

    fn shown(list: &OutputList) -> Vec<String> {
        let row = |row: &OutputRow| match row {
            OutputRow::Source(line) => format!("[{}]", list.lines[*line].session.id),
            OutputRow::Piece(_, text) => text.clone(),
        };
        list.rows().iter().map(row).collect()
    }

    #[test]
    fn only_what_is_new_of_a_tail_is_added() {
        let new = |known, tail| new_lines(known, tail).collect::<Vec<_>>();
        assert_eq!(new("", "a\nb\n"), ["a", "b"]);
        assert_eq!(new("a\nb\n", "a\nb\nc\n"), ["c"]);
        assert_eq!(
            new("a\nb\nc\n", "c\nd\n"),
            ["d"],
            "the beginning was let go"
        );
        assert_eq!(new("a\nb\n", "x\n"), ["x"], "all of it was");
        assert_eq!(new("a\na\na\n", "a\na\na\na\n"), ["a"]);
        assert_eq!(new("a\nb\n", "a\nb\n"), [""; 0]);
        assert_eq!(new("a\nb\na\nb\n", "a\nb\na\nc\n"), ["a", "c"]);
    }

    #[test]
    fn lines_of_several_servers_come_in_the_order_in_which_they_were_reported() {
        let mut list = list();
        assert!(list.take(&[run("one", 1, "a\n"), run("two", 2, "b\n")]));
        assert!(!list.take(&[run("one", 1, "a\n"), run("two", 2, "b\n")]));
        assert!(list.take(&[run("two", 2, "b\n"), run("one", 3, "a\nc\n")]));
        let expected = ["[one]", "a", "[two]", "b", "[one]", "c"];
        assert_eq!(shown(&list), expected);
        assert_eq!(list.view.chosen, 5, "the newest is followed");
        list.go(-2);
        list.take(&[run("two", 2, "b\n"), run("one", 4, "a\nc\nd\n")]);
        assert_eq!(shown(&list)[list.view.chosen], "b", "what is read stays");
        // The session was deleted.
        assert!(list.take(&[run("two", 2, "b\n")]));
        assert_eq!(shown(&list), ["[two]", "b"]);
    }

    #[test]
    fn long_lines_are_broken_and_errors_found() {
        let mut list = list();
        list.resize(12);
        let text = "  one two three four\nError: no\nfive\n";
        let mut dead = run("s", 1, text);
        dead.end = Some((mcpr_model::ServerExit::Code(1), 5));
        dead.is_death = true;
        list.take(&[dead]);
        let rows = shown(&list);
        assert_eq!(rows[..4], ["[s]", "  one two", "  three four", "Error: no"]);
        assert!(list.seek_failure(false));
        assert_eq!(rows[list.view.chosen], "Error: no");
        assert!(!list.seek_failure(false));
        assert!(list.seek_failure(true), "the death of the server");
        assert!(list.chosen().is_some_and(OutputLine::is_failure));
        list.look_for("three".to_owned());
        assert_eq!(shown(&list), ["[s]", "  one two", "  three four"]);
    }

    #[test]
    fn a_server_that_writes_for_ever_does_not_fill_the_memory() {
        let mut list = list();
        let mut text = String::new();
        for number in 0..20_000 {
            use std::fmt::Write as _;
            writeln!(text, "{number}").expect("a string takes every write");
            if number % 1_000 == 999 {
                list.take(&[run("s", number, &text)]);
                text.clear();
            }
        }
        assert_eq!(list.lines.len(), MAX_LINES);
        assert_eq!(shown(&list).last().map(String::as_str), Some("19999"));
    }
}
