//! A growing array that many read while one appends, without a lock and without moving a row.
//!
//! Rows live in chunks, and chunks in shelves; both are allocated when first needed and never freed.
//! So ten rows take a few pages, and no number of rows is ever copied. A row that nobody has written
//! yet is the type's default; it is for the type to tell that it is none.

use std::sync::OnceLock;

const CHUNK_ROWS: usize = 1_024;
const SHELF_CHUNKS: usize = 512;
const SHELVES: usize = 512;

/// Rows by number; at most 2^28.
pub(super) struct Slots<T> {
    shelves: Row<Shelf<T>>,
}

type Shelf<T> = Row<Chunk<T>>;
type Chunk<T> = Box<[T]>;
/// Places of which each is filled once.
type Row<T> = Box<[OnceLock<T>]>;

fn default_of<T: Default>(places: usize) -> Box<[T]> {
    (0..places).map(|_| T::default()).collect()
}

impl<T: Default> Slots<T> {
    /// No rows yet.
    pub(super) fn new() -> Self {
        Self { shelves: default_of(SHELVES) }
    }

    /// The row at `index`, if its chunk is there.
    pub(super) fn get(&self, index: u32) -> Option<&T> {
        let (shelf, chunk, place) = split(index);
        self.shelves.get(shelf)?.get()?.get(chunk)?.get()?.get(place)
    }

    /// The row at `index`, to be written.
    pub(super) fn row(&self, index: u32) -> &T {
        let (shelf, chunk, place) = split(index);
        let shelf = self.shelves.get(shelf).expect("fewer than 2^28 rows");
        let chunk = &shelf.get_or_init(|| default_of(SHELF_CHUNKS))[chunk];
        &chunk.get_or_init(|| default_of(CHUNK_ROWS))[place]
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
        let slots: Slots<OnceLock<u32>> = Slots::new();
        // Both sides of every edge: of a chunk, of a shelf, of all.
        let edges = [0, 1, 1_023, 1_024, 524_287, 524_288, (1 << 28) - 1];
        let get = |index| slots.get(index).and_then(OnceLock::get).copied();
        for index in edges {
            assert_eq!(get(index), None, "{index}");
            slots.row(index).set(index).unwrap();
        }
        for index in edges {
            assert_eq!(get(index), Some(index));
        }
        assert_eq!((get(2), get(1_025)), (None, None));
        assert!(slots.get(2_048).is_none() && slots.get(1 << 28).is_none());
        assert!(slots.get(u32::MAX).is_none());
    }
}
