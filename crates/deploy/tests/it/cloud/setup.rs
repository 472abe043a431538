//! An environment as Terraform makes it.

use serde_json::{Value, json};

use super::{NAME, Rollout, Service, World};

/// A digest, by the digit that it consists of.
pub(crate) fn sha(digit: char) -> String {
    format!("sha256:{}", digit.to_string().repeat(64))
}

/// The images of a release, as they are named on the command line. Both programs' have the same digit.
pub(crate) fn image(program: &str, digit: char) -> String {
    format!("{program}@{}", sha(digit))
}

/// The config of an image.
pub(super) fn config_of(digest: &str) -> String {
    format!("sha256:c{}", &digest[8..])
}

const REGISTRY: &str = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/tandem";

impl World {
    /// Before the first release: no tasks, and all scaling suspended.
    pub(super) fn new() -> Self {
        let mut world = Self {
            migration: (Some(0), "Essential container in task exited".to_owned()),
            watched: vec![format!("{NAME}-rollback-api-errors")],
            ..Self::default()
        };
        for program in ["api", "worker", "migrate"] {
            let mut template = template(program);
            // The template is no change of anybody's.
            template["family"] = json!(format!("{NAME}-{program}"));
            world.register_task_definition(&template).unwrap();
        }
        world.changes.clear();
        for program in ["api", "worker"] {
            let service = Service {
                desired: 0,
                running: 0,
                revision: arn(program, 1),
                by_codedeploy: program == "api",
                rollout: Rollout::Completed,
            };
            world.services.insert(program.to_owned(), service);
            for parameter in ["digest", "previous_digest"] {
                world
                    .parameters
                    .insert(format!("/{NAME}/{program}/{parameter}"), "none".to_owned());
            }
            world.suspended.insert(program.to_owned(), [true; 3]);
        }
        world
            .parameters
            .insert(format!("/{NAME}/deploy"), deploy().to_string());
        for digit in "123456789".chars() {
            let labels = json!({ "org.opencontainers.image.version": format!("0.{digit}.0"), "org.opencontainers.image.revision": digit.to_string().repeat(40) });
            world.images.insert(sha(digit), labels);
        }
        world
    }

    /// With a release, two tasks of each program, and scaling.
    pub(super) fn running(digit: char) -> Self {
        let mut world = Self::new();
        for program in ["api", "worker"] {
            let mut definition = world.families[&format!("{NAME}-{program}")][0].clone();
            definition["containerDefinitions"][0]["image"] =
                json!(format!("{REGISTRY}/{program}@{}", sha(digit)));
            world.register_task_definition(&definition).unwrap();
            let service = world.services.get_mut(program).unwrap();
            (service.revision, service.desired, service.running) = (arn(program, 2), 2, 2);
            world
                .parameters
                .insert(format!("/{NAME}/{program}/digest"), sha(digit));
            world.suspended.insert(program.to_owned(), [false; 3]);
        }
        world.changes.clear();
        world
    }

    /// Terraform changes a setting of a program: its template has a newer revision.
    pub(crate) fn terraform_changes(&mut self, program: &str) {
        let mut template = template(program);
        template["cpu"] = json!("512");
        template["family"] = json!(format!("{NAME}-{program}"));
        self.register_task_definition(&template).unwrap();
        let number = self.families[&format!("{NAME}-{program}")].len();
        self.changes_facts(|deploy| deploy["services"][program]["template"] = json!(arn(program, number)));
        self.changes.clear();
    }

    /// Deployments of the api are rolling, and nothing is scaled: an environment that comes and goes.
    pub(crate) fn is_lean(&mut self) {
        self.is_rolling();
        self.changes_facts(|deploy| deploy["is_scaled"] = json!(false));
        self.suspended.clear();
    }

    /// Deployments of the api are rolling.
    pub(crate) fn is_rolling(&mut self) {
        self.changes_facts(|deploy| deploy["services"]["api"]["codedeploy"] = Value::Null);
        self.services.get_mut("api").unwrap().by_codedeploy = false;
    }

    /// The clock has taken all tasks away, and lets none be.
    pub(crate) fn sleeps(&mut self) {
        for (program, service) in &mut self.services {
            (service.desired, service.running) = (0, 0);
            self.most_tasks.insert(program.clone(), 0);
        }
    }

    /// Terraform has not made the secret of the key that verifies releases.
    pub(crate) fn has_no_verify_key(&mut self) {
        self.changes_facts(|deploy| {
            deploy.as_object_mut().unwrap().remove("verify_key_secret");
        });
    }

    fn changes_facts(&mut self, change: impl FnOnce(&mut Value)) {
        let facts = self.parameters.get_mut(&format!("/{NAME}/deploy")).unwrap();
        let mut deploy: Value = serde_json::from_str(facts).unwrap();
        change(&mut deploy);
        *facts = deploy.to_string();
    }
}

fn arn(program: &str, revision: usize) -> String {
    format!("arn:aws:ecs:eu-west-1:111122223333:task-definition/{NAME}-{program}:{revision}")
}

/// A task definition as Terraform makes it, with no image in it.
pub(crate) fn template(program: &str) -> Value {
    let repository = if program == "worker" { "worker" } else { "api" };
    json!({
        "requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256", "memory": "512",
        "executionRoleArn": format!("arn:aws:iam::111122223333:role/{NAME}-{program}-execution"),
        "taskRoleArn": format!("arn:aws:iam::111122223333:role/{NAME}-{program}-task"),
        "runtimePlatform": { "cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX" },
        "volumes": [], "placementConstraints": [],
        "containerDefinitions": [{
            "name": program, "essential": true, "image": format!("{REGISTRY}/{repository}@{}", sha('0')), "readonlyRootFilesystem": true,
            "environment": [{ "name": "A", "value": "1" }, { "name": "B", "value": "2" }],
            "linuxParameters": { "capabilities": { "add": [], "drop": ["ALL"] }, "initProcessEnabled": true },
            "logConfiguration": { "logDriver": "awslogs", "options": { "awslogs-group": format!("/{NAME}/{program}"), "awslogs-stream-prefix": program } },
        }],
    })
}

/// What Terraform writes into the parameter `/<name>/deploy`: the tests of the module `platform` compare it with this file.
fn deploy() -> Value {
    serde_json::from_str(include_str!("facts.json")).unwrap()
}
