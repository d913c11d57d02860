//! Where the frame of a chunk lies.

/// A chunk of a series in a block.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ChunkRef {
    /// First timestamp, ms.
    pub(crate) min: i64,
    /// Last timestamp, ms.
    pub(crate) max: i64,
    /// The number of its timestamp column; its offset in version 2.
    pub(crate) timeline: u64,
    pub(super) place: Place,
}

/// Where a frame lies among the pages.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    /// Versions 1 and 2: behind the header of the page at an offset of the file. It ends where it ends.
    InPage { page: usize, in_page: usize },
    /// From version 3 on: a stretch of what the pages hold, one behind the other.
    Stretch { offset: u64, len: u64 },
}

impl ChunkRef {
    pub(crate) fn overlaps(&self, mint: i64, maxt: i64) -> bool {
        self.min <= maxt && self.max >= mint
    }

    /// Whether it is known where the frame ends.
    pub(crate) fn has_length(&self) -> bool {
        matches!(self.place, Place::Stretch { .. })
    }
}
