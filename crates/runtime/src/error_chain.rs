//! Errors as operators read them.

use std::error::Error;
use std::fmt;

/// Shows an error and all its sources in one line: `can't claim: can't connect: connection refused`.
///
/// Our errors don't repeat their source in their own message, so this is how an error is logged.
#[must_use]
pub fn error_chain<'a>(error: &'a (dyn Error + 'a)) -> ErrorChain<'a> {
    ErrorChain(error)
}

/// See [`error_chain`].
#[derive(Clone, Copy, Debug)]
pub struct ErrorChain<'a>(&'a (dyn Error + 'a));

impl fmt::Display for ErrorChain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told = self.0.to_string();
        f.write_str(&told)?;
        for cause in std::iter::successors(self.0.source(), |error| (*error).source()) {
            let message = cause.to_string();
            // Some libraries do repeat their source; saying it twice helps nobody.
            if !told.ends_with(&message) {
                write!(f, ": {message}")?;
            }
            told = message;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{message}")]
    struct Layer {
        message: &'static str,
        source: Option<Box<Layer>>,
    }

    fn chain(messages: &[&'static str]) -> Layer {
        let mut layers = messages.iter().rev();
        let last = Layer {
            message: layers.next().unwrap(),
            source: None,
        };
        layers.fold(last, |source, message| Layer {
            message,
            source: Some(Box::new(source)),
        })
    }

    #[test]
    fn shows_every_source_once_and_in_order() {
        assert_eq!(error_chain(&chain(&["alone"])).to_string(), "alone");
        assert_eq!(error_chain(&chain(&["a", "b", "c"])).to_string(), "a: b: c");
        assert_eq!(
            error_chain(&chain(&["can't read: gone", "gone", "disk"])).to_string(),
            "can't read: gone: disk"
        );
    }
}
