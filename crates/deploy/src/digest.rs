//! Images by digest, the only way in which a deployment names them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a release consists of.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Program {
    /// Takes jobs; its image also has the command that migrates.
    Api,
    /// Runs jobs.
    Worker,
}

impl Program {
    pub(crate) const ALL: [Self; 2] = [Self::Api, Self::Worker];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Worker => "worker",
        }
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// `sha256:` and 64 hexadecimal digits.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub(crate) struct Digest(String);

/// The digest in a template that no release has been put into.
const NO_DIGEST: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

impl Digest {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// For people: as much of it as tells images apart.
    pub(crate) fn short(&self) -> &str {
        &self.0[..19]
    }

    /// What comes after the `@` of an image; `None` for an image by tag, and for the digest that no image has.
    pub(crate) fn of_image(image: &str) -> Option<Self> {
        let (_, digest) = image.split_once('@')?;
        digest.parse().ok().filter(|digest: &Self| digest.0 != NO_DIGEST)
    }
}

impl FromStr for Digest {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.strip_prefix("sha256:").unwrap_or_default();
        let is_hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        if digits.len() == 64 && digits.chars().all(is_hex) {
            return Ok(Self(text.to_owned()));
        }
        Err(format!(
            "{text:?} is no digest: it must be sha256: and 64 lower-case hexadecimal digits"
        ))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An image of a program, written `api@sha256:…`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct ProgramDigest {
    pub(crate) program: Program,
    pub(crate) digest: Digest,
}

impl FromStr for ProgramDigest {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('@').and_then(|(name, digest)| {
            let program = Program::ALL.into_iter().find(|program| program.name() == name)?;
            Some((program, digest))
        });
        let Some((program, digest)) = parts else {
            return Err(format!(
                "{text:?} names no image: write api@sha256:… or worker@sha256:…"
            ));
        };
        Ok(Self {
            program,
            digest: digest.parse()?,
        })
    }
}

/// The digests of a command line: at most one for each program.
///
/// # Errors
/// The program that has two, or that must have one and has none.
pub(crate) fn of_each(given: &[ProgramDigest], needed: &[Program]) -> Result<Vec<ProgramDigest>, String> {
    for program in Program::ALL {
        let count = given.iter().filter(|it| it.program == program).count();
        if count > 1 {
            return Err(format!("--digest names {program} {count} times"));
        }
        if count == 0 && needed.contains(&program) {
            return Err(format!("--digest must name {program}, as {program}@sha256:…"));
        }
    }
    Ok(given.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sha(digit: char) -> String {
        format!("sha256:{}", digit.to_string().repeat(64))
    }

    #[test]
    fn a_digest_is_whole_and_lower_case() {
        assert_eq!(sha('a').parse::<Digest>().unwrap().short(), "sha256:aaaaaaaaaaaa");
        for wrong in [
            "",
            "latest",
            "sha256:12",
            &sha('A'),
            &sha('g'),
            &format!("{}0", sha('a')),
        ] {
            let told = wrong.parse::<Digest>().unwrap_err();
            assert!(told.contains("is no digest"), "{told}");
        }
    }

    #[test]
    fn an_image_of_a_program_names_both() {
        let image: ProgramDigest = format!("worker@{}", sha('1')).parse().unwrap();
        assert_eq!((image.program, image.digest.0), (Program::Worker, sha('1')));
        for wrong in [sha('1'), format!("web@{}", sha('1')), "api".to_owned()] {
            assert!(
                wrong
                    .parse::<ProgramDigest>()
                    .unwrap_err()
                    .contains("names no image")
            );
        }
        assert!(
            "api@1"
                .parse::<ProgramDigest>()
                .unwrap_err()
                .contains("is no digest")
        );
    }

    #[test]
    fn the_template_has_no_image() {
        assert_eq!(Digest::of_image(&format!("r/api@{NO_DIGEST}")), None);
        assert_eq!(Digest::of_image("r/api:latest"), None);
        assert_eq!(
            Digest::of_image(&format!("r/api@{}", sha('2'))).unwrap().0,
            sha('2')
        );
    }

    #[test]
    fn each_program_is_named_once() {
        let image = |text: &str| format!("{text}@{}", sha('1')).parse::<ProgramDigest>().unwrap();
        let (api, worker) = (image("api"), image("worker"));
        assert!(of_each(&[api.clone(), worker.clone()], &Program::ALL).is_ok());
        assert!(of_each(std::slice::from_ref(&api), &[]).is_ok());
        let told = of_each(&[api.clone(), api.clone(), worker], &[]).unwrap_err();
        assert_eq!(told, "--digest names api 2 times");
        let told = of_each(&[api], &Program::ALL).unwrap_err();
        assert_eq!(told, "--digest must name worker, as worker@sha256:…");
    }
}
