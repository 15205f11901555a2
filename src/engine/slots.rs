//! A growing array that many read while one appends, without a lock and without moving a row.
//!
//! Rows live in chunks that are allocated when first needed and never freed.

use std::sync::OnceLock;

const CHUNK_ROWS: usize = 1_024;
const CHUNKS_MAX: usize = 1 << 18;

/// Rows by number; at most 2^28.
pub(super) struct Slots<T> {
    chunks: Box<[OnceLock<Chunk<T>>]>,
}

type Chunk<T> = Box<[OnceLock<T>]>;

impl<T> Slots<T> {
    /// No rows yet.
    pub(super) fn new() -> Self {
        Self { chunks: (0..CHUNKS_MAX).map(|_| OnceLock::new()).collect() }
    }

    /// The row at `index`, if it has been set.
    pub(super) fn get(&self, index: u32) -> Option<&T> {
        let index = usize::try_from(index).ok()?;
        self.chunks.get(index / CHUNK_ROWS)?.get()?.get(index % CHUNK_ROWS)?.get()
    }

    /// Sets the row at `index`, once.
    pub(super) fn set(&self, index: u32, row: T) {
        let index = usize::try_from(index).expect("u32 fits usize on every target of ours");
        let chunk = self
            .chunks
            .get(index / CHUNK_ROWS)
            .expect("fewer than 2^28 rows")
            .get_or_init(|| (0..CHUNK_ROWS).map(|_| OnceLock::new()).collect());
        let fresh = chunk[index % CHUNK_ROWS].set(row).is_ok();
        assert!(fresh, "a row is set once");
    }
}
