//! The environments of the infrastructure are described by the same files: what differs is the key of their state, and the
//! values of their variables.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::files::Files;

const ENVIRONMENTS: &str = "terraform/environments";
/// Where the key of the state is, which has the environment's name in it.
const BACKEND: &str = "backend.tf";

/// Finds configuration that one environment has and another has not, or has otherwise.
pub fn check(files: &Files) -> Vec<String> {
    let mut environments: BTreeMap<&str, BTreeMap<&str, String>> = BTreeMap::new();
    for (path, text) in files.iter() {
        let Some((environment, file)) = place(path) else {
            continue;
        };
        let text = if file == BACKEND {
            text.replace(
                &format!("\"environments/{environment}/terraform.tfstate\""),
                "its own",
            )
        } else {
            text.to_owned()
        };
        environments.entry(environment).or_default().insert(file, text);
    }
    let names: BTreeSet<&str> = environments.values().flat_map(BTreeMap::keys).copied().collect();
    let mut complaints = Vec::new();
    for file in names {
        let mut variants = environments
            .iter()
            .map(|(environment, files)| (environment, files.get(file)));
        let Some((first, expected)) = variants.next() else {
            continue;
        };
        for (other, _) in variants.filter(|(_, found)| *found != expected) {
            complaints.push(format!(
                "{ENVIRONMENTS}: {file} of {other} is not that of {first}; only their variables may differ"
            ));
        }
    }
    complaints
}

/// The environment that a file configures, and its name in there.
fn place(path: &Path) -> Option<(&str, &str)> {
    let (environment, file) = path.strip_prefix(ENVIRONMENTS).ok()?.to_str()?.split_once('/')?;
    (file.ends_with(".tf") || file.ends_with(".hcl") && !file.contains('/')).then_some((environment, file))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(main: &str, backend: &str) -> Vec<String> {
        check(&Files::from([
            ("terraform/environments/dev/main.tf", "module"),
            (
                "terraform/environments/dev/backend.tf",
                "key = \"environments/dev/terraform.tfstate\"",
            ),
            ("terraform/environments/dev/terraform.tfvars", "a = 1"),
            ("terraform/environments/prod/main.tf", main),
            ("terraform/environments/prod/backend.tf", backend),
            ("terraform/environments/prod/terraform.tfvars", "a = 2"),
            ("terraform/environments/prod/tests/prod.tftest.hcl", "run"),
            ("terraform/environments/README.md", "text"),
        ]))
    }

    #[test]
    fn variables_tests_and_the_key_of_the_state_may_differ() {
        assert_eq!(
            complaints("module", "key = \"environments/prod/terraform.tfstate\""),
            [""; 0]
        );
    }

    #[test]
    fn anything_else_may_not() {
        let differs = |file| {
            format!(
                "terraform/environments: {file} of prod is not that of dev; only their variables may differ"
            )
        };
        assert_eq!(
            complaints("other", "key = \"environments/prod/terraform.tfstate\""),
            [differs("main.tf")]
        );
        assert_eq!(
            complaints("module", "key = \"environments/dev/terraform.tfstate\""),
            [differs("backend.tf")]
        );
        let only = Files::from([
            ("terraform/environments/dev/main.tf", "module"),
            ("terraform/environments/prod/.terraform.lock.hcl", "module"),
        ]);
        assert_eq!(check(&only), [differs(".terraform.lock.hcl"), differs("main.tf")]);
    }
}
