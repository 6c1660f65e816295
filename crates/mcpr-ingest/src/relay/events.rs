//! A stream of events (`text/event-stream`) as its bytes come: cut anywhere, bounded. Pure, and knows no
//! JSON.

use super::capped::CappedText;
use mcpr_model::EventKey;

/// Most bytes kept of the name of a field.
const MAX_FIELD_BYTES: usize = 8;
/// Most bytes kept of an event's name and of its id.
const MAX_SHORT_BYTES: usize = 512;

/// Where in a line the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum LinePlace {
    /// In the name of its field, or before it.
    #[default]
    Field,
    /// Right behind the colon.
    Colon,
    /// In its value.
    Value,
}

/// A field of an event that matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum EventField {
    Data,
    Name,
    Id,
    /// A comment, or anything else.
    #[default]
    Other,
}

/// One event, whole.
#[derive(Debug)]
pub(super) struct StreamEvent<'a> {
    /// What it is called; empty where it is a message.
    pub(super) name: &'a [u8],
    /// A hash of its id, where it has one.
    pub(super) id: Option<u64>,
    /// What it says.
    pub(super) data: &'a CappedText,
}

/// Distinguishes events.
#[derive(Debug, Default)]
pub(super) struct EventSplitter {
    place: LinePlace,
    field_name: Vec<u8>,
    field: EventField,
    /// The byte before was a carriage return, which may be half an end of a line.
    is_after_return: bool,
    data: Option<CappedText>,
    name: Vec<u8>,
    id: Vec<u8>,
    /// The last id of an event, from which the stream can be taken up again.
    last_id: Option<u64>,
    /// Bytes are missing: what is here is half an event.
    is_torn: bool,
    is_begun: bool,
}

impl EventSplitter {
    /// Whether any event had an id, so that the stream can be taken up again.
    pub(super) fn has_ids(&self) -> bool {
        self.last_id.is_some()
    }

    /// Bytes of memory that the event takes that is not whole.
    pub(super) fn kept_bytes(&self) -> usize {
        self.data.as_ref().map_or(0, CappedText::kept_bytes)
    }

    /// Says that bytes are missing here.
    pub(super) fn lose(&mut self) {
        self.reset();
        self.place = LinePlace::Value;
        self.field = EventField::Other;
        self.is_torn = true;
    }

