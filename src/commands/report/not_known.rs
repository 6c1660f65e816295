//! What the store does not know of the window of a report.

use super::{Args, ReportScope};
use mcpr_store::Reader;
use mcpr_store::query::{StatsQuestion, Summary};

/// What the store does not know of the window.
pub(super) fn of_window(
    args: &Args,
    reader: &dyn Reader,
    wanted: &ReportScope,
    calls: u64,
) -> anyhow::Result<Vec<String>> {
    let mut all = Vec::new();
    // Hourly sums know neither sessions nor clients.
    if wanted.session.is_none() && args.client.is_empty() {
        let question = StatsQuestion::of_everything(&wanted.filter());
        let rows = reader.stats(&question)?.into_iter().map(Summary::from);
        let summed: u64 = rows
            .map(|row| row.calls.saturating_add(row.unplaced_calls))
            .sum();
        if summed > calls {
            all.push(format!(
                "{} more calls are known as hourly sums only: their requests were removed, and they are \
                 in no figure here",
                summed - calls
            ));
        }
    }
    let overview = reader.overview()?;
    let of_store = [
        (
            overview.conflicts,
            "requests came again under the same id with another content; both are counted",
        ),
        (
            overview.undecided,
            "requests may have been reported by two channels and are counted twice",
        ),
        (
            overview.counts.bad,
            "lines did not decode and are in no figure",
        ),
    ];
    let counts = of_store.iter().filter(|(count, _)| *count > 0);
    all.extend(counts.map(|(count, what)| format!("in the whole store, {count} {what}")));
    if args.no_payloads {
        all.push("payloads were left out on request".to_owned());
    }
    Ok(all)
}
