//! Request parameters: query string and form body merged, read with Prometheus's rules and error texts.

use narthex_promql::syntax::lexer::parse_duration as promql_duration;
use narthex_promql::syntax::series_notation::number;
use narthex_promql::{Matcher, parse_selector};
use narthex_storage::labels::quote;

use super::api::ApiError;

/// The first time that the API names, ms.
pub const MIN_TIME_MS: i64 = i64::MIN / 1000;
/// The last time that the API names, ms.
pub const MAX_TIME_MS: i64 = i64::MAX / 1000;

/// The texts that Go prints for the two boundary times of the API.
const BOUNDARY_TIMES: [(&str, i64); 2] =
    [("-292273086-05-16T16:47:06Z", MIN_TIME_MS), ("292277025-08-18T07:12:54.999999999Z", MAX_TIME_MS)];

/// Parameters of a request, those of the body before those of the URL.
#[derive(Debug, Clone, Default)]
pub struct Params(Vec<(String, String)>);

impl Params {
    /// Reads the body of a form (empty for none) and the query string.
    #[must_use]
    pub fn parse(form: &[u8], query: &str) -> Self {
        let pairs = form_urlencoded::parse(form).chain(form_urlencoded::parse(query.as_bytes()));
        Self(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    /// The members of a JSON object: texts, numbers and truth values.
    ///
    /// # Errors
    /// The text for the client.
    pub fn of_json(body: &[u8]) -> Result<Self, String> {
        Self::of_members(
            serde_json::from_slice(body).map_err(|e| format!("the body is no JSON object: {e}"))?,
        )
    }

    /// As [`Self::of_json`], of an object that is read already.
    ///
    /// # Errors
    /// The text for the client.
    pub fn of_members(members: serde_json::Map<String, serde_json::Value>) -> Result<Self, String> {
        use serde_json::Value;
        let mut pairs = Vec::with_capacity(members.len());
        for (name, value) in members {
            match value {
                Value::String(text) => pairs.push((name, text)),
                Value::Number(number) => pairs.push((name, number.to_string())),
                Value::Bool(truth) => pairs.push((name, truth.to_string())),
                Value::Null => {}
                _ => return Err(format!("{} must be a text or a number", quote(&name))),
            }
        }
        Ok(Self(pairs))
    }

    /// Adds a value, behind those that a parameter has already.
    pub fn add(&mut self, name: &str, value: String) {
        self.0.push((name.to_owned(), value));
    }

    /// The first value of a parameter, empty when there is none.
    #[must_use]
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value)
    }

    /// All values of a parameter.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// A required time, ms.
    ///
    /// # Errors
    /// `invalid parameter …`
    pub fn time(&self, name: &str) -> Result<i64, ApiError> {
        parse_time(self.get(name)).map_err(|reason| ApiError::parameter(name, reason))
    }

    /// An optional time, ms.
    ///
    /// # Errors
    /// `invalid parameter …`
    pub fn time_or(&self, name: &str, default: i64) -> Result<i64, ApiError> {
        match self.get(name) {
            "" => Ok(default),
            text => parse_time(text).map_err(|reason| {
                ApiError::parameter(name, format!("invalid time value for '{name}': {reason}"))
            }),
        }
    }

    /// The `start` and `end` of the label endpoints, ms; everything when they are left out.
    ///
    /// # Errors
    /// `invalid parameter …`
    pub fn time_range(&self) -> Result<(i64, i64), ApiError> {
        Ok((self.time_or("start", MIN_TIME_MS)?, self.time_or("end", MAX_TIME_MS)?))
    }

    /// `limit`: `None` for no limit.
    ///
    /// # Errors
    /// `invalid parameter …`
    pub fn limit(&self) -> Result<Option<usize>, ApiError> {
        let text = self.get("limit");
        if text.is_empty() {
            return Ok(None);
        }
        let limit = parse_int(text).map_err(|reason| ApiError::parameter("limit", reason))?;
        match usize::try_from(limit) {
            Ok(0) => Ok(None),
            Ok(limit) => Ok(Some(limit)),
            Err(_) => Err(ApiError::parameter("limit", "limit must be non-negative")),
        }
    }

    /// The selectors of `match[]`.
    ///
    /// # Errors
    /// The text of the first fault; who calls knows how the endpoint wraps it.
    pub fn matcher_sets(&self) -> Result<Vec<Vec<Matcher>>, String> {
        let mut sets = Vec::new();
        for text in self.all("match[]") {
            sets.push(parse_selector(text).map_err(|e| e.to_string())?);
        }
        if sets.iter().any(|set| set.iter().all(Matcher::matches_empty)) {
            return Err("match[] must contain at least one non-empty matcher".to_owned());
        }
        Ok(sets)
    }
}

