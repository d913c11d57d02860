//! `rate`, `increase`, `delta` and the instant forms, with Prometheus's extrapolation.

use super::over_time::Window;

pub(crate) fn rate(w: &Window<'_>) -> Option<f64> {
    extrapolated(w, true, true)
}

pub(crate) fn increase(w: &Window<'_>) -> Option<f64> {
    extrapolated(w, true, false)
}

pub(crate) fn delta(w: &Window<'_>) -> Option<f64> {
    extrapolated(w, false, false)
}

pub(crate) fn irate(w: &Window<'_>) -> Option<f64> {
    instant(w, true)
}

pub(crate) fn idelta(w: &Window<'_>) -> Option<f64> {
    instant(w, false)
}

/// The change over the window, stretched to its edges where the samples come near enough.
fn extrapolated(w: &Window<'_>, counter: bool, per_second: bool) -> Option<f64> {
    if w.values.len() < 2 {
        return None;
    }
    let ((first_ms, first), (last_ms, last)) = (w.first(), w.last());
    let mut change = last - first;
    if counter {
        let mut previous = first;
        for value in w.values.iter().skip(1) {
            if *value < previous {
                change += previous;
            }
            previous = *value;
        }
    }
    let mut to_start = (first_ms - w.start) as f64 / 1000.0;
    let mut to_end = (w.end - last_ms) as f64 / 1000.0;
    let sampled = (last_ms - first_ms) as f64 / 1000.0;
    let average = sampled / (w.values.len() - 1) as f64;
    let threshold = average * 1.1;
    if to_start >= threshold {
        to_start = average / 2.0;
    }
    if counter {
        // A counter was not below zero before its first sample.
        let to_zero = if change > 0.0 && first >= 0.0 { sampled * (first / change) } else { to_start };
        to_start = to_start.min(to_zero);
    }
    if to_end >= threshold {
        to_end = average / 2.0;
    }
    let mut factor = (sampled + to_start + to_end) / sampled;
    if per_second {
        factor /= (w.end - w.start) as f64 / 1000.0;
    }
    Some(change * factor)
}

fn instant(w: &Window<'_>, rate: bool) -> Option<f64> {
    let n = w.values.len();
    let (&previous, &last) = (w.values.get(n.checked_sub(2)?)?, w.values.last()?);
    let (&previous_ms, &last_ms) = (w.timestamps.get(n - 2)?, w.timestamps.last()?);
    if last_ms == previous_ms {
        return None;
    }
    let change = if rate && last < previous { last } else { last - previous };
    Some(if rate { change / ((last_ms - previous_ms) as f64 / 1000.0) } else { change })
}
