//! The keys that a request may stand under at its time, in the order in which they are tried.
//!
//! (ts, key) only has to be rare: equality is checked on the row. Where the first key is taken, the next
//! ones come from the request itself, so that a place is found in a few steps however many requests
//! share a time and an id.

use mcpr_model::{ErrorKind, Request, RequestId};
use xxhash_rust::xxh3::Xxh3;

/// Bits of the first key. SQLite keeps numbers below 2^23 in three bytes, and each key stands in the
/// row and in an index.
const FIRST_BITS: u32 = 23;
/// Bits above those, in the keys that are tried next: 53 together, which every reader of JSON takes.
const MORE_BITS: u32 = 30;

/// The place of the key that comes from the whole of the event's own hash.
pub(crate) const OWN: usize = 1;

/// The key a request is looked for first.
#[must_use]
pub fn first_key(request: &Request) -> i64 {
    (request.key.hash & ((1 << FIRST_BITS) - 1)).cast_signed()
}

/// The keys of a request, the first one first. Without end: one that is free is among them.
pub fn keys(request: &Request) -> impl Iterator<Item = i64> + '_ {
    let first = first_key(request);
    // The first key stays their lower part, so that an export under a longer key finds its way back.
    let longer = move |more: u64| {
        let more = (more & ((1 << MORE_BITS) - 1)).cast_signed();
        (more << FIRST_BITS) | first
    };
    let own = longer(request.key.hash >> FIRST_BITS);
    // Only when both keys before are taken is the content hashed at all.
    let of_content = std::iter::once_with(move || content(request)).flat_map(move |hash| {
        let mut with_client = hash.clone();
        add_text(&mut with_client, request.client_name.as_deref());
        add_text(&mut with_client, request.client_version.as_deref());
        let (anyone, client) = (hash.digest(), with_client.digest());
        // A row whose client is not known is the same as one whose client is: it has to be met first.
        std::iter::once(longer(anyone))
            // Steps that begin at a hash: many requests with one id do not all try the same places.
            .chain((0_u64..).map(move |step| longer(client.wrapping_add(step))))
    });
    [first, own].into_iter().chain(of_content)
}

/// A hash of what makes two requests of one id and time the same, but for who called.
fn content(request: &Request) -> Xxh3 {
    let mut hash = Xxh3::new();
    match &request.request_id {
        // Something has to stand there, or a missing id would hash as if it were empty text.
        None => hash.update(&[0]),
        Some(RequestId::Uuid(uuid)) => hash.update(uuid),
        Some(RequestId::Int(number)) => hash.update(&number.to_le_bytes()),
        Some(RequestId::Text(text)) => hash.update(text.as_bytes()),
    }
    let target = request.target.as_ref();
    let outcome = &request.outcome;
    let numbers = [
        Some(request.kind.code()),
        target.map(|target| target.kind.code()),
        // Unknown is hashed as none taken: keys that stores hold were made so.
        Some(request.latency_us.unwrap_or(0)),
        request.upstream_us,
        request.bytes_in,
        request.bytes_out,
        outcome.error_kind.map(ErrorKind::code),
    ];
    for number in numbers {
        hash.update(&[u8::from(number.is_some())]);
        hash.update(&number.unwrap_or(0).to_le_bytes());
    }
    let texts = [
        Some(request.method.as_str()),
        target.map(|target| target.name.as_str()),
        request.session_id.as_deref(),
        outcome.error_code.as_deref(),
        outcome.error_msg.as_deref(),
    ];
    for text in texts {
        add_text(&mut hash, text);
    }
    hash
}

fn add_text(hash: &mut Xxh3, text: Option<&str>) {
    // No text and an empty one are not the same to the row either.
    hash.update(&[u8::from(text.is_some())]);
    let text = text.unwrap_or_default();
    hash.update(&(text.len() as u64).to_le_bytes());
    hash.update(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::request;

    #[test]
    fn every_key_of_a_request_ends_in_its_first_and_is_exact_in_json() {
        let request = request("a", 1);
        let found: Vec<i64> = keys(&request).take(50).collect();
        let distinct: std::collections::BTreeSet<i64> = found.iter().copied().collect();
        assert_eq!(distinct.len(), found.len());
        assert_eq!(found[0], first_key(&request));
        for key in found {
            assert_eq!(key & 0x7f_ffff, first_key(&request));
            assert!((0..1 << 53).contains(&key), "{key}");
        }
    }
}
