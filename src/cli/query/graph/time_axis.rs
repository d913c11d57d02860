//! The time axis below a chart: round times, as many as fit, in UTC.

/// Distances of labels, s.
const STEPS: &[i64] = &[
    1,
    2,
    5,
    10,
    15,
    30,
    60,
    120,
    300,
    600,
    900,
    1800,
    3600,
    7200,
    10_800,
    21_600,
    43_200,
    86_400,
    172_800,
    604_800,
    1_209_600,
    2_592_000,
    7_776_000,
    31_536_000,
    315_360_000,
];

/// Ticks and labels of an axis of `columns` cells from `start_ms` to `end_ms`: two lines.
#[must_use]
pub fn time_axis(start_ms: i64, end_ms: i64, columns: usize) -> (String, String) {
    let span = end_ms.saturating_sub(start_ms).max(1);
    let mut ticks = vec!['─'; columns];
    let mut labels = String::new();
    let fits = |step: i64| {
        let width = text(start_ms, step).chars().count() + 2;
        (span as f64 / (step as f64 * 1000.0)) * width as f64 <= columns as f64
    };
    let step = STEPS.iter().copied().find(|step| fits(*step)).unwrap_or(i64::MAX / 1_000_000);
    let step_ms = step.saturating_mul(1000);
    let mut at = start_ms.div_euclid(step_ms).saturating_add(1).saturating_mul(step_ms);
    if start_ms.rem_euclid(step_ms) == 0 {
        at = start_ms;
    }
    // As wide as the labels of the axis: more cannot be there.
    for _ in 0..=columns {
        if at > end_ms {
            break;
        }
        let column =
            ((at - start_ms) as f64 / span as f64 * columns.saturating_sub(1) as f64).round() as usize;
        if let Some(tick) = ticks.get_mut(column) {
            *tick = '┴';
        }
        let label = text(at, step);
        let length = label.chars().count();
        let begin = column.saturating_sub(length / 2).min(columns.saturating_sub(length));
        let used = labels.chars().count();
        if begin + length <= columns && (labels.is_empty() || begin > used) {
            labels.push_str(&" ".repeat(begin - used));
            labels.push_str(&label);
        }
        at = at.saturating_add(step_ms);
    }
    (ticks.into_iter().collect(), labels)
}

/// A time as precisely as labels at this distance need it.
fn text(ms: i64, step: i64) -> String {
    let format = match step {
        0..60 => "%H:%M:%S",
        60..43_200 => "%H:%M",
        43_200..86_400 => "%m-%d %H:%M",
        86_400..2_592_000 => "%m-%d",
        _ => "%Y-%m",
    };
    jiff::Timestamp::from_millisecond(ms)
        .map_or_else(|_| String::new(), |time| time.strftime(format).to_string())
}

/// The date and time at both ends, for a title.
#[must_use]
pub fn span_text(start_ms: i64, end_ms: i64) -> String {
    let show = |ms: i64, format: &str| {
        jiff::Timestamp::from_millisecond(ms)
            .map_or_else(|_| String::new(), |time| time.strftime(format).to_string())
    };
    let day = "%Y-%m-%d";
    let end = if show(start_ms, day) == show(end_ms, day) { "%H:%M:%S" } else { "%Y-%m-%d %H:%M:%S" };
    format!("{} to {} UTC", show(start_ms, "%Y-%m-%d %H:%M:%S"), show(end_ms, end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn labels_stand_below_round_times() {
        let (ticks, labels) = time_axis(0, 3_600_000, 41);
        assert_eq!(ticks, "┴─────────┴─────────┴─────────┴─────────┴");
        assert_eq!(labels, "00:00   00:15     00:30     00:45   01:00");
        assert_eq!(span_text(0, 3_600_000), "1970-01-01 00:00:00 to 01:00:00 UTC");
    }

    proptest! {
        #[test]
        fn any_span_fits_its_columns(start in any::<i64>(), span in 0i64..i64::MAX / 2, columns in 1usize..200) {
            let start = start / 4;
            let (ticks, labels) = time_axis(start, start.saturating_add(span), columns);
            prop_assert_eq!(ticks.chars().count(), columns);
            prop_assert!(labels.chars().count() <= columns);
        }
    }
}
