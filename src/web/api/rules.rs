//! `rules` and `alerts`: groups of rules, their state, and the alerts that are active.

use super::{Answer, ApiError, Handled};
use crate::rules::alert::Alert;
use crate::rules::file::AlertSpec;
use crate::rules::view::{GroupView, RuleStatus, RuleView};
use crate::web::app::App;
use crate::web::json::Json;
use crate::web::params::Params;
use crate::web::time::rfc3339;
use narthex_storage::labels::quote;
use narthex_storage::{Labels, Matcher};
use sha2::{Digest, Sha256};
use std::collections::HashSet;

/// `GET /alerts`
///
/// # Errors
/// None.
pub fn alerts(app: &App, _: &Params) -> Handled {
    Ok(Answer::write(|json| {
        json.raw("{\"alerts\":[");
        let groups = app.rules.groups();
        let rules = groups.iter().flat_map(|group| &group.rules);
        let mut written = 0;
        for rule in rules.filter(|rule| rule.spec.alert.is_some()) {
            for alert in active(rule.status()) {
                json.comma(written);
                written += 1;
                write_alert(json, &alert);
            }
        }
        json.raw("]}");
    }))
}

/// `GET /rules`
///
/// # Errors
/// A parameter is wrong.
pub fn rules(app: &App, params: &Params) -> Handled {
    let filter = Filter::read(params)?;
    let groups = app.rules.groups();
    let mut begin = 0;
    if !filter.next.is_empty() {
        let found = groups.iter().position(|group| token(group) == filter.next);
        begin = found.ok_or_else(|| {
            let text = format!("invalid group_next_token '{}'. were rule groups changed?", filter.next);
            ApiError::parameter("group_next_token", text)
        })?;
    }
    let (mut json, mut written, mut next) = (Json::default(), 0, None);
    json.raw("{\"groups\":[");
    for group in groups.iter().skip(begin).filter(|group| filter.takes_group(group)) {
        let rules: Vec<&RuleView> =
            group.rules.iter().map(AsRef::as_ref).filter(|rule| filter.takes(rule)).collect();
        if rules.is_empty() {
            continue;
        }
        if filter.limit == Some(written) {
            next = Some(token(group));
            break;
        }
        json.comma(written);
        written += 1;
        write_group(&mut json, group, &rules, &filter);
    }
    json.raw("]");
    if let Some(token) = next {
        json.raw(",\"groupNextToken\":");
        json.string(&token);
    }
    json.raw("}");
    Ok(Answer { data: json.into_bytes(), ..Answer::default() })
}

/// Names a group to whoever pages through them.
fn token(group: &GroupView) -> String {
    let digest = Sha256::digest(group.key().as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Which rules are asked for.
struct Filter<'a> {
    alerting: bool,
    recording: bool,
    names: HashSet<&'a str>,
    groups: HashSet<&'a str>,
    files: HashSet<&'a str>,
    matchers: Vec<Vec<Matcher>>,
    exclude_alerts: bool,
    limit: Option<usize>,
    next: &'a str,
}

impl<'a> Filter<'a> {
    fn read(params: &'a Params) -> Result<Self, ApiError> {
        let kind = params.get("type").to_lowercase();
        if !matches!(kind.as_str(), "" | "alert" | "record") {
            return Err(ApiError::parameter("type", format!("not supported value {}", quote(&kind))));
        }
        let (limit, next) = (params.get("group_limit"), params.get("group_next_token"));
        if limit.is_empty() && !next.is_empty() {
            let text = "group_limit needs to be present in order to paginate over the groups";
            return Err(ApiError::parameter("group_next_token", text));
        }
        Ok(Self {
            alerting: kind != "record",
            recording: kind != "alert",
            names: params.all("rule_name[]").collect(),
            groups: params.all("rule_group[]").collect(),
            files: params.all("file[]").collect(),
            matchers: params.matcher_sets().map_err(|text| ApiError::parameter("match[]", text))?,
            exclude_alerts: truth(params.get("exclude_alerts"))?,
            limit: group_limit(limit)?,
            next,
        })
    }

    fn takes_group(&self, group: &GroupView) -> bool {
        (self.groups.is_empty() || self.groups.contains(group.name.as_str()))
            && (self.files.is_empty() || self.files.contains(group.file.as_str()))
    }

    fn takes(&self, rule: &RuleView) -> bool {
        let kind = if rule.spec.alert.is_some() { self.alerting } else { self.recording };
        let value = |name: &str| {
            rule.spec.labels.iter().find(|(label, _)| label == name).map_or("", |(_, value)| value.as_str())
        };
        let all = |set: &Vec<Matcher>| set.iter().all(|matcher| matcher.matches(value(&matcher.name)));
        kind && (self.names.is_empty() || self.names.contains(rule.spec.name.as_str()))
            && (self.matchers.is_empty() || self.matchers.iter().any(all))
    }
}

/// A truth value as Go's `strconv.ParseBool` reads it.
fn truth(text: &str) -> Result<bool, ApiError> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
        "" | "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
        _ => {
            let text = format!(
                "error converting exclude_alerts: strconv.ParseBool: parsing {}: invalid syntax",
                quote(text)
            );
            Err(ApiError::parameter("exclude_alerts", text))
        }
    }
}

