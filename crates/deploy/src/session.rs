//! What every command begins with: AWS, the environment, and an ear for signals.

use runtime::Shutdown;
use tokio_util::sync::CancellationToken;

use crate::args::EnvironmentArgs;
use crate::aws::Aws;
use crate::environment::Environment;
use crate::failure::Failure;

#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) aws: Aws,
    pub(crate) name: String,
    pub(crate) environment: Environment,
    /// Cancelled by SIGINT and SIGTERM: whoever waits stops waiting.
    pub(crate) stop: CancellationToken,
}

impl Session {
    /// Finds the environment.
    pub(crate) async fn open(args: &EnvironmentArgs) -> Result<Self, Failure> {
        let shutdown =
            Shutdown::on_signals().map_err(|error| Failure::failed(format!("signals: {error}")))?;
        let aws = Aws::from_environment().await;
        let parameter = Environment::parameter(&args.name);
        let mut found = aws.parameters(&[&parameter]).await?;
        let Some(text) = found.remove(&parameter) else {
            return Err(Failure::failed(format!(
                "there is no environment {} here: the account has no SSM parameter {parameter} in this region; Terraform makes it",
                args.name
            )));
        };
        let environment = Environment::read(&text).map_err(|error| {
            Failure::failed(format!(
                "{parameter} is not what this version expects, apply Terraform first: {error}"
            ))
        })?;
        Ok(Self {
            aws,
            name: args.name.clone(),
            environment,
            stop: shutdown.draining().clone(),
        })
    }
}
