//! Samples that the head does not take any more, or that are imported: they become blocks of their own, beside
//! those that have their time already.

use super::PrometheusBlockWriter;
use super::tombstones::visible;
use crate::histogram::FloatHistogram;
use crate::io::Files;
use crate::labels::Labels;
use crate::query::tidy::Joints;
use crate::query::{Columns, StorageError};
use crate::stored_hint;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Samples that are held before they are written.
const SAMPLES_MAX: usize = 4 << 20;

/// Time that a block covers at most, ms.
const WINDOW_MS: i64 = 2 * 3_600_000;
/// A round of samples that spans more windows becomes one block.
const WINDOWS_MAX: usize = 1000;

/// Collects samples in any order, in bounded memory: now and then they are written as blocks.
pub struct LateSamples<'a> {
    files: &'a Files,
    dir: &'a Path,
    series: BTreeMap<Labels, (Columns, Joints<'static>)>,
    held: usize,
    blocks: Vec<PathBuf>,
}

impl<'a> LateSamples<'a> {
    /// Blocks will be made in `dir`.
    #[must_use]
    pub fn new(files: &'a Files, dir: &'a Path) -> Self {
        Self { files, dir, series: BTreeMap::new(), held: 0, blocks: Vec::new() }
    }

    fn add(&mut self, labels: &Labels, push: impl FnOnce(&mut Columns)) -> Result<(), StorageError> {
        let (columns, joints) = self.series.entry(labels.clone()).or_insert_with(|| {
            let columns = Columns::default();
            let joints = Joints::new(&columns);
            (columns, joints)
        });
        push(columns);
        joints.join(columns);
        self.held += 1;
        if self.held >= SAMPLES_MAX { self.flush() } else { Ok(()) }
    }

    /// Adds a float; `start` is 0 for none.
    ///
    /// # Errors
    /// A block cannot be written.
    pub fn float(
        &mut self,
        labels: &Labels,
        (timestamp, value, start): (i64, f64, i64),
    ) -> Result<(), StorageError> {
        self.add(labels, |columns| columns.push_started(timestamp, value, start))
    }

    /// Adds a native histogram; `start` is 0 for none.
    ///
    /// # Errors
    /// A block cannot be written.
    pub fn histogram(
        &mut self,
        labels: &Labels,
        (timestamp, value, start): (i64, Arc<FloatHistogram>, i64),
    ) -> Result<(), StorageError> {
        self.add(labels, |columns| columns.push_histogram(timestamp, value, start))
    }

    /// Adds samples, but for those that were deleted.
    pub(super) fn columns(
        &mut self,
        labels: &Labels,
        samples: &Columns,
        deleted: &[(i64, i64)],
    ) -> Result<(), StorageError> {
        let visible = visible((i64::MIN, i64::MAX), deleted);
        let times = samples.timestamps.iter().zip(&samples.values).enumerate();
        for (at, (timestamp, value)) in times {
            if !visible.iter().any(|(first, last)| (first..=last).contains(&timestamp)) {
                continue;
            }
            match samples.histogram(at) {
                Some(histogram) => {
                    self.histogram(labels, (*timestamp, Arc::clone(histogram), samples.start(at)))
                }
                None => self.float(labels, (*timestamp, *value, samples.start(at))),
            }?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StorageError> {
        self.held = 0;
        let mut series: Vec<(Labels, Columns)> = Vec::new();
        for (labels, (mut columns, joints)) in std::mem::take(&mut self.series) {
            joints.tidy(&mut columns);
            hint(&mut columns);
            series.push((labels, columns));
        }
        let times = || series.iter().flat_map(|(_, columns)| &columns.timestamps);
        let (Some(min), Some(max)) = (times().min(), times().max()) else { return Ok(()) };
        let mut windows = BTreeSet::new();
        for time in times() {
            windows.insert(time.div_euclid(WINDOW_MS));
            if windows.len() > WINDOWS_MAX {
                return self.write(&series, *min, *max);
            }
        }
        for window in windows {
            let start = window.saturating_mul(WINDOW_MS);
            self.write(&series, start.max(*min), start.saturating_add(WINDOW_MS - 1).min(*max))?;
        }
        Ok(())
    }

    /// Writes the samples within `[min, max]` as a block.
    fn write(&mut self, series: &[(Labels, Columns)], min: i64, max: i64) -> Result<(), StorageError> {
        let ulid = ulid::Ulid::new().to_string();
        let block = PrometheusBlockWriter::new(self.files, self.dir, ulid, min, max.saturating_add(1))?;
        let mut block = block.keep_late();
        let mut part = Columns::default();
        for (labels, columns) in series {
            part.clear();
            part.append(columns);
            let from = columns.timestamps.partition_point(|t| *t < min);
            let to = columns.timestamps.partition_point(|t| *t <= max);
            part.keep(0, from..to);
            block.add_series(labels, &part)?;
        }
        self.blocks.extend(block.finish()?);
        Ok(())
    }

    /// Writes what is left; the answer is the new blocks.
    ///
    /// # Errors
    /// A block cannot be written.
    pub fn finish(mut self) -> Result<Vec<PathBuf>, StorageError> {
        self.flush()?;
        Ok(self.blocks)
    }
}

/// Gives histograms the hints under which they read in the order in which they are now.
fn hint(columns: &mut Columns) {
    let mut before: Option<(u32, Arc<FloatHistogram>)> = None;
    for (at, histogram) in &mut columns.histograms {
        let previous = before.as_ref().filter(|(position, _)| position + 1 == *at).map(|(_, h)| &**h);
        let hint = stored_hint(previous, histogram);
        if histogram.hint != hint {
            Arc::make_mut(histogram).hint = hint;
        }
        before = Some((*at, Arc::clone(histogram)));
    }
}
