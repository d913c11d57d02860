//! Function calls.

use super::{Evaluator, Outcome, check_unique};
use crate::engine::EngineError;
use crate::functions::dates::{self, DATES};
use crate::functions::histogram::{self, Bucket};
use crate::functions::math::{self, MATH, round};
use crate::functions::over_time::{OVER_TIME, regression, smoothed};
use crate::numeric::quantile;
use crate::syntax::ast::{Call, Expr, Span};
use crate::value::Column;
use narthex_storage::{GoRegex, Labels, LabelsBuilder, MatchOp, Matcher};
use std::collections::{BTreeMap, HashMap};

type Columns = Vec<Column>;

impl Evaluator<'_> {
    pub(super) fn call(&mut self, call: &Call) -> Result<Outcome, EngineError> {
        let name = call.function.name;
        let args = call.args.as_slice();
        if let Some(over_time) = OVER_TIME.iter().find(|f| f.name == name) {
            let columns = self.windows(arg(args, 0)?, |_, window| (over_time.kernel)(window))?;
            if matches!(name, "rate" | "increase") {
                self.inform_of_gauges(&columns, arg(args, 0)?.span());
            }
            return if over_time.keeps_name { Ok(Outcome::Vector(columns)) } else { self.named(columns) };
        }
        if let Some((_, math)) = MATH.iter().find(|(n, _)| *n == name) {
            let mut columns = self.vector(arg(args, 0)?)?;
            columns.iter_mut().for_each(|column| column.map(math));
            return self.named(columns);
        }
        if let Some((_, part)) = DATES.iter().find(|(n, _)| *n == name) {
            let mut columns = match args.first() {
                Some(arg) => self.vector(arg)?,
                None => vec![self.times()],
            };
            columns.iter_mut().for_each(|column| column.map(|v| dates::part(v, *part)));
            return self.named(columns);
        }
        match name {
            "time" => Ok(Outcome::Scalar(self.times().values)),
            // Of the whole query, also inside a subquery.
            "start" => self.constant(self.whole.start as f64 / 1000.0),
            "end" => self.constant(self.whole.last() as f64 / 1000.0),
            "range" => self.constant((self.whole.last() - self.whole.start) as f64 / 1000.0),
            "step" => self.constant(self.whole.step as f64 / 1000.0),
            "pi" => self.constant(std::f64::consts::PI),
            "vector" => self.vector(arg(args, 0)?).map(Outcome::Vector),
            "scalar" => self.scalar_of(args),
            "timestamp" => self.timestamp(args),
            "absent" => self.absent(args),
            "absent_over_time" => self.absent_over_time(args),
            "sort" | "sort_desc" | "sort_by_label" | "sort_by_label_desc" => {
                if self.steps.count > 1 {
                    let text =
                        "sort is ineffective for range queries since results are always ordered by labels";
                    self.warn(text.to_owned(), call.span);
                }
                let descending = name.ends_with("_desc");
                if name.contains("label") {
                    self.sort_by_label(args, descending)
                } else {
                    self.sort(args, descending)
                }
            }
            "label_replace" => self.label_replace(args),
            "label_join" => self.label_join(args),
            "clamp" | "clamp_min" | "clamp_max" => self.clamp(name, args),
            "round" => self.round(args),
            "predict_linear" => {
                let ahead = self.scalar(arg(args, 1)?)?;
                let times = self.times().values;
                let columns = self.windows(arg(args, 0)?, |step, window| {
                    if window.values.len() < 2 {
                        return None;
                    }
                    let origin = (times.get(step)? * 1000.0) as i64;
                    let (slope, intercept) = regression(window, origin);
                    Some(slope * ahead.get(step)? + intercept)
                })?;
                self.named(columns)
            }
            "quantile_over_time" => {
                let q = self.scalar(arg(args, 0)?)?;
                q.iter()
                    .for_each(|q| self.warn_quantile(*q, args.first().map(Expr::span).unwrap_or_default()));
                let columns = self.windows(arg(args, 1)?, |step, window| {
                    Some(quantile(q.get(step).copied().unwrap_or(f64::NAN), &mut window.values.to_vec()))
                })?;
                self.named(columns)
            }
            "double_exponential_smoothing" => {
                let (smoothing, trend) = (self.scalar(arg(args, 1)?)?, self.scalar(arg(args, 2)?)?);
                for (factor, what) in [(&smoothing, "smoothing"), (&trend, "trend")] {
                    if let Some(bad) = factor.iter().find(|f| **f <= 0.0 || **f >= 1.0) {
                        let text = format!(
                            "invalid {what} factor. Expected: 0 < {} < 1, got: {bad:.6}",
                            if what == "trend" { "tf" } else { "sf" }
                        );
                        return Err(EngineError::Exec(text));
                    }
                }
                let columns = self.windows(arg(args, 0)?, |step, window| {
                    smoothed(window.values, *smoothing.get(step)?, *trend.get(step)?)
                })?;
                self.named(columns)
            }
            "histogram_quantile" => {
                let q = self.scalar(arg(args, 0)?)?;
                let columns = self.vector(arg(args, 1)?)?;
                q.iter()
                    .for_each(|q| self.warn_quantile(*q, args.first().map(Expr::span).unwrap_or_default()));
                self.classic(columns, arg(args, 1)?.span(), |step, buckets| {
                    histogram::quantile(q.get(step).copied().unwrap_or(f64::NAN), buckets)
                })
            }
            "histogram_fraction" => {
                let (lower, upper) = (self.scalar(arg(args, 0)?)?, self.scalar(arg(args, 1)?)?);
                let columns = self.vector(arg(args, 2)?)?;
                let at = |values: &[f64], step: usize| values.get(step).copied().unwrap_or(f64::NAN);
                self.classic(columns, arg(args, 2)?.span(), |step, buckets| {
                    histogram::fraction(at(&lower, step), at(&upper, step), buckets)
                })
            }
            // Floats carry no native histogram: these have nothing to say of them.
            "histogram_avg" | "histogram_count" | "histogram_stddev" | "histogram_stdvar"
            | "histogram_sum" => {
                self.vector(arg(args, 0)?)?;
                Ok(Outcome::Vector(Vec::new()))
            }
            other => Err(EngineError::Exec(format!("function {other:?} is not served yet"))),
        }
    }

    /// Names that do not look like a counter's.
    fn inform_of_gauges(&mut self, columns: &[Column], span: Span) {
        const SUFFIXES: [&str; 4] = ["_total", "_sum", "_count", "_bucket"];
        let Some(name) = columns.first().and_then(|c| c.labels.get("__name__")) else { return };
        if !name.is_empty() && !SUFFIXES.iter().any(|suffix| name.ends_with(suffix)) {
            let text = format!(
                "metric might not be a counter, name does not end in _total/_sum/_count/_bucket: {name:?}"
            );
            self.inform(text, span);
        }
    }

    fn constant(&self, value: f64) -> Result<Outcome, EngineError> {
        Ok(Outcome::Scalar(vec![value; self.steps.count]))
    }

    fn named(&self, columns: Columns) -> Result<Outcome, EngineError> {
        self.drop_names(columns).map(Outcome::Vector)
    }

    /// The time of each step, seconds.
    fn times(&self) -> Column {
        let values: Vec<f64> = (0..self.steps.count).map(|i| self.steps.time(i) as f64 / 1000.0).collect();
        let present = vec![true; values.len()];
        Column { labels: Labels::empty(), drop_name: false, values, present }
    }

    fn scalar_of(&mut self, args: &[Expr]) -> Result<Outcome, EngineError> {
        let columns = self.vector(arg(args, 0)?)?;
        let one = |step: usize| {
            let mut present = columns.iter().filter_map(|c| c.get(step));
            match (present.next(), present.next()) {
                (Some(value), None) => value,
                _ => f64::NAN,
            }
        };
        Ok(Outcome::Scalar((0..self.steps.count).map(one).collect()))
    }

    fn timestamp(&mut self, args: &[Expr]) -> Result<Outcome, EngineError> {
        // Of a selector the time of the sample, of anything else the time of the step.
        if let Expr::Vector(selector) = arg(args, 0)?.unwrap_parens() {
            let columns = self.instant_samples(selector, |timestamp, _| timestamp as f64 / 1000.0)?;
            return self.named(columns);
        }
        let mut columns = self.vector(arg(args, 0)?)?;
        let times = self.times().values;
        for column in &mut columns {
            column.values.clone_from(&times);
        }
        self.named(columns)
    }

    fn absent(&mut self, args: &[Expr]) -> Result<Outcome, EngineError> {
        let expr = arg(args, 0)?;
        let columns = self.vector(expr)?;
        let mut out = Column::empty(absent_labels(expr), self.steps.count);
        for step in 0..self.steps.count {
            if columns.iter().all(|c| c.get(step).is_none()) {
                out.set(step, 1.0);
            }
        }
        Ok(Outcome::Vector(if out.is_empty() { Vec::new() } else { vec![out] }))
    }

    fn absent_over_time(&mut self, args: &[Expr]) -> Result<Outcome, EngineError> {
        let expr = arg(args, 0)?;
        let columns = self.windows(expr, |_, _| Some(1.0))?;
        let mut out = Column::empty(absent_labels(expr), self.steps.count);
        for step in 0..self.steps.count {
            if columns.iter().all(|c| c.get(step).is_none()) {
                out.set(step, 1.0);
            }
        }
        Ok(Outcome::Vector(if out.is_empty() { Vec::new() } else { vec![out] }))
    }

    /// Only an instant query has an order.
    fn sort(&mut self, args: &[Expr], descending: bool) -> Result<Outcome, EngineError> {
        let mut columns = self.vector(arg(args, 0)?)?;
        let key = |c: &Column| c.get(0).unwrap_or(f64::NAN);
        columns.sort_by(|a, b| {
            let (a, b) = (key(a), key(b));
            // NaN comes last whichever way.
            a.is_nan()
                .cmp(&b.is_nan())
                .then_with(|| if descending { b.total_cmp(&a) } else { a.total_cmp(&b) })
        });
        Ok(Outcome::Vector(columns))
    }

    fn sort_by_label(&mut self, args: &[Expr], descending: bool) -> Result<Outcome, EngineError> {
        let mut columns = self.vector(arg(args, 0)?)?;
        let mut names = Vec::new();
        for arg in args.iter().skip(1) {
            names.push(self.text(arg)?);
        }
        columns.sort_by(|a, b| {
            let by_names = names
                .iter()
                .map(|name| natural(a.labels.get(name).unwrap_or(""), b.labels.get(name).unwrap_or("")));
            let order = by_names.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then);
            let order = order.then_with(|| a.labels.cmp(&b.labels));
            if descending { order.reverse() } else { order }
        });
        Ok(Outcome::Vector(columns))
    }

    fn label_replace(&mut self, args: &[Expr]) -> Result<Outcome, EngineError> {
        let mut columns = self.vector(arg(args, 0)?)?;
        let (target, replacement) = (self.text(arg(args, 1)?)?, self.text(arg(args, 2)?)?);
        let (source, pattern) = (self.text(arg(args, 3)?)?, self.text(arg(args, 4)?)?);
        let regex = GoRegex::anchored(&pattern).map_err(|_| {
            EngineError::Exec(format!("invalid regular expression in label_replace(): {pattern}"))
        })?;
        if target.is_empty() {
            return Err(EngineError::Exec(format!(
                "invalid destination label name in label_replace(): {target}"
            )));
        }
        for column in &mut columns {
            let Some(value) = regex.expand(column.labels.get(&source).unwrap_or(""), &replacement) else {
                continue;
            };
            column.labels = LabelsBuilder::from_labels(&column.labels).set(&target, &value).build();
            column.drop_name &= target != "__name__";
        }
        check_unique(&columns, self.steps.count)?;
        Ok(Outcome::Vector(columns))
    }

    fn label_join(&mut self, args: &[Expr]) -> Result<Outcome, EngineError> {
        let mut columns = self.vector(arg(args, 0)?)?;
        let (target, separator) = (self.text(arg(args, 1)?)?, self.text(arg(args, 2)?)?);
        let mut sources = Vec::new();
        for arg in args.iter().skip(3) {
            sources.push(self.text(arg)?);
        }
        if target.is_empty() {
            return Err(EngineError::Exec(format!(
                "invalid destination label name in label_join(): {target}"
            )));
        }
        if let Some(bad) = sources.iter().find(|source| source.is_empty()) {
            return Err(EngineError::Exec(format!("invalid source label name in label_join(): {bad}")));
        }
        for column in &mut columns {
            let parts: Vec<&str> = sources.iter().map(|s| column.labels.get(s).unwrap_or("")).collect();
            let value = parts.join(&separator);
            column.labels = LabelsBuilder::from_labels(&column.labels).set(&target, &value).build();
            column.drop_name &= target != "__name__";
        }
        check_unique(&columns, self.steps.count)?;
        Ok(Outcome::Vector(columns))
    }

    fn clamp(&mut self, name: &str, args: &[Expr]) -> Result<Outcome, EngineError> {
        let mut columns = self.vector(arg(args, 0)?)?;
        let first = self.scalar(arg(args, 1)?)?;
        let second = if name == "clamp" { self.scalar(arg(args, 2)?)? } else { Vec::new() };
        let bounded =
            |value, bound, upper| if upper { math::min(value, bound) } else { math::max(value, bound) };
        for column in &mut columns {
            for (step, &bound) in first.iter().enumerate() {
                let Some(value) = column.get(step) else { continue };
                match (name, second.get(step)) {
                    ("clamp", Some(&max)) if max < bound => column.unset(step),
                    ("clamp", Some(&max)) => {
                        column.set(step, bounded(bounded(value, max, true), bound, false))
                    }
                    ("clamp_max", _) => column.set(step, bounded(value, bound, true)),
                    _ => column.set(step, bounded(value, bound, false)),
                }
            }
        }
        columns.retain(|c| !c.is_empty());
        self.named(columns)
    }

    fn round(&mut self, args: &[Expr]) -> Result<Outcome, EngineError> {
        let mut columns = self.vector(arg(args, 0)?)?;
        let nearest = match args.get(1) {
            Some(arg) => self.scalar(arg)?,
            None => vec![1.0; self.steps.count],
        };
        for column in &mut columns {
            for (step, nearest) in nearest.iter().enumerate() {
                if let Some(value) = column.get(step) {
                    column.set(step, round(value, *nearest));
                }
            }
        }
        self.named(columns)
    }

    /// Groups `le` buckets by the rest of their labels and asks `of` at each step.
    fn classic(
        &mut self,
        columns: Columns,
        span: Span,
        of: impl Fn(usize, Vec<Bucket>) -> f64,
    ) -> Result<Outcome, EngineError> {
        let mut groups: BTreeMap<Labels, Vec<(f64, &Column)>> = BTreeMap::new();
        for column in &columns {
            let le = column.labels.get("le").unwrap_or_default();
            let Some(upper) = crate::syntax::series_notation::number(le) else {
                let named = match column.labels.get("__name__") {
                    Some(name) => format!(" for metric name {name:?}"),
                    None => String::new(),
                };
                let text =
                    format!("bucket label \"le\" is missing or has a malformed value of {le:?}{named}");
                self.warn(text, span);
                continue;
            };
            let labels = LabelsBuilder::from_labels(&column.labels).remove("le").build();
            groups.entry(labels).or_default().push((upper, column));
        }
        let mut out = Vec::new();
        for (labels, members) in groups {
            let mut column = Column::empty(labels, self.steps.count);
            for step in 0..self.steps.count {
                let buckets: Vec<Bucket> = members
                    .iter()
                    .filter_map(|(upper, c)| Some(Bucket { upper: *upper, count: c.get(step)? }))
                    .collect();
                if !buckets.is_empty() {
                    column.set(step, of(step, buckets));
                }
            }
            out.push(column);
        }
        self.named(out)
    }
}

