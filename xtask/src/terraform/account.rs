//! What an account has before anything is made in it, put into an emulator.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::cloud::Cloud;
use crate::emulator::Kind;

/// The region of all environments.
pub const REGION: &str = "eu-west-1";

/// What only an account knows.
#[derive(Clone, Debug)]
pub struct Account {
    emulator: Kind,
    endpoint: String,
    zone_id: String,
}

impl Account {
    /// Makes the emulator what an account is: with a zone in Route 53.
    ///
    /// # Errors
    ///
    /// When the emulator refuses.
    pub fn open(cloud: &Cloud) -> Result<Self> {
        let zone = json!({"Name": "example.com", "CallerReference": "account"});
        let zone = cloud.call("route53", "create_hosted_zone", zone)?;
        let id = zone["HostedZone"]["Id"].as_str().context("a zone has no id")?;
        Ok(Self {
            emulator: cloud.emulator(),
            endpoint: cloud.endpoint().to_owned(),
            zone_id: id.trim_start_matches("/hostedzone/").to_owned(),
        })
    }

    /// The emulator that it is in.
    pub(super) fn emulator(&self) -> Kind {
        self.emulator
    }

    /// The values of an environment's variables that only the account knows.
    pub(super) fn values(&self, environment: &str) -> Value {
        json!({
            "aws_endpoint": self.endpoint,
            "domain": { "name": format!("jobs.{environment}.example.com"), "zone_id": self.zone_id },
        })
    }
}
