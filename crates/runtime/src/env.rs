//! Settings come from the environment, and every problem with them is told at once.
//!
//! A setting is declared once, as a [`Setting`] constant; the declaration gives the value, its default and
//! the text of `--help`. A process reads all of them, then finishes:
//!
//! ```
//! use std::time::Duration;
//! use runtime::env::{ConfigErrors, Env, Setting};
//!
//! const LEASE: Setting =
//!     Setting::with_default("TANDEM_LEASE_SECS", "30", "How long a lease lasts.").range(5, 3600);
//! const TIMEOUT: Setting =
//!     Setting::with_default("TANDEM_TIMEOUT_SECS", "20", "How long an attempt may take.");
//!
//! struct Config {
//!     lease: Duration,
//!     timeout: Duration,
//! }
//!
//! fn config(mut env: Env<'_>) -> Result<Config, ConfigErrors> {
//!     let lease: Option<Duration> = env.get(&LEASE);
//!     let timeout = env.get(&TIMEOUT);
//!     if let (Some(timeout), Some(lease)) = (timeout, lease) && timeout > lease {
//!         env.contradiction(&[&TIMEOUT, &LEASE], "an attempt must end within its lease");
//!     }
//!     env.finish(|| Some(Config { lease: lease?, timeout: timeout? }))
//! }
//!
//! assert!(config(Env::new(|_| None)).is_ok());
//! assert!(config(Env::new(|_| Some("1 minute".to_owned()))).is_err());
//! ```

mod help;
mod problem;
mod setting;
mod value;

use std::fmt;

pub use help::{help, likely_typos};
pub use problem::{ConfigErrors, Problem};
pub use setting::Setting;
pub use value::{FromSetting, one_of};

type Lookup<'a> = Box<dyn Fn(&str) -> Option<String> + 'a>;

/// Reads settings and collects what is wrong with them.
pub struct Env<'a> {
    lookup: Lookup<'a>,
    problems: Vec<Problem>,
}

impl<'a> Env<'a> {
    /// Reads from `lookup`, which gives a variable's value; tests pass a map.
    pub fn new(lookup: impl Fn(&str) -> Option<String> + 'a) -> Self {
        Self {
            lookup: Box::new(lookup),
            problems: Vec::new(),
        }
    }

    /// Reads from the environment of this process.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the environment"
    )]
    pub fn from_process() -> Self {
        Self::new(|name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()))
    }

    /// The names of the variables that this process was given, for [`likely_typos`].
    pub fn process_names() -> impl Iterator<Item = String> {
        std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned())
    }

    /// The value of a setting, or of its default.
    ///
    /// `None` means that an optional setting is not set, or that a problem was recorded. So read all settings
    /// first and take them apart with `?` afterwards, or the first problem hides the others.
    pub fn get<T: FromSetting>(&mut self, setting: &Setting) -> Option<T> {
        self.read(setting, T::SECRET, |text| T::from_setting(text, setting))
    }

    /// As [`Env::get`], for a type that brings its own parser. The error must say what is accepted.
    pub fn get_with<T, E: fmt::Display>(
        &mut self,
        setting: &Setting,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        self.read(setting, false, |text| {
            parse(text).map_err(|error| error.to_string())
        })
    }

    /// Whether the environment has a value, valid or not, for this setting.
    #[must_use]
    pub fn is_set(&self, setting: &Setting) -> bool {
        self.text(setting).is_some()
    }

    /// Records that one setting has a value which is wrong for a reason that its type doesn't know.
    pub fn problem(&mut self, setting: &Setting, message: impl Into<String>) {
        self.contradiction(&[setting], message);
    }

    /// Records that settings which are valid one by one don't go together.
    pub fn contradiction(&mut self, settings: &[&Setting], message: impl Into<String>) {
        let names = settings.iter().map(|setting| setting.name).collect();
        self.problems.push(Problem {
            names,
            message: message.into(),
        });
    }

    /// Builds the configuration, unless something is wrong.
    ///
    /// # Errors
    /// Every problem that was recorded.
    pub fn finish<C>(self, build: impl FnOnce() -> Option<C>) -> Result<C, ConfigErrors> {
        if !self.problems.is_empty() {
            return Err(ConfigErrors(self.problems));
        }
        build().ok_or_else(|| {
            let message = "an optional setting was used as a required one, which is a defect of this program";
            ConfigErrors(vec![Problem {
                names: Vec::new(),
                message: message.to_owned(),
            }])
        })
    }

    fn read<T>(
        &mut self,
        setting: &Setting,
        secret: bool,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let given = self.text(setting);
        let Some(text) = given.as_deref().or(setting.default_text()) else {
            if setting.is_required() {
                self.problem(setting, "is required");
            }
            return None;
        };
        match parse(text) {
            Ok(value) => Some(value),
            Err(message) if secret => {
                self.problem(setting, message);
                None
            }
            Err(message) => {
                self.problem(setting, format!("{message}, not {text:?}"));
                None
            }
        }
    }

    /// White space around a value, such as the last newline of a file, is not part of it. A blank value
    /// counts as absent, because that is what `X=${X:-}` in a compose file means.
    fn text(&self, setting: &Setting) -> Option<String> {
        let text = (self.lookup)(setting.name)?;
        let trimmed = text.trim();
        (!trimmed.is_empty()).then(|| trimmed.to_owned())
    }
}

