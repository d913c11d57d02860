//! Walking trees.

use super::ast::{Bounds, DurationExpr, Expr, Span};

impl Bounds {
    /// As written; nothing for plain bounds.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Anchored => "anchored",
            Self::Smoothed => "smoothed",
        }
    }
}

impl DurationExpr {
    /// The bytes that a fault of it is reported at.
    #[must_use]
    pub fn span(&self) -> Span {
        match self {
            Self::Number { span, .. }
            | Self::Step { span }
            | Self::Range { span }
            | Self::Unary { span, .. }
            | Self::Binary { span, .. }
            | Self::Extreme { span, .. }
            | Self::Paren { span, .. } => *span,
        }
    }
}

impl Expr {
    /// The expressions directly below, in the order of evaluation. A range selector has none.
    pub fn children(&self) -> impl Iterator<Item = &Self> {
        let (some, all): ([Option<&Self>; 2], &[Self]) = match self {
            Self::Number { .. } | Self::String { .. } | Self::Vector(_) | Self::Matrix { .. } => {
                ([None, None], &[])
            }
            Self::Paren { expr, .. } | Self::Unary { expr, .. } => ([Some(expr), None], &[]),
            Self::Binary(e) => ([Some(&e.left), Some(&e.right)], &[]),
            Self::Aggregate(e) => ([Some(&e.expr), e.param.as_ref()], &[]),
            Self::Call(e) => ([None, None], &e.args),
            Self::Subquery(e) => ([Some(&e.expr), None], &[]),
        };
        some.into_iter().flatten().chain(all)
    }

    /// As [`Self::children`], to change them.
    pub fn children_mut(&mut self) -> impl Iterator<Item = &mut Self> {
        let (some, all): ([Option<&mut Self>; 2], &mut [Self]) = match self {
            Self::Number { .. } | Self::String { .. } | Self::Vector(_) | Self::Matrix { .. } => {
                ([None, None], &mut [])
            }
            Self::Paren { expr, .. } | Self::Unary { expr, .. } => ([Some(expr), None], &mut []),
            Self::Binary(e) => ([Some(&mut e.left), Some(&mut e.right)], &mut []),
            Self::Aggregate(e) => ([Some(&mut e.expr), e.param.as_mut()], &mut []),
            Self::Call(e) => ([None, None], &mut e.args),
            Self::Subquery(e) => ([Some(&mut e.expr), None], &mut []),
        };
        some.into_iter().flatten().chain(all)
    }

    /// The expression and all below it, each before those below it.
    pub fn descendants(&self) -> impl Iterator<Item = &Self> {
        let mut open = vec![self];
        std::iter::from_fn(move || {
            let next = open.pop()?;
            let below = open.len();
            open.extend(next.children());
            if let Some(children) = open.get_mut(below..) {
                children.reverse();
            }
            Some(next)
        })
    }
}

/// The expressions directly below one, in the order of evaluation.
pub fn children(expr: &Expr) -> impl Iterator<Item = &Expr> {
    expr.children()
}

#[cfg(test)]
mod tests {
    use crate::{ParseOptions, parse_expr};

    #[test]
    fn descendants_come_in_the_order_of_the_text_and_parents_first() {
        let tree = parse_expr("topk(2, a) + -clamp(b, 1, 2) / (c and d)", &ParseOptions::all()).unwrap();
        let texts: Vec<String> = tree.descendants().map(ToString::to_string).collect();
        let leaves: Vec<&str> = texts.iter().map(String::as_str).filter(|t| t.len() == 1).collect();
        assert_eq!(leaves, ["a", "2", "b", "1", "2", "c", "d"]);
        assert_eq!(texts.first(), Some(&tree.to_string()));
    }
}
