//! What each node of a query cost, for `explain`.

use super::{Context, Meta, Node, Operator, Part};
use crate::budget::Progress;
use crate::engine::EngineError;
use crate::syntax::ast::{Cardinality, Expr, Span, ValueType};
use crate::syntax::format_duration;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Instant;

/// A node of the plan with what it cost, its children included.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PlanNode {
    /// What the operator does.
    pub node: String,
    /// The bytes of the query text that it stands for.
    pub span: (u32, u32),
    /// Output series.
    pub series: u64,
    /// Stored samples that were read below.
    pub samples: u64,
    /// Seconds of the evaluating thread, those of its helpers waited for.
    pub seconds: f64,
    /// Most bytes that the query held while the node worked.
    pub bytes: u64,
    /// Operands.
    pub children: Vec<PlanNode>,
}

/// A node that is being measured.
#[derive(Debug, Default)]
struct Open {
    plan: PlanNode,
    children: Vec<Rc<RefCell<Open>>>,
}

/// The tree so far. Building and pulling happen on one thread.
#[derive(Debug, Default)]
pub(crate) struct Profile {
    stack: RefCell<Vec<Rc<RefCell<Open>>>>,
    roots: RefCell<Vec<Rc<RefCell<Open>>>>,
}

impl Profile {
    /// Builds a node below the one that is being built.
    pub(crate) fn measure<'a>(
        &self,
        progress: &Progress,
        expr: &Expr,
        build: impl FnOnce() -> Result<Node<'a>, EngineError>,
    ) -> Result<Node<'a>, EngineError> {
        let Span { start, end } = expr.span();
        let plan = PlanNode { node: describe(expr), span: (start, end), ..PlanNode::default() };
        let open = Rc::new(RefCell::new(Open { plan, children: Vec::new() }));
        match self.stack.borrow().last() {
            Some(parent) => parent.borrow_mut().children.push(open.clone()),
            None => self.roots.borrow_mut().push(open.clone()),
        }
        self.stack.borrow_mut().push(open.clone());
        let (began, samples) = (Instant::now(), progress.samples_read());
        let node = build();
        self.stack.borrow_mut().pop();
        book(&open, progress, began, samples);
        match node? {
            Node::Vector(inner) => {
                open.borrow_mut().plan.series = inner.series().len() as u64;
                Ok(Node::Vector(Box::new(Measured { inner, open })))
            }
            other => Ok(other),
        }
    }

    /// The tree of the whole query.
    pub(crate) fn into_plan(self) -> PlanNode {
        fn close(open: &Rc<RefCell<Open>>) -> PlanNode {
            let open = open.borrow();
            PlanNode { children: open.children.iter().map(close).collect(), ..open.plan.clone() }
        }
        let mut roots: Vec<PlanNode> = self.roots.borrow().iter().map(close).collect();
        if roots.len() == 1 {
            return roots.remove(0);
        }
        PlanNode { node: "constant".to_owned(), children: roots, ..PlanNode::default() }
    }
}

fn book(open: &Rc<RefCell<Open>>, progress: &Progress, began: Instant, samples: u64) {
    let plan = &mut open.borrow_mut().plan;
    plan.seconds += began.elapsed().as_secs_f64();
    plan.samples += progress.samples_read().saturating_sub(samples);
    plan.bytes = plan.bytes.max(progress.bytes_held());
}

struct Measured<'a> {
    inner: Box<dyn Operator + 'a>,
    open: Rc<RefCell<Open>>,
}

impl Operator for Measured<'_> {
    fn series(&self) -> &[Meta] {
        self.inner.series()
    }

    fn next(&mut self, cx: &Context<'_>) -> Result<Option<Part>, EngineError> {
        let progress = &cx.budget.progress;
        let (began, samples) = (Instant::now(), progress.samples_read());
        let part = self.inner.next(cx);
        book(&self.open, progress, began, samples);
        part
    }
}

/// The operator that evaluates an expression, without its operands.
pub(crate) fn describe(expr: &Expr) -> String {
    match expr {
        Expr::Paren { expr, .. } => describe(expr),
        Expr::Number { .. } | Expr::String { .. } => format!("constant {expr}"),
        Expr::Unary { negative: true, .. } => "negate".to_owned(),
        Expr::Unary { .. } => "keep".to_owned(),
        Expr::Vector(_) => format!("select newest {expr}"),
        Expr::Matrix { .. } => format!("select window {expr}"),
        Expr::Subquery(e) => format!("subquery {}", format_duration(e.range_ms)),
        Expr::Call(call) => {
            match call.args.iter().find(|arg| super::is_range(arg)).map(Expr::unwrap_parens) {
                Some(range @ Expr::Matrix { .. }) => format!("{} of window {range}", call.function.name),
                Some(range) => format!("{} of {}", call.function.name, describe(range)),
                None => format!("call {}", call.function.name),
            }
        }
        Expr::Aggregate(e) => {
            let clause = if e.without { " without" } else { " by" };
            let grouping = match e.without || !e.grouping.is_empty() {
                true => format!("{clause} ({})", e.grouping.join(", ")),
                false => String::new(),
            };
            format!("aggregate {}{grouping}", e.op.name())
        }
        Expr::Binary(e) => {
            let vectors = [&e.left, &e.right].iter().all(|side| side.value_type() == ValueType::Vector);
            let kind = match e.matching.card {
                _ if !vectors => "apply",
                Cardinality::ManyToMany => "combine",
                Cardinality::OneToOne => "join one to one",
                Cardinality::ManyToOne => "join many to one",
                Cardinality::OneToMany => "join one to many",
            };
            format!("{kind} {}", e.op.symbol())
        }
    }
}
