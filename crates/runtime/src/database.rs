//! Where the database's credentials come from: a URL in the environment, or a secret in AWS Secrets Manager.
//!
//! A secret is read again whenever it is asked for, so that a process follows a rotation without a restart:
//! it resolves the source once more when Postgres rejects the credentials it has.

mod secret;

use std::error::Error;
use std::sync::Arc;

use aws_errors::CallFailed;
use futures::future::BoxFuture;
use url::Url;

use crate::Secret;
use crate::env::{Env, FromSetting, Setting, one_of};

pub use secret::SecretSource;

/// The database as a URL.
pub const DATABASE_URL: Setting = Setting::optional(
    "DATABASE_URL",
    "Postgres, as postgres://user:password@host:5432/database. Needed unless TANDEM_DATABASE_SECRET_ARN is \
     set.",
);
/// The database as a secret.
pub const SECRET_ARN: Setting = Setting::optional(
    "TANDEM_DATABASE_SECRET_ARN",
    "Secrets Manager secret with username, password and, unless set here, host, port and dbname.",
);
/// Completes a secret.
pub const HOST: Setting = Setting::optional(
    "TANDEM_DATABASE_HOST",
    "Postgres' host, instead of what the secret says, if anything.",
);
/// Completes a secret.
pub const PORT: Setting = Setting::optional(
    "TANDEM_DATABASE_PORT",
    "Postgres' port, instead of what the secret says; 5432 when neither says anything.",
)
.range(1, 65_535);
/// Completes a secret.
pub const NAME: Setting = Setting::optional(
    "TANDEM_DATABASE_NAME",
    "The database's name, instead of what the secret says, if anything.",
);
/// How the connection is protected.
pub const SSLMODE: Setting = Setting::optional(
    "TANDEM_DATABASE_SSLMODE",
    "disable, allow, prefer, require, verify-ca or verify-full; verify-full with a secret, else what the URL \
     says or prefer. PGSSLROOTCERT names the file of trusted authorities.",
);

/// How much a connection insists on encryption, in Postgres' own words.
const SSLMODES: [&str; 6] = [
    "disable",
    "allow",
    "prefer",
    "require",
    "verify-ca",
    "verify-full",
];

/// The most connections of the process.
pub const MAX_CONNECTIONS: Setting = Setting::with_default(
    "TANDEM_DATABASE_MAX_CONNECTIONS",
    "25",
    "The most connections to Postgres.",
)
.range(2, 1_000);
/// The connections that stay open.
pub const MIN_CONNECTIONS: Setting = Setting::with_default(
    "TANDEM_DATABASE_MIN_CONNECTIONS",
    "5",
    "The connections to Postgres that are kept open while idle.",
)
.range(0, 1_000);

/// The settings of this module, for `--help`.
pub const SETTINGS: &[&Setting] = &[
    &DATABASE_URL,
    &SECRET_ARN,
    &HOST,
    &PORT,
    &NAME,
    &SSLMODE,
    &MAX_CONNECTIONS,
    &MIN_CONNECTIONS,
];

/// How many connections a process has: the most, and those that stay open while idle.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Connections {
    /// The most.
    pub max: u32,
    /// Kept open while idle.
    pub min: u32,
}

impl Connections {
    /// Reads their settings; `needed` is what the process can't do without.
    pub fn from_env(env: &mut Env<'_>, needed: u32) -> Option<Self> {
        let (max, min) = (env.get::<u32>(&MAX_CONNECTIONS), env.get::<u32>(&MIN_CONNECTIONS));
        let (max, min) = (max?, min?);
        if min > max {
            env.contradiction(
                &[&MIN_CONNECTIONS, &MAX_CONNECTIONS],
                "the first must not exceed the second",
            );
        }
        if max < needed {
            env.problem(
                &MAX_CONNECTIONS,
                format!("must be at least {needed} for this process"),
            );
        }
        Some(Self { max, min })
    }
}

