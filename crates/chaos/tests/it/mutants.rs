//! The mutants follow the code.

use std::path::Path;
use std::process::Command;

use history::Invariant;

#[test]
fn every_mutant_still_applies() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    // Paths of a patch are a checkout's, and without one nobody makes mutants.
    if !root.join(".git").exists() {
        return;
    }
    let mut names = Vec::new();
    for entry in root.join("crates/chaos/mutants").read_dir().unwrap() {
        let patch = entry.unwrap().path();
        let output = Command::new("git")
            .current_dir(root)
            .args(["apply", "--check"])
            .arg(&patch)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {said}", patch.display());
        let text = std::fs::read_to_string(&patch).unwrap();
        let expected = text.lines().find_map(|line| line.strip_prefix("Expected: "));
        let invariants = Invariant::ALL.map(|it| it.to_string());
        for name in expected.unwrap_or_default().split(", ") {
            assert!(
                invariants.iter().any(|it| it == name),
                "{}: {name:?}",
                patch.display()
            );
        }
        names.push(patch.file_stem().unwrap().to_string_lossy().into_owned());
    }
    names.sort();
    assert_eq!(names, ["delete-before-commit", "no-fencing", "no-sweep"]);
}
