//! Bytes that become lines, messages, events and harmless text.

use super::Choices;
use mcpr::render::text::{acts, escape, escape_but_breaks, escape_json};
use mcpr_ingest::tap::{Frame, Frames};
use mcpr_ingest::{LineDecoder, LineOptions};
use mcpr_model::{BadLine, Event};
use mcpr_tail::{Piece, Splitter};
use mcpr_wire::{Bodies, Decoded, LineContext, MAX_LAYERS, bare, decode_line, messages, unwrap};

/// However bytes are cut into chunks, the same pieces come out, and each stands where it says.
pub(super) fn lines(data: &[u8]) {
    let mut choices = Choices::new(data);
    let max_line = usize::from(choices.byte()) + 1;
    let step = usize::from(choices.byte()) + 1;
    let text = choices.rest();
    let whole = pieces(&[text], max_line);
    let chunks: Vec<&[u8]> = text.chunks(step).collect();
    assert_eq!(whole, pieces(&chunks, max_line), "chunks of {step}");
    let mut next = 0;
    for (offset, len, bytes) in &whole {
        assert_eq!(*offset, next, "pieces leave nothing out");
        if let Some(bytes) = bytes {
            let at = usize::try_from(*offset).expect("an offset within the data");
            assert_eq!(&text[at..at + bytes.len()], bytes, "a line's own bytes");
            assert!(!bytes.contains(&b'\n'), "one line");
        }
        next = offset + len;
    }
    assert_eq!(next, text.len() as u64, "pieces reach the end");
}

/// Where a piece begins, how long it is with its newline, and the bytes of a line.
type Cut = (u64, u64, Option<Vec<u8>>);

fn pieces(chunks: &[&[u8]], max_line: usize) -> Vec<Cut> {
    let mut splitter = Splitter::with_max_line(0, max_line);
    let mut found = Vec::new();
    for chunk in chunks {
        let mut pieces = Vec::new();
        let mut whole = splitter.feed(chunk, &mut pieces);
        // A piece ends where the next one begins, the last one at the last whole offset.
        for piece in pieces.iter().rev() {
            let (offset, bytes) = of_piece(piece);
            found.push((offset, whole - offset, bytes));
            whole = offset;
        }
    }
    found.sort_by_key(|piece| piece.0);
    let end = splitter.next_offset();
    if let Some(piece) = splitter.unfinished() {
        let (offset, bytes) = of_piece(&piece);
        found.push((offset, end - offset, bytes));
    }
    found
}

fn of_piece(piece: &Piece<'_>) -> (u64, Option<Vec<u8>>) {
    match piece {
        Piece::Line { offset, bytes } | Piece::Unfinished { offset, bytes } => {
            (*offset, Some(bytes.to_vec()))
        }
        Piece::Oversized { offset, .. }
        | Piece::Nuls { offset, .. }
        | Piece::Missing { offset } => (*offset, None),
    }
}

/// However a direction is cut into chunks, the same messages come out.
pub(super) fn frames(data: &[u8]) {
    let mut choices = Choices::new(data);
    let max_frame = usize::from(choices.byte()) + 1;
    let step = usize::from(choices.byte()) + 1;
    let text = choices.rest();
    let cut = |chunks: &mut dyn Iterator<Item = &[u8]>| {
        let mut frames = Frames::with_max_frame(max_frame);
        let mut found = Vec::new();
        let mut take = |frame: Frame<'_>| {
            found.push((frame.offset, frame.len, frame.bytes.to_vec(), frame.is_cut));
        };
        chunks.for_each(|chunk| frames.feed(chunk, &mut take));
        frames.end(&mut take);
        found
    };
    let whole = cut(&mut std::iter::once(text));
    assert_eq!(whole, cut(&mut text.chunks(step)), "chunks of {step}");
    for (offset, len, bytes, is_cut) in whole {
        let at = usize::try_from(offset).expect("an offset within the data");
        let len = usize::try_from(len).expect("a length within the data");
        if !is_cut {
            assert_eq!(&text[at..at + len], bytes, "a message's own bytes");
        }
    }
}

/// Decoding says the same twice, calls no text an event, and points at parts of the line.
pub(super) fn decoders(data: &[u8]) {
    let context = LineContext {
        proxy: "p",
        bodies: Bodies::Kept,
    };
    let (mut first, mut second) = (Decoded::default(), Decoded::default());
    decode_line(data, context, &mut first);
    decode_line(data, context, &mut second);
    assert_eq!(
        first.events, second.events,
        "the same line, the same events"
    );
    assert_eq!((&first.bad, &first.frames), (&second.bad, &second.frames));
    assert_eq!(first.call_steps, second.call_steps);
    assert!(
        !first.is_text
            || first.events.is_empty() && first.frames.is_empty() && first.call_steps.is_empty(),
        "text holds no events"
    );
    for bad in &first.bad {
        assert!(data.get(bad.range.clone()).is_some(), "{bad:?} lies within");
    }
    let _ = messages(data, Bodies::Kept);
}