/// Reads the database's URL, credentials included, anew; the same type as the store asks for.
pub type CredentialSource =
    Arc<dyn Fn() -> BoxFuture<'static, Result<String, Box<dyn Error + Send + Sync>>> + Send + Sync>;

/// Where the credentials come from.
#[derive(Debug)]
pub enum DatabaseSource {
    /// The environment holds all of it.
    Url(Secret<Url>),
    /// Secrets Manager holds the credentials.
    Secret(SecretSource),
}

/// Why there are no credentials. Asking again helps with [`DatabaseSourceError::Unreadable`] only.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseSourceError {
    /// There is no such secret, or it has no current version.
    #[error("there is no secret {arn}, or it has no current version")]
    NotFound {
        /// The secret that was asked for.
        arn: String,
    },
    /// Secrets Manager did not answer, or refused to.
    #[error("can't read the secret {arn}")]
    Unreadable {
        /// The secret that was asked for.
        arn: String,
        /// What AWS says.
        source: CallFailed,
    },
    /// The secret is not what RDS writes.
    #[error("the secret {arn} must be a JSON object with username and password as texts")]
    Malformed {
        /// The secret that was asked for.
        arn: String,
    },
    /// Neither the secret nor the environment has this part, or it can't stand in a URL.
    #[error("the secret {arn} has no usable {part}; set {setting}")]
    Incomplete {
        /// The secret that was asked for.
        arn: String,
        /// The part that is missing, as the secret would name it.
        part: &'static str,
        /// The variable that can give it.
        setting: &'static str,
    },
}

impl DatabaseSource {
    /// Reads the settings of this module: exactly one of the URL and the secret must be set.
    pub fn from_env(env: &mut Env<'_>) -> Option<Self> {
        let sslmode = env.get_with(&SSLMODE, |text| one_of(text, &SSLMODES.map(|word| (word, word))));
        match (env.is_set(&DATABASE_URL), env.is_set(&SECRET_ARN)) {
            (true, false) => {
                for setting in [&HOST, &PORT, &NAME] {
                    if env.is_set(setting) {
                        env.contradiction(
                            &[setting, &DATABASE_URL],
                            "the first completes a secret, not a URL",
                        );
                    }
                }
                let PostgresUrl(mut url) = env.get::<Secret<PostgresUrl>>(&DATABASE_URL)?.into_inner();
                if let Some(sslmode) = sslmode {
                    set_sslmode(&mut url, sslmode);
                }
                Some(Self::Url(Secret::new(url)))
            }
            (false, true) => SecretSource::from_env(env, sslmode.unwrap_or("verify-full")).map(Self::Secret),
            (true, true) => {
                env.contradiction(
                    &[&DATABASE_URL, &SECRET_ARN],
                    "both are set; set exactly one of them",
                );
                None
            }
            (false, false) => {
                env.contradiction(
                    &[&DATABASE_URL, &SECRET_ARN],
                    "neither is set; set exactly one of them",
                );
                None
            }
        }
    }

    /// The database as a URL, with the credentials that are valid now.
    ///
    /// # Errors
    /// When the secret can't be read, or doesn't hold credentials.
    pub async fn resolve(&self) -> Result<Secret<String>, DatabaseSourceError> {
        match self {
            Self::Url(url) => Ok(Secret::new(url.expose().as_str().to_owned())),
            Self::Secret(secret) => secret.resolve().await,
        }
    }

    /// The source as the store takes it.
    #[must_use]
    pub fn into_credentials(self) -> CredentialSource {
        let source = Arc::new(self);
        Arc::new(move || {
            let source = Arc::clone(&source);
            Box::pin(async move { Ok(source.resolve().await?.into_inner()) })
        })
    }
}

/// A URL that names a Postgres, as the driver reads it.
struct PostgresUrl(Url);

impl FromSetting for PostgresUrl {
    fn from_setting(text: &str, _: &Setting) -> Result<Self, String> {
        let url = Url::parse(text)
            .ok()
            .filter(|url| matches!(url.scheme(), "postgres" | "postgresql"));
        url.map(Self).ok_or_else(|| {
            "must be a URL, such as postgres://user:password@host:5432/database, with special characters of \
             the password percent-encoded"
                .to_owned()
        })
    }
}

