//! CodeDeploy: deployments of the api, which go on by one step with each look.

use serde_json::{Value, json};

use super::{NAME, Said, World};

#[derive(Clone, Debug)]
pub(crate) struct Deployment {
    pub(crate) id: String,
    pub(crate) app_spec: String,
    /// What it brings, and what had the requests before.
    pub(crate) revision: String,
    pub(crate) from: String,
    pub(crate) status: &'static str,
    pub(crate) looks: u32,
    pub(crate) shifted: bool,
    pub(crate) at_once: bool,
    pub(crate) heeds_alarms: bool,
    pub(crate) error: Option<(&'static str, String)>,
    /// The deployment that turns it back, and after how many looks that begins.
    pub(crate) turned_back_by: Option<String>,
    /// What it turns back.
    pub(crate) turns_back: Option<String>,
}

impl Deployment {
    fn is_under_way(&self) -> bool {
        matches!(self.status, "Created" | "InProgress")
    }
}

impl World {
    pub(super) fn create_deployment(&mut self, body: &Value) -> Said {
        if let Some(active) = self.deployments.iter().find(|it| it.is_under_way()) {
            let why = format!(
                "The Deployment Group 'api' already has an active Deployment '{}'",
                active.id
            );
            return Err(("DeploymentLimitExceededException", why));
        }
        assert_eq!(
            (&body["applicationName"], &body["deploymentGroupName"]),
            (&json!(format!("{NAME}-api")), &json!("api"))
        );
        let app_spec = body["revision"]["appSpecContent"]["content"]
            .as_str()
            .unwrap()
            .to_owned();
        let spec: Value = serde_json::from_str(&app_spec).unwrap();
        let properties = &spec["Resources"][0]["TargetService"]["Properties"];
        assert_eq!(
            properties["LoadBalancerInfo"],
            json!({ "ContainerName": "api", "ContainerPort": 8080 })
        );
        let deployment = Deployment {
            id: format!("d-{:09}", self.deployments.len() + 1),
            revision: properties["TaskDefinition"].as_str().unwrap().to_owned(),
            app_spec,
            from: self.services["api"].revision.clone(),
            status: "Created",
            looks: 0,
            shifted: false,
            at_once: body["deploymentConfigName"] == "CodeDeployDefault.ECSAllAtOnce",
            heeds_alarms: body["overrideAlarmConfiguration"]["enabled"] != false,
            error: None,
            turned_back_by: None,
            turns_back: None,
        };
        let id = deployment.id.clone();
        self.deployments.push(deployment);
        self.changed("CreateDeployment");
        Ok(json!({ "deploymentId": id }))
    }

    fn find(&mut self, body: &Value) -> Result<usize, (&'static str, String)> {
        let id = body["deploymentId"].as_str().unwrap();
        let found = self.deployments.iter().position(|it| it.id == id);
        found.ok_or(("DeploymentDoesNotExistException", id.to_owned()))
    }

    pub(super) fn get_deployment(&mut self, body: &Value) -> Said {
        let at = self.find(body)?;
        self.shift_on(at);
        let it = self.deployments[at].clone();
        let mut info = json!({
            "applicationName": format!("{NAME}-api"), "deploymentGroupName": "api", "deploymentId": it.id, "status": it.status,
            "computePlatform": "ECS", "creator": if it.turns_back.is_some() { "codeDeployRollback" } else { "user" },
            "instanceTerminationWaitTimeStarted": it.shifted && it.is_under_way(),
            "revision": { "revisionType": "AppSpecContent", "string": { "content": it.app_spec }, "appSpecContent": { "content": it.app_spec } },
        });
        if let Some((code, message)) = &it.error {
            info["errorInformation"] = json!({ "code": code, "message": message });
        }
        if let Some(id) = &it.turned_back_by {
            info["rollbackInfo"] = json!({ "rollbackDeploymentId": id, "rollbackMessage": "rolled back" });
        }
        Ok(json!({ "deploymentInfo": info }))
    }

