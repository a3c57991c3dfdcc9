//! What is still to be read, shared by the connections that read.
//!
//! A connection stays with its table while there is something left of it, and
//! then helps others; so tables come side by side, and each in its key's order.

use super::chunks::Chunk;
use crate::sum::{Method, RowSum};
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// What a connection does next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Find the chunks of a table, then [`Queue::planned`].
    Plan(usize),
    /// Read a chunk of a table, then [`Queue::read`].
    Read(usize, Chunk),
    /// Wait for [`Queue::changed`]: others find chunks.
    Wait,
    /// Nothing is left.
    Done,
}

/// Tables by their place in the list that was given.
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Notify,
}

struct State {
    /// Tables nobody has begun; the next one at the end.
    waiting: Vec<usize>,
    tables: Vec<Work>,
    planning: usize,
}

struct Work {
    chunks: VecDeque<Chunk>,
    parts: usize,
    sum: RowSum,
}

impl Queue {
    /// For tables of these sizes in bytes; the largest come first.
    pub fn new(sizes: &[u64], method: Method) -> Self {
        let mut waiting: Vec<usize> = (0..sizes.len()).collect();
        waiting.sort_by_key(|i| (sizes[*i], std::cmp::Reverse(*i)));
        let work = || Work {
            chunks: VecDeque::new(),
            parts: 0,
            sum: RowSum::new(method),
        };
        Self {
            state: Mutex::new(State {
                waiting,
                tables: sizes.iter().map(|_| work()).collect(),
                planning: 0,
            }),
            changed: Notify::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a connection that is at `current` does next.
    pub fn next(&self, current: Option<usize>) -> Next {
        let mut state = self.state();
        if let Some(table) = current
            && let Some(chunk) = state.tables[table].chunks.pop_front()
        {
            return Next::Read(table, chunk);
        }
        if let Some(table) = state.waiting.pop() {
            state.planning += 1;
            return Next::Plan(table);
        }
        let most = (0..state.tables.len()).max_by_key(|i| state.tables[*i].chunks.len());
        match most.and_then(|i| Some((i, state.tables[i].chunks.pop_front()?))) {
            Some((table, chunk)) => Next::Read(table, chunk),
            None if state.planning > 0 => Next::Wait,
            None => Next::Done,
        }
    }

    /// The chunks of a table were found.
    pub fn planned(&self, table: usize, chunks: Vec<Chunk>) {
        let mut state = self.state();
        state.tables[table].chunks = chunks.into();
        state.planning -= 1;
        drop(state);
        self.changed.notify_waiters();
    }

    /// Waits until it may be worth to ask again. May miss a change that comes
    /// between, so [`Queue::next`] is asked after this is created.
    pub fn changed(&self) -> tokio::sync::futures::Notified<'_> {
        self.changed.notified()
    }

    /// A number for a new part of a table, from 1.
    pub fn part(&self, table: usize) -> usize {
        let mut state = self.state();
        state.tables[table].parts += 1;
        state.tables[table].parts
    }

    /// A chunk of a table was read.
    pub fn read(&self, table: usize, sum: RowSum) {
        self.state().tables[table].sum.merge(sum);
    }

    /// The sums of all tables.
    pub fn sums(&self) -> Vec<RowSum> {
        self.state().tables.iter().map(|w| w.sum).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_stays_with_its_table_and_then_helps() {
        let queue = Queue::new(&[1, 5, 3], Method::Xxh3);
        assert_eq!(queue.next(None), Next::Plan(1));
        assert_eq!(queue.next(None), Next::Plan(2));
        assert_eq!(queue.next(None), Next::Plan(0));
        assert_eq!(queue.next(None), Next::Wait);
        queue.planned(1, vec![Chunk::default(); 3]);
        queue.planned(2, vec![Chunk::default(); 1]);
        queue.planned(0, vec![]);
        let read = |table| Next::Read(table, Chunk::default());
        assert_eq!(queue.next(Some(2)), read(2));
        assert_eq!(queue.next(Some(2)), read(1));
        assert_eq!(queue.next(Some(1)), read(1));
        assert_eq!(queue.next(Some(0)), read(1));
        assert_eq!(queue.next(Some(0)), Next::Done);
    }
}
