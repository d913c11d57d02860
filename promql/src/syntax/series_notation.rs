//! `metric{a="b"} 1+1x5 _ {{count:2 sum:3}}x4 stale`: series as the test language writes them.

use super::ast::Expr;
use super::{ParseOptions, histogram_literal, lexer, parse_expr};
use narthex_storage::{FloatHistogram, Labels, LabelsBuilder, STALE_NAN};
use std::sync::Arc;

/// Values that one line may describe.
const VALUES_MAX: usize = 10_000_000;

/// One position of a series.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// No sample.
    Missing,
    /// A float.
    Float(f64),
    /// A native histogram.
    Histogram {
        /// The value.
        histogram: Arc<FloatHistogram>,
        /// The text says what the counter reset hint is; only then it counts when values are compared.
        names_hint: bool,
    },
}

/// Start timestamps by position, ms relative to the samples; `None` for none.
pub type Starts = Vec<Option<i64>>;

/// Reads `<series> <sample>…`.
///
/// # Errors
/// What is wrong, for a message that names the line.
pub fn parse(line: &str) -> Result<(Labels, Vec<Item>), String> {
    let (labels, samples) = series(line)?;
    if samples.starts_with(|c: char| !c.is_whitespace()) {
        return Err(format!("expected white space after the series in {line:?}"));
    }
    Ok((labels, values(samples)?))
}

/// Reads `<series>@st <item>…`: start timestamps relative to the sample of the same position, ms. `None` when
/// the line is no such one.
///
/// # Errors
/// What is wrong, for a message that names the line.
pub fn parse_starts(line: &str) -> Result<Option<(Labels, Starts)>, String> {
    let Ok((labels, rest)) = series(line) else { return Ok(None) };
    let Some(items) = rest.strip_prefix("@st") else { return Ok(None) };
    if items.starts_with(|c: char| !c.is_whitespace()) {
        return Err(format!("expected white space after \"@st\" in {line:?}"));
    }
    let mut all = Vec::new();
    items.split_whitespace().try_for_each(|item| start(item, &mut all))?;
    Ok(Some((labels, all)))
}

/// The labels of a series and what follows it.
fn series(line: &str) -> Result<(Labels, &str), String> {
    let mut builder = LabelsBuilder::new();
    let (name, tail) = line.split_at(name_end(line, |c| c == ':'));
    if !name.is_empty() {
        builder.set("__name__", name);
    }
    // White space may stand between a name and its braces; two of them begin a histogram.
    let braces = tail.trim_start();
    match braces.strip_prefix('{') {
        Some(inside) if !inside.starts_with('{') => {
            let tail = label_set(inside, &mut builder).map_err(|e| format!("{e} in {line:?}"))?;
            Ok((builder.build(), tail))
        }
        _ if name.is_empty() => Err(format!("expected a series, got {line:?}")),
        _ => Ok((builder.build(), tail)),
    }
}

/// Length of the name at the front.
fn name_end(text: &str, more: impl Fn(char) -> bool) -> usize {
    let fits =
        |i: usize, c: char| c.is_ascii_alphabetic() || c == '_' || more(c) || i > 0 && c.is_ascii_digit();
    text.char_indices().find(|(i, c)| !fits(*i, *c)).map_or(text.len(), |(i, _)| i)
}

/// Reads labels up to the closing brace; what follows it.
fn label_set<'a>(inside: &'a str, builder: &mut LabelsBuilder) -> Result<&'a str, String> {
    let mut rest = inside.trim_start();
    loop {
        if let Some(tail) = rest.strip_prefix('}') {
            return Ok(tail);
        }
        let quoted = rest.starts_with(QUOTES);
        let (name, tail) = if quoted {
            text(rest)?
        } else {
            let (name, tail) = rest.split_at(name_end(rest, |_| false));
            (name.to_owned(), tail)
        };
        if name.is_empty() {
            return Err("expected a label".to_owned());
        }
        rest = tail.trim_start();
        if let Some(tail) = rest.strip_prefix('=') {
            let (value, tail) = text(tail.trim_start())?;
            builder.set(&name, &value);
            rest = tail.trim_start();
        } else if quoted {
            builder.set("__name__", &name);
        } else {
            return Err(format!("expected \"=\" after label {name:?}"));
        }
        match rest.strip_prefix(',') {
            Some(tail) => rest = tail.trim_start(),
            None if rest.starts_with('}') => {}
            None => return Err("expected a comma or a closing brace".to_owned()),
        }
    }
}

