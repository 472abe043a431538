//! The authorities of RDS, which the images bring: a database whose authority is missing there, or has run out, is not
//! believed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use x509_parser::certificate::X509Certificate;
use x509_parser::pem::Pem;
use x509_parser::prelude::FromDer as _;

use super::files::Files;

const BUNDLE: &str = "certificates/rds-ca.pem";
/// The kinds of keys that RDS has an authority for, in each region.
const KINDS: [&str; 3] = ["ECC384", "RSA2048", "RSA4096"];
/// A certificate that runs out sooner is complained of while there is time to replace it.
const LEAST_SECS: i64 = 365 * 24 * 60 * 60;

/// Finds what is wrong with the authorities, and regions of environments that have none. `now` is in seconds since 1970.
pub fn check(files: &Files, now: i64) -> Vec<String> {
    let Some((_, text)) = files.iter().find(|(path, _)| *path == Path::new(BUNDLE)) else {
        return vec![format!("{BUNDLE}: is missing, and the images are to bring it")];
    };
    let mut complaints = Vec::new();
    let mut regions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (number, pem) in (1..).zip(Pem::iter_from_buffer(text.as_bytes())) {
        let authority = pem
            .map_err(|error| error.to_string())
            .and_then(|pem| authority(&pem.contents, now));
        match authority {
            Ok((region, kind)) => drop(regions.entry(region).or_default().insert(kind)),
            Err(problem) => complaints.push(format!("{BUNDLE}: certificate {number} {problem}")),
        }
    }
    for (region, kinds) in &regions {
        let missing = KINDS.iter().filter(|kind| !kinds.contains(**kind));
        complaints.extend(missing.map(|kind| format!("{BUNDLE}: {region} has no authority for {kind}")));
    }
    let used: BTreeSet<&str> = files
        .with_extension("tfvars")
        .flat_map(|(_, text)| used(text))
        .collect();
    let unknown = used.into_iter().filter(|region| !regions.contains_key(*region));
    complaints.extend(unknown.map(|region| format!("{BUNDLE}: {region} is used, and has no authority")));
    complaints
}

/// The region and the kind of key of an authority, or what is wrong with it.
fn authority(der: &[u8], now: i64) -> Result<(String, String), String> {
    let (_, certificate) =
        X509Certificate::from_der(der).map_err(|error| format!("can't be read: {error}"))?;
    let subject = certificate.subject();
    if subject.as_raw() != certificate.issuer().as_raw() || !certificate.is_ca() {
        return Err("is no root".to_owned());
    }
    if certificate.validity().not_after.timestamp() - now < LEAST_SECS {
        return Err(format!("runs out within a year: {subject}"));
    }
    let name = subject
        .iter_common_name()
        .next()
        .and_then(|name| name.as_str().ok());
    let parts = name.and_then(|name| {
        let rest = name.strip_prefix("Amazon RDS ")?.strip_suffix(" G1")?;
        rest.split_once(" Root CA ")
    });
    let (region, kind) = parts.ok_or_else(|| format!("is none of RDS: {subject}"))?;
    Ok((region.to_owned(), kind.to_owned()))
}

/// The regions that an environment names.
fn used(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| {
        let (name, value) = line.split_once('=')?;
        let is_region = matches!(name.trim(), "region" | "dr_region");
        is_region.then(|| value.trim().trim_matches('"'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = include_str!("../../../certificates/rds-ca.pem");
    /// The year 2026.
    const NOW: i64 = 1_780_000_000;

    fn complaints(bundle: &str, tfvars: &str, now: i64) -> Vec<String> {
        let files = Files::from([
            (BUNDLE, bundle),
            ("terraform/environments/prod/terraform.tfvars", tfvars),
        ]);
        check(&files, now)
    }

    fn first() -> &'static str {
        let end = "-----END CERTIFICATE-----\n";
        &OURS[..OURS.find(end).unwrap() + end.len()]
    }

    #[test]
    fn ours_are_roots_of_the_regions_in_use() {
        let none: [&str; 0] = [];
        assert_eq!(
            complaints(
                OURS,
                "region = \"eu-west-1\"\ndr_region   = \"eu-central-1\"\n",
                NOW
            ),
            none
        );
    }

    #[test]
    fn a_missing_file_region_or_kind_is_told() {
        assert_eq!(check(&Files::from([("a", "b")]), NOW).len(), 1);
        let told = complaints(first(), "region = \"eu-west-1\"\nname = \"x\"\n", NOW);
        assert_eq!(
            told,
            [
                "certificates/rds-ca.pem: af-south-1 has no authority for RSA2048",
                "certificates/rds-ca.pem: af-south-1 has no authority for RSA4096",
                "certificates/rds-ca.pem: eu-west-1 is used, and has no authority",
            ]
        );
    }

    #[test]
    fn what_runs_out_or_is_damaged_is_told() {
        // In 2060 the keys of 2,048 bits have a year or less.
        let late = complaints(OURS, "", 2_871_763_200);
        assert!(
            late.iter()
                .any(|told| told.contains("eu-west-1 Root CA RSA2048 G1")),
            "{late:?}"
        );
        assert!(
            !late
                .iter()
                .any(|told| told.contains("runs out") && told.contains("RSA4096"))
        );
        let damaged = complaints(&first().replacen("MII", "AAA", 1), "", NOW);
        assert!(damaged[0].contains("certificate 1 "), "{damaged:?}");
    }
}
