//! What the tests of several formats share.

use crate::{Bodies, Decoded, LineContext, decode_line};
use mcpr_model::{Event, Request};

/// A line as it is decoded.
pub(crate) fn decoded(line: &str) -> Decoded {
    let mut decoded = Decoded::default();
    let context = LineContext {
        proxy: "p",
        bodies: Bodies::Kept,
    };
    decode_line(line.as_bytes(), context, &mut decoded);
    decoded
}

/// A good line with a part replaced is a bad line, for this reason: `(part, replacement, reason)`.
pub(crate) fn check_hostile(good: &str, cases: &[(&str, &str, &str)]) {
    for (part, hostile, reason) in cases {
        let line = good.replace(part, hostile);
        assert_ne!(line, good, "{part} is not part of the line");
        let decoded = decoded(&line);
        assert_eq!(
            (&decoded.events[..], decoded.known),
            (&[][..], 0),
            "{hostile}"
        );
        assert!(
            decoded.frames.is_empty() && decoded.call_steps.is_empty(),
            "{hostile}"
        );
        assert!(decoded.bad[0].reason.contains(reason), "{:?}", decoded.bad);
    }
}

/// The only row of a line.
pub(crate) fn one_row(line: &str) -> Request {
    let mut decoded = decoded(line);
    assert_eq!(
        (&decoded.bad[..], decoded.events.len()),
        (&[][..], 1),
        "{line}"
    );
    match decoded.events.remove(0) {
        Event::Request(row) => row,
        other => panic!("{other:?}"),
    }
}
