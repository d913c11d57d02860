//! Go's `time` as far as templates reach it: durations as text, times in UTC by layout, and their methods.

use super::value::{Held, Integer, Type, Value};

const SECOND: i64 = 1_000_000_000;
/// Nanoseconds from the first of January of year 1 to the epoch: rounding counts from there.
const YEAR_ONE: i128 = 62_135_596_800 * SECOND as i128;
/// How far sums of times go, nanoseconds from the epoch: some 300,000 years.
const TIME_MAX: i128 = 1 << 73;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// `1h2m3.5s`.
pub(super) fn duration_text(ns: i64) -> String {
    let magnitude = ns.unsigned_abs();
    let sign = if ns < 0 { "-" } else { "" };
    let fraction = |value: u64, unit: u64| {
        let digits = unit.ilog10() as usize;
        let text = format!("{}.{:0digits$}", value / unit, value % unit);
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    match magnitude {
        0 => "0s".to_owned(),
        1..1_000 => format!("{sign}{magnitude}ns"),
        1_000..1_000_000 => format!("{sign}{}µs", fraction(magnitude, 1_000)),
        1_000_000..1_000_000_000 => format!("{sign}{}ms", fraction(magnitude, 1_000_000)),
        _ => {
            let (minutes, rest) = (magnitude / 60_000_000_000, magnitude % 60_000_000_000);
            let seconds = fraction(rest, 1_000_000_000);
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{sign}{seconds}s"),
                (0, minutes) => format!("{sign}{minutes}m{seconds}s"),
                (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}s"),
            }
        }
    }
}

/// `2006-01-02 15:04:05.999999999 +0000 UTC`.
pub(super) fn time_text(ns: i128) -> String {
    format_time(ns, "2006-01-02 15:04:05.999999999 -0700 MST")
}

/// `January`.
pub(super) fn month_text(month: i64) -> String {
    name_of(&MONTHS, month - 1, "Month", month)
}

/// `Sunday`, for 0.
pub(super) fn weekday_text(day: i64) -> String {
    name_of(&WEEKDAYS, day, "Weekday", day)
}

fn name_of(names: &[&str], at: i64, kind: &str, number: i64) -> String {
    let name = usize::try_from(at).ok().and_then(|at| names.get(at));
    name.map_or_else(|| format!("%!{kind}({number})"), |name| (*name).to_owned())
}

/// A time as clock and calendar show it.
struct Civil {
    year: i64,
    month: i64,
    day: i64,
    year_day: i64,
    weekday: i64,
    hour: i64,
    minute: i64,
    second: i64,
    nanosecond: i64,
}

fn civil(ns: i128) -> Civil {
    let seconds = ns.div_euclid(i128::from(SECOND)) as i64;
    let nanosecond = ns.rem_euclid(i128::from(SECOND)) as i64;
    let (days, clock) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Years that begin in March have their leap day at the end.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let march_day = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * march_day + 2) / 153;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    Civil {
        year,
        month,
        day: march_day - (153 * march_month + 2) / 5 + 1,
        year_day: days - days_of(year, 1, 1) + 1,
        weekday: (days + 4).rem_euclid(7),
        hour: clock / 3_600,
        minute: clock / 60 % 60,
        second: clock % 60,
        nanosecond,
    }
}

/// Days from the epoch to a day of the calendar.
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let march_month = if month > 2 { month - 3 } else { month + 9 };
    let march_day = (153 * march_month + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + march_day - 719_468
}