/// Says how the connection is protected, whatever the URL said before.
fn set_sslmode(url: &mut Url, sslmode: &str) {
    let others = url
        .query_pairs()
        .filter(|(key, _)| !matches!(&**key, "sslmode" | "ssl-mode"));
    let others: Vec<(String, String)> = others.map(|(key, value)| (key.into(), value.into())).collect();
    url.query_pairs_mut()
        .clear()
        .extend_pairs(others)
        .append_pair("sslmode", sslmode);
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:db-AbCdEf";

    fn read(variables: &[(&str, &str)]) -> Result<DatabaseSource, String> {
        let mut env = Env::new(|name| {
            variables
                .iter()
                .find(|(n, _)| *n == name)
                .map(|(_, value)| (*value).to_owned())
        });
        let source = DatabaseSource::from_env(&mut env);
        env.finish(|| source).map_err(|errors| errors.to_string())
    }

    async fn resolved(variables: &[(&str, &str)]) -> String {
        read(variables).unwrap().resolve().await.unwrap().into_inner()
    }

    #[test]
    fn exactly_one_source_is_needed() {
        assert_eq!(
            read(&[]).unwrap_err(),
            "DATABASE_URL, TANDEM_DATABASE_SECRET_ARN: neither is set; set exactly one of them"
        );
        assert_eq!(
            read(&[
                ("DATABASE_URL", "postgres://h/d"),
                ("TANDEM_DATABASE_SECRET_ARN", ARN)
            ])
            .unwrap_err(),
            "DATABASE_URL, TANDEM_DATABASE_SECRET_ARN: both are set; set exactly one of them"
        );
        assert!(matches!(
            read(&[("TANDEM_DATABASE_SECRET_ARN", ARN)]),
            Ok(DatabaseSource::Secret(_))
        ));
    }

    #[test]
    fn what_completes_a_secret_does_not_go_with_a_url() {
        assert_eq!(
            read(&[("DATABASE_URL", "postgres://h/d"), ("TANDEM_DATABASE_NAME", "x")]).unwrap_err(),
            "TANDEM_DATABASE_NAME, DATABASE_URL: the first completes a secret, not a URL"
        );
    }

    #[test]
    fn a_wrong_url_is_told_without_its_password() {
        for url in [
            "mysql://u:hunter2@h/d",
            "postgres://u:hunter2@h:port/d",
            "hunter2",
        ] {
            let told = read(&[("DATABASE_URL", url)]).unwrap_err();
            assert!(
                told.starts_with("DATABASE_URL: must be a URL") && !told.contains("hunter2"),
                "{told}"
            );
        }
        assert!(
            read(&[
                ("DATABASE_URL", "postgres://h"),
                ("TANDEM_DATABASE_SSLMODE", "full")
            ])
            .is_err()
        );
    }

    #[tokio::test]
    async fn a_url_stays_as_it_is_but_for_its_sslmode() {
        let url = "postgres://u:p%40ss@h/d?application_name=a%2Fb&sslmode=prefer";
        assert_eq!(resolved(&[("DATABASE_URL", url)]).await, url);
        assert_eq!(
            resolved(&[("DATABASE_URL", url), ("TANDEM_DATABASE_SSLMODE", "require")]).await,
            "postgres://u:p%40ss@h/d?application_name=a%2Fb&sslmode=require"
        );
    }

    #[test]
    fn debug_shows_no_credentials() {
        let source = read(&[("DATABASE_URL", "postgres://u:hunter2@h/d")]).unwrap();
        assert!(!format!("{source:?}").contains("hunter2"));
    }

    #[tokio::test]
    async fn the_store_can_ask_again_and_again() {
        let credentials = read(&[("DATABASE_URL", "postgres://h/d")])
            .unwrap()
            .into_credentials();
        assert_eq!(credentials().await.unwrap(), "postgres://h/d");
        assert_eq!(credentials().await.unwrap(), "postgres://h/d");
    }
}
