//! How hints are told: text for people, JSON for machines.

use crate::cli::excerpt::{excerpt, place};
use crate::cli::terminal::printable;
use narthex_promql::lint::{Hint, Usage};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::{self, Write};

/// An expression that is looked at.
pub(super) struct Subject {
    /// What it is for.
    pub(super) usage: Usage,
    /// PromQL.
    pub(super) expr: String,
    /// File, line, group and name, when it is that of a rule.
    pub(super) rule: Option<(String, usize, String, String)>,
}

impl Subject {
    /// `rules.yml:12: group "g", alert "X": `, or nothing for an expression of the command line.
    pub(super) fn place(&self) -> String {
        let kind = if self.usage == Usage::Alert { "alert" } else { "record" };
        self.rule.as_ref().map_or_else(String::new, |(file, line, group, name)| {
            format!("{file}:{line}: group {group:?}, {kind} {name:?}: ")
        })
    }
}

/// Hints as they are found.
pub(super) struct Report {
    json: bool,
    text: String,
    items: Vec<Value>,
    found: usize,
}

impl Report {
    pub(super) fn new(json: bool) -> Self {
        Self { json, text: String::new(), items: Vec::new(), found: 0 }
    }

    /// Hints so far.
    pub(super) fn found(&self) -> usize {
        self.found
    }

    pub(super) fn add(&mut self, subject: &Subject, hint: &Hint) {
        self.found += 1;
        if self.json {
            self.items.push(item(subject, hint));
        } else {
            self.text.push_str(&told(subject, hint));
        }
    }

    /// Writes everything.
    pub(super) fn finish(self, out: &mut dyn Write) -> io::Result<()> {
        if self.json {
            return writeln!(out, "{}", Value::Array(self.items));
        }
        out.write_all(self.text.as_bytes())
    }
}

fn told(subject: &Subject, hint: &Hint) -> String {
    let (line, column) = place(&subject.expr, hint.span.start as usize);
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{}{line}:{column}: {} {} {}: {}",
        printable(&subject.place()),
        hint.severity.name(),
        hint.code,
        hint.rule,
        printable(&hint.message)
    );
    out.push_str(&excerpt(&subject.expr, hint.span.start as usize..hint.span.end as usize, "    "));
    let _ = writeln!(out, "  fix: {}", printable(&hint.fix));
    let whole = hint.edit.as_ref().and_then(|edit| edit.apply(&subject.expr));
    if let Some(text) = whole.filter(|text| !text.contains('\n')) {
        let _ = writeln!(out, "       {}", printable(&text));
    }
    out
}

fn item(subject: &Subject, hint: &Hint) -> Value {
    let (line, column) = place(&subject.expr, hint.span.start as usize);
    let mut item = json!({
        "code": hint.code,
        "name": hint.rule,
        "severity": hint.severity.name(),
        "message": hint.message,
        "fix": hint.fix,
        "expr": subject.expr,
        "span": [hint.span.start, hint.span.end],
        "line": line,
        "column": column,
    });
    if let Value::Object(fields) = &mut item {
        if let Some(edit) = &hint.edit {
            let edit = json!({"span": [edit.span.start, edit.span.end], "text": edit.text});
            fields.insert("edit".to_owned(), edit);
        }
        if let Some((file, line, group, name)) = &subject.rule {
            let kind = if subject.usage == Usage::Alert { "alert" } else { "record" };
            let rule = json!({"file": file, "line": line, "group": group, "kind": kind, "name": name});
            fields.insert("rule".to_owned(), rule);
        }
    }
    item
}