/// An integer as Go's `strconv.Atoi` reads it, with its error text.
pub fn parse_int(text: &str) -> Result<i64, String> {
    let fault = |what: &str| format!("strconv.Atoi: parsing {}: {what}", quote(text));
    text.parse::<i64>().map_err(|e| match e.kind() {
        std::num::IntErrorKind::PosOverflow | std::num::IntErrorKind::NegOverflow => {
            fault("value out of range")
        }
        _ => fault("invalid syntax"),
    })
}

/// A time: Unix seconds (rounded to ms) or RFC 3339; ms since the epoch.
pub fn parse_time(text: &str) -> Result<i64, String> {
    if let Some(seconds) = number(text) {
        if !seconds.is_finite() {
            return Err(format!("cannot parse {} to a valid timestamp", quote(text)));
        }
        let whole = seconds.trunc();
        let millis = ((seconds - whole) * 1000.0).round();
        // `as` saturates, which keeps absurd times at the boundaries.
        let ms = (whole as i64).saturating_mul(1000).saturating_add(millis as i64);
        return Ok(ms.clamp(MIN_TIME_MS, MAX_TIME_MS));
    }
    // The two boundary times have years that no RFC 3339 parser takes.
    if let Some((_, ms)) = BOUNDARY_TIMES.iter().find(|(boundary, _)| *boundary == text) {
        return Ok(*ms);
    }
    let rfc3339 = text.as_bytes().get(10).is_some_and(|byte| *byte == b'T');
    match text.parse::<jiff::Timestamp>() {
        Ok(time) if rfc3339 => Ok(time.as_nanosecond().div_euclid(1_000_000) as i64),
        _ => Err(format!("cannot parse {} to a valid timestamp", quote(text))),
    }
}

/// A duration: seconds as a number or a Prometheus duration; ms.
pub fn parse_duration(text: &str) -> Result<f64, String> {
    if let Some(seconds) = number(text) {
        let nanos = seconds * 1e9;
        if nanos > i64::MAX as f64 || nanos < i64::MIN as f64 {
            return Err(format!("cannot parse {} to a valid duration. It overflows int64", quote(text)));
        }
        return Ok((nanos as i64) as f64 / 1e6);
    }
    promql_duration(text)
        .map(|ms| ms as f64)
        .map_err(|_| format!("cannot parse {} to a valid duration", quote(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn body_comes_before_the_query_string() {
        let params = Params::parse(b"a=1&b=2", "a=3&match%5B%5D=up");
        assert_eq!(params.get("a"), "1");
        assert_eq!(params.all("a").collect::<Vec<_>>(), ["1", "3"]);
        assert_eq!(params.matcher_sets().unwrap().len(), 1);
    }

    #[test]
    fn times_are_seconds_or_rfc3339() {
        let table: &[(&str, Result<i64, ()>)] = &[
            ("1435781451.781", Ok(1_435_781_451_781)),
            ("123.123", Ok(123_123)),
            ("-1.5", Ok(-1500)),
            ("2015-06-03T13:21:58.555Z", Ok(1_433_337_718_555)),
            ("2015-06-03T14:21:58.555+01:00", Ok(1_433_337_718_555)),
            ("-292273086-05-16T16:47:06Z", Ok(MIN_TIME_MS)),
            ("1717200000000", Ok(1_717_200_000_000_000)),
            ("", Err(())),
            ("abc", Err(())),
            ("2015-06-03 13:21:58Z", Err(())),
            ("NaN", Err(())),
        ];
        for (text, want) in table {
            assert_eq!(parse_time(text).map_err(|_| ()), *want, "{text}");
        }
        assert_eq!(parse_time("a").unwrap_err(), "cannot parse \"a\" to a valid timestamp");
    }

    #[test]
    fn durations_are_seconds_or_prometheus_durations() {
        assert_eq!(parse_duration("0.5"), Ok(500.0));
        assert_eq!(parse_duration("1m0s"), Ok(60_000.0));
        assert_eq!(parse_duration("-1"), Ok(-1000.0));
        assert!(parse_duration("1e30").unwrap_err().ends_with("It overflows int64"));
        assert_eq!(parse_duration("x").unwrap_err(), "cannot parse \"x\" to a valid duration");
    }

    #[test]
    fn a_selector_that_matches_everything_is_refused() {
        let params = Params::parse(b"", "match[]={a=~\".*\"}");
        assert_eq!(params.matcher_sets().unwrap_err(), "match[] must contain at least one non-empty matcher");
    }
}
