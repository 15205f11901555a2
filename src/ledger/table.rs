//! A growing table whose copy is cheap: rows in chunks, shared until one side writes.
//!
//! A checkpoint takes a copy of the whole book while the writer goes on. Copying a table copies one
//! pointer per chunk; a chunk is copied when it is first written after that.

use std::sync::Arc;

/// So many accounts fill whole pages of memory, and users a whole one.
const CHUNK_ROWS: usize = 512;

/// Rows by number, from 0, never removed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Table<T> {
    chunks: Vec<Arc<Vec<T>>>,
    rows: usize,
}

impl<T: Clone> Table<T> {
    /// A table without rows.
    pub const fn new() -> Self {
        Self { chunks: Vec::new(), rows: 0 }
    }

    /// The number of rows.
    pub const fn len(&self) -> usize {
        self.rows
    }

    /// Whether there is no row.
    pub const fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// The row at `index`.
    pub fn get(&self, index: u32) -> Option<&T> {
        let (chunk, row) = place(index)?;
        self.chunks.get(chunk)?.get(row)
    }

    /// The row at `index`, to be changed.
    pub fn get_mut(&mut self, index: u32) -> Option<&mut T> {
        let (chunk, row) = place(index)?;
        Arc::make_mut(self.chunks.get_mut(chunk)?).get_mut(row)
    }

    /// Adds a row at the end.
    pub fn push(&mut self, row: T) {
        match self.chunks.last_mut() {
            Some(chunk) if chunk.len() < CHUNK_ROWS => Arc::make_mut(chunk).push(row),
            _ => {
                let mut chunk = Vec::with_capacity(CHUNK_ROWS);
                chunk.push(row);
                self.chunks.push(Arc::new(chunk));
            }
        }
        self.rows = self.rows.saturating_add(1);
    }

    /// All rows in order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flat_map(|chunk| chunk.iter())
    }
}

impl<T: Clone> Default for Table<T> {
    fn default() -> Self {
        Self::new()
    }
}

fn place(index: u32) -> Option<(usize, usize)> {
    let index = usize::try_from(index).ok()?;
    Some((index.checked_div(CHUNK_ROWS)?, index.checked_rem(CHUNK_ROWS)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_does_not_see_later_writes() {
        let mut table = Table::new();
        for row in 0..1_000_u32 {
            table.push(row);
        }
        let copy = table.clone();
        *table.get_mut(999).unwrap() = 7;
        table.push(1_000);
        assert_eq!(copy.get(999), Some(&999));
        assert_eq!(copy.len(), 1_000);
        assert_eq!(table.get(999), Some(&7));
        assert_eq!(table.get(1_000), Some(&1_000));
        assert_eq!(table.get(1_001), None);
        assert_eq!(copy.iter().copied().collect::<Vec<_>>(), (0..1_000).collect::<Vec<_>>());
    }
}
