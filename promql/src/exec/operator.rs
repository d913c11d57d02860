//! The shape of an operator.

use super::Context;
use crate::batch::Batch;
use crate::budget::Charge;
use crate::engine::EngineError;
use narthex_storage::Labels;

/// One output series of an operator.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Meta {
    /// Labels.
    pub(crate) labels: Labels,
    /// The metric name is to go at the end of the query (delayed name removal).
    pub(crate) drop_name: bool,
}

impl Meta {
    /// A series whose name stays.
    pub(crate) fn of(labels: Labels) -> Self {
        Self { labels, drop_name: false }
    }
}

/// Some consecutive series of an operator, with what they weigh.
#[derive(Debug)]
pub(crate) struct Part {
    /// Position of the first series among the operator's.
    pub(crate) first: usize,
    /// Their values.
    pub(crate) batch: Batch,
    /// What they weigh; given back when the part is dropped.
    _charge: Charge,
}

impl Part {
    /// A batch whose first series has this position, and what it weighs.
    pub(crate) fn new(first: usize, batch: Batch, charge: Charge) -> Self {
        Self { first, batch, _charge: charge }
    }
}

/// Something that gives series, batch after batch.
pub(crate) trait Operator {
    /// All output series; some may turn out to have no sample.
    fn series(&self) -> &[Meta];

    /// The next part, in the order of the series; `None` after the last.
    fn next(&mut self, cx: &Context<'_>) -> Result<Option<Part>, EngineError>;
}

/// Everything of an operator, in memory.
#[derive(Debug)]
pub(crate) struct Collected {
    pub(crate) parts: Vec<Part>,
    /// For each series its part and its place in it.
    places: Vec<(u32, u32)>,
}

impl Collected {
    /// Pulls an operator to its end.
    pub(crate) fn of(cx: &Context<'_>, operator: &mut dyn Operator) -> Result<Self, EngineError> {
        let mut all = Self { parts: Vec::new(), places: Vec::with_capacity(operator.series().len()) };
        while let Some(part) = operator.next(cx)? {
            all.push(part);
        }
        Ok(all)
    }

    pub(crate) fn push(&mut self, part: Part) {
        // A query of 4 billion series is beyond any budget.
        let number = u32::try_from(self.parts.len()).unwrap_or(u32::MAX);
        self.places.extend((0..part.batch.len()).map(|i| (number, u32::try_from(i).unwrap_or(u32::MAX))));
        self.parts.push(part);
    }

    /// A series; empty when there is no such one.
    #[inline]
    pub(crate) fn column(&self, series: usize) -> crate::batch::Column<'_> {
        let place =
            self.places.get(series).and_then(|(part, at)| Some((self.parts.get(*part as usize)?, at)));
        match place {
            Some((part, at)) => part.batch.column(*at as usize),
            None => crate::batch::Column { values: &[], present: &[], histograms: &[] },
        }
    }
}

/// Series that are there already.
pub(crate) struct Ready {
    series: Vec<Meta>,
    parts: std::vec::IntoIter<Part>,
}

impl Ready {
    pub(crate) fn new(series: Vec<Meta>, parts: Vec<Part>) -> Self {
        Self { series, parts: parts.into_iter() }
    }

    /// No series at all.
    pub(crate) fn empty() -> Self {
        Self::new(Vec::new(), Vec::new())
    }

    /// One batch of all series.
    pub(crate) fn of(cx: &Context<'_>, series: Vec<Meta>, batch: Batch) -> Result<Self, EngineError> {
        let charge = cx.charge(&batch)?;
        Ok(Self::new(series, vec![Part::new(0, batch, charge)]))
    }
}

impl Operator for Ready {
    fn series(&self) -> &[Meta] {
        &self.series
    }

    fn next(&mut self, _: &Context<'_>) -> Result<Option<Part>, EngineError> {
        Ok(self.parts.next())
    }
}
