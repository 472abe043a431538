//! What commands about many things have in common: a filter that must say what is meant, a limit, and a dry run.

use std::fmt;

use super::findings::Findings;
use crate::problem::Problem;

/// The most things in one request: what one transaction changes.
const MOST: u64 = 1_000;

/// Which things, and how many.
#[derive(Debug)]
pub(crate) struct Selection<F> {
    pub(crate) filter: F,
    pub(crate) limit: u64,
    pub(crate) dry_run: bool,
}

/// What a command has come to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Tally {
    /// How many things the filter meant before.
    pub(crate) matched: u64,
    pub(crate) changed: u64,
    pub(crate) remaining: u64,
}

impl<F> Selection<F> {
    /// What is selected, unless something was found.
    pub(super) fn new(
        filter: F,
        limit: Option<u64>,
        dry_run: bool,
        found: Findings,
    ) -> Result<Self, Problem> {
        found.finish(Some(Self {
            filter,
            limit: limit.unwrap_or(MOST),
            dry_run,
        }))
    }

    /// Whether there is anything to do to what the filter means.
    pub(crate) fn changes_any(&self, matched: u64) -> bool {
        !self.dry_run && matched > 0
    }
}

impl Tally {
    /// What was counted before and what was done then differ by what others did in between.
    pub(crate) fn of(matched: u64, changed: u64) -> Self {
        Self {
            matched: matched.max(changed),
            changed,
            remaining: matched.saturating_sub(changed),
        }
    }
}

/// The fields of a filter.
pub(super) struct Filter<'a> {
    pub(super) found: &'a mut Findings,
    /// What it means, in words.
    pub(super) things: &'static str,
}

impl Filter<'_> {
    /// All of them must be asked for: nobody changes all by forgetting a field.
    pub(super) fn says_what_is_meant(&mut self, all: Option<bool>, narrowed: bool) {
        match (all == Some(true), narrowed) {
            (true, false) | (false, true) => {}
            (false, false) => self.found.add(
                "filter",
                "empty_filter",
                format!(
                    "must say which {} are meant; send {{\"all\": true}} for all of them",
                    self.things
                ),
            ),
            (true, true) => self.found.add("filter/all", "conflict", "must be sent alone"),
        }
    }

    /// A field that is a text.
    pub(super) fn read<T, E: fmt::Display>(
        &mut self,
        name: &str,
        text: Option<String>,
        rule: impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        self.found.read(&format!("filter/{name}"), &text?, rule)
    }
}
