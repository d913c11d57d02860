//! What a run deleted, and which samples it may hide.

use crate::Matcher;

/// Series that are deleted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selector {
    /// One series.
    One(u32),
    /// Ten that follow each other.
    Tens(u32),
    /// All that share the name of even numbers.
    Even,
}

impl Selector {
    /// Whether a series is among them.
    #[must_use]
    pub fn selects(self, series: u32) -> bool {
        match self {
            Self::One(one) => series == one,
            Self::Tens(tens) => series / 10 == tens,
            Self::Even => series.is_multiple_of(2),
        }
    }

    /// The matchers that select them.
    #[must_use]
    pub fn matchers(self) -> Vec<Matcher> {
        vec![match self {
            Self::One(one) => Matcher::equal("s", one.to_string()),
            Self::Tens(tens) => Matcher::equal("tens", tens.to_string()),
            Self::Even => Matcher::equal("__name__", "even"),
        }]
    }
}

/// Samples of some series within a time range that were to be deleted. Times of the run are counted in changes of
/// the disk.
#[derive(Debug, Clone)]
pub struct Deletion {
    /// Which series.
    pub selector: Selector,
    /// First and last timestamp, ms.
    pub range: (i64, i64),
    /// When it began.
    pub begun: usize,
    /// When the database said that it is done.
    pub done: Option<usize>,
    /// Whether a power cut does not hurt it then.
    pub durable: bool,
}

impl Deletion {
    /// Whether it may hide a sample, also one that came later out of order.
    #[must_use]
    pub fn covers(&self, series: u32, timestamp: i64) -> bool {
        self.selector.selects(series) && (self.range.0..=self.range.1).contains(&timestamp)
    }
}
