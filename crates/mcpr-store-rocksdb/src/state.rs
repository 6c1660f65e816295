//! Where a store stands: one record, written with every batch.

use crate::columns::Column;
use crate::keys::Key;
use crate::view::View;
use mcpr_store::{StoreError, StoreErrorKind};
use serde::{Deserialize, Serialize};

/// The layout that this version writes.
pub(crate) const LAYOUT: u32 = 1;

/// The sorts of records in [`Column::Meta`].
const STATE: u8 = b's';
pub(crate) const WRITER: u8 = b'w';

/// What is known of a store as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    /// First, so that any version finds it.
    pub(crate) layout: u32,
    pub(crate) store_id: i64,
    pub(crate) last_seq: i64,
    /// The last number given to a session, an operation or a client.
    pub(crate) last_id: u64,
    pub(crate) commits: i64,
    pub(crate) requests: u64,
    pub(crate) sessions: u64,
    pub(crate) duplicates: u64,
    pub(crate) conflicts: u64,
    pub(crate) undecided: u64,
    pub(crate) payloads: u64,
    pub(crate) payload_bytes: u64,
    pub(crate) gaps: u64,
    pub(crate) dropped: u64,
    pub(crate) bad_lines: u64,
    /// Versions of lists.
    pub(crate) versions: u64,
}

impl State {
    pub(crate) fn new() -> Self {
        Self {
            layout: LAYOUT,
            // 0 is that of a store that does not say.
            // By chance and not by time: a follower recognises by it that another store stands at the same path.
            store_id: fastrand::i64(1..=i64::MAX),
            ..Self::default()
        }
    }

    pub(crate) fn key() -> Key {
        Key::of(STATE)
    }

    /// That of a store; `None` where it has none yet.
    pub(crate) fn read(view: &View<'_>) -> Result<Option<Self>, StoreError> {
        let key = Self::key();
        let Some(bytes) = view.raw(Column::Meta, &key)? else {
            return Ok(None);
        };
        // Before the rest, which a later version may lay out in another way.
        let layout: u32 = crate::codec::unpack(&bytes)?;
        if layout > LAYOUT {
            return Err(newer(layout));
        }
        crate::codec::unseal(key.as_ref(), &bytes).map(Some)
    }

    /// That of a store that is there.
    pub(crate) fn stored(view: &View<'_>) -> Result<Self, StoreError> {
        let state = Self::read(view)?;
        state.ok_or_else(|| StoreError::new(StoreErrorKind::Missing, "there is no store here yet"))
    }

    pub(crate) fn next_seq(&mut self) -> i64 {
        // Never given twice, also when its row is removed: followers go on behind the last that they saw.
        self.last_seq += 1;
        self.last_seq
    }

    pub(crate) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }
}

pub(crate) fn newer(layout: u32) -> StoreError {
    let message = format!("the store has layout {layout}, and this version knows {LAYOUT}");
    StoreError::new(StoreErrorKind::Newer, message).hint("use the version of mcpr that wrote it")
}
