//! One store's rows into another store, as if its events had come once more. Done twice, the second
//! time adds nothing.

use super::Screen;
use super::recorder::writer_id;
use super::unix_ms;
use mcpr_model::{
    Batch, CallFacts, CallKey, Channel, Counts, Event, EventKey, Gap, KeySource, Request,
    RequestId, SessionState, SessionUpdate, SourceProgress, Text,
};
use mcpr_store::query::{
    Cursor, Entry, Filter, GapRow, Page, RequestRow, SessionFilter, SessionPage, SessionRow,
    StoredKey,
};
use mcpr_store::{Reader, StoreError, Writer};
use std::collections::HashMap;
use std::time::SystemTime;

/// What an import did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Imported {
    /// Requests that are new in the store.
    pub stored: u64,
    /// Requests that were there already.
    pub duplicates: u64,
    /// Gaps that are new in the store.
    pub gaps: u64,
    /// Sessions that were reported.
    pub sessions: u64,
}

/// Where an import writes to.
pub struct Destination<'a> {
    /// The store.
    pub store: &'a mut dyn Writer,
    /// What is taken out of events on their way.
    pub screen: &'a Screen,
}

/// Copies everything that a reader has; `source` is its name in the store's statistics, and
/// `on_progress` gets the number of the last row that is done.
///
/// # Errors
/// When one of the stores fails; what was copied before stays.
pub fn import<'a>(
    reader: &dyn Reader,
    to: Destination<'a>,
    source: &'a str,
    on_progress: &mut dyn FnMut(i64),
) -> Result<Imported, StoreError> {
    let head = reader.head()?;
    let mut import = Import {
        to,
        source,
        // A number of its own, so that its batches are not taken for those of a recorder.
        writer: writer_id(),
        number: 0,
        imported: Imported::default(),
    };
    let has_payloads = reader.overview()?.payloads > 0;
    let mut page = Page::after(Cursor::START, Page::MAX_LIMIT);
    // What is recorded while the import runs is left to the next one: else it may never end.
    page.before = Some(head.cursor.next());
    loop {
        let entries = reader.entries(&Filter::default(), page)?;
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else {
            break;
        };
        // Keys come a page at a time, as rows do: neither may grow with the store.
        let keys = reader.keys(first.seq(), last.seq())?;
        let keys: HashMap<i64, StoredKey> = keys.into_iter().map(|key| (key.seq, key)).collect();
        let mut payloads = HashMap::new();
        if has_payloads {
            let seqs: Vec<i64> = entries.iter().map(Entry::seq).collect();
            payloads.extend(reader.payloads(&seqs)?);
        }
        page.after = Some(last.cursor());
        let last = last.seq();
        let mut events = Vec::with_capacity(entries.len());
        for entry in &entries {
            match entry {
                Entry::Gap(gap) => {
                    events.push(Event::Gap(gap_of(gap, keys.get(&gap.seq))));
                }
                Entry::Request(row) => {
                    let mut request = request_of(row, keys.get(&row.seq));
                    request.payload = payloads.remove(&row.seq).map(Box::new);
                    events.push(Event::Request(request));
                }
            }
        }
        import.append(events)?;
        // Only after the page is in the store: what was reported of is done.
        on_progress(last);
    }
    let every = SessionFilter {
        with_empty: true,
        ..SessionFilter::default()
    };
    // After the requests: a session that is reported first would be counted as one without calls.
    let mut page = SessionPage::oldest(Page::MAX_LIMIT);
    loop {
        let sessions = reader.sessions(&every, &page)?;
        let is_last = sessions.len() < page.limit;
        // By the place of the last one and not by a count: sessions may come or go meanwhile.
        page.after = sessions.last().map(SessionRow::place).or(page.after);
        // Inferred sessions come of themselves from the requests.
        let with_id = sessions.iter().filter(|row| !row.inferred);
        let events: Vec<_> = with_id.map(|row| Event::Session(update_of(row))).collect();
        import.imported.sessions += events.len() as u64;
        if !events.is_empty() {
            import.append(events)?;
        }
        if is_last {
            return Ok(import.imported);
        }
    }
}

struct Import<'a> {
    to: Destination<'a>,
    source: &'a str,
    writer: i64,
    number: i64,
    imported: Imported,
}

impl Import<'_> {
    fn append(&mut self, mut events: Vec<Event>) -> Result<(), StoreError> {
        // A batch that is committed and reported to have failed is known again by its number.
        self.number += 1;
        let count = events.len() as u64;
        let redacted = self.to.screen.pass(&mut events);
        let batch = Batch {
            writer: self.writer,
            number: self.number,
            now: unix_ms(SystemTime::now()),
            events,
            sources: vec![SourceProgress {
                name: self.source.into(),
                checkpoint: None,
                counts: Counts {
                    events: count,
                    redacted,
                    ..Counts::default()
                },
            }],
        };
        let appended = self.to.store.append(&batch)?;
        self.imported.stored += appended.stored;
        self.imported.duplicates += appended.duplicates;
        self.imported.gaps += appended.gaps;
        Ok(())
    }
}

fn own(text: Option<&String>) -> Option<Text> {
    text.map(Text::from)
}

