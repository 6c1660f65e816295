//! A bounded memory.

use std::collections::{HashMap, VecDeque};

/// A map that forgets what came first.
#[derive(Debug)]
pub(crate) struct Remembered<T> {
    known: HashMap<u64, T>,
    order: VecDeque<u64>,
}

impl<T> Default for Remembered<T> {
    fn default() -> Self {
        Self {
            known: HashMap::new(),
            order: VecDeque::new(),
        }
    }
}

impl<T> Remembered<T> {
    pub(crate) fn put(&mut self, key: u64, value: T, most: usize) {
        if self.known.insert(key, value).is_none() {
            self.order.push_back(key);
        }
        // What is forgotten may give a row too many, never one too few.
        while self.order.len() > most {
            if let Some(oldest) = self.order.pop_front() {
                self.known.remove(&oldest);
            }
        }
    }

    pub(crate) fn get(&self, key: u64) -> Option<&T> {
        self.known.get(&key)
    }
}
