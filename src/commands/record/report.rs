//! What the recorder says at its end.

use crate::render::units;
use mcpr_ingest::Summary;
use mcpr_store::Keep;
use mcpr_tail::{LetGo, MAX_HELD, Notice, text_of};
use std::time::Duration;

/// What is reported where nothing of use was read: a file of another kind was named, or one that was read before.
pub(super) fn hint_of_nothing(summary: &Summary, reads_files_once: bool) -> Option<&'static str> {
    let counts = &summary.counts;
    if counts.lines > 0 && counts.events == 0 {
        return Some(
            "no line is of a format that mcpr knows: docs/formats.md lists them; a server's own output is recorded \
             by `mcpr tap`, and OTLP is posted to `mcpr record --listen`",
        );
    }
    // A second run over the same files is not a failure, and looks like one.
    (reads_files_once && counts.lines == 0).then_some(
        "no line is new in these files: they are empty, or what they hold was read before",
    )
}

/// What is reported where a run has removed what it may have stored just now: its sums do not add up to what is listed.
pub(super) fn hint_of_removed(removed: u64, keep: Keep) -> Option<String> {
    let kept = units::age(keep.requests_ms?);
    (removed > 0).then(|| {
        let what = units::of(
            removed,
            "request of the store is",
            "requests of the store are",
        );
        format!(
            "{what} removed again: more than {kept} older than the newest one; --keep off keeps all"
        )
    })
}

/// The closing line: what was met, what became of it, how fast.
pub(super) fn closing_line(summary: &Summary, elapsed: Duration) -> String {
    let counts = &summary.counts;
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = counts.lines as f64 / elapsed.as_secs_f64().max(1e-6);
    let mut parts = vec![
        units::of(counts.lines, "line", "lines"),
        units::of(counts.events, "event", "events"),
        format!("{} stored", summary.stored),
        units::of(summary.duplicates, "duplicate", "duplicates"),
        format!("{} filtered", counts.filtered),
        format!("{} text", counts.text),
        format!("{} bad", counts.bad),
        units::of(summary.gaps, "gap", "gaps"),
    ];
    // So that the numbers add up to the events.
    let requests = summary.stored + summary.duplicates + counts.filtered;
    let others = counts.events.saturating_sub(requests);
    let uncommon = [
        (others, "that are not requests"),
        (counts.unknown, "unknown"),
        (summary.conflicts, "in conflict"),
        (
            summary.undecided,
            "calls without a session id that two channels may both have reported",
        ),
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
fn notice_text(notice: &Notice) -> Option<String> {
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
        Notice::Missing { path, offset } => (
            path,
            format!("what followed byte {offset} was not found; a gap is stored"),
        ),
        Notice::Released {
            path, offset, why, ..
        } => (path, let_go(*offset, *why)),
        _ => return None,
    };
    Some(format!("{}: {what}", text_of(path)))
}

/// What happens to files every day.
fn everyday_text(notice: &Notice) -> Option<String> {
    let (path, what) = match notice {
        Notice::Appeared { path, offset: 0 } => (path, "reading from its beginning".to_owned()),
        Notice::Appeared { path, offset } => (path, format!("reading on at {offset}")),
        Notice::Rotated { path } => (path, "another file stands here now".to_owned()),
        Notice::Vanished { path } => (
            path,
            "is there no longer; its file is held for a while".to_owned(),
        ),
        _ => return None,
    };
    Some(format!("{}: {what}", text_of(path)))
}

fn let_go(offset: u64, why: LetGo) -> String {
    let why = match why {
        LetGo::NoWriter => "no program has it open for writing".to_owned(),
        LetGo::Idle(time) => format!(
            "it has not grown for {} minutes, and its writers cannot be seen",
            time.as_secs() / 60
        ),
        LetGo::TooMany => format!("{MAX_HELD} such files are held, others more active"),
    };
    format!("the file that was moved away is read to its end at {offset} and let go: {why}")
}

/// What is reported about many files that cannot be read: some by name, of the others how many.
///
/// What happens to files every day is reported where that is asked for.
pub(super) fn shortened(notices: &[Notice], verbose: bool) -> Vec<String> {
    let is_unread = |notice: &&Notice| matches!(notice, Notice::Unreadable { .. });
    let unread = notices.iter().filter(is_unread).count();
    let mut named = 0;
    let mut lines = Vec::new();
    for notice in notices {
        let is_named = !is_unread(&notice) || named < MAX_NAMED;
        named += usize::from(is_unread(&notice));
        lines.extend(notice_text(notice).filter(|_| is_named));
        lines.extend(everyday_text(notice).filter(|_| verbose));
    }
    if unread > MAX_NAMED {
        lines.push(format!("{} more files cannot be read", unread - MAX_NAMED));
    }
    lines
}

/// Most files that are named at once of those that cannot be read.
const MAX_NAMED: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;
    use mcpr_model::Counts;

    #[test]
    fn what_an_import_removes_again_for_its_age_is_reported_with_the_rule() {
        let month = Keep {
            requests_ms: Some(30 * 24 * 60 * 60 * 1000),
            ..Keep::EVERYTHING
        };
        let hint = hint_of_removed(1, month).expect("one is gone");
        assert!(
            hint.contains("1 request of the store is removed again"),
            "{hint}"
        );
        assert!(
            hint.contains("older than the newest") && hint.contains("--keep off"),
            "{hint}"
        );
        assert_eq!(hint_of_removed(0, month), None);
    }

    #[test]
    fn of_many_files_that_cannot_be_read_some_are_named() {
        let unreadable = |number: usize| Notice::Unreadable {
            path: number.to_string().into(),
            error: "no".to_owned(),
        };
        let lines = shortened(&(0..40).map(unreadable).collect::<Vec<_>>(), false);
        assert_eq!(lines.len(), MAX_NAMED + 1);
        assert_eq!(lines[MAX_NAMED], "30 more files cannot be read");
        assert_eq!(
            shortened(&(0..10).map(unreadable).collect::<Vec<_>>(), false).len(),
            10
        );
    }

    #[test]
    fn where_reading_begins_is_reported_where_that_is_asked_for() {
        let begun = [Notice::Appeared {
            path: "p.log".into(),
            offset: 67,
        }];
        assert!(shortened(&begun, false).is_empty());
        assert_eq!(shortened(&begun, true), ["p.log: reading on at 67"]);
    }

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
            "recorded 153 lines, 141 events, 140 stored, 1 duplicate, 0 filtered, 12 text, 0 bad, \
             0 gaps in 0.50 s (306 lines/s)"
        );
        assert_eq!(hint_of_nothing(&summary, true), None);
        let of_a_program = Summary {
            counts: Counts {
                lines: 382,
                text: 381,
                bad: 1,
                ..Counts::default()
            },
            ..Summary::default()
        };
        let hint = hint_of_nothing(&of_a_program, true).expect("a bad line is no event");
        assert!(hint.contains("no line is of a format"), "{hint}");
        summary.counts.unknown = 2;
        assert!(closing_line(&summary, Duration::ZERO).contains("0 gaps, 2 unknown"));
        summary.counts = Counts::default();
        assert_eq!(hint_of_nothing(&summary, false), None);
        let hint = hint_of_nothing(&summary, true).expect("a hint");
        assert!(hint.contains("they are empty, or"), "{hint}");
    }
}
