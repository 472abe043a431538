//! One module or root, from its text to its tests.

use std::fs;
use std::path::Path;

use anyhow::Result;

use super::program::Terraform;
use super::{Look, declared, events, refusals};

/// A module or a root.
pub(super) struct Folder<'a> {
    pub(super) terraform: &'a Terraform<'a>,
    pub(super) path: &'a Path,
}

impl Folder<'_> {
    /// Everything that is looked at. What can't be without its provider or with wrong types is not tested.
    pub(super) fn check(&self) -> Result<Vec<Look>> {
        let files = declared::files(self.path)?;
        let readme = readme(self.path);
        let mut looks = vec![Look::at(
            "declarations",
            declared::complaints(&files, readme.as_deref()),
        )];
        looks.extend(refusals::looks(self.terraform, self.path, &files)?);
        looks.push(Look::at("init", self.terraform.init(self.path)?));
        // Where providers are handed over, the tests do that, and validate what they run.
        if is_fine(looks.last()) && !declared::wants_providers(&files) {
            looks.push(Look::at("validate", self.terraform.validate(self.path)?));
        }
        if is_fine(looks.last()) {
            looks.extend(self.tests()?);
        }
        Ok(looks)
    }

    fn tests(&self) -> Result<Vec<Look>> {
        let output = self.terraform.test(self.path)?;
        let mut looks = events::tests(&String::from_utf8_lossy(&output.stdout));
        let has_failed = looks.iter().any(|look| !look.complaints.is_empty());
        if looks.is_empty() {
            looks.push(Look::at("tests", vec!["there are none".to_owned()]));
        } else if !output.status.success() && !has_failed {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            looks.push(Look::at("tests", vec![format!("{}: {said}", output.status)]));
        }
        Ok(looks)
    }
}

/// A module's own, or the one for all environments.
fn readme(folder: &Path) -> Option<String> {
    let mut places = folder.ancestors().take(2);
    places.find_map(|place| fs::read_to_string(place.join("README.md")).ok())
}

fn is_fine(look: Option<&Look>) -> bool {
    look.is_some_and(|look| look.complaints.is_empty())
}
