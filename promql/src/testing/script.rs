//! Text → statements.

use super::Rejection;
use super::expect::{Expectations, Reading, bare_number};
use super::load::Load;
use crate::syntax::lexer::parse_duration;
use crate::syntax::{ParseOptions, parse_expr};

/// What scripts may use.
pub(super) const PARSE_OPTIONS: ParseOptions = ParseOptions::all();

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
    Load(Load),
    Eval(Box<Eval>),
}

/// When an expression is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    Instant(i64),
    Range(Steps),
}

/// Steps of an evaluation, all ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Steps {
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) step: i64,
}

#[derive(Debug)]
pub(super) struct Eval {
    pub(super) when: When,
    pub(super) expr: String,
    pub(super) expect: Expectations,
}

/// Splits a script into its statements.
///
/// # Errors
/// The first statement that does not parse.
pub(super) fn parse(text: &str) -> Result<Vec<Statement>, Rejection> {
    let line = |line: &str| if line.trim().starts_with('#') { String::new() } else { line.trim().to_owned() };
    let lines: Vec<String> = text.split('\n').map(line).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let mut statements = Vec::new();
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        if line.is_empty() {
            at += 1;
            continue;
        }
        let word = line.split_whitespace().next().unwrap_or_default();
        let end = at + block_len(word, lines.get(at..).unwrap_or_default());
        let body = lines.get(at + 1..end).unwrap_or_default();
        let parsed = match word {
            "clear" => Ok(Kind::Clear),
            _ if word.starts_with("load") => Load::parse(line, body).map(Kind::Load),
            _ if word.starts_with("eval") => eval(word, line, body).map(|eval| Kind::Eval(Box::new(eval))),
            _ => Err(format!("unknown statement {word:?}")),
        };
        let (line, text) = (at + 1, (*line).to_owned());
        match parsed {
            Ok(kind) => statements.push(Statement { line, text, kind }),
            Err(reason) => return Err(Rejection { line, statement: text, reason }),
        }
        at = end;
    }
    Ok(statements)
}

/// How many lines the statement at the front takes.
fn block_len(word: &str, lines: &[&str]) -> usize {
    if !word.starts_with("load") && !word.starts_with("eval") {
        return 1;
    }
    let ends = |line: &&str| {
        word.starts_with("eval") && bare_number(line).is_some()
            || word == "eval_fail" && line.starts_with("expected_fail_")
    };
    let mut len = 1;
    for line in lines.iter().skip(1).take_while(|line| !line.is_empty()) {
        len += 1;
        if ends(line) {
            break;
        }
    }
    len
}

/// Takes a word off the front.
fn word<'a>(rest: &'a str, wanted: &str) -> Result<&'a str, String> {
    let (word, tail) = split_word(rest);
    if word == wanted { Ok(tail) } else { Err(format!("expected {wanted:?}, got {word:?}")) }
}

fn split_word(rest: &str) -> (&str, &str) {
    let rest = rest.trim_start();
    let (word, tail) = rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len()));
    (word, tail.trim_start())
}

/// Reads `from <dur> to <dur> step <dur>`; what follows.
pub(super) fn steps(rest: &str) -> Result<(Steps, &str), String> {
    let mut rest = rest;
    let mut times = [0; 3];
    for (name, time) in ["from", "to", "step"].into_iter().zip(&mut times) {
        let (duration, tail) = split_word(word(rest, name)?);
        *time = parse_duration(duration)?;
        rest = tail;
    }
    let [start, end, step] = times;
    if end < start {
        return Err("the end lies before the start".to_owned());
    }
    if step == 0 {
        return Err("the step is zero".to_owned());
    }
    Ok((Steps { start, end, step }, rest))
}

fn eval(command: &str, line: &str, body: &[&str]) -> Result<Eval, String> {
    let mut expect = Expectations::of_command(command)?;
    let (kind, rest) = split_word(line.strip_prefix(command).unwrap_or_default());
    let (when, expr) = match kind {
        "instant" => {
            let (time, expr) = split_word(word(rest, "at")?);
            (When::Instant(parse_duration(time)?), expr)
        }
        "range" if command == "eval_ordered" => {
            return Err("a range evaluation has no order".to_owned());
        }
        "range" => {
            let (steps, expr) = steps(rest)?;
            (When::Range(steps), expr)
        }
        _ => return Err("expected \"instant\" or \"range\"".to_owned()),
    };
    if expr.is_empty() {
        return Err("the expression is missing".to_owned());
    }
    parse_expr(expr, &PARSE_OPTIONS).map_err(|e| e.to_string())?;
    let reading = Reading { instant: matches!(when, When::Instant(_)), failing: command == "eval_fail" };
    for line in body {
        expect.read(line, reading).map_err(|e| format!("{line}: {e}"))?;
    }
    Ok(Eval { when, expr: expr.to_owned(), expect })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    #[test]
    fn blocks_end_at_blank_lines_comments_and_bare_numbers() {
        let text = "clear\n\nload 1m\n  a 1 2\n\nload 30s\n a 1\n# a comment\neval instant at 1m a\n  a 2\n \t\neval instant at 0 1+1\n 2\neval_fail range from 0 to 1m step 30s a\n expected_fail_message x\nclear\n";
        let statements = parse(text).unwrap();
        let lines: Vec<usize> = statements.iter().map(|s| s.line).collect();
        assert_eq!(lines, [1, 3, 6, 9, 12, 14, 16]);
    }

    #[test]
    fn a_line_after_the_end_of_a_block_is_a_statement() {
        assert!(reason("eval instant at 0 1\n 1\n a 1").starts_with("line 3: a 1: unknown statement"));
        assert!(reason("load 1m\n# between\n  a 1").starts_with("line 3: "));
    }

    #[test]
    fn what_does_not_parse_rejects_the_file() {
        for text in [
            "reload",
            "load",
            "load -1m",
            "load_with_nothing 1m",
            "load 1m\n a 1 x",
            "eval instant at 0",
            "eval instant 0 a",
            "eval instant at 0 a +",
            "eval instant at 0 rate(a)",
            "eval instant at 1.5m a",
            "eval range from 2m to 1m step 1m a",
            "eval range from 0 to 1m step 0 a",
            "eval range from 0 to 1m a",
            "eval_ordered range from 0 to 1m step 1m a",
            "eval_maybe instant at 0 a",
            "eval instant at 0 a\n a 1 2",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