fn arg(args: &[Expr], i: usize) -> Result<&Expr, EngineError> {
    args.get(i).ok_or_else(|| EngineError::Exec("missing argument".to_owned()))
}

/// Labels that an equality matcher pins once.
fn absent_labels(expr: &Expr) -> Labels {
    let matchers: &[Matcher] = match expr.unwrap_parens() {
        Expr::Vector(selector) | Expr::Matrix { selector, .. } => &selector.matchers,
        _ => &[],
    };
    let mut seen: HashMap<&str, usize> = HashMap::new();
    matchers.iter().for_each(|m| *seen.entry(m.name.as_str()).or_default() += 1);
    let mut builder = LabelsBuilder::new();
    for matcher in matchers {
        let alone = seen.get(matcher.name.as_str()) == Some(&1);
        if alone && matcher.op == MatchOp::Equal && matcher.name != "__name__" {
            builder.set(&matcher.name, &matcher.value);
        }
    }
    builder.build()
}

/// Digits compare as numbers: `node2` before `node10`.
fn natural(a: &str, b: &str) -> std::cmp::Ordering {
    let (mut a, mut b) = (a, b);
    let digits = |s: &str| s.find(|c: char| !c.is_ascii_digit()).unwrap_or(s.len());
    loop {
        let (Some(x), Some(y)) = (a.chars().next(), b.chars().next()) else { return a.len().cmp(&b.len()) };
        if x.is_ascii_digit() && y.is_ascii_digit() {
            let ((da, ta), (db, tb)) = (a.split_at(digits(a)), b.split_at(digits(b)));
            let (na, nb) = (da.trim_start_matches('0'), db.trim_start_matches('0'));
            let order =
                na.len().cmp(&nb.len()).then_with(|| na.cmp(nb)).then_with(|| da.len().cmp(&db.len()));
            if order.is_ne() {
                return order;
            }
            (a, b) = (ta, tb);
        } else {
            if x != y {
                return x.cmp(&y);
            }
            (a, b) = (a.get(x.len_utf8()..).unwrap_or_default(), b.get(y.len_utf8()..).unwrap_or_default());
        }
    }
}
