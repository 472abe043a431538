//! A value that must not be told by accident.

use std::fmt;

/// Hides its value from `Debug` and `Display`, so that it reaches no log and no error message. Whoever needs
/// the value says so with [`Secret::expose`] or [`Secret::into_inner`], which are easy to find in a review.
#[derive(Clone)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Hides the value.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself.
    pub const fn expose(&self) -> &T {
        &self.0
    }

    /// Gives up the protection, to hand the value to somebody who has no `Secret`.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl<T> fmt::Display for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_expose_shows_the_value() {
        let secret = Secret::new("hunter2".to_owned());
        assert_eq!(
            format!("{secret} {secret:?} {:#?}", Some(&secret)),
            "[secret] [secret] Some(\n    [secret],\n)"
        );
        assert_eq!(secret.expose(), "hunter2");
    }
}
