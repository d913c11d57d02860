//! `label_replace`, `label_join`.

use super::super::labels::builder;
use super::super::operator::Meta;
use super::super::unique::{Clash, relabelled};
use super::super::{Context, Node, Scope, text, vector};
use super::arg;
use crate::engine::EngineError;
use crate::syntax::ast::Expr;
use narthex_storage::{GoRegex, Labels};

pub(super) fn replace<'a>(cx: &Context<'a>, args: &'a [Expr], scope: Scope) -> Result<Node<'a>, EngineError> {
    let (target, template) = (text(arg(args, 1)?)?, text(arg(args, 2)?)?);
    let (source, pattern) = (text(arg(args, 3)?)?, text(arg(args, 4)?)?);
    let regex = GoRegex::anchored(pattern).map_err(|_| {
        EngineError::Exec(format!("invalid regular expression in label_replace(): {pattern}"))
    })?;
    if !is_label_name(target) {
        return Err(EngineError::Exec(format!(
            "invalid destination label name in label_replace(): {target}"
        )));
    }
    rewrite(cx, arg(args, 0)?, target, scope, |labels| {
        regex.expand(labels.get(source).unwrap_or(""), template)
    })
}

pub(super) fn join<'a>(cx: &Context<'a>, args: &'a [Expr], scope: Scope) -> Result<Node<'a>, EngineError> {
    let (target, separator) = (text(arg(args, 1)?)?, text(arg(args, 2)?)?);
    let sources = args.iter().skip(3).map(text).collect::<Result<Vec<_>, _>>()?;
    if let Some(bad) = sources.iter().find(|source| !is_label_name(source)) {
        return Err(EngineError::Exec(format!("invalid source label name in label_join(): {bad}")));
    }
    if !is_label_name(target) {
        return Err(EngineError::Exec(format!("invalid destination label name in label_join(): {target}")));
    }
    rewrite(cx, arg(args, 0)?, target, scope, |labels| {
        let parts: Vec<&str> = sources.iter().map(|source| labels.get(source).unwrap_or("")).collect();
        Some(parts.join(separator))
    })
}

/// Whether a text may name a label. One that was written with bytes that are no UTF-8 has the replacement
/// character by now.
pub(crate) fn is_label_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(char::REPLACEMENT_CHARACTER)
}

/// Gives every series another value of one label; a name that is written stays.
fn rewrite<'a>(
    cx: &Context<'a>,
    operand: &'a Expr,
    target: &str,
    scope: Scope,
    value: impl Fn(&Labels) -> Option<String>,
) -> Result<Node<'a>, EngineError> {
    let operand = vector(cx, operand, scope.exact())?;
    let mut bytes = 0;
    let series: Vec<Meta> = operand
        .series()
        .iter()
        .map(|meta| match value(&meta.labels) {
            None => meta.clone(),
            Some(value) => {
                let labels = builder(&meta.labels).set(target, &value).build();
                bytes += labels.encoded_len();
                Meta { labels, drop_name: meta.drop_name && target != "__name__" }
            }
        })
        .collect();
    cx.hold(0, bytes)?;
    Ok(Node::Vector(relabelled(operand, series, scope, Clash::AtAStep)))
}
