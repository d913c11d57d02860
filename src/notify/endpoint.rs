//! From a discovered target to an Alertmanager's URL.

use crate::config::AlertmanagerConfig;
use crate::discovery::TargetGroup;
use crate::relabel;
use narthex_storage::LabelsBuilder;
use narthex_storage::labels::quote;

const PATH: &str = "__alerts_path__";

/// A discovered Alertmanager, by the URL that alerts are posted to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// Alerts go to it.
    Active(String),
    /// Relabelling dropped it.
    Dropped(String),
}

/// The Alertmanagers of a group.
///
/// # Errors
/// One of them has no valid address; then none of the group counts, as in Prometheus.
pub(super) fn endpoints(group: &TargetGroup, config: &AlertmanagerConfig) -> Result<Vec<Found>, String> {
    let each = group.targets.iter().map(|target| {
        let mut labels = LabelsBuilder::new();
        for (name, value) in target {
            labels.set(name, value);
        }
        labels.set("__scheme__", &config.scheme);
        labels.set(PATH, &config.alerts_path());
        // Labels of the target beat those of its group, and those beat what the section says.
        for (name, value) in group.labels.iter().filter(|(name, _)| !target.iter().any(|(n, _)| n == name)) {
            labels.set(name, value);
        }
        let before = url(&labels);
        if !relabel::process(&mut labels, &config.relabel) {
            return Ok(Found::Dropped(before));
        }
        let address = labels.get("__address__").unwrap_or_default();
        if address.is_empty() || address.contains('/') {
            return Err(format!("{} is not a valid hostname", quote(address)));
        }
        Ok(Found::Active(url(&labels)))
    });
    each.collect()
}

fn url(labels: &LabelsBuilder) -> String {
    let label = |name| labels.get(name).unwrap_or_default();
    let path = label(PATH);
    let slash = if path.starts_with('/') { "" } else { "/" };
    format!("{}://{}{slash}{path}", label("__scheme__"), label("__address__"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use std::path::Path;

    fn found(section: &str) -> Vec<Result<Vec<Found>, String>> {
        let text = format!("alerting: {{alertmanagers: [{{{section}}}]}}");
        let config = Config::parse(&text, Path::new(""), "F", &|_| None).unwrap();
        let section = &config.alerting.alertmanagers[0];
        let groups = crate::discovery::static_groups(&section.static_configs);
        groups.iter().map(|group| endpoints(group, section)).collect()
    }

    #[test]
    fn urls_come_from_section_labels_and_relabelling() {
        let active = |url: &str| Found::Active(url.to_owned());
        assert_eq!(
            found("scheme: https, path_prefix: am, static_configs: [{targets: ['a:1', 'b:2']}]"),
            [Ok(vec![active("https://a:1/am/api/v2/alerts"), active("https://b:2/am/api/v2/alerts")])]
        );
        assert_eq!(
            found("static_configs: [{targets: ['a:1'], labels: {__scheme__: https, __alerts_path__: /x}}]"),
            [Ok(vec![active("https://a:1/x")])]
        );
        let rules = "{source_labels: [__address__], regex: 'b:.*', action: drop}, \
                     {source_labels: [__address__], regex: '(.*):1', target_label: __address__, replacement: '$1:9'}";
        assert_eq!(
            found(&format!("relabel_configs: [{rules}], static_configs: [{{targets: ['a:1', 'b:2']}}]")),
            [Ok(vec![
                active("http://a:9/api/v2/alerts"),
                Found::Dropped("http://b:2/api/v2/alerts".to_owned())
            ])]
        );
    }

    #[test]
    fn a_wrong_address_spoils_its_group_only() {
        let rule =
            "{source_labels: [__address__], regex: bad, target_label: __address__, replacement: 'a/b'}";
        let all = found(&format!(
            "relabel_configs: [{rule}], static_configs: [{{targets: [bad, good]}}, {{targets: [good]}}]"
        ));
        assert_eq!(all[0], Err("\"a/b\" is not a valid hostname".to_owned()));
        assert_eq!(all[1], Ok(vec![Found::Active("http://good/api/v2/alerts".to_owned())]));
    }
}
