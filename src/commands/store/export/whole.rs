//! What a whole export has beside requests: versions of lists and bad lines, each at the place among the
//! requests at which it was stored. Their places are few and held; their texts are read one by one.

use crate::console::Console;
use crate::render::text::escape;
use crate::render::{exported_bad_line, exported_item, exported_version};
use mcpr_store::Reader;
use mcpr_store::query::{BadLineRow, Cursor, ListKey, SurfacePage};
use mcpr_tail::MAX_LINE_BYTES;
use std::collections::VecDeque;
use std::collections::vec_deque::Drain;

/// Where a version stands: behind which row, and which one it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct VersionPlace {
    first_seen_at: i64,
    /// Of [`Beside::lists`].
    list: usize,
    version: i64,
}

/// What is still to be printed beside the requests, in the order of its places.
#[derive(Debug, Default)]
pub(super) struct Beside {
    lists: Vec<ListKey>,
    /// With the number of the row that each stands behind.
    versions: VecDeque<(i64, VersionPlace)>,
    bad_lines: VecDeque<BadLineRow>,
}

impl Beside {
    /// Everything that was stored by the time the store stood there.
    pub(super) fn of(reader: &dyn Reader, end: Cursor) -> anyhow::Result<Self> {
        let mut beside = Self::default();
        let mut page = SurfacePage::without_texts(None);
        loop {
            let found = reader.surfaces(&page)?;
            let Some(behind) = found.lists().pop_last() else {
                break;
            };
            for row in found.versions {
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
        // They came list by list, and are printed by their places.
        beside.versions.make_contiguous().sort();
        let kept = reader.bad_lines(usize::MAX)?.into_iter().rev();
        let kept = kept.filter(|row| row.cursor() <= end);
        beside.bad_lines.extend(kept);
        Ok(beside)
    }

    /// Prints what stands before a row.
    pub(super) fn print_before(
        &mut self,
        seq: i64,
        reader: &dyn Reader,
        console: &mut Console,
    ) -> anyhow::Result<()> {
        while let Some(bad) = self.bad_lines.pop_front_if(|bad| bad.seq < seq) {
            self.print_versions(bad.seq, reader, console)?;
            console.print(&exported_bad_line(&bad.line))?;
        }
        self.print_versions(seq, reader, console)
    }

    /// Prints what stands behind the last row.
    pub(super) fn print_rest(
        &mut self,
        reader: &dyn Reader,
        console: &mut Console,
    ) -> anyhow::Result<()> {
        self.print_before(i64::MAX, reader, console)
    }

    fn print_versions(
        &mut self,
        seq: i64,
        reader: &dyn Reader,
        console: &mut Console,
    ) -> anyhow::Result<()> {
        let count = self.versions.partition_point(|(behind, _)| *behind < seq);
        let due: Drain<'_, _> = self.versions.drain(..count);
        let mut due: Vec<VersionPlace> = due.map(|(_, place)| place).collect();
        // Rows between them may be gone, and then they stand at one place: by time, as in the store that
        // this is recorded into.
        due.sort();
        for place in due {
            print_version(&self.lists[place.list], place.version, reader, console)?;
        }
        Ok(())
    }
}

fn print_version(
    list: &ListKey,
    version: i64,
    reader: &dyn Reader,
    console: &mut Console,
) -> anyhow::Result<()> {
    let found = reader.surface_version(&list.proxy, &list.method, version)?;
    // Retention may have taken it meanwhile.
    let Some(row) = found else { return Ok(()) };
    let name = || escape(&format!("{} {version} of {}", list.method, list.proxy)).into_owned();
    let Some(line) = exported_version(&row) else {
        console.note(&format!("warning: {} is no JSON and is left out", name()));
        return Ok(());
    };
    if line.len() > MAX_LINE_BYTES {
        let name = name();
        console.note(&format!(
            "warning: {name} is too long for a line that `mcpr record` reads"
        ));
    }
    console.print(&line)?;
    Ok(())
}

/// Prints items that were seen alone, of lists that were never seen whole.
pub(super) fn print_items(reader: &dyn Reader, console: &mut Console) -> anyhow::Result<()> {
    let mut page = SurfacePage::of(None);
    // A list is large enough: each may have a thousand items.
    page.limit = 1;
    page.with_texts = false;
    loop {
        let found = reader.surfaces(&page)?;
        let Some(last) = found.lists().pop_last() else {
            return Ok(());
        };
        if !found.items.is_empty() {
            // Texts are long, and most lists have no such items.
            page.with_texts = true;
            for item in reader.surfaces(&page)?.items {
                if let Some(line) = exported_item(&item) {
                    console.print(&line)?;
                }
            }
            page.with_texts = false;
        }
        page.after = Some(last);
    }
}
