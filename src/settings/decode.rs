//! Strict decoding: every field is known, every fault has its line, and all faults are found.

use super::duration::{parse_duration, parse_size};
use super::yaml::{Kind, Node, truth};
use narthex_storage::labels::quote;
use std::collections::HashSet;

/// Something wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// From 1; 0 when the fault has no line.
    pub line: usize,
    /// In Prometheus's words, where Prometheus finds it too.
    pub message: String,
    /// The shape of the YAML is wrong rather than its meaning.
    pub shape: bool,
}

/// Collects faults while sections are decoded.
#[derive(Debug, Default)]
pub struct Decoder {
    /// In the order that they were found.
    pub faults: Vec<Fault>,
}

impl Decoder {
    /// A fault of meaning.
    pub fn fault(&mut self, line: usize, message: impl Into<String>) {
        self.faults.push(Fault { line, message: message.into(), shape: false });
    }

    fn shape(&mut self, line: usize, message: String) {
        self.faults.push(Fault { line, message, shape: true });
    }

    fn mismatch(&mut self, node: &Node, want: &str) {
        let shown = match &node.kind {
            Kind::Scalar { text, .. } => format!(" `{}`", text.chars().take(20).collect::<String>()),
            _ => String::new(),
        };
        self.shape(node.line, format!("cannot unmarshal {}{shown} into {want}", node.tag()));
    }

    /// A text; anything scalar is one.
    pub fn string(&mut self, node: &Node) -> String {
        match &node.kind {
            Kind::Scalar { text, .. } => text.clone(),
            Kind::Null => String::new(),
            _ => {
                self.mismatch(node, "string");
                String::new()
            }
        }
    }

    fn parsed<T>(&mut self, node: &Node, want: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        match &node.kind {
            Kind::Null => None,
            Kind::Scalar { text, plain: true } if parse(text).is_some() => parse(text),
            _ => {
                self.mismatch(node, want);
                None
            }
        }
    }

    /// A list; nothing is an empty one.
    pub fn list<'a>(&mut self, node: &'a Node, want: &str) -> &'a [Node] {
        match &node.kind {
            Kind::List(items) => items,
            Kind::Null => &[],
            _ => {
                self.mismatch(node, want);
                &[]
            }
        }
    }

    /// A map whose keys are the user's own, in the order of the file; nothing is an empty one.
    pub fn map<'a>(&mut self, node: &'a Node, want: &str) -> Vec<(&'a str, usize, &'a Node)> {
        let mut out: Vec<(&'a str, usize, &'a Node)> = Vec::new();
        let mut seen = HashSet::new();
        match &node.kind {
            Kind::Map(entries) => {
                for (key, line, value) in entries {
                    if seen.insert(key) {
                        out.push((key, *line, value));
                    } else {
                        self.shape(*line, format!("key {} already set in map", quote(key)));
                    }
                }
            }
            Kind::Null => {}
            _ => self.mismatch(node, want),
        }
        out
    }
}

/// The fields of one section; each is taken once, and what is left over is unknown.
pub struct Fields<'a, 'd> {
    /// The decoder that collects the faults.
    pub decoder: &'d mut Decoder,
    /// Line of the section.
    pub line: usize,
    entries: Vec<(&'a str, usize, &'a Node)>,
    type_name: &'static str,
}

impl<'a, 'd> Fields<'a, 'd> {
    /// The fields of a section, which error texts call `type_name`.
    pub fn of(decoder: &'d mut Decoder, node: &'a Node, type_name: &'static str) -> Self {
        let mut entries: Vec<(&'a str, usize, &'a Node)> = Vec::new();
        let mut seen = HashSet::new();
        match &node.kind {
            Kind::Map(map) => {
                for (key, line, value) in map {
                    if seen.insert(key) {
                        entries.push((key, *line, value));
                    } else {
                        decoder.shape(*line, format!("field {key} already set in type {type_name}"));
                    }
                }
            }
            Kind::Null => {}
            _ => decoder.mismatch(node, type_name),
        }
        Self { decoder, line: node.line, entries, type_name }
    }

    /// Takes a field.
    pub fn take(&mut self, name: &str) -> Option<&'a Node> {
        let at = self.entries.iter().position(|(key, _, _)| *key == name)?;
        Some(self.entries.remove(at).2)
    }

    /// Whether a field is there that has not been taken yet.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.entries.iter().any(|(key, _, _)| *key == name)
    }

    /// Takes every field whose name satisfies `wanted`.
    pub fn take_all(&mut self, wanted: impl Fn(&str) -> bool) -> Vec<(&'a str, usize, &'a Node)> {
        let (taken, rest) = self.entries.drain(..).partition(|(key, _, _)| wanted(key));
        self.entries = rest;
        taken
    }

    /// A text, or `default` where there is none.
    pub fn string(&mut self, name: &str, default: &str) -> String {
        match self.take(name) {
            Some(node) if node.kind != Kind::Null => self.decoder.string(node),
            _ => default.to_owned(),
        }
    }

    /// A list of texts.
    pub fn strings(&mut self, name: &str) -> Vec<String> {
        let Some(node) = self.take(name) else { return Vec::new() };
        let items = self.decoder.list(node, "[]string");
        items.iter().map(|item| self.decoder.string(item)).collect()
    }

    /// A truth value.
    pub fn bool(&mut self, name: &str) -> Option<bool> {
        let node = self.take(name)?;
        self.decoder.parsed(node, "bool", truth)
    }

    /// A count.
    pub fn uint(&mut self, name: &str) -> Option<u64> {
        let node = self.take(name)?;
        self.decoder.parsed(node, "uint", |text| text.parse().ok())
    }

    /// A whole number.
    pub fn int(&mut self, name: &str) -> Option<i64> {
        let node = self.take(name)?;
        self.decoder.parsed(node, "int", |text| text.parse().ok())
    }

    /// A number.
    pub fn float(&mut self, name: &str) -> Option<f64> {
        let node = self.take(name)?;
        self.decoder.parsed(node, "float64", |text| text.parse().ok())
    }

    fn read<T>(&mut self, name: &str, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let node = self.take(name)?;
        if node.kind == Kind::Null {
            return None;
        }
        let text = self.decoder.string(node);
        parse(&text).map_err(|message| self.decoder.fault(node.line, message)).ok()
    }

    /// A duration, ms.
    pub fn duration(&mut self, name: &str) -> Option<i64> {
        self.read(name, parse_duration)
    }

    /// A size, bytes.
    pub fn size(&mut self, name: &str) -> Option<u64> {
        self.read(name, parse_size)
    }

    /// A map of texts, in the order of the keys.
    pub fn string_map(&mut self, name: &str) -> Vec<(String, usize, String)> {
        let Some(node) = self.take(name) else { return Vec::new() };
        let entries = self.decoder.map(node, "map[string]string");
        let each = entries.into_iter().map(|(key, line, v)| (key.to_owned(), line, self.decoder.string(v)));
        let mut map: Vec<_> = each.collect();
        map.sort();
        map
    }

    /// A fault on the section's line.
    pub fn fault(&mut self, message: impl Into<String>) {
        self.decoder.fault(self.line, message);
    }

    /// Whatever was not taken is unknown.
    pub fn finish(self) {
        for (key, line, _) in self.entries {
            self.decoder.shape(line, format!("field {key} not found in type {}", self.type_name));
        }
    }
}
