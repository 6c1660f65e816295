//! Many items over the machine's cores. What is found comes in the order of the items, however many
//! threads looked; knows nothing about what they look for.

use crate::compat::{Comparer, on_stack};
use crate::finding::Finding;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Items that one thread takes at a time; for fewer, no second thread is worth its start.
const ITEMS_AT_ONCE: usize = 8;

/// How many threads look at most: each takes address space for its stack and its memory.
const MAX_THREADS: usize = 4;

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
            // Relaxed is enough: the number alone is shared, and joining the threads orders the
            // rest.
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
            // Each has its own memory of proofs, so that none waits for another.
            let mut comparer = comparer.beside();
            let work = &work;
            // Without another thread, this one does it all.
            on_stack()
                .spawn_scoped(scope, move || work(&mut comparer))
                .ok()
        };
        // This thread works too, hence one less.
        let helpers: Vec<_> = (1..cores.min(pieces.len()).min(MAX_THREADS))
            .filter_map(help)
            .collect();
        let mut done = work(comparer);
        for helper in helpers {
            // A panic of a helper must not lose its findings silently.
            done.extend(helper.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        done
    });
    // Threads end in any order; the report may not depend on it.
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().flat_map(|(_, found)| found).collect()
}
