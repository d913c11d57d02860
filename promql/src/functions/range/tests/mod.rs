//! Kernels over windows that a small helper builds from samples, a range and a grid of steps.

mod floats;
mod histograms;
mod properties;

use super::{RANGE_FUNCTIONS, check_bounds, find};
use crate::annotations::Annotations;
use crate::batch::Batch;
use crate::engine::EngineError;
use crate::functions::input::{RangeInput, RangeKernel};
use crate::syntax::ast::{Bounds, Span};
use narthex_storage::{Columns, FloatHistogram, Labels};
use std::sync::Arc;

/// A function call over steps; all times are ms.
#[derive(Clone)]
pub(super) struct Case {
    pub(super) samples: Columns,
    pub(super) steps: Vec<i64>,
    pub(super) range_ms: i64,
    pub(super) lookback_ms: i64,
    pub(super) bounds: Bounds,
    pub(super) params: Vec<f64>,
    pub(super) labels: Labels,
    pub(super) use_starts: bool,
    pub(super) type_and_unit: bool,
}

/// What a call gives.
pub(super) struct Outcome {
    batch: Batch,
    pub(super) warnings: Vec<String>,
    pub(super) infos: Vec<String>,
}

impl Case {
    /// Samples every `interval` seconds from 0 on; NaN stands for no sample.
    pub(super) fn every(interval: i64, values: &[f64]) -> Self {
        let mut samples = Columns::default();
        for (at, value) in values.iter().enumerate().filter(|(_, value)| !value.is_nan()) {
            samples.push(at as i64 * interval * 1000, *value);
        }
        Self::of(samples)
    }

    pub(super) fn of(samples: Columns) -> Self {
        Self {
            samples,
            steps: Vec::new(),
            range_ms: 0,
            lookback_ms: 300_000,
            bounds: Bounds::Plain,
            params: Vec::new(),
            labels: Labels::from_pairs([("__name__", "metric_total")]),
            use_starts: false,
            type_and_unit: false,
        }
    }

    /// Evaluates at seconds, over a range of seconds.
    pub(super) fn at(mut self, range: i64, steps: &[i64]) -> Self {
        self.range_ms = range * 1000;
        self.steps = steps.iter().map(|step| step * 1000).collect();
        self
    }

    pub(super) fn bounds(mut self, bounds: Bounds) -> Self {
        self.bounds = bounds;
        self
    }

    pub(super) fn run(&self, function: &str) -> Result<Outcome, EngineError> {
        self.call(find(function).unwrap().kernel)
    }

    pub(super) fn call(&self, kernel: RangeKernel) -> Result<Outcome, EngineError> {
        let position = |time: i64| self.samples.timestamps.partition_point(|t| *t <= time) as u32;
        let windows: Vec<_> =
            self.steps.iter().map(|end| (position(end - self.range_ms), position(*end))).collect();
        let params: Vec<_> = self.params.iter().map(|param| vec![*param; self.steps.len()]).collect();
        let input = RangeInput {
            labels: &self.labels,
            samples: &self.samples,
            windows: &windows,
            ends: &self.steps,
            times: &self.steps,
            range_ms: self.range_ms,
            lookback_ms: self.lookback_ms,
            bounds: self.bounds,
            subquery: false,
            params: &params,
            span: Span { start: 0, end: 1 },
            use_starts: self.use_starts,
            type_and_unit: self.type_and_unit,
        };
        let mut batch = Batch::new(1, self.steps.len());
        let mut annotations = Annotations::default();
        kernel(&input, &mut batch.column_mut(0), &mut annotations)?;
        let (warnings, infos) = annotations.render("x");
        Ok(Outcome { batch, warnings, infos })
    }

    /// The floats of a call that must succeed.
    pub(super) fn floats(&self, function: &str) -> Vec<Option<f64>> {
        let outcome = self.run(function).unwrap();
        (0..self.steps.len()).map(|step| outcome.batch.column(0).float(step)).collect()
    }
}

impl Outcome {
    pub(super) fn histogram(&self, step: usize) -> Option<&Arc<FloatHistogram>> {
        self.batch.column(0).histogram(step)
    }

    pub(super) fn float(&self, step: usize) -> Option<f64> {
        self.batch.column(0).float(step)
    }
}

#[test]
fn names_are_sorted_and_found() {
    assert!(RANGE_FUNCTIONS.windows(2).all(|pair| pair[0].name < pair[1].name));
    assert!(find("rate").is_some() && find("absent_over_time").is_none());
}

#[test]
fn modifiers_are_refused_by_name() {
    let refuse = |function, bounds| check_bounds(function, bounds).unwrap_err().to_string();
    assert_eq!(
        refuse("deriv", Bounds::Anchored),
        "anchored modifier can only be used with: changes, delta, increase, rate, resets - not with deriv"
    );
    assert_eq!(
        refuse("resets", Bounds::Smoothed),
        "smoothed modifier can only be used with: delta, increase, rate - not with resets"
    );
    assert!(check_bounds("resets", Bounds::Anchored).is_ok());
    assert!(check_bounds("deriv", Bounds::Plain).is_ok());
}
