//! Times on the command line.

use chrono::{DateTime, Utc};

/// Reads an RFC 3339 time like `2027-01-31T09:30:00Z`.
pub(crate) fn parse_time(text: &str) -> Result<DateTime<Utc>, String> {
    DateTime::parse_from_rfc3339(text)
        .map(|time| time.to_utc())
        .map_err(|error| format!("{error}; write for example 2027-01-31T09:30:00Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339() {
        assert!(parse_time("2027-01-31T09:30:00+02:00").is_ok());
        assert!(parse_time("tomorrow").is_err());
    }
}
