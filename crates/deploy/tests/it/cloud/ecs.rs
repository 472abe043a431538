//! ECS: task definitions, services and tasks.

use serde_json::{Value, json};

use super::{Said, World};

/// How many looks a rolling deployment takes.
const LOOKS: u32 = 3;

#[derive(Clone, Debug)]
pub(crate) struct Service {
    pub(crate) desired: i64,
    pub(crate) running: i64,
    /// What has the requests, or with rolling deployments the newest.
    pub(crate) revision: String,
    pub(crate) by_codedeploy: bool,
    pub(crate) rollout: Rollout,
}

#[derive(Clone, Debug)]
pub(crate) enum Rollout {
    Completed,
    /// Since how many looks, and from which revision.
    Going {
        looks: u32,
        from: String,
    },
    /// Back to the revision it has, from one that was given up.
    Back {
        looks: u32,
        from: String,
        why: String,
    },
}

#[derive(Clone, Debug)]
pub(crate) struct Task {
    pub(crate) arn: String,
    pub(crate) token: String,
    pub(crate) revision: String,
    pub(crate) looks: u32,
}

impl World {
    pub(super) fn describe_task_definition(&self, body: &Value) -> Said {
        let found = self.revision(body["taskDefinition"].as_str().unwrap());
        let found = found.ok_or((
            "ClientException",
            "Unable to describe task definition.".to_owned(),
        ))?;
        Ok(json!({ "taskDefinition": found, "tags": [] }))
    }

    pub(super) fn register_task_definition(&mut self, body: &Value) -> Said {
        let family = body["family"].as_str().unwrap().to_owned();
        let revisions = self.families.entry(family.clone()).or_default();
        let number = revisions.len() + 1;
        let mut definition = body.clone();
        definition["taskDefinitionArn"] = json!(format!(
            "arn:aws:ecs:eu-west-1:111122223333:task-definition/{family}:{number}"
        ));
        definition["revision"] = json!(number);
        definition["status"] = json!("ACTIVE");
        definition["compatibilities"] = json!(["EC2", "FARGATE"]);
        definition["registeredAt"] = json!(1_764_000_000.5);
        // As AWS does, which keeps them in a map.
        if let Some(environment) = definition["containerDefinitions"][0]["environment"].as_array_mut() {
            environment.reverse();
        }
        revisions.push(definition.clone());
        self.changed(format!("RegisterTaskDefinition {family}"));
        Ok(json!({ "taskDefinition": definition }))
    }

    pub(super) fn list_task_definitions(&self, body: &Value) -> Said {
        let prefix = body["familyPrefix"].as_str().unwrap();
        let families = self
            .families
            .iter()
            .filter(|(family, _)| family.starts_with(prefix));
        let mut arns: Vec<&Value> = families
            .flat_map(|(_, all)| all)
            .map(|it| &it["taskDefinitionArn"])
            .collect();
        arns.reverse();
        Ok(json!({ "taskDefinitionArns": arns }))
    }

    pub(super) fn describe_services(&mut self, body: &Value) -> Said {
        let names: Vec<String> = serde_json::from_value(body["services"].clone()).unwrap();
        let mut services = Vec::new();
        let mut failures = Vec::new();
        for name in names {
            if !self.services.contains_key(&name) {
                failures.push(json!({ "arn": name, "reason": "MISSING" }));
                continue;
            }
            self.roll_on(&name);
            services.push(self.tell(&name));
        }
        Ok(json!({ "services": services, "failures": failures }))
    }

    /// Tasks are started and stopped, and given up when they fail.
    fn roll_on(&mut self, name: &str) {
        let mut service = self.services[name].clone();
        let digest = self.digest(&service.revision);
        service.rollout = match service.rollout {
            Rollout::Completed => Rollout::Completed,
            Rollout::Going { looks, from } => {
                let gives_up = if self.broken.contains(&digest) {
                    Some("ECS deployment circuit breaker: tasks failed to start.")
                } else if self.bad.contains(&digest) && looks >= 2 {
                    Some("Deployment rolled back because CloudWatch alarm(s) detected a failure.")
                } else {
                    None
                };
                match gives_up {
                    Some(why) if looks >= 2 => {
                        let failed = std::mem::replace(&mut service.revision, from);
                        Rollout::Back {
                            looks: 0,
                            from: failed,
                            why: why.to_owned(),
                        }
                    }
                    _ if looks >= LOOKS && !self.endless.contains(&digest) => Rollout::Completed,
                    _ => Rollout::Going {
                        looks: looks + 1,
                        from,
                    },
                }
            }
            Rollout::Back { looks, .. } if looks >= LOOKS => Rollout::Completed,
            Rollout::Back { looks, from, why } => Rollout::Back {
                looks: looks + 1,
                from,
                why,
            },
        };
        let starts = !self.broken.contains(&self.digest(&service.revision))
            && self.revision(&service.revision).is_some();
        let is_template = self.digest(&service.revision).ends_with("0000");
        service.running = if starts && !is_template {
            service.desired.min(service.running + 1)
        } else {
            0
        };
        if service.desired < service.running {
            service.running = service.desired;
        }
        self.services.insert(name.to_owned(), service);
    }

