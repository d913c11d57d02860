//! `explain`: the plan of a query as a tree, with the cost of every node.

use crate::query::registry::Spec;
use crate::web::app::App;
use crate::web::json::Json;
use narthex_promql::{EngineError, QueryOptions};

/// A part of a plan and what it cost, its children's cost included.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PlanNode {
    /// What it does.
    pub node: String,
    /// The bytes of the query's text that it stands for.
    pub span: (u32, u32),
    /// Series that came out of it.
    pub series: u64,
    /// Stored samples that went into it.
    pub samples: u64,
    /// Time.
    pub seconds: f64,
    /// Most bytes that it held at once.
    pub bytes: u64,
    /// What it is fed by.
    pub children: Vec<PlanNode>,
}

/// Evaluates a query for its plan.
pub(super) fn explain(_: &App, _: &Spec, _: &QueryOptions) -> Result<PlanNode, EngineError> {
    Err(EngineError::Exec("the engine cannot explain its plans yet".to_owned()))
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
