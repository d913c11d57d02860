//! A syntax tree as `parse_query` shows it.

use narthex_promql::numeric::format_float;
use narthex_promql::syntax::ast::{
    At, Binary, Bounds, Cardinality, DurationExpr, Expr, TimeModifier, ValueType, VectorSelector,
};
use serde_json::{Map, Value, json};

/// The tree as JSON, with Prometheus's node types and field names.
#[must_use]
pub fn tree(expr: &Expr) -> Value {
    match expr {
        Expr::Number { value, .. } => json!({"type": "numberLiteral", "val": format_float(*value)}),
        Expr::String { value, .. } => json!({"type": "stringLiteral", "val": value}),
        Expr::Paren { expr, .. } => json!({"type": "parenExpr", "expr": tree(expr)}),
        Expr::Unary { negative, expr, .. } => {
            json!({"type": "unaryExpr", "op": if *negative { "-" } else { "+" }, "expr": tree(expr)})
        }
        Expr::Vector(e) => selector("vectorSelector", e).into(),
        Expr::Matrix { selector: e, range_ms, range_expr, .. } => {
            let mut node = selector("matrixSelector", e);
            node.insert("range".to_owned(), (*range_ms).into());
            node.insert("rangeExpr".to_owned(), computed(range_expr));
            node.into()
        }
        Expr::Subquery(e) => {
            let mut node = Map::new();
            node.insert("type".to_owned(), "subquery".into());
            node.insert("expr".to_owned(), tree(&e.expr));
            node.insert("range".to_owned(), e.range_ms.into());
            node.insert("rangeExpr".to_owned(), computed(&e.range_expr));
            node.insert("step".to_owned(), e.step_ms.unwrap_or(0).into());
            node.insert("stepExpr".to_owned(), computed(&e.step_expr));
            time(&mut node, &e.time);
            node.into()
        }
        Expr::Call(e) => json!({
            "type": "call",
            "func": {
                "name": e.function.name,
                "argTypes": e.function.args.iter().map(|t| type_name(*t)).collect::<Vec<_>>(),
                "variadic": variadic(e.function),
                "returnType": type_name(e.function.returns),
            },
            "args": e.args.iter().map(tree).collect::<Vec<_>>(),
        }),
        Expr::Aggregate(e) => json!({
            "type": "aggregation",
            "op": e.op.name(),
            "expr": tree(&e.expr),
            "param": e.param.as_ref().map(tree),
            "grouping": e.grouping,
            "without": e.without,
        }),
        Expr::Binary(e) => json!({
            "type": "binaryExpr",
            "op": e.op.symbol(),
            "lhs": tree(&e.left),
            "rhs": tree(&e.right),
            "matching": matching(e),
            "bool": e.return_bool,
        }),
    }
}

fn type_name(value_type: ValueType) -> &'static str {
    match value_type {
        ValueType::Scalar => "scalar",
        ValueType::Vector => "vector",
        ValueType::Matrix => "matrix",
        ValueType::String => "string",
    }
}

/// How many arguments may follow or be missing: -1 for any number.
fn variadic(function: &narthex_promql::syntax::functions::Function) -> i64 {
    if function.max_args == usize::MAX {
        return -1;
    }
    i64::try_from(function.max_args - function.min_args.min(function.max_args)).unwrap_or(-1)
}

fn matching(e: &Binary) -> Value {
    if e.left.value_type() != ValueType::Vector || e.right.value_type() != ValueType::Vector {
        return Value::Null;
    }
    let card = match e.matching.card {
        Cardinality::OneToOne => "one-to-one",
        Cardinality::ManyToOne => "many-to-one",
        Cardinality::OneToMany => "one-to-many",
        Cardinality::ManyToMany => "many-to-many",
    };
    let m = &e.matching;
    // JSON has no number for infinity and NaN: they are null there.
    let fill = json!({"lhs": m.fill_left, "rhs": m.fill_right});
    json!({"card": card, "labels": m.labels, "on": m.on, "include": m.include, "fillValues": fill})
}

/// What has to be computed before a length holds; null where nothing has to be.
fn computed(expr: &Option<Box<DurationExpr>>) -> Value {
    expr.as_deref().map_or(Value::Null, |expr| duration(expr, false))
}

/// A computed duration; `wrapped` in parentheses.
fn duration(expr: &DurationExpr, wrapped: bool) -> Value {
    let node = |op: &str, lhs: Value, rhs: Value| json!({"type": "durationExpr", "op": op, "lhs": lhs, "rhs": rhs, "wrapped": wrapped});
    match expr {
        DurationExpr::Number { seconds, duration, .. } => {
            let number =
                json!({"type": "numberLiteral", "val": format_float(*seconds), "duration": duration});
            // A number in parentheses is a sum of one number.
            if wrapped { node("+", Value::Null, number) } else { number }
        }
        DurationExpr::Step { .. } => node("step", Value::Null, Value::Null),
        DurationExpr::Range { .. } => node("range", Value::Null, Value::Null),
        DurationExpr::Unary { negative, expr, .. } => {
            node(if *negative { "-" } else { "+" }, Value::Null, duration(expr, false))
        }
        DurationExpr::Binary { op, left, right, .. } => {
            node(op.symbol(), duration(left, false), duration(right, false))
        }
        DurationExpr::Extreme { max, left, right, .. } => {
            node(if *max { "max_of" } else { "min_of" }, duration(left, false), duration(right, false))
        }
        DurationExpr::Paren { expr, .. } => duration(expr, true),
    }
}

