//! Go's `fmt`: `printf` with its verbs and flags, and `print`, for the values of templates.

mod number;
mod verbs;

use super::value::{Integer, Type, Value, args_keys};
use narthex_promql::InstantSample;
use std::rc::Rc;
use verbs::{Directive, directives};

/// Numbers above this are no widths and no precisions.
const SIZE_MAX: usize = 1_000_000;
/// What stands for the address of a value that is printed as a pointer.
const ADDRESS: &str = "0xc000000000";

/// How one value is to be printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Flags {
    width: Option<usize>,
    precision: Option<usize>,
    minus: bool,
    plus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
}

/// A text that grows up to a limit.
pub(super) struct Output {
    text: String,
    limit: usize,
    overflowed: bool,
}

impl Output {
    /// An empty text that may have so many bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self { text: String::new(), limit, overflowed: false }
    }

    pub(super) fn push(&mut self, text: &str) {
        self.overflowed |= text.len() > self.limit - self.text.len();
        if !self.overflowed {
            self.text.push_str(text);
        }
    }

    fn repeat(&mut self, c: char, times: usize) {
        self.overflowed |= times > self.limit - self.text.len();
        if !self.overflowed {
            self.text.extend(std::iter::repeat_n(c, times));
        }
    }

    /// The text.
    ///
    /// # Errors
    /// It would have been longer than its limit.
    pub(super) fn finish(self) -> Result<String, String> {
        if self.overflowed { Err(format!("output exceeds {} bytes", self.limit)) } else { Ok(self.text) }
    }

    /// Writes a text, filled up to the width.
    fn pad(&mut self, text: &str, flags: Flags) {
        let missing = flags.width.map_or(0, |width| width.saturating_sub(text.chars().count()));
        if flags.minus {
            self.push(text);
            self.repeat(' ', missing);
        } else {
            self.repeat(if flags.zero { '0' } else { ' ' }, missing);
            self.push(text);
        }
    }
}

/// The value of an action: what a pointer points to, and nothing as `<no value>`.
pub(super) fn print_one(out: &mut Output, value: &Value) {
    match value {
        Value::Missing => out.push("<no value>"),
        Value::Sample(sample) => print_sample(out, sample, 'v', Flags::default(), 0),
        value => print_value(out, value, 'v', Flags::default(), 0),
    }
}

/// `fmt.Sprint`: a blank between values of which neither is a text.
pub(super) fn print(out: &mut Output, values: &[Value]) {
    print_each(out, values, |out, value| print_value(out, value, 'v', Flags::default(), 0));
}

/// The same of values whose pointers are followed first, as by `html`, `js` and `urlquery`.
pub(super) fn print_followed(out: &mut Output, values: &[Value]) {
    print_each(out, values, print_one);
}

fn print_each(out: &mut Output, values: &[Value], each: impl Fn(&mut Output, &Value)) {
    let mut after_text = true;
    for value in values {
        let text = matches!(value, Value::Text(_) | Value::Html(_));
        if !text && !after_text {
            out.push(" ");
        }
        each(out, value);
        after_text = text;
    }
}

/// `fmt.Sprintln`: blanks between the values, and a line feed.
pub(super) fn println(out: &mut Output, values: &[Value]) {
    for (at, value) in values.iter().enumerate() {
        if at > 0 {
            out.push(" ");
        }
        print_value(out, value, 'v', Flags::default(), 0);
    }
    out.push("\n");
}

/// `fmt.Sprintf`.
pub(super) fn printf(out: &mut Output, format: &str, values: &[Value]) {
    let mut used = 0;
    let mut reordered = false;
    for directive in directives(format, values, &mut used, &mut reordered) {
        match directive {
            Directive::Text(text) => out.push(text),
            Directive::Value(value, verb, flags) => print_value(out, value, verb, flags, 0),
            Directive::Broken(message) => out.push(&message),
        }
    }
    let extra = values.get(used..).unwrap_or_default();
    if reordered || extra.is_empty() {
        return;
    }
    out.push("%!(EXTRA ");
    for (at, value) in extra.iter().enumerate() {
        if at > 0 {
            out.push(", ");
        }
        if !is_nil(value) {
            out.push(&value.type_name());
            out.push("=");
        }
        print_value(out, value, 'v', Flags::default(), 0);
    }
    out.push(")");
}

fn is_nil(value: &Value) -> bool {
    matches!(value, Value::Missing | Value::Nil(Type::Any))
}

/// The text of a value that knows how to show itself.
fn own_text(value: &Value) -> Option<String> {
    Some(match value {
        Value::Duration(ns, _) => super::time::duration_text(*ns),
        Value::Time(ns, _) => super::time::time_text(*ns),
        Value::Int(month, Integer::Month) => super::time::month_text(*month),
        Value::Int(day, Integer::Weekday) => super::time::weekday_text(*day),
        Value::Histogram(histogram) => histogram.to_string(),
        _ => return None,
    })
}

