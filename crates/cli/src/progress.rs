//! How far a decision about many jobs has got.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::output;

/// A bar for a person, a line per request for a log.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    done: &'static str,
    total: u64,
}

impl Progress {
    pub(crate) fn new(done: &'static str, total: u64) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{bar:40} {pos} of {len} {msg}");
            ProgressBar::new(total).with_style(style.expect("the template is valid"))
        });
        Self { bar, done, total }
    }

    pub(crate) fn tell(&self, count: u64) {
        match &self.bar {
            Some(bar) => {
                bar.set_message(self.done);
                bar.set_position(count);
            }
            None => output::note(&format!("{} {count} of {}", self.done, self.total)),
        }
    }

    /// Tells that nothing happens for a while, and that this is meant to be so.
    pub(crate) fn tell_pause(&self, pause: Duration) {
        let text = format!("{}, going on in {:.0} s", self.done, pause.as_secs_f64().ceil());
        match &self.bar {
            Some(bar) => bar.set_message(text),
            None => output::note(&format!("going on in {:.0} s", pause.as_secs_f64().ceil())),
        }
    }

    /// Tells how far it had got when a request failed.
    pub(crate) fn tell_failure(&self, count: u64) {
        self.clear();
        output::note(&format!("{} {count} of {}, then failed", self.done, self.total));
    }

    pub(crate) fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
