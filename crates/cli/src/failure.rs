//! How a command ends, for the shell and for the person.

use std::fmt;
use std::process::ExitCode;

/// The exit codes. 2 is clap's and [`Failure::usage`]'s: the command line makes no sense.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ExitStatus {
    /// 0: done.
    Done,
    /// 3: `wait`: the job has ended, but not in `succeeded`.
    JobNotSucceeded,
    /// 4: `wait`: the job has not ended in time.
    TimedOut,
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(match status {
            ExitStatus::Done => 0,
            ExitStatus::JobNotSucceeded => 3,
            ExitStatus::TimedOut => 4,
        })
    }
}

/// Why a command did not do its work: exit code 1, or 2 when the command line makes no sense. The causes are printed,
/// outermost first.
pub(crate) struct Failure {
    cause: anyhow::Error,
    code: u8,
}

impl Failure {
    pub(crate) fn new(message: impl fmt::Display + fmt::Debug + Send + Sync + 'static) -> Self {
        anyhow::Error::msg(message).into()
    }

    /// The command line makes no sense, in a way that clap does not notice.
    pub(crate) fn usage(message: impl fmt::Display + fmt::Debug + Send + Sync + 'static) -> Self {
        Self {
            code: 2,
            ..Self::new(message)
        }
    }

    pub(crate) fn report(&self) -> ExitCode {
        crate::output::note(&format!("error: {self}"));
        ExitCode::from(self.code)
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self {
            cause: error.into(),
            code: 1,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.cause)
    }
}
