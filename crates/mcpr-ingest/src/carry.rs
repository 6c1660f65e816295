//! One store's content carried over into another, from the place where that stands. The place is kept in the
//! target, in the transaction of the rows: whenever this is killed, it goes on right behind what is there.

mod beside;
mod events;
mod news;
mod remains;

pub use beside::{Beside, BesideRow};
pub use news::Sent;

use super::import::{gap_of, request_of};
use super::recorder::writer_id;
use super::unix_ms;
use super::weight::held;
use mcpr_model::{Batch, Checkpoint, Counts, Event, Gap, SourceProgress, Text};
use mcpr_store::query::{Cursor, Entry, Filter, Head, Page, StoredKey, SurfacePage};
use mcpr_store::{Reader, StoreError, Writer};
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::time::SystemTime;

/// Most events of a batch.
const BATCH_EVENTS: usize = 1000;
/// Bytes that a batch may hold before it goes: a payload or a version more may come on top.
const BATCH_BYTES: usize = 4 << 20;
/// How many payloads are held at once, each of up to 2 MiB.
const PAYLOADS_AT_ONCE: usize = 16;

/// What was carried over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Carried {
    /// Requests that are new in the target.
    pub stored: u64,
    /// Requests and gaps that were there already.
    pub duplicates: u64,
    /// Whether sums of requests that are gone had to be left behind, as the target cannot take them over.
    pub leaves_sums: bool,
}

/// The place up to which a store was carried over, where a target knows one.
#[must_use]
pub fn carried_up_to(checkpoints: &[Checkpoint], store_id: i64) -> Option<Cursor> {
    carried(checkpoints, store_id).map(position_of)
}

fn carried(checkpoints: &[Checkpoint], store_id: i64) -> Option<&Checkpoint> {
    let mut checkpoints = checkpoints.iter();
    checkpoints.find(|it| it.is_of_store() && it.identity.inode == store_id.cast_unsigned())
}

fn position_of(checkpoint: &Checkpoint) -> Cursor {
    Cursor::from_seq(checkpoint.offset.cast_signed())
}

/// A store that is carried over into another one.
pub struct Carrier<'a> {
    from: &'a dyn Reader,
    to: &'a mut dyn Writer,
    /// The store's name in the target.
    name: Text,
    with_payloads: bool,
    store_id: i64,
    position: Cursor,
    /// Whether what was met in sources was reported.
    has_sent_sources: bool,
    writer: i64,
    number: i64,
    /// Most events of a batch.
    batch_events: usize,
    carried: Carried,
}

impl<'a> Carrier<'a> {
    /// Begins where the target stands.
    ///
    /// # Errors
    /// When one of the stores cannot be read.
    pub fn resume(
        from: &'a dyn Reader,
        to: &'a mut dyn Writer,
        name: &str,
        with_payloads: bool,
    ) -> Result<Self, StoreError> {
        let head = from.head()?;
        let known = to.checkpoints()?;
        let known = carried(&known, head.store_id);
        // Beyond its end it stands where a store was put back from an earlier copy of itself.
        let position = known.map(position_of).filter(|it| *it <= head.cursor);
        Ok(Self {
            from,
            to,
            name: name.into(),
            with_payloads,
            store_id: head.store_id,
            position: position.unwrap_or(Cursor::START),
            has_sent_sources: known.is_some_and(|it| it.marker.len > 0),
            writer: writer_id(),
            number: 0,
            batch_events: BATCH_EVENTS,
            carried: Carried::default(),
        })
    }

    /// Up to where the target has everything.
    #[must_use]
    pub fn position(&self) -> Cursor {
        self.position
    }

    /// What was done so far.
    #[must_use]
    pub fn carried(&self) -> Carried {
        self.carried
    }

    /// Carries requests, gaps, versions of lists and bad lines over, up to where the store stands now, or until
    /// `on_progress` breaks it off.
    ///
    /// # Errors
    /// When one of the stores fails; what was carried over before stays.
    pub fn rows(
        &mut self,
        on_progress: &mut dyn FnMut(Cursor) -> ControlFlow<()>,
    ) -> Result<Head, StoreError> {
        let head = self.from.head()?;
        // What has come beside rows alone is found by what has changed.
        if self.position == head.cursor && self.position != Cursor::START {
            return Ok(head);
        }
        let mut beside = Beside::between(self.from, self.position, head.cursor)?;
        let mut page = Page::after(self.position, Page::MAX_LIMIT);
        // What comes meanwhile is left to the next call: else this one may never end.
        page.before = Some(head.cursor.next());
        // Held until there are enough: each commit is synced, and costs as much as many rows.
        let mut events = Vec::new();
        let mut bytes = 0;
        loop {
            let entries = self.from.entries(&Filter::default(), page)?;
            let (Some(first), Some(last)) = (entries.first(), entries.last()) else {
                break;
            };
            // With its key a row is known again, also where the target has it from another way.
            let keys = self.from.keys(first.seq(), last.seq())?;
            let keys: HashMap<i64, StoredKey> =
                keys.into_iter().map(|key| (key.seq, key)).collect();
            page.after = Some(last.cursor());
            // A page of requests is small; a page of payloads could be two gigabytes.
            for entries in entries.chunks(PAYLOADS_AT_ONCE) {
                for event in self.events_of(entries, &keys, &mut beside)? {
                    bytes += size_of::<Event>() + held(&event);
                    events.push(event);
                }
                if events.len() >= self.batch_events || bytes >= BATCH_BYTES {
                    let position = entries.last().map_or(self.position, Entry::cursor);
                    self.append(std::mem::take(&mut events), position)?;
                    bytes = 0;
                    if on_progress(position).is_break() {
                        return Ok(head);
                    }
                }
            }
        }
        // Bad lines and versions may stand behind the last row.
        self.beside_before(i64::MAX, &mut beside, &mut events)?;
        if self.position != head.cursor || !events.is_empty() {
            self.append(events, head.cursor)?;
        }
        // There is nothing left to be broken off.
        let _ = on_progress(head.cursor);
        Ok(head)
    }