    fn shift_on(&mut self, at: usize) {
        let digest = self.digest(&self.deployments[at].revision);
        let (broken, bad, endless) = (
            self.broken.contains(&digest),
            self.bad.contains(&digest),
            self.endless.contains(&digest),
        );
        let alarmed = self.alarms.iter().any(|(name, _)| self.watched.contains(name));
        let it = &mut self.deployments[at];
        if !it.is_under_way() {
            // What turns it back begins a look after its end.
            if it.status != "Succeeded" && it.turned_back_by.is_none() && it.turns_back.is_none() {
                self.turn_back(at);
            }
            return;
        }
        it.looks += 1;
        it.status = "InProgress";
        let is_back = it.turns_back.is_some();
        if it.looks >= 3 && broken && !is_back {
            it.status = "Failed";
            it.error = Some((
                "HEALTH_CONSTRAINTS",
                "The ECS service cannot be updated: tasks do not become healthy.".to_owned(),
            ));
        } else if it.looks >= 4 && it.heeds_alarms && alarmed && !is_back && !it.shifted {
            it.status = "Stopped";
            it.error = Some((
                "ALARM_ACTIVE",
                "One or more alarms have been activated.".to_owned(),
            ));
        } else if it.looks >= 5 && !endless && !it.shifted {
            it.shifted = true;
            let revision = it.revision.clone();
            if is_back {
                it.status = "Succeeded";
            }
            self.services.get_mut("api").unwrap().revision = revision;
        } else if it.looks >= 3 && bad {
            self.raise("too many answers are errors");
        }
    }

    fn turn_back(&mut self, at: usize) {
        let failed = self.deployments[at].clone();
        let id = format!("d-{:09}", self.deployments.len() + 1);
        self.deployments[at].turned_back_by = Some(id.clone());
        let app_spec = failed.app_spec.replace(&failed.revision, &failed.from);
        self.deployments.push(Deployment {
            id,
            app_spec,
            revision: failed.from.clone(),
            from: failed.revision.clone(),
            status: "Created",
            looks: 0,
            shifted: false,
            error: None,
            turned_back_by: None,
            turns_back: Some(failed.id),
            ..failed
        });
    }

    pub(super) fn list_deployments(&self) -> Value {
        let active = self.deployments.iter().rev().filter(|it| it.is_under_way());
        json!({ "deployments": active.map(|it| it.id.clone()).collect::<Vec<_>>() })
    }

    pub(super) fn list_deployment_targets(&mut self, body: &Value) -> Said {
        let at = self.find(body)?;
        if self.deployments[at].looks < 2 {
            return Err((
                "DeploymentNotStartedException",
                "The specified deployment has not started.".to_owned(),
            ));
        }
        Ok(json!({ "targetIds": [format!("{NAME}:api")] }))
    }

    pub(super) fn get_deployment_target(&mut self, body: &Value) -> Said {
        let at = self.find(body)?;
        assert_eq!(body["targetId"], json!(format!("{NAME}:api")));
        let weight = if self.deployments[at].looks >= 3 {
            10.0
        } else {
            0.0
        };
        let set = |label: &str, weight: f64| json!({ "identifer": label, "desiredCount": 2, "runningCount": 2, "pendingCount": 0, "status": "ACTIVE", "trafficWeight": weight, "taskSetLabel": label });
        Ok(
            json!({ "deploymentTarget": { "deploymentTargetType": "ECSTarget", "ecsTarget": {
            "deploymentId": self.deployments[at].id, "targetId": format!("{NAME}:api"), "status": "InProgress",
            "lifecycleEvents": [{ "lifecycleEventName": "Install", "status": "Succeeded" }, { "lifecycleEventName": "AllowTraffic", "status": "InProgress" }],
            "taskSetsInfo": [set("Blue", 100.0 - weight), set("Green", weight)],
        } } }),
        )
    }

    pub(super) fn stop_deployment(&mut self, body: &Value) -> Said {
        assert_eq!(body["autoRollbackEnabled"], true);
        let at = self.find(body)?;
        let it = &mut self.deployments[at];
        if !it.is_under_way() {
            return Err((
                "DeploymentAlreadyCompletedException",
                "The deployment is already complete.".to_owned(),
            ));
        }
        it.status = "Stopped";
        it.error = Some(("MANUAL_STOP", "The deployment was stopped by a user.".to_owned()));
        self.changed("StopDeployment");
        Ok(json!({ "status": "Pending", "statusMessage": "stopping" }))
    }

    pub(super) fn continue_deployment(&mut self, body: &Value) -> Said {
        assert_eq!(body["deploymentWaitType"], "TERMINATION_WAIT");
        let at = self.find(body)?;
        let it = &mut self.deployments[at];
        if !it.is_under_way() {
            return Err((
                "DeploymentAlreadyCompletedException",
                "The deployment is already complete.".to_owned(),
            ));
        }
        assert!(it.shifted, "nothing is kept yet");
        it.status = "Succeeded";
        self.changed("ContinueDeployment");
        Ok(json!({}))
    }

    pub(super) fn get_deployment_group(&self) -> Value {
        let alarms: Vec<Value> = self.watched.iter().map(|name| json!({ "name": name })).collect();
        json!({ "deploymentGroupInfo": { "deploymentGroupName": "api", "alarmConfiguration": { "enabled": true, "ignorePollAlarmFailure": false, "alarms": alarms } } })
    }
}
