//! What a whole export has beside requests, as lines: versions of lists, bad lines, items seen alone.

use crate::console::Console;
use crate::render::text::escape;
use crate::render::{exported_bad_line, exported_item, exported_version};
use mcpr_ingest::{Beside, BesideRow};
use mcpr_store::Reader;
use mcpr_store::query::{SurfacePage, SurfaceRow};
use mcpr_tail::MAX_LINE_BYTES;

/// Prints what stands before a row.
pub(super) fn print_before(
    beside: &mut Beside,
    seq: i64,
    reader: &dyn Reader,
    console: &mut Console,
) -> anyhow::Result<()> {
    beside.each_before(seq, reader, &mut |row| match row {
        BesideRow::BadLine(bad) => Ok(console.print(&exported_bad_line(&bad.line))?),
        BesideRow::Version(row) => print_version(&row, console),
    })
}

fn print_version(row: &SurfaceRow, console: &mut Console) -> anyhow::Result<()> {
    let name = || {
        let name = format!("{} {} of {}", row.method, row.version, row.proxy);
        escape(&name).into_owned()
    };
    let Some(line) = exported_version(row) else {
        console.note(&format!("warning: {} is not JSON and is left out", name()));
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