/// A piece of a layout and what it shows of a time.
type Piece = (&'static str, fn(&Civil) -> String);

/// The pieces; of several that fit the longest is meant.
const PIECES: &[Piece] = &[
    ("January", |t| month_text(t.month)),
    ("Jan", |t| short(&month_text(t.month))),
    ("Monday", |t| weekday_text(t.weekday)),
    ("Mon", |t| short(&weekday_text(t.weekday))),
    ("MST", |_| "UTC".to_owned()),
    ("2006", |t| year_text(t.year)),
    ("_2006", |t| format!("_{}", year_text(t.year))),
    ("__2", |t| format!("{:3}", t.year_day)),
    ("_2", |t| format!("{:2}", t.day)),
    ("002", |t| format!("{:03}", t.year_day)),
    ("01", |t| format!("{:02}", t.month)),
    ("02", |t| format!("{:02}", t.day)),
    ("03", |t| format!("{:02}", hour12(t.hour))),
    ("04", |t| format!("{:02}", t.minute)),
    ("05", |t| format!("{:02}", t.second)),
    ("06", |t| format!("{:02}", t.year.rem_euclid(100))),
    ("15", |t| format!("{:02}", t.hour)),
    ("1", |t| t.month.to_string()),
    ("2", |t| t.day.to_string()),
    ("3", |t| hour12(t.hour).to_string()),
    ("4", |t| t.minute.to_string()),
    ("5", |t| t.second.to_string()),
    ("PM", |t| if t.hour >= 12 { "PM" } else { "AM" }.to_owned()),
    ("pm", |t| if t.hour >= 12 { "pm" } else { "am" }.to_owned()),
    ("-07:00:00", |_| "+00:00:00".to_owned()),
    ("-070000", |_| "+000000".to_owned()),
    ("-07:00", |_| "+00:00".to_owned()),
    ("-0700", |_| "+0000".to_owned()),
    ("-07", |_| "+00".to_owned()),
    ("Z07:00:00", |_| "Z".to_owned()),
    ("Z070000", |_| "Z".to_owned()),
    ("Z07:00", |_| "Z".to_owned()),
    ("Z0700", |_| "Z".to_owned()),
    ("Z07", |_| "Z".to_owned()),
];

fn short(name: &str) -> String {
    name.chars().take(3).collect()
}

fn hour12(hour: i64) -> i64 {
    if hour % 12 == 0 { 12 } else { hour % 12 }
}

fn year_text(year: i64) -> String {
    if year < 0 { format!("-{:04}", -year) } else { format!("{year:04}") }
}

/// A time as a layout shows it, in which each piece is that of Monday, January 2nd 2006, 15:04:05.
pub(super) fn format_time(ns: i128, layout: &str) -> String {
    let time = civil(ns);
    let mut out = String::with_capacity(layout.len());
    let mut rest = layout;
    while let Some(c) = rest.chars().next() {
        if let Some((text, tail)) = fraction(rest, time.nanosecond) {
            out.push_str(&text);
            rest = tail;
            continue;
        }
        let fits = PIECES.iter().filter(|(piece, _)| rest.starts_with(piece) && !inside_a_word(piece, rest));
        match fits.max_by_key(|(piece, _)| piece.len()) {
            Some((piece, show)) => {
                out.push_str(&show(&time));
                rest = rest.get(piece.len()..).unwrap_or_default();
            }
            None => {
                out.push(c);
                rest = rest.get(c.len_utf8()..).unwrap_or_default();
            }
        }
    }
    out
}

/// `Jan` and `Mon` stand for nothing where a lower-case letter follows: `Janet`.
fn inside_a_word(piece: &str, rest: &str) -> bool {
    let follows = rest.get(piece.len()..).and_then(|rest| rest.chars().next());
    (piece == "Jan" || piece == "Mon") && follows.is_some_and(|c| c.is_ascii_lowercase())
}

/// `.000`, `,999`: the fraction of the second, if the layout has one here; nines leave zeros at its end out.
fn fraction(rest: &str, nanosecond: i64) -> Option<(String, &str)> {
    let separator = rest.chars().next().filter(|c| *c == '.' || *c == ',')?;
    let after = rest.get(1..)?;
    let digit = after.chars().next().filter(|c| *c == '0' || *c == '9')?;
    let tail = after.trim_start_matches(digit);
    let digits = after.len() - tail.len();
    if tail.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let mut text = format!("{nanosecond:09}");
    text.truncate(digits);
    text.extend(std::iter::repeat_n('0', digits.saturating_sub(9)));
    if digit == '9' {
        let kept = text.trim_end_matches('0').len();
        text.truncate(kept);
    }
    Some(if text.is_empty() { (text, tail) } else { (format!("{separator}{text}"), tail) })
}

/// Rounds towards zero to a multiple.
fn truncated(ns: i64, unit: i64) -> i64 {
    if unit <= 0 { ns } else { ns - ns % unit }
}

/// Rounds to the nearest multiple, halves away from zero.
fn rounded(ns: i64, unit: i64) -> i64 {
    if unit <= 0 {
        return ns;
    }
    let rest = (ns % unit).abs();
    let down = ns - ns % unit;
    if rest.checked_mul(2).is_some_and(|twice| twice < unit) {
        return down;
    }
    if ns < 0 {
        down.checked_sub(unit).unwrap_or(i64::MIN)
    } else {
        down.checked_add(unit).unwrap_or(i64::MAX)
    }
}

fn clamped(ns: i128) -> i128 {
    ns.clamp(-TIME_MAX, TIME_MAX)
}

/// A method: the types of its parameters and what it does. The arguments are of those types.
pub(super) type Method<T> = (&'static [Type], fn(T, &[Value]) -> Value);

const DURATION: Type = Type::Duration(Held::Value);
const TIME: Type = Type::Time(Held::Value);

fn duration_of(values: &[Value]) -> i64 {
    match values.first() {
        Some(Value::Duration(ns, _)) => *ns,
        _ => 0,
    }
}

fn time_of(values: &[Value]) -> i128 {
    match values.first() {
        Some(Value::Time(ns, _)) => *ns,
        _ => 0,
    }
}

fn int_at(values: &[Value], at: usize) -> i64 {
    match values.get(at) {
        Some(Value::Int(value, _)) => *value,
        _ => 0,
    }
}

fn int(value: i64) -> Value {
    Value::Int(value, Integer::Int)
}

fn int64(value: i64) -> Value {
    Value::Int(value, Integer::Int64)
}

/// The methods of a duration.
pub(super) fn duration_method(name: &str) -> Option<Method<i64>> {
    Some(match name {
        "String" => (&[], |ns, _| Value::text(duration_text(ns))),
        "Hours" => (&[], |ns, _| {
            Value::Float((ns / (3_600 * SECOND)) as f64 + (ns % (3_600 * SECOND)) as f64 / 3.6e12)
        }),
        "Minutes" => {
            (&[], |ns, _| Value::Float((ns / (60 * SECOND)) as f64 + (ns % (60 * SECOND)) as f64 / 6e10))
        }
        "Seconds" => (&[], |ns, _| Value::Float((ns / SECOND) as f64 + (ns % SECOND) as f64 / 1e9)),
        "Milliseconds" => (&[], |ns, _| int64(ns / 1_000_000)),
        "Microseconds" => (&[], |ns, _| int64(ns / 1_000)),
        "Nanoseconds" => (&[], |ns, _| int64(ns)),
        "Abs" => (&[], |ns, _| Value::Duration(ns.saturating_abs(), Held::Value)),
        "Round" => (&[DURATION], |ns, to| Value::Duration(rounded(ns, duration_of(to)), Held::Value)),
        "Truncate" => (&[DURATION], |ns, to| Value::Duration(truncated(ns, duration_of(to)), Held::Value)),
        _ => return None,
    })
}

/// The methods of a time; those that depend on a time zone are left out.
pub(super) fn time_method(name: &str) -> Option<Method<i128>> {
    const INT: Type = Type::Int(Integer::Int);
    Some(match name {
        "String" => (&[], |ns, _| Value::text(time_text(ns))),
        "Format" => (&[Type::Text], |ns, layout| match layout.first() {
            Some(Value::Text(layout)) => Value::text(format_time(ns, layout)),
            _ => Value::text(""),
        }),
        "Add" => (&[DURATION], |ns, by| Value::Time(clamped(ns + i128::from(duration_of(by))), Held::Value)),
        "AddDate" => (&[INT, INT, INT], |ns, by| {
            Value::Time(add_date(ns, int_at(by, 0), int_at(by, 1), int_at(by, 2)), Held::Value)
        }),
        "Sub" => (&[TIME], |ns, other| {
            let apart = (ns - time_of(other)).clamp(i64::MIN.into(), i64::MAX.into());
            Value::Duration(apart as i64, Held::Value)
        }),
        "Round" => (&[DURATION], |ns, to| Value::Time(round_time(ns, duration_of(to)), Held::Value)),
        "Truncate" => (&[DURATION], |ns, to| {
            let unit = i128::from(duration_of(to));
            let cut = if unit <= 0 { 0 } else { (ns + YEAR_ONE).rem_euclid(unit) };
            Value::Time(ns - cut, Held::Value)
        }),
        "UTC" => (&[], |ns, _| Value::Time(ns, Held::Value)),
        "After" => (&[TIME], |ns, other| Value::Bool(ns > time_of(other))),
        "Before" => (&[TIME], |ns, other| Value::Bool(ns < time_of(other))),
        "Equal" => (&[TIME], |ns, other| Value::Bool(ns == time_of(other))),
        "Compare" => (&[TIME], |ns, other| int(ns.cmp(&time_of(other)) as i64)),
        "IsZero" => (&[], |ns, _| Value::Bool(ns == -YEAR_ONE)),
        "IsDST" => (&[], |_, _| Value::Bool(false)),
        "Unix" => (&[], |ns, _| int64(ns.div_euclid(1_000_000_000) as i64)),
        "UnixMilli" => (&[], |ns, _| int64(ns.div_euclid(1_000_000) as i64)),
        "UnixMicro" => (&[], |ns, _| int64(ns.div_euclid(1_000) as i64)),
        "UnixNano" => (&[], |ns, _| int64(ns as i64)),
        "Year" => (&[], |ns, _| int(civil(ns).year)),
        "Month" => (&[], |ns, _| Value::Int(civil(ns).month, Integer::Month)),
        "Day" => (&[], |ns, _| int(civil(ns).day)),
        "YearDay" => (&[], |ns, _| int(civil(ns).year_day)),
        "Weekday" => (&[], |ns, _| Value::Int(civil(ns).weekday, Integer::Weekday)),
        "Hour" => (&[], |ns, _| int(civil(ns).hour)),
        "Minute" => (&[], |ns, _| int(civil(ns).minute)),
        "Second" => (&[], |ns, _| int(civil(ns).second)),
        "Nanosecond" => (&[], |ns, _| int(civil(ns).nanosecond)),
        _ => return None,
    })
}

fn round_time(ns: i128, unit: i64) -> i128 {
    let unit = i128::from(unit);
    if unit <= 0 {
        return ns;
    }
    let rest = (ns + YEAR_ONE).rem_euclid(unit);
    if rest * 2 < unit { ns - rest } else { ns - rest + unit }
}

/// Moves a time along the calendar; a day that the month does not have runs over into the next.
fn add_date(ns: i128, years: i64, months: i64, days: i64) -> i128 {
    // More than any time can hold, and far from overflowing.
    let bound = |value: i64| value.clamp(-100_000_000, 100_000_000);
    let time = civil(ns);
    let month = time.month - 1 + bound(months);
    let year = time.year + bound(years) + month.div_euclid(12);
    let days = days_of(year, month.rem_euclid(12) + 1, 1) + time.day - 1 + bound(days);
    let clock = ns.rem_euclid(86_400 * i128::from(SECOND));
    clamped(i128::from(days) * 86_400 * i128::from(SECOND) + clock)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOON: i128 = 1_435_065_584_128_000_000;

    #[test]
    fn durations_read_as_in_go() {
        for (ns, want) in [
            (0, "0s"),
            (1, "1ns"),
            (1_100, "1.1µs"),
            (2_200_000, "2.2ms"),
            (3_300_000_000, "3.3s"),
            (1_800 * SECOND, "30m0s"),
            (3_661 * SECOND + 1_000_000, "1h1m1.001s"),
            (-90 * SECOND, "-1m30s"),
            (i64::MIN, "-2562047h47m16.854775808s"),
        ] {
            assert_eq!(duration_text(ns), want);
        }
    }

    #[test]
    fn layouts_show_each_piece() {
        for (layout, want) in [
            ("2006-01-02T15:04:05Z07:00", "2015-06-23T13:19:44Z"),
            ("Mon, 02 Jan 2006 15:04:05 MST", "Tue, 23 Jun 2015 13:19:44 UTC"),
            ("Monday January _2 3:4:5 PM 06", "Tuesday June 23 1:19:44 PM 15"),
            ("15:04:05.000000 15.9 ,00", "13:19:44.128000 13.1 ,12"),
            ("002 __2 1/2 pm -0700 -07:00", "174 174 6/23 pm +0000 +00:00"),
            ("Janet Month", "Janet Month"),
            ("_2006", "_2015"),
            ("2006-01-02 15:04:05.999 +0000 UTC", "2015-06-23 13:19:44.128 +0000 UTC"),
        ] {
            assert_eq!(format_time(NOON, layout), want, "{layout}");
        }
        assert_eq!(time_text(0), "1970-01-01 00:00:00 +0000 UTC");
        assert_eq!(time_text(-1_000_000_000), "1969-12-31 23:59:59 +0000 UTC");
    }

    #[test]
    fn the_calendar_runs_over() {
        let moved = |years, months, days| time_text(add_date(NOON, years, months, days));
        assert_eq!(moved(0, 8, 8), "2016-03-02 13:19:44.128 +0000 UTC");
        assert_eq!(moved(-1, -6, 0), "2013-12-23 13:19:44.128 +0000 UTC");
        assert_eq!(time_text(round_time(NOON, 3_600 * SECOND)), "2015-06-23 13:00:00 +0000 UTC");
    }

    proptest! {
        #[test]
        fn days_come_back(days in -100_000_000i64..100_000_000) {
            let time = civil(i128::from(days) * 86_400 * i128::from(SECOND));
            prop_assert_eq!(days_of(time.year, time.month, time.day), days);
        }

        #[test]
        fn no_time_and_no_layout_panics(ns in any::<i128>(), layout in "[0-9JanuryMoPp_.,:Z -]{0,20}", by in any::<i64>()) {
            let ns = clamped(ns);
            format_time(ns, &layout);
            add_date(ns, by, by, by);
            round_time(ns, by);
            rounded(by, 7);
        }
    }
}
