//! What a tap says at its end: losses always, the rest when asked.

use crate::render::units;
use mcpr_ingest::Spilled;
use mcpr_ingest::tap::TapReport;

/// The lines to be reported; none where all went well and nobody asked.
pub(super) fn closing_lines(report: &TapReport, verbose: bool) -> Vec<String> {
    let (account, tally) = (&report.account, &report.account.tally);
    let mut lines = Vec::new();
    if verbose {
        let mut parts = vec![
            units::of(account.counts.lines, "line", "lines"),
            units::of(account.requests, "request", "requests"),
            format!("{} stored", report.stored.stored),
            units::of(tally.notifications, "notification", "notifications"),
        ];
        let uncommon = [
            (tally.progress, "of them progress", "of them progress"),
            (tally.late, "late answer", "late answers"),
            (
                tally.unasked,
                "answer to nothing asked",
                "answers to nothing asked",
            ),
            (
                tally.retyped,
                "answer under an id of another type",
                "answers under an id of another type",
            ),
            (account.counts.text, "line of text", "lines of text"),
            (
                account.counts.unknown,
                "line of other JSON",
                "lines of other JSON",
            ),
            (account.counts.bad, "bad line", "bad lines"),
            (account.cut, "message cut", "messages cut"),
        ];
        let met = uncommon.iter().filter(|(count, ..)| *count > 0);
        parts.extend(met.map(|(count, one, many)| units::of(*count, one, many)));
        lines.push(format!("recorded {}", parts.join(", ")));
    }
    if account.counts.dropped > 0 {
        let dropped = account.counts.dropped;
        lines.push(format!(
            "warning: {dropped} messages were passed on and not recorded"
        ));
    }
    if let Some(spilled) = &report.spilled {
        lines.push(format!("warning: {}", left_beside(spilled)));
    }
    if let Some(failure) = &report.failure {
        lines.push(format!("warning: not all is stored: {failure}"));
    }
    lines
}

/// What is left in a file beside the store.
fn left_beside(spilled: &Spilled) -> String {
    let Spilled {
        path,
        events,
        dropped,
    } = spilled;
    let path = path.display();
    let why = "the store did not take everything in time";
    match (events, dropped) {
        (_, 0) => format!("{why}: {events} events wait in {path} for the next tap or record"),
        (0, _) => {
            format!("{why}: {dropped} events are lost, and a gap that says so waits in {path}")
        }
        _ => format!(
            "{why}: {events} events wait in {path} for the next tap or record, with a gap for \
             {dropped} that are lost"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_losses_are_reported_unasked() {
        let mut report = TapReport::default();
        report.account.counts.lines = 9;
        report.account.counts.text = 1;
        report.account.requests = 4;
        report.stored.stored = 4;
        assert_eq!(closing_lines(&report, false), Vec::<String>::new());
        let lines = closing_lines(&report, true);
        let expected = "recorded 9 lines, 4 requests, 4 stored, 0 notifications, 1 line of text";
        assert_eq!(lines, [expected]);
        report.account.counts.dropped = 2;
        report.failure = Some("disk full".to_owned());
        let lines = closing_lines(&report, false).join("\n");
        assert!(
            lines.contains("2 messages were passed on and not recorded"),
            "{lines}"
        );
        assert!(lines.contains("not all is stored: disk full"), "{lines}");
    }

    #[test]
    fn a_file_that_holds_only_a_gap_has_no_events_that_wait() {
        let lines = |events, dropped| {
            left_beside(&Spilled {
                path: "s.db.spill-1".into(),
                events,
                dropped,
            })
        };
        assert!(lines(3, 0).contains("3 events wait in s.db.spill-1"));
        assert!(lines(3, 9).ends_with("with a gap for 9 that are lost"));
        assert!(!lines(0, 6000).contains("events wait"));
        assert!(lines(0, 6000).contains("6000 events are lost"));
    }
}
