//! `storage.tsdb.retention_rules`: how long and how finely the series of a selector are kept.
//!
//! ```yaml
//! retention_rules:
//! - match: '{job="node"}'            # a selector, or a list of them
//!   keep: 90d                        # 0s for ever; left out: as long as all others
//!   downsample:                      # one stage, or a list of them
//!   - {after: 7d, resolution: 5m}
//!   - {after: 30d, resolution: 1h}
//! ```

use crate::settings::decode::{Decoder, Fields};
use crate::settings::duration::format_duration;
use crate::settings::yaml::{Kind, Node};
use narthex_promql::parse_selector;
use narthex_storage::labels::quote;
use narthex_storage::{DownsampleStage, RetentionRule};
use serde_json::{Map, Value, json};

/// Most rules: each is tried on every series.
const RULES_MAX: usize = 1000;
/// Shortest and longest interval of which one sample stays, ms.
const RESOLUTION_MIN: i64 = 1000;
const RESOLUTION_MAX: i64 = 31 * 86_400_000;

/// A rule in force.
#[derive(Debug, Clone)]
pub struct RetentionRuleConfig {
    /// Its selectors as they were written.
    pub selectors: Vec<String>,
    /// What the database obeys.
    pub rule: RetentionRule,
}

impl RetentionRuleConfig {
    /// Takes the rules out of the section `tsdb`.
    pub(super) fn take(tsdb: &mut Fields<'_, '_>) -> Vec<Self> {
        let Some(node) = tsdb.take("retention_rules") else { return Vec::new() };
        let items = tsdb.decoder.list(node, "[]config.RetentionRule");
        if items.len() > RULES_MAX {
            tsdb.decoder.fault(node.line, format!("more than {RULES_MAX} retention rules"));
        }
        items.iter().filter_map(|item| Self::decode(tsdb.decoder, item)).collect()
    }

    fn decode(decoder: &mut Decoder, node: &Node) -> Option<Self> {
        if node.kind == Kind::Null {
            decoder.fault(node.line, "empty or null retention rule");
            return None;
        }
        let mut fields = Fields::of(decoder, node, "config.RetentionRule");
        let (mut texts, mut selectors) = (Vec::new(), Vec::new());
        for (line, text) in texts_of(&mut fields, "match") {
            match parse_selector(&text) {
                Ok(matchers) => selectors.push(matchers),
                Err(error) => {
                    let text = format!("invalid selector {} in retention rule: {error}", quote(&text));
                    fields.decoder.fault(line, text);
                }
            }
            texts.push(text);
        }
        if texts.is_empty() {
            fields.fault("retention rule has no match");
        }
        let keep = fields.duration("keep");
        let keep_ms = keep.map(|ms| if ms == 0 { i64::MAX } else { ms });
        let downsample = stages(&mut fields, keep_ms);
        if keep.is_none() && downsample.is_empty() {
            fields.fault("retention rule has neither keep nor downsample");
        }
        fields.finish();
        Some(Self { selectors: texts, rule: RetentionRule { selectors, keep_ms, downsample } })
    }

    /// As `status/config` shows it.
    pub(super) fn to_value(&self) -> Value {
        let mut out = Map::new();
        let selectors = match self.selectors.as_slice() {
            [one] => json!(one),
            several => json!(several),
        };
        out.insert("match".to_owned(), selectors);
        if let Some(keep) = self.rule.keep_ms {
            out.insert("keep".to_owned(), json!(format_duration(if keep == i64::MAX { 0 } else { keep })));
        }
        let stage = |stage: &DownsampleStage| {
            json!({
                "after": format_duration(stage.after_ms),
                "resolution": format_duration(i64::from(stage.resolution_ms)),
            })
        };
        if !self.rule.downsample.is_empty() {
            let stages: Vec<Value> = self.rule.downsample.iter().map(stage).collect();
            out.insert("downsample".to_owned(), stages.into());
        }
        out.into()
    }
}

/// The texts of a field that is one or a list of them, with their lines.
fn texts_of(fields: &mut Fields<'_, '_>, name: &str) -> Vec<(usize, String)> {
    let Some(node) = fields.take(name) else { return Vec::new() };
    let items = match &node.kind {
        Kind::List(items) => items.as_slice(),
        Kind::Null => &[],
        _ => std::slice::from_ref(node),
    };
    items.iter().map(|item| (item.line, fields.decoder.string(item))).collect()
}