impl fmt::Debug for Env<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Env")
            .field("problems", &self.problems)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Duration;

    use super::*;
    use crate::Secret;

    const ADDR: Setting = Setting::required("TANDEM_ADDR", "Where it listens.");
    const LEASE: Setting = Setting::with_default("TANDEM_LEASE_SECS", "30", "The lease.").range(5, 3600);
    const PAUSE: Setting = Setting::optional("TANDEM_PAUSE_MS", "The pause.");
    const TOKEN: Setting = Setting::required("TANDEM_TOKEN", "The token.");

    fn env<const N: usize>(variables: [(&'static str, &'static str); N]) -> Env<'static> {
        Env::new(move |name| {
            variables
                .iter()
                .find(|(n, _)| *n == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn values_defaults_and_absent_ones_are_told_apart() {
        let mut env = env([("TANDEM_ADDR", " 127.0.0.1:80\n"), ("TANDEM_PAUSE_MS", "  ")]);
        let addr: Option<SocketAddr> = env.get(&ADDR);
        let lease: Option<Duration> = env.get(&LEASE);
        let pause: Option<Duration> = env.get(&PAUSE);
        assert!(!env.is_set(&LEASE) && !env.is_set(&PAUSE) && env.is_set(&ADDR));
        let config = env.finish(|| Some((addr?, lease?, pause))).unwrap();
        assert_eq!(
            config,
            ("127.0.0.1:80".parse().unwrap(), Duration::from_secs(30), None)
        );
    }

    #[test]
    fn every_problem_is_told_and_no_secret() {
        let mut env = env([
            ("TANDEM_LEASE_SECS", "1"),
            ("TANDEM_PAUSE_MS", "soon"),
            ("TANDEM_TOKEN", "hunter2"),
        ]);
        let addr: Option<SocketAddr> = env.get(&ADDR);
        let lease: Option<Duration> = env.get(&LEASE);
        let pause: Option<Duration> = env.get(&PAUSE);
        let token: Option<Secret<u64>> = env.get(&TOKEN);
        env.contradiction(&[&LEASE, &PAUSE], "the pause must be shorter than the lease");
        assert!(addr.is_none() && lease.is_none() && pause.is_none() && token.is_none());
        let errors = env.finish(|| Some(())).unwrap_err();
        assert_eq!(
            errors.to_string(),
            "TANDEM_ADDR: is required\n\
             TANDEM_LEASE_SECS: must be a whole number of seconds from 5 to 3600, not \"1\"\n\
             TANDEM_PAUSE_MS: must be a whole number of milliseconds, not \"soon\"\n\
             TANDEM_TOKEN: must be a whole number\n\
             TANDEM_LEASE_SECS, TANDEM_PAUSE_MS: the pause must be shorter than the lease"
        );
    }

    #[test]
    fn a_foreign_parser_is_heard() {
        let mut env = env([("TANDEM_PAUSE_MS", "9z")]);
        let kind: Option<domain::Kind> = env.get_with(&PAUSE, str::parse);
        assert!(kind.is_none());
        let errors = env.finish(|| Some(())).unwrap_err();
        assert!(
            errors
                .to_string()
                .starts_with("TANDEM_PAUSE_MS: must start with a lower-case letter"),
            "{errors}"
        );
    }

    #[test]
    fn an_absent_value_without_a_problem_is_not_a_configuration() {
        let mut env = env([]);
        let pause: Option<Duration> = env.get(&PAUSE);
        assert!(env.finish(|| pause).unwrap_err().to_string().contains("defect"));
    }

    #[test]
    fn the_process_environment_is_readable() {
        assert!(Env::from_process().is_set(&Setting::optional("PATH", "Where programs are.")));
        assert!(Env::process_names().any(|name| name == "PATH"));
    }
}
