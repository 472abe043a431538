//! Secrets in AWS Secrets Manager: how they are reached, and those that a first run fills.

use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_errors::CallFailed;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use aws_sdk_secretsmanager::operation::put_secret_value::PutSecretValueError;

use crate::Secret;

/// A process that starts, or lost its credentials, must hear soon that Secrets Manager is out of reach.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);
const TIMEOUT: Duration = Duration::from_secs(10);

/// Names the version that a first run makes. Secrets Manager has one version of a name, so of two first runs the second one
/// can't put another value in the place of the first one's.
const FIRST_VERSION: &str = "tandem-first-value-of-this-secret";

/// The calls, as errors name them.
pub(crate) const GET: &str = "secretsmanager:GetSecretValue";
const PUT: &str = "secretsmanager:PutSecretValue";
/// What AWS calls it when there is another value of the same version.
const VERSION_EXISTS: &str = "ResourceExistsException";

/// A secret that may have no value yet.
#[derive(Debug)]
pub struct StoredSecret {
    arn: String,
    client: Client,
}

/// Why a secret can't be used. Asking again helps with [`StoredSecretError::Unreadable`] and
/// [`StoredSecretError::Unwritable`] only.
#[derive(Debug, thiserror::Error)]
pub enum StoredSecretError {
    /// There is no such secret.
    #[error("there is no secret {arn}")]
    NotFound {
        /// The secret.
        arn: String,
    },
    /// Its value is bytes.
    #[error("the secret {arn} must have a text as its value")]
    NoText {
        /// The secret.
        arn: String,
    },
    /// Secrets Manager did not answer, or refused to.
    #[error("can't read the secret {arn}")]
    Unreadable {
        /// The secret.
        arn: String,
        /// What AWS says.
        source: CallFailed,
    },
    /// Secrets Manager did not take a value, or it is not known whether it did.
    #[error("can't write the secret {arn}")]
    Unwritable {
        /// The secret.
        arn: String,
        /// What AWS says.
        source: CallFailed,
    },
}

impl StoredSecret {
    /// The secret with this ARN or name. Nothing is asked yet.
    pub async fn new(arn: &str) -> Self {
        Self {
            arn: arn.to_owned(),
            client: client().await,
        }
    }

    /// What it is called.
    #[must_use]
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// What it holds now. A secret without a value can't be told from none by this; [`StoredSecret::fill`] tells.
    ///
    /// # Errors
    /// When it can't be read, or holds no text.
    pub async fn read(&self) -> Result<Option<Secret<String>>, StoredSecretError> {
        let request = self.client.get_secret_value().secret_id(&self.arn);
        let answer = request.version_stage("AWSCURRENT").send().await;
        let arn = self.arn.clone();
        match answer {
            Ok(value) => match (value.secret_string, value.secret_binary) {
                (Some(text), _) => Ok(Some(Secret::new(text))),
                // What has neither is how some emulators tell a secret without a value.
                (None, None) => Ok(None),
                (None, Some(_)) => Err(StoredSecretError::NoText { arn }),
            },
            Err(error) => match error.as_service_error() {
                Some(GetSecretValueError::ResourceNotFoundException(_)) => Ok(None),
                _ => Err(StoredSecretError::Unreadable {
                    arn,
                    source: CallFailed::new(GET, &error),
                }),
            },
        }
    }

    /// What it holds now: this value, unless it has one.
    ///
    /// # Errors
    /// When there is no such secret, or it can't be read or written.
    pub async fn fill(&self, first: &Secret<String>) -> Result<Secret<String>, StoredSecretError> {
        if let Some(value) = self.read().await? {
            return Ok(value);
        }
        match self.put(first, Some(FIRST_VERSION)).await {
            // Another run was faster, or this one's answer was lost and it has asked again.
            Err(StoredSecretError::Unwritable { source, .. }) if source.code() == Some(VERSION_EXISTS) => {}
            put => put?,
        }
        self.read().await?.ok_or_else(|| StoredSecretError::NotFound {
            arn: self.arn.clone(),
        })
    }

    /// Has it hold another value.
    ///
    /// # Errors
    /// When there is no such secret, or it can't be written.
    pub async fn replace(&self, value: &Secret<String>) -> Result<(), StoredSecretError> {
        self.put(value, None).await
    }

    async fn put(&self, value: &Secret<String>, version: Option<&str>) -> Result<(), StoredSecretError> {
        let request = self.client.put_secret_value().secret_id(&self.arn);
        let request = request
            .set_client_request_token(version.map(str::to_owned))
            .secret_string(value.expose());
        let arn = self.arn.clone();
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(match error.as_service_error() {
                Some(PutSecretValueError::ResourceNotFoundException(_)) => {
                    StoredSecretError::NotFound { arn }
                }
                _ => StoredSecretError::Unwritable {
                    arn,
                    source: CallFailed::new(PUT, &error),
                },
            }),
        }
    }
}

/// The standard chain: the task's role on AWS, variables or a profile elsewhere, `AWS_ENDPOINT_URL` for an
/// emulator.
pub(crate) async fn client() -> Client {
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(TIMEOUT);
    Client::new(
        &aws_config::from_env()
            .timeout_config(timeouts.build())
            .load()
            .await,
    )
}