fn time(node: &mut Map<String, Value>, time: &TimeModifier) {
    node.insert("offset".to_owned(), time.offset_ms.into());
    node.insert("offsetExpr".to_owned(), computed(&time.offset_expr));
    let (timestamp, start_or_end) = match time.at {
        Some(At::Timestamp(ms)) => (ms.into(), Value::Null),
        Some(At::Start) => (Value::Null, "start".into()),
        Some(At::End) => (Value::Null, "end".into()),
        None => (Value::Null, Value::Null),
    };
    node.insert("timestamp".to_owned(), timestamp);
    node.insert("startOrEnd".to_owned(), start_or_end);
}

fn selector(kind: &str, e: &VectorSelector) -> Map<String, Value> {
    let matchers =
        e.matchers.iter().map(|m| json!({"name": m.name, "value": m.value, "type": m.op.as_str()}));
    let mut node = Map::new();
    node.insert("type".to_owned(), kind.into());
    node.insert("name".to_owned(), e.name.clone().unwrap_or_default().into());
    node.insert("matchers".to_owned(), matchers.collect::<Vec<_>>().into());
    time(&mut node, &e.time);
    node.insert("anchored".to_owned(), (e.bounds == Bounds::Anchored).into());
    node.insert("smoothed".to_owned(), (e.bounds == Bounds::Smoothed).into());
    node
}

#[cfg(test)]
mod tests {
    use super::*;
    use narthex_promql::{ParseOptions, parse_expr};

    #[test]
    fn nodes_carry_prometheus_names() {
        let expr = parse_expr(
            "sum by (job) (rate(a{x!=\"1\"}[5m] @ end())) / on (job) group_left -b offset 1m > bool 2",
            &ParseOptions::default(),
        );
        let tree = tree(&expr.unwrap());
        assert_eq!(tree["type"], "binaryExpr");
        assert_eq!((&tree["bool"], &tree["matching"]), (&json!(true), &Value::Null));
        let division = &tree["lhs"];
        assert_eq!(division["matching"]["card"], "many-to-one");
        let rate = &division["lhs"]["expr"];
        assert_eq!(
            rate["func"],
            json!({"name": "rate", "argTypes": ["matrix"], "variadic": 0, "returnType": "vector"})
        );
        assert_eq!(
            rate["args"][0],
            json!({
                "type": "matrixSelector", "name": "a", "range": 300_000, "offset": 0, "timestamp": null,
                "startOrEnd": "end", "anchored": false, "smoothed": false, "rangeExpr": null, "offsetExpr": null,
                "matchers": [
                    {"name": "x", "value": "1", "type": "!="},
                    {"name": "__name__", "value": "a", "type": "="},
                ],
            })
        );
        assert_eq!(division["rhs"]["expr"]["offset"], 60_000);
    }

    #[test]
    fn nodes_of_the_experimental_language_are_shown() {
        let shown = |text: &str| tree(&parse_expr(text, &ParseOptions::all()).unwrap());
        let fill = shown("a + on (x) fill_left(-1) b");
        assert_eq!(fill["matching"]["fillValues"], json!({"lhs": -1.0, "rhs": null}));
        assert_eq!(shown("a </ 1")["op"], "</");
        let range = shown("rate(a[-(step()) * 2m:(5)] offset min_of(1, range()))")["args"][0].clone();
        let step = json!({"type": "durationExpr", "op": "step", "lhs": null, "rhs": null, "wrapped": true});
        let minus = json!({"type": "durationExpr", "op": "-", "lhs": null, "rhs": step, "wrapped": false});
        let minutes = json!({"type": "numberLiteral", "val": "120", "duration": true});
        assert_eq!(
            range["rangeExpr"],
            json!({"type": "durationExpr", "op": "*", "lhs": minus, "rhs": minutes, "wrapped": false})
        );
        let five = json!({"type": "numberLiteral", "val": "5", "duration": false});
        assert_eq!(
            range["stepExpr"],
            json!({"type": "durationExpr", "op": "+", "lhs": null, "rhs": five, "wrapped": true})
        );
        assert_eq!((&range["range"], &range["offsetExpr"]["op"]), (&json!(0), &json!("min_of")));
        let smoothed = shown("{\"a.b\"} smoothed");
        assert_eq!((&smoothed["name"], &smoothed["smoothed"]), (&json!(""), &json!(true)));
    }
}
