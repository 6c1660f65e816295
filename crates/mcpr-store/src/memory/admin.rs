//! The care of a store in memory, which has no size and no files.

use super::{Logged, MemoryStore};
use crate::query::SessionKey;
use crate::{Admin, Class, Oldest, Renamed, Retention, StoreError};
use mcpr_model::{Checkpoint, Request};
use std::path::Path;

impl Admin for MemoryStore {
    fn delete_session(&mut self, session: &SessionKey) -> Result<u64, StoreError> {
        let mut state = self.state();
        state.forget_open(session);
        Ok(state.remove_session(session, |row| Logged::Removal(row.key())))
    }

    fn summarize_session(&mut self, session: &SessionKey) -> Result<u64, StoreError> {
        Ok(self
            .state()
            .remove_session(session, |row| Logged::Summary(row.key(), row)))
    }

    fn rename_proxy(&mut self, old: &str, new: &str) -> Result<Option<Renamed>, StoreError> {
        Ok(self.state().rename_proxy(old, new))
    }

    fn vacuum(
        &mut self,
        what: &Retention,
        on_progress: &mut dyn FnMut(u64),
    ) -> Result<u64, StoreError> {
        let removed = self.state().vacuum(what);
        on_progress(removed);
        Ok(removed)
    }

    fn begin_sweep(&mut self, what: &Retention) {
        self.state().begun = Some(what.clone());
    }

    fn sweep_slice(&mut self) -> Result<Option<u64>, StoreError> {
        let begun = self.state().begun.take();
        Ok(begun.map(|what| self.state().vacuum(&what)))
    }

    fn count_of(&self, what: &Retention) -> Result<u64, StoreError> {
        self.state().count_of(what)
    }

    fn time_after_oldest(
        &self,
        proxy: Option<&str>,
        requests: u64,
    ) -> Result<Option<i64>, StoreError> {
        let state = self.state();
        let of_proxy = |request: &&Request| proxy.is_none_or(|proxy| *request.proxy == *proxy);
        let mut times: Vec<i64> = state
            .requests()
            .map(|(_, request)| request)
            .filter(of_proxy)
            .map(|request| request.ts)
            .collect();
        times.sort_unstable();
        let at = usize::try_from(requests).unwrap_or(usize::MAX);
        // With fewer requests than were asked for, all of them lie before the time.
        let last = times.get(at.saturating_sub(1)).or(times.last());
        // The time is exclusive, and the last of them is meant, too.
        Ok(last.map(|ts| ts.saturating_add(1)))
    }

    fn oldest(&self, _: Class, _: Option<&str>, _: u64) -> Result<Option<Oldest>, StoreError> {
        Err(without_size())
    }

    fn forget_files(
        &mut self,
        _: i64,
        _: &mut dyn FnMut(&Checkpoint) -> bool,
    ) -> Result<u64, StoreError> {
        let message = "a store in memory does not know when a file was last read";
        Err(StoreError::unsupported(message))
    }

    fn shrink(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    fn backup(&mut self, _: &Path) -> Result<(), StoreError> {
        Err(without_size())
    }

    fn compact(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    fn shrink_slice(&mut self) -> Result<bool, StoreError> {
        Ok(false)
    }

    fn free_bytes(&self) -> Result<u64, StoreError> {
        Err(without_size())
    }

    fn used_bytes(&self) -> Result<u64, StoreError> {
        Err(without_size())
    }

    fn empty_bytes(&self) -> Result<u64, StoreError> {
        Err(without_size())
    }
}

fn without_size() -> StoreError {
    StoreError::unsupported("a store in memory has no size")
}
