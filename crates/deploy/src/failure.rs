//! How a command ends, for the workflow and for the person.

use std::fmt;
use std::process::ExitCode;

use crate::aws;

/// The exit codes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Exit {
    /// 0: done, or there was nothing to do.
    Done,
    /// 1: failed, and what runs is what ran before.
    Failed,
    /// 2: the command line makes no sense, in a way that clap does not notice.
    Usage,
    /// 3: refused before anything was changed; each reason is told.
    Refused,
    /// 4: the release failed, and everything was turned back.
    TurnedBack,
    /// 5: it failed half-way, and what runs is not of one release: see `status`, then `release` or `rollback`.
    InBetween,
    /// 6: `verify`: the environment is not well.
    Unwell,
    /// 7: interrupted, or the time was up; AWS goes on with what was begun.
    GoesOn,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Refused => 3,
            Exit::TurnedBack => 4,
            Exit::InBetween => 5,
            Exit::Unwell => 6,
            Exit::GoesOn => 7,
        })
    }
}

/// Why a command did not do its work, and how the process ends.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) sentence: String,
}

impl Failure {
    pub(crate) fn new(exit: Exit, sentence: impl Into<String>) -> Self {
        Self {
            exit,
            sentence: sentence.into(),
        }
    }

    pub(crate) fn failed(sentence: impl Into<String>) -> Self {
        Self::new(Exit::Failed, sentence)
    }

    /// Refuses for every reason at once.
    pub(crate) fn refused(reasons: &[String]) -> Self {
        Self::new(Exit::Refused, format!("refused:\n  {}", reasons.join("\n  ")))
    }

    pub(crate) fn report(&self) -> ExitCode {
        crate::output::note(&format!("error: {self}"));
        self.exit.into()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

impl From<aws::Error> for Failure {
    fn from(error: aws::Error) -> Self {
        Self::failed(error.to_string())
    }
}
