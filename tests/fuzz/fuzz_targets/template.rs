//! Any text as the template of an alert: it is refused or expanded, within its bounds, and never panics.
#![no_main]

use libfuzzer_sys::fuzz_target;
use narthex::template::{Allowance, AlertData, Template, TemplateValue, World};
use narthex_promql::InstantSample;
use narthex_storage::Labels;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let template = match Template::parse("__alert_X", text) {
        Ok(template) => template,
        Err(error) => return assert!(error.detail().starts_with("template: __alert_X:")),
    };
    let labels = Labels::from_pairs([("__name__", "up"), ("instance", "h:9100"), ("job", "node")]);
    let query = |_: &str| {
        let sample = InstantSample { labels: labels.clone(), timestamp: 0, value: 1.5, histogram: None };
        Ok(vec![sample; 3])
    };
    let data = AlertData {
        labels: &labels,
        value: TemplateValue::Float(1_234_567.0),
        external_labels: &[],
        external_url: "http://h:9090/prom",
    };
    let world = World { now_ms: 1_700_000_000_000, path_prefix: "/prom", query: &query, allowance: &Allowance::default() };
    match template.expand(&data, &world) {
        Ok(text) => assert!(text.len() <= 1 << 20),
        Err(error) => assert!(error.detail().starts_with("template: __alert_X")),
    }
});
