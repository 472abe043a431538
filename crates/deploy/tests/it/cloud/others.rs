//! SSM, Application Auto Scaling, ECR and CloudWatch.

use serde_json::{Value, json};

use super::setup::config_of;
use super::{NAME, Said, World, cbor};

impl World {
    pub(super) fn get_parameters(&self, body: &Value) -> Value {
        let names: Vec<String> = serde_json::from_value(body["Names"].clone()).unwrap();
        assert!(names.len() <= 10, "GetParameters takes ten names");
        let (found, missing): (Vec<_>, Vec<_>) = names
            .into_iter()
            .partition(|name| self.parameters.contains_key(name));
        let found = found.into_iter().map(
            |name| json!({ "Name": name, "Type": "String", "Value": self.parameters[&name], "Version": 1, "LastModifiedDate": self.written_at_secs.get(&name).copied().unwrap_or_default() }),
        );
        json!({ "Parameters": found.collect::<Vec<_>>(), "InvalidParameters": missing })
    }

    pub(super) fn put_parameter(&mut self, body: &Value) -> Said {
        assert_eq!(body["Overwrite"], true);
        let name = body["Name"].as_str().unwrap();
        let value = body["Value"].as_str().unwrap().to_owned();
        let known = self
            .parameters
            .get_mut(name)
            .ok_or(("AccessDeniedException", format!("not authorized to put {name}")))?;
        *known = value;
        self.changed(format!("PutParameter {name}"));
        self.written_at_secs.insert(name.to_owned(), self.now_secs);
        Ok(json!({ "Version": 2 }))
    }

    pub(super) fn describe_scalable_targets(&self, body: &Value) -> Value {
        assert_eq!(
            (&body["ServiceNamespace"], &body["ScalableDimension"]),
            (&json!("ecs"), &json!("ecs:service:DesiredCount"))
        );
        let id = body["ResourceIds"][0].as_str().unwrap();
        let Some([scale_in, scale_out, scheduled]) = self.suspended.get(service(id)) else {
            return json!({ "ScalableTargets": [] });
        };
        let most = self.most_tasks.get(service(id)).copied().unwrap_or(4);
        json!({ "ScalableTargets": [{
            "ServiceNamespace": "ecs", "ResourceId": id, "ScalableDimension": "ecs:service:DesiredCount", "MinCapacity": most.min(1),
            "MaxCapacity": most, "RoleARN": "arn:aws:iam::111122223333:role/aws-service-role/x", "CreationTime": 1_764_000_000.5,
            "SuspendedState": { "DynamicScalingInSuspended": scale_in, "DynamicScalingOutSuspended": scale_out, "ScheduledScalingSuspended": scheduled },
        }] })
    }

    pub(super) fn register_scalable_target(&mut self, body: &Value) -> Said {
        // Its limits are Terraform's.
        assert!(body["MinCapacity"].is_null() && body["MaxCapacity"].is_null());
        let service = service(body["ResourceId"].as_str().unwrap()).to_owned();
        let state = &body["SuspendedState"];
        let is_set = |name: &str| state[name].as_bool().unwrap_or_default();
        let state = [
            is_set("DynamicScalingInSuspended"),
            is_set("DynamicScalingOutSuspended"),
            is_set("ScheduledScalingSuspended"),
        ];
        self.suspended.insert(service.clone(), state);
        self.changed(format!(
            "RegisterScalableTarget {service} {}",
            if state[0] { "hold" } else { "free" }
        ));
        Ok(json!({}))
    }

    pub(super) fn batch_get_image(&self, body: &Value) -> Value {
        let id = &body["imageIds"][0];
        assert_eq!(body["registryId"], "111122223333");
        let tagged = |tag: &str| self.tags.get(&(repository(body), tag.to_owned())).cloned();
        let digest = id["imageDigest"]
            .as_str()
            .map(str::to_owned)
            .or_else(|| id["imageTag"].as_str().and_then(tagged));
        let Some(digest) = digest.filter(|digest| self.images.contains_key(digest)) else {
            return json!({ "images": [], "failures": [{ "imageId": id, "failureCode": "ImageNotFound", "failureReason": "Requested image not found" }] });
        };
        let (manifest, media_type) = self.manifest(&digest);
        json!({ "images": [{
            "registryId": "111122223333", "repositoryName": body["repositoryName"], "imageId": { "imageDigest": digest },
            "imageManifest": manifest.to_string(), "imageManifestMediaType": media_type,
        }], "failures": [] })
    }

