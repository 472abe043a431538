//! What the registry's scan found in an image.

use std::collections::BTreeMap;

use aws_sdk_ecr::types::ImageIdentifier;

use super::images::Repository;
use super::{Aws, Error};
use crate::digest::Digest;

impl Aws {
    /// The number of findings by severity, in capitals; `None` when there is no finished scan.
    pub(crate) async fn findings(
        &self,
        repository_url: &str,
        digest: &Digest,
    ) -> Result<Option<BTreeMap<String, i32>>, Error> {
        let repository = Repository::of_url(repository_url);
        let id = ImageIdentifier::builder().image_digest(digest.as_str()).build();
        let request = self.registry(&repository).describe_image_scan_findings();
        let request = request
            .repository_name(&repository.name)
            .image_id(id)
            .max_results(1);
        let answer = match request
            .send()
            .await
            .map_err(Error::of("ecr:DescribeImageScanFindings"))
        {
            Ok(answer) => answer,
            Err(error) if error.is("ScanNotFoundException") => return Ok(None),
            Err(error) => return Err(error),
        };
        let counts = answer
            .image_scan_findings
            .and_then(|it| it.finding_severity_counts);
        let is_finished = answer.image_scan_status.and_then(|it| it.status);
        let is_finished = is_finished.is_some_and(|it| matches!(it.as_str(), "COMPLETE" | "ACTIVE"));
        Ok(is_finished.then(|| {
            let counts = counts.unwrap_or_default().into_iter();
            counts
                .map(|(severity, count)| (severity.as_str().to_owned(), count))
                .collect()
        }))
    }
}
