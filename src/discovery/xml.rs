//! XML answers as JSON, so that they are read like all others.

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;
use serde_json::{Map, Value};

/// Elements within elements, at most.
const DEPTH_MAX: usize = 64;

/// Reads a document: an element is an object of its children, or its text if it has none. A name that comes several
/// times, and the name `item`, is a list. Attributes are left out. The result is what the root element holds.
///
/// # Errors
/// It is no XML.
pub fn parse(text: &str) -> Result<Value, String> {
    let mut reader = Reader::from_str(text);
    let mut open = vec![Element::default()];
    loop {
        let event = reader.read_event().map_err(|e| format!("the answer is no XML: {e}"))?;
        match event {
            Event::Start(start) => {
                if open.len() > DEPTH_MAX {
                    return Err("the answer is nested too deeply".to_owned());
                }
                open.push(Element::named(start.local_name().as_ref()));
            }
            Event::Empty(start) => {
                let element = Element::named(start.local_name().as_ref());
                close(&mut open, element);
            }
            Event::End(_) => {
                if let Some(element) = open.pop() {
                    close(&mut open, element);
                }
            }
            Event::Text(text) => append(&mut open, &text),
            Event::CData(text) => append(&mut open, &text),
            Event::GeneralRef(name) => match name.resolve_char_ref() {
                Ok(Some(character)) => append(&mut open, character.encode_utf8(&mut [0; 4])),
                _ => append(&mut open, resolve_predefined_entity(&name).unwrap_or_default()),
            },
            Event::Eof => break,
            _ => {}
        }
    }
    let root = open.pop().filter(|_| open.is_empty()).ok_or("the answer breaks off")?;
    root.children.into_iter().next().map(|(_, value)| value).ok_or_else(|| "the answer is empty".to_owned())
}

#[derive(Default)]
struct Element {
    name: String,
    text: String,
    children: Map<String, Value>,
}

impl Element {
    fn named(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    fn value(self) -> Value {
        match self.children.get("item") {
            Some(Value::Array(items)) if self.children.len() == 1 => items.clone().into(),
            _ if self.children.is_empty() => self.text.into(),
            _ => self.children.into(),
        }
    }
}

fn append(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

fn close(open: &mut [Element], element: Element) {
    let Some(parent) = open.last_mut() else { return };
    let name = element.name.clone();
    let value = element.value();
    match parent.children.get_mut(&name) {
        Some(Value::Array(items)) => items.push(value),
        Some(first) => *first = Value::Array(vec![first.take(), value]),
        None if name == "item" => {
            parent.children.insert(name, Value::Array(vec![value]));
        }
        None => {
            parent.children.insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn elements_become_objects_lists_and_texts() {
        let text = "<?xml version='1.0'?>\n<R xmlns='x'><set><item><a>1 &lt; &#50;</a></item></set><none/>\
                    <many>x</many><many><![CDATA[<y>]]></many><many>z</many></R>";
        let want = json!({"set": [{"a": "1 < 2"}], "none": "", "many": ["x", "<y>", "z"]});
        assert_eq!(parse(text).unwrap(), want);
        for broken in ["", "<a>", "<a></b>", "text", &"<a>".repeat(100_000)] {
            assert!(parse(broken).is_err(), "{broken:.20}");
        }
    }
}
