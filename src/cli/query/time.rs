//! Times and durations of the command line: Unix seconds, RFC 3339, or relative to now.

use super::super::parse::UsageError;
use crate::web::params::{MAX_TIME_MS, MIN_TIME_MS, parse_duration as seconds_or_duration, parse_time};
use narthex_promql::syntax::lexer::parse_duration;

/// Steps of a range when none is asked for.
const STEPS: i64 = 250;

/// Reads a time: `now`, `-1h`, `now-1h`, `now+5m`, Unix seconds, RFC 3339; ms.
///
/// # Errors
/// What the flag takes.
pub fn time(flag: &str, text: &str, now_ms: i64) -> Result<i64, UsageError> {
    if text == "now" {
        return Ok(now_ms);
    }
    if let Some(shift) = shift(text) {
        return Ok(now_ms.saturating_add(shift).clamp(MIN_TIME_MS, MAX_TIME_MS));
    }
    parse_time(text).map_err(|_| {
        UsageError::arguments(format!(
            "invalid value {text:?} for flag '{flag}': not a time\n  write now, -1h, now-1h30m, Unix seconds, or 2026-01-31T12:00:00Z"
        ))
    })
}

/// A signed duration after an optional `now`, ms. Bare numbers are times, not durations.
fn shift(text: &str) -> Option<i64> {
    let rest = text.strip_prefix("now").unwrap_or(text).trim();
    let (sign, length) = match rest.strip_prefix('-') {
        Some(length) => (-1, length),
        None => (1, rest.strip_prefix('+')?),
    };
    let ms = parse_duration(length).ok()?;
    ms.checked_mul(sign)
}

/// Reads a step: a duration or seconds; ms.
///
/// # Errors
/// What the flag takes.
pub fn step(text: &str) -> Result<i64, UsageError> {
    let ms = seconds_or_duration(text).ok().filter(|ms| *ms >= 1.0 && *ms <= i64::MAX as f64 / 2.0);
    ms.map(|ms| ms as i64).ok_or_else(|| {
        UsageError::arguments(format!(
            "invalid value {text:?} for flag '--step': not a positive duration\n  write 15s, 1m, 1h30m, or seconds"
        ))
    })
}

/// The step that divides a range into about 250, at least a second; ms.
#[must_use]
pub fn default_step(start_ms: i64, end_ms: i64) -> i64 {
    (end_ms.saturating_sub(start_ms) / 1000 / STEPS).max(1) * 1000
}

/// Seconds with three decimals, as the API reads them.
#[must_use]
pub fn seconds(ms: i64) -> String {
    let sign = if ms < 0 { "-" } else { "" };
    format!("{sign}{}.{:03}", ms.unsigned_abs() / 1000, ms.unsigned_abs() % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_absolute_or_relative() {
        let now = 1_000_000_000;
        for (text, want) in [
            ("now", Some(now)),
            ("-1h", Some(now - 3_600_000)),
            ("now-1h30m", Some(now - 5_400_000)),
            ("now + 5m", None),
            ("now+5m", Some(now + 300_000)),
            ("+5m", Some(now + 300_000)),
            ("1435781451.781", Some(1_435_781_451_781)),
            ("-5", Some(-5000)),
            ("2015-06-03T13:21:58.555Z", Some(1_433_337_718_555)),
            ("yesterday", None),
            ("", None),
            ("1h", None),
            ("-", None),
        ] {
            assert_eq!(time("--time", text, now).ok(), want, "{text}");
        }
        let error = time("--start", "tomorrow", 0).unwrap_err();
        assert!(error.message.contains("--start") && error.message.contains("-1h"), "{}", error.message);
    }

    #[test]
    fn steps_are_durations_or_seconds() {
        assert_eq!(step("15s").unwrap(), 15_000);
        assert_eq!(step("0.5").unwrap(), 500);
        for bad in ["0", "-1", "x", ""] {
            assert!(step(bad).is_err(), "{bad}");
        }
        assert_eq!(default_step(0, 3_600_000), 14_000);
        assert_eq!(default_step(0, 10), 1000);
        assert_eq!(seconds(-1500), "-1.500");
        assert_eq!(seconds(1_435_781_451_781), "1435781451.781");
    }
}
