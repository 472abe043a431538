//! Which build this is.

/// The version of all programs of a release.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit that it was built from; `unknown` where nobody said so in `TANDEM_COMMIT`, as the builds of images do.
pub const COMMIT: &str = match option_env!("TANDEM_COMMIT") {
    Some(commit) => commit,
    None => "unknown",
};
