//! What stands beside the sums: the operations that the requests are, and that what was counted is a sample.

use super::conditions::sums;
use super::names_of;
use crate::commands::args::{View, patterns};
use crate::commands::left_out;
use crate::console::Console;
use crate::render::{Column, OPERATION_FIELDS, STATS_COLUMNS, choose};
use mcpr_store::query::{Filter, GroupBy, NameKind, StatsQuestion, Summary};
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
        // Requests that only go on with others, or whose rows are gone, do not count.
        row.operations = Some(all.remove(&row.key).unwrap_or_default());
    }
    Ok(())
}

/// Says how many polls of tasks are in no line, where methods are not asked for by name.
pub(super) fn say_polls(
    question: &StatsQuestion,
    view: &View,
    reader: &dyn Reader,
    console: &mut Console,
) -> anyhow::Result<()> {
    let is_asked = question.filter.without_polls && question.filter.tools.is_empty();
    // By the names first: nearly no store has any, and whoever asks by client has each request counted.
    if !is_asked || reader.names(NameKind::Method, "tasks/", 1)?.is_empty() {
        return Ok(());
    }
    let filter = Filter {
        methods: patterns("--method", &["tasks/*".to_owned()])?,
        ..question.filter.clone()
    };
    let polls = sums(reader, &StatsQuestion::of_everything(&filter))?;
    let polls = polls.iter().map(|row| row.tally.calls).sum::<u64>();
    if polls > 0 {
        let polls = usize::try_from(polls).unwrap_or(usize::MAX);
        let left = left_out::counted(polls, "poll of a task is", "polls of tasks are");
        let left = format!("{left} not counted");
        left_out::say(
            &left,
            "--operations has each task once, --method 'tasks/*' its polls",
            view,
            console,
        );
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
