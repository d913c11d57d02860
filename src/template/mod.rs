//! Templates of alert labels and annotations: the language of Go's `text/template` with the functions of
//! Prometheus, and its error texts.
//!
//! ```text
//! text → lexer (tokens) → parser (tree) → exec (pipelines, fields) → text
//!                                            ├ call (arguments and their types) → functions
//!                                            └ format (Go's printf)
//! ```
//!
//! An expansion is bounded in steps, depth and bytes (`budget`), so that a template that loops ends with an
//! error.

mod ast;
mod budget;
mod call;
mod exec;
mod format;
mod functions;
mod go;
mod lexer;
mod number;
mod parser;
mod time;
mod value;

#[cfg(test)]
mod tests;

use ast::Tree;
pub use budget::Allowance;
use narthex_promql::InstantSample;
use narthex_storage::{FloatHistogram, Labels};
use std::fmt::{self, Debug, Formatter};
use std::rc::Rc;
use std::sync::Arc;
use value::{Data, Value};

/// What Prometheus puts in front of every text; its length counts in the columns of error texts.
const PRELUDE: &str = "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}\
                       {{$externalURL := .ExternalURL}}{{$value := .Value}}";
/// The variables that exist from the start.
const VARIABLES: &[&str] = &["$", "$labels", "$externalLabels", "$externalURL", "$value"];

/// A parsed template. Cloning is cheap.
#[derive(Clone)]
pub struct Template {
    parsed: Arc<Parsed>,
}

struct Parsed {
    text: String,
    main: Tree,
    defined: Vec<Tree>,
    plain: bool,
}

impl Parsed {
    /// The template of a name.
    fn tree(&self, name: &str) -> Option<&Tree> {
        std::iter::once(&self.main).chain(&self.defined).find(|tree| tree.name == name)
    }

    /// Line, from 1, and column, from 0, of a byte, as they are behind the prelude.
    fn place(&self, pos: usize) -> (usize, usize) {
        let before = self.text.get(..pos).unwrap_or(&self.text);
        match before.rfind('\n') {
            Some(at) => (before.matches('\n').count() + 1, before.len() - at - 1),
            None => (1, before.len() + PRELUDE.len()),
        }
    }
}

/// What a template cannot do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// The text is no template.
    #[error("error parsing template {name}: {detail}")]
    Parse {
        /// The template's name.
        name: String,
        /// From `template: ` on.
        detail: String,
    },
    /// The expansion failed.
    #[error("error executing template {name}: {detail}")]
    Execute {
        /// The template's name.
        name: String,
        /// From `template: ` on.
        detail: String,
    },
}

impl TemplateError {
    /// The error as Go's `text/template` tells it: `template: NAME:LINE: …`.
    #[must_use]
    pub fn detail(&self) -> &str {
        match self {
            Self::Parse { detail, .. } | Self::Execute { detail, .. } => detail,
        }
    }
}

/// The alert that a template is expanded for.
#[derive(Debug, Clone, Copy)]
pub struct AlertData<'a> {
    /// `.Labels`: those of the sample, before the rule's own.
    pub labels: &'a Labels,
    /// `.Value`.
    pub value: TemplateValue<'a>,
    /// `.ExternalLabels`.
    pub external_labels: &'a [(String, String)],
    /// `.ExternalURL`.
    pub external_url: &'a str,
}

/// The value of the sample that an alert is made of.
#[derive(Debug, Clone, Copy)]
pub enum TemplateValue<'a> {
    /// A number.
    Float(f64),
    /// A native histogram.
    Histogram(&'a FloatHistogram),
}

/// What is around a template.
#[derive(Clone, Copy)]
pub struct World<'a> {
    /// The time of the evaluation, milliseconds since the epoch.
    pub now_ms: i64,
    /// The path of the external URL.
    pub path_prefix: &'a str,
    /// Evaluates an expression now. The error is what `query` fails with.
    pub query: &'a dyn Fn(&str) -> Result<Vec<InstantSample>, String>,
    /// What this and other expansions may cost together.
    pub allowance: &'a Allowance,
}

impl Debug for World<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("now_ms", &self.now_ms).finish_non_exhaustive()
    }
}

impl Template {
    /// Parses the text of a label or an annotation. `name` is `__alert_` and the alert's name.
    ///
    /// # Errors
    /// The text is no template, calls a function that does not exist or reads a variable that is not defined.
    pub fn parse(name: &str, text: &str) -> Result<Self, TemplateError> {
        let (main, defined) = parser::parse(name, text, VARIABLES)
            .map_err(|detail| TemplateError::Parse { name: name.to_owned(), detail })?;
        let plain = !text.contains("{{");
        Ok(Self { parsed: Arc::new(Parsed { text: text.to_owned(), main, defined, plain }) })
    }

    /// The text, if there is no action in it: it expands to itself.
    #[must_use]
    pub fn is_plain(&self) -> Option<&str> {
        self.parsed.plain.then_some(self.parsed.text.as_str())
    }

    /// The text for an alert.
    ///
    /// # Errors
    /// An action fails, or the expansion goes on for too long or makes too long a text.
    pub fn expand(&self, data: &AlertData<'_>, world: &World<'_>) -> Result<String, TemplateError> {
        if let Some(text) = self.is_plain() {
            return Ok(text.to_owned());
        }
        let external = data.external_labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let values = Data {
            labels: Value::Labels(Rc::new(data.labels.clone())),
            external_labels: Value::Labels(Rc::new(Labels::from_pairs(external))),
            external_url: data.external_url.into(),
            value: match data.value {
                TemplateValue::Float(value) => Value::Float(value),
                TemplateValue::Histogram(histogram) => Value::Histogram(Arc::new(histogram.clone())),
            },
        };
        let context = budget::Context::new(world, data.external_url);
        exec::run(&self.parsed, values, context)
            .map_err(|error| TemplateError::Execute { name: self.parsed.main.name.clone(), detail: error.0 })
    }
}

impl Debug for Template {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Template").field(&self.parsed.text).finish()
    }
}
