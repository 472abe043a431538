//! Cron expressions: what the wall clock must show.

use std::fmt;
use std::str::FromStr;

use chrono::{Datelike as _, NaiveDate, NaiveDateTime, TimeZone as _, Utc};
use croner::parser::{CronParser, Seconds, Year};
use croner::{Cron as Pattern, Weekday};

/// The longest accepted expression, in characters.
const MAX_LEN: usize = 200;

/// The names of common expressions.
const NICKNAMES: [(&str, &str); 7] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

/// A cron expression of five fields, with a resolution of a minute, that matches some time.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Cron {
    text: String,
    pattern: Pattern,
    follows_elapsed_time: bool,
}

/// Why a text is no cron expression. The message is written for the person who sent it.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CronError {
    /// It has no five fields, or is too long to be one.
    #[error(
        "must have five fields (minute, hour, day of month, month, day of week), and at most {MAX_LEN} characters"
    )]
    Fields,
    /// It has a character that no field has.
    #[error("must hold only digits, names, and the characters * , - / # in its fields")]
    Characters,
    /// It begins with an `@`, but is no name that we know.
    #[error("must be @yearly, @monthly, @weekly, @daily or @hourly, or have five fields")]
    Nickname,
    /// A field has something that it can't have.
    #[error("has a wrong {0}")]
    Syntax(&'static str),
    /// There is no such day.
    #[error("never matches: there is no such day in any year")]
    NeverMatches,
}

/// The fields as people call them, in their order.
const FIELDS: [&str; 5] = ["minute", "hour", "day of month", "month", "day of week"];

/// The first field that is wrong by itself.
fn wrong_field(parser: &CronParser, fields: &[&str]) -> &'static str {
    let alone = |place: usize| {
        let mut expression = ["*"; 5];
        expression[place] = fields[place];
        parser.parse(&expression.join(" "))
    };
    let wrong = FIELDS
        .iter()
        .enumerate()
        .find(|(place, _)| alone(*place).is_err());
    wrong.map_or("field", |(_, name)| name)
}

impl Cron {
    /// Whether the minute or the hour is told by `*` or a step, so that the expression means "every so often" and
    /// follows the time that passes; otherwise it means times of the day.
    pub(super) fn follows_elapsed_time(&self) -> bool {
        self.follows_elapsed_time
    }

    /// The first minute of the wall clock after this one that the expression matches; `None` when there is none in
    /// the next millennia.
    pub(super) fn next_after(&self, wall: NaiveDateTime) -> Option<NaiveDateTime> {
        // The pattern knows nothing of zones here: to it, a wall clock is a zone whose clocks never change.
        let next = self
            .pattern
            .find_next_occurrence(&Utc.from_utc_datetime(&wall), false);
        next.ok().map(|next| next.naive_utc())
    }

    /// Whether it matches a day at all. Within these years each date falls on each day of the week, so what matches
    /// none of them matches none ever.
    fn matches_some_day(&self) -> bool {
        let matches = |day: NaiveDate| {
            let weekday = Weekday::from_days_from_sunday(day.weekday().num_days_from_sunday());
            let pattern = &self.pattern.pattern;
            pattern.month_match(day.month()).unwrap_or(false)
                && pattern
                    .day_match(day.year(), day.month(), day.day(), weekday)
                    .unwrap_or(false)
        };
        let first = NaiveDate::from_ymd_opt(2000, 1, 1);
        first.is_some_and(|first| first.iter_days().take_while(|day| day.year() < 2028).any(matches))
    }
}

impl FromStr for Cron {
    type Err = CronError;

    fn from_str(text: &str) -> Result<Self, CronError> {
        if text.len() > MAX_LEN {
            return Err(CronError::Fields);
        }
        let text = text.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
        let expression = expression(&text)?;
        let fields: Vec<&str> = expression.split(' ').collect();
        let [minute, hour, ..] = fields[..] else {
            return Err(CronError::Fields);
        };
        if fields.len() != 5 {
            return Err(CronError::Fields);
        }
        let is_accepted =
            |c: char| c.is_ascii_alphanumeric() || matches!(c, '*' | ',' | '-' | '/' | '#' | ' ');
        if !expression.chars().all(is_accepted) {
            return Err(CronError::Characters);
        }
        let parser = CronParser::builder()
            .seconds(Seconds::Disallowed)
            .year(Year::Disallowed)
            .build();
        let pattern = parser
            .parse(expression)
            .map_err(|_| CronError::Syntax(wrong_field(&parser, &fields)))?;
        let cron = Self {
            follows_elapsed_time: [minute, hour].iter().any(|field| field.contains(['*', '/'])),
            pattern,
            text,
        };
        if !cron.matches_some_day() {
            return Err(CronError::NeverMatches);
        }
        Ok(cron)
    }
}

