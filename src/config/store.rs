//! `[store]`: where the books are, and in which pieces they are kept.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Error, value};
use crate::limits;

/// The pieces in which the books are kept. Larger ones compress better and cost a start more memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pieces {
    /// A stretch of the log this large (encoded, in bytes) is sealed into a segment.
    pub segment_bytes: usize,
    /// Entries between two checkpoints, at least.
    pub checkpoint_entries: u64,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawStore {
    pub(super) data: Option<PathBuf>,
    segment_bytes: Option<usize>,
    checkpoint_entries: Option<u64>,
}

impl RawStore {
    pub(super) fn pieces(&self) -> Result<Pieces, Error> {
        let segment_bytes = self.segment_bytes.unwrap_or(limits::SEGMENT_BYTES);
        let (least, most) = (limits::SEGMENT_BYTES_MIN, limits::SEGMENT_BYTES_MAX);
        if !(least..=most).contains(&segment_bytes) {
            let message = format!("must be {least} to {most}");
            return Err(value("store.segment_bytes", message));
        }
        let checkpoint_entries = self.checkpoint_entries.unwrap_or(limits::CHECKPOINT_ENTRIES);
        let (least, most) = (limits::CHECKPOINT_ENTRIES_MIN, limits::CHECKPOINT_ENTRIES_MAX);
        if !(least..=most).contains(&checkpoint_entries) {
            let message = format!("must be {least} to {most}");
            return Err(value("store.checkpoint_entries", message));
        }
        Ok(Pieces { segment_bytes, checkpoint_entries })
    }

    pub(super) const fn of(data: PathBuf, pieces: Pieces) -> Self {
        let Pieces { segment_bytes, checkpoint_entries } = pieces;
        Self {
            data: Some(data),
            segment_bytes: Some(segment_bytes),
            checkpoint_entries: Some(checkpoint_entries),
        }
    }
}