fn group_limit(text: &str) -> Result<Option<usize>, ApiError> {
    if text.is_empty() {
        return Ok(None);
    }
    let number: i32 = text.parse().map_err(|_| {
        let text = format!(
            "group_limit needs to be a valid number: strconv.ParseInt: parsing {}: invalid syntax",
            quote(text)
        );
        ApiError::parameter("group_limit", text)
    })?;
    match usize::try_from(number) {
        Ok(limit) if limit > 0 => Ok(Some(limit)),
        _ => Err(ApiError::parameter("group_limit", "group_limit needs to be greater than 0")),
    }
}

fn write_group(json: &mut Json, group: &GroupView, rules: &[&RuleView], filter: &Filter<'_>) {
    let status = group.status();
    json.raw("{\"name\":");
    json.string(&group.name);
    json.raw(",\"file\":");
    json.string(&group.file);
    json.raw(",\"rules\":[");
    for (i, rule) in rules.iter().enumerate() {
        json.comma(i);
        match &rule.spec.alert {
            Some(alert) => write_alerting(json, rule, alert, filter.exclude_alerts),
            None => write_recording(json, rule),
        }
    }
    json.raw("],\"interval\":");
    json.value(&seconds(group.interval_ms));
    json.raw(",\"limit\":");
    json.value(&group.limit.unwrap_or(0));
    write_times(json, status.evaluation_seconds, status.last_evaluation_ms);
    json.raw("}");
}

fn write_alerting(json: &mut Json, rule: &RuleView, alert: &AlertSpec, exclude_alerts: bool) {
    let status = rule.status();
    json.raw("{\"state\":");
    json.string(status.state());
    json.raw(",\"name\":");
    json.string(&rule.spec.name);
    json.raw(",\"query\":");
    json.string(rule.spec.query.text());
    json.raw(",\"duration\":");
    json.value(&seconds(alert.for_ms));
    json.raw(",\"keepFiringFor\":");
    json.value(&seconds(alert.keep_firing_for_ms));
    json.raw(",\"labels\":");
    write_pairs(json, &rule.spec.labels);
    json.raw(",\"annotations\":");
    write_pairs(json, &alert.annotations);
    json.raw(",\"alerts\":[");
    if !exclude_alerts {
        for (i, alert) in active(status.clone()).iter().enumerate() {
            json.comma(i);
            write_alert(json, alert);
        }
    }
    json.raw("]");
    write_health(json, &status);
    json.raw(",\"type\":\"alerting\"}");
}

fn write_recording(json: &mut Json, rule: &RuleView) {
    json.raw("{\"name\":");
    json.string(&rule.spec.name);
    json.raw(",\"query\":");
    json.string(rule.spec.query.text());
    if !rule.spec.labels.is_empty() {
        json.raw(",\"labels\":");
        write_pairs(json, &rule.spec.labels);
    }
    write_health(json, &rule.status());
    json.raw(",\"type\":\"recording\"}");
}

