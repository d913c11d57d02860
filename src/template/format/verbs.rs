//! A format text → what to print, one directive after the other.

use super::{Flags, SIZE_MAX};
use crate::template::value::{Integer, Value};

/// A piece of a format.
pub(super) enum Directive<'a> {
    Text(&'a str),
    Value(&'a Value, char, Flags),
    /// A directive that fits no value, as Go shows it.
    Broken(String),
}

/// Reads a format. `used` becomes the number of values that it takes, `reordered` whether it names them by
/// number.
pub(super) fn directives<'a>(
    format: &'a str,
    values: &'a [Value],
    used: &mut usize,
    reordered: &mut bool,
) -> Vec<Directive<'a>> {
    let mut reader = Reader { rest: format, values, next: 0, reordered: false, good: true, out: Vec::new() };
    while !reader.rest.is_empty() {
        let (text, rest) = reader.rest.split_at(reader.rest.find('%').unwrap_or(reader.rest.len()));
        if !text.is_empty() {
            reader.out.push(Directive::Text(text));
        }
        let Some(rest) = rest.strip_prefix('%') else { break };
        reader.rest = rest;
        reader.directive();
    }
    *used = reader.next;
    *reordered = reader.reordered;
    reader.out
}

struct Reader<'a> {
    rest: &'a str,
    values: &'a [Value],
    /// The value that comes next.
    next: usize,
    reordered: bool,
    /// The numbers of values in this directive were good so far.
    good: bool,
    out: Vec<Directive<'a>>,
}

impl<'a> Reader<'a> {
    fn eat(&mut self, c: char) -> bool {
        match self.rest.strip_prefix(c) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn broken(&mut self, text: &str) {
        self.out.push(Directive::Broken(text.to_owned()));
    }

    fn directive(&mut self) {
        self.good = true;
        let mut flags = Flags::default();
        loop {
            match () {
                () if self.eat('#') => flags.sharp = true,
                () if self.eat('0') => flags.zero = true,
                () if self.eat('+') => flags.plus = true,
                () if self.eat('-') => flags.minus = true,
                () if self.eat(' ') => flags.space = true,
                () => break,
            }
        }
        let mut after_index = self.argument_number();
        if self.eat('*') {
            self.width_argument(&mut flags);
            after_index = false;
        } else {
            flags.width = self.number();
            self.good &= !(after_index && flags.width.is_some());
        }
        if self.rest.len() > 1 && self.eat('.') {
            self.good &= !after_index;
            after_index = self.argument_number();
            if self.eat('*') {
                flags.precision = self.int_argument().and_then(|value| usize::try_from(value).ok());
                if flags.precision.is_none() {
                    self.broken("%!(BADPREC)");
                }
                after_index = false;
            } else {
                flags.precision = Some(self.number().unwrap_or(0));
            }
        }
        if !after_index {
            self.argument_number();
        }
        flags.zero &= !flags.minus;
        self.verb(flags);
    }

    fn verb(&mut self, flags: Flags) {
        let mut chars = self.rest.chars();
        let Some(verb) = chars.next() else { return self.broken("%!(NOVERB)") };
        self.rest = chars.as_str();
        if verb == '%' {
            return self.out.push(Directive::Text("%"));
        }
        if !self.good {
            return self.broken(&format!("%!{verb}(BADINDEX)"));
        }
        match self.values.get(self.next) {
            None => self.broken(&format!("%!{verb}(MISSING)")),
            Some(value) => {
                self.next += 1;
                self.out.push(Directive::Value(value, verb, flags));
            }
        }
    }

    /// A number in digits; one that is too large takes the rest of the format with it, as in Go.
    fn number(&mut self) -> Option<usize> {
        let digits = self.rest.len() - self.rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, rest) = self.rest.split_at(digits);
        if number.is_empty() {
            return None;
        }
        self.rest = rest;
        let number = number.parse().ok().filter(|number| *number <= SIZE_MAX * 10);
        if number.is_none() {
            self.rest = "";
        }
        number
    }

    /// `[2]`: makes the second value the next one.
    fn argument_number(&mut self) -> bool {
        let Some(inside) = self.rest.strip_prefix('[') else { return false };
        self.reordered = true;
        let Some(end) = inside.find(']') else {
            self.rest = inside;
            self.good = false;
            return false;
        };
        let (number, rest) = inside.split_at(end);
        self.rest = rest.strip_prefix(']').unwrap_or(rest);
        let at = number.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
        match at.filter(|at| *at < self.values.len()) {
            Some(at) => {
                self.next = at;
                true
            }
            None => {
                self.good = false;
                number.parse::<usize>().is_ok()
            }
        }
    }

    /// A whole number among the values, for `*`.
    fn int_argument(&mut self) -> Option<i64> {
        let value = self.values.get(self.next)?;
        self.next += 1;
        match value {
            Value::Int(value, Integer::Int | Integer::Int32 | Integer::Int64 | Integer::Byte)
                if value.unsigned_abs() <= SIZE_MAX as u64 =>
            {
                Some(*value)
            }
            _ => None,
        }
    }

    fn width_argument(&mut self, flags: &mut Flags) {
        let width = self.int_argument();
        flags.width = width.and_then(|width| usize::try_from(width.unsigned_abs()).ok());
        if width.is_none() {
            self.broken("%!(BADWIDTH)");
        }
        flags.minus |= width.is_some_and(|width| width < 0);
    }
}
