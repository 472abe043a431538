//! What becomes of the fire times that have come.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::Timing;

/// The most jobs that a schedule makes at once, however many fire times were missed.
pub const MAX_FIRES: usize = 100;

/// A text that names no policy; it tells those that there are.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("must be one of {0}")]
pub struct UnknownPolicy(String);

macro_rules! policy {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub enum $name {
            $($(#[$of])* $variant,)*
        }

        impl $name {
            /// Every policy.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The policy as it is written in requests and rows.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownPolicy;

            fn from_str(text: &str) -> Result<Self, UnknownPolicy> {
                let known = Self::ALL.iter().copied().find(|policy| policy.as_str() == text);
                known.ok_or_else(|| UnknownPolicy([$($text),*].join(", ")))
            }
        }
    };
}

policy! {
    /// What a schedule does when it fires while its previous job has not ended.
    Overlap {
        /// Makes another job beside it.
        Allow = "allow",
        /// Makes none.
        Skip = "skip",
        /// Cancels the previous job and makes another one.
        CancelPrevious = "cancel_previous",
    }
}

policy! {
    /// What a schedule does about fire times that nobody was there for.
    Missed {
        /// Nothing.
        Skip = "skip",
        /// Makes one job, for the newest of them.
        Latest = "latest",
        /// Makes a job for each of them, at most [`MAX_FIRES`].
        All = "all",
    }
}

policy! {
    /// Why a fire time was let go without a job.
    Skip {
        /// Jobs of the schedule must not overlap, and the previous one had not ended, or a newer fire time had come as well.
        Overlap = "overlap",
        /// Another job held the unique key.
        Unique = "unique",
        /// It was missed, and the policy for missed ones gave it no job; or [`MAX_FIRES`] newer ones had come as well.
        Missed = "missed",
    }
}

/// When a schedule fires, and what it does about what it could not do in time.
#[derive(Clone, Debug)]
pub struct Rules {
    /// When.
    pub timing: Timing,
    /// What it does while the previous job has not ended.
    pub overlap: Overlap,
    /// What it does about missed fire times.
    pub missed: Missed,
    /// A fire time is missed once it is older than this.
    pub missed_after: Duration,
}

/// What a schedule does now.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Plan {
    /// The fire times to make a job for, in their order.
    pub fires: Vec<DateTime<Utc>>,
    /// When to look again; never, if absent.
    pub next_fire_at: Option<DateTime<Utc>>,
    /// The newest fire time that has come and that the plan lets go, and why; absent when all that have come fire.
    pub skipped: Option<(DateTime<Utc>, Skip)>,
}

impl Plan {
    /// What of the plan can be done while the tenant may have only so many jobs more: the oldest fire times. The next one is
    /// looked at again. Where jobs may overlap, none is lost for want of room; where they must not, the plan has one fire
    /// time at most, and a newer one takes the place of one that waits. Tells whether any must wait.
    #[must_use]
    pub fn within(mut self, room: usize) -> (Self, bool) {
        let Some(first_to_wait) = self.fires.get(room).copied() else {
            return (self, false);
        };
        self.fires.truncate(room);
        self.next_fire_at = Some(first_to_wait);
        (self, true)
    }
}

