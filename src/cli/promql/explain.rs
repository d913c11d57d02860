//! `narthex promql explain`: how an expression is evaluated, and at what cost.

use super::args::ExplainOptions;
use super::plan::PlanNode;
use super::{parsed, source};
use crate::cli::query::server::{Access, QueryError, Server};
use crate::cli::query::time::seconds;
use crate::cli::query::{block_on, finish};
use crate::cli::terminal::Terminal;
use narthex_promql::plan;
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
            Ok(expr) => unmeasured(plan(expr)),
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
        let server = Server::new(access)?;
        let mut parameters = vec![("query", text.to_owned())];
        parameters.extend(time_ms.map(|ms| ("time", seconds(ms))));
        let reply = server.ask("narthex/explain", &parameters).await?;
        let envelope = reply.open(text)?;
        reply.read(&envelope)
    })
}

/// A plan that was not run.
fn unmeasured(plan: narthex_promql::PlanNode) -> PlanNode {
    PlanNode {
        node: plan.node,
        span: plan.span,
        children: plan.children.into_iter().map(unmeasured).collect(),
        ..PlanNode::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_names_operators_and_selectors() {
        let text = "topk(5, rate(x{a=\"b\"}[5m])) / on (a) group_left () (sum by (a) (-y))";
        let plan = unmeasured(plan(parsed(text).unwrap()));
        assert_eq!(plan.node, "join many to one /");
        let names: Vec<&str> = plan.children.iter().map(|child| child.node.as_str()).collect();
        assert_eq!(names, ["aggregate topk", "aggregate sum by (a)"]);
        assert_eq!(plan.children[0].children[0].node, "rate of window x{a=\"b\"}[5m]");
        assert_eq!(plan.children[1].children[0].node, "negate");
    }
}