/// The five fields that a text stands for.
fn expression(text: &str) -> Result<&str, CronError> {
    if !text.starts_with('@') {
        return Ok(text);
    }
    let known = NICKNAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
    known.map(|(_, fields)| *fields).ok_or(CronError::Nickname)
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cron(text: &str) -> Result<Cron, CronError> {
        text.parse()
    }

    #[test]
    fn expressions_are_kept_as_they_were_written_but_for_their_spaces() {
        for (written, kept) in [
            ("0 3 * * 1-5", "0 3 * * 1-5"),
            ("  0\t3  * * MON-FRI ", "0 3 * * MON-FRI"),
            ("*/15 8-18 1,15 JAN *", "*/15 8-18 1,15 JAN *"),
            ("0 0 L * *", "0 0 L * *"),
            ("0 0 * * FRI#2", "0 0 * * FRI#2"),
            ("0 0 * * FRI#L", "0 0 * * FRI#L"),
            ("0 0 15W * *", "0 0 15W * *"),
            ("0 0 29 2 *", "0 0 29 2 *"),
            ("0 0 * 2 FRI#5", "0 0 * 2 FRI#5"),
            ("@hourly", "@hourly"),
            ("@Daily", "@Daily"),
        ] {
            assert_eq!(cron(written).unwrap().to_string(), kept);
        }
    }

    #[test]
    fn what_is_no_expression_is_told_what_is_wrong() {
        for wrong in [
            "",
            " ",
            "* * * *",
            "0 * * * * *",
            "0 0 1 1 * 2030",
            &"1,".repeat(200),
        ] {
            assert_eq!(cron(wrong), Err(CronError::Fields), "{wrong}");
        }
        for wrong in [
            "? * * * *",
            "* * * * +1",
            "0 0 * * ÄÖ",
            "0 0 * * nul\0",
            "0 @hourly * * *",
        ] {
            assert_eq!(cron(wrong), Err(CronError::Characters), "{wrong}");
        }
        for wrong in ["@", "@reboot", "@every 5m", "@hourly 5"] {
            assert_eq!(cron(wrong), Err(CronError::Nickname), "{wrong}");
        }
        for (wrong, field) in [
            ("60 * * * *", "minute"),
            ("* 24 * * *", "hour"),
            ("* * 0 * *", "day of month"),
            ("* * * 13 *", "month"),
            ("* * * * 8", "day of week"),
            ("5-1 * * * *", "minute"),
            ("*/0 * * * *", "minute"),
            ("a b c d e", "minute"),
            ("1- * * * *", "minute"),
        ] {
            assert_eq!(cron(wrong), Err(CronError::Syntax(field)), "{wrong}");
        }
        for wrong in ["0 0 31 2 *", "0 0 30 FEB *", "0 0 31 4,6,9,11 *", "* * 30-31 2 *"] {
            assert_eq!(cron(wrong), Err(CronError::NeverMatches), "{wrong}");
        }
    }

    #[test]
    fn a_star_or_a_step_in_minute_or_hour_follows_elapsed_time() {
        for every in [
            "* * * * *",
            "*/5 2 * * *",
            "0 * * * *",
            "0 */6 * * *",
            "0-30/10 2 * * *",
            "@hourly",
        ] {
            assert!(cron(every).unwrap().follows_elapsed_time(), "{every}");
        }
        for times_of_day in [
            "30 2 * * *",
            "0,30 2 * * *",
            "0 2-4 * * *",
            "15 9,17 */2 * *",
            "@daily",
        ] {
            assert!(
                !cron(times_of_day).unwrap().follows_elapsed_time(),
                "{times_of_day}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".*") {
            drop(cron(&text));
        }

        #[test]
        fn nothing_that_looks_like_an_expression_makes_it_panic(
            text in "[0-9*,/#LW-]{1,5} [0-9*,/#LW-]{1,5} [0-9*,/#LW-]{1,5} ([0-9*,/#-]{1,4}|JAN|FEB-MAY) ([0-9*,/#L-]{1,4}|SUN|MON#2)",
        ) {
            if let Ok(cron) = cron(&text) {
                prop_assert_eq!(cron.to_string().parse(), Ok(cron));
            }
        }
    }
}