/// Prints a value, or an element of one at `depth`.
fn print_value(out: &mut Output, value: &Value, verb: char, flags: Flags, depth: usize) {
    if is_nil(value) {
        match verb {
            'v' | 'T' => out.pad("<nil>", flags),
            _ => out.push(&format!("%!{verb}(<nil>)")),
        }
        return;
    }
    if verb == 'T' {
        return out.pad(&value.type_name(), flags);
    }
    let go_syntax = verb == 'v' && flags.sharp;
    if matches!(verb, 'v' | 's' | 'x' | 'X' | 'q')
        && !go_syntax
        && let Some(text) = own_text(value)
    {
        return print_text(out, &text, verb, flags, value);
    }
    match value {
        Value::Bool(value) if matches!(verb, 't' | 'v') => out.pad(&value.to_string(), flags),
        Value::Int(number, kind) => {
            let unsigned = *kind == Integer::Byte;
            if !number::print_int(out, *number, unsigned, verb, flags) {
                bad_verb(out, value, verb);
            }
        }
        Value::Duration(ns, _) => {
            if !number::print_int(out, *ns, false, verb, flags) {
                bad_verb(out, value, verb);
            }
        }
        Value::Float(number) => {
            if !number::print_float(out, *number, verb, flags) {
                bad_verb(out, value, verb);
            }
        }
        Value::Text(text) | Value::Html(text) => print_text(out, text, verb, flags, value),
        Value::Labels(labels) => {
            let entries = labels.iter().map(|(name, value)| (name.to_owned(), Value::text(value)));
            print_map(out, &value.type_name(), entries, verb, flags, depth);
        }
        Value::Args(values) => {
            let entries = args_keys(values.len())
                .into_iter()
                .filter_map(|(key, at)| Some((key, values.get(at)?.clone())));
            print_map(out, &value.type_name(), entries, verb, flags, depth);
        }
        Value::Samples(samples) => {
            let addresses = vec![ADDRESS; samples.len()].join(" ");
            out.push(&format!("[{addresses}]"));
        }
        Value::Sample(sample) if depth == 0 => {
            out.push("&");
            print_sample(out, sample, verb, flags, 0);
        }
        Value::Sample(_) => out.push(ADDRESS),
        Value::Data(data) => {
            let fields = [
                ("Labels", data.labels.clone()),
                ("ExternalLabels", data.external_labels.clone()),
                ("ExternalURL", Value::Text(data.external_url.clone())),
                ("Value", data.value.clone()),
            ];
            print_struct(out, &value.type_name(), &fields, verb, flags, depth);
        }
        Value::Nil(Type::Labels | Type::Args) => out.push("map[]"),
        Value::Nil(Type::Samples) => out.push("[]"),
        Value::Nil(_) => out.pad("<nil>", flags),
        _ => bad_verb(out, value, verb),
    }
}

/// A sample as a struct.
fn print_sample(out: &mut Output, sample: &InstantSample, verb: char, flags: Flags, depth: usize) {
    let labels = Value::Labels(Rc::new(sample.labels.clone()));
    let fields = [("Labels", labels), ("Value", Value::of_sample(sample))];
    print_struct(out, "template.sample", &fields, verb, flags, depth);
}

fn print_map(
    out: &mut Output,
    kind: &str,
    entries: impl Iterator<Item = (String, Value)>,
    verb: char,
    flags: Flags,
    depth: usize,
) {
    let go_syntax = verb == 'v' && flags.sharp;
    out.push(if go_syntax { kind } else { "map" });
    out.push(if go_syntax { "{" } else { "[" });
    for (at, (key, value)) in entries.enumerate() {
        if at > 0 {
            out.push(if go_syntax { ", " } else { " " });
        }
        print_value(out, &Value::text(key), verb, flags, depth + 1);
        out.push(":");
        print_value(out, &value, verb, flags, depth + 1);
    }
    out.push(if go_syntax { "}" } else { "]" });
}

fn print_struct(
    out: &mut Output,
    kind: &str,
    fields: &[(&str, Value)],
    verb: char,
    flags: Flags,
    depth: usize,
) {
    let go_syntax = verb == 'v' && flags.sharp;
    let named = verb == 'v' && (flags.sharp || flags.plus);
    if go_syntax {
        out.push(kind);
    }
    out.push("{");
    for (at, (name, value)) in fields.iter().enumerate() {
        if at > 0 {
            out.push(if go_syntax { ", " } else { " " });
        }
        if named {
            out.push(name);
            out.push(":");
        }
        print_value(out, value, verb, flags, depth + 1);
    }
    out.push("}");
}

fn print_text(out: &mut Output, text: &str, verb: char, flags: Flags, value: &Value) {
    let cut = |text: &str| -> String {
        flags.precision.map_or_else(|| text.to_owned(), |precision| text.chars().take(precision).collect())
    };
    match verb {
        'v' if flags.sharp => out.pad(&super::go::quote(text), flags),
        'v' | 's' => out.pad(&cut(text), flags),
        'q' => {
            let text = cut(text);
            let plain = !text.contains('`') && text.chars().all(|c| c == '\t' || !c.is_control());
            let quoted = if flags.sharp && plain { format!("`{text}`") } else { super::go::quote(&text) };
            out.pad(&quoted, flags);
        }
        'x' | 'X' => out.pad(&number::hexadecimal(text, verb, flags), flags),
        _ => bad_verb(out, value, verb),
    }
}

/// What a verb that a value does not have prints.
fn bad_verb(out: &mut Output, value: &Value, verb: char) {
    out.push(&format!("%!{verb}({}=", value.type_name()));
    match value {
        Value::Bool(value) => out.push(&value.to_string()),
        Value::Int(number, _) | Value::Duration(number, _) => out.push(&number.to_string()),
        Value::Text(text) | Value::Html(text) => out.push(text),
        Value::Float(number) => {
            number::print_float(out, *number, 'v', Flags::default());
        }
        _ => out.push(&own_text(value).unwrap_or_default()),
    }
    out.push(")");
}

#[cfg(test)]
mod tests;
