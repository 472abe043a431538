//! Where the provider comes from on a machine without a network: a folder laid out as a mirror, with
//! `registry.terraform.io/hashicorp/aws/<version>/<system>` in it.

use std::fs;
use std::path::{Path, PathBuf};

/// What a mirror has in it.
const PROVIDER: &str = "registry.terraform.io/hashicorp/aws";
/// Where people and packages put them, those that Terraform itself looks into among them.
const PLACES: [&str; 6] = [
    "/usr/local/share/terraform",
    "/usr/share/terraform",
    "/opt",
    "/usr/local",
    "/usr/lib",
    "/srv",
];
/// How deep below such a place it may lie.
const DEPTH: u32 = 3;

/// The first mirror of the provider on this machine.
pub fn mirror() -> Option<PathBuf> {
    let home = std::env::home_dir().map(|home| home.join(".terraform.d"));
    home.into_iter()
        .chain(PLACES.iter().map(PathBuf::from))
        .find_map(|place| below(&place, DEPTH))
}

/// The first folder at or below a place that is a mirror; symbolic links are not followed.
pub fn below(place: &Path, depth: u32) -> Option<PathBuf> {
    if place.join(PROVIDER).is_dir() {
        return Some(place.to_owned());
    }
    if depth == 0 {
        return None;
    }
    let mut children: Vec<PathBuf> = fs::read_dir(place)
        .ok()?
        .filter_map(|entry| {
            let entry = entry.ok()?;
            entry.file_type().ok()?.is_dir().then(|| entry.path())
        })
        .collect();
    children.sort();
    children.iter().find_map(|child| below(child, depth - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mirror_is_found_by_what_is_in_it_and_not_too_deep() {
        let place = tempfile::tempdir().unwrap();
        let mirror = place.path().join("a/plugins");
        fs::create_dir_all(mirror.join(PROVIDER).join("5.100.0")).unwrap();
        fs::create_dir_all(place.path().join("a/b/c")).unwrap();
        assert_eq!(below(place.path(), 2), Some(mirror.clone()));
        assert_eq!(below(&mirror, 0), Some(mirror));
        assert_eq!(below(place.path(), 1), None);
        assert_eq!(below(&place.path().join("none"), 2), None);
    }
}
