//! Times as the API and the pages write them.

/// RFC 3339 in UTC with milliseconds; Go's zero time for "never" (0).
#[must_use]
pub fn rfc3339(ms: i64) -> String {
    match jiff::Timestamp::from_millisecond(ms) {
        Ok(time) if ms != 0 => time.to_string(),
        _ => "0001-01-01T00:00:00Z".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::rfc3339;

    #[test]
    fn never_is_gos_zero_time() {
        assert_eq!(rfc3339(0), "0001-01-01T00:00:00Z");
        assert_eq!(rfc3339(1_435_781_451_781), "2015-07-01T20:10:51.781Z");
        assert_eq!(rfc3339(1_435_781_451_000), "2015-07-01T20:10:51Z");
    }
}
