//! An environment of `terraform/environments` beside an emulator of AWS, in a copy that has a state of its own.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::account::Account;
use super::program::Terraform;
use crate::emulator::Kind;

/// The environments, the biggest one first.
pub const ENVIRONMENTS: [&str; 3] = ["prod", "dev", "staging"];

/// Where values for emulators are, from the root of the repository.
pub(crate) const EMULATED: &str = "terraform/emulated";

/// The state stands beside the copy, and not in the account's bucket.
const BACKEND: &str = "terraform {\n  backend \"local\" {}\n}\n";
/// The emulator knows which image is the newest for another kind of machine only. Nothing is started from it.
const NAT_IMAGE: &str = r#"data "aws_ssm_parameter" "nat_image" {
  name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
}
"#;
/// What is neither configuration nor values.
const LEFT_OUT: [&str; 2] = [".terraform", "tests"];

/// What of an environment is wanted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Extent {
    /// All of it, as AWS would be asked for it. That can be planned, and not be made in an emulator.
    Full,
    /// As far as the emulator has what it takes, see `terraform/emulated`.
    Emulated,
}

/// A copy of an environment, ready to be planned.
pub(crate) struct Environment<'a> {
    terraform: &'a Terraform<'a>,
    /// The root of the environment in the copy.
    folder: PathBuf,
    /// Where values for emulators are.
    emulated: PathBuf,
    emulator: Kind,
    name: String,
}

impl<'a> Environment<'a> {
    /// Copies it into a folder of this name, tells it what only its account knows, and links its provider.
    pub(crate) fn prepare(
        terraform: &'a Terraform<'a>,
        root: &Path,
        place: &str,
        name: &str,
        account: &Account,
    ) -> Result<Self> {
        let from = root.join(super::TERRAFORM);
        let copy = terraform.scratch(place).join(name);
        if copy.exists() {
            fs::remove_dir_all(&copy).with_context(|| format!("could not remove {}", copy.display()))?;
        }
        let folder = copy.join("environments").join(name);
        copy_folder(&from.join("modules"), &copy.join("modules"))?;
        copy_folder(&from.join("environments").join(name), &folder)?;
        let write = |file: &str, text: &str| {
            fs::write(folder.join(file), text).with_context(|| format!("could not write {file}"))
        };
        write("../../modules/network/emulator_override.tf", NAT_IMAGE)?;
        write("backend_override.tf", BACKEND)?;
        write("emulator.auto.tfvars.json", &account.values(name).to_string())?;
        if let Some(complaint) = terraform.init_with_state(&folder)?.first() {
            bail!("{name} can't be initialised: {complaint}");
        }
        Ok(Self {
            terraform,
            folder,
            emulated: root.join(EMULATED),
            emulator: account.emulator(),
            name: name.to_owned(),
        })
    }

    /// Plans it and gives the plan as Terraform tells it in JSON. The plan itself is kept for [`Self::apply`].
    pub(crate) fn plan(&self, extent: Extent) -> Result<Value> {
        self.terraform.plan_to_file(&self.folder, &self.values(extent))?;
        self.terraform.planned(&self.folder)
    }

    /// Makes it, from nothing or as it is, without a plan that anybody reads.
    pub(crate) fn make(&self, extent: Extent) -> Result<()> {
        self.terraform.plan_and_apply(&self.folder, &self.values(extent))
    }

    /// Does what was planned last.
    pub(crate) fn apply(&self) -> Result<()> {
        self.terraform.apply(&self.folder)
    }

    /// Deletes everything that is in the state. What it is worth is not looked at again first.
    pub(crate) fn destroy(&self) -> Result<()> {
        self.terraform
            .destroy(&self.folder, &self.values(Extent::Emulated))
    }

    /// The files with values that are not the environment's own.
    fn values(&self, extent: Extent) -> Vec<PathBuf> {
        let mut files = vec![self.emulated.join(format!("{}.account.tfvars", self.name))];
        if extent == Extent::Emulated {
            let emulator = self.emulator.as_str();
            files.push(self.emulated.join(emulator).join(format!("{}.tfvars", self.name)));
        }
        files.retain(|file| file.exists());
        files
    }

    /// What the state has in it, as Terraform tells it in JSON.
    pub(crate) fn state(&self) -> Result<Value> {
        self.terraform.state(&self.folder)
    }

    /// The addresses of what the state has in it.
    pub(crate) fn addresses(&self) -> Result<Vec<String>> {
        self.terraform.addresses(&self.folder)
    }
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("could not create {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("could not read {}", from.display()))? {
        let entry = entry.with_context(|| format!("could not read {}", from.display()))?;
        let (name, path) = (entry.file_name(), entry.path());
        let text = name.to_string_lossy();
        // Another person's state or values are theirs.
        let is_left_out =
            LEFT_OUT.contains(&&*text) || text.contains(".tfstate") || text.contains(".auto.tfvars");
        if is_left_out {
            continue;
        }
        if path.is_dir() {
            copy_folder(&path, &to.join(&name))?;
        } else {
            fs::copy(&path, to.join(&name)).with_context(|| format!("could not copy {}", path.display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_the_configuration_and_nobodys_state_or_secrets() {
        let place = tempfile::tempdir().unwrap();
        let (from, to) = (place.path().join("from"), place.path().join("to"));
        for file in [
            "main.tf",
            "terraform.tfvars",
            "terraform.tfstate",
            "terraform.tfstate.backup",
            "account.auto.tfvars",
            ".terraform/providers/x",
            "tests/x.tftest.hcl",
            "inner/metrics.json",
        ] {
            let file = from.join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "").unwrap();
        }
        copy_folder(&from, &to).unwrap();
        let mut names: Vec<_> = fs::read_dir(&to)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["inner", "main.tf", "terraform.tfvars"]);
        assert!(to.join("inner/metrics.json").exists());
    }
}
