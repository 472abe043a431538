//! The calls that are made to AWS, each a small function that knows nothing about releases.
//!
//! All calls have a timeout, and are tried five times by the SDK when that may help. Those that change something take effect
//! once however often they are sent, or leave behind at most a revision that nobody uses; where that is not so, as with
//! `CreateDeployment`, whoever calls looks again before it gives up.

mod alarms;
mod deployments;
mod error;
mod findings;
mod images;
mod parameters;
mod revisions;
mod scaling;
mod secrets;
mod services;
mod tasks;

use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;

pub(crate) use alarms::Alarm;
pub(crate) use deployments::{Deployment, NewDeployment, Phase};
pub(crate) use error::Error;
pub(crate) use images::{Manifest, Reference};
pub(crate) use revisions::Revision;
pub(crate) use scaling::Suspension;
pub(crate) use services::{Rollout, Service, ServiceUpdate};
pub(crate) use tasks::{Task, TaskRequest};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);
const TIMEOUT: Duration = Duration::from_secs(45);
const ATTEMPTS: u32 = 5;
/// The first wait between attempts is drawn between nothing and this, and doubles from there.
const INITIAL_BACKOFF: Duration = Duration::from_millis(200);

/// The services of AWS that a deployment needs, in one region.
#[derive(Clone, Debug)]
pub(crate) struct Aws {
    config: SdkConfig,
    ecs: aws_sdk_ecs::Client,
    codedeploy: aws_sdk_codedeploy::Client,
    ssm: aws_sdk_ssm::Client,
    cloudwatch: aws_sdk_cloudwatch::Client,
    scaling: aws_sdk_applicationautoscaling::Client,
}

impl Aws {
    /// Takes region, credentials and endpoint from the SDK's standard chain. Connects to nothing yet.
    pub(crate) async fn from_environment() -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .operation_timeout(TIMEOUT);
        let retries = RetryConfig::standard()
            .with_max_attempts(ATTEMPTS)
            .with_initial_backoff(INITIAL_BACKOFF);
        let loader = aws_config::from_env()
            .timeout_config(timeouts.build())
            .retry_config(retries);
        let config = loader.load().await;
        Self {
            ecs: aws_sdk_ecs::Client::new(&config),
            codedeploy: aws_sdk_codedeploy::Client::new(&config),
            ssm: aws_sdk_ssm::Client::new(&config),
            cloudwatch: aws_sdk_cloudwatch::Client::new(&config),
            scaling: aws_sdk_applicationautoscaling::Client::new(&config),
            config,
        }
    }
}
