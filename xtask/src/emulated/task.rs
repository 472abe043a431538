//! What ECS would start: a container as Terraform rendered it, with its secrets looked up.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::cloud::Cloud;
use crate::terraform::state;

/// The parts of an ARN of a secret: what follows says which field is meant.
const ARN_PARTS: usize = 7;

/// A container of a definition of a task.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Task {
    /// What it is told.
    environment: BTreeMap<String, String>,
    /// Where the rest is that it is told.
    secrets: BTreeMap<String, String>,
    /// What is run, unless the image says it: a program of the image and its arguments.
    command: Vec<String>,
}

/// A secret, and the field of it that is meant, if not all.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Reference<'a> {
    arn: &'a str,
    field: Option<&'a str>,
}

impl Task {
    /// The task of a service, from the state of an environment.
    pub(super) fn of(made: &Value, service: &str) -> Result<Self> {
        let address = format!("module.platform.module.{service}.aws_ecs_task_definition.this");
        let resources = state::resources(made);
        let definition = resources
            .get(address.as_str())
            .with_context(|| format!("the state has no {address}"))?;
        let containers = definition["container_definitions"].as_str().unwrap_or_default();
        let containers: Value = serde_json::from_str(containers)
            .with_context(|| format!("the containers of {address} are no JSON"))?;
        let container = &containers[0];
        if container["name"] != service {
            bail!("the first container of {address} is not called {service}");
        }
        Ok(Self {
            environment: pairs(&container["environment"], "value"),
            secrets: pairs(&container["secrets"], "valueFrom"),
            command: ["entryPoint", "command"]
                .into_iter()
                .flat_map(|part| texts(&container[part]))
                .collect(),
        })
    }

    /// The program that it runs, without its folder in the image, and the arguments.
    pub(super) fn command(&self) -> Result<(&str, Vec<&str>)> {
        let (program, arguments) = self
            .command
            .split_first()
            .context("a task does not say what it runs")?;
        let program = program.rsplit('/').next().unwrap_or_default();
        Ok((program, arguments.iter().map(String::as_str).collect()))
    }

    /// What it is told by name; a variable that is not there is an error.
    pub(super) fn told(&self, name: &str) -> Result<&str> {
        let value = self.environment.get(name);
        value
            .map(String::as_str)
            .with_context(|| format!("a task is not told {name}"))
    }

    /// The ARN of the secret that a variable comes from, whole or by a field.
    pub(super) fn secret_of(&self, name: &str) -> Result<&str> {
        let place = self.secrets.get(name);
        let place = place.with_context(|| format!("a task has no secret for {name}"))?;
        Ok(Reference::parse(place)?.arn)
    }

    /// The same task with another secret in one's place, with the same fields.
    pub(super) fn reading(mut self, another: &str, in_place_of: &str) -> Self {
        for place in self.secrets.values_mut() {
            if let Some(field) = place.strip_prefix(in_place_of) {
                *place = format!("{another}{field}");
            }
        }
        self
    }

    /// All that the container would find in its environment, with each secret as it is now.
    pub(super) fn resolve(&self, cloud: &Cloud) -> Result<BTreeMap<String, String>> {
        let mut resolved = self.environment.clone();
        for (name, place) in &self.secrets {
            let reference = Reference::parse(place)?;
            resolved.insert(name.clone(), reference.pick(&secret(cloud, reference.arn)?)?);
        }
        Ok(resolved)
    }
}

impl<'a> Reference<'a> {
    /// Reads `arn:aws:secretsmanager:<region>:<account>:secret:<name>`, with `:<field>:<stage>:<version>` behind it or without.
    fn parse(text: &'a str) -> Result<Self> {
        let end = text.match_indices(':').nth(ARN_PARTS - 1).map(|(at, _)| at);
        let (arn, rest) = end.map_or((text, ""), |end| (&text[..end], &text[end + 1..]));
        if !arn.starts_with("arn:") || arn.matches(':').count() != ARN_PARTS - 1 {
            bail!("a secret must be named by its ARN, not {text}");
        }
        let field = rest.split(':').next().filter(|field| !field.is_empty());
        Ok(Self { arn, field })
    }

    fn pick(&self, secret: &str) -> Result<String> {
        let Some(field) = self.field else {
            return Ok(secret.to_owned());
        };
        let document: Value = serde_json::from_str(secret).context("a secret with fields is no JSON")?;
        let value = document[field].as_str();
        Ok(value
            .with_context(|| format!("a secret has no {field}"))?
            .to_owned())
    }
}

/// The value that a secret has now.
pub(super) fn secret(cloud: &Cloud, arn: &str) -> Result<String> {
    let answer = cloud.call("secretsmanager", "get_secret_value", json!({"SecretId": arn}))?;
    let text = answer["SecretString"].as_str();
    Ok(text
        .with_context(|| format!("the secret {arn} is not text"))?
        .to_owned())
}

fn texts(list: &Value) -> impl Iterator<Item = String> {
    let list = list.as_array().into_iter().flatten();
    list.filter_map(|it| it.as_str().map(str::to_owned))
}

fn pairs(list: &Value, value: &str) -> BTreeMap<String, String> {
    let list = list.as_array().into_iter().flatten();
    list.filter_map(|it| Some((it["name"].as_str()?.to_owned(), it[value].as_str()?.to_owned())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:secretsmanager:eu-west-1:000000000000:secret:tandem-dev/pepper-abcdef";

    #[test]
    fn a_reference_names_a_secret_or_one_of_its_fields() {
        let whole = Reference::parse(ARN).unwrap();
        assert_eq!((whole.arn, whole.field), (ARN, None));
        assert_eq!(whole.pick("text").unwrap(), "text");
        let text = format!("{ARN}:password::");
        let field = Reference::parse(&text).unwrap();
        assert_eq!((field.arn, field.field), (ARN, Some("password")));
        assert_eq!(field.pick(r#"{"password": "x"}"#).unwrap(), "x");
        field.pick(r#"{"username": "x"}"#).unwrap_err();
        Reference::parse("tandem-dev/pepper").unwrap_err();
    }

    #[test]
    fn a_task_is_read_from_the_state() {
        let containers = json!([{
            "name": "api",
            "environment": [{"name": "TANDEM_QUEUE", "value": "sqs"}],
            "secrets": [
                {"name": "TANDEM_KEY_PEPPER", "valueFrom": ARN},
                {"name": "PGUSER", "valueFrom": format!("{ARN}:username::")},
            ],
            "entryPoint": ["/app/tandem"],
            "command": ["migrate", "--quickly"],
        }]);
        let made = json!({"values": {"root_module": {"resources": [{
            "address": "module.platform.module.api.aws_ecs_task_definition.this",
            "values": {"container_definitions": containers.to_string()},
        }]}}});
        let task = Task::of(&made, "api").unwrap();
        assert_eq!(task.told("TANDEM_QUEUE").unwrap(), "sqs");
        assert_eq!(task.secrets["TANDEM_KEY_PEPPER"], ARN);
        task.told("TANDEM_KEY_PEPPER").unwrap_err();
        assert_eq!(task.secret_of("PGUSER").unwrap(), ARN);
        task.secret_of("TANDEM_QUEUE").unwrap_err();
        assert_eq!(task.command().unwrap(), ("tandem", vec!["migrate", "--quickly"]));
        let other = "arn:aws:secretsmanager:eu-west-1:000000000000:secret:rds!db-abcdef";
        let task_with_another = task.clone().reading(other, ARN);
        assert_eq!(task_with_another.secrets["PGUSER"], format!("{other}:username::"));
        Task::of(&made, "worker").unwrap_err();
    }
}
