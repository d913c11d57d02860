//! JSON as Prometheus's encoder writes it: sample values as strings, times as seconds.

use narthex_promql::numeric::{format_sample, is_halfway};
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
        let (abs, mut buffer) = (ms.unsigned_abs(), itoa::Buffer::new());
        if ms < 0 {
            self.out.push(b'-');
        }
        self.out.extend_from_slice(buffer.format(abs / 1000).as_bytes());
        let millis = abs % 1000;
        if millis > 0 {
            // Three digits, zeros in front.
            let digits = buffer.format(1000 + millis).as_bytes();
            self.out.push(b'.');
            self.out.extend_from_slice(digits.get(1..).unwrap_or_default());
        }
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

/// A sample value. Nearly all are integers, or decimals of moderate size; these take a way without a detour.
fn write_sample(value: f64, out: &mut Vec<u8>) {
    if value == value.trunc() && value.abs() < 1e15 && (value != 0.0 || value.is_sign_positive()) {
        out.extend_from_slice(itoa::Buffer::new().format(value as i64).as_bytes());
        return;
    }
    if (1e-6..1e15).contains(&value.abs()) {
        let mut buffer = zmij::Buffer::new();
        let digits = buffer.format_finite(value).as_bytes();
        let decimals = digits.iter().rposition(|b| *b == b'.').map_or(0, |dot| digits.len() - dot - 1);
        if !digits.contains(&b'e') && !is_halfway(value, decimals as i32) {
            out.extend_from_slice(digits);
            return;
        }
    }
    out.extend_from_slice(format_sample(value).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(write: impl FnOnce(&mut Json)) -> String {
        let mut json = Json::default();
        write(&mut json);
        String::from_utf8(json.into_bytes()).unwrap()
    }

    proptest! {
        #[test]
        fn the_short_way_of_a_value_writes_what_the_long_one_does(bits in any::<u64>(), small in any::<i32>()) {
            for value in [f64::from_bits(bits), f64::from(small) / 64.0, f64::from(small) * 1e-9] {
                prop_assert_eq!(text(|j| j.number(value)), format!("\"{}\"", format_sample(value)));
            }
        }

        #[test]
        fn times_read_back(ms in -(1i64 << 50)..1i64 << 50) {
            let seconds = text(|j| j.time(ms));
            let (whole, millis) = seconds.split_once('.').unwrap_or((&seconds, "000"));
            prop_assert_eq!(millis.len(), 3);
            prop_assert_eq!(format!("{whole}{millis}").parse::<i64>().unwrap(), ms);
        }
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
