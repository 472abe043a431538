//! Which of the arguments are for `cargo xtask chaos` itself; the others are the program's.

use anyhow::{Context, Result};

/// How everything is built.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Profile {
    #[default]
    Debug,
    Release,
}

impl Profile {
    /// Its name in reports and folders.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Release => "release",
        }
    }

    pub(super) fn of_cargo(self) -> &'static [&'static str] {
        match self {
            Self::Debug => &[],
            Self::Release => &["--release"],
        }
    }
}

/// What is not for the program.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Own {
    pub(super) mutant: Option<String>,
    pub(super) profile: Profile,
}

impl Own {
    /// Takes our own options out of the arguments.
    pub(super) fn taken_from(arguments: &[String]) -> Result<(Self, Vec<String>)> {
        const MUTANT: &str = "--mutant";
        let mut own = Self::default();
        let mut rest = arguments.to_vec();
        if let Some(at) = rest.iter().position(|it| it == "--release") {
            own.profile = Profile::Release;
            rest.remove(at);
        }
        if let Some(at) = rest.iter().position(|it| it.split('=').next() == Some(MUTANT)) {
            let name = value(&rest, MUTANT).context("--mutant needs a name")?;
            own.mutant = Some(name.to_owned());
            let words = if rest[at] == MUTANT { 2 } else { 1 };
            rest.drain(at..at + words);
        }
        Ok((own, rest))
    }
}

/// Whether the arguments want an SQS-protocol server and don't name one.
pub(super) fn needs_sqs(arguments: &[String]) -> bool {
    value(arguments, "--backend") != Some("postgres")
        && value(arguments, "--sqs-endpoint").is_none()
        && !arguments.iter().any(|it| it == "--help" || it == "-h")
}

/// The value of an option in either spelling.
fn value<'a>(arguments: &'a [String], option: &str) -> Option<&'a str> {
    arguments.iter().enumerate().find_map(|(at, argument)| {
        let rest = argument.strip_prefix(option)?;
        if rest.is_empty() {
            return arguments.get(at + 1).map(String::as_str);
        }
        rest.strip_prefix('=')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn our_own_options_are_taken_out_of_the_arguments_in_every_spelling() {
        for (text, mutant, profile) in [
            (
                "--seed 2 --mutant no-sweep --keep",
                Some("no-sweep"),
                Profile::Debug,
            ),
            (
                "--seed 2 --mutant=no-sweep --release --keep",
                Some("no-sweep"),
                Profile::Release,
            ),
            ("--release --seed 2 --keep", None, Profile::Release),
            ("--seed 2 --keep", None, Profile::Debug),
        ] {
            let expected = Own {
                mutant: mutant.map(str::to_owned),
                profile,
            };
            assert_eq!(
                Own::taken_from(&arguments(text)).unwrap(),
                (expected, arguments("--seed 2 --keep"))
            );
        }
        assert!(Own::taken_from(&arguments("--mutant")).is_err());
    }

    #[test]
    fn sqs_is_started_only_when_it_is_needed_and_not_there() {
        assert!(needs_sqs(&arguments("")));
        assert!(needs_sqs(&arguments("--backend both")));
        assert!(!needs_sqs(&arguments("--backend postgres")));
        assert!(!needs_sqs(&arguments("--backend=postgres")));
        assert!(!needs_sqs(&arguments("--sqs-endpoint=http://127.0.0.1:1")));
        assert!(!needs_sqs(&arguments("--help")));
    }
}
