//! `and`, `or`, `unless`: which series stay, by the signatures of the other side.

use super::super::labels::LabelChoice;
use super::super::operator::{Meta, Operator, Part};
use super::super::unique::{Clash, relabelled};
use super::super::{Context, Node, Scope};
use super::matched::signature_choice;
use crate::batch::words;
use crate::engine::EngineError;
use crate::syntax::ast::{Binary, BinaryOp};
use hashbrown::HashMap;

/// At which steps a signature is present.
struct Presence {
    choice: LabelChoice,
    steps: HashMap<Box<[u8]>, Vec<u64>>,
    words: usize,
    key: Vec<u8>,
}

impl Presence {
    /// Notes the samples of a part.
    fn add(&mut self, cx: &Context<'_>, series: &[Meta], part: &Part) -> Result<(), EngineError> {
        for i in 0..part.batch.len() {
            let column = part.batch.column(i);
            let Some(meta) = series.get(part.first + i) else { continue };
            if column.is_empty() {
                continue;
            }
            self.choice.key(&meta.labels, &mut self.key);
            let steps = match self.steps.get_mut(&*self.key) {
                Some(steps) => steps,
                None => {
                    cx.hold(0, self.key.len() + self.words * 8 + 64)?;
                    self.steps.entry(self.key.as_slice().into()).or_insert_with(|| vec![0; self.words])
                }
            };
            for (word, steps) in steps.iter_mut().enumerate() {
                *steps |= column.word(word);
            }
        }
        Ok(())
    }

    /// Takes away the samples at steps where their signature is (`wanted` false) or is not (true) present.
    fn mask(&mut self, series: &[Meta], part: &mut Part, wanted: bool) {
        for i in 0..part.batch.len() {
            let Some(meta) = series.get(part.first + i) else { continue };
            self.choice.key(&meta.labels, &mut self.key);
            let there = self.steps.get(&*self.key);
            let mut column = part.batch.column_mut(i);
            for word in 0..self.words {
                let there = there.and_then(|steps| steps.get(word)).copied().unwrap_or(0);
                column.retain(word, if wanted { there } else { !there });
            }
        }
    }
}

struct SetOperation<'a> {
    op: BinaryOp,
    left: Box<dyn Operator + 'a>,
    right: Box<dyn Operator + 'a>,
    series: Vec<Meta>,
    presence: Presence,
    /// What has to be known of the other side is known.
    prepared: bool,
}

pub(super) fn build<'a>(
    cx: &Context<'a>,
    binary: &'a Binary,
    left: Box<dyn Operator + 'a>,
    right: Box<dyn Operator + 'a>,
    scope: Scope,
) -> Result<Node<'a>, EngineError> {
    let mut series = left.series().to_vec();
    if binary.op == BinaryOp::Or {
        series.extend_from_slice(right.series());
    }
    let words = words(scope.steps.count);
    let choice = signature_choice(&binary.matching);
    let presence = Presence { choice, steps: HashMap::new(), words, key: Vec::new() };
    let both = binary.op == BinaryOp::Or && !cx.options.delayed_name_removal;
    let all = series.clone();
    let operation = Box::new(SetOperation { op: binary.op, left, right, series, presence, prepared: false });
    // Two sides may bring the same series.
    Ok(Node::Vector(if both { relabelled(operation, all, scope, Clash::AtAStep) } else { operation }))
}

impl Operator for SetOperation<'_> {
    fn series(&self) -> &[Meta] {
        &self.series
    }

    fn next(&mut self, cx: &Context<'_>) -> Result<Option<Part>, EngineError> {
        cx.cancel.check()?;
        if self.op != BinaryOp::Or {
            if !std::mem::replace(&mut self.prepared, true) {
                while let Some(part) = self.right.next(cx)? {
                    self.presence.add(cx, self.right.series(), &part)?;
                }
            }
            let Some(mut part) = self.left.next(cx)? else { return Ok(None) };
            self.presence.mask(self.left.series(), &mut part, self.op == BinaryOp::And);
            return Ok(Some(part));
        }
        if let Some(part) = self.left.next(cx)? {
            self.presence.add(cx, self.left.series(), &part)?;
            return Ok(Some(part));
        }
        let Some(mut part) = self.right.next(cx)? else { return Ok(None) };
        self.presence.mask(self.right.series(), &mut part, false);
        part.first += self.left.series().len();
        Ok(Some(part))
    }
}