const QUOTES: [char; 3] = ['"', '\'', '`'];

/// The quoted text at the front and what follows it.
fn text(rest: &str) -> Result<(String, &str), String> {
    let quote = rest.chars().next().filter(|c| QUOTES.contains(c)).ok_or("expected a quoted text")?;
    let mut escaped = false;
    let end = rest.char_indices().skip(1).find(|(_, c)| {
        let closes = *c == quote && !escaped;
        escaped = *c == '\\' && !escaped && quote != '`';
        closes
    });
    let (end, _) = end.ok_or("unterminated quoted text")?;
    let (literal, tail) = rest.split_at(end + 1);
    Ok((unquote(literal)?, tail))
}

/// The text that a string literal stands for.
///
/// # Errors
/// It is no string literal.
pub fn unquote(literal: &str) -> Result<String, String> {
    match parse_expr(literal, &ParseOptions::default()) {
        Ok(Expr::String { value, .. }) => Ok(value),
        Ok(_) => Err(format!("not a string literal: {literal}")),
        Err(error) => Err(error.to_string()),
    }
}

/// The values of a line.
///
/// # Errors
/// An item that is no sample.
pub fn values(samples: &str) -> Result<Vec<Item>, String> {
    let mut all = Vec::new();
    let mut rest = samples.trim_start();
    while !rest.is_empty() {
        rest = if rest.starts_with("{{") {
            histograms(rest, &mut all)?
        } else {
            let (item, tail) = rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len()));
            one(item, &mut all)?;
            tail
        };
        rest = rest.trim_start();
    }
    Ok(all)
}

fn room<T>(all: &[T], count: usize) -> Result<(), String> {
    if all.len().saturating_add(count) > VALUES_MAX {
        return Err(format!("more than {VALUES_MAX} values"));
    }
    Ok(())
}

fn repeat<T: Clone>(all: &mut Vec<T>, item: T, count: usize) -> Result<(), String> {
    room(all, count)?;
    all.extend(std::iter::repeat_n(item, count));
    Ok(())
}

/// The repetitions after an `x`.
fn times(text: &str) -> Option<usize> {
    if text.bytes().all(|b| b.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// `{{…}}`, `{{…}}xN`, `{{a}}+{{b}}xN`, `{{a}}-{{b}}xN` at the front; what follows.
fn histograms<'a>(rest: &'a str, all: &mut Vec<Item>) -> Result<&'a str, String> {
    let (base, tail) = literal(rest)?;
    let step = match tail.strip_prefix(['+', '-']) {
        Some(step) => Some((tail.starts_with('-'), literal(step)?)),
        None => None,
    };
    let tail = step.as_ref().map_or(tail, |(_, (_, tail))| tail);
    let (suffix, tail) = tail.split_at(tail.find(char::is_whitespace).unwrap_or(tail.len()));
    let count = match suffix.strip_prefix('x') {
        Some(count) => times(count).and_then(|n| n.checked_add(1)),
        None => (suffix.is_empty() && step.is_none()).then_some(1),
    };
    let count = count.ok_or_else(|| format!("bad repetition {suffix:?} of a histogram"))?;
    let item = |histogram, names_hint| Item::Histogram { histogram, names_hint };
    let Some((subtract, (step, _))) = step else {
        repeat(all, item(Arc::new(base.histogram), base.names_hint), count)?;
        return Ok(tail);
    };
    room(all, count)?;
    let mut value = base.histogram;
    for i in 0..count {
        if i > 0 {
            value = combine(value, &step.histogram, subtract)?;
        }
        all.push(item(Arc::new(value.clone()), step.names_hint));
    }
    Ok(tail)
}

/// The braces at the front and what follows them.
fn literal(rest: &str) -> Result<(histogram_literal::HistogramLiteral, &str), String> {
    let body = rest.strip_prefix("{{").ok_or_else(|| format!("expected a histogram, got {rest:?}"))?;
    let (body, tail) = body.split_once("}}").ok_or("unterminated histogram")?;
    Ok((histogram_literal::parse(body)?, tail))
}

