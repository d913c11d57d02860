//! A YAML document as a tree that remembers its lines: what the strict decoding of the configuration needs
//! and serde does not carry.

use granit_parser::{Event, Parser, ScalarStyle};
use std::collections::{HashMap, HashSet};

/// Deepest nesting.
const DEPTH_MAX: usize = 64;
/// Most nodes, those that aliases repeat included.
const NODES_MAX: usize = 2_000_000;

/// A value and the line it stands on.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// From 1.
    pub line: usize,
    /// Character of the line, from 1.
    pub column: usize,
    /// The value.
    pub kind: Kind,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// Nothing: `~`, `null`, or no text at all.
    Null,
    /// A text; plain ones may stand for a number or a truth value.
    Scalar {
        /// As written, escapes resolved.
        text: String,
        /// Without quotes.
        plain: bool,
    },
    /// A list.
    List(Vec<Node>),
    /// Keys with their lines, in order.
    Map(Vec<(String, usize, Node)>),
}

/// A document that is no YAML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct YamlError {
    /// From 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

impl Node {
    /// Nothing, at a line.
    #[must_use]
    pub fn null(line: usize) -> Self {
        Self { line, column: 1, kind: Kind::Null }
    }

    /// The tag that go-yaml gives the value.
    #[must_use]
    pub fn tag(&self) -> &'static str {
        match &self.kind {
            Kind::Null => "!!null",
            Kind::List(_) => "!!seq",
            Kind::Map(_) => "!!map",
            Kind::Scalar { plain: false, .. } => "!!str",
            Kind::Scalar { text, .. } if truth(text).is_some() => "!!bool",
            Kind::Scalar { text, .. } if text.parse::<i64>().is_ok() => "!!int",
            Kind::Scalar { text, .. } if number(text) => "!!float",
            Kind::Scalar { .. } => "!!str",
        }
    }
}

/// A number in YAML's spelling: Rust also takes `inf` and `nan`.
fn number(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) && text.parse::<f64>().is_ok()
}

/// A truth value of YAML 1.1.
#[must_use]
pub fn truth(text: &str) -> Option<bool> {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Some(true),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    }
}

/// Reads the first document; nothing is a null.
///
/// # Errors
/// The text is no YAML, or nests or repeats too much.
pub fn parse(text: &str) -> Result<Node, YamlError> {
    let mut builder = Builder { anchors: HashMap::new(), open: Vec::new(), root: None, nodes: 0 };
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|e| YamlError {
            line: e.marker().line().max(1),
            message: format!("yaml: line {}: {}", e.marker().line(), e.info()),
        })?;
        let place = (span.start.line().max(1), span.start.col() + 1);
        if matches!(event, Event::DocumentEnd) {
            break;
        }
        builder.event(event, place)?;
    }
    Ok(builder.root.unwrap_or(Node::null(1)))
}

/// The line at which a second document begins, which [`parse`] does not read.
#[must_use]
pub fn second_document(text: &str) -> Option<usize> {
    let mut begun = 0;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.ok()?;
        begun += usize::from(matches!(event, Event::DocumentStart(..)));
        if begun > 1 {
            return Some(span.start.line().max(1));
        }
    }
    None
}

/// A collection that is not complete.
struct Open {
    node: Node,
    anchor: usize,
    /// The key that waits for its value.
    key: Option<(String, usize)>,
    /// Values of `<<`: they fill in what the map itself has not, wherever they stand.
    merges: Vec<Node>,
}

struct Builder {
    anchors: HashMap<usize, Node>,
    open: Vec<Open>,
    root: Option<Node>,
    nodes: usize,
}

impl Builder {
    fn event(&mut self, event: Event<'_>, place: (usize, usize)) -> Result<(), YamlError> {
        let (line, column) = place;
        let fail = |message: &str| Err(YamlError { line, message: format!("yaml: line {line}: {message}") });
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain && tag.is_none();
                let null = plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                let kind = if null { Kind::Null } else { Kind::Scalar { text: text.into_owned(), plain } };
                self.add(Node { line, column, kind }, anchor)
            }
            Event::SequenceStart(_, anchor, _) => self.start(Kind::List(Vec::new()), anchor, place),
            Event::MappingStart(_, anchor, _) => self.start(Kind::Map(Vec::new()), anchor, place),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(mut open) => {
                    if let Kind::Map(entries) = &mut open.node.kind {
                        open.merges.into_iter().for_each(|other| merge(entries, other));
                    }
                    self.add(open.node, open.anchor)
                }
                None => fail("unbalanced document"),
            },
            Event::Alias(anchor) => match self.anchors.get(&anchor).cloned() {
                Some(node) => {
                    self.nodes += size(&node);
                    self.add(node, 0)
                }
                None => fail("unknown anchor"),
            },
            _ => Ok(()),
        }
    }

    fn start(&mut self, kind: Kind, anchor: usize, (line, column): (usize, usize)) -> Result<(), YamlError> {
        if self.open.len() >= DEPTH_MAX {
            return Err(YamlError {
                line,
                message: format!("yaml: line {line}: nested deeper than {DEPTH_MAX}"),
            });
        }
        self.open.push(Open { node: Node { line, column, kind }, anchor, key: None, merges: Vec::new() });
        Ok(())
    }

    fn add(&mut self, node: Node, anchor: usize) -> Result<(), YamlError> {
        let line = node.line;
        let fail = |message: &str| Err(YamlError { line, message: format!("yaml: line {line}: {message}") });
        if anchor > 0 {
            // Anchors inside anchors hold their nodes again, so these copies count too.
            self.nodes += size(&node);
            self.anchors.insert(anchor, node.clone());
        }
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            return fail("document contains excessive aliasing");
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut open.node.kind {
            Kind::List(items) => items.push(node),
            Kind::Map(entries) => match open.key.take() {
                None => match node.kind {
                    Kind::Scalar { text, .. } => open.key = Some((text, line)),
                    Kind::Null => open.key = Some((String::new(), line)),
                    _ => return fail("invalid map key"),
                },
                Some((key, _)) if key == "<<" => open.merges.push(node),
                Some((key, key_line)) => entries.push((key, key_line, node)),
            },
            _ => {}
        }
        Ok(())
    }
}

