//! What stands in for an account in AWS while the steps run: a server that speaks its protocols, with a bucket for the state.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use crate::emulator::{Emulator, Kind};
use crate::interrupt::Interrupts;
use crate::python;
use crate::terraform::provider;

const BUCKET: &str = "tandem-state";
const REGION: &str = "eu-west-1";
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// The server, which ends when this value is dropped.
#[derive(Debug)]
pub(super) struct Account {
    _server: Emulator,
    /// What steps find in place of a role's credentials and of the variables on GitHub.
    pub(super) variables: BTreeMap<String, String>,
}

impl Account {
    /// Starts it, with an empty bucket.
    pub(super) fn start(root: &Path, interrupts: &Interrupts, folder: &Path) -> Result<Self> {
        let server =
            Emulator::start_for_terraform(Kind::Ministack, root, &python::ensure_venv(root, interrupts)?)?;
        let endpoint = server.endpoint();
        create_bucket(&endpoint)?;
        let mut variables = BTreeMap::from([
            ("AWS_ACCESS_KEY_ID".to_owned(), "test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY".to_owned(), "test".to_owned()),
            ("AWS_REGION".to_owned(), REGION.to_owned()),
            ("TANDEM_BACKEND".to_owned(), backend(&endpoint)),
            ("TANDEM_TFVARS".to_owned(), known_by_the_account(&endpoint)),
        ]);
        if let Some(mirror) = provider::mirror() {
            let settings = folder.join("terraform.rc");
            let path = json!(mirror);
            fs::write(
                &settings,
                format!("provider_installation {{\n  filesystem_mirror {{\n    path = {path}\n  }}\n}}\n"),
            )
            .with_context(|| format!("could not write {}", settings.display()))?;
            variables.insert("TF_CLI_CONFIG_FILE".to_owned(), settings.display().to_string());
        }
        Ok(Self {
            _server: server,
            variables,
        })
    }
}

/// As bootstrap's output has it, but for what makes Terraform take a server that is not AWS.
fn backend(endpoint: &str) -> String {
    json!({
        "bucket": BUCKET,
        "region": REGION,
        "endpoints": {"s3": endpoint},
        "use_path_style": true,
        "skip_credentials_validation": true,
        "skip_metadata_api_check": true,
        "skip_region_validation": true,
        "skip_requesting_account_id": true,
        "skip_s3_checksum": true,
    })
    .to_string()
}

fn known_by_the_account(endpoint: &str) -> String {
    let certificate =
        format!("arn:aws:acm:{REGION}:111122223333:certificate/00000000-0000-0000-0000-000000000000");
    json!({"aws_endpoint": endpoint, "certificate_arn": certificate}).to_string()
}

fn create_bucket(endpoint: &str) -> Result<()> {
    let body = format!(
        "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
         <LocationConstraint>{REGION}</LocationConstraint></CreateBucketConfiguration>"
    );
    let port: u16 = endpoint
        .rsplit(':')
        .next()
        .and_then(|it| it.parse().ok())
        .context("the server has no port")?;
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).context("the server is gone")?;
    stream
        .set_read_timeout(Some(ANSWER_LIMIT))
        .context("the server's answer has no end")?;
    let request = format!(
        "PUT /{BUCKET} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream
        .write_all(request.as_bytes())
        .context("the server takes no bucket")?;
    let mut status = [0; "HTTP/1.1 200".len()];
    stream
        .read_exact(&mut status)
        .context("the server does not answer")?;
    ensure!(
        status.ends_with(b" 200"),
        "the server makes no bucket: {}",
        String::from_utf8_lossy(&status)
    );
    Ok(())
}
