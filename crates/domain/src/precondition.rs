//! What a client expects of the version that it is about to change, as `If-Match` and `If-None-Match` tell it.

/// Versions that a client names.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Versions {
    /// Whatever there is: `*`.
    Any,
    /// One of these.
    Of(Vec<u32>),
}

impl Versions {
    fn include(&self, current: Option<u32>) -> bool {
        match (self, current) {
            (_, None) => false,
            (Self::Any, Some(_)) => true,
            (Self::Of(versions), Some(current)) => versions.contains(&current),
        }
    }
}

/// When a change may be made; always, by default.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Precondition {
    /// The current version must be one of these.
    pub matches: Option<Versions>,
    /// The current version must be none of these.
    pub matches_none: Option<Versions>,
}

impl Precondition {
    /// There must be nothing yet.
    #[must_use]
    pub fn absent() -> Self {
        Self {
            matches_none: Some(Versions::Any),
            ..Self::default()
        }
    }

    /// There must be something.
    #[must_use]
    pub fn present() -> Self {
        Self {
            matches: Some(Versions::Any),
            ..Self::default()
        }
    }

    /// The current version must be one of these.
    #[must_use]
    pub fn one_of(versions: Vec<u32>) -> Self {
        Self {
            matches: Some(Versions::Of(versions)),
            ..Self::default()
        }
    }

    /// Whether the change may be made, given the current version; `None` when there is nothing yet.
    #[must_use]
    pub fn holds(&self, current: Option<u32>) -> bool {
        let included = |versions: &Versions| versions.include(current);
        self.matches.as_ref().is_none_or(included) && !self.matches_none.as_ref().is_some_and(included)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_the_client_asked() {
        let of = |matches: Option<Versions>, matches_none: Option<Versions>| {
            let precondition = Precondition {
                matches,
                matches_none,
            };
            [None, Some(2), Some(3)].map(|current| precondition.holds(current))
        };
        assert_eq!(of(None, None), [true, true, true]);
        assert_eq!(of(Some(Versions::Any), None), [false, true, true]);
        assert_eq!(of(Some(Versions::Of(vec![1, 2])), None), [false, true, false]);
        assert_eq!(of(None, Some(Versions::Any)), [true, false, false]);
        assert_eq!(of(None, Some(Versions::Of(vec![3]))), [true, true, false]);
        assert_eq!(
            of(Some(Versions::Any), Some(Versions::Any)),
            [false, false, false]
        );
    }
}
