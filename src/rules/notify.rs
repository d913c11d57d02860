//! Alerts on their way out of the rules.

use super::alert::Alert;
use super::evaluator::External;
use narthex_storage::Labels;

/// An alert as Alertmanagers are told of it; before external labels and relabelling.
#[derive(Debug, Clone, PartialEq)]
pub struct OutgoingAlert {
    /// With `alertname`.
    pub labels: Labels,
    /// By name.
    pub annotations: Vec<(String, String)>,
    /// When it began to fire, ms since the epoch.
    pub starts_at_ms: i64,
    /// When it was resolved, or until when it counts as firing without a word, ms since the epoch.
    pub ends_at_ms: i64,
    /// Where its expression can be looked at.
    pub generator_url: String,
}

/// Takes the alerts of an evaluation. It does not wait.
pub trait AlertSink: Send + Sync {
    /// Takes alerts of one rule.
    fn send(&self, alerts: Vec<OutgoingAlert>);
}

/// Nobody is told: there is no Alertmanager.
#[derive(Debug, Clone, Copy)]
pub struct Unheard;

impl AlertSink for Unheard {
    fn send(&self, _: Vec<OutgoingAlert>) {}
}

/// The alerts of an expression as they leave.
#[must_use]
pub fn outgoing(expr: &str, alerts: Vec<Alert>, external: &External) -> Vec<OutgoingAlert> {
    let generator_url = format!("{}{}", external.url, table_link(expr));
    let one = |alert: Alert| OutgoingAlert {
        labels: alert.labels,
        annotations: alert.annotations.to_vec(),
        starts_at_ms: alert.fired_at_ms.unwrap_or(alert.active_at_ms),
        ends_at_ms: alert.resolved_at_ms.unwrap_or(alert.valid_until_ms),
        generator_url: generator_url.clone(),
    };
    alerts.into_iter().map(one).collect()
}

/// The path of an expression's table.
fn table_link(expr: &str) -> String {
    let mut link = String::from("/graph?g0.expr=");
    for byte in expr.bytes() {
        match byte {
            b' ' => link.push('+'),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                link.push(char::from(byte))
            }
            _ => link.push_str(&format!("%{byte:02X}")),
        }
    }
    link.push_str("&g0.tab=1");
    link
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_link_is_escaped_as_go_escapes_queries() {
        assert_eq!(
            table_link("a-b_c.d~{x=\"é*\"} > 1"),
            "/graph?g0.expr=a-b_c.d~%7Bx%3D%22%C3%A9%2A%22%7D+%3E+1&g0.tab=1"
        );
    }
}
