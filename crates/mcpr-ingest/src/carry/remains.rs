//! What a store knows beside its rows: sums and counters of requests that are gone, sources, and where files stood.

use super::Carrier;
use mcpr_model::{Checkpoint, Counts, SourceProgress};
use mcpr_store::query::{Page, SessionFilter, SessionPage, SessionRow};
use mcpr_store::{Remains, RollupKey, RollupRow, StoreError, StoreErrorKind, fold};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Most sums that are held at once.
const SUMS_AT_ONCE: usize = 4096;

impl Carrier<'_> {
    /// Makes the sessions of a store of which requests are gone, before their requests come: an inferred one has
    /// lost the request that it would be known by.
    ///
    /// # Errors
    /// When one of the stores fails.
    pub fn sessions_without_counts(&mut self) -> Result<(), StoreError> {
        // Their counters come last: requests that follow would be added to them.
        self.each_page_of_sessions(&mut |rows| {
            let blank = |row: SessionRow| SessionRow {
                total_calls: 0,
                total_errors: 0,
                ..row
            };
            rows.into_iter().map(blank).collect()
        })
    }

    /// Carries over what sessions and hourly sums count beyond the requests that are there; `target` counts what is
    /// there. To be called once all requests are.
    ///
    /// # Errors
    /// When one of the stores fails; what was carried over before stays.
    pub fn counts(&mut self, target: &dyn mcpr_store::Reader) -> Result<(), StoreError> {
        self.each_page_of_sessions(&mut |rows| rows)?;
        // Sixteen bytes for each sum, where a sum itself takes hundreds.
        let mut counted: HashMap<u64, u64> = HashMap::new();
        target.rollups(&mut |row| {
            counted.insert(hash_of(&row.key), row.calls);
        })?;
        loop {
            let mut sums: Vec<RollupRow> = Vec::new();
            // Read once more for each part: to hold all of them would take memory by how much is stored.
            self.from.rollups(&mut |row| {
                let known = counted.get(&hash_of(&row.key)).copied();
                if sums.len() < SUMS_AT_ONCE && row.calls > known.unwrap_or(0) {
                    sums.push(row);
                }
            })?;
            if sums.is_empty() || self.carried.leaves_sums {
                return Ok(());
            }
            // Each is reported once, also where the target puts it among others.
            counted.extend(sums.iter().map(|row| (hash_of(&row.key), row.calls)));
            self.take_remains(&Remains {
                sums,
                sessions: Vec::new(),
            })?;
        }
    }

    fn each_page_of_sessions(
        &mut self,
        of: &mut dyn FnMut(Vec<SessionRow>) -> Vec<SessionRow>,
    ) -> Result<(), StoreError> {
        let every = SessionFilter {
            with_empty: true,
            ..SessionFilter::default()
        };
        let mut page = SessionPage::oldest(Page::MAX_LIMIT);
        loop {
            let rows = self.from.sessions(&every, &page)?;
            let is_last = rows.len() < page.limit;
            page.after = rows.last().map(SessionRow::place).or(page.after);
            if !rows.is_empty() {
                self.take_remains(&Remains {
                    sums: Vec::new(),
                    sessions: of(rows),
                })?;
            }
            if is_last || self.carried.leaves_sums {
                return Ok(());
            }
        }
    }

    /// Where a target cannot take them over the requests are still worth their copy.
    fn take_remains(&mut self, remains: &Remains) -> Result<(), StoreError> {
        match self.to.take_remains(remains) {
            Err(error) if error.kind == StoreErrorKind::Unsupported => {
                self.carried.leaves_sums = true;
                Ok(())
            }
            taken => taken,
        }
    }

    /// Carries over where files stood, so that a recorder goes on from there, and what was met in each source. The
    /// latter is added in the target, and so it is reported once: with the mark that the copy is done.
    ///
    /// # Errors
    /// When one of the stores fails.
    pub fn sources(&mut self) -> Result<(), StoreError> {
        let known = self.to.checkpoints()?;
        let is_further = |file: &Checkpoint| {
            let known = known.iter().find(|it| it.identity == file.identity);
            // One that was read further since the copy began is not set back.
            known.is_none_or(|known| known.offset < file.offset)
        };
        // Also how far the source took in other stores: what is theirs is in the copy.
        let mut files = fold::file_checkpoints(self.from)?;
        files.retain(is_further);
        let mut sources: Vec<SourceProgress> = files.into_iter().map(file).collect();
        if !self.has_sent_sources {
            for row in fold::sources(self.from)? {
                // At most one entry for each name.
                match sources.iter_mut().find(|it| *it.name == *row.name) {
                    Some(source) => source.counts = row.counts,
                    None => sources.push(SourceProgress {
                        name: row.name.into(),
                        checkpoint: None,
                        counts: row.counts,
                    }),
                }
            }
        }
        // Together with the counts, so that a kill in between reports them neither twice nor not at all.
        self.has_sent_sources = true;
        sources.push(self.progress());
        self.commit(Vec::new(), sources)
    }
}

fn file(checkpoint: Checkpoint) -> SourceProgress {
    SourceProgress {
        name: checkpoint.path.clone(),
        checkpoint: Some(checkpoint),
        counts: Counts::default(),
    }
}

fn hash_of(key: &RollupKey) -> u64 {
    // Of one process only: it is kept nowhere.
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}
