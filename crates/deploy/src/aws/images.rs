//! Images in ECR, also in those of other accounts and regions.

use aws_sdk_ecr::Client;
use aws_sdk_ecr::types::ImageIdentifier;

use super::{Aws, Error};
use crate::digest::Digest;

/// The media types that images are asked for in: those of OCI and of Docker, of one platform and of several.
const MEDIA_TYPES: [&str; 4] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];

/// A manifest: of an image, or a list of those for several platforms.
#[derive(Clone, Debug)]
pub(crate) struct Manifest {
    pub(crate) digest: Digest,
    /// As it was pushed: its digest is of exactly these bytes.
    pub(crate) text: String,
    pub(crate) media_type: Option<String>,
}

/// A repository in the registry of an account.
#[derive(Clone, Debug)]
pub(super) struct Repository {
    pub(super) name: String,
    /// Both unknown in the registry of an emulator.
    registry_id: Option<String>,
    region: Option<String>,
}

impl Repository {
    /// Takes `111122223333.dkr.ecr.eu-west-1.amazonaws.com/tandem/api` apart.
    pub(super) fn of_url(url: &str) -> Self {
        let (host, name) = url.split_once('/').unwrap_or(("", url));
        let parts: Vec<&str> = host.split('.').collect();
        let (registry_id, region) = match parts[..] {
            [id, "dkr", "ecr", region, ..] => (Some(id.to_owned()), Some(region.to_owned())),
            _ => (None, None),
        };
        Self {
            name: name.to_owned(),
            registry_id,
            region,
        }
    }
}

impl Aws {
    pub(super) fn registry(&self, repository: &Repository) -> Client {
        let mut config = aws_sdk_ecr::config::Builder::from(&self.config);
        if let Some(region) = &repository.region {
            config.set_region(Some(aws_sdk_ecr::config::Region::new(region.clone())));
        }
        Client::from_conf(config.build())
    }

    /// An image by digest or tag; `None` when there is none.
    pub(crate) async fn manifest(
        &self,
        repository_url: &str,
        reference: Reference<'_>,
    ) -> Result<Option<Manifest>, Error> {
        const CALL: &str = "ecr:BatchGetImage";
        let repository = Repository::of_url(repository_url);
        let id = match reference {
            Reference::Digest(digest) => ImageIdentifier::builder().image_digest(digest.as_str()),
            Reference::Tag(tag) => ImageIdentifier::builder().image_tag(tag),
        };
        let request = self
            .registry(&repository)
            .batch_get_image()
            .repository_name(&repository.name);
        let request = request
            .set_registry_id(repository.registry_id)
            .image_ids(id.build())
            .set_accepted_media_types(Some(MEDIA_TYPES.map(str::to_owned).to_vec()));
        let answer = request.send().await.map_err(Error::of(CALL))?;
        let Some(image) = answer.images().first() else {
            return Ok(None);
        };
        let digest = image
            .image_id()
            .and_then(|id| id.image_digest())
            .unwrap_or_default();
        Ok(Some(Manifest {
            digest: digest
                .parse()
                .map_err(|error: String| Error::answer(CALL, error))?,
            text: image.image_manifest().unwrap_or_default().to_owned(),
            media_type: image.image_manifest_media_type().map(str::to_owned),
        }))
    }

    /// Gives an image a further tag. A tag that another image has is refused, since tags are immutable.
    pub(crate) async fn put_tag(
        &self,
        repository_url: &str,
        manifest: &Manifest,
        tag: &str,
    ) -> Result<(), Error> {
        let repository = Repository::of_url(repository_url);
        let request = self
            .registry(&repository)
            .put_image()
            .repository_name(&repository.name);
        let request = request
            .set_registry_id(repository.registry_id)
            .image_manifest(&manifest.text)
            .set_image_manifest_media_type(manifest.media_type.clone())
            .image_digest(manifest.digest.as_str())
            .image_tag(tag);
        match request.send().await.map_err(Error::of("ecr:PutImage")) {
            // It has the tag already.
            Err(error) if error.is("ImageAlreadyExistsException") => Ok(()),
            Err(error) => Err(error),
            Ok(_) => Ok(()),
        }
    }

    /// Where a blob of an image can be read for a few minutes.
    pub(crate) async fn blob_url(&self, repository_url: &str, digest: &str) -> Result<String, Error> {
        const CALL: &str = "ecr:GetDownloadUrlForLayer";
        let repository = Repository::of_url(repository_url);
        let request = self
            .registry(&repository)
            .get_download_url_for_layer()
            .repository_name(&repository.name);
        let request = request
            .set_registry_id(repository.registry_id)
            .layer_digest(digest);
        let answer = request.send().await.map_err(Error::of(CALL))?;
        answer
            .download_url
            .ok_or_else(|| Error::answer(CALL, "no address"))
    }
}

/// How an image is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reference<'a> {
    Digest(&'a Digest),
    Tag(&'a str),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_can_be_another_accounts() {
        let it = Repository::of_url("111122223333.dkr.ecr.eu-west-1.amazonaws.com/tandem/api");
        assert_eq!(
            (it.name.as_str(), it.registry_id.as_deref(), it.region.as_deref()),
            ("tandem/api", Some("111122223333"), Some("eu-west-1"))
        );
        let it = Repository::of_url("localhost:4566/tandem/api");
        assert_eq!(
            (it.name.as_str(), it.registry_id, it.region),
            ("tandem/api", None, None)
        );
    }
}
