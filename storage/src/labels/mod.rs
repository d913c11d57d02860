//! Label sets: sorted by name, in one allocation, cheap to clone.
//!
//! The allocation is one `str`: for each label the length of the name, the name, the length of the
//! value, the value. A length is written in base 64 with a continuation bit, in bytes below 0x80, so
//! that the whole stays valid UTF-8 and every slice is taken without `unsafe`.

pub mod matcher;
pub mod regexp;

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// The label that holds the metric's name.
pub const METRIC_NAME: &str = "__name__";

/// A sorted set of labels with distinct names. No label has an empty value.
#[derive(Clone, PartialEq, Eq)]
pub struct Labels {
    encoded: Arc<str>,
}

impl Labels {
    /// The empty label set.
    #[must_use]
    pub fn empty() -> Self {
        Self { encoded: Arc::from("") }
    }

    /// Builds a set from pairs in any order. Of a repeated name the last pair wins; a pair with an
    /// empty value is the same as no pair.
    #[must_use]
    pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut builder = LabelsBuilder::new();
        for (name, value) in pairs {
            builder.set(name, value);
        }
        builder.build()
    }

    /// Builds a set from pairs that are already sorted by name, distinct and without empty values.
    #[must_use]
    pub fn from_sorted<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut encoded = String::new();
        for (name, value) in pairs {
            push_text(&mut encoded, name);
            push_text(&mut encoded, value);
        }
        Self { encoded: Arc::from(encoded) }
    }

    /// The labels in the order of their names.
    #[must_use]
    pub fn iter(&self) -> LabelsIter<'_> {
        LabelsIter { rest: &self.encoded }
    }

    /// The value of a label.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(n, _)| *n == name).map(|(_, v)| v)
    }

    /// The metric name, empty when there is none.
    #[must_use]
    pub fn metric_name(&self) -> &str {
        self.get(METRIC_NAME).unwrap_or("")
    }

    /// Whether there is no label at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.encoded.is_empty()
    }

    /// The number of labels. Walks the set.
    #[must_use]
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Bytes of the one allocation.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        self.encoded.len()
    }

    /// The encoded form: equal exactly when the sets are equal, so it can serve as a key.
    #[must_use]
    pub fn as_encoded(&self) -> &str {
        &self.encoded
    }

    /// Reads back what [`Labels::as_encoded`] gave; `None` when the text is not a sorted label set.
    #[must_use]
    pub fn from_encoded(encoded: &str) -> Option<Self> {
        Self::is_encoded(encoded).then(|| Self { encoded: Arc::from(encoded) })
    }

    /// Whether the text is the encoded form of a sorted label set.
    pub(crate) fn is_encoded(encoded: &str) -> bool {
        let mut previous: Option<&str> = None;
        let mut covered = 0;
        for pair in encoded_pairs(encoded) {
            covered += pair.len();
            let label = first_label(pair).filter(|(name, value)| {
                !value.is_empty() && previous.is_none_or(|previous| previous < *name)
            });
            let Some((name, _)) = label else { return false };
            previous = Some(name);
        }
        covered == encoded.len()
    }
}

impl Default for Labels {
    fn default() -> Self {
        Self::empty()
    }
}

impl Hash for Labels {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.encoded.hash(state);
    }
}

impl PartialOrd for Labels {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Label by label, name before value; of two sets where one begins the other, the shorter is less
/// (Prometheus `labels.Compare`).
impl Ord for Labels {
    fn cmp(&self, other: &Self) -> Ordering {
        let same = common_prefix(self.encoded.as_bytes(), other.encoded.as_bytes());
        // The texts before the first different byte are equal; the one that holds it decides.
        let (mut mine, mut theirs) = (&*self.encoded, &*other.encoded);
        let mut left = same;
        loop {
            let (Some((a, my_rest)), Some((b, their_rest))) = (take_text(mine), take_text(theirs)) else {
                return mine.len().cmp(&theirs.len());
            };
            let taken = mine.len() - my_rest.len();
            if taken > left {
                return a.cmp(b);
            }
            (mine, theirs, left) = (my_rest, their_rest, left - taken);
        }
    }
}

/// How many bytes two texts have in common from their start.
fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    const STEP: usize = 16;
    let steps = a.chunks_exact(STEP).zip(b.chunks_exact(STEP)).take_while(|(a, b)| a == b).count() * STEP;
    let tails = a.iter().skip(steps).zip(b.iter().skip(steps));
    steps + tails.take_while(|(a, b)| a == b).count()
}

