//! What a rule says: the place, the mistake, the fix.

use super::walk::Visit;
use crate::syntax::ast::Span;

/// How sure it is that something is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; may well be on purpose.
    Info,
    /// Probably a mistake.
    Warning,
    /// Cannot give what was meant, whatever the data.
    Error,
}

impl Severity {
    /// As it is printed.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// A replacement of a part of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The bytes to replace.
    pub span: Span,
    /// What to put there.
    pub text: String,
}

impl Edit {
    /// The text with the edit made; `None` when the span does not lie in it.
    #[must_use]
    pub fn apply(&self, text: &str) -> Option<String> {
        let before = text.get(..self.span.start as usize)?;
        let after = text.get(self.span.end as usize..)?;
        Some(format!("{before}{}{after}", self.text))
    }
}

/// A probable mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// `PQ001` …; a code never changes its meaning.
    pub code: &'static str,
    /// The rule's short name: `rate-of-gauge`.
    pub rule: &'static str,
    /// How sure it is.
    pub severity: Severity,
    /// The bytes that it is about.
    pub span: Span,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub fix: String,
    /// The fix as a replacement, where one is certain to be meant.
    pub edit: Option<Edit>,
}

/// A row of the table of rules.
pub struct Rule {
    /// `PQ001` …
    pub code: &'static str,
    /// `rate-of-gauge`
    pub name: &'static str,
    /// The mistake in a few words.
    pub summary: &'static str,
    /// Looks at one node.
    pub(super) check: fn(&Visit<'_>, &mut dyn FnMut(Finding)),
}

/// What a rule found, before its code is put to it.
pub(super) struct Finding {
    pub(super) severity: Severity,
    pub(super) span: Span,
    pub(super) message: String,
    pub(super) fix: String,
    pub(super) edit: Option<Edit>,
}

impl Finding {
    pub(super) fn new(
        severity: Severity,
        span: Span,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self { severity, span, message: message.into(), fix: fix.into(), edit: None }
    }

    /// With the replacement of `span`.
    pub(super) fn edit(mut self, span: Span, text: impl Into<String>) -> Self {
        self.edit = Some(Edit { span, text: text.into() });
        self
    }

    pub(super) fn into_hint(self, rule: &Rule) -> Hint {
        Hint {
            code: rule.code,
            rule: rule.name,
            severity: self.severity,
            span: self.span,
            message: self.message,
            fix: self.fix,
            edit: self.edit,
        }
    }
}
