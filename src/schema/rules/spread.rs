//! Many items over the machine's cores. What is found comes in the order of the items, however many
//! threads looked; knows nothing about what they look for.

use crate::schema::compat::Comparer;
use crate::schema::diff::STACK_BYTES;
use crate::schema::finding::Finding;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Items that one thread takes at a time; for fewer, no second thread is worth its start.
const ITEMS_AT_ONCE: usize = 8;

/// What `look` finds in each item, all after one another.
pub(super) fn over_cores<T: Sync>(
    items: &[T],
    comparer: &mut Comparer,
    look: impl Fn(&T, &mut Comparer) -> Vec<Finding> + Sync,
) -> Vec<Finding> {
    let pieces: Vec<&[T]> = items.chunks(ITEMS_AT_ONCE).collect();
    let next = AtomicUsize::new(0);
    let work = |comparer: &mut Comparer| {
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(piece) = pieces.get(at) else {
                return done;
            };
            let found: Vec<Finding> = piece.iter().flat_map(|item| look(item, comparer)).collect();
            done.push((at, found));
        }
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let mut done = thread::scope(|scope| {
        let help = |_| {
            let mut comparer = comparer.beside();
            let thread = thread::Builder::new().stack_size(STACK_BYTES);
            let work = &work;
            // Without another thread, this one does it all.
            thread.spawn_scoped(scope, move || work(&mut comparer)).ok()
        };
        let helpers: Vec<_> = (1..cores.min(pieces.len())).filter_map(help).collect();
        let mut done = work(comparer);
        for helper in helpers {
            done.extend(helper.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        done
    });
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().flat_map(|(_, found)| found).collect()
}
