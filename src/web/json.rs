//! JSON as Prometheus's encoder writes it: sample values as strings, times as seconds.

use narthex_promql::numeric::format_sample;
use narthex_storage::Labels;

/// Writes JSON into a buffer, byte by byte; commas and braces are the caller's.
#[derive(Debug, Default)]
pub struct Json {
    out: Vec<u8>,
}

/// Where a long text is written to. Who writes asks it now and then whether to go on.
pub trait Output {
    /// What is written next goes here.
    fn json(&mut self) -> &mut Json;

    /// Sends on what is there, if it is enough; `false` when nobody wants the rest.
    fn breathe(&mut self) -> bool;
}

/// A text that is held whole.
impl Output for Json {
    fn json(&mut self) -> &mut Json {
        self
    }

    fn breathe(&mut self) -> bool {
        true
    }
}

impl Json {
    /// Takes the text so far out, and begins anew.
    #[must_use]
    pub fn take(&mut self) -> Vec<u8> {
        let len = self.out.len();
        std::mem::replace(&mut self.out, Vec::with_capacity(len))
    }

    /// Bytes so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// Whether nothing is written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// The text so far.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    /// Appends text as it is.
    #[inline]
    pub fn raw(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    /// Appends bytes that are JSON already.
    #[inline]
    pub fn raw_bytes(&mut self, json: &[u8]) {
        self.out.extend_from_slice(json);
    }

    /// Appends a quoted string.
    pub fn string(&mut self, text: &str) {
        self.out.push(b'"');
        let bytes = text.as_bytes();
        let mut done = 0;
        for (at, byte) in bytes.iter().enumerate() {
            let escape: &[u8] = match byte {
                b'"' => b"\\\"",
                b'\\' => b"\\\\",
                b'\n' => b"\\n",
                b'\r' => b"\\r",
                b'\t' => b"\\t",
                0..=0x1f | 0x7f => &[],
                _ => continue,
            };
            self.out.extend_from_slice(bytes.get(done..at).unwrap_or_default());
            done = at + 1;
            if escape.is_empty() {
                self.out.extend_from_slice(format!("\\u{byte:04x}").as_bytes());
            } else {
                self.out.extend_from_slice(escape);
            }
        }
        self.out.extend_from_slice(bytes.get(done..).unwrap_or_default());
        self.out.push(b'"');
    }

    /// Appends `"name":`.
    pub fn key(&mut self, name: &str) {
        self.string(name);
        self.out.push(b':');
    }

    /// Appends a label set as an object.
    pub fn labels(&mut self, labels: &Labels) {
        self.out.push(b'{');
        for (i, (name, value)) in labels.iter().enumerate() {
            self.comma(i);
            self.key(name);
            self.string(value);
        }
        self.out.push(b'}');
    }

    /// Appends a comma before every element but the first.
    #[inline]
    pub fn comma(&mut self, index: usize) {
        if index > 0 {
            self.out.push(b',');
        }
    }

    /// Appends an array of strings.
    pub fn strings<T: AsRef<str>>(&mut self, items: impl IntoIterator<Item = T>) {
        self.out.push(b'[');
        for (i, item) in items.into_iter().enumerate() {
            self.comma(i);
            self.string(item.as_ref());
        }
        self.out.push(b']');
    }

    /// Appends a time in seconds with up to three decimals.
    pub fn time(&mut self, ms: i64) {
        use std::io::Write;
        let (sign, abs) = (if ms < 0 { "-" } else { "" }, ms.unsigned_abs());
        // Writing into a Vec cannot fail.
        let _ = match abs % 1000 {
            0 => write!(self.out, "{sign}{}", abs / 1000),
            millis => write!(self.out, "{sign}{}.{millis:03}", abs / 1000),
        };
    }

    /// Appends `[time,"value"]`.
    #[inline]
    pub fn sample(&mut self, ms: i64, value: f64) {
        self.out.push(b'[');
        self.time(ms);
        self.out.extend_from_slice(b",\"");
        write_sample(value, &mut self.out);
        self.out.extend_from_slice(b"\"]");
    }

    /// Appends a sample value as a string.
    #[inline]
    pub fn number(&mut self, value: f64) {
        self.out.push(b'"');
        write_sample(value, &mut self.out);
        self.out.push(b'"');
    }

    /// Appends any serializable value.
    pub fn value<T: serde::Serialize>(&mut self, value: &T) {
        if serde_json::to_writer(&mut self.out, value).is_err() {
            self.raw("null");
        }
    }
}

/// A sample value: integers and plain decimals without a detour through a `String`.
fn write_sample(value: f64, out: &mut Vec<u8>) {
    use std::io::Write;
    // Writing into a Vec cannot fail.
    let _ = if value == value.trunc() && value.abs() < 1e15 && (value != 0.0 || value.is_sign_positive()) {
        write!(out, "{}", value as i64)
    } else {
        write!(out, "{}", format_sample(value))
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut Json)) -> String {
        let mut json = Json::default();
        write(&mut json);
        String::from_utf8(json.into_bytes()).unwrap()
    }

    #[test]
    fn strings_survive_a_json_parser() {
        for case in ["", "a\"b\\c", "\n\r\t\u{0}\u{1f}\u{7f}", "é😀", "</script>"] {
            let json = text(|j| j.string(case));
            assert_eq!(serde_json::from_str::<String>(&json).unwrap(), case, "{json}");
        }
    }

    #[test]
    fn times_have_no_decimals_or_three() {
        for (ms, want) in
            [(1_435_781_451_781, "1435781451.781"), (4000, "4"), (-1500, "-1.500"), (50, "0.050")]
        {
            assert_eq!(text(|j| j.time(ms)), want);
        }
    }

    #[test]
    fn values_are_strings_in_gos_shortest_form() {
        let table = [
            (1.5, "1.5"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
            (1e21, "1e+21"),
            (1e20, "100000000000000000000"),
            (1e-7, "1e-07"),
            (0.000_001, "0.000001"),
            (-0.0, "-0"),
            (123_456_789.123, "123456789.123"),
        ];
        for (value, want) in table {
            assert_eq!(text(|j| j.sample(1000, value)), format!("[1,\"{want}\"]"));
        }
    }
}
