//! What stands beside the sums: the operations that the requests are, and that what was counted is a sample.

use super::names_of;
use crate::console::Console;
use crate::render::{Column, OPERATION_FIELDS, STATS_COLUMNS, choose};
use mcpr_store::query::{GroupBy, StatsQuestion, Summary};
use mcpr_store::{Reader, StoreError, fold};

/// The columns of a table of operations.
pub(super) fn columns(by: GroupBy, with_proxy: bool) -> Vec<&'static Column<Summary>> {
    let names = names_of(by).iter().copied();
    let names = names.filter(|&name| name != "proxy" || with_proxy || by == GroupBy::Proxy);
    let figures = OPERATION_FIELDS.into_iter();
    choose(
        STATS_COLUMNS,
        &names.chain(["calls"]).chain(figures).collect::<Vec<_>>(),
    )
}

/// Adds to lines the operations that their requests are.
pub(super) fn add(
    question: &StatsQuestion,
    rows: &mut [Summary],
    reader: &dyn Reader,
) -> Result<(), StoreError> {
    let mut all = fold::operations(reader, question, question.most.unwrap_or(usize::MAX))?;
    for row in rows {
        // Requests that only go on with others, or whose rows are gone, are none.
        row.operations = Some(all.remove(&row.key).unwrap_or_default());
    }
    Ok(())
}

/// Says which sources hold only a part of what there was.
pub(super) fn say_samples(reader: &dyn Reader, console: &mut Console) -> anyhow::Result<()> {
    // One look over all of them: nearly no store has any.
    if reader.overview()?.counts.sampled == 0 {
        return Ok(());
    }
    for source in fold::sources(reader)? {
        if let Some(sample) = source.counts.sample_in_words() {
            let name = crate::render::text::escape(&source.name).into_owned();
            console.note(&format!("{name} is {sample}: its counts are lower bounds"));
        }
    }
    Ok(())
}
