//! Hints on expressions that are valid and probably not what was meant.
//!
//! ```text
//! tree → every node × every rule of the table → hints, in the order of the text
//! ```
//!
//! A rule sees a node, the nodes above it, and what is known of metrics; it computes labels ([`labels`]) and
//! possible values ([`range`]) without looking at any data. docs/lint.md explains each code to users.

mod hint;
mod labels;
mod metric;
mod range;
mod rules;
mod walk;

#[cfg(test)]
mod tests;

pub use hint::{Edit, Hint, Rule, Severity};
pub use metric::{Catalog, MetricInfo, MetricKind};
pub use rules::RULES;

use crate::syntax::ast::Expr;
use walk::Visit;

/// Longest text that is looked at, bytes: some rules take time quadratic in the depth of the tree.
const TEXT_MAX: usize = 256 << 10;

/// What an expression is for; some mistakes are mistakes only there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Usage {
    /// Not known.
    #[default]
    Any,
    /// Drawn over time by a range query.
    Graph,
    /// The condition of an alert.
    Alert,
    /// Recorded under a name of its own.
    Record,
}

/// What the rules may know beyond the expression.
#[derive(Clone, Copy)]
pub struct LintOptions<'a> {
    /// Types of metrics; without it names are judged by their endings.
    pub catalog: Option<&'a dyn Catalog>,
    /// Distance of samples, ms; `None` when it is not known.
    pub scrape_interval_ms: Option<i64>,
    /// What the expression is for.
    pub usage: Usage,
}

impl Default for LintOptions<'_> {
    fn default() -> Self {
        Self { catalog: None, scrape_interval_ms: Some(15_000), usage: Usage::Any }
    }
}

/// Looks for mistakes in an expression; hints come in the order of the text, of one place the gravest first.
///
/// A tree whose text is longer than 256 KiB is not looked at.
#[must_use]
pub fn lint(expr: &Expr, options: &LintOptions<'_>) -> Vec<Hint> {
    let mut hints = Vec::new();
    let span = expr.span();
    if (span.end.saturating_sub(span.start)) as usize <= TEXT_MAX {
        walk::each(expr, &mut |expr, parents| {
            let visit = Visit { expr, parents, options };
            for rule in RULES {
                (rule.check)(&visit, &mut |found| hints.push(found.into_hint(rule)));
            }
        });
    }
    hints.sort_by_key(|hint| (hint.span.start, std::cmp::Reverse(hint.severity), hint.span.end, hint.code));
    hints.dedup();
    hints
}
