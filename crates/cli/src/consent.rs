//! Asking before much is changed.

use std::io::{self, BufRead, IsTerminal as _, Write as _};

use crate::args::ManyArgs;
use crate::failure::Failure;

/// Whether a person must agree first.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Consent {
    /// It was given on the command line.
    Given,
    /// There is somebody to ask.
    Ask,
}

impl Consent {
    /// `None` when nothing is to be changed, so that nobody has to agree.
    pub(crate) fn unless_dry_run(many: ManyArgs) -> Result<Option<Self>, Failure> {
        if many.dry_run {
            return Ok(None);
        }
        let terminal = io::stdin().is_terminal() && io::stderr().is_terminal();
        Self::new(many.yes, terminal).map(Some)
    }

    fn new(yes: bool, terminal: bool) -> Result<Self, Failure> {
        match (yes, terminal) {
            (true, _) => Ok(Self::Given),
            (false, true) => Ok(Self::Ask),
            (false, false) => Err(Failure::usage(
                "there is no terminal to ask on: give --yes to go ahead, or --dry-run to count",
            )),
        }
    }

    /// Asks, if need be; anything but a clear yes is a no.
    pub(crate) fn obtain(self, question: &str) -> io::Result<bool> {
        match self {
            Self::Given => Ok(true),
            Self::Ask => {
                write!(io::stderr().lock(), "{question} [y/N] ")?;
                is_yes(&mut io::stdin().lock())
            }
        }
    }
}

fn is_yes(answers: &mut impl BufRead) -> io::Result<bool> {
    let mut answer = String::new();
    answers.read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_terminal_consent_is_on_the_command_line_or_missing() {
        let consent = |yes, terminal| Consent::new(yes, terminal).map_err(|failure| failure.to_string());
        assert_eq!(consent(true, false), Ok(Consent::Given));
        assert_eq!(consent(true, true), Ok(Consent::Given));
        assert_eq!(consent(false, true), Ok(Consent::Ask));
        assert!(consent(false, false).unwrap_err().contains("--yes"));
    }

    #[test]
    fn only_a_clear_yes_is_one() {
        for (answer, yes) in [
            ("y\n", true),
            ("Yes\n", true),
            ("\n", false),
            ("", false),
            ("yep\n", false),
        ] {
            assert_eq!(is_yes(&mut answer.as_bytes()).unwrap(), yes, "{answer:?}");
        }
    }
}