fn one(item: &str, all: &mut Vec<Item>) -> Result<(), String> {
    let bad = || format!("bad sample {item:?}");
    if let Some(count) = item.strip_prefix('_') {
        let count = if count.is_empty() { Some(1) } else { count.strip_prefix('x').and_then(times) };
        return repeat(all, Item::Missing, count.ok_or_else(bad)?);
    }
    if item == "stale" {
        return repeat(all, Item::Float(STALE_NAN), 1);
    }
    if let Some(value) = number(item) {
        return repeat(all, Item::Float(value), 1);
    }
    let (values, count) = item.rsplit_once('x').ok_or_else(bad)?;
    let count = times(count).ok_or_else(bad)?.saturating_add(1);
    if let Some(value) = digits(values) {
        return repeat(all, Item::Float(value), count);
    }
    let (start, step) = values.split_at(step_sign(values).ok_or_else(bad)?);
    let (start, step) = digits(start).zip(digits(step)).ok_or_else(bad)?;
    room(all, count)?;
    let mut value = start;
    for _ in 0..count {
        all.push(Item::Float(value));
        value += step;
    }
    Ok(())
}

/// Where the sign between start and step stands: the last one that belongs to no exponent.
fn step_sign(values: &str) -> Option<usize> {
    let sign = |(i, c): &(usize, char)| {
        matches!(c, '+' | '-') && !values.get(..*i).unwrap_or_default().ends_with(['e', 'E', '+', '-'])
    };
    values.char_indices().skip(1).filter(sign).last().map(|(i, _)| i)
}

/// A start timestamp item.
fn start(item: &str, all: &mut Vec<Option<i64>>) -> Result<(), String> {
    let bad = || format!("bad start timestamp {item:?}");
    if let Some(count) = item.strip_prefix('_') {
        let count = if count.is_empty() { Some(1) } else { count.strip_prefix('x').and_then(times) };
        return repeat(all, None, count.filter(|n| *n > 0).ok_or_else(bad)?);
    }
    let Some((values, count)) = item.rsplit_once('x') else {
        return repeat(all, Some(signed_duration(item)?), 1);
    };
    let count = times(count).ok_or_else(bad)?.saturating_add(1);
    let Some(at) = step_sign(values) else {
        return repeat(all, Some(signed_duration(values)?), count);
    };
    let (start, step) = values.split_at(at);
    let (mut value, step) = (signed_duration(start)?, signed_duration(step)?);
    room(all, count)?;
    for _ in 0..count {
        all.push(Some(value));
        value = value.checked_add(step).ok_or_else(bad)?;
    }
    Ok(())
}

fn signed_duration(text: &str) -> Result<i64, String> {
    match text.strip_prefix('-') {
        Some(text) => lexer::parse_duration(text).map(|ms| -ms),
        None => lexer::parse_duration(text.strip_prefix('+').unwrap_or(text)),
    }
}

/// A float as the test language writes it.
#[must_use]
pub fn number(text: &str) -> Option<f64> {
    let (negative, unsigned) = sign(text);
    if unsigned.eq_ignore_ascii_case("inf") {
        return Some(if negative { f64::NEG_INFINITY } else { f64::INFINITY });
    }
    if unsigned.eq_ignore_ascii_case("nan") {
        return Some(f64::NAN);
    }
    digits(text)
}

fn sign(text: &str) -> (bool, &str) {
    (text.starts_with('-'), text.strip_prefix(['+', '-']).unwrap_or(text))
}

/// A float in digits. A leading zero makes an integer octal, as in the query language.
fn digits(text: &str) -> Option<f64> {
    let (negative, unsigned) = sign(text);
    let plain = |b: u8| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-');
    if !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') || !unsigned.bytes().all(plain) {
        return None;
    }
    let octal = unsigned.len() > 1 && unsigned.starts_with('0');
    let value = match u64::from_str_radix(unsigned, 8) {
        Ok(value) if octal => value as f64,
        _ => unsigned.parse().ok()?,
    };
    Some(if negative { -value } else { value })
}

