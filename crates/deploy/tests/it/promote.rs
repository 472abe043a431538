//! From a tree that staging has tested to digests with a version.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::{Value, json};

use crate::cloud::{Cloud, NAME, image, sha};
use crate::program::{Ran, command, end};

const TREE: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";
const COMMIT: &str = "1111111111111111111111111111111111111111";

/// What the build wrote into an image.
fn labels(commit: &str, tree: &str) -> Value {
    json!({ "org.opencontainers.image.revision": commit, "tandem.tree": tree })
}

/// Both images of the tree: the api is 1, the worker 2.
async fn tested() -> Cloud {
    let cloud = Cloud::running('3').await;
    let mut world = cloud.world();
    for (program, digit) in [("api", '1'), ("worker", '2')] {
        world
            .tags
            .insert((format!("tandem/{program}"), format!("tree-{TREE}")), sha(digit));
        world.images.insert(sha(digit), labels(COMMIT, TREE));
    }
    drop(world);
    cloud
}

/// A program that stands in for GitHub's: it knows which attestations there are, and notes what it is asked.
fn gh(folder: &Path, attested: &[(char, &str)]) {
    let mut script = "#!/bin/sh\necho \"$*\" >> \"$(dirname \"$0\")/asked\"\ncase \"$*\" in\n".to_owned();
    for (digit, predicate) in attested {
        script.push_str(&format!("  *'{} '*{predicate}) exit 0 ;;\n", sha(*digit)));
    }
    script.push_str("esac\necho 'Error: no attestations found' >&2\nexit 1\n");
    let path = folder.join("gh");
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

const PROVENANCE: &str = "https://slsa.dev/provenance/v1";
const PASSED: &str = "urn:tandem:staging-passed:v1";
const ALL: [(char, &str); 4] = [('1', PROVENANCE), ('1', PASSED), ('2', PROVENANCE), ('2', PASSED)];

async fn promotes(cloud: &Cloud, folder: &Path, more: &[&str]) -> Ran {
    let arguments = [&["promote", "--tree", TREE, "--version", "1.4.0"][..], more].concat();
    let mut command = command(cloud, &arguments);
    command
        .env("PATH", format!("{}:/usr/bin:/bin", folder.display()))
        .env("GITHUB_REPOSITORY", "acme/tandem");
    end(command.spawn().unwrap()).await
}

fn assert_unchanged(cloud: &Cloud) {
    assert_eq!(cloud.world().changes, Vec::<String>::new());
}

#[tokio::test]
async fn what_staging_has_tested_gets_its_version_and_is_told() {
    let (cloud, folder) = (tested().await, tempfile::tempdir().unwrap());
    gh(folder.path(), &ALL);
    let output = folder.path().join("output");
    fs::write(&output, "before=1\n").unwrap();
    let ran = promotes(&cloud, folder.path(), &["--output", output.to_str().unwrap()]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let told = format!(
        "version=1.4.0\ndigests={},{}\napi_digest={}\nworker_digest={}\n",
        image("api", '1'),
        image("worker", '2'),
        sha('1'),
        sha('2')
    );
    assert_eq!(ran.out, told);
    assert_eq!(fs::read_to_string(&output).unwrap(), format!("before=1\n{told}"));
    assert_eq!(
        cloud.world().changes,
        ["PutImage tandem/api v1.4.0", "PutImage tandem/worker v1.4.0"]
    );
    let asked = fs::read_to_string(folder.path().join("asked")).unwrap();
    let expected = format!(
        "attestation verify oci://111122223333.dkr.ecr.eu-west-1.amazonaws.com/tandem/api@{} --repo acme/tandem \
         --signer-workflow acme/tandem/.github/workflows/release-candidate.yml --source-ref refs/heads/develop --predicate-type {PROVENANCE}",
        sha('1')
    );
    assert_eq!(
        (asked.lines().count(), asked.lines().next()),
        (4, Some(&*expected))
    );
    // Again, and by the registry's address: nothing is left to do, and the same is told.
    let registry = ["--registry", "111122223333.dkr.ecr.eu-west-1.amazonaws.com"];
    let ran = promotes(&cloud, folder.path(), &registry).await;
    assert_eq!((ran.code, ran.out.as_str()), (0, told.as_str()), "{}", ran.err);
    assert_eq!(cloud.world().changes.len(), 2);
}

#[tokio::test]
async fn what_is_missing_or_contradicts_itself_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    gh(folder.path(), &ALL);
    let cloud = tested().await;
    cloud
        .world()
        .tags
        .remove(&("tandem/worker".to_owned(), format!("tree-{TREE}")));
    let ran = promotes(&cloud, folder.path(), &[]).await;
    assert!(
        ran.code == 3
            && ran
                .err
                .contains(&format!("tandem/worker:tree-{TREE}: staging has not tested")),
        "{ran:?}"
    );
    assert_unchanged(&cloud);

    let other = "2".repeat(40);
    for (labels, told) in [
        (
            labels(&other, TREE),
            format!("the api was built from commit {COMMIT}, and the worker from {other}"),
        ),
        (labels(COMMIT, &other), format!("built from the tree {other}")),
        (json!({}), "does not say what it was built from".to_owned()),
    ] {
        let cloud = tested().await;
        cloud.world().images.insert(sha('2'), labels);
        let ran = promotes(&cloud, folder.path(), &[]).await;
        assert!(ran.code == 3 && ran.err.contains(&told), "{told}: {ran:?}");
        assert_unchanged(&cloud);
    }

    let cloud = tested().await;
    cloud
        .world()
        .tags
        .insert(("tandem/worker".to_owned(), "v1.4.0".to_owned()), sha('3'));
    let ran = promotes(&cloud, folder.path(), &[]).await;
    assert!(
        ran.code == 3 && ran.err.contains("tandem/worker:v1.4.0 is another image already"),
        "{ran:?}"
    );
    assert_unchanged(&cloud);
}

#[tokio::test]
async fn without_attestations_nothing_is_promoted() {
    for (missing, (_, predicate)) in ALL.into_iter().enumerate() {
        let (cloud, folder) = (tested().await, tempfile::tempdir().unwrap());
        let attested: Vec<_> = ALL
            .into_iter()
            .enumerate()
            .filter(|(at, _)| *at != missing)
            .map(|(_, it)| it)
            .collect();
        gh(folder.path(), &attested);
        let ran = promotes(&cloud, folder.path(), &[]).await;
        let told = format!("is not attested ({predicate}): Error: no attestations found");
        assert!(ran.code == 3 && ran.err.contains(&told), "{ran:?}");
        assert_unchanged(&cloud);
    }
    let (cloud, folder) = (tested().await, tempfile::tempdir().unwrap());
    let ran = promotes(&cloud, folder.path(), &[]).await;
    assert!(ran.code == 3 && ran.err.contains("gh can't be run"), "{ran:?}");
    assert_unchanged(&cloud);
}

#[tokio::test]
async fn attestations_are_skipped_nowhere_near_production() {
    let (cloud, folder) = (tested().await, tempfile::tempdir().unwrap());
    let registry = [
        "--attestations",
        "skip",
        "--registry",
        "111122223333.dkr.ecr.eu-west-1.amazonaws.com",
    ];
    let ran = promotes(&cloud, folder.path(), &registry).await;
    assert!(ran.code == 2 && ran.err.contains("not production"), "{ran:?}");
    let parameter = format!("/{NAME}/deploy");
    let test = cloud.world().parameters[&parameter].clone();
    cloud.world().parameters.insert(
        parameter.clone(),
        test.replace("\"environment\":\"test\"", "\"environment\":\"prod\""),
    );
    let ran = promotes(&cloud, folder.path(), &["--attestations", "skip"]).await;
    assert!(ran.code == 2 && ran.err.contains("not production"), "{ran:?}");
    assert_unchanged(&cloud);
    cloud.world().parameters.insert(parameter, test);
    let ran = promotes(&cloud, folder.path(), &["--attestations", "skip"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
}

#[tokio::test]
async fn images_for_several_platforms_are_looked_into() {
    let (cloud, folder) = (tested().await, tempfile::tempdir().unwrap());
    gh(folder.path(), &ALL);
    cloud.world().indexes.insert(sha('1'), sha('6'));
    cloud.world().images.insert(sha('1'), json!({}));
    cloud.world().images.insert(sha('6'), labels(COMMIT, TREE));
    let ran = promotes(&cloud, folder.path(), &[]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.contains(&format!("api_digest={}", sha('1'))), "{ran:?}");
}
