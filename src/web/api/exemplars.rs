//! `query_exemplars`.

use super::{Answer, ApiError, Handled};
use crate::web::app::App;
use crate::web::json::Json;
use crate::web::params::Params;
use narthex_promql::{Expr, parse_expr};
use narthex_storage::{ExemplarSeries, Matcher};

/// `GET|POST /query_exemplars`: the exemplars of all series that selectors of the query select, whatever is done with
/// them.
///
/// # Errors
/// A bad parameter, or the query does not parse.
pub fn exemplars(app: &App, params: &Params) -> Handled {
    let (start, end) = params.time_range()?;
    if end < start {
        return Err(ApiError::bad_data("end timestamp must not be before start timestamp"));
    }
    let expr = parse_expr(params.get("query"), &app.options.parse)
        .map_err(|error| ApiError::bad_data(error.to_string()))?;
    let selectors = selectors(&expr);
    if selectors.is_empty() {
        // An answer without data, as Prometheus has it.
        return Ok(Answer::default());
    }
    let found = app.db.exemplars(start, end, &selectors);
    Ok(Answer::write(|json| write(json, &found)))
}

/// The matchers of every selector.
fn selectors(expr: &Expr) -> Vec<Vec<Matcher>> {
    let selector = |expr: &Expr| match expr {
        Expr::Vector(selector) | Expr::Matrix { selector, .. } => Some(selector.matchers.clone()),
        _ => None,
    };
    expr.descendants().filter_map(selector).collect()
}

fn write(json: &mut Json, found: &[ExemplarSeries]) {
    json.raw("[");
    for (at, series) in found.iter().enumerate() {
        json.comma(at);
        json.raw("{\"seriesLabels\":");
        json.labels(&series.labels);
        json.raw(",\"exemplars\":[");
        for (at, exemplar) in series.exemplars.iter().enumerate() {
            json.comma(at);
            json.raw("{\"labels\":");
            json.labels(&exemplar.labels);
            json.raw(",\"value\":");
            json.number(exemplar.value);
            json.raw(",\"timestamp\":");
            json.time(exemplar.timestamp);
            json.raw("}");
        }
        json.raw("]}");
    }
    json.raw("]");
}

#[cfg(test)]
mod tests {
    use super::*;
    use narthex_promql::ParseOptions;
    use narthex_storage::{Exemplar, Labels};

    #[test]
    fn every_selector_of_a_query_counts() {
        let expr =
            parse_expr("rate(a{x=\"1\"}[5m]) + max_over_time((b offset 1h)[1h:1m])", &ParseOptions::all());
        let texts: Vec<String> =
            selectors(&expr.unwrap()).iter().map(|all| format!("{}", all.len())).collect();
        assert_eq!(texts, ["2", "1"]);
        assert!(selectors(&parse_expr("1 + time()", &ParseOptions::all()).unwrap()).is_empty());
    }

    #[test]
    fn answers_have_the_shape_that_clients_read() {
        let exemplar = |value, timestamp| Exemplar {
            labels: Labels::from_pairs([("trace_id", "a\"b")]),
            value,
            timestamp,
            has_timestamp: true,
        };
        let found = ExemplarSeries {
            labels: Labels::from_pairs([("__name__", "a"), ("le", "+Inf")]),
            exemplars: vec![exemplar(0.25, 1_600_096_945_479), exemplar(f64::INFINITY, 2000)],
        };
        let mut json = Json::default();
        write(&mut json, &[found]);
        assert_eq!(
            String::from_utf8(json.into_bytes()).unwrap(),
            r#"[{"seriesLabels":{"__name__":"a","le":"+Inf"},"exemplars":[{"labels":{"trace_id":"a\"b"},"value":"0.25","timestamp":1600096945.479},{"labels":{"trace_id":"a\"b"},"value":"+Inf","timestamp":2}]}]"#
        );
        let mut json = Json::default();
        write(&mut json, &[]);
        assert_eq!(json.into_bytes(), b"[]");
    }
}