fn write_health(json: &mut Json, status: &RuleStatus) {
    json.raw(",\"health\":");
    json.string(status.health.name());
    if let Some(error) = &status.last_error {
        json.raw(",\"lastError\":");
        json.string(error);
    }
    write_times(json, status.evaluation_seconds, status.last_evaluation_ms);
}

fn write_times(json: &mut Json, evaluation_seconds: f64, last_ms: Option<i64>) {
    json.raw(",\"evaluationTime\":");
    json.value(&evaluation_seconds);
    json.raw(",\"lastEvaluation\":");
    json.string(&rfc3339(last_ms.unwrap_or(0)));
}

fn write_pairs(json: &mut Json, pairs: &[(String, String)]) {
    json.labels(&Labels::from_pairs(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))));
}

/// The alerts that are not resolved, by labels.
fn active(status: RuleStatus) -> Vec<Alert> {
    let mut alerts = status.alerts;
    alerts.retain(|alert| alert.resolved_at_ms.is_none());
    alerts.sort_by(|a, b| a.labels.cmp(&b.labels));
    alerts
}

fn write_alert(json: &mut Json, alert: &Alert) {
    json.raw("{\"labels\":");
    json.labels(&alert.labels);
    json.raw(",\"annotations\":{");
    for (i, (name, text)) in alert.annotations.iter().enumerate() {
        json.comma(i);
        json.string(name);
        json.raw(":");
        json.string(text);
    }
    json.raw("},\"state\":");
    json.string(alert.state.name());
    json.raw(",\"activeAt\":");
    json.string(&rfc3339(alert.active_at_ms));
    if let Some(since) = alert.keep_firing_since_ms {
        json.raw(",\"keepFiringSince\":");
        json.string(&rfc3339(since));
    }
    json.raw(",\"value\":");
    json.string(&exponent(alert.value));
    json.raw("}");
}

/// Milliseconds as seconds; whole ones without a fraction.
fn seconds(ms: i64) -> serde_json::Number {
    let whole = (ms % 1000 == 0).then(|| serde_json::Number::from(ms / 1000));
    whole.or_else(|| serde_json::Number::from_f64(ms as f64 / 1000.0)).unwrap_or_else(|| 0.into())
}

/// The shortest digits in exponent form, as Go's `%e` with as many as it takes: `1.5e+00`.
fn exponent(value: f64) -> String {
    if !value.is_finite() {
        return narthex_promql::numeric::format_sample(value);
    }
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ('-', exponent),
        None => ('+', exponent),
    };
    format!("{digits}e{sign}{exponent:0>2}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_alerts_have_gos_exponent_form() {
        for (value, want) in [
            (1.0, "1e+00"),
            (0.0, "0e+00"),
            (-1.5, "-1.5e+00"),
            (1e-7, "1e-07"),
            (123_456.0, "1.23456e+05"),
            (1e300, "1e+300"),
            (f64::INFINITY, "+Inf"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(exponent(value), want);
        }
    }

    #[test]
    fn parameters_that_cannot_be_are_refused_in_prometheuss_words() {
        for (query, want) in [
            ("type=x", "invalid parameter \"type\": not supported value \"x\""),
            ("group_limit=0", "invalid parameter \"group_limit\": group_limit needs to be greater than 0"),
            (
                "group_next_token=x",
                "invalid parameter \"group_next_token\": group_limit needs to be present in order to paginate over the groups",
            ),
            (
                "exclude_alerts=maybe",
                "invalid parameter \"exclude_alerts\": error converting exclude_alerts: strconv.ParseBool: parsing \"maybe\": invalid syntax",
            ),
        ] {
            let error = Filter::read(&Params::parse(b"", query)).err().unwrap();
            assert_eq!(error.text, want);
        }
        assert_eq!(Filter::read(&Params::parse(b"", "group_limit=7")).ok().unwrap().limit, Some(7));
    }

    #[test]
    fn whole_seconds_have_no_fraction() {
        assert_eq!([60_000, 1500].map(|ms| seconds(ms).to_string()), ["60", "1.5"]);
    }
}
