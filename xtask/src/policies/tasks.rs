//! Containers run as nobody, on a file system that they can't write, with no right of the kernel's, and know secrets by name
//! only.

use serde_json::Value;

use super::Planned;

/// Parts of names that say that a value is a secret.
const SECRET_NAMES: [&str; 6] = ["PASSWORD", "SECRET", "TOKEN", "PEPPER", "PRIVATE", "CREDENTIAL"];

pub(super) fn complaints(planned: &Planned) -> Vec<String> {
    let mut complaints = Vec::new();
    for definition in planned.of_kind("aws_ecs_task_definition") {
        let containers = definition.document("container_definitions");
        let Some(containers) = containers.as_ref().and_then(Value::as_array) else {
            complaints.push(format!("what {} runs is not known", definition.address));
            continue;
        };
        for container in containers {
            let name = container["name"].as_str().unwrap_or_default();
            let found = confinement(container).into_iter().chain(plain_secrets(container));
            complaints.extend(found.map(|what| format!("{}: {name} {what}", definition.address)));
        }
    }
    complaints
}

fn confinement(container: &Value) -> Vec<String> {
    let mut complaints = Vec::new();
    let user = container["user"].as_str().unwrap_or_default();
    let user = user.split(':').next().unwrap_or_default();
    let dropped = container["linuxParameters"]["capabilities"]["drop"].as_array();
    let added = container["linuxParameters"]["capabilities"]["add"].as_array();
    let rules = [
        (
            container["readonlyRootFilesystem"] == true,
            "must not be able to write its file system",
        ),
        (!matches!(user, "" | "0" | "root"), "must not run as root"),
        (container["privileged"] != true, "must not be privileged"),
        (
            dropped.is_some_and(|all| all.iter().any(|it| it == "ALL")) && added.is_none_or(Vec::is_empty),
            "must give up all capabilities",
        ),
        (
            container["image"]
                .as_str()
                .is_some_and(|image| image.contains("@sha256:")),
            "must name its image by digest",
        ),
        (
            !container["logConfiguration"]["logDriver"].is_null(),
            "must have its log kept",
        ),
    ];
    for (is_kept, complaint) in rules {
        if !is_kept {
            complaints.push(complaint.to_owned());
        }
    }
    complaints
}

/// Variables that hold what only `secrets` may, each with its name. That of a secret's place is none.
fn plain_secrets(container: &Value) -> Vec<String> {
    let variables = container["environment"].as_array().into_iter().flatten();
    let told = variables.into_iter().filter_map(|variable| {
        let (name, value) = (variable["name"].as_str()?, variable["value"].as_str()?);
        let is_place = value.starts_with("arn:") && name.ends_with("_ARN");
        let is_named_so = SECRET_NAMES.iter().any(|part| name.contains(part)) && !is_place;
        (is_named_so || has_password(value)).then(|| format!("must have {name} from a secret"))
    });
    told.collect()
}

/// Whether a text is a URL with a password in it.
fn has_password(value: &str) -> bool {
    let authority = value
        .split_once("://")
        .map(|(_, rest)| rest.split('/').next().unwrap_or_default());
    authority
        .and_then(|authority| authority.rsplit_once('@'))
        .is_some_and(|(user, _)| user.contains(':'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::planned;
    use super::*;

    fn said(container: &Value) -> Vec<String> {
        let definition = json!({"container_definitions": json!([container]).to_string()});
        complaints(&planned(
            "dev",
            &[("api.aws_ecs_task_definition.this", definition)],
        ))
    }

    fn good() -> Value {
        json!({
            "name": "api", "user": "65532:65532", "readonlyRootFilesystem": true, "privileged": false,
            "linuxParameters": {"capabilities": {"add": [], "drop": ["ALL"]}},
            "image": "r/api@sha256:00", "logConfiguration": {"logDriver": "awslogs"},
            "environment": [{"name": "TANDEM_DATABASE_SECRET_ARN", "value": "arn:aws:secretsmanager:x"}],
        })
    }

    #[test]
    fn each_way_out_is_closed() {
        assert_eq!(said(&good()), [""; 0]);
        for (field, bad) in [
            ("user", json!("root")),
            ("user", json!("0:0")),
            ("user", json!(null)),
            ("readonlyRootFilesystem", json!(false)),
            ("privileged", json!(true)),
            ("linuxParameters", json!({"capabilities": {"drop": []}})),
            (
                "linuxParameters",
                json!({"capabilities": {"drop": ["ALL"], "add": ["SYS_PTRACE"]}}),
            ),
            ("image", json!("r/api:latest")),
            ("logConfiguration", json!(null)),
        ] {
            let mut container = good();
            container[field] = bad;
            assert_eq!(said(&container).len(), 1, "{field}");
        }
    }

    #[test]
    fn a_secret_in_a_variable_is_found_by_name_and_by_look() {
        for (name, value) in [
            ("PGPASSWORD", "x"),
            ("TANDEM_KEY_PEPPER", "x"),
            ("TANDEM_DATABASE_SECRET_ARN", "the secret itself"),
            ("DATABASE_URL", "postgres://api:secret@db:5432/tandem"),
        ] {
            let mut container = good();
            container["environment"] = json!([{"name": name, "value": value}]);
            let complaint = format!(
                "module.platform.module.api.aws_ecs_task_definition.this: api must have {name} from a secret"
            );
            assert_eq!(said(&container), [complaint]);
        }
        assert!(!has_password("postgres://db:5432/tandem?x=a@b:c"));
    }

    #[test]
    fn what_is_not_known_is_not_taken_for_good() {
        let unknown = planned("dev", &[("api.aws_ecs_task_definition.this", json!({}))]);
        assert_eq!(complaints(&unknown).len(), 1);
    }
}