/// Quotes text as Go's `strconv.Quote`: what Prometheus prints around label values.
#[must_use]
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\x07' => out.push_str("\\a"),
            '\x08' => out.push_str("\\b"),
            '\x0c' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\x0b' => out.push_str("\\v"),
            c if c.is_ascii_control() => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            // Rust's own escaping knows which other characters do not print.
            c if c.is_ascii() || c.escape_debug().len() == 1 => out.push(c),
            c if u32::from(c) < 0x10000 => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push_str(&format!("\\U{:08x}", u32::from(c))),
        }
    }
    out.push('"');
    out
}

/// As Prometheus prints a label set: `{a="1", b="2"}`, values quoted as Go's `%q`, and names too where
/// they are not plain.
impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (i, (name, value)) in self.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            if is_plain_name(name) {
                write!(f, "{comma}{name}={}", quote(value))?;
            } else {
                write!(f, "{comma}{}={}", quote(name), quote(value))?;
            }
        }
        f.write_str("}")
    }
}

impl<'a> IntoIterator for &'a Labels {
    type Item = (&'a str, &'a str);
    type IntoIter = LabelsIter<'a>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Iterator over `(name, value)`.
#[derive(Clone)]
pub struct LabelsIter<'a> {
    rest: &'a str,
}

impl<'a> Iterator for LabelsIter<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, rest) = take_text(self.rest)?;
        let (value, rest) = take_text(rest)?;
        self.rest = rest;
        Some((name, value))
    }
}

/// Labels however they are kept.
pub(crate) trait LabelSet {
    /// Name and value of each, in the order of the names.
    fn pairs(&self) -> impl Iterator<Item = (&str, &str)>;
}

impl LabelSet for Labels {
    fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.iter()
    }
}

/// A sorted label set in memory that is used again and again, to look a series up without an allocation.
#[derive(Debug, Clone, Default)]
pub struct LabelsBuf {
    encoded: String,
}

impl LabelsBuf {
    /// Forgets the labels, keeps the memory.
    pub fn clear(&mut self) {
        self.encoded.clear();
    }

    /// Appends a label; its name must be above the last one's, its value not empty.
    pub fn push(&mut self, name: &str, value: &str) {
        push_text(&mut self.encoded, name);
        push_text(&mut self.encoded, value);
    }

    /// Appends a label, encoded; its name must be above the last one's, its value not empty.
    pub(crate) fn push_encoded(&mut self, pair: &str) {
        self.encoded.push_str(pair);
    }

    /// The encoded form, as [`Labels::as_encoded`].
    #[must_use]
    pub fn as_encoded(&self) -> &str {
        &self.encoded
    }

    /// A set of its own.
    #[must_use]
    pub fn to_labels(&self) -> Labels {
        Labels { encoded: Arc::from(self.encoded.as_str()) }
    }
}

/// Collects labels in any order and sorts them once.
#[derive(Debug, Clone, Default)]
pub struct LabelsBuilder {
    pairs: Vec<(String, String)>,
}

impl LabelsBuilder {
    /// An empty builder.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A builder that starts from `labels`.
    #[must_use]
    pub fn from_labels(labels: &Labels) -> Self {
        Self { pairs: labels.iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect() }
    }

    /// Sets a label, or removes it when `value` is empty.
    pub fn set(&mut self, name: &str, value: &str) -> &mut Self {
        match self.pairs.iter_mut().find(|(n, _)| n == name) {
            _ if value.is_empty() => self.remove(name),
            Some((_, old)) => {
                value.clone_into(old);
                self
            }
            None => {
                self.pairs.push((name.to_owned(), value.to_owned()));
                self
            }
        }
    }

    /// Removes a label.
    pub fn remove(&mut self, name: &str) -> &mut Self {
        self.pairs.retain(|(n, _)| n != name);
        self
    }

    /// Keeps the labels for which `keep(name, value)` holds.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, &str) -> bool) -> &mut Self {
        self.pairs.retain(|(n, v)| keep(n, v));
        self
    }

    /// The current value of a label.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// The labels collected so far, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(n, v)| (n.as_str(), v.as_str()))
    }

    /// Forgets everything, keeps the memory.
    pub fn clear(&mut self) {
        self.pairs.clear();
    }

    /// The sorted set. The builder can go on afterwards.
    #[must_use]
    pub fn build(&mut self) -> Labels {
        self.pairs.sort_unstable();
        Labels::from_sorted(self.iter())
    }
}

/// Whether `name` is a label name of the classic form, `[a-zA-Z_][a-zA-Z0-9_]*`.
#[must_use]
pub fn is_plain_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b == b'_' || b.is_ascii_alphabetic())
        && bytes.all(|b| b == b'_' || b.is_ascii_alphanumeric())
}