    fn tell(&self, name: &str) -> Value {
        let it = &self.services[name];
        let deployment = |revision: &str, status: &str, state: &str, reason: &str, running: i64| {
            json!({
                "id": format!("ecs-svc/{}", revision.len()), "status": status, "taskDefinition": revision,
                "desiredCount": it.desired, "pendingCount": it.desired - running, "runningCount": running, "failedTasks": 0,
                "rolloutState": state, "rolloutStateReason": reason,
            })
        };
        let mut told = json!({
            "serviceName": name, "status": "ACTIVE", "desiredCount": it.desired, "runningCount": it.running,
            "pendingCount": 0, "taskDefinition": it.revision,
            "deploymentController": { "type": if it.by_codedeploy { "CODE_DEPLOY" } else { "ECS" } },
        });
        if it.by_codedeploy {
            told["taskSets"] = json!([{ "id": "ecs-svc/1", "status": "PRIMARY", "taskDefinition": it.revision, "computedDesiredCount": it.desired, "runningCount": it.running, "pendingCount": 0 }]);
            return told;
        }
        told["deploymentConfiguration"] = json!({
            "maximumPercent": 200, "minimumHealthyPercent": 100,
            "deploymentCircuitBreaker": { "enable": true, "rollback": true },
            "alarms": { "alarmNames": self.watched, "enable": true, "rollback": true },
        });
        told["deployments"] = match &it.rollout {
            Rollout::Completed => json!([deployment(
                &it.revision,
                "PRIMARY",
                "COMPLETED",
                "ECS deployment completed.",
                it.running
            )]),
            Rollout::Going { looks, from } => json!([
                deployment(
                    &it.revision,
                    "PRIMARY",
                    "IN_PROGRESS",
                    "ECS deployment in progress.",
                    i64::from(*looks).min(it.desired)
                ),
                deployment(
                    from,
                    "ACTIVE",
                    "COMPLETED",
                    "ECS deployment completed.",
                    it.desired
                ),
            ]),
            Rollout::Back { from, why, .. } => json!([
                deployment(&it.revision, "PRIMARY", "IN_PROGRESS", "rolling back", it.desired),
                deployment(from, "ACTIVE", "FAILED", why, 0),
            ]),
        };
        told
    }

    pub(super) fn update_service(&mut self, body: &Value) -> Said {
        let name = body["service"].as_str().unwrap().to_owned();
        let mut service = self
            .services
            .get(&name)
            .cloned()
            .ok_or(("ServiceNotFoundException", name.clone()))?;
        let revision = body["taskDefinition"].as_str();
        if service.by_codedeploy && revision.is_some() {
            let why =
                "Unable to update task definition on services with a CODE_DEPLOY deployment controller.";
            return Err(("InvalidParameterException", why.to_owned()));
        }
        let is_forced = body["forceNewDeployment"] == true;
        if let Some(revision) = revision.filter(|it| is_forced || *it != service.revision) {
            let from = std::mem::replace(&mut service.revision, revision.to_owned());
            service.rollout = Rollout::Going { looks: 0, from };
        }
        if let Some(desired) = body["desiredCount"].as_i64() {
            service.desired = desired;
        }
        self.services.insert(name.clone(), service);
        self.changed(format!("UpdateService {name}"));
        Ok(json!({ "service": self.tell(&name) }))
    }

    pub(super) fn run_task(&mut self, body: &Value) -> Said {
        let token = body["clientToken"].as_str().unwrap().to_owned();
        let network = &body["networkConfiguration"]["awsvpcConfiguration"];
        assert!(
            body["launchType"] == "FARGATE"
                && network["subnets"] == json!(["subnet-1", "subnet-2"])
                && network["assignPublicIp"] == "DISABLED"
        );
        let known = self.tasks.iter().any(|task| task.token == token);
        if !known {
            let task = Task {
                arn: format!(
                    "arn:aws:ecs:eu-west-1:111122223333:task/{}/{:032x}",
                    super::NAME,
                    self.tasks.len() + 1
                ),
                token,
                revision: body["taskDefinition"].as_str().unwrap().to_owned(),
                looks: 0,
            };
            self.tasks.push(task);
        }
        self.changed("RunTask");
        Ok(
            json!({ "tasks": [{ "taskArn": self.tasks.last().unwrap().arn, "lastStatus": "PROVISIONING", "containers": [] }], "failures": [] }),
        )
    }

    pub(super) fn describe_tasks(&mut self, body: &Value) -> Said {
        let arn = body["tasks"][0].as_str().unwrap();
        let (exit_code, reason) = self.migration.clone();
        let task = self.tasks.iter_mut().find(|task| task.arn == arn).unwrap();
        task.looks += 1;
        let status = match task.looks {
            // As ECS does right after the start.
            1 => return Ok(json!({ "tasks": [], "failures": [{ "arn": arn, "reason": "MISSING" }] })),
            2 => "PENDING",
            3 => "RUNNING",
            _ if exit_code == Some(-1) => "RUNNING",
            _ => "STOPPED",
        };
        let mut container = json!({ "name": "migrate", "lastStatus": status });
        let mut told = json!({ "taskArn": arn, "lastStatus": status });
        if status == "STOPPED" {
            told["stoppedReason"] = json!(reason);
            told["stopCode"] = json!(if exit_code.is_some() {
                "EssentialContainerExited"
            } else {
                "TaskFailedToStart"
            });
            if let Some(code) = exit_code {
                container["exitCode"] = json!(code);
            }
        }
        told["containers"] = json!([container]);
        Ok(json!({ "tasks": [told], "failures": [] }))
    }
}
