//! `narthex promql explain`: how an expression is evaluated, and at what cost.

use super::args::ExplainOptions;
use super::plan::PlanNode;
use super::{parsed, source};
use crate::cli::query::server::{Access, QueryError, Server};
use crate::cli::query::time::seconds;
use crate::cli::query::{block_on, finish, remark};
use crate::cli::terminal::Terminal;
use narthex_promql::Expr;
use narthex_promql::syntax::ast::{Cardinality, ValueType};
use narthex_promql::syntax::format_duration;
use std::io::{self, Write};
use std::process::ExitCode;

/// Prints the plan; the exit code is 1 when there is none.
pub(super) fn run(options: &ExplainOptions) -> ExitCode {
    let text = match source(&options.expr) {
        Ok(text) => text,
        Err(error) => return fail(&error),
    };
    let plan = match &options.access {
        Some(access) => match measured(access, &text, options.time_ms) {
            Ok(plan) => plan,
            Err(QueryError::NoApi { status, .. }) if status == http::StatusCode::NOT_FOUND => {
                return fail(
                    "this server explains no queries: narthex does, Prometheus does not\n  leave --server out for the plan without its cost",
                );
            }
            Err(error) => return fail(&error.to_string()),
        },
        None => match parsed(&text) {
            Ok(expr) => of_tree(&expr),
            Err(error) => return fail(&error),
        },
    };
    finish(Ok(print(&plan, &text, options.json)))
}

fn fail(error: &str) -> ExitCode {
    eprintln!("error: {error}");
    ExitCode::FAILURE
}

fn print(plan: &PlanNode, text: &str, json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if json {
        let json = serde_json::to_string(plan).map_err(io::Error::other)?;
        return writeln!(out, "{json}");
    }
    plan.write(text, Terminal::stdout(), &mut out)
}

/// The plan that a server ran.
fn measured(access: &Access, text: &str, time_ms: Option<i64>) -> Result<PlanNode, QueryError> {
    block_on(async {
        let server = Server::new(access, &mut |text| remark("warning", text))?;
        let mut parameters = vec![("query", text.to_owned())];
        parameters.extend(time_ms.map(|ms| ("time", seconds(ms))));
        let reply = server.ask("narthex/explain", &parameters).await?;
        let envelope = reply.open(text)?;
        reply.read(&envelope)
    })
}

/// The operators of an expression, one for each node of its tree.
fn of_tree(expr: &Expr) -> PlanNode {
    let (node, children): (String, Vec<&Expr>) = match expr {
        Expr::Paren { expr, .. } => return of_tree(expr),
        Expr::Number { .. } | Expr::String { .. } => (format!("constant {expr}"), Vec::new()),
        Expr::Unary { negative, expr, .. } => {
            let name = if *negative { "negate" } else { "keep" };
            (name.to_owned(), vec![expr])
        }
        Expr::Vector(_) => (format!("select newest {expr}"), Vec::new()),
        Expr::Matrix { .. } => (format!("select window {expr}"), Vec::new()),
        Expr::Subquery(e) => (format!("subquery {}", format_duration(e.range_ms)), vec![&e.expr]),
        Expr::Call(e) => (format!("call {}", e.function.name), e.args.iter().collect()),
        Expr::Aggregate(e) => {
            let clause = if e.without { " without" } else { " by" };
            let grouping = if e.grouping.is_empty() && !e.without {
                String::new()
            } else {
                format!("{clause} ({})", e.grouping.join(", "))
            };
            (format!("aggregate {}{grouping}", e.op.name()), e.param.iter().chain([&e.expr]).collect())
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
            (format!("{kind} {}", e.op.symbol()), vec![&e.left, &e.right])
        }
    };
    let span = expr.span();
    PlanNode {
        node,
        span: (span.start, span.end),
        children: children.into_iter().map(of_tree).collect(),
        ..PlanNode::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_names_operators_and_selectors() {
        let plan = of_tree(
            &parsed("topk(5, rate(x{a=\"b\"}[5m])) / on (a) group_left () (sum by (a) (-y))").unwrap(),
        );
        assert_eq!(plan.node, "join many to one /");
        let names: Vec<&str> = plan.children.iter().map(|child| child.node.as_str()).collect();
        assert_eq!(names, ["aggregate topk", "aggregate sum by (a)"]);
        assert_eq!(plan.children[0].children[1].children[0].node, "select window x{a=\"b\"}[5m]");
        assert_eq!(plan.children[1].children[0].node, "negate");
    }
}
