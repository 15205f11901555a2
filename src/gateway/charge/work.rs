//! Work in line: so much at once, the rest in the order in which it came.

use std::collections::VecDeque;

use crate::ledger::id::Position;

/// Work of one kind.
pub(super) struct Work {
    waiting: VecDeque<Position>,
    under_way: usize,
    max: usize,
}

impl Work {
    /// Nothing yet; `max` of it at once.
    pub(super) const fn new(max: usize) -> Self {
        Self { waiting: VecDeque::new(), under_way: 0, max }
    }

    /// Adds to the end of the line.
    pub(super) fn put(&mut self, of: Position) {
        self.waiting.push_back(of);
    }

    /// What is to begin now, if there is room; [`Work::done`] must follow.
    pub(super) fn take(&mut self) -> Option<Position> {
        if self.under_way >= self.max {
            return None;
        }
        let next = self.waiting.pop_front()?;
        self.under_way += 1;
        Some(next)
    }

    /// Some of it is over.
    pub(super) const fn done(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_much_at_once_and_the_rest_in_line() {
        let mut work = Work::new(2);
        let at = |number: u64| Position::new(number);
        for number in 1..=5 {
            work.put(at(number).unwrap());
        }
        assert_eq!([work.take(), work.take(), work.take()], [at(1), at(2), None]);
        work.done();
        assert_eq!([work.take(), work.take()], [at(3), None]);
        for _ in 0..2 {
            work.done();
        }
        assert_eq!([work.take(), work.take()], [at(4), at(5)]);
        work.done();
        assert_eq!(work.take(), None);
    }
}