/// `a + b` or `a - b` as the language computes it.
fn combine(mut a: FloatHistogram, b: &FloatHistogram, subtract: bool) -> Result<FloatHistogram, String> {
    if a.schema > b.schema {
        return Err(format!("cannot merge histograms from schema {} to {}", b.schema, a.schema));
    }
    let combined = if subtract { a.sub(b) } else { a.add(b) };
    // What an addition has to say of bounds and hints concerns no literal.
    combined.map(|_| a).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floats(text: &str) -> Vec<f64> {
        let value = |item: &Item| match item {
            Item::Float(value) => *value,
            other => panic!("{other:?}"),
        };
        values(text).unwrap().iter().map(value).collect()
    }

    #[test]
    fn names_may_be_keywords_and_quoted() {
        for (text, pairs) in [
            ("sum 1", &[("__name__", "sum")][..]),
            ("fill{by=\"x\", on='y'} 1", &[("__name__", "fill"), ("by", "x"), ("on", "y")]),
            ("start {} 1", &[("__name__", "start")]),
            ("{\"my metric\", \"a.b\"=`\\`,} 1", &[("__name__", "my metric"), ("a.b", "\\")]),
            ("{__name__=\"a:b\", gone=\"\"} 1", &[("__name__", "a:b")]),
            ("{a=\"}\\\"{\"} 1", &[("a", "}\"{")]),
            ("{} 1", &[]),
        ] {
            let (labels, items) = parse(text).unwrap();
            assert_eq!(labels, Labels::from_pairs(pairs.iter().copied()), "{text}");
            assert_eq!(items, [Item::Float(1.0)], "{text}");
        }
    }

    #[test]
    fn repetitions_stand_for_one_more_value_and_holes_do_not() {
        assert_eq!(
            floats("1x2 -2+3x2 5-2x1 1e1+1e-1x1"),
            [1.0, 1.0, 1.0, -2.0, 1.0, 4.0, 5.0, 3.0, 10.0, 10.1]
        );
        assert_eq!(values("_x2 _").unwrap(), vec![Item::Missing; 3]);
        assert_eq!(floats("+Inf -inf 010 09 .5 1."), [f64::INFINITY, f64::NEG_INFINITY, 8.0, 9.0, 0.5, 1.0]);
        assert_eq!(floats("stale")[0].to_bits(), STALE_NAN.to_bits());
    }

    #[test]
    fn steps_are_added_one_by_one() {
        let mut sum = 0.0;
        for value in floats("0+0.1x20") {
            assert_eq!(value.to_bits(), f64::to_bits(sum));
            sum += 0.1;
        }
    }

    #[test]
    fn histograms_repeat_and_grow() {
        let all = values(
            "{{count:1}}x1 {{count:1 buckets:[1]}}+{{count:2 buckets:[1] counter_reset_hint:gauge}}x2 3",
        )
        .unwrap();
        let shown = |item: &Item| match item {
            Item::Histogram { histogram, names_hint } => (histogram.count, *names_hint),
            other => panic!("{other:?}"),
        };
        let counts: Vec<_> = all[..5].iter().map(shown).collect();
        assert_eq!(counts, [(1.0, false), (1.0, false), (1.0, true), (3.0, true), (5.0, true)]);
        assert_eq!(all[5], Item::Float(3.0));
    }

    #[test]
    fn start_timestamps_are_read() {
        let (labels, starts) = parse_starts("m{a=\"b\"}@st _x2 -1m 0 1m-30sx2 -0msx1 _").unwrap().unwrap();
        assert_eq!(labels, Labels::from_pairs([("__name__", "m"), ("a", "b")]));
        let some = [Some(-60_000), Some(0), Some(60_000), Some(30_000), Some(0), Some(0), Some(0)];
        assert_eq!(starts, [&[None, None][..], &some, &[None]].concat());
        assert_eq!(parse_starts("m{a=\"@st\"} 1"), Ok(None));
        for bad in ["m@st 1", "m@st _x0", "m@st 1mx", "m@st 1m+-1mx2", "m@stx 1m"] {
            assert!(parse_starts(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "m 0x1f",
            "m NaNx3",
            "m Infx2",
            "m 1x",
            "m 1+x2",
            "m 1x-2",
            "m --1",
            "m 1_0",
            "m stalex2",
            "m _x",
            "m +",
            "m{a} 1",
            "m{a=1} 1",
            "m{a=\"x\" b=\"y\"} 1",
            "m{a=\"x\" 1",
            "1 2",
            "",
            "m{}1",
            "m {{count:1}",
            "m {{x:1}}",
            "m {{}}+{{}}",
            "m {{}}x",
            "m {{}}{{}}",
            "m {{schema:1}}+{{}}x1",
            "m 1x99999999999",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
