//! The same selector, or the same function over the same range, twice in a query: read once.

use super::operator::{Meta, Operator, Part};
use super::{Context, Node, Scope};
use crate::engine::EngineError;
use crate::syntax::ast::Expr;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// Reads that more than one operand wants.
#[derive(Default)]
pub(crate) struct SharedReads<'a> {
    /// How often the text of a read stands in the query.
    wanted: HashMap<String, usize>,
    running: RefCell<HashMap<(String, Scope), SharedTape<'a>>>,
}

/// A tape that several readers draw on.
type SharedTape<'a> = Rc<RefCell<Tape<'a>>>;

/// What has been read so far, and the rest of it.
struct Tape<'a> {
    source: Box<dyn Operator + 'a>,
    parts: Vec<Part>,
    ended: bool,
}

struct Reader<'a> {
    series: Vec<Meta>,
    tape: SharedTape<'a>,
    at: usize,
}

impl<'a> SharedReads<'a> {
    /// Counts the reads of a query.
    pub(crate) fn of(expr: &Expr) -> Self {
        let mut shared = Self::default();
        shared.count(expr);
        shared.wanted.retain(|_, times| *times > 1);
        shared
    }

    fn count(&mut self, expr: &Expr) {
        if is_read(expr) {
            *self.wanted.entry(expr.to_string()).or_default() += 1;
        }
        expr.children().for_each(|operand| self.count(operand));
    }
}

/// A selector, or a function over a range.
fn is_read(expr: &Expr) -> bool {
    match expr {
        Expr::Vector(_) => true,
        Expr::Call(call) => call.args.iter().any(super::is_range),
        _ => false,
    }
}

/// Builds a read, or joins in one of the same text and scope.
pub(crate) fn build<'a>(
    cx: &Context<'a>,
    expr: &'a Expr,
    scope: Scope,
    fresh: impl FnOnce() -> Result<Node<'a>, EngineError>,
) -> Result<Node<'a>, EngineError> {
    if cx.shared.wanted.is_empty() {
        return cx.profiled(expr, fresh);
    }
    let key = (expr.to_string(), scope);
    if !cx.shared.wanted.contains_key(&key.0) {
        return cx.profiled(expr, fresh);
    }
    let known = cx.shared.running.borrow().get(&key).cloned();
    let tape = match known {
        Some(tape) => tape,
        None => {
            let Node::Vector(source) = cx.profiled(expr, fresh)? else {
                return Err(EngineError::Exec("a read that is no vector".to_owned()));
            };
            let tape = Rc::new(RefCell::new(Tape { source, parts: Vec::new(), ended: false }));
            cx.shared.running.borrow_mut().insert(key, tape.clone());
            tape
        }
    };
    let series = tape.borrow().source.series().to_vec();
    Ok(Context::vector(Reader { series, tape, at: 0 }))
}

impl Operator for Reader<'_> {
    fn series(&self) -> &[Meta] {
        &self.series
    }

    fn next(&mut self, cx: &Context<'_>) -> Result<Option<Part>, EngineError> {
        let mut tape = self.tape.borrow_mut();
        if self.at == tape.parts.len() && !tape.ended {
            match tape.source.next(cx)? {
                Some(part) => tape.parts.push(part),
                None => tape.ended = true,
            }
        }
        let Some(part) = tape.parts.get(self.at) else { return Ok(None) };
        self.at += 1;
        let batch = part.batch.clone();
        let charge = cx.charge(&batch)?;
        Ok(Some(Part::new(part.first, batch, charge)))
    }
}
