//! What there is to know about images before they run.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::args::Severity;
use crate::aws::{Aws, Error, Manifest, Reference};
use crate::digest::Digest;

/// An image's config is a few kilobytes, from S3.
const BLOB_TIMEOUT: Duration = Duration::from_secs(15);

/// What the build wrote into an image.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Labels {
    pub(crate) version: Option<String>,
    /// The commit that it was built from.
    pub(crate) revision: Option<String>,
    /// The git tree of that commit.
    pub(crate) tree: Option<String>,
}

#[derive(Deserialize)]
struct Config {
    config: Option<Container>,
}

#[derive(Deserialize)]
struct Container {
    #[serde(rename = "Labels")]
    labels: Option<serde_json::Map<String, Value>>,
}

/// Why an image must not be released; nothing when it may.
pub(crate) async fn objection(
    aws: &Aws,
    repository_url: &str,
    digest: &Digest,
    refuse: Option<Severity>,
) -> Result<Option<String>, Error> {
    if aws
        .manifest(repository_url, Reference::Digest(digest))
        .await?
        .is_none()
    {
        return Ok(Some(format!("there is no image {repository_url}@{digest}")));
    }
    let Some(severity) = refuse else {
        return Ok(None);
    };
    let Some(found) = aws.findings(repository_url, digest).await? else {
        return Ok(Some(format!(
            "no finished scan of {repository_url}@{digest}, and --refuse-findings asks for one"
        )));
    };
    let bad = ["LOW", "MEDIUM", "HIGH", "CRITICAL"]
        .into_iter()
        .skip(severity as usize);
    let bad: Vec<String> = bad
        .filter_map(|name| Some((name, *found.get(name)?)))
        .filter(|&(_, count)| count > 0)
        .map(|(name, count)| format!("{count} {}", name.to_lowercase()))
        .collect();
    Ok((!bad.is_empty()).then(|| format!("the scan of {repository_url}@{digest} found {}", bad.join(", "))))
}

/// What the build wrote into an image.
///
/// # Errors
/// A sentence: the registry does not answer, or the image is none that we know to read.
pub(crate) async fn labels(aws: &Aws, repository_url: &str, manifest: &Manifest) -> Result<Labels, String> {
    let image = of_one_platform(aws, repository_url, manifest).await?;
    let config = image["config"]["digest"]
        .as_str()
        .ok_or("its manifest names no config")?;
    let url = aws
        .blob_url(repository_url, config)
        .await
        .map_err(|error| error.to_string())?;
    let config: Config = serde_json::from_slice(&download(&url).await?)
        .map_err(|error| format!("its config can't be read: {error}"))?;
    let labels = config.config.and_then(|it| it.labels).unwrap_or_default();
    let label = |name: &str| labels.get(name).and_then(Value::as_str).map(str::to_owned);
    Ok(Labels {
        version: label("org.opencontainers.image.version"),
        revision: label("org.opencontainers.image.revision"),
        tree: label("tandem.tree"),
    })
}

/// The manifest of an image for one platform. All platforms of an image are built from the same sources, so any tells.
async fn of_one_platform(aws: &Aws, repository_url: &str, manifest: &Manifest) -> Result<Value, String> {
    let parse = |text: &str| {
        serde_json::from_str::<Value>(text).map_err(|error| format!("its manifest can't be read: {error}"))
    };
    let document = parse(&manifest.text)?;
    let Some(images) = document["manifests"].as_array() else {
        return Ok(document);
    };
    // Attestations stand in the list too, for a platform that there is not.
    let image = images
        .iter()
        .find(|it| it["platform"]["os"] != "unknown")
        .ok_or("its manifest lists no image")?;
    let digest: Digest = image["digest"].as_str().unwrap_or_default().parse()?;
    let found = aws
        .manifest(repository_url, Reference::Digest(&digest))
        .await
        .map_err(|error| error.to_string())?;
    parse(
        &found
            .ok_or_else(|| format!("its manifest lists {digest}, which is not there"))?
            .text,
    )
}

async fn download(url: &str) -> Result<Vec<u8>, String> {
    let client = reqwest::Client::builder().timeout(BLOB_TIMEOUT).build();
    // The address is signed, so it is no part of what is told.
    let tell = |error: reqwest::Error| format!("its config can't be read: {}", error.without_url());
    let answer = client.map_err(tell)?.get(url).send().await.map_err(tell)?;
    let answer = answer.error_for_status().map_err(tell)?;
    Ok(answer.bytes().await.map_err(tell)?.to_vec())
}
