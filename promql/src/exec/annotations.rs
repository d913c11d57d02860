//! Remarks that an answer carries: each text once, with the place that it is about.

use crate::syntax::ast::Span;
use std::collections::BTreeMap;

/// Remarks of one level.
#[derive(Default)]
pub(crate) struct Annotations(BTreeMap<String, Span>);

impl Annotations {
    /// Adds a remark; one with the same text that is there already stays.
    pub(crate) fn add(&mut self, text: String, span: Span) {
        self.0.entry(text).or_insert(span);
    }

    /// `PromQL LEVEL: TEXT (line:column)`, counted in the query's text from 1, columns in bytes.
    pub(crate) fn render(self, level: &str, query: &str) -> Vec<String> {
        let place = |span: Span| {
            let before = query.get(..span.start as usize).unwrap_or(query);
            let line = before.matches('\n').count() + 1;
            let column = before.len() - before.rfind('\n').map_or(0, |at| at + 1) + 1;
            (line, column)
        };
        let render = |(text, span): (String, Span)| {
            let (line, column) = place(span);
            format!("PromQL {level}: {text} ({line}:{column})")
        };
        self.0.into_iter().map(render).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_said_once_with_its_first_place() {
        let mut all = Annotations::default();
        all.add("b".to_owned(), Span { start: 6, end: 7 });
        all.add("b".to_owned(), Span { start: 0, end: 1 });
        all.add("a".to_owned(), Span { start: 0, end: 1 });
        assert_eq!(all.render("info", "sum(\n x)"), ["PromQL info: a (1:1)", "PromQL info: b (2:2)"]);
    }
}
