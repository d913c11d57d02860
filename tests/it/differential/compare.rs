//! One expression put to both servers in one form.

use super::generate::Expression;
use crate::harness::post_form;
use serde_json::Value;

/// How an expression is asked.
#[derive(Debug, Clone, Copy)]
pub enum Form {
    /// At one time, ms.
    Instant(i64),
    /// From, to, step; ms.
    Range(i64, i64, i64),
}

/// What came back: annotations aside, which release 2.42 has not.
#[derive(Debug, Clone, PartialEq)]
pub enum Answered {
    Data(Value),
    Error { kind: String, text: String },
}

impl std::fmt::Display for Answered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Data(data) if data["result"][0].is_object() => f.write_str(&lines(data).join("\n")),
            Self::Data(data) => write!(f, "{data}"),
            Self::Error { kind, text } => write!(f, "{kind}: {text}"),
        }
    }
}

/// A question and its two answers.
pub struct Case<'a> {
    pub expression: &'a Expression,
    pub form: Form,
    pub ours: Answered,
    pub theirs: Answered,
    /// The peer's URL.
    pub peer: &'a str,
}

fn seconds(ms: i64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

fn ask(url: &str, expr: &str, form: &Form) -> Answered {
    let json = match form {
        Form::Instant(at) => {
            post_form(&format!("{url}/api/v1/query"), &[("query", expr), ("time", &seconds(*at))])
        }
        Form::Range(start, end, step) => post_form(
            &format!("{url}/api/v1/query_range"),
            &[
                ("query", expr),
                ("start", &seconds(*start)),
                ("end", &seconds(*end)),
                ("step", &seconds(*step)),
            ],
        ),
    };
    let mut json = json.unwrap().json();
    if json["status"] == "success" {
        return Answered::Data(json["data"].take());
    }
    let text = |name: &str| json[name].as_str().unwrap_or_default().to_owned();
    Answered::Error { kind: text("errorType"), text: text("error") }
}

impl<'a> Case<'a> {
    /// Asks both.
    pub fn ask(narthex: &str, peer: &'a str, expression: &'a Expression, form: Form) -> Self {
        let ours = ask(narthex, &expression.text, &form);
        let theirs = ask(peer, &expression.text, &form);
        Self { expression, form, ours, theirs, peer }
    }

    /// The peer's answer to another question.
    pub fn ask_peer(&self, expression: &str, form: &Form) -> Answered {
        ask(self.peer, expression, form)
    }

    /// Whether the answers are the same, to the byte of every value.
    pub fn equal(&self) -> bool {
        self.ours == self.theirs
    }

    /// Series or values in the answer.
    pub fn size(&self) -> usize {
        match &self.theirs {
            Answered::Data(data) => data["result"].as_array().map_or(0, Vec::len),
            Answered::Error { .. } => 0,
        }
    }

    /// Expression, form and what differs, for a reader.
    pub fn describe(&self) -> String {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        if let (Answered::Data(a), Answered::Data(b)) = (&self.ours, &self.theirs) {
            let (a, b) = (lines(a), lines(b));
            ours = a.iter().filter(|line| !b.contains(line)).cloned().collect();
            theirs = b.iter().filter(|line| !a.contains(line)).cloned().collect();
        }
        if ours.is_empty() && theirs.is_empty() {
            (ours, theirs) = (
                vec![self.ours.to_string().replace('\n', "; ")],
                vec![self.theirs.to_string().replace('\n', "; ")],
            );
        }
        let first = |lines: Vec<String>| {
            let more = lines.len().saturating_sub(3);
            let mut text: String = lines.iter().take(3).map(|line| format!("    {line:.600}\n")).collect();
            if more > 0 {
                text += &format!("    and {more} more\n");
            }
            text
        };
        format!(
            "{}\n  {:?}, {:?}\n  ours:\n{}  theirs:\n{}",
            self.expression.text,
            self.expression.exact,
            self.form,
            first(ours),
            first(theirs)
        )
    }
}

/// One line for every value.
fn lines(data: &Value) -> Vec<String> {
    let mut out = Vec::new();
    for series in data["result"].as_array().into_iter().flatten() {
        match series["values"].as_array() {
            Some(values) => out.extend(values.iter().map(|value| format!("{} {value}", series["metric"]))),
            None => out.push(format!("{} {}", series["metric"], series["value"])),
        }
    }
    out
}
