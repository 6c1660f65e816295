//! A window as a HAR archive, written page by page: it may be as large as the window.

use super::output::Output;
use super::{Args, PAYLOADS_AT_ONCE, ReportScope, in_time};
use crate::commands::pages::each_page;
use crate::console::Console;
use mcpr_report::HarWriter;
use mcpr_store::Reader;
use mcpr_store::query::{Entry, RequestRow};
use std::collections::HashMap;

/// Writes the archive, and says how many calls are in it.
pub(super) fn write(
    args: &Args,
    reader: &dyn Reader,
    wanted: &ReportScope,
    output: &mut Output,
    console: &mut Console,
) -> anyhow::Result<u64> {
    let mut archive = HarWriter::default();
    output.write(
        &archive.head(env!("CARGO_PKG_VERSION"), &wanted.name()),
        console,
    )?;
    let mut calls = 0;
    each_page(reader, &wanted.filter(), in_time(), &mut |page| {
        let rows: Vec<RequestRow> = page
            .entries
            .into_iter()
            .filter_map(|entry| match entry {
                Entry::Request(row) => Some(*row),
                Entry::Gap(_) => None,
            })
            .collect();
        for rows in rows.chunks(PAYLOADS_AT_ONCE) {
            let seqs: Vec<i64> = rows.iter().map(|row| row.seq).collect();
            let payloads: HashMap<_, _> = if args.no_payloads {
                HashMap::new()
            } else {
                reader.payloads(&seqs)?.into_iter().collect()
            };
            for row in rows {
                output.write(&archive.entry(row, payloads.get(&row.seq)), console)?;
                calls += 1;
            }
        }
        Ok(())
    })?;
    output.write(archive.tail(), console)?;
    Ok(calls)
}