/// What a second import of the same row is recognised by. Stores of other programs keep no key: a
/// UUID is one, as it is in the stream it came from; elsewhere the row's own facts are.
fn key_of(row: &RequestRow, stored: Option<&StoredKey>) -> EventKey {
    let key = |hash| EventKey {
        hash,
        source: KeySource::Bytes,
        call: None,
    };
    if let Some(stored) = stored {
        let call = stored.call.map(|code| CallKey::of_stored(code, row.ts));
        let hash = stored.key.cast_unsigned();
        return EventKey { call, ..key(hash) };
    }
    let id = row.request_id.as_deref().unwrap_or_default();
    if matches!(RequestId::from_text(id), RequestId::Uuid(_)) {
        let hash = EventKey::of_id(id).hash;
        return key(hash);
    }
    // As JSON, so that no two lists of facts become one text.
    let facts = serde_json::json!([row.proxy, row.session, id, row.method, row.target()]);
    EventKey::of_bytes(facts.to_string().as_bytes(), 0).with_call(call_of(row, id))
}

/// A call that the proxy's streams may have reported as well. Its store keeps the id's text alone: what
/// looks like a number was one, for hardly a client sends numbers as texts.
fn call_of(row: &RequestRow, id: &str) -> CallKey {
    let json = match RequestId::from_text(id) {
        RequestId::Int(number) => number.to_string(),
        _ => serde_json::Value::from(id).to_string(),
    };
    let facts = CallFacts {
        session_id: row.session_id.as_deref(),
        id: &json,
        method: &row.method,
        target: row.target().unwrap_or_default(),
    };
    CallKey::of_call(Channel::Store, facts)
}

pub(super) fn request_of(row: &RequestRow, stored: Option<&StoredKey>) -> Request {
    // A client that only the session named must not become the request's own word.
    let names_client = stored.is_some_and(|stored| stored.names_client);
    let request = row.to_request(key_of(row, stored));
    Request {
        client_name: request.client_name.filter(|_| names_client),
        client_version: request.client_version.filter(|_| names_client),
        ..request
    }
}

pub(super) fn gap_of(row: &GapRow, stored: Option<&StoredKey>) -> Gap {
    let of_content = || Gap::key_of_content(&row.source, row.count, row.from_ts, row.to_ts);
    Gap {
        source: Text::from(&row.source),
        count: row.count,
        from_ts: row.from_ts,
        to_ts: row.to_ts,
        key: Some(stored.map_or_else(of_content, |stored| stored.key)),
    }
}

pub(super) fn update_of(row: &SessionRow) -> SessionUpdate {
    SessionUpdate {
        session_id: Text::from(&row.session_id),
        proxy: Some(Text::from(&row.proxy)),
        ts: row.ended_at.unwrap_or(row.last_seen_at),
        started_at: Some(row.started_at),
        last_seen_at: Some(row.last_seen_at),
        state: match row.ended_at {
            Some(_) => SessionState::Closed,
            None => SessionState::Active,
        },
        client_name: own(row.client_name.as_ref()),
        client_version: own(row.client_version.as_ref()),
        conversation: own(row.conversation.as_ref()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mcpr_model::{ErrorKind, Kind, Outcome, Target, TargetKind};
    use mcpr_store::memory::MemoryStore;

    fn request(id: &str, ts: i64) -> Request {
        Request {
            request_id: Some(RequestId::from_text(id)),
            session_id: Some("s".into()),
            target: Some(Target {
                kind: TargetKind::Tool,
                name: "echo".into(),
            }),
            latency_us: Some(7),
            upstream_us: Some(5),
            bytes_in: Some(1),
            outcome: Outcome {
                error_kind: Some(ErrorKind::Rpc),
                error_code: Some("-1".into()),
                error_msg: Some("no".into()),
                retyped: false,
            },
            ..Request::new(
                EventKey::of_bytes(id.as_bytes(), 0),
                ts,
                "p".into(),
                Kind::Mcp,
                "tools/call".into(),
            )
        }
    }

    fn batch(events: Vec<Event>) -> Batch {
        Batch {
            writer: 1,
            number: 1,
            now: 0,
            events,
            sources: Vec::new(),
        }
    }

    #[test]
    fn a_second_import_adds_nothing() {
        let mut from = MemoryStore::default();
        let gap = Gap {
            source: "-".into(),
            count: 3,
            from_ts: 4,
            to_ts: 5,
            key: None,
        };
        let events = vec![
            Event::Request(request("1", 1)),
            Event::Gap(gap),
            Event::Request(request("2", 9)),
        ];
        from.append(&batch(events)).unwrap();
        let mut to = MemoryStore::default();
        let mut go = || {
            let mut done = 0;
            let imported = {
                let to = Destination {
                    store: &mut to,
                    screen: &Screen::default(),
                };
                import(&from, to, "from", &mut |seq| done = seq).unwrap()
            };
            assert_eq!(done, 3);
            imported
        };
        let first = go();
        let second = go();
        assert_eq!((first.stored, first.gaps, first.sessions), (2, 1, 1));
        assert_eq!((second.stored, second.gaps, second.duplicates), (0, 0, 3));
        let all = |store: &mut MemoryStore| {
            store
                .entries(&Filter::default(), Page::after(Cursor::START, 10))
                .unwrap()
        };
        assert_eq!(all(&mut from), all(&mut to));
    }
}
