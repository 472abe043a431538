//! `tandem endpoints …`: the HTTP targets of the tenant.

use serde_json::{Map, Value, json};

use crate::args::{EndpointsArgs, EndpointsCommand, PutEndpointArgs};
use crate::client::Client;
use crate::failure::{ExitStatus, Failure};
use crate::output;
use crate::output::plain;

const KEEP_IT: &str = "Keep the secret safe: it can't be read again.";

pub(crate) async fn run(args: EndpointsArgs) -> Result<ExitStatus, Failure> {
    let json = args.api.json;
    let client = Client::new(&args.api)?;
    match args.command {
        EndpointsCommand::List { limit } => {
            let endpoints = client.list("/api/endpoints", "endpoints", &[], limit).await?;
            if json {
                output::json(&endpoints);
            } else {
                print_table(&endpoints);
            }
        }
        EndpointsCommand::Get { name } => print(client.get(&path(&name)?, &[]).await?, json),
        EndpointsCommand::Put(put) => {
            let body = body(&put)?;
            let put = client
                .put_json(&path(&put.name)?, &body, etag(put.if_version).as_deref())
                .await?;
            print(put, json);
        }
        EndpointsCommand::Delete { name, if_version } => {
            client.delete(&path(&name)?, etag(if_version).as_deref()).await?;
            output::note(&format!("the endpoint {name} is deleted"));
        }
        EndpointsCommand::Secrets { name } => {
            let secrets = client.get(&format!("{}/secrets", path(&name)?), &[]).await?;
            print_secrets(&secrets, json);
        }
        EndpointsCommand::RotateSecret { name, overlap } => {
            let path = format!("{}/rotate-secret", path(&name)?);
            // Repeating it after a lost answer makes one more secret, which harms nobody.
            let rotated = client
                .post_json(&path, &json!({ "overlap_secs": overlap.as_secs() }))
                .await?;
            if json {
                output::json(&rotated);
            } else {
                output::line(&plain(&rotated["secret"]["secret"]));
                output::note(KEEP_IT);
            }
        }
    }
    Ok(ExitStatus::Done)
}

/// A name is checked here already, because one with a slash would lead elsewhere.
fn path(name: &str) -> Result<String, Failure> {
    let name: domain::EndpointName = name
        .parse()
        .map_err(|error| Failure::usage(format!("the endpoint's name {error}")))?;
    Ok(format!("/api/endpoints/{name}"))
}

fn etag(version: Option<u32>) -> Option<String> {
    version.map(|version| format!("\"{version}\""))
}

fn body(put: &PutEndpointArgs) -> Result<Value, Failure> {
    let mut body = json!({ "url": put.target, "disabled": put.disabled });
    if let Some(timeout) = put.timeout {
        body["timeout_ms"] = json!(timeout.as_millis());
    }
    if put.no_headers || !put.headers.is_empty() {
        let mut headers = Map::new();
        for header in &put.headers {
            let (name, value) = header
                .split_once(':')
                .ok_or_else(|| Failure::usage(format!("{header:?} is no header: write Name: value")))?;
            headers.insert(name.trim().to_owned(), value.trim().into());
        }
        body["headers"] = headers.into();
    }
    Ok(body)
}

fn print(endpoint: Value, json: bool) {
    if json {
        return output::json(&endpoint);
    }
    let secret = endpoint["secret"]["secret"].as_str().map(ToOwned::to_owned);
    print_table(&[endpoint]);
    if let Some(secret) = secret {
        output::line(&format!("\n{secret}"));
        output::note(KEEP_IT);
    }
}

fn print_table(endpoints: &[Value]) {
    let row = |endpoint: &Value| {
        let names = endpoint["header_names"].as_array().into_iter().flatten();
        let headers: Vec<&str> = names.filter_map(Value::as_str).collect();
        vec![
            plain(&endpoint["name"]),
            plain(&endpoint["url"]),
            headers.join(","),
            plain(&endpoint["timeout_ms"]),
            plain(&endpoint["disabled"]),
            plain(&endpoint["version"]),
        ]
    };
    let columns = ["name", "url", "headers", "timeout_ms", "disabled", "version"];
    output::table(&columns, endpoints.iter().map(row).collect());
}

fn print_secrets(secrets: &Value, json: bool) {
    let secrets = secrets["secrets"].as_array().cloned().unwrap_or_default();
    if json {
        return output::json(&secrets);
    }
    let columns = ["id", "created_at", "expires_at"];
    let row = |secret: &Value| columns.iter().map(|name| plain(&secret[*name])).collect();
    output::table(&columns, secrets.iter().map(row).collect());
}
