//! `labels`, `label/<name>/values` and `series`.

use super::{Answer, ApiError, Handled, cut};
use crate::web::app::App;
use crate::web::params::Params;
use narthex_storage::labels::quote;
use narthex_storage::{LabelQuery, Labels, Queryable, SelectHints};

fn label_query(params: &Params) -> Result<LabelQuery, ApiError> {
    let (mint, maxt) = params.time_range()?;
    let matcher_sets = params.matcher_sets().map_err(ApiError::bad_data)?;
    Ok(LabelQuery { matcher_sets, mint, maxt })
}

/// `GET|POST /labels`
///
/// # Errors
/// A bad parameter, or the store cannot be read.
pub fn names(app: &App, params: &Params) -> Handled {
    let limit = params.limit()?;
    let query = label_query(params)?;
    let querier = app.db.querier(query.mint, query.maxt)?;
    let mut names = querier.label_names(&query)?;
    let truncated = cut(&mut names, limit);
    Ok(Answer::write(|json| json.strings(&names)).warned(querier.warnings()).truncated(truncated))
}

/// `GET /label/<name>/values`
///
/// # Errors
/// A bad name or parameter, or the store cannot be read.
pub fn values(app: &App, params: &Params, name: &str) -> Handled {
    let unescaped = unescape_name(name);
    let name = unescaped.as_deref().unwrap_or(name);
    if name.is_empty() {
        return Err(ApiError::bad_data(format!("invalid label name: {}", quote(name))));
    }
    let limit = params.limit()?;
    let query = label_query(params)?;
    let querier = app.db.querier(query.mint, query.maxt)?;
    let mut values = querier.label_values(name, &query)?;
    let truncated = cut(&mut values, limit);
    Ok(Answer::write(|json| json.strings(&values)).warned(querier.warnings()).truncated(truncated))
}

/// `GET|POST /series`
///
/// # Errors
/// A bad parameter, or the store cannot be read.
pub fn series(app: &App, params: &Params) -> Handled {
    if params.all("match[]").next().is_none() {
        return Err(ApiError::bad_data("no match[] parameter provided"));
    }
    let limit = params.limit()?;
    let (mint, maxt) = params.time_range()?;
    let sets = params.matcher_sets().map_err(|reason| ApiError::parameter("match[]", reason))?;
    let querier = app.db.querier(mint, maxt)?;
    let hints = SelectHints { mint, maxt, function: "series", ..SelectHints::default() };
    let mut found: Vec<Labels> = Vec::new();
    for set in &sets {
        found.extend(querier.select(set, &hints)?.iter().map(|series| series.labels().clone()));
    }
    if sets.len() > 1 {
        found.sort();
        found.dedup();
    }
    let truncated = cut(&mut found, limit);
    let answer = Answer::write(|json| {
        json.raw("[");
        for (i, labels) in found.iter().enumerate() {
            json.comma(i);
            json.labels(labels);
        }
        json.raw("]");
    });
    Ok(answer.warned(querier.warnings()).truncated(truncated))
}

/// Decodes `U__http_2e_status` to `http.status`: `__` is an underscore, `_HEX_` a code point.
/// `None` when the name is not escaped so.
fn unescape_name(name: &str) -> Option<String> {
    let mut rest = name.strip_prefix("U__")?;
    let mut out = String::new();
    while let Some(at) = rest.find('_') {
        out.push_str(rest.get(..at)?);
        rest = rest.get(at + 1..)?;
        let end = rest.find('_')?;
        let hex = rest.get(..end)?;
        match hex {
            "" => out.push('_'),
            hex if hex.len() <= 6 => out.push(char::from_u32(u32::from_str_radix(hex, 16).ok()?)?),
            _ => return None,
        }
        rest = rest.get(end + 1..)?;
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_names_are_decoded() {
        let table = [
            ("U__http_2e_status", Some("http.status")),
            ("U__a__b", Some("a_b")),
            ("U__x_1f600_", Some("x😀")),
            ("plain", None),
            ("U__broken_2e", None),
            ("U__bad_zz_", None),
        ];
        for (name, want) in table {
            assert_eq!(unescape_name(name).as_deref(), want, "{name}");
        }
    }
}
