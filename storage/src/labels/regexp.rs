//! Regular expressions in Go's RE2 syntax and meaning.

use std::sync::Arc;

/// An expression that Go's `regexp` package would refuse, with its wording.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("error parsing regexp: {message}")]
pub struct RegexError {
    message: String,
}

/// A compiled expression.
#[derive(Debug, Clone)]
pub struct GoRegex {
    regex: Arc<regex_automata::meta::Regex>,
}

impl GoRegex {
    /// Compiles `^(?s:pattern)$`, as label matchers and relabelling do.
    ///
    /// # Errors
    /// The pattern is not valid in Go's syntax.
    pub fn anchored(pattern: &str) -> Result<Self, RegexError> {
        let regex = regex_automata::meta::Regex::new(&format!("^(?s:{pattern})$"))
            .map_err(|e| RegexError { message: e.to_string() })?;
        Ok(Self { regex: Arc::new(regex) })
    }

    /// Whether the whole of `text` matches.
    #[must_use]
    pub fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// Expands a Go template (`$1`, `${name}`, `$$`) with the groups of the match of `text`;
    /// `None` when `text` does not match.
    #[must_use]
    pub fn expand(&self, text: &str, template: &str) -> Option<String> {
        let mut captures = self.regex.create_captures();
        self.regex.captures(text, &mut captures);
        if !captures.is_match() {
            return None;
        }
        let mut out = String::new();
        captures.interpolate_string_into(text, template, &mut out);
        Some(out)
    }
}
