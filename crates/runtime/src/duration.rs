//! Durations as people write them on a command line.

use std::time::Duration;

/// Enough for `1h 30m 15s 500ms`. The library adds the parts up, and can overflow only in texts that are longer.
const MAX_LEN: usize = 20;

/// Reads a duration like `500ms`, `30s`, `5m`, `2h`, `1d` or `1h 30m`, in whole milliseconds.
///
/// # Errors
/// Says in a sentence what is wrong with it, and how one is written.
pub fn parse(text: &str) -> Result<Duration, String> {
    let with_hint = |why: &str| format!("{why}; write for example 500ms, 30s, 5m, 2h, 1d or 1h 30m");
    if text.len() > MAX_LEN {
        return Err(with_hint("it is too long for a duration"));
    }
    // The library takes 5M for five months.
    if text.contains(|c: char| c.is_ascii_uppercase()) {
        return Err(with_hint("units are lower-case"));
    }
    let duration = humantime::parse_duration(text).map_err(|error| with_hint(&error.to_string()))?;
    let is_whole = duration.subsec_nanos().is_multiple_of(1_000_000);
    let ms = u64::try_from(duration.as_millis()).ok().filter(|_| is_whole);
    ms.map(Duration::from_millis)
        .ok_or_else(|| with_hint("it must be whole milliseconds that a program can count"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        for (text, ms) in [
            ("0s", 0),
            ("250ms", 250),
            ("90s", 90_000),
            ("5m", 300_000),
            ("1.5h", 5_400_000),
            ("1h 30m", 5_400_000),
            ("1d", 86_400_000),
            ("90days", 7_776_000_000),
            ("100000d", 8_640_000_000_000),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(ms)), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_how_to_write_it() {
        for (wrong, why) in [
            ("", "value was empty"),
            ("5", "time unit needed"),
            ("s", "expected number at 0"),
            ("-1s", "expected number at 0"),
            ("5 x", "unknown time unit \"x\""),
            ("5M", "units are lower-case"),
            ("1us", "whole milliseconds"),
            ("1.0001s", "whole milliseconds"),
            ("9999999999999999999w", "too large"),
            ("584554049253855y", "too large"),
            ("18446744073709552s", "whole milliseconds"),
            ("18446744073709551615s 1000ms", "too long"),
        ] {
            let told = parse(wrong).unwrap_err();
            assert!(
                told.contains(why) && told.contains("; write for example 500ms"),
                "{wrong}: {told}"
            );
        }
    }
}