/// The labels of an encoded set one by one, still encoded.
pub(crate) fn encoded_pairs(encoded: &str) -> impl Iterator<Item = &str> {
    let mut rest = encoded;
    std::iter::from_fn(move || {
        let (_, tail) = take_text(rest)?;
        let (_, tail) = take_text(tail)?;
        let (pair, behind) = rest.split_at_checked(rest.len() - tail.len())?;
        rest = behind;
        Some(pair)
    })
}

/// Name and value of the first label of an encoded set.
#[inline]
pub(crate) fn first_label(encoded: &str) -> Option<(&str, &str)> {
    LabelsIter { rest: encoded }.next()
}

const LENGTH_BITS: u32 = 6;
const LENGTH_MASK: usize = (1 << LENGTH_BITS) - 1;
const LENGTH_MORE: u8 = 1 << LENGTH_BITS;

fn push_text(out: &mut String, text: &str) {
    let mut len = text.len();
    while len > LENGTH_MASK {
        out.push(char::from((len & LENGTH_MASK) as u8 | LENGTH_MORE));
        len >>= LENGTH_BITS;
    }
    out.push(char::from(len as u8));
    out.push_str(text);
}

#[inline]
fn take_text(encoded: &str) -> Option<(&str, &str)> {
    let mut len = 0usize;
    let mut shift = 0u32;
    for (i, byte) in encoded.bytes().enumerate() {
        if byte >= 0x80 || shift > 30 {
            return None;
        }
        len |= (byte as usize & LENGTH_MASK) << shift;
        shift += LENGTH_BITS;
        if byte & LENGTH_MORE == 0 {
            return encoded.get(i + 1..)?.split_at_checked(len);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_sorted_distinct_and_without_empty_values() {
        let labels = Labels::from_pairs([("b", "2"), ("a", "0"), ("gone", ""), ("a", "1")]);
        assert_eq!(labels.iter().collect::<Vec<_>>(), [("a", "1"), ("b", "2")]);
        assert_eq!(labels.get("b"), Some("2"));
        assert_eq!(labels.get("gone"), None);
        assert_eq!(format!("{labels:?}"), r#"{a="1", b="2"}"#);
        let odd = Labels::from_pairs([("a.b", "q\"\\\n\u{1}é\u{200b}")]);
        assert_eq!(format!("{odd:?}"), r#"{"a.b"="q\"\\\n\x01é\u200b"}"#);
    }

    #[test]
    fn values_of_any_length_and_script_come_back() {
        for len in [1, 63, 64, 65, 4095, 4096, 1 << 20] {
            let value = "ü".repeat(len);
            let labels = Labels::from_pairs([("métrique", value.as_str()), ("z", "1")]);
            assert_eq!(labels.get("métrique"), Some(value.as_str()));
            assert_eq!(Labels::from_encoded(labels.as_encoded()), Some(labels));
        }
    }

    #[test]
    fn order_is_label_by_label() {
        let l = |pairs: &[(&'static str, &'static str)]| Labels::from_pairs(pairs.iter().copied());
        assert!(l(&[]) < l(&[("a", "1")]));
        assert!(l(&[("a", "1")]) < l(&[("a", "1"), ("b", "1")]));
        assert!(l(&[("a", "1"), ("z", "1")]) < l(&[("a", "2")]));
        // The encoded form would order these by the length of the value.
        assert!(l(&[("a", "10")]) < l(&[("a", "9")]));
    }

    proptest::proptest! {
        #[test]
        fn order_is_that_of_the_pairs(
            a in proptest::collection::vec(("[a-c]{1,2}", "[xyü]{0,70}"), 0..5),
            b in proptest::collection::vec(("[a-c]{1,2}", "[xyü]{0,70}"), 0..5),
        ) {
            let build = |pairs: &[(String, String)]| {
                Labels::from_pairs(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())))
            };
            let (a, b) = (build(&a), build(&b));
            proptest::prop_assert_eq!(a.cmp(&b), a.iter().cmp(b.iter()));
            proptest::prop_assert_eq!(a.cmp(&a.clone()), Ordering::Equal);
        }
    }

    #[test]
    fn damaged_encodings_are_refused() {
        for text in
            ["\u{1}", "\u{1}a", "\u{1}a\u{2}x", "\u{1}b\u{1}x\u{1}a\u{1}x", "\u{1}a\u{0}", "ü", "\u{41}ü"]
        {
            assert!(Labels::from_encoded(text).is_none(), "{text:?}");
        }
    }
}
