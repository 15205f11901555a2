//! A growing array that many read while one appends, without a lock and without moving a row.
//!
//! Rows live in chunks, and chunks in shelves; both are allocated when first needed and never freed.
//! So ten rows take a few pages, and no number of rows is ever copied.

use std::sync::OnceLock;

const CHUNK_ROWS: usize = 1_024;
const SHELF_CHUNKS: usize = 512;
const SHELVES: usize = 512;

/// Rows by number; at most 2^28.
pub(super) struct Slots<T> {
    shelves: Row<Shelf<T>>,
}

type Shelf<T> = Row<Chunk<T>>;
type Chunk<T> = Row<T>;
/// Places of which each is filled once.
type Row<T> = Box<[OnceLock<T>]>;

fn row<T>(places: usize) -> Row<T> {
    (0..places).map(|_| OnceLock::new()).collect()
}

impl<T> Slots<T> {
    /// No rows yet.
    pub(super) fn new() -> Self {
        Self { shelves: row(SHELVES) }
    }

    /// The row at `index`, if it has been set.
    pub(super) fn get(&self, index: u32) -> Option<&T> {
        let (shelf, chunk, place) = split(index);
        self.shelves.get(shelf)?.get()?.get(chunk)?.get()?.get(place)?.get()
    }

    /// Sets the row at `index`, once.
    pub(super) fn set(&self, index: u32, value: T) {
        let (shelf, chunk, place) = split(index);
        let shelf = self.shelves.get(shelf).expect("fewer than 2^28 rows");
        let chunk = &shelf.get_or_init(|| row(SHELF_CHUNKS))[chunk];
        let fresh = chunk.get_or_init(|| row(CHUNK_ROWS))[place].set(value).is_ok();
        assert!(fresh, "a row is set once");
    }
}

/// The shelf, the chunk on it and the place therein of a row.
fn split(index: u32) -> (usize, usize, usize) {
    let index = usize::try_from(index).expect("u32 fits usize on every target of ours");
    let chunk = index / CHUNK_ROWS;
    (chunk / SHELF_CHUNKS, chunk % SHELF_CHUNKS, index % CHUNK_ROWS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_where_they_were_put() {
        let slots = Slots::new();
        // Both sides of every edge: of a chunk, of a shelf, of all.
        let edges = [0, 1, 1_023, 1_024, 524_287, 524_288, (1 << 28) - 1];
        for index in edges {
            assert_eq!(slots.get(index), None, "{index}");
            slots.set(index, index);
        }
        for index in edges {
            assert_eq!(slots.get(index), Some(&index));
        }
        assert_eq!((slots.get(2), slots.get(1_025), slots.get(1 << 28)), (None, None, None));
        assert_eq!(slots.get(u32::MAX), None);
    }
}