    fn manifest(&self, digest: &str) -> (Value, &'static str) {
        if let Some(first) = self.indexes.get(digest) {
            let media_type = "application/vnd.oci.image.index.v1+json";
            let attestation =
                json!({ "digest": digest, "platform": { "architecture": "unknown", "os": "unknown" } });
            let image = json!({ "digest": first, "platform": { "architecture": "arm64", "os": "linux" } });
            return (
                json!({ "schemaVersion": 2, "mediaType": media_type, "manifests": [attestation, image] }),
                media_type,
            );
        }
        let media_type = "application/vnd.oci.image.manifest.v1+json";
        let config = json!({ "mediaType": "application/vnd.oci.image.config.v1+json", "digest": config_of(digest), "size": 2 });
        (
            json!({ "schemaVersion": 2, "mediaType": media_type, "config": config, "layers": [] }),
            media_type,
        )
    }

    pub(super) fn put_image(&mut self, body: &Value) -> Said {
        let digest = body["imageDigest"].as_str().unwrap().to_owned();
        let (manifest, media_type) = self.manifest(&digest);
        // Its digest is of these very bytes.
        assert_eq!(
            (&body["imageManifest"], &body["imageManifestMediaType"]),
            (&json!(manifest.to_string()), &json!(media_type))
        );
        let tag = (repository(body), body["imageTag"].as_str().unwrap().to_owned());
        match self.tags.get(&tag) {
            Some(tagged) if *tagged == digest => {
                return Err((
                    "ImageAlreadyExistsException",
                    "Image with digest already exists.".to_owned(),
                ));
            }
            Some(_) => {
                return Err((
                    "ImageTagAlreadyExistsException",
                    "The image tag already exists and cannot be overwritten.".to_owned(),
                ));
            }
            None => {}
        }
        self.changed(format!("PutImage {} {}", tag.0, tag.1));
        self.tags.insert(tag, digest);
        Ok(json!({ "image": {} }))
    }

    pub(super) fn get_secret(&self, body: &Value) -> Said {
        let name = body["SecretId"].as_str().unwrap();
        let secret = self.secrets.get(name).ok_or((
            "ResourceNotFoundException",
            "Secrets Manager can't find the specified secret.".to_owned(),
        ))?;
        Ok(json!({ "Name": name, "SecretString": secret }))
    }

    pub(super) fn get_download_url(&self, body: &Value) -> Said {
        let config = body["layerDigest"].as_str().unwrap();
        let known = self.images.keys().any(|digest| config_of(digest) == config);
        known
            .then(|| json!({ "downloadUrl": format!("{}/blobs/{config}", self.url), "layerDigest": config }))
            .ok_or(("LayersNotFoundException", config.to_owned()))
    }

    /// A blob of the registry: an image's config.
    pub(super) fn blob(&self, config: &str) -> Option<Value> {
        let labels = self
            .images
            .iter()
            .find(|(digest, _)| config_of(digest) == config)?
            .1;
        Some(json!({ "architecture": "arm64", "config": { "Labels": labels } }))
    }

    pub(super) fn describe_findings(&self, body: &Value) -> Said {
        let digest = body["imageId"]["imageDigest"].as_str().unwrap();
        let counts = self
            .findings
            .get(digest)
            .ok_or(("ScanNotFoundException", "Image scan does not exist.".to_owned()))?;
        Ok(
            json!({ "imageScanStatus": { "status": "COMPLETE" }, "imageScanFindings": { "findingSeverityCounts": counts } }),
        )
    }

    pub(super) fn describe_alarms(&self, body: &Value) -> Value {
        assert_eq!(body["StateValue"], "ALARM");
        let prefix = body["AlarmNamePrefix"].as_str().unwrap();
        let raised = self.alarms.iter().filter(|(name, _)| name.starts_with(prefix));
        let since = |name: &String| self.raised_at_secs.get(name).copied().unwrap_or(self.now_secs);
        let raised = raised.map(|(name, reason)| json!({ "AlarmName": name, "StateReason": reason, "StateValue": "ALARM", "StateTransitionedTimestamp": cbor::time(since(name)) }));
        json!({ "MetricAlarms": raised.collect::<Vec<_>>(), "CompositeAlarms": [] })
    }
}

fn service(resource_id: &str) -> &str {
    resource_id.strip_prefix(&format!("service/{NAME}/")).unwrap()
}

fn repository(body: &Value) -> String {
    body["repositoryName"].as_str().unwrap().to_owned()
}
