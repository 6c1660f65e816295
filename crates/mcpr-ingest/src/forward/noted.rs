//! Where a store was sent, and up to where: kept in that store itself, among its checkpoints.

use super::Collector;
use crate::recorder::writer_id;
use crate::unix_ms;
use mcpr_model::{Batch, Checkpoint, Counts, EventKey, SourceProgress, Text};
use mcpr_store::query::Cursor;
use mcpr_store::{StoreError, StoreUrl, Writer};
use std::time::{Duration, Instant, SystemTime};

/// A place is noted again after this time also where it did not change, so that it is not taken for that of a target
/// that nobody serves any more.
const STILL_SERVED: Duration = Duration::from_hours(1);

/// Where to send to.
#[derive(Debug)]
pub enum Target {
    /// Another store.
    Store(StoreUrl),
    /// A collector of OTLP.
    Collector(Box<Collector>),
}

impl Target {
    /// What it is called, without what may be secret.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Store(url) => url.to_string(),
            Self::Collector(collector) => collector.name(),
        }
    }
}

/// The place up to which a store was sent to a target, where that is known.
#[must_use]
pub fn sent_up_to(checkpoints: &[Checkpoint], name: &str) -> Option<Cursor> {
    let id = id_of(name);
    let mut checkpoints = checkpoints.iter();
    let found = checkpoints.find(|it| it.is_of_target() && it.identity.inode == id)?;
    Some(Cursor::from_seq(found.offset.cast_signed()))
}

fn id_of(name: &str) -> u64 {
    // The hash of ids is the same on every machine and in every version.
    EventKey::of_id(name).hash
}

/// Notes how far a store was sent to one target.
pub(super) struct Noted<'a> {
    store: &'a mut dyn Writer,
    name: Text,
    place: Option<Cursor>,
    at: Instant,
    writer: i64,
    number: i64,
}

impl<'a> Noted<'a> {
    pub(super) fn read(store: &'a mut dyn Writer, name: &str) -> Result<Self, StoreError> {
        let place = sent_up_to(&store.checkpoints()?, name);
        Ok(Self {
            store,
            name: name.into(),
            place,
            at: Instant::now(),
            writer: writer_id(),
            number: 0,
        })
    }

    pub(super) fn place(&self) -> Option<Cursor> {
        self.place
    }

    /// Notes a place, unless it is noted.
    pub(super) fn note(&mut self, place: Cursor) -> Result<(), StoreError> {
        if self.place == Some(place) && self.at.elapsed() < STILL_SERVED {
            return Ok(());
        }
        // No other writer has its number: a batch that comes again is not applied twice.
        self.number += 1;
        let name = self.name.clone();
        let checkpoint = Checkpoint::of_target(name.clone(), id_of(&name), place.to_seq());
        self.store.append(&Batch {
            writer: self.writer,
            number: self.number,
            now: unix_ms(SystemTime::now()),
            events: Vec::new(),
            sources: vec![SourceProgress {
                name,
                checkpoint: Some(checkpoint),
                counts: Counts::default(),
            }],
        })?;
        self.place = Some(place);
        self.at = Instant::now();
        Ok(())
    }
}
