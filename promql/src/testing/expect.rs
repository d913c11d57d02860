//! The lines below an `eval`: what its answer has to be.

use super::script::{self, Steps};
use crate::syntax::series_notation::{self, Item};
use narthex_storage::{GoRegex, Labels};

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

    fn matching(pattern: &str) -> Result<Self, String> {
        GoRegex::unanchored(pattern.trim()).map(Self::Matches).map_err(|e| e.to_string())
    }

    /// Reads nothing, `msg: …` or `regex: …`.
    fn read(rest: &str) -> Result<Self, String> {
        if rest.is_empty() {
            return Ok(Self::Any);
        }
        let (kind, text) = rest.split_once(':').unwrap_or((rest, ""));
        match kind {
            _ if text.trim().is_empty() => Err(format!("expected \"msg: …\" or \"regex: …\", got {rest:?}")),
            "msg" => Ok(Self::Equal(text.trim().to_owned())),
            "regex" => Self::matching(text),
            _ => Err(format!("expected \"msg: …\" or \"regex: …\", got {rest:?}")),
        }
    }
}

/// What is said about the annotations of one level.
#[derive(Debug, Default)]
pub(super) struct Notes {
    pub(super) some: Vec<Text>,
    pub(super) none: bool,
    /// At least one, whatever else there is.
    pub(super) any: bool,
}

impl Notes {
    fn check(&self, level: &str) -> Result<(), String> {
        if self.none && !self.some.is_empty() {
            return Err(format!("{level} and no_{level} contradict each other"));
        }
        Ok(())
    }
}

/// What an answer has to be.
#[derive(Debug, Default)]
pub(super) struct Expectations {
    pub(super) ordered: bool,
    pub(super) fail: Option<Text>,
    pub(super) warn: Notes,
    pub(super) info: Notes,
    /// The steps that the columns of an expected range vector belong to.
    pub(super) range_vector: Option<Steps>,
    pub(super) string: Option<String>,
    pub(super) scalar: Option<f64>,
    pub(super) series: Vec<(Labels, Vec<Item>)>,
}

/// How the lines are read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    pub(super) instant: bool,
    /// The statement is `eval_fail`.
    pub(super) failing: bool,
}

impl Expectations {
    /// What the statement's first word says.
    pub(super) fn of_command(command: &str) -> Result<Self, String> {
        let mut expect = Self::default();
        match command {
            "eval" => {}
            "eval_fail" => expect.fail = Some(Text::Any),
            "eval_ordered" => expect.ordered = true,
            "eval_warn" => expect.warn.any = true,
            "eval_info" => expect.info.any = true,
            _ => return Err(format!("unknown statement {command:?}")),
        }
        Ok(expect)
    }

    /// Takes in one line.
    pub(super) fn read(&mut self, line: &str, reading: Reading) -> Result<(), String> {
        if reading.failing {
            if let Some(message) = line.strip_prefix("expected_fail_message") {
                self.fail = Some(Text::Equal(message.trim().to_owned()));
                return Ok(());
            }
            if let Some(pattern) = line.strip_prefix("expected_fail_regexp") {
                self.fail = Some(Text::matching(pattern)?);
                return Ok(());
            }
        }
        if let Some(rest) = line.strip_prefix("expect range vector") {
            self.range_vector = Some(script::steps(rest)?.0);
            return Ok(());
        }
        if let Some(rest) = line.strip_prefix("expect string") {
            self.string = Some(series_notation::unquote(rest.trim())?);
            return Ok(());
        }
        match line.split_once(char::is_whitespace) {
            Some(("expect", rest)) => return self.directive(rest.trim()),
            None if line == "expect" => return Err("what is expected is missing".to_owned()),
            _ => {}
        }
        if let Some(value) = bare_number(line) {
            self.scalar = Some(value);
            return Ok(());
        }
        let (labels, items) = series_notation::parse(line)?;
        if items.len() > 1 && reading.instant && self.range_vector.is_none() {
            return Err(format!("{} values for an instant evaluation", items.len()));
        }
        // A series that is named again counts as the last line says.
        self.series.retain(|(there, _)| *there != labels);
        self.series.push((labels, items));
        Ok(())
    }

