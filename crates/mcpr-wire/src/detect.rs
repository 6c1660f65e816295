//! Which format a line is in, recognised from the line itself: each format of the list is asked.

use super::elements::{Elements, End};
use super::format::{Format, Tagged, Tags, claimed_by};
use super::formats::FORMATS;
use super::{Decoded, LineContext, wrappers};
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use std::ops::Range;

/// Decodes a line of any format, without blanks on its edges.
pub(super) fn line(line: &[u8], context: LineContext<'_>, decoded: &mut Decoded) {
    // It would be text otherwise, and nobody would learn why nothing is recorded.
    if let Some(reason) = wrappers::utf16(line) {
        return decoded.add_bad(0..line.len(), reason);
    }
    match line.first() {
        Some(b'{') => objects(line, context, decoded),
        Some(b'[') if looks_like_an_array(line, is_event) => array(line, context, decoded),
        _ => {
            let found = FORMATS.iter().find(|it| it.text(line, context, decoded));
            decoded.is_text = found.is_none();
            if let Some(format) = found {
                decoded.name_format(format.id(), 0);
            }
        }
    }
}

/// `[mcpr] Shutdown complete.` is text: an array of events goes on like JSON, or holds an event behind an
/// element that is broken.
pub(super) fn looks_like_an_array(line: &[u8], is_event: fn(&[u8]) -> bool) -> bool {
    // Parsing the whole line only to distinguish text from an array would cost as much as decoding it.
    match line[1..].trim_ascii_start().first() {
        None | Some(b'{' | b'[' | b'"' | b']') => true,
        Some(_) => {
            serde_json::from_slice::<Vec<IgnoredAny>>(line).is_ok()
                || elements_with_event(line, is_event).is_some()
        }
    }
}

/// What follows the array that a line begins with, if one of its elements is an event.
pub(super) fn elements_with_event(line: &[u8], is_event: fn(&[u8]) -> bool) -> Option<End> {
    // Most text holds no object at all.
    memchr::memchr(b'{', line)?;
    let (mut has_event, mut is_text) = (false, false);
    let end = Elements::new(line, is_event).each(0, &mut |range| {
        let element = &line[range];
        match element.first() {
            Some(b'{') => has_event |= is_event(element),
            // `[mcpr] sent [1,{}]`: a word in brackets, and something else behind it.
            _ if memchr::memchr(b']', element).is_some() => {
                is_text |= serde_json::from_slice::<IgnoredAny>(element).is_err();
            }
            _ => {}
        }
    });
    (has_event && !is_text).then_some(end)
}

fn array(line: &[u8], context: LineContext<'_>, decoded: &mut Decoded) {
    // Nearly every array is sound, and serde finds its elements fastest.
    let text = std::str::from_utf8(line).ok();
    let parsed = text.and_then(|text| serde_json::from_str::<Vec<&RawValue>>(text).ok());
    if let Some((text, elements)) = text.zip(parsed) {
        for raw in elements {
            let start = raw.get().as_ptr() as usize - text.as_ptr() as usize;
            element(line, start..start + raw.get().len(), context, decoded);
        }
        return;
    }
    values(line, 0, context, decoded);
}

/// Decodes a line that begins with an object: nearly always that is all of it.
fn objects(line: &[u8], context: LineContext<'_>, decoded: &mut Decoded) {
    element(line, 0..line.len(), context, decoded);
    if decoded.bad.is_empty() {
        return;
    }
    let mut elements = Elements::new(line, is_event);
    let first_end = elements.sound_end(0);
    let next = first_end.map(|end| elements.behind_blanks(end));
    // One event behind another. An event with text behind it is a bad line as a whole.
    if next.is_some_and(|next| matches!(line.get(next), Some(b'{' | b'['))) {
        decoded.clear();
        values(line, 0, context, decoded);
    }
}

/// Decodes the objects and arrays that stand in a line from a byte on, one behind the other.
fn values(line: &[u8], from: usize, context: LineContext<'_>, decoded: &mut Decoded) {
    let mut elements = Elements::new(line, is_event);
    let mut at = from;
    loop {
        let next = match line[at] {
            b'[' => {
                let end = elements.each(at, &mut |range| element(line, range, context, decoded));
                match end {
                    End::Closed => return,
                    End::Followed(next) => next,
                    End::Cut => {
                        // A file's last line may still be written to: the recorder asks for this
                        // before it keeps it.
                        decoded.is_cut = true;
                        return decoded.add_bad(at..line.len(), "the array has no end");
                    }
                }
            }
            b'{' => {
                let end = elements.sound_end(at).unwrap_or(line.len());
                element(line, at..end, context, decoded);
                elements.behind_blanks(end)
            }
            _ => {
                let reason = if line[..at].trim_ascii_end().ends_with(b"]") {
                    "something stands behind the array"
                } else {
                    "something stands behind the object"
                };
                return decoded.add_bad(at..line.len(), reason);
            }
        };
        if next == line.len() {
            return;
        }
        at = next;
    }
}

pub(super) fn is_event(json: &[u8]) -> bool {
    std::str::from_utf8(json).is_ok_and(is_known)
}

/// Decodes what stands in a range of a line and has to be an object.
fn element(line: &[u8], range: Range<usize>, context: LineContext<'_>, decoded: &mut Decoded) {
    let part = &line[range.clone()];
    if part.first() != Some(&b'{') {
        let reason = if part.is_empty() {
            "an empty array element"
        } else {
            "an array element that is not an object"
        };
        return decoded.add_bad(range, reason);
    }
    match std::str::from_utf8(part) {
        Ok(json) => object(json, range.start, context, decoded),
        Err(error) => {
            let reason = format!("invalid UTF-8 at byte {}", error.valid_up_to());
            decoded.add_bad(range, reason);
        }
    }
}

/// Decodes the object that begins at byte `start` of the line; what fails leaves no event behind.
fn object(json: &str, start: usize, context: LineContext<'_>, decoded: &mut Decoded) {
    let (events, frames) = (decoded.events.len(), decoded.frames.len());
    let (call_steps, known) = (decoded.call_steps.len(), decoded.known);
    if let Err(reason) = detected(json, context, decoded) {
        // A decoder may fail behind its first event, and half an event is worse than none.
        decoded.events.truncate(events);
        decoded.frames.truncate(frames);
        decoded.call_steps.truncate(call_steps);
        decoded.known = known;
        decoded.add_bad(start..start + json.len(), reason);
    }
}

fn detected(json: &str, context: LineContext<'_>, decoded: &mut Decoded) -> Result<(), String> {
    let begins =
        |format: &&&dyn Format| format.common_start().is_some_and(|it| json.starts_with(it));
    let common = FORMATS.iter().find(begins);
    let tags = match common {
        // Reading an object only for its tags takes as long as decoding it.
        Some(_) => Tags::default(),
        None => serde_json::from_str(json).map_err(|error| error.to_string())?,
    };
    let Some(format) = common.copied().or_else(|| claimed_by(&tags)) else {
        // A newer proxy may report more: that is counted, and nothing is wrong with the line.
        decoded.unknown += 1;
        return Ok(());
    };
    let event = Tagged {
        json,
        tags,
        context,
    };
    let first = decoded.events.len();
    let result = format.decode(&event, decoded);
    decoded.name_format(format.id(), first);
    result
}

/// Whether an object says that it is an event of a format that is known.
pub(super) fn is_known(json: &str) -> bool {
    serde_json::from_str(json).is_ok_and(|tags: Tags<'_>| claimed_by(&tags).is_some())
}
