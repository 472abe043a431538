//! Groups failures that have the same cause, although their messages name different things.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use crate::failure::Failure;

/// How much of a message tells causes apart; what follows is usually the thing that it happened to.
const MAX_WORDS: usize = 40;

impl Failure {
    /// Sixteen hex digits that are equal for failures of the same code whose messages differ only in what varies from
    /// job to job: numbers, ids, times, addresses, spacing and case. A status of HTTP is kept, because it tells causes
    /// apart.
    ///
    /// The fingerprint is the start of a SHA-256 over the code and the words of the message's first line. It is
    /// stored, so its rule may change only with the grouping of old dead letters in mind.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(self.code.as_str());
        let first_line = self.message.trim_start().lines().next().unwrap_or_default();
        for word in words(first_line).take(MAX_WORDS) {
            hash.update(b" ");
            hash.update(if varies(word) {
                "#".to_owned()
            } else {
                word.to_lowercase()
            });
        }
        let mut text = String::with_capacity(16);
        for byte in hash.finalize().iter().take(8) {
            write!(text, "{byte:02x}").expect("writing to a String does not fail");
        }
        text
    }
}

/// Ids hang together by dashes and underscores; all else that is neither letter nor digit separates words.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '-' || c == '_'))
        .filter(|word| !word.is_empty())
}

/// Whether a word names a thing rather than a cause.
fn varies(word: &str) -> bool {
    let is_status = word.len() == 3 && word.parse().is_ok_and(|status: u16| (100..600).contains(&status));
    !is_status && word.contains(|c: char| c.is_numeric())
}

#[cfg(test)]
mod tests {
    use crate::failure::{Failure, FailureCode};

    fn of(message: &str) -> String {
        Failure::new(FailureCode::HandlerError, message).fingerprint()
    }

    #[test]
    fn what_varies_from_job_to_job_does_not_count() {
        let one =
            of("Order 4711 of 0191a2b3-7c4d-7abc-8def-001122334455 at 10.0.0.1:8080 not found\n at line 3");
        let other = of("order 12  of 0191ffff-0000-7000-9000-aabbccddeeff at 10.0.0.22:9 not found");
        assert_eq!(one, other);
        assert_eq!(one.len(), 16);
    }

    #[test]
    fn causes_are_told_apart() {
        let all = [
            of("the target answered 503: busy"),
            of("the target answered 404: busy"),
            of("the target answered 503: gone"),
            of(""),
            Failure::new(FailureCode::Panicked, "").fingerprint(),
        ];
        for (index, one) in all.iter().enumerate() {
            assert!(!all[..index].contains(one), "{index}");
        }
    }

    #[test]
    fn it_is_stored_so_it_stays_the_same() {
        assert_eq!(of("it broke"), "473c60e349f95403");
    }
}
