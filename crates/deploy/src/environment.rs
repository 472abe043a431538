//! What Terraform says about an environment, in the SSM parameter `/<name>/deploy`.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::digest::Program;

/// All that a deployment must know.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Environment {
    /// Which environment this is, such as `prod`.
    pub(crate) environment: String,
    /// The ECS cluster.
    pub(crate) cluster: String,
    /// Where clients find the api; absent where the name is somebody else's.
    pub(crate) url: Option<String>,
    /// Whether Application Auto Scaling changes the number of tasks.
    pub(crate) is_scaled: bool,
    /// The name of the secret with the API key that a release is verified with; absent until Terraform has made it.
    pub(crate) verify_key_secret: Option<String>,
    pub(crate) services: BTreeMap<Program, ServiceFacts>,
    pub(crate) migrate: MigrateFacts,
}

/// What runs for ever.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ServiceFacts {
    /// The service's name within the cluster, which is the container's too.
    pub(crate) name: String,
    /// The family of its task definitions.
    pub(crate) family: String,
    /// The revision that Terraform made last: settings and a place for a digest.
    pub(crate) template: String,
    pub(crate) repository_url: String,
    pub(crate) digest_parameters: DigestParameters,
    /// Absent where deployments are rolling.
    pub(crate) codedeploy: Option<CodeDeploy>,
    /// How many tasks there are at least, once there is a release.
    pub(crate) least_tasks: i32,
}

/// The names of the parameters that the releases are recorded in.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct DigestParameters {
    pub(crate) digest: String,
    pub(crate) previous_digest: String,
}

/// What divides the requests between old and new tasks.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct CodeDeploy {
    pub(crate) app: String,
    pub(crate) group: String,
}

/// The task that brings the schema up to date, and ends.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct MigrateFacts {
    pub(crate) template: String,
    pub(crate) repository_url: String,
    pub(crate) subnet_ids: Vec<String>,
    pub(crate) sg_ids: Vec<String>,
    pub(crate) assign_public_ip: bool,
    pub(crate) log_group: String,
}

/// The port that the api's container listens on.
pub(crate) const API_PORT: u16 = 8080;

impl Environment {
    /// The name of the parameter.
    pub(crate) fn parameter(name: &str) -> String {
        format!("/{name}/deploy")
    }

    /// Reads what Terraform wrote.
    ///
    /// # Errors
    /// When it is not what this version expects.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let environment: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let missing = Program::ALL
            .into_iter()
            .find(|program| !environment.services.contains_key(program));
        match missing {
            Some(program) => Err(format!("it has no service {program}")),
            None => Ok(environment),
        }
    }

    /// The service of a program.
    ///
    /// # Panics
    /// Never: [`Environment::read`] has seen both.
    pub(crate) fn service(&self, program: Program) -> &ServiceFacts {
        &self.services[&program]
    }
}
