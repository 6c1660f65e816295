//! `--by trace`: which requests are parts of one trace.

use super::{Args, filter};
use crate::commands::Refused;
use crate::commands::args::View;
use crate::commands::left_out;
use crate::commands::list_printer::ListPrinter;
use crate::console::Console;
use crate::exit::Exit;
use crate::render::{TRACE_COLUMNS, TRACE_FIELDS, TRACE_TABLE, choose};
use mcpr_store::fold;
use mcpr_store::query::Filter;

/// Most traces; older ones are left out.
const MAX_TRACES: usize = 1000;

/// Lists traces.
pub(super) fn run(args: &Args, view: &View, console: &mut Console) -> anyhow::Result<Exit> {
    let of_sums = [
        ("--operations", args.operations),
        ("--exact", args.exact),
        ("--sort", args.sort.is_some()),
        ("--against", args.against.is_some()),
    ];
    if let Some((flag, _)) = of_sums.into_iter().find(|(_, given)| *given) {
        let refused = Refused::new(format!("{flag} applies to sums, and a trace has none"));
        return Err(refused
            .hint("leave it out, or put requests together --by tool")
            .into());
    }
    let columns = view.columns(TRACE_COLUMNS, TRACE_FIELDS, || {
        choose(TRACE_COLUMNS, TRACE_TABLE)
    })?;
    let reader = view.open(console)?;
    let Some(filter) = filter(args, view, reader.as_ref())? else {
        args.more.say_no_session(view, console);
        return Ok(Exit::No);
    };
    let filter = Filter {
        // A trace has whatever says that it is a part of it.
        without_polls: false,
        ..filter
    };
    let most = args.lines.most().unwrap_or(MAX_TRACES).min(MAX_TRACES);
    let (mut rows, beyond) = fold::traces(reader.as_ref(), &filter, most)?;
    args.lines.turn(&mut rows, |_| false);
    let is_empty = rows.is_empty();
    let mut listing = ListPrinter::new(columns, view.style, view, console);
    listing.page(&rows, console)?;
    listing.finish(console)?;
    if beyond > 0 {
        let count = usize::try_from(beyond).unwrap_or(usize::MAX);
        let left = left_out::counted(
            count,
            "older trace is left out",
            "older traces are left out",
        );
        left_out::say(&left, "-n shows more", view, console);
    }
    if is_empty {
        console.note("no request in the window says that it is part of a trace");
    } else if view.is_table() {
        left_out::say_window(view, console);
        console.hint("`mcpr logs --trace ID` lists the requests of one");
    }
    Ok(Exit::Done)
}