/// Wrappers come off whatever they are, and a line is the same however it is wrapped and cut.
pub(super) fn wrappers(data: &[u8]) {
    let mut left = bare(data).bytes.into_owned();
    for _ in 0..MAX_LAYERS {
        let Some(Ok(layer)) = unwrap(&left) else {
            break;
        };
        assert!(layer.inner.len() < left.len(), "a wrapper takes room");
        left = bare(&layer.inner).bytes.into_owned();
    }
    let mut choices = Choices::new(data);
    let step = usize::from(choices.byte()) + 1;
    let text = String::from_utf8_lossy(choices.rest()).replace('\n', " ");
    let chars: Vec<char> = text.chars().collect();
    let parts: Vec<String> = chars
        .chunks(step)
        .map(|part| part.iter().collect())
        .collect();
    let docker = |log: &str| {
        let line = serde_json::json!({"log": log, "stream": "stderr", "time": "t"});
        line.to_string().into_bytes()
    };
    let decoded = |lines: &[Vec<u8>]| {
        let mut decoder = LineDecoder::new("-", "p", LineOptions::default());
        for line in lines {
            decoder.line(0, line, 0);
        }
        decoder.end_parts(0);
        let delivery = decoder.take();
        let counts = delivery.progress.counts;
        (
            delivery.events,
            counts.events,
            counts.text,
            counts.unknown,
            counts.bad,
        )
    };
    let whole = decoded(&[docker(&format!("{text}\n"))]);
    // A first part that is an object by itself is one.
    let is_cut = parts.len() > 1 && !parts[0].trim_end().ends_with('}');
    if is_cut {
        let last = parts.len() - 1;
        let ends = |at: usize| if at == last { "\n" } else { "" };
        let lines = (0..)
            .zip(&parts)
            .map(|(at, part)| docker(&format!("{part}{}", ends(at))));
        assert_eq!(
            whole,
            decoded(&lines.collect::<Vec<_>>()),
            "parts of {step}"
        );
    }
    let plain = decoded(&[text.into_bytes()]);
    if plain.1 > 0 && plain.4 == 0 {
        assert_eq!(
            (whole.0, whole.1),
            (plain.0, plain.1),
            "wrapped as well as bare"
        );
    }
}

/// A post of OTLP in either encoding: whatever it holds, nothing panics, and no more operations come of it than parts
/// that report one.
pub(super) fn otlp(data: &[u8]) {
    use mcpr_otlp::{Encoding, Joiner, MAX_WAITING, Signal, decode};
    for signal in [Signal::Traces, Signal::Logs, Signal::Metrics] {
        for encoding in [Encoding::Protobuf, Encoding::Json] {
            let mut joiner = Joiner::default();
            // Twice, as an exporter does that has heard no answer.
            for _ in 0..2 {
                let Ok(post) = decode(&mut joiner, signal, encoding, data, 0) else {
                    continue;
                };
                let made = post.joined.rows.len() + post.joined.held.len();
                assert!(made as u64 <= post.known, "{made} of {}", post.known);
            }
            let late = joiner.overdue(i64::MAX);
            assert!(late.len() <= MAX_WAITING && joiner.is_empty());
        }
    }
}

/// The body of a post: whatever it is, what is decoded of it is what its counts say, and a refused one
/// leaves nothing behind in the decoder, which all connections share.
pub(super) fn body(data: &[u8]) {
    let new = || LineDecoder::new("http", "p", LineOptions::default());
    let mut decoder = new();
    decoder.lines(data, 0);
    let lines = decoder.take();
    let counts = lines.progress.counts;
    let expected = data.split_inclusive(|&byte| byte == b'\n').count() as u64;
    assert_eq!(counts.lines, expected);
    let mut used = new();
    let first = used.document(data, 0);
    for delivery in [Some(&lines), first.as_ref()].into_iter().flatten() {
        let counts = delivery.progress.counts;
        let bad = delivery.events.iter().filter_map(|event| match event {
            Event::BadLine(bad) => Some(bad),
            _ => None,
        });
        let bad: Vec<&BadLine> = bad.collect();
        assert_eq!(bad.len() as u64, counts.bad.min(BadLine::MAX_ROWS));
        for bad in bad {
            let at = usize::try_from(bad.offset).expect("an offset within the data");
            // Of a line in a wrapper, what is inside is kept and the line is pointed at.
            let begins_line = at == 0 || data.get(at - 1) == Some(&b'\n');
            assert!(
                begins_line || data[at..].starts_with(&bad.excerpt),
                "{bad:?}"
            );
        }
    }
    let second = used.document(data, 0);
    assert_eq!(
        first.map(|it| it.events),
        second.map(|it| it.events),
        "the same body, the same events"
    );
    assert!(used.take().events.is_empty(), "nothing is left behind");
}

/// No text keeps an active character, and JSON stays the same to a program.
pub(super) fn sanitiser(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    assert!(!acts(&escape(&text)));
    let breaks = escape_but_breaks(&text);
    assert!(!acts(&breaks.replace(['\t', '\n', '\r'], " ")));
    let json = serde_json::to_string(&text).expect("a string is JSON");
    let shown = escape_json(&json);
    assert!(!acts(&shown));
    let read: String = serde_json::from_str(&shown).expect("it is JSON still");
    assert_eq!(read, text);
}
