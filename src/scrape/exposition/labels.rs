//! Labels out of a series as it is written. Only series that are new to a target come here.

use std::borrow::Cow;

/// Calls `each` with name and value of every label, the metric's name as `__name__`, in the order that
/// they are written. `series` is what a cursor accepted.
pub fn parse_labels(series: &[u8], mut each: impl FnMut(&str, &str)) {
    let text = String::from_utf8_lossy(series);
    let brace = match text.strip_prefix('{') {
        Some(_) => 0,
        None => {
            let end = text.find(['{', ' ', '\t']).unwrap_or(text.len());
            each("__name__", text.get(..end).unwrap_or_default());
            match text.get(end..).and_then(|rest| rest.find('{')) {
                Some(at) => end + at,
                None => return,
            }
        }
    };
    let mut rest = text.get(brace + 1..).unwrap_or_default();
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let name = if rest.starts_with('"') {
            let (name, tail) = take_quoted(rest);
            rest = tail.trim_start_matches([' ', '\t']);
            if !rest.starts_with('=') {
                each("__name__", &name);
                continue;
            }
            name
        } else {
            let Some(end) = rest.find([' ', '\t', '=']) else { return };
            let (name, tail) = rest.split_at(end);
            rest = tail;
            Cow::Borrowed(name)
        };
        let Some(value_at) = rest.find('"') else { return };
        let (value, tail) = take_quoted(rest.get(value_at..).unwrap_or_default());
        each(&name, &value);
        rest = tail;
    }
}

/// The unescaped string whose opening quote begins `text`, and what follows it.
fn take_quoted(text: &str) -> (Cow<'_, str>, &str) {
    let body = text.get(1..).unwrap_or_default();
    let mut escaped = false;
    let end = body.bytes().position(|byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    });
    let end = end.unwrap_or(body.len());
    let inner = body.get(..end).unwrap_or_default();
    (unescape(inner, true), body.get(end + 1..).unwrap_or_default())
}

fn unescape(text: &str, quotes: bool) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let replaced = match (c, chars.peek()) {
            ('\\', Some('n')) => Some('\n'),
            ('\\', Some('\\')) => Some('\\'),
            ('\\', Some('"')) if quotes => Some('"'),
            _ => None,
        };
        if replaced.is_some() {
            chars.next();
        }
        // An escape that the formats do not have stays as it is.
        out.push(replaced.unwrap_or(c));
    }
    Cow::Owned(out)
}

/// A HELP text with its escapes resolved.
#[must_use]
pub fn unescape_help(text: &[u8]) -> String {
    unescape(&String::from_utf8_lossy(text), false).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(series: &str) -> Vec<(String, String)> {
        let mut out = Vec::new();
        parse_labels(series.as_bytes(), |n, v| out.push((n.to_owned(), v.to_owned())));
        out
    }

    #[test]
    fn labels_are_read_in_every_spelling() {
        let table: &[(&str, &[(&str, &str)])] = &[
            ("up", &[("__name__", "up")]),
            ("up{}", &[("__name__", "up")]),
            ("up { a = \"1\" , b=\"2\", }", &[("__name__", "up"), ("a", "1"), ("b", "2")]),
            ("{\"my.name\",a=\"1\"}", &[("__name__", "my.name"), ("a", "1")]),
            ("{a=\"1\",\"my.name\"}", &[("a", "1"), ("__name__", "my.name")]),
            ("x{\"l.b\"=\"}\\\"\"}", &[("__name__", "x"), ("l.b", "}\"")]),
            ("x{a=\"1\"b=\"2\"}", &[("__name__", "x"), ("a", "1"), ("b", "2")]),
            ("x{a=\"\\\\n\\n\\t\",b=\"=,{\"}", &[("__name__", "x"), ("a", "\\n\n\\t"), ("b", "=,{")]),
        ];
        for (series, want) in table {
            let want: Vec<_> = want.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
            assert_eq!(labels(series), want, "{series}");
        }
    }

    #[test]
    fn help_keeps_its_quotes() {
        assert_eq!(unescape_help(b"a \\\"b\\\" \\n \\\\"), "a \\\"b\\\" \n \\");
    }
}
