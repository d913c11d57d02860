//! Parts of a date, in UTC, from seconds since the epoch.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// A row of the table: PromQL name and what it computes.
type DatePart = (&'static str, fn(DateTime) -> f64);

/// Name and part, sorted by name.
pub(crate) const DATES: &[DatePart] = &[
    ("day_of_month", |d| f64::from(d.day())),
    ("day_of_week", |d| f64::from(d.weekday().to_sunday_zero_offset())),
    ("day_of_year", |d| f64::from(d.day_of_year())),
    ("days_in_month", |d| f64::from(d.days_in_month())),
    ("hour", |d| f64::from(d.hour())),
    ("minute", |d| f64::from(d.minute())),
    ("month", |d| f64::from(d.month())),
    ("year", |d| f64::from(d.year())),
];

/// The part of the date; NaN for a time that no calendar holds.
pub(crate) fn part(seconds: f64, part: fn(DateTime) -> f64) -> f64 {
    if !seconds.is_finite() {
        return f64::NAN;
    }
    Timestamp::from_second(seconds as i64).map_or(f64::NAN, |t| part(TimeZone::UTC.to_datetime(t)))
}
