//! The tree of a plan and how it is printed.

use crate::cli::query::table::{Column, Table};
use crate::cli::terminal::Terminal;
use serde::{Deserialize, Serialize};
use std::io::{self, Write};

/// A node of a plan: what it does, what it cost, what it is fed by.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
pub struct PlanNode {
    /// What it does.
    pub node: String,
    /// Bytes of the text that it stands for.
    #[serde(default)]
    pub span: (u32, u32),
    /// Series that come out of it; `None` before it ran.
    #[serde(default)]
    pub series: Option<u64>,
    /// Samples read by it and below it.
    #[serde(default)]
    pub samples: Option<u64>,
    /// Time in it and below it, s.
    #[serde(default)]
    pub seconds: Option<f64>,
    /// Most memory held, bytes.
    #[serde(default)]
    pub bytes: Option<u64>,
    /// What feeds it.
    #[serde(default)]
    pub children: Vec<PlanNode>,
}

/// Longest piece of the expression beside a node, characters.
const PIECE_MAX: usize = 48;

impl PlanNode {
    /// Prints the tree, beside each node its cost where it is known, and its part of the expression.
    ///
    /// # Errors
    /// `out` cannot be written.
    pub fn write(&self, text: &str, terminal: Terminal, out: &mut dyn Write) -> io::Result<()> {
        let costs = self.measured();
        let mut columns = vec![Column::text("NODE")];
        if costs {
            columns.extend(["SERIES", "SAMPLES", "TIME", "MEMORY"].map(Column::number));
        }
        columns.push(Column::text("EXPRESSION"));
        let mut table = Table::new(columns);
        self.rows(text, "", "", costs, &mut table);
        table.write(terminal, out)
    }

    fn measured(&self) -> bool {
        self.series.is_some() || self.samples.is_some() || self.children.iter().any(Self::measured)
    }

    fn rows(&self, text: &str, first: &str, rest: &str, costs: bool, table: &mut Table) {
        let mut cells = vec![format!("{first}{}", self.node)];
        if costs {
            let number = |n: Option<u64>| n.map_or_else(String::new, |n| n.to_string());
            cells.extend([
                number(self.series),
                number(self.samples),
                self.seconds.map_or_else(String::new, seconds),
                self.bytes.map_or_else(String::new, bytes),
            ]);
        }
        cells.push(piece(text, self.span));
        table.row(cells);
        let last = self.children.len().saturating_sub(1);
        for (at, child) in self.children.iter().enumerate() {
            let (branch, stem) = if at == last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            child.rows(text, &format!("{rest}{branch}"), &format!("{rest}{stem}"), costs, table);
        }
    }
}

/// The part of the expression on one line, cut when it is long.
fn piece(text: &str, (start, end): (u32, u32)) -> String {
    let part = text.get(start as usize..(end.max(start)) as usize).unwrap_or_default();
    let words: Vec<&str> = part.split_whitespace().collect();
    let line = words.join(" ");
    if line.chars().count() <= PIECE_MAX {
        return line;
    }
    let mut cut: String = line.chars().take(PIECE_MAX - 1).collect();
    cut.push('…');
    cut
}

fn seconds(seconds: f64) -> String {
    format!("{}s", crate::cli::query::Scale::Si.short(seconds))
}

fn bytes(bytes: u64) -> String {
    format!("{}B", crate::cli::query::Scale::Iec.short(bytes as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(node: &PlanNode, text: &str) -> String {
        let mut out = Vec::new();
        node.write(text, Terminal { width: None, colour: false }, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn trees_have_branches_and_costs() {
        let json = r#"{"node":"sum","span":[0,12],"series":1,"samples":30,"seconds":0.00125,"bytes":2048,"children":[
            {"node":"add","span":[4,11],"series":2,"samples":30,"seconds":0.001,"bytes":0,"children":[
              {"node":"select","span":[4,5],"series":2,"samples":10,"seconds":0,"bytes":0,"children":[]},
              {"node":"select","span":[9,11],"children":[]}]}]}"#;
        let node: PlanNode = serde_json::from_str(json).unwrap();
        let want = "\
NODE          SERIES  SAMPLES    TIME  MEMORY  EXPRESSION
sum                1       30  1.25ms    2KiB  sum(x  + yy)
└─ add             2       30     1ms      0B  x + yy
   ├─ select       2       10      0s      0B  x
   └─ select                                   yy
";
        assert_eq!(shown(&node, "sum(x  + yy)"), want.replace("x  +", "x +"));
        assert!(!shown(&PlanNode { node: "x".to_owned(), ..PlanNode::default() }, "").contains("SERIES"));
    }

    #[test]
    fn pieces_are_short() {
        assert_eq!(piece("a\n  + b", (0, 7)), "a + b");
        assert_eq!(piece("a", (5, 2)), "");
        assert_eq!(piece(&"x".repeat(100), (0, 100)).chars().count(), PIECE_MAX);
    }
}
