//! From wall clocks to instants. Clocks that are changed skip a piece of wall time, or show one twice:
//!
//! - An expression that names times of the day (only numbers, lists and ranges as minute and hour) fires once for each
//!   time: what is skipped fires at the first instant after the gap, together with whatever else falls on that instant;
//!   what is shown twice fires the first time.
//! - An expression with `*` or a step as minute or hour follows the time that passes: it fires whenever the clock shows
//!   what it matches, so not in a gap, and both times in what is shown twice.

use std::iter::successors;

use chrono::{DateTime, MappedLocalTime, NaiveDateTime, SecondsFormat, TimeDelta, TimeZone as _, Utc};
use chrono_tz::Tz;

use super::{Cron, Zone};

/// The longest change of clocks, in minutes: a whole day, where a date was skipped, and a little more.
const LONGEST_CHANGE_MINUTES: usize = 25 * 60;

/// A cron expression in a zone.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Timing {
    /// What the wall clock must show.
    pub cron: Cron,
    /// Whose wall clock.
    pub zone: Zone,
}

impl Timing {
    /// The first fire time after an instant; `None` when there is none in the next millennia.
    #[must_use]
    pub fn next_after(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let local = self.local(after);
        if self.cron.follows_elapsed_time() {
            self.next_elapsed(after, local)
        } else {
            self.next_time_of_day(after, local)
        }
    }

    /// The fire times after an instant, in their order.
    pub fn fires_after(&self, after: DateTime<Utc>) -> impl Iterator<Item = DateTime<Utc>> {
        successors(self.next_after(after), |fire| self.next_after(*fire))
    }

    /// The newest fire times after `after` and until `until`, at most `most`, in their order. The effort does not grow
    /// with how many there are.
    #[must_use]
    pub fn newest(&self, after: DateTime<Utc>, until: DateTime<Utc>, most: usize) -> Vec<DateTime<Utc>> {
        let last = |until: &DateTime<Utc>| self.last_until(after, *until);
        let before = |fire: &DateTime<Utc>| last(&(*fire - TimeDelta::seconds(1)));
        let mut newest: Vec<_> = successors(last(&until), before).take(most).collect();
        newest.reverse();
        newest
    }

    /// An instant as the zone's clocks show it, with their distance from UTC.
    #[must_use]
    pub fn local_text(&self, at: DateTime<Utc>) -> String {
        at.with_timezone(&self.zone.0)
            .to_rfc3339_opts(SecondsFormat::Secs, false)
    }

    /// The last fire time after `after` and until `until`, by halving what lies between.
    fn last_until(&self, after: DateTime<Utc>, until: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let fires_after = |at| self.next_after(at).filter(|fire| *fire <= until);
        let (mut low, mut high) = (after, until);
        let mut last = fires_after(low)?;
        // There is a fire time after `low`, and none after `high`.
        while high - low > TimeDelta::minutes(1) {
            let middle = low + (high - low) / 2;
            match fires_after(middle) {
                Some(fire) => (low, last) = (middle, fire),
                None => high = middle,
            }
        }
        Some(last)
    }

    /// Each time of the day has one instant, and later ones have no earlier instants, so the first one that lies after
    /// `after` is the next.
    fn next_time_of_day(&self, after: DateTime<Utc>, local: NaiveDateTime) -> Option<DateTime<Utc>> {
        let mut instants = self.walls_after(local).filter_map(|wall| self.once(wall));
        instants.find(|fire| *fire > after)
    }

    fn next_elapsed(&self, after: DateTime<Utc>, local: NaiveDateTime) -> Option<DateTime<Utc>> {
        let next = |walls_after| {
            let mut instants = self.walls_after(walls_after).flat_map(|wall| self.each(wall));
            instants.find(|fire| *fire > after)
        };
        let ahead = next(local);
        // Where the clock is going to be set back, what it shows again may come first.
        match self.zone.0.from_local_datetime(&local) {
            MappedLocalTime::Ambiguous(first, _) if first == after => {
                let again = next(self.shown_twice_since(local));
                ahead.into_iter().chain(again).min()
            }
            MappedLocalTime::Ambiguous(..) | MappedLocalTime::Single(_) | MappedLocalTime::None => ahead,
        }
    }

    /// What the zone's clocks show.
    fn local(&self, at: DateTime<Utc>) -> NaiveDateTime {
        at.with_timezone(&self.zone.0).naive_local()
    }

    fn walls_after(&self, wall: NaiveDateTime) -> impl Iterator<Item = NaiveDateTime> {
        successors(self.cron.next_after(wall), |wall| self.cron.next_after(*wall))
    }

    /// The instants at which the clocks show this.
    fn each(&self, wall: NaiveDateTime) -> impl Iterator<Item = DateTime<Utc>> + use<> {
        let shown = self.zone.0.from_local_datetime(&wall);
        let (first, second) = match shown {
            MappedLocalTime::None => (None, None),
            MappedLocalTime::Single(at) => (Some(at), None),
            MappedLocalTime::Ambiguous(first, second) => (Some(first), Some(second)),
        };
        first
            .into_iter()
            .chain(second)
            .map(|at: DateTime<Tz>| at.to_utc())
    }

    /// The first instant at which the clocks show this, or have gone past it.
    fn once(&self, wall: NaiveDateTime) -> Option<DateTime<Utc>> {
        minutes_from(wall, 1).find_map(|wall| self.each(wall).next())
    }

    /// A wall time before which the clocks show nothing twice that they show twice around this one.
    fn shown_twice_since(&self, wall: NaiveDateTime) -> NaiveDateTime {
        let is_shown_once = |wall: &NaiveDateTime| self.each(*wall).count() < 2;
        minutes_from(wall, -1).find(is_shown_once).unwrap_or(wall)
    }
}

/// Minute after minute, or before minute, for as long as a change of clocks can last.
fn minutes_from(wall: NaiveDateTime, step: i64) -> impl Iterator<Item = NaiveDateTime> {
    let next = move |wall: &NaiveDateTime| wall.checked_add_signed(TimeDelta::minutes(step));
    successors(Some(wall), next).take(LONGEST_CHANGE_MINUTES)
}

#[cfg(test)]
mod tests;
