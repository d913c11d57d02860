//! The way of the rules through the tree.

use super::LintOptions;
use crate::syntax::ast::{Aggregate, Binary, Call, Expr, VectorSelector};

/// A node with what is above it.
pub(super) struct Visit<'a> {
    /// The node.
    pub(super) expr: &'a Expr,
    /// Nodes above, the nearest last.
    pub(super) parents: &'a [&'a Expr],
    pub(super) options: &'a LintOptions<'a>,
}

impl<'a> Visit<'a> {
    /// The nearest node above that is no parenthesis.
    pub(super) fn parent(&self) -> Option<&'a Expr> {
        self.parents.iter().rev().find(|e| !matches!(e, Expr::Paren { .. })).copied()
    }

    /// The call of one of these functions that this node is.
    pub(super) fn call_of(&self, names: &[&str]) -> Option<&'a Call> {
        match self.expr {
            Expr::Call(call) if names.contains(&call.function.name) => Some(call),
            _ => None,
        }
    }

    pub(super) fn aggregate(&self) -> Option<&'a Aggregate> {
        if let Expr::Aggregate(aggregate) = self.expr { Some(aggregate) } else { None }
    }

    pub(super) fn binary(&self) -> Option<&'a Binary> {
        if let Expr::Binary(binary) = self.expr { Some(binary) } else { None }
    }

    pub(super) fn vector(&self) -> Option<&'a VectorSelector> {
        if let Expr::Vector(selector) = self.expr { Some(selector) } else { None }
    }
}

/// The operands of a node.
pub(super) fn children(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::Number { .. } | Expr::String { .. } | Expr::Vector(_) | Expr::Matrix { .. } => Vec::new(),
        Expr::Paren { expr, .. } | Expr::Unary { expr, .. } => vec![expr],
        Expr::Binary(e) => vec![&e.left, &e.right],
        Expr::Aggregate(e) => e.param.iter().chain([&e.expr]).collect(),
        Expr::Call(e) => e.args.iter().collect(),
        Expr::Subquery(e) => vec![&e.expr],
    }
}

/// Calls `see` for every node, parents first.
pub(super) fn each<'a>(expr: &'a Expr, see: &mut impl FnMut(&'a Expr, &[&'a Expr])) {
    fn go<'a>(expr: &'a Expr, parents: &mut Vec<&'a Expr>, see: &mut impl FnMut(&'a Expr, &[&'a Expr])) {
        see(expr, parents);
        parents.push(expr);
        for child in children(expr) {
            go(child, parents, see);
        }
        parents.pop();
    }
    go(expr, &mut Vec::new(), see);
}

/// The first argument of a call that is a vector or a range.
pub(super) fn series_argument(call: &Call) -> Option<&Expr> {
    use crate::syntax::ast::ValueType;
    call.args.iter().find(|arg| matches!(arg.value_type(), ValueType::Vector | ValueType::Matrix))
}