/// `<<`: the entries of other maps, where the map has none of its own.
fn merge(entries: &mut Vec<(String, usize, Node)>, node: Node) {
    match node.kind {
        Kind::Map(others) => {
            let own: HashSet<String> = entries.iter().map(|(key, _, _)| key.clone()).collect();
            entries.extend(others.into_iter().filter(|(key, _, _)| !own.contains(key)));
        }
        Kind::List(items) => items.into_iter().for_each(|item| merge(entries, item)),
        _ => {}
    }
}

/// What a copy of a node counts; long texts count more than one.
fn size(node: &Node) -> usize {
    const TEXT_UNIT: usize = 32;
    1 + match &node.kind {
        Kind::List(items) => items.iter().map(size).sum(),
        Kind::Map(entries) => entries.iter().map(|(key, _, node)| key.len() / TEXT_UNIT + size(node)).sum(),
        Kind::Scalar { text, .. } => text.len() / TEXT_UNIT,
        Kind::Null => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_know_their_lines_and_tags() {
        let node = parse("a: 1\nb:\n- yes\n- \"yes\"\n- 1.5\n- x\nc:\n").unwrap();
        let Kind::Map(entries) = node.kind else { panic!() };
        assert_eq!(
            entries.iter().map(|(k, l, _)| (k.as_str(), *l)).collect::<Vec<_>>(),
            [("a", 1), ("b", 2), ("c", 7)]
        );
        let Kind::List(items) = &entries[1].2.kind else { panic!() };
        let tags: Vec<_> = items.iter().map(|i| (i.line, i.tag())).collect();
        assert_eq!(tags, [(3, "!!bool"), (4, "!!str"), (5, "!!float"), (6, "!!str")]);
        assert_eq!(entries[2].2.kind, Kind::Null);
    }

    #[test]
    fn aliases_and_merges_are_resolved() {
        let node = parse("a: &x {b: 1, c: 2}\nd:\n  b: 9\n  <<: *x\ne: *x\n").unwrap();
        let Kind::Map(entries) = node.kind else { panic!() };
        let Kind::Map(merged) = &entries[1].2.kind else { panic!() };
        assert_eq!(merged.iter().map(|(k, _, _)| k.as_str()).collect::<Vec<_>>(), ["b", "c"]);
        assert_eq!(entries[2].2, entries[0].2);
        let early = parse("a: &x {b: 1}\nd:\n  <<: *x\n  b: 9\n").unwrap();
        let Kind::Map(entries) = early.kind else { panic!() };
        let Kind::Map(merged) = &entries[1].2.kind else { panic!() };
        assert_eq!(merged.len(), 1);
        assert_eq!(merged[0].2.kind, Kind::Scalar { text: "9".to_owned(), plain: true });
    }

    #[test]
    fn bombs_and_towers_are_refused() {
        let mut bomb = String::from("a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n");
        for i in 1..9 {
            let items = vec![format!("*a{}", i - 1); 10].join(",");
            bomb.push_str(&format!("a{i}: &a{i} [{items}]\n"));
        }
        assert!(parse(&bomb).unwrap_err().message.contains("excessive aliasing"));
        let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(1 << 20), "*a,".repeat(1000));
        assert!(parse(&long).unwrap_err().message.contains("excessive aliasing"));
        let nested: String = (0..60).map(|i| format!("&n{i} [")).collect();
        let text = nested + &"1,".repeat(100_000) + &"]".repeat(60);
        assert!(parse(&text).unwrap_err().message.contains("excessive aliasing"));
        assert!(parse(&"[".repeat(10_000)).is_err());
        assert!(parse("a: [").unwrap_err().message.starts_with("yaml: line "));
    }

    proptest! {
        #[test]
        fn arbitrary_text_ends_without_a_panic(text in ".{0,200}") {
            let _ = parse(&text);
        }
    }
}
