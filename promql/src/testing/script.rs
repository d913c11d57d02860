//! Text → statements.

use crate::syntax::lexer::parse_duration;
use crate::syntax::series_notation::{self, Item};
use narthex_storage::{GoRegex, Labels};

/// A statement and where it begins.
#[derive(Debug)]
pub(super) struct Statement {
    pub(super) line: usize,
    pub(super) text: String,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    Clear,
    Load {
        step_ms: i64,
        series: Vec<(Labels, Vec<Item>)>,
        with_nhcb: bool,
    },
    Eval(Box<Eval>),
    /// A statement that the language does not have.
    Broken(String),
}

/// When an expression is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    Instant(i64),
    Range { start: i64, end: i64, step: i64 },
}

/// A text that has to be there.
#[derive(Debug)]
pub(super) enum Text {
    Any,
    Equal(String),
    Matches(GoRegex),
}

impl Text {
    pub(super) fn accepts(&self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Equal(want) => want == text,
            Self::Matches(regex) => regex.is_match(text),
        }
    }
}

/// What is said about the annotations of one level.
#[derive(Debug, Default)]
pub(super) struct Notes {
    pub(super) some: Vec<Text>,
    pub(super) none: bool,
}

#[derive(Debug)]
pub(super) struct Eval {
    pub(super) when: When,
    pub(super) expr: String,
    pub(super) ordered: bool,
    pub(super) fail: Option<Text>,
    pub(super) warn: Notes,
    pub(super) info: Notes,
    /// The steps that the columns of an expected range vector belong to.
    pub(super) range_vector: Option<When>,
    pub(super) string: Option<String>,
    pub(super) scalar: Option<f64>,
    pub(super) series: Vec<(Labels, Vec<Item>)>,
}

/// Splits a script into its statements.
pub(super) fn parse(text: &str) -> Vec<Statement> {
    let lines: Vec<&str> = text
        .split('\n')
        .map(|line| line.trim())
        .map(|line| if line.starts_with('#') { "" } else { line })
        .collect();
    let mut statements = Vec::new();
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        if line.is_empty() {
            at += 1;
            continue;
        }
        let word = line.split_whitespace().next().unwrap_or_default();
        let mut end = at + 1;
        let block = word.starts_with("load") || word.starts_with("eval");
        while block && lines.get(end).is_some_and(|l| !l.is_empty()) {
            let last = lines.get(end).is_some_and(|l| ends_block(word, l));
            end += 1;
            if last {
                break;
            }
        }
        let body = lines.get(at + 1..end).unwrap_or_default();
        let parsed = match word {
            "clear" => Ok(Kind::Clear),
            _ if word.starts_with("load") => load(line, body),
            _ if word.starts_with("eval") => eval(word, line, body).map(|eval| Kind::Eval(Box::new(eval))),
            _ => Err(format!("unknown statement {word:?}")),
        };
        let kind = parsed.unwrap_or_else(Kind::Broken);
        statements.push(Statement { line: at + 1, text: (*line).to_owned(), kind });
        at = end;
    }
    statements
}

fn ends_block(word: &str, line: &str) -> bool {
    if word == "eval_fail" {
        return line.starts_with("expected_fail_");
    }
    word.starts_with("eval") && scalar(line).is_some()
}

/// A bare number.
fn scalar(line: &str) -> Option<f64> {
    if line.contains(char::is_whitespace) {
        return None;
    }
    let digits = line.trim_start_matches(['+', '-']);
    if let Some(hex) = digits.strip_prefix("0x") {
        let value = i64::from_str_radix(hex, 16).ok()? as f64;
        return Some(if line.starts_with('-') { -value } else { value });
    }
    series_notation::number(line)
}

fn load(line: &str, body: &[&str]) -> Result<Kind, String> {
    let (word, step) = line.split_once(char::is_whitespace).ok_or("load needs a duration")?;
    let step_ms = parse_duration(step.trim())?;
    let mut series: Vec<(Labels, Vec<Item>)> = Vec::new();
    for line in body {
        // Start timestamps belong to the samples of the next line; no function uses them yet.
        if line.split_whitespace().next().is_some_and(|series| series.ends_with("@st")) {
            continue;
        }
        let parsed = series_notation::parse(line)?;
        series.retain(|(labels, _)| *labels != parsed.0);
        series.push(parsed);
    }
    Ok(Kind::Load { step_ms, series, with_nhcb: word == "load_with_nhcb" })
}