/// The stages of `downsample`, each coarser than the one before.
fn stages(fields: &mut Fields<'_, '_>, keep_ms: Option<i64>) -> Vec<DownsampleStage> {
    let Some(node) = fields.take("downsample") else { return Vec::new() };
    let items = match &node.kind {
        Kind::Map(_) => std::slice::from_ref(node),
        _ => fields.decoder.list(node, "[]config.DownsampleStage"),
    };
    let mut stages: Vec<DownsampleStage> = Vec::new();
    for item in items {
        let mut fields = Fields::of(fields.decoder, item, "config.DownsampleStage");
        let (after, resolution) = (fields.duration("after"), fields.duration("resolution"));
        let (Some(after_ms), Some(resolution)) = (after, resolution) else {
            fields.fault("downsample needs after and resolution");
            fields.finish();
            continue;
        };
        if after_ms == 0 {
            fields.fault("downsample: after must be greater than 0");
        }
        if keep_ms.is_some_and(|keep_ms| after_ms >= keep_ms) {
            let after = format_duration(after_ms);
            fields.fault(format!("downsample: after {after} nothing is left, keep is not longer"));
        }
        let resolution_ms = u32::try_from(resolution).unwrap_or(u32::MAX);
        if !(RESOLUTION_MIN..=RESOLUTION_MAX).contains(&resolution) {
            fields.fault(format!(
                "downsample: resolution must be from {} to {}",
                format_duration(RESOLUTION_MIN),
                format_duration(RESOLUTION_MAX)
            ));
        } else if let Some(before) = stages.last() {
            if after_ms <= before.after_ms {
                fields.fault("downsample: after must ascend from stage to stage");
            }
            let times = resolution_ms.checked_rem(before.resolution_ms);
            if resolution_ms <= before.resolution_ms || times != Some(0) {
                let before = format_duration(i64::from(before.resolution_ms));
                fields
                    .fault(format!("downsample: resolution must be a multiple of the one before, {before}"));
            }
        }
        fields.finish();
        stages.push(DownsampleStage { after_ms, resolution_ms });
    }
    stages
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use std::path::Path;

    fn parse(rules: &str) -> Result<Config, String> {
        let text = format!("storage:\n  tsdb:\n    retention_rules:\n{rules}");
        Config::parse(&text, Path::new("/etc"), "F", &|_| None).map_err(|e| e.to_string())
    }

    #[test]
    fn rules_come_back_as_they_are_shown() {
        let config = parse(
            "    - match: '{job=\"a\"}'\n      keep: 0s\n    - match: [up, '{x=~\"b.*\"}']\n      keep: 90d\n      \
             downsample: {after: 1w, resolution: 5m}\n    - match: '{}'\n      downsample:\n      \
             - {after: 7d, resolution: 5m}\n      - {after: 30d, resolution: 1h}\n",
        )
        .unwrap();
        let rules = &config.retention_rules;
        assert_eq!((rules[0].rule.keep_ms, rules[1].rule.keep_ms), (Some(i64::MAX), Some(90 * 86_400_000)));
        assert_eq!(rules[1].rule.selectors.len(), 2);
        assert_eq!(rules[2].rule.downsample.len(), 2);
        let again = Config::parse(&config.to_yaml(), Path::new("/etc"), "F", &|_| None).unwrap();
        assert_eq!(again.to_yaml(), config.to_yaml());
        assert_eq!(format!("{:?}", again.retention_rules), format!("{:?}", config.retention_rules));
    }

    #[test]
    fn every_fault_has_its_line() {
        for (rules, part) in [
            ("    -\n", "empty or null retention rule (line 4)"),
            ("    - keep: 1d\n", "retention rule has no match (line 4)"),
            ("    - match: up\n", "retention rule has neither keep nor downsample (line 4)"),
            (
                "    - match: up\n      keep: 1d\n      kept: 1\n",
                "line 6: field kept not found in type config.RetentionRule",
            ),
            (
                "    - match:\n      - up\n      - '{job=\"a'\n      keep: 1d\n",
                "invalid selector \"{job=\\\"a\" in retention rule: ",
            ),
            ("    - match: '{job=\"a'\n      keep: 1d\n", "(line 4)"),
            (
                "    - match: 'up offset 5m'\n      keep: 1d\n",
                "invalid selector \"up offset 5m\" in retention rule",
            ),
            ("    - match: up\n      keep: soon\n", "not a valid duration string: \"soon\" (line 5)"),
            (
                "    - match: up\n      downsample: {after: 1d}\n",
                "downsample needs after and resolution (line 5)",
            ),
            (
                "    - match: up\n      downsample: {after: 0s, resolution: 5m}\n",
                "after must be greater than 0",
            ),
            (
                "    - match: up\n      downsample: {after: 1d, resolution: 1ms}\n",
                "resolution must be from 1s to 31d",
            ),
            (
                "    - match: up\n      keep: 1d\n      downsample: {after: 1d, resolution: 5m}\n",
                "after 1d nothing is left, keep is not longer (line 6)",
            ),
            (
                "    - match: up\n      downsample:\n      - {after: 2d, resolution: 5m}\n      - {after: 1d, resolution: 10m}\n",
                "after must ascend from stage to stage (line 7)",
            ),
            (
                "    - match: up\n      downsample:\n      - {after: 2d, resolution: 5m}\n      - {after: 3d, resolution: 7m}\n",
                "resolution must be a multiple of the one before, 5m (line 7)",
            ),
            ("    - match: up\n      downsample: 5m\n", "cannot unmarshal"),
        ] {
            let error = parse(rules).unwrap_err();
            assert!(error.contains(part), "{rules}: {error}");
        }
    }
}
