//! Credentials in AWS Secrets Manager, in the shape that RDS writes.

use aws_errors::CallFailed;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use tokio::sync::OnceCell;
use url::Url;

use super::{DatabaseSourceError, HOST, NAME, PORT, SECRET_ARN};
use crate::Secret;
use crate::env::Env;
use crate::secrets_manager::{GET, client};

const DEFAULT_PORT: u16 = 5432;

/// A secret, and what the environment adds to it.
#[derive(Debug)]
pub struct SecretSource {
    arn: String,
    host: Option<String>,
    port: Option<u16>,
    name: Option<String>,
    sslmode: &'static str,
    /// Made when it is first needed, because finding AWS credentials takes time and can fail.
    client: OnceCell<Client>,
}

/// What RDS writes. A master secret that RDS manages has the first two only; other fields are of no interest.
#[derive(Deserialize)]
struct Document {
    username: String,
    password: String,
    host: Option<String>,
    port: Option<Port>,
    dbname: Option<String>,
}

/// Rotation functions have written both.
#[derive(Deserialize)]
#[serde(untagged)]
enum Port {
    Number(u16),
    Text(String),
}

impl Port {
    fn number(self) -> Option<u16> {
        match self {
            Self::Number(number) => Some(number),
            Self::Text(text) => text.parse().ok(),
        }
    }
}

impl SecretSource {
    pub(super) fn from_env(env: &mut Env<'_>, sslmode: &'static str) -> Option<Self> {
        let arn: Option<String> = env.get(&SECRET_ARN);
        let (host, port, name) = (env.get(&HOST), env.get(&PORT), env.get(&NAME));
        Some(Self {
            arn: arn?,
            host,
            port,
            name,
            sslmode,
            client: OnceCell::new(),
        })
    }

    pub(super) async fn resolve(&self) -> Result<Secret<String>, DatabaseSourceError> {
        let text = self.read().await?;
        // The parser's own message would quote the secret.
        let document = serde_json::from_str(text.expose())
            .map_err(|_| DatabaseSourceError::Malformed { arn: self.arn() })?;
        self.url(document)
    }

    async fn read(&self) -> Result<Secret<String>, DatabaseSourceError> {
        let client = self.client.get_or_init(client).await;
        let request = client
            .get_secret_value()
            .secret_id(&self.arn)
            .version_stage("AWSCURRENT");
        let answer = request
            .send()
            .await
            .map_err(|error| match error.as_service_error() {
                Some(GetSecretValueError::ResourceNotFoundException(_)) => {
                    DatabaseSourceError::NotFound { arn: self.arn() }
                }
                _ => DatabaseSourceError::Unreadable {
                    arn: self.arn(),
                    source: CallFailed::new(GET, &error),
                },
            })?;
        let text = answer
            .secret_string
            .ok_or_else(|| DatabaseSourceError::Malformed { arn: self.arn() })?;
        Ok(Secret::new(text))
    }

    /// Encodes everything but letters and digits, so that no character of a password means something in a
    /// URL.
    fn url(&self, document: Document) -> Result<Secret<String>, DatabaseSourceError> {
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let incomplete = |part, setting| DatabaseSourceError::Incomplete {
            arn: self.arn(),
            part,
            setting,
        };

        let host = self
            .host
            .clone()
            .or(document.host)
            .ok_or_else(|| incomplete("host", HOST.name))?;
        let name = self
            .name
            .clone()
            .or(document.dbname)
            .ok_or_else(|| incomplete("dbname", NAME.name))?;
        let port = match (self.port, document.port) {
            (Some(port), _) => port,
            (None, Some(port)) => port.number().ok_or_else(|| incomplete("port", PORT.name))?,
            (None, None) => DEFAULT_PORT,
        };

        let credentials = format!("{}:{}", encoded(&document.username), encoded(&document.password));
        let text = format!(
            "postgres://{credentials}@{host}:{port}/{}?sslmode={}",
            encoded(&name),
            self.sslmode
        );
        let url = Url::parse(&text).ok().filter(|url| url.host_str() == Some(&host));
        url.map(|url| Secret::new(url.into()))
            .ok_or_else(|| incomplete("host", HOST.name))
    }

    fn arn(&self) -> String {
        self.arn.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(host: Option<&str>, port: Option<u16>, name: Option<&str>) -> SecretSource {
        let [host, name] = [host, name].map(|text| text.map(str::to_owned));
        SecretSource {
            arn: "arn:x".to_owned(),
            host,
            port,
            name,
            sslmode: "verify-full",
            client: OnceCell::new(),
        }
    }

    fn url(source: &SecretSource, document: &str) -> Result<String, String> {
        let document = serde_json::from_str(document).unwrap();
        source
            .url(document)
            .map(Secret::into_inner)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn every_character_of_a_password_survives() {
        let password: String = (' '..='~').chain(['ü', '\u{1f511}']).collect();
        let document =
            serde_json::json!({ "username": "a:b", "password": password, "host": "h", "dbname": "d/e%" });
        let url = Url::parse(&url(&source(None, None, None), &document.to_string()).unwrap()).unwrap();
        let decoded = |text: &str| {
            percent_encoding::percent_decode_str(text)
                .decode_utf8()
                .unwrap()
                .into_owned()
        };
        assert_eq!(decoded(url.password().unwrap()), password);
        assert_eq!(
            (decoded(url.username()), decoded(url.path())),
            ("a:b".to_owned(), "/d/e%".to_owned())
        );
        assert_eq!(
            (url.host_str(), url.port(), url.query()),
            (Some("h"), Some(5432), Some("sslmode=verify-full"))
        );
    }

    #[test]
    fn the_environment_completes_and_overrides() {
        let full =
            r#"{"username":"u","password":"p","host":"h","port":"6000","dbname":"d","engine":"postgres"}"#;
        assert_eq!(
            url(&source(None, None, None), full).unwrap(),
            "postgres://u:p@h:6000/d?sslmode=verify-full"
        );
        let proxy = source(Some("proxy.internal"), Some(7000), Some("e"));
        let answer = "postgres://u:p@proxy.internal:7000/e?sslmode=verify-full";
        assert_eq!(url(&proxy, full).unwrap(), answer);
        assert_eq!(url(&proxy, r#"{"username":"u","password":"p"}"#).unwrap(), answer);
    }

    #[test]
    fn what_is_missing_is_named_with_its_setting() {
        let managed = r#"{"username":"u","password":"hunter2"}"#;
        let told = |source: &SecretSource, document| url(source, document).unwrap_err();
        assert_eq!(
            told(&source(None, None, Some("d")), managed),
            "the secret arn:x has no usable host; set TANDEM_DATABASE_HOST"
        );
        assert!(told(&source(Some("h"), None, None), managed).contains("no usable dbname"));
        assert!(told(&source(Some("h/@x"), None, Some("d")), managed).contains("no usable host"));
        let bad_port = r#"{"username":"u","password":"p","host":"h","dbname":"d","port":"five"}"#;
        assert!(told(&source(None, None, None), bad_port).contains("no usable port"));
    }
}
