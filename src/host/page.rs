//! The metrics of a page, gathered by family and written in the order of their names.

use narthex_promql::numeric::format_sample;
use std::collections::BTreeMap;
use std::fmt::Write;

#[derive(Debug)]
struct Family {
    kind: &'static str,
    help: &'static str,
    samples: Vec<(String, f64)>,
}

/// A page that is being gathered.
#[derive(Debug, Default)]
pub struct HostPage {
    families: BTreeMap<String, Family>,
}

impl HostPage {
    /// Adds a sample; the first one of a name tells its type and help.
    pub fn add(
        &mut self,
        name: &str,
        kind: &'static str,
        help: &'static str,
        labels: &[(&str, &str)],
        value: f64,
    ) {
        let mut text = String::new();
        for (i, (label, value)) in labels.iter().enumerate() {
            let open = if i == 0 { '{' } else { ',' };
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            // Writing into a String cannot fail.
            let _ = write!(text, "{open}{label}=\"{value}\"");
        }
        if !labels.is_empty() {
            text.push('}');
        }
        let family = self.families.entry(name.to_owned()).or_insert_with(|| Family {
            kind,
            help,
            samples: Vec::new(),
        });
        family.samples.push((text, value));
    }

    /// Adds a counter without labels.
    pub fn counter(&mut self, name: &str, help: &'static str, value: f64) {
        self.add(name, "counter", help, &[], value);
    }

    /// Adds a gauge without labels.
    pub fn gauge(&mut self, name: &str, help: &'static str, value: f64) {
        self.add(name, "gauge", help, &[], value);
    }

    /// Writes the page.
    pub fn render(&self, out: &mut String) {
        for (name, family) in &self.families {
            let _ = write!(out, "# HELP {name} {}\n# TYPE {name} {}\n", family.help, family.kind);
            for (labels, value) in &family.samples {
                let _ = writeln!(out, "{name}{labels} {}", format_sample(*value));
            }
        }
    }
}

/// Text as part of a metric's name.
pub(super) fn sanitize(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' }).collect()
}
