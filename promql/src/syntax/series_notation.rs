//! `metric{a="b"} 1+1x5 _ stale`: series as the test language writes them.

use super::lexer::{self, Kind};
use super::literal;
use narthex_storage::{Labels, LabelsBuilder, STALE_NAN};

/// Values that one line may describe.
const VALUES_MAX: usize = 10_000_000;

/// One position of a series.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// No sample.
    Missing,
    /// A float.
    Float(f64),
    /// A native histogram, as written between the braces.
    Histogram(String),
}

/// Reads `<series> <sample>…`.
///
/// # Errors
/// What is wrong, for a message that names the line.
pub fn parse(line: &str) -> Result<(Labels, Vec<Item>), String> {
    let split = series_end(line)?;
    let (series, samples) = line.split_at(split);
    Ok((labels(series)?, values(samples)?))
}

/// Where the series ends and its samples begin.
fn series_end(line: &str) -> Result<usize, String> {
    let mut quote: Option<char> = None;
    let mut braces = false;
    let mut escaped = false;
    for (i, c) in line.char_indices() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(q) if c == '\\' && q != '`' => escaped = true,
            Some(q) if c == q => quote = None,
            Some(_) => {}
            None => match c {
                '"' | '\'' | '`' => quote = Some(c),
                '{' if braces => return Ok(i),
                '{' => braces = true,
                '}' => return Ok(i + 1),
                c if c.is_whitespace() && !braces => {
                    // White space may stand between a name and its braces.
                    let next = line.get(i..).unwrap_or_default().trim_start();
                    if !next.starts_with('{') || next.starts_with("{{") {
                        return Ok(i);
                    }
                }
                _ => {}
            },
        }
    }
    if braces || quote.is_some() {
        Err(format!("unterminated label set in {line:?}"))
    } else {
        Ok(line.len())
    }
}

fn labels(series: &str) -> Result<Labels, String> {
    let tokens = lexer::tokens(series)?;
    let mut builder = LabelsBuilder::new();
    let mut at = 0;
    let word = |i: usize| {
        let token = tokens.get(i)?;
        let source = series.get(token.span.start as usize..token.span.end as usize)?;
        match token.kind {
            Kind::Word | Kind::Number => Some(source.to_owned()),
            Kind::Text => Some(literal::unquote(source)),
            _ => None,
        }
    };
    let symbol = |i: usize, wanted: &str| matches!(tokens.get(i).map(|t| &t.kind), Some(Kind::Symbol(s)) if *s == wanted);
    if let Some(name) = word(0) {
        builder.set("__name__", &name);
        at = 1;
    }
    if symbol(at, "{") {
        at += 1;
        while !symbol(at, "}") {
            let name = word(at).ok_or_else(|| format!("bad label in {series:?}"))?;
            if symbol(at + 1, "=") {
                let value = word(at + 2).ok_or_else(|| format!("bad label value in {series:?}"))?;
                builder.set(&name, &value);
                at += 3;
            } else {
                builder.set("__name__", &name);
                at += 1;
            }
            if symbol(at, ",") {
                at += 1;
            } else if !symbol(at, "}") {
                return Err(format!("expected a comma or a closing brace in {series:?}"));
            }
        }
        at += 1;
    }
    if at < tokens.len() {
        return Err(format!("bad series {series:?}"));
    }
    Ok(builder.build())
}

/// The values of a line.
///
/// # Errors
/// An item that is no sample.
pub fn values(samples: &str) -> Result<Vec<Item>, String> {
    let mut all = Vec::new();
    let mut rest = samples.trim_start();
    while !rest.is_empty() {
        if let Some(body) = rest.strip_prefix("{{") {
            let (text, mut tail) = body.split_once("}}").ok_or("unterminated histogram")?;
            // Sequences add or subtract a second histogram at each position.
            if let Some(step) = tail.strip_prefix(['+', '-']).and_then(|t| t.strip_prefix("{{")) {
                tail = step.split_once("}}").ok_or("unterminated histogram")?.1;
            }
            let end = tail.find(char::is_whitespace).unwrap_or(tail.len());
            let (suffix, tail) = tail.split_at(end);
            let count = match suffix.strip_prefix('x') {
                Some(count) => count.parse::<usize>().ok().and_then(|n| n.checked_add(1)),
                None => suffix.is_empty().then_some(1),
            };
            let count = count.ok_or_else(|| format!("bad repetition {suffix:?} of a histogram"))?;
            push(&mut all, &Item::Histogram(text.to_owned()), count)?;
            rest = tail.trim_start();
            continue;
        }
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        let (item, tail) = rest.split_at(end);
        one(item, &mut all)?;
        rest = tail.trim_start();
    }
    Ok(all)
}

fn push(all: &mut Vec<Item>, item: &Item, count: usize) -> Result<(), String> {
    if all.len().saturating_add(count) > VALUES_MAX {
        return Err(format!("more than {VALUES_MAX} values"));
    }
    all.extend(std::iter::repeat_n(item, count).cloned());
    Ok(())
}

fn one(item: &str, all: &mut Vec<Item>) -> Result<(), String> {
    let bad = || format!("bad sample {item:?}");
    if let Some(count) = item.strip_prefix('_') {
        let count = if count.is_empty() {
            1
        } else {
            count.strip_prefix('x').and_then(|n| n.parse().ok()).ok_or_else(bad)?
        };
        return push(all, &Item::Missing, count);
    }
    if item == "stale" {
        return push(all, &Item::Float(STALE_NAN), 1);
    }
    if let Some(value) = number(item) {
        return push(all, &Item::Float(value), 1);
    }
    let (series, count) = item.rsplit_once('x').ok_or_else(bad)?;
    let count: usize = count.parse().map_err(|_| bad())?;
    if let Some(value) = number(series) {
        return push(all, &Item::Float(value), count.saturating_add(1));
    }
    // The sign between start and step: the last one that is no exponent's.
    let at = series
        .char_indices()
        .skip(1)
        .filter(|(i, c)| matches!(c, '+' | '-') && !series[..*i].ends_with(['e', 'E', '+', '-']))
        .map(|(i, _)| i)
        .last()
        .ok_or_else(bad)?;
    let (start, step) = series.split_at(at);
    let (start, step) = number(start).zip(number(step)).ok_or_else(bad)?;
    if all.len().saturating_add(count) > VALUES_MAX {
        return Err(format!("more than {VALUES_MAX} values"));
    }
    let mut value = start;
    for _ in 0..=count {
        all.push(Item::Float(value));
        value += step;
    }
    Ok(())
}

/// A float as the test language writes it.
#[must_use]
pub fn number(text: &str) -> Option<f64> {
    let digits = text.trim_start_matches(['+', '-']);
    if text.len() - digits.len() > 1 {
        return None;
    }
    let negative = text.starts_with('-');
    let value = if digits.eq_ignore_ascii_case("inf") {
        f64::INFINITY
    } else if digits.eq_ignore_ascii_case("nan") {
        f64::NAN
    } else if digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') && !digits.contains('_') {
        digits.parse().ok()?
    } else {
        return None;
    };
    Some(if negative { -value } else { value })
}