    fn directive(&mut self, rest: &str) -> Result<(), String> {
        let (word, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let rest = rest.trim();
        match (word, rest.is_empty()) {
            ("fail", _) if self.fail.is_some() => return Err("a second expected failure".to_owned()),
            ("fail", _) => self.fail = Some(Text::read(rest)?),
            ("warn", _) => self.warn.some.push(Text::read(rest)?),
            ("info", _) => self.info.some.push(Text::read(rest)?),
            ("ordered", true) => self.ordered = true,
            ("no_warn", true) => self.warn.none = true,
            ("no_info", true) => self.info.none = true,
            _ => return Err(format!("cannot expect \"{word} {rest}\"")),
        }
        self.warn.check("warn")?;
        self.info.check("info")
    }

    /// Some sample of the answer is to be a matrix' or vector's.
    pub(super) fn is_scalar_or_string(&self) -> bool {
        self.scalar.is_some() || self.string.is_some()
    }
}

/// A bare number: integers in any base that Go reads, else a float.
pub(super) fn bare_number(line: &str) -> Option<f64> {
    let (negative, unsigned) = (line.starts_with('-'), line.strip_prefix(['+', '-']).unwrap_or(line));
    let lower = unsigned.to_ascii_lowercase();
    let radix = [("0x", 16), ("0o", 8), ("0b", 2)];
    let value = match radix.into_iter().find_map(|(prefix, radix)| Some((lower.strip_prefix(prefix)?, radix)))
    {
        Some((digits, radix)) if !digits.starts_with(['+', '-']) => {
            u64::from_str_radix(digits, radix).ok()? as f64
        }
        Some(_) => return None,
        None => return series_notation::number(line),
    };
    Some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    const INSTANT: Reading = Reading { instant: true, failing: false };

    fn read(lines: &[&str], reading: Reading) -> Result<Expectations, String> {
        let mut expect = Expectations::default();
        lines.iter().try_for_each(|line| expect.read(line, reading)).map(|()| expect)
    }

    #[test]
    fn texts_are_whole_messages_or_searched_patterns() {
        let expect = read(&["expect fail msg:  a \"regex: b\" "], INSTANT).unwrap();
        assert!(expect.fail.as_ref().unwrap().accepts("a \"regex: b\""));
        let expect = read(&["expect warn regex: (a|b)msg: c$", "expect info", "expect no_info "], INSTANT);
        assert_eq!(expect.unwrap_err(), "info and no_info contradict each other");
        let expect = read(&["expect warn regex: (a|b)msg: c$", "expect ordered"], INSTANT).unwrap();
        let [text] = expect.warn.some.as_slice() else { panic!("{expect:?}") };
        assert!(text.accepts("xbmsg: c") && !text.accepts("xbmsg: cd") && expect.ordered);
    }

    #[test]
    fn lines_are_told_apart() {
        let expect = read(
            &["expect range vector from 1m to 2m step 30s", "expect{} 1 2", "sum{a=\"b\"} 1 _ 3"],
            INSTANT,
        )
        .unwrap();
        assert_eq!(expect.range_vector, Some(Steps { start: 60_000, end: 120_000, step: 30_000 }));
        assert_eq!(expect.series.len(), 2);
        assert_eq!(read(&["expect string `a\\n`"], INSTANT).unwrap().string.as_deref(), Some("a\\n"));
        assert_eq!(read(&["expect string \"a\\n\""], INSTANT).unwrap().string.as_deref(), Some("a\n"));
        let failing = Reading { instant: true, failing: true };
        assert!(matches!(read(&["expected_fail_message x"], failing).unwrap().fail, Some(Text::Equal(_))));
        assert!(read(&["expected_fail_message x"], INSTANT).is_err());
    }

    #[test]
    fn a_series_that_is_named_twice_counts_once() {
        let expect = read(&["a 1", "b 2", "a 3"], INSTANT).unwrap();
        let values: Vec<_> =
            expect.series.iter().map(|(labels, items)| (labels.metric_name(), items)).collect();
        assert_eq!(values, [("b", &vec![Item::Float(2.0)]), ("a", &vec![Item::Float(3.0)])]);
    }

    #[test]
    fn numbers_are_integers_of_any_base_or_floats() {
        let all = [("2", 2.0), ("-0.5", -0.5), ("1e3", 1e3), ("0x1f", 31.0), ("-0X10", -16.0), ("010", 8.0)];
        for (text, value) in all {
            assert_eq!(bare_number(text), Some(value), "{text}");
        }
        assert!(bare_number("NaN").unwrap().is_nan());
        for text in ["1 2", "x", "{}", "0x", "--1", "inf 1", ""] {
            assert_eq!(bare_number(text), None, "{text}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for line in [
            "expect",
            "expect fire",
            "expect fail message: x",
            "expect warn msg:",
            "expect ordered msg: x",
            "expect warn regex: (",
            "expect string x",
            "expect range vector from 0 to 1m",
            "a 1 2",
        ] {
            assert!(read(&[line], INSTANT).is_err(), "{line}");
        }
        assert!(read(&["expect fail msg: a", "expect fail msg: b"], INSTANT).is_err());
    }
}
