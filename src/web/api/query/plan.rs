//! `explain`: the plan of a query as a tree, with the cost of every node.

use crate::query::registry::Spec;
use crate::web::app::App;
use crate::web::json::Json;
use narthex_promql::{EngineError, ExplainTime, PlanNode, QueryOptions};

/// Evaluates a query for its plan.
pub(super) fn explain(app: &App, spec: &Spec, options: &QueryOptions) -> Result<PlanNode, EngineError> {
    let time = match spec.step {
        0 => ExplainTime::Instant(spec.start),
        step => ExplainTime::Range { start: spec.start, end: spec.end, step },
    };
    app.engine.explain(&*app.db, &spec.text, time, options)
}

/// Writes the tree.
pub(super) fn write(json: &mut Json, node: &PlanNode) {
    json.raw("{\"node\":");
    json.string(&node.node);
    json.raw(",\"span\":");
    json.value(&node.span);
    for (key, number) in [("series", node.series), ("samples", node.samples)] {
        json.raw(",");
        json.key(key);
        json.value(&number);
    }
    json.raw(",\"seconds\":");
    json.value(&node.seconds);
    json.raw(",\"bytes\":");
    json.value(&node.bytes);
    json.raw(",\"children\":[");
    for (i, child) in node.children.iter().enumerate() {
        json.comma(i);
        write(json, child);
    }
    json.raw("]}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_a_tree_of_nodes() {
        let leaf =
            PlanNode { node: "up".to_owned(), span: (4, 6), series: 2, samples: 9, ..PlanNode::default() };
        let root = PlanNode {
            node: "sum".to_owned(),
            span: (0, 7),
            series: 1,
            seconds: 0.25,
            bytes: 80,
            children: vec![leaf],
            ..PlanNode::default()
        };
        let mut json = Json::default();
        write(&mut json, &root);
        let want = r#"{"node":"sum","span":[0,7],"series":1,"samples":0,"seconds":0.25,"bytes":80,"children":[{"node":"up","span":[4,6],"series":2,"samples":9,"seconds":0.0,"bytes":0,"children":[]}]}"#;
        assert_eq!(String::from_utf8(json.into_bytes()).unwrap(), want);
    }
}
