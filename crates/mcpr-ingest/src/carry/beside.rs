//! What a store has beside requests: versions of lists and bad lines, each at the place among the requests at
//! which it was stored. Their places are few and held; their texts are read one by one.

use mcpr_store::query::{BadLineRow, Cursor, ListKey, SurfacePage, SurfaceRow};
use mcpr_store::{Reader, StoreError};
use std::collections::VecDeque;
use std::collections::vec_deque::Drain;

/// How many bad lines are fetched at first: mostly no more of them are new.
const BAD_LINES_AT_FIRST: usize = 16;

/// One of them.
#[derive(Debug)]
pub enum BesideRow {
    /// A version of a list, with its text.
    Version(Box<SurfaceRow>),
    /// A line that did not decode.
    BadLine(BadLineRow),
}

/// Where a version stands: behind which row, and which one it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct VersionPlace {
    first_seen_at: i64,
    /// Of [`Beside::lists`].
    list: usize,
    version: i64,
}

/// What is still to come beside the requests, in the order of its places.
#[derive(Debug, Default)]
pub struct Beside {
    lists: Vec<ListKey>,
    /// With the number of the row that each stands behind.
    versions: VecDeque<(i64, VersionPlace)>,
    bad_lines: VecDeque<BadLineRow>,
}

impl Beside {
    /// Everything that was stored behind one place and up to another.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn between(reader: &dyn Reader, after: Cursor, end: Cursor) -> Result<Self, StoreError> {
        let mut beside = Self::default();
        let mut page = SurfacePage::without_texts(None);
        // What no row stands before has the place of the beginning itself.
        let is_new = |seq: i64| after == Cursor::START || seq > after.to_seq();
        loop {
            let found = reader.surfaces(&page)?;
            let Some(behind) = found.lists().pop_last() else {
                break;
            };
            for row in found.versions {
                if !is_new(row.seq) {
                    continue;
                }
                let list = ListKey {
                    proxy: row.proxy,
                    method: row.method,
                };
                // Rows of one list stand together.
                if beside.lists.last() != Some(&list) {
                    beside.lists.push(list);
                }
                let place = VersionPlace {
                    first_seen_at: row.first_seen_at,
                    list: beside.lists.len() - 1,
                    version: row.version,
                };
                beside.versions.push_back((row.seq, place));
            }
            page.after = Some(behind);
        }
        // They came list by list, and are taken by their places.
        beside.versions.make_contiguous().sort();
        beside.bad_lines = bad_lines(reader, after, end)?.into();
        Ok(beside)
    }

    /// Shows what stands before a row.
    ///
    /// # Errors
    /// When the store cannot be read, or `take` fails.
    pub fn each_before<E: From<StoreError>>(
        &mut self,
        seq: i64,
        reader: &dyn Reader,
        take: &mut dyn FnMut(BesideRow) -> Result<(), E>,
    ) -> Result<(), E> {
        while let Some(bad) = self.bad_lines.pop_front_if(|bad| bad.seq < seq) {
            self.each_version(bad.seq, reader, take)?;
            take(BesideRow::BadLine(bad))?;
        }
        self.each_version(seq, reader, take)
    }

    fn each_version<E: From<StoreError>>(
        &mut self,
        seq: i64,
        reader: &dyn Reader,
        take: &mut dyn FnMut(BesideRow) -> Result<(), E>,
    ) -> Result<(), E> {
        let count = self.versions.partition_point(|(behind, _)| *behind < seq);
        let due: Drain<'_, _> = self.versions.drain(..count);
        let mut due: Vec<VersionPlace> = due.map(|(_, place)| place).collect();
        // Rows between them may be gone, and then they stand at one place: by time, as in the store that
        // takes them in.
        due.sort();
        for place in due {
            let list = &self.lists[place.list];
            let found = reader.surface_version(&list.proxy, &list.method, place.version)?;
            // Retention may have taken it meanwhile.
            if let Some(row) = found {
                take(BesideRow::Version(Box::new(row)))?;
            }
        }
        Ok(())
    }
}

/// The bad lines behind a place, up to another, oldest first.
fn bad_lines(
    reader: &dyn Reader,
    after: Cursor,
    end: Cursor,
) -> Result<Vec<BadLineRow>, StoreError> {
    let mut limit = BAD_LINES_AT_FIRST;
    loop {
        let mut rows = reader.bad_lines(limit)?;
        let is_all = rows.len() < limit || rows.last().is_some_and(|row| row.cursor() <= after);
        if !is_all {
            limit = limit.saturating_mul(8);
            continue;
        }
        rows.retain(|row| row.cursor() > after && row.cursor() <= end);
        // They come newest first.
        rows.reverse();
        return Ok(rows);
    }
}
