//! What the recorder says at its end.

use crate::ingest::Summary;
use crate::tail::Notice;
use std::time::Duration;

/// The closing line: what was met, what became of it, how fast.
pub(super) fn closing_line(summary: &Summary, elapsed: Duration) -> String {
    let counts = &summary.counts;
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = counts.lines as f64 / elapsed.as_secs_f64().max(1e-6);
    let mut parts = vec![
        format!("{} lines", counts.lines),
        format!("{} events", counts.events),
        format!("{} stored", summary.stored),
        format!("{} duplicates", summary.duplicates),
        format!("{} filtered", counts.filtered),
        format!("{} text", counts.text),
        format!("{} bad", counts.bad),
        format!("{} gaps", summary.gaps),
    ];
    let uncommon = [
        (counts.unknown, "unknown"),
        (summary.conflicts, "conflicts"),
        (counts.dropped, "dropped"),
        (counts.nul_bytes, "NUL bytes skipped"),
        (counts.redacted, "secrets redacted"),
    ];
    parts.extend(
        uncommon
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}")),
    );
    format!(
        "recorded {} in {:.2} s ({rate:.0} lines/s)",
        parts.join(", "),
        elapsed.as_secs_f64()
    )
}

/// What happened to a file, where a person should know.
pub(super) fn told(notice: &Notice) -> Option<String> {
    let (path, what) = match notice {
        Notice::Truncated {
            path,
            offset,
            unfinished,
        } => (
            path,
            format!(
                "was cut at {offset} bytes ({unfinished} of an unfinished line lost); reading it from its beginning"
            ),
        ),
        Notice::Unreadable { path, error } => (path, format!("cannot be read: {error}")),
        Notice::Recovered { path, offset } => (
            path,
            format!("is where an earlier file has gone; reading on at {offset}"),
        ),
        _ => return None,
    };
    Some(format!("{}: {what}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Counts;

    #[test]
    fn the_closing_line_names_rare_things_only_when_they_happened() {
        let mut summary = Summary {
            stored: 140,
            duplicates: 1,
            ..Summary::default()
        };
        summary.counts = Counts {
            lines: 153,
            events: 141,
            text: 12,
            ..Counts::default()
        };
        let line = closing_line(&summary, Duration::from_millis(500));
        assert_eq!(
            line,
            "recorded 153 lines, 141 events, 140 stored, 1 duplicates, 0 filtered, 12 text, 0 bad, \
             0 gaps in 0.50 s (306 lines/s)"
        );
        summary.counts.unknown = 2;
        assert!(closing_line(&summary, Duration::ZERO).contains("0 gaps, 2 unknown"));
    }
}