/// The `from`, `to` and `step` of a range, and what follows.
fn range(text: &str) -> Result<(When, &str), String> {
    let mut rest = text;
    let mut times = [0i64; 3];
    for (word, time) in ["from", "to", "step"].into_iter().zip(&mut times) {
        let tail =
            rest.trim_start().strip_prefix(word).ok_or_else(|| format!("{word:?} is missing"))?.trim_start();
        let (duration, tail) = tail.split_once(char::is_whitespace).unwrap_or((tail, ""));
        *time = parse_duration(duration)?;
        rest = tail;
    }
    let [start, end, step] = times;
    if end < start {
        return Err("the end lies before the start".to_owned());
    }
    Ok((When::Range { start, end, step }, rest))
}

fn eval(word: &str, line: &str, body: &[&str]) -> Result<Eval, String> {
    let rest = line.strip_prefix(word).unwrap_or_default().trim_start();
    let (when, expr) = if let Some(rest) = rest.strip_prefix("instant") {
        let rest = rest.trim_start().strip_prefix("at").ok_or("\"at\" is missing")?.trim_start();
        let (time, expr) = rest.split_once(char::is_whitespace).ok_or("the expression is missing")?;
        (When::Instant(parse_duration(time)?), expr)
    } else if let Some(rest) = rest.strip_prefix("range") {
        range(rest)?
    } else {
        return Err("neither instant nor range".to_owned());
    };
    let mut eval = Eval {
        when,
        expr: expr.trim().to_owned(),
        ordered: word == "eval_ordered",
        fail: (word == "eval_fail").then_some(Text::Any),
        warn: Notes::default(),
        info: Notes::default(),
        range_vector: None,
        string: None,
        scalar: None,
        series: Vec::new(),
    };
    match word {
        "eval_warn" => eval.warn.some.push(Text::Any),
        "eval_info" => eval.info.some.push(Text::Any),
        _ => {}
    }
    body.iter().try_for_each(|line| expectation(&mut eval, line))?;
    Ok(eval)
}

fn text(rest: &str) -> Result<Text, String> {
    let rest = rest.trim();
    if let Some((_, text)) = rest.split_once("msg:") {
        return Ok(Text::Equal(text.trim().to_owned()));
    }
    if let Some((_, pattern)) = rest.split_once("regex:") {
        return GoRegex::unanchored(pattern.trim()).map(Text::Matches).map_err(|e| e.to_string());
    }
    if rest.is_empty() { Ok(Text::Any) } else { Err(format!("what is {rest:?}?")) }
}

fn expectation(eval: &mut Eval, line: &str) -> Result<(), String> {
    if let Some(message) = line.strip_prefix("expected_fail_message") {
        eval.fail = Some(Text::Equal(message.trim().to_owned()));
        return Ok(());
    }
    if let Some(pattern) = line.strip_prefix("expected_fail_regexp") {
        let regex = GoRegex::unanchored(pattern.trim()).map_err(|e| e.to_string())?;
        eval.fail = Some(Text::Matches(regex));
        return Ok(());
    }
    if let Some(rest) = line.strip_prefix("expect range vector") {
        eval.range_vector = Some(range(rest)?.0);
        return Ok(());
    }
    if let Some(rest) = line.strip_prefix("expect string") {
        let literal = crate::parse_expr(rest.trim(), &crate::ParseOptions::default());
        let Ok(crate::Expr::String { value, .. }) = literal else {
            return Err(format!("not a string literal: {rest}"));
        };
        eval.string = Some(value);
        return Ok(());
    }
    if let Some(rest) = line.strip_prefix("expect ") {
        let (word, rest) = rest.trim().split_once(char::is_whitespace).unwrap_or((rest.trim(), ""));
        match word {
            "ordered" => eval.ordered = true,
            "fail" => eval.fail = Some(text(rest)?),
            "warn" => eval.warn.some.push(text(rest)?),
            "info" => eval.info.some.push(text(rest)?),
            "no_warn" => eval.warn.none = true,
            "no_info" => eval.info.none = true,
            other => return Err(format!("cannot expect {other:?}")),
        }
        return Ok(());
    }
    if let Some(value) = scalar(line) {
        eval.scalar = Some(value);
        return Ok(());
    }
    let (labels, items) = series_notation::parse(line)?;
    let instant = matches!(eval.when, When::Instant(_)) && eval.range_vector.is_none();
    if instant && items.len() != 1 {
        return Err(format!("{} values for an instant evaluation: {line}", items.len()));
    }
    eval.series.push((labels, items));
    Ok(())
}
