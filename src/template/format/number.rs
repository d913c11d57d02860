//! Numbers by verb, flags, width and precision.

use super::{Flags, Output};
use narthex_promql::numeric::format_short_digits;
use narthex_storage::number::format_short;
use std::fmt::Write as _;

/// Decimal places that a float can have that are not zero; what is asked for beyond them are zeros.
const PLACES_MAX: usize = 1_100;

/// Prints a whole number; false if it does not have the verb.
pub(super) fn print_int(out: &mut Output, value: i64, unsigned: bool, verb: char, flags: Flags) -> bool {
    let magnitude = value.unsigned_abs();
    let negative = value < 0 && !unsigned;
    let digits = match verb {
        'v' | 'd' => magnitude.to_string(),
        'b' => format!("{magnitude:b}"),
        'o' | 'O' => format!("{magnitude:o}"),
        'x' => format!("{magnitude:x}"),
        'X' => format!("{magnitude:X}"),
        'c' => {
            out.pad(&character(value).to_string(), flags);
            return true;
        }
        'q' => {
            let quoted = super::super::go::quote(&character(value).to_string());
            let inner = quoted.trim_matches('"').replace("\\\"", "\"").replace('\'', "\\'");
            out.pad(&format!("'{inner}'"), flags);
            return true;
        }
        'U' => {
            let mut text = format!("U+{magnitude:04X}");
            if flags.sharp {
                let _ = write!(text, " '{}'", character(value));
            }
            out.pad(&text, flags);
            return true;
        }
        _ => return false,
    };
    let sign = match () {
        () if negative => "-",
        () if flags.plus && verb != 'v' => "+",
        () if flags.space => " ",
        () => "",
    };
    let zeros = match flags.precision {
        Some(0) if value == 0 => {
            out.pad("", Flags { zero: false, ..flags });
            return true;
        }
        Some(precision) => precision,
        None if flags.zero => flags.width.unwrap_or(0).saturating_sub(sign.len()),
        None => 0,
    }
    .saturating_sub(digits.len());
    let prefix = match verb {
        'b' if flags.sharp => "0b",
        'o' if flags.sharp && zeros == 0 && magnitude != 0 => "0",
        'O' => "0o",
        'x' if flags.sharp => "0x",
        'X' if flags.sharp => "0X",
        _ => "",
    };
    let length = sign.len() + prefix.len() + zeros + digits.len();
    let missing = flags.width.unwrap_or(0).saturating_sub(length);
    if !flags.minus {
        out.repeat(' ', missing);
    }
    out.push(sign);
    out.push(prefix);
    out.repeat('0', zeros);
    out.push(&digits);
    if flags.minus {
        out.repeat(' ', missing);
    }
    true
}

fn character(value: i64) -> char {
    u32::try_from(value).ok().and_then(char::from_u32).unwrap_or('\u{fffd}')
}

/// Prints a float; false if it does not have the verb.
pub(super) fn print_float(out: &mut Output, value: f64, verb: char, flags: Flags) -> bool {
    let text = match verb {
        'v' | 'g' | 'G' => match flags.precision {
            None => format_short(value),
            Some(precision) => format_short_digits(value, precision.min(PLACES_MAX)),
        },
        'e' | 'E' => exponent(value, flags.precision.unwrap_or(6)),
        'f' | 'F' => fixed(value, flags.precision.unwrap_or(6)),
        _ => return false,
    };
    let text = if matches!(verb, 'E' | 'G') { text.replace('e', "E") } else { text };
    let plus = flags.plus && verb != 'v';
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => (if flags.space && !plus { " " } else { "+" }, text.strip_prefix('+').unwrap_or(&text)),
    };
    if !value.is_finite() {
        let bare = value.is_nan() && !flags.space && !plus;
        let text = if bare { digits.to_owned() } else { format!("{sign}{digits}") };
        out.pad(&text, Flags { zero: false, ..flags });
    } else if !plus && sign == "+" {
        out.pad(digits, flags);
    } else if flags.zero {
        // The sign stands before the zeros.
        out.push(sign);
        out.pad(digits, Flags { width: flags.width.map(|width| width.saturating_sub(1)), ..flags });
    } else {
        out.pad(&format!("{sign}{digits}"), flags);
    }
    true
}

/// `1.50`.
fn fixed(value: f64, places: usize) -> String {
    if !value.is_finite() {
        return format_short(value);
    }
    let shown = places.min(PLACES_MAX);
    let mut text = format!("{value:.shown$}");
    text.extend(std::iter::repeat_n('0', places - shown));
    text
}

/// `1.50e+00`.
fn exponent(value: f64, places: usize) -> String {
    if !value.is_finite() {
        return format_short(value);
    }
    let shown = places.min(PLACES_MAX);
    let text = format!("{value:.shown$e}");
    let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, power) = match power.strip_prefix('-') {
        Some(power) => ('-', power),
        None => ('+', power),
    };
    let zeros = "0".repeat(places - shown);
    format!("{digits}{zeros}e{sign}{power:0>2}")
}

/// The bytes of a text, two digits each.
pub(super) fn hexadecimal(text: &str, verb: char, flags: Flags) -> String {
    let upper = verb == 'X';
    let prefix = if upper { "0X" } else { "0x" };
    let count = flags.precision.unwrap_or(usize::MAX);
    let mut out = String::new();
    for (at, byte) in text.bytes().take(count).enumerate() {
        if flags.space && at > 0 {
            out.push(' ');
        }
        if flags.sharp && (at == 0 || flags.space) {
            out.push_str(prefix);
        }
        let _ = if upper { write!(out, "{byte:02X}") } else { write!(out, "{byte:02x}") };
    }
    out
}
