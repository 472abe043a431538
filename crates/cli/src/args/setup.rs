//! `tandem migrate` and `tandem found-operator`: what sets an environment up.

use clap::Args;
use clap::builder::NonEmptyStringValueParser;

use super::DatabaseArgs;

#[derive(Debug, Args)]
pub(crate) struct MigrateArgs {
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
    /// The secret in Secrets Manager with the api's login to the database, which is made as it says; a secret without a
    /// value gets one first
    #[arg(long, env = "TANDEM_API_LOGIN_SECRET_ARN", value_name = "ARN", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) api_login_secret: Option<String>,
    /// The same for the worker
    #[arg(long, env = "TANDEM_WORKER_LOGIN_SECRET_ARN", value_name = "ARN", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) worker_login_secret: Option<String>,
    /// The secret in Secrets Manager with the administrator's login, which logins that are put into secrets name as
    /// masterarn, for a function that rotates them
    #[arg(long, env = "TANDEM_MASTER_SECRET_ARN", value_name = "ARN", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) master_secret: Option<String>,
    /// The secret in Secrets Manager with the pepper of API keys; one without a value gets one
    #[arg(long, env = "TANDEM_PEPPER_SECRET_ARN", value_name = "ARN", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) pepper_secret: Option<String>,
    /// The secret in Secrets Manager with the API key that releases are verified with, which may submit jobs and read them for a
    /// tenant of its own; one without a key that works gets one
    #[arg(long, env = "TANDEM_VERIFY_KEY_SECRET_ARN", value_name = "ARN", requires = "pepper_secret", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) verify_key_secret: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct FoundOperatorArgs {
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
    /// The tenant
    #[arg(long, default_value = "operators")]
    pub(crate) name: String,
    /// The secret in Secrets Manager that gets the key; one that holds a key which works is left as it is
    #[arg(long, env = "TANDEM_OPERATOR_KEY_SECRET_ARN", value_name = "ARN", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) key_secret: String,
    /// The secret in Secrets Manager with the pepper of API keys
    #[arg(long, env = "TANDEM_PEPPER_SECRET_ARN", value_name = "ARN", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) pepper_secret: String,
}
