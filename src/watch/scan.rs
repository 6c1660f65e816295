//! One look for rows, in steps that are short however rare the rows are: between two steps other wants
//! get their turn, and a look that nobody waits for any more is dropped.

use super::needle::Needle;
use super::queries::{Answer, FailureQuery, Row, Rows, RowsQuery, ScanDirection, ScanProgress};
use crate::render::arguments;
use mcpr_model::{Payload, Status};
use mcpr_store::query::{Cursor, Entry, Filter, Order, Page};
use mcpr_store::{Reader, StoreError};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Most rows of one step where each has to be looked into.
const STEP_ROWS: usize = 200;
/// Payloads fetched at once: each may take some hundred kilobytes.
const PAYLOADS_AT_ONCE: usize = 32;
/// How much of the sequence the first step spans, and the bounds for later ones.
const FIRST_SPAN: u64 = 20_000;
const SPANS: std::ops::RangeInclusive<u64> = 2_000..=2_000_000;
/// A step that took less is followed by a longer one, and one that took more by a shorter one.
const STEP_TIME: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(5)..=Duration::from_millis(40);

/// A look that is going on.
#[derive(Debug)]
pub(super) struct Scan {
    ask: RowsQuery,
    needle: Option<Needle>,
    /// Only requests that failed, of which one is enough.
    failures: bool,
    /// Everything up to here was looked at.
    reached: Cursor,
    span: u64,
    found: usize,
}

impl Scan {
    /// A look for rows.
    pub(super) fn rows(ask: RowsQuery) -> Self {
        Self {
            needle: Needle::new(&ask.query.text),
            reached: ask.from,
            span: FIRST_SPAN,
            failures: false,
            found: 0,
            ask,
        }
    }

    /// A look for the next failure.
    pub(super) fn failure(ask: FailureQuery) -> Self {
        Self {
            failures: true,
            ..Self::rows(ask.0)
        }
    }

    /// The list that asked.
    pub(super) fn generation(&self) -> u64 {
        self.ask.generation
    }

    /// Looks at the next piece. The look is over when the second of what is returned says so.
    pub(super) fn step(
        &mut self,
        reader: &dyn Reader,
    ) -> Result<(Option<Answer>, bool), StoreError> {
        let began = Instant::now();
        let page = self.page();
        let (entries, cut_at) = self.entries(reader, page)?;
        let is_full = cut_at.is_some();
        let reached = cut_at.unwrap_or_else(|| self.end_of(page));
        let rows = self.rows_of(reader, &entries)?;
        // Only now: a step that failed is taken again.
        self.reached = reached;
        let at_edge = match self.ask.toward {
            ScanDirection::Older => reached <= Cursor::START.next(),
            ScanDirection::Newer => reached >= self.ask.last,
        };
        self.found += rows.len();
        self.adapt(began.elapsed(), is_full);
        let progress = if self.found >= self.ask.limit {
            ScanProgress::Full
        } else if at_edge {
            ScanProgress::Edge
        } else {
            ScanProgress::Looking
        };
        let is_over = progress != ScanProgress::Looking;
        if self.failures {
            let found = rows.first().and_then(Row::cursor);
            let answer = (is_over || found.is_some()).then_some(Answer::Failure {
                generation: self.ask.generation,
                toward: self.ask.toward,
                found,
            });
            return Ok((answer, is_over));
        }
        let answer = Answer::Rows(Rows {
            generation: self.ask.generation,
            toward: self.ask.toward,
            rows,
            reached: self.reached,
            progress,
        });
        Ok((Some(answer), is_over))
    }