    /// The events that some rows came from, with what stands before and between them.
    fn events_of(
        &self,
        entries: &[Entry],
        keys: &HashMap<i64, StoredKey>,
        beside: &mut Beside,
    ) -> Result<Vec<Event>, StoreError> {
        let mut payloads = HashMap::new();
        if self.with_payloads {
            let requests = entries.iter().filter(|entry| entry.is_request());
            let seqs: Vec<i64> = requests.map(Entry::seq).collect();
            payloads.extend(self.from.payloads(&seqs)?);
        }
        let mut events = Vec::with_capacity(entries.len());
        for entry in entries {
            self.beside_before(entry.seq(), beside, &mut events)?;
            let key = keys.get(&entry.seq());
            events.push(match entry {
                Entry::Gap(gap) => Event::Gap(gap_of(gap, key)),
                Entry::Request(row) => {
                    let mut request = request_of(row, key);
                    request.payload = payloads.remove(&row.seq).map(Box::new);
                    Event::Request(request)
                }
            });
        }
        // A batch may end here, and its place is behind the last row: so is what stands right behind that.
        if let Some(last) = entries.last() {
            self.beside_before(last.cursor().next().to_seq(), beside, &mut events)?;
        }
        Ok(events)
    }

    /// Where rows behind the place are gone that were never carried over, says so by a gap in the target; says how many.
    ///
    /// # Errors
    /// When one of the stores fails.
    pub fn gone(&mut self) -> Result<u64, StoreError> {
        // What went before anything was carried over is no loss: nobody has waited for it.
        if self.position == Cursor::START {
            return Ok(0);
        }
        let count = self.from.gone_behind(self.position)?;
        if count == 0 {
            return Ok(0);
        }
        // The gap stands right before the first row that is left.
        let next = Page::after(self.position, 1);
        let next = self.from.entries(&Filter::default(), next)?;
        let Some(next) = next.first() else {
            return Ok(0);
        };
        let ts = match next {
            Entry::Request(row) => row.ts,
            Entry::Gap(gap) => gap.from_ts,
        };
        let gap = Gap {
            source: self.name.clone(),
            count,
            from_ts: ts,
            to_ts: ts,
            // Of this place, so that it is reported once.
            key: None,
        };
        let place = next.cursor().previous();
        let key = Gap::key_of_content(&self.name, count, self.store_id, place.to_seq());
        let key = Some(key);
        self.append(vec![Event::Gap(Gap { key, ..gap })], place)?;
        Ok(count)
    }

    fn beside_before(
        &self,
        seq: i64,
        beside: &mut Beside,
        events: &mut Vec<Event>,
    ) -> Result<(), StoreError> {
        beside.each_before(seq, self.from, &mut |row| {
            events.push(events::beside(row));
            Ok(())
        })
    }

    /// Carries over items that were seen alone, of lists that were never seen whole.
    ///
    /// # Errors
    /// When one of the stores fails; what was carried over before stays.
    fn items(&mut self) -> Result<(), StoreError> {
        let mut page = SurfacePage::without_texts(None);
        // A list is large enough: each may have a thousand items.
        page.limit = 1;
        loop {
            let found = self.from.surfaces(&page)?;
            let Some(last) = found.lists().pop_last() else {
                return Ok(());
            };
            if !found.items.is_empty() {
                // Texts are long, and most lists have no such items.
                page.with_texts = true;
                let items = self.from.surfaces(&page)?.items;
                let events = items.iter().flat_map(events::item).collect();
                self.append(events, self.position)?;
                page.with_texts = false;
            }
            page.after = Some(last);
        }
    }

    /// Commits events with the place that they lead to.
    fn append(&mut self, events: Vec<Event>, position: Cursor) -> Result<(), StoreError> {
        // In the transaction of the rows: both are there after a kill, or neither.
        self.position = position;
        let progress = self.progress();
        self.commit(events, vec![progress])
    }

    /// The place, as it goes into the target.
    fn progress(&self) -> SourceProgress {
        let name = self.name.clone();
        let mut checkpoint =
            Checkpoint::of_store(name.clone(), self.store_id, self.position.to_seq());
        checkpoint.marker.len = u64::from(self.has_sent_sources);
        SourceProgress {
            name,
            checkpoint: Some(checkpoint),
            // What was met in the store's own sources is reported by itself.
            counts: Counts::default(),
        }
    }

    fn commit(
        &mut self,
        events: Vec<Event>,
        sources: Vec<SourceProgress>,
    ) -> Result<(), StoreError> {
        // A batch that is committed and reported to have failed is known again by its number.
        self.number += 1;
        let appended = self.to.append(&Batch {
            writer: self.writer,
            number: self.number,
            now: unix_ms(SystemTime::now()),
            events,
            sources,
        })?;
        self.carried.stored += appended.stored;
        self.carried.duplicates += appended.duplicates;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
