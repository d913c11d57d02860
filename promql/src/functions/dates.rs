//! Parts of a date, in UTC, from seconds since the epoch.
//!
//! The calendar goes on for ever, as that of Prometheus does, which is Go's: years far beyond those that libraries
//! of dates hold have their months and days too.

/// Seconds of a day.
const DAY: i128 = 86_400;
/// The first second of Go's calendar, in the year -292277022399. What lies before it is taken for a time 2^64
/// seconds later.
const FIRST: i64 = -9_223_372_028_715_321_600;

/// A time of the proleptic Gregorian calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Date {
    year: i64,
    /// From 1.
    month: i64,
    /// From 1.
    day: i64,
    /// From 1.
    day_of_year: i64,
    /// From 0, which is Sunday.
    weekday: i64,
    hour: i64,
    minute: i64,
}

/// A row of the table: PromQL name and what it computes.
type DatePart = (&'static str, fn(Date) -> f64);

/// Name and part, sorted by name.
pub(crate) const DATES: &[DatePart] = &[
    ("day_of_month", |d| d.day as f64),
    ("day_of_week", |d| d.weekday as f64),
    ("day_of_year", |d| d.day_of_year as f64),
    ("days_in_month", |d| days_in_month(d.year, d.month) as f64),
    ("hour", |d| d.hour as f64),
    ("minute", |d| d.minute as f64),
    ("month", |d| d.month as f64),
    ("year", |d| d.year as f64),
];

/// The part of the date. What is no number of seconds, or too large for one, is the most negative one, as
/// processors convert it.
pub(crate) fn part(seconds: f64, part: fn(Date) -> f64) -> f64 {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    let whole = if (-LIMIT..LIMIT).contains(&seconds) { seconds as i64 } else { i64::MIN };
    part(date(whole))
}

fn leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The date of a number of seconds since 1970.
fn date(seconds: i64) -> Date {
    let seconds = i128::from(seconds) + if seconds < FIRST { 1 << 64 } else { 0 };
    let of_day = seconds.rem_euclid(DAY) as i64;
    // 2^64 seconds are 2^48 days.
    let days = seconds.div_euclid(DAY) as i64;
    // Years are counted from March, so that the odd day ends one: 400 of them have 146097 days.
    let since_march = days + 719_468;
    let (era, of_era) = (since_march.div_euclid(146_097), since_march.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Five months from March on have 153 days, and so have the next five.
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let day_of_year = day + (1..month).map(|month| days_in_month(year, month)).sum::<i64>();
    // The first day of 1970 was a Thursday.
    let weekday = (days + 4).rem_euclid(7);
    Date { year, month, day, day_of_year, weekday, hour: of_day / 3600, minute: of_day / 60 % 60 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_time_is_the_end_of_the_calendar() {
        let end = Date {
            year: 292_277_026_596,
            month: 12,
            day: 4,
            day_of_year: 339,
            weekday: 0,
            hour: 15,
            minute: 30,
        };
        assert_eq!(date(i64::MIN), end);
        for seconds in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, -1e300] {
            for (name, compute) in DATES {
                assert_eq!(part(seconds, *compute), compute(end), "{name}({seconds})");
            }
        }
    }

    proptest! {
        #[test]
        fn dates_are_those_of_an_independent_calendar(seconds in -377_705_116_800i64..253_402_207_200) {
            let time = jiff::Timestamp::from_second(seconds).unwrap();
            let civil = jiff::tz::TimeZone::UTC.to_datetime(time);
            let expected = Date {
                year: civil.year().into(),
                month: civil.month().into(),
                day: civil.day().into(),
                day_of_year: civil.day_of_year().into(),
                weekday: civil.weekday().to_sunday_zero_offset().into(),
                hour: civil.hour().into(),
                minute: civil.minute().into(),
            };
            prop_assert_eq!(date(seconds), expected);
            prop_assert_eq!(days_in_month(expected.year, expected.month), i64::from(civil.days_in_month()));
        }
    }
}