    /// The piece that is next.
    fn page(&self) -> Page {
        let wanted = self.ask.limit.saturating_sub(self.found).max(1);
        let limit = match self.needle {
            Some(_) => STEP_ROWS,
            None if self.failures => STEP_ROWS,
            None => wanted.min(Page::MAX_LIMIT),
        };
        match self.ask.toward {
            ScanDirection::Older => Page {
                after: Some(self.reached.back_by(self.span + 1)),
                before: Some(self.reached),
                order: Order::Descending,
                limit,
            },
            ScanDirection::Newer => {
                let end = self.reached.on_by(self.span).min(self.ask.last);
                Page {
                    after: Some(self.reached),
                    before: Some(end.next()),
                    order: Order::Ascending,
                    limit,
                }
            }
        }
    }

    /// What was looked at when a page was not full: all of its range.
    fn end_of(&self, page: Page) -> Cursor {
        match self.ask.toward {
            ScanDirection::Older => page.after.map_or(Cursor::START, Cursor::next),
            ScanDirection::Newer => page.before.map_or(self.ask.last, Cursor::previous),
        }
    }

    /// The entries of a page, and how far it was looked at where that is not to its end.
    fn entries(
        &self,
        reader: &dyn Reader,
        page: Page,
    ) -> Result<(Vec<Entry>, Option<Cursor>), StoreError> {
        let filter = &self.ask.query.filter;
        let seen = |entries: &[Entry]| {
            let last = entries.last().map(Entry::cursor);
            last.filter(|_| entries.len() >= page.limit)
        };
        if !self.failures {
            let entries = reader.entries(filter, page)?;
            let reached = seen(&entries);
            return Ok((entries, reached));
        }
        let failed = Filter {
            statuses: vec![Status::Error, Status::Timeout],
            ..filter.clone()
        };
        let mut entries = reader.entries(&failed, page)?;
        let reached = seen(&entries);
        // A gap comes with every filter, and is not a failure of a request.
        entries.retain(Entry::is_request);
        Ok((entries, reached))
    }

    /// The entries that are meant, with their arguments in short.
    fn rows_of(&self, reader: &dyn Reader, entries: &[Entry]) -> Result<Vec<Row>, StoreError> {
        let kept = reader.payload_span()?;
        let mut rows = Vec::new();
        for piece in entries.chunks(PAYLOADS_AT_ONCE) {
            let has_payload = |row: &Entry| {
                kept.is_some_and(|(first, last)| (first..=last).contains(&row.cursor()))
            };
            let seqs: Vec<i64> = piece
                .iter()
                .filter(|entry| entry.is_request() && has_payload(entry))
                .map(Entry::seq)
                .collect();
            let payloads: HashMap<i64, Payload> = if seqs.is_empty() {
                HashMap::new()
            } else {
                reader.payloads(&seqs)?.into_iter().collect()
            };
            for entry in piece {
                let payload = payloads.get(&entry.seq());
                if self.is_meant(entry, payload) {
                    let arguments = match entry {
                        Entry::Request(row) => arguments::of(row, payload),
                        Entry::Gap(_) => None,
                    };
                    rows.push(Row::Stored {
                        entry: entry.clone(),
                        arguments,
                    });
                }
            }
        }
        Ok(rows)
    }

    fn is_meant(&self, entry: &Entry, payload: Option<&Payload>) -> bool {
        let (Some(needle), Entry::Request(row)) = (&self.needle, entry) else {
            // What a gap swallowed might have had the text: it is shown.
            return true;
        };
        let in_fields = Filter::grep_fields(row).into_iter().flatten();
        // The screen names the proxy in each row, so that it is searched as well.
        let mut in_fields = in_fields.chain([row.proxy.as_str()]);
        in_fields.any(|text| needle.is_in(text))
            || payload.is_some_and(|payload| needle.is_in_bodies(payload))
    }

    fn adapt(&mut self, took: Duration, is_full: bool) {
        if took > *STEP_TIME.end() {
            self.span /= 2;
        } else if took < *STEP_TIME.start() && !is_full {
            self.span *= 2;
        }
        self.span = self.span.clamp(*SPANS.start(), *SPANS.end());
    }
}
