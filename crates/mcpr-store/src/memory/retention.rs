//! What goes, in memory: each class by what it means, without slices.

use super::{Logged, State};
use crate::query::Summed;
use crate::{Class, Retention, StoreError, uncounted};
use mcpr_model::Request;
use mcpr_model::time::HOUR_MS;
use std::collections::BTreeSet;

impl State {
    /// Removes what is old of a class; says how many rows went.
    pub(super) fn vacuum(&mut self, what: &Retention) -> u64 {
        match what.class {
            Class::Requests => self.vacuum_requests(what),
            Class::Payloads => self.vacuum_payloads(what),
            Class::Sums => self.vacuum_sums(what),
            Class::Surfaces => self.shown.vacuum(what),
            Class::Names => self.vacuum_names(what),
        }
    }

    /// How many rows of a class are old.
    pub(super) fn count_of(&self, what: &Retention) -> Result<u64, StoreError> {
        let is_old = |request: &Request| request.ts < what.before && what.means(&request.proxy);
        let old = || self.requests().filter(|(_, request)| is_old(request));
        match what.class {
            Class::Requests => {
                let gaps = self.gaps().filter(|(_, gap)| gap.to_ts < what.before);
                let gaps = if what.proxy.is_none() {
                    gaps.count()
                } else {
                    0
                };
                Ok((old().count() + gaps) as u64)
            }
            Class::Payloads => {
                let kept = old().filter(|(seq, _)| self.payloads.contains_key(seq));
                Ok(kept.count() as u64)
            }
            Class::Sums | Class::Surfaces | Class::Names => Err(uncounted(what.class)),
        }
    }

    fn vacuum_requests(&mut self, what: &Retention) -> u64 {
        let before = what.before;
        // Folded before the requests go that sessions are made of.
        let sessions = self.sessions();
        let is_old = |request: &Request| request.ts < before && what.means(&request.proxy);
        let mut removed = self.remove_requests(|_, request| is_old(request));
        if what.proxy.is_none() {
            let length = self.log.len();
            self.log
                .retain(|logged| !matches!(logged, Logged::Gap(_, gap, _) if gap.to_ts < before));
            removed += (length - self.log.len()) as u64;
            self.bad_lines.retain(|row| row.line.ts >= before);
        }
        let kept: BTreeSet<i64> = self.requests().map(|(seq, _)| seq).collect();
        for row in sessions.rows() {
            let members = sessions.members_of(&row.key());
            let is_empty = !members.iter().any(|seq| kept.contains(seq));
            let is_over = is_empty && row.last_seen_at < before && what.means(&row.proxy);
            self.log.push(if is_over {
                Logged::Removal(row.key())
            } else {
                // What the requests counted for stays with the session when they are gone.
                Logged::Summary(row.key(), row)
            });
        }
        self.forget_runs();
        removed
    }

    fn vacuum_payloads(&mut self, what: &Retention) -> u64 {
        let is_old = |request: &Request| request.ts < what.before && what.means(&request.proxy);
        let old = self.requests().filter(|(_, request)| is_old(request));
        let old: BTreeSet<i64> = old.map(|(seq, _)| seq).collect();
        self.forget_outputs(what.before, &|proxy| what.means(proxy));
        let before = self.payloads.len();
        self.payloads.retain(|seq, _| !old.contains(seq));
        (before - self.payloads.len()) as u64
    }

    fn vacuum_sums(&mut self, what: &Retention) -> u64 {
        let before = self.rollups.len();
        // An hour goes only when all of it is before the time.
        let last_hour = what.before.saturating_sub(HOUR_MS);
        self.rollups
            .retain(|key, _| key.hour > last_hour || !what.means(&key.proxy));
        (before - self.rollups.len()) as u64
    }

    /// Names are not rows here; sources are, and what has sums of its own.
    fn vacuum_names(&mut self, what: &Retention) -> u64 {
        let gaps = self.gaps().map(|(_, gap)| gap.source.to_string());
        let lines = self.bad_lines.iter().map(|row| row.line.source.to_string());
        let files = self.checkpoints.values().map(|it| it.path.to_string());
        let used: BTreeSet<String> = gaps.chain(lines).chain(files).collect();
        let before = self.sources.len();
        self.sources
            .retain(|name, row| row.last_at >= what.before || used.contains(name));
        let mut summed = Summed::default();
        for key in self.rollups.keys() {
            summed.key(key.clone());
        }
        self.summed = summed;
        (before - self.sources.len()) as u64
    }
}
