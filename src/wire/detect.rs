//! Which format a line is in, told from the line itself.

use super::fields::Str;
use super::{Decoded, LineContext, a, b, c, e, hostlog};
use crate::model::SessionState;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

/// How every `request` of stream A begins in what the proxy prints: worth a path of its own.
const COMMON_START: &str = "{\"type\":\"request\",";

/// The fields that tell one event from another.
#[derive(Debug, Deserialize)]
struct Tags<'a> {
    #[serde(borrow, rename = "type")]
    kind_of_event: Option<Str<'a>>,
    #[serde(borrow)]
    kind: Option<Str<'a>>,
    payload: Option<IgnoredAny>,
}

/// Decodes a line of any format.
pub(super) fn line(line: &[u8], context: LineContext<'_>, decoded: &mut Decoded) {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let text = match std::str::from_utf8(line) {
        Ok(text) => text,
        Err(error) => {
            let reason = format!("invalid UTF-8 at byte {}", error.valid_up_to());
            decoded.add_bad(0..line.len(), reason);
            return;
        }
    };
    match line.first() {
        Some(b'{') => object(text, 0, context, decoded),
        Some(b'[') if looks_like_an_array(text) => array(text, context, decoded),
        Some(b'0'..=b'9') => match hostlog::frame(text, context.bodies) {
            Some(Ok(frame)) => decoded.frame = Some(frame),
            Some(Err(bad)) => decoded.bad.push(bad),
            None => decoded.is_text = true,
        },
        _ => decoded.is_text = true,
    }
}

/// `[mcpr] Shutdown complete.` is text: an array of events goes on like JSON.
pub(super) fn looks_like_an_array(text: &str) -> bool {
    match text[1..].trim_ascii_start().bytes().next() {
        None | Some(b'{' | b'[' | b'"' | b']') => true,
        Some(_) => serde_json::from_str::<Vec<IgnoredAny>>(text).is_ok(),
    }
}

fn array(text: &str, context: LineContext<'_>, decoded: &mut Decoded) {
    let elements: Vec<&RawValue> = match serde_json::from_str(text) {
        Ok(elements) => elements,
        Err(error) => {
            decoded.add_bad(0..text.len(), format!("not a JSON array: {error}"));
            return;
        }
    };
    for element in elements {
        let json = element.get();
        let start = json.as_ptr() as usize - text.as_ptr() as usize;
        if json.starts_with('{') {
            object(json, start, context, decoded);
        } else {
            let range = start..start + json.len();
            decoded.add_bad(range, "an array element that is no object");
        }
    }
}

/// Decodes the object that begins at byte `start` of the line; what fails leaves no event behind.
fn object(json: &str, start: usize, context: LineContext<'_>, decoded: &mut Decoded) {
    let (events, known) = (decoded.events.len(), decoded.known);
    let result = if json.starts_with(COMMON_START) {
        a::request(json, context, decoded)
    } else {
        tagged(json, context, decoded)
    };
    if let Err(reason) = result {
        decoded.events.truncate(events);
        decoded.known = known;
        decoded.add_bad(start..start + json.len(), reason);
    }
}

fn tagged(json: &str, context: LineContext<'_>, decoded: &mut Decoded) -> Result<(), String> {
    let tags: Tags<'_> = serde_json::from_str(json).map_err(|error| error.to_string())?;
    let kind_of_event = tags.kind_of_event.as_ref().map(|tag| &*tag.0);
    let envelope = tags
        .kind
        .as_ref()
        .filter(|_| tags.payload.is_some())
        .map(|kind| &*kind.0);
    match (kind_of_event, envelope) {
        (Some("request"), _) => a::request(json, context, decoded)?,
        (Some("session_start"), _) => {
            a::session(json, SessionState::Active, context, decoded)?;
        }
        (Some("session_end"), _) => a::session(json, SessionState::Closed, context, decoded)?,
        (Some("transaction"), _) => b::transaction(json, context, decoded)?,
        (Some("session"), _) => b::session(json, context, decoded)?,
        (Some("mcpr_request"), _) => e::request(json, context, decoded)?,
        (Some("mcpr_session"), _) => e::session(json, context, decoded)?,
        (Some("mcpr_gap"), _) => e::gap(json, decoded)?,
        (None, Some("request")) => c::request(json, context, decoded)?,
        (None, Some("session")) => c::session(json, context, decoded)?,
        (Some("schema"), _) => b::schema(json, context, decoded)?,
        (Some("schema_version_created"), _) => a::schema_version(json, context, decoded)?,
        (None, Some("schema")) => c::schema(json, context, decoded)?,
        // They are known and lead to nothing.
        (Some("heartbeat"), _) | (None, Some("heartbeat")) => decoded.known += 1,
        _ => decoded.unknown += 1,
    }
    Ok(())
}
