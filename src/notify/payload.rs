//! Alerts as the API of Alertmanagers takes them.

use super::Alert;
use narthex_storage::Labels;
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::collections::BTreeMap;
use std::sync::Arc;

/// An alert with the fields of the API, in the order that Prometheus writes them.
#[derive(serde::Serialize)]
struct Posted<'a> {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<&'a str, &'a str>,
    #[serde(rename = "endsAt")]
    ends_at: String,
    #[serde(rename = "startsAt")]
    starts_at: String,
    #[serde(rename = "generatorURL", skip_serializing_if = "str::is_empty")]
    generator_url: &'a str,
    labels: LabelMap<'a>,
}

struct LabelMap<'a>(&'a Labels);

impl Serialize for LabelMap<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// RFC 3339 in UTC, always with milliseconds.
fn time(ms: i64) -> String {
    let time = jiff::Timestamp::from_millisecond(ms).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// A JSON array of the alerts.
///
/// # Errors
/// None that is known: texts and times can always be written.
pub(super) fn json(alerts: &[Arc<Alert>]) -> Result<Vec<u8>, serde_json::Error> {
    let all: Vec<Posted<'_>> = alerts.iter().map(|alert| Posted::of(alert)).collect();
    serde_json::to_vec(&all)
}

impl<'a> Posted<'a> {
    fn of(alert: &'a Alert) -> Self {
        Self {
            annotations: alert.annotations.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect(),
            ends_at: time(alert.ends_at_ms),
            starts_at: time(alert.starts_at_ms),
            generator_url: &alert.generator_url,
            labels: LabelMap(&alert.labels),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_in_prometheuss_order_and_empty_ones_are_left_out() {
        let full = Alert {
            labels: Labels::from_pairs([("severity", "page"), ("alertname", "A")]),
            annotations: vec![("z".to_owned(), "\"x\"".to_owned()), ("a".to_owned(), "é".to_owned())],
            starts_at_ms: 1_435_781_451_781,
            ends_at_ms: 1_435_781_452_000,
            generator_url: "http://p/graph".to_owned(),
        };
        let bare = Alert { annotations: Vec::new(), generator_url: String::new(), ..full.clone() };
        let text = String::from_utf8(json(&[Arc::new(full), Arc::new(bare)]).unwrap()).unwrap();
        let times = r#""endsAt":"2015-07-01T20:10:52.000Z","startsAt":"2015-07-01T20:10:51.781Z""#;
        let labels = r#""labels":{"alertname":"A","severity":"page"}"#;
        assert_eq!(
            text,
            format!(
                r#"[{{"annotations":{{"a":"é","z":"\"x\""}},{times},"generatorURL":"http://p/graph",{labels}}},{{{times},{labels}}}]"#
            )
        );
    }
}