impl Rules {
    /// What to do at `now` about the fire times from `due_at` on, which was the next one when somebody last looked.
    ///
    /// Those that are not missed all count; of those that are, as many as the policy says. Where jobs must not overlap,
    /// only the newest of all counts, because its job would make the others' useless or be in their way.
    #[must_use]
    pub fn plan(&self, due_at: DateTime<Utc>, now: DateTime<Utc>) -> Plan {
        let before_due = due_at - TimeDelta::seconds(1);
        let missed_after = TimeDelta::from_std(self.missed_after).unwrap_or(TimeDelta::MAX);
        let missed_until = now.checked_sub_signed(missed_after).map_or(before_due, |at| {
            // A fire time that is exactly so old is not missed.
            at - TimeDelta::nanoseconds(1)
        });
        let missed = |most| self.timing.newest(before_due, missed_until, most);
        let mut fires = match self.missed {
            Missed::Skip => Vec::new(),
            Missed::Latest => missed(1),
            Missed::All => missed(MAX_FIRES),
        };
        fires.extend(self.timing.newest(before_due.max(missed_until), now, MAX_FIRES));
        let most = match self.overlap {
            Overlap::Allow => MAX_FIRES,
            Overlap::Skip | Overlap::CancelPrevious => 1,
        };
        let dropped = fires.drain(..fires.len().saturating_sub(most)).next_back();
        let skipped = match dropped {
            // It would have a job, were it not for the newest.
            Some(newest) if most == 1 => Some((newest, Skip::Overlap)),
            Some(_) | None => {
                let until = fires.first().map_or(now, |first| *first - TimeDelta::seconds(1));
                let newest = self.timing.newest(before_due, until, 1).pop();
                newest.map(|at| (at, Skip::Missed))
            }
        };
        Plan {
            fires,
            next_fire_at: self.timing.next_after(now),
            skipped,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        format!("2026-01-05T{text}Z").parse().unwrap()
    }

    fn rules(cron: &str, overlap: Overlap, missed: Missed) -> Rules {
        Rules {
            timing: Timing {
                cron: cron.parse().unwrap(),
                zone: super::super::Zone::UTC,
            },
            overlap,
            missed,
            missed_after: Duration::from_secs(60),
        }
    }

    #[test]
    fn policies_are_read_as_they_are_written() {
        for policy in Overlap::ALL {
            assert_eq!(policy.as_str().parse(), Ok(*policy));
        }
        for policy in Missed::ALL {
            assert_eq!(policy.as_str().parse(), Ok(*policy));
        }
        let unknown = "Skip".parse::<Missed>().unwrap_err();
        assert_eq!(unknown.to_string(), "must be one of skip, latest, all");
    }

    #[test]
    fn what_is_in_time_fires_whatever_the_policy() {
        for missed in Missed::ALL {
            let plan = rules("0 * * * *", Overlap::Skip, *missed).plan(at("03:00:00"), at("03:01:00"));
            assert_eq!(plan.fires, [at("03:00:00")], "{missed}");
            assert_eq!(plan.next_fire_at, Some(at("04:00:00")));
        }
    }

    #[test]
    fn what_was_missed_fires_as_the_policy_says() {
        let fires = |missed, now| {
            rules("0 * * * *", Overlap::Allow, missed)
                .plan(at("03:00:00"), at(now))
                .fires
        };
        assert!(fires(Missed::Skip, "05:30:00").is_empty());
        assert_eq!(fires(Missed::Latest, "05:30:00"), [at("05:00:00")]);
        assert_eq!(
            fires(Missed::All, "05:30:00"),
            [at("03:00:00"), at("04:00:00"), at("05:00:00")]
        );
        // And so it does when another one has just come.
        assert_eq!(fires(Missed::Skip, "05:00:10"), [at("05:00:00")]);
        assert_eq!(
            fires(Missed::Latest, "05:00:10"),
            [at("04:00:00"), at("05:00:00")]
        );
        assert_eq!(fires(Missed::Latest, "03:01:00.000000001"), [at("03:00:00")]);
        assert!(fires(Missed::Skip, "03:01:00.000000001").is_empty());
    }

    #[test]
    fn the_newest_fire_time_without_a_job_is_told_with_what_took_its_job() {
        let skipped = |overlap, missed, now| {
            rules("0 * * * *", overlap, missed)
                .plan(at("03:00:00"), at(now))
                .skipped
        };
        let told = |text, why| Some((at(text), why));
        for overlap in Overlap::ALL {
            let skipped = |missed, now| skipped(*overlap, missed, now);
            assert_eq!(
                skipped(Missed::Skip, "05:30:00"),
                told("05:00:00", Skip::Missed),
                "{overlap}"
            );
            assert_eq!(
                skipped(Missed::Latest, "05:30:00"),
                told("04:00:00", Skip::Missed),
                "{overlap}"
            );
            assert_eq!(
                skipped(Missed::Skip, "05:00:10"),
                told("04:00:00", Skip::Missed),
                "{overlap}"
            );
            for missed in Missed::ALL {
                assert_eq!(skipped(*missed, "03:00:10"), None, "{overlap} {missed}");
                assert_eq!(skipped(*missed, "02:59:59"), None, "{overlap} {missed}");
            }
        }
        assert_eq!(skipped(Overlap::Allow, Missed::All, "05:30:00"), None);
        assert_eq!(
            skipped(Overlap::Allow, Missed::Latest, "05:00:10"),
            told("03:00:00", Skip::Missed)
        );
        for overlap in [Overlap::Skip, Overlap::CancelPrevious] {
            // The one that was missed last would have a job, had none come since.
            for missed in [Missed::Latest, Missed::All] {
                assert_eq!(
                    skipped(overlap, missed, "05:00:10"),
                    told("04:00:00", Skip::Overlap),
                    "{overlap} {missed}"
                );
            }
            let patient = Rules {
                missed_after: Duration::from_hours(3),
                ..rules("0 * * * *", overlap, Missed::Skip)
            };
            assert_eq!(
                patient.plan(at("03:00:00"), at("05:30:00")).skipped,
                told("04:00:00", Skip::Overlap),
                "{overlap}"
            );
        }
    }

    #[test]
    fn jobs_that_must_not_overlap_are_made_one_at_a_time() {
        for overlap in [Overlap::Skip, Overlap::CancelPrevious] {
            let plan = rules("0 * * * *", overlap, Missed::All).plan(at("03:00:00"), at("05:30:00"));
            assert_eq!(plan.fires, [at("05:00:00")], "{overlap}");
        }
    }

    #[test]
    fn catching_up_is_bounded_and_takes_no_longer_for_a_longer_outage() {
        let long_ago = "1970-01-01T00:00:00Z".parse().unwrap();
        let plan = rules("* * * * *", Overlap::Allow, Missed::All).plan(long_ago, at("12:00:30"));
        assert_eq!(plan.fires.len(), MAX_FIRES);
        assert_eq!(plan.fires[MAX_FIRES - 1], at("12:00:00"));
        assert_eq!(plan.fires[0], at("12:00:00") - TimeDelta::minutes(99));
        assert_eq!(
            plan.skipped,
            Some((plan.fires[0] - TimeDelta::minutes(1), Skip::Missed))
        );
        assert_eq!(plan.next_fire_at, Some(at("12:01:00")));
    }

    #[test]
    fn a_row_from_the_future_fires_nothing() {
        let plan = rules("0 * * * *", Overlap::Allow, Missed::All).plan(at("09:00:00"), at("05:30:00"));
        assert!(plan.fires.is_empty());
        assert_eq!(plan.skipped, None);
    }

    proptest! {
        #[test]
        fn whatever_the_times_the_plan_is_in_order_and_within_its_bounds(
            due in 0_i64..4_000_000_000, late in -1_000_i64..400_000_000, missed_after in 0_u64..100_000,
            cron in prop::sample::select(vec!["* * * * *", "*/7 3 * * *", "0 0 29 2 *", "30 2 * * 0", "0 0 L * *"]),
            zone in prop::sample::select(vec!["UTC", "Europe/Berlin", "Australia/Lord_Howe", "America/New_York"]),
            overlap in prop::sample::select(Overlap::ALL), missed in prop::sample::select(Missed::ALL),
        ) {
            let timing = Timing { cron: cron.parse().unwrap(), zone: zone.parse().unwrap() };
            let rules = Rules { timing, overlap, missed, missed_after: Duration::from_secs(missed_after) };
            let due = DateTime::from_timestamp(due, 0).unwrap();
            let now = due + TimeDelta::seconds(late);
            let plan = rules.plan(due, now);
            prop_assert!(plan.fires.len() <= MAX_FIRES);
            prop_assert!(plan.fires.is_sorted_by(|a, b| a < b));
            prop_assert!(plan.fires.iter().all(|fire| due <= *fire && *fire <= now));
            prop_assert!(plan.next_fire_at.is_some_and(|next| next > now));
            // Every fire time from the one that was skipped on has a job, and none is skipped where all have one.
            let since = plan.skipped.map_or(due - TimeDelta::seconds(1), |(at, _)| at);
            let come = rules.timing.newest(since, now, MAX_FIRES + 1);
            prop_assert_eq!(&come, &plan.fires);
            prop_assert!(plan.skipped.is_none_or(|(at, _)| due <= at && at <= now));
        }
    }

    #[test]
    fn what_finds_no_room_is_looked_at_again() {
        let plan = |fires: &[&str], next: &str| Plan {
            fires: fires.iter().map(|text| at(text)).collect(),
            next_fire_at: Some(at(next)),
            skipped: None,
        };
        let three = || plan(&["10:00:00", "10:01:00", "10:02:00"], "10:03:00");
        assert_eq!(three().within(3), (three(), false));
        assert_eq!(
            three().within(2),
            (plan(&["10:00:00", "10:01:00"], "10:02:00"), true)
        );
        assert_eq!(three().within(0), (plan(&[], "10:00:00"), true));
        let none = || plan(&[], "10:03:00");
        assert_eq!(none().within(0), (none(), false));
    }
}