    /// Takes the next bytes and hands over the events that they finish.
    pub(super) fn feed(
        &mut self,
        mut bytes: &[u8],
        has_room: bool,
        found: &mut dyn FnMut(StreamEvent<'_>),
    ) {
        if !self.is_begun && !bytes.is_empty() {
            self.is_begun = true;
            bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        }
        while let Some(&first) = bytes.first() {
            if first == b'\n' && std::mem::take(&mut self.is_after_return) {
                bytes = &bytes[1..];
                continue;
            }
            self.is_after_return = false;
            let end = memchr::memchr2(b'\n', b'\r', bytes);
            let line = &bytes[..end.unwrap_or(bytes.len())];
            self.within_line(line, has_room);
            let Some(end) = end else {
                return;
            };
            self.is_after_return = bytes[end] == b'\r';
            self.end_line(found);
            bytes = &bytes[end + 1..];
        }
    }

    /// Takes bytes of one line.
    fn within_line(&mut self, mut bytes: &[u8], has_room: bool) {
        if self.place == LinePlace::Field {
            let colon = memchr::memchr(b':', bytes);
            let name = &bytes[..colon.unwrap_or(bytes.len())];
            let room = MAX_FIELD_BYTES.saturating_sub(self.field_name.len());
            // A longer name does not matter, and stays a name.
            self.field_name
                .extend_from_slice(&name[..name.len().min(room)]);
            let Some(colon) = colon else {
                return;
            };
            self.begin_value(has_room);
            bytes = &bytes[colon + 1..];
        }
        if self.place == LinePlace::Colon && !bytes.is_empty() {
            self.place = LinePlace::Value;
            bytes = bytes.strip_prefix(b" ").unwrap_or(bytes);
        }
        match self.field {
            EventField::Data => {
                if let Some(data) = &mut self.data {
                    data.add(bytes, has_room);
                }
            }
            EventField::Name => add_short(&mut self.name, bytes),
            EventField::Id => add_short(&mut self.id, bytes),
            // Nobody reads comments and what the client reads about reconnecting.
            EventField::Other => {}
        }
    }

    fn begin_value(&mut self, has_room: bool) {
        self.place = LinePlace::Colon;
        self.field = match &self.field_name[..] {
            b"data" => EventField::Data,
            b"event" => EventField::Name,
            b"id" => EventField::Id,
            _ => EventField::Other,
        };
        match self.field {
            EventField::Data => match &mut self.data {
                // The lines of a text are reported one by one.
                Some(data) => data.add(b"\n", has_room),
                None => self.data = Some(CappedText::default()),
            },
            // The last of them counts.
            EventField::Name => self.name.clear(),
            EventField::Id => self.id.clear(),
            EventField::Other => {}
        }
    }

    fn end_line(&mut self, found: &mut dyn FnMut(StreamEvent<'_>)) {
        // An empty line ends the event; every other one ends a field of it.
        let is_empty = self.place == LinePlace::Field && self.field_name.is_empty();
        if self.place == LinePlace::Field && !is_empty {
            // A field without a colon has an empty value.
            self.begin_value(true);
        }
        self.place = LinePlace::Field;
        self.field_name.clear();
        if !is_empty {
            return;
        }
        let id = (!self.id.is_empty()).then(|| hash(&self.id));
        self.last_id = id.or(self.last_id);
        let data = self.data.take().filter(|data| data.len() > 0);
        // Half an event says nothing, and neither does one without data.
        if let Some(data) = data.filter(|_| !self.is_torn) {
            found(StreamEvent {
                name: &self.name,
                id,
                data: &data,
            });
        }
        self.reset();
    }

    fn reset(&mut self) {
        self.data = None;
        self.name.clear();
        self.id.clear();
        self.field_name.clear();
        self.is_torn = false;
    }
}

fn add_short(text: &mut Vec<u8>, bytes: &[u8]) {
    let room = MAX_SHORT_BYTES.saturating_sub(text.len());
    text.extend_from_slice(&bytes[..bytes.len().min(room)]);
}

fn hash(id: &[u8]) -> u64 {
    EventKey::of_id(&String::from_utf8_lossy(id)).hash
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(chunks: &[&[u8]]) -> Vec<(String, bool, String)> {
        let mut splitter = EventSplitter::default();
        let mut all = Vec::new();
        for chunk in chunks {
            splitter.feed(chunk, true, &mut |event| {
                let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
                all.push((
                    text(event.name),
                    event.id.is_some(),
                    text(event.data.bytes()),
                ));
            });
        }
        all
    }

    #[test]
    fn events_are_distinguished_however_they_are_cut() {
        let stream = "\u{feff}event: message\r\nid: 1\r\ndata:{\"a\":\r\ndata: 1}\r\n\r\ndata: 2\n\n\
            : ping\n\nid: 7\ndata: \n\nretry: 5\n\nevent: endpoint\rdata:  x\r\rdata\n\ndatas: no\n\n\
            data: y\n";
        let message = |name: &str, has_id, data: &str| (name.to_owned(), has_id, data.to_owned());
        let expected = [
            message("message", true, "{\"a\":\n1}"),
            message("", false, "2"),
            message("endpoint", false, " x"),
        ];
        assert_eq!(events(&[stream.as_bytes()]), expected);
        // A mark at the beginning that comes byte by byte is not a mark, and stands before no field.
        let stream = &stream["\u{feff}".len()..];
        let bytes: Vec<&[u8]> = stream.as_bytes().chunks(1).collect();
        assert_eq!(events(&bytes), expected);
    }

    #[test]
    fn half_an_event_says_nothing() {
        let mut splitter = EventSplitter::default();
        let mut all = Vec::new();
        let mut note = |event: StreamEvent<'_>| all.push(event.data.bytes().to_vec());
        splitter.feed(b"data: 1\n\ndata: 2", true, &mut note);
        splitter.lose();
        splitter.feed(b"3\ndata: 4\n\ndata: 5\n\n", true, &mut note);
        assert_eq!(all, [b"1", b"5"]);
    }
}
