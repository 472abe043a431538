//! `tandem endpoints …`: the HTTP targets of the tenant.

use std::collections::BTreeMap;

use client::{Endpoint, EndpointSecret, Expected, PutEndpoint};

use crate::access;
use crate::args::{EndpointsArgs, EndpointsCommand, PutEndpointArgs};
use crate::failure::{ExitStatus, Failure};
use crate::jobs::ms;
use crate::output::{self, optional, optional_time};

const KEEP_IT: &str = "Keep the secret safe: it can't be read again.";

pub(crate) async fn run(args: EndpointsArgs) -> Result<ExitStatus, Failure> {
    let json = args.api.json;
    let client = access::connect(&args.api)?;
    match args.command {
        EndpointsCommand::List { limit } => {
            access::show_list(client.endpoints().limit(limit), json, print_table).await?;
        }
        EndpointsCommand::Get { name } => access::show(client.endpoint(name.as_str()), json, print).await?,
        EndpointsCommand::Put(args) => {
            let expected = args.if_version.map_or(Expected::Anything, Expected::Version);
            let name = args.name.clone();
            let put = client.put_endpoint(name.as_str(), &endpoint(args)?, expected);
            access::show(put, json, print).await?;
        }
        EndpointsCommand::Delete { name, if_version } => {
            client.delete_endpoint(name.as_str(), if_version).await?;
            output::note(&format!("the endpoint {name} is deleted"));
        }
        EndpointsCommand::Secrets { name } => {
            access::show(client.endpoint_secrets(name.as_str()), json, print_secrets).await?;
        }
        EndpointsCommand::RotateSecret { name, overlap } => {
            let rotated = client.rotate_endpoint_secret(name.as_str(), overlap);
            access::show(rotated, json, |rotated| {
                output::line(&rotated.secret.secret);
                output::note(KEEP_IT);
            })
            .await?;
        }
    }
    Ok(ExitStatus::Done)
}

fn endpoint(args: PutEndpointArgs) -> Result<PutEndpoint, Failure> {
    let headers: Result<BTreeMap<_, _>, _> = args.headers.iter().map(|header| parse_header(header)).collect();
    let headers = headers?;
    Ok(PutEndpoint {
        url: args.target,
        headers: (args.no_headers || !headers.is_empty()).then_some(headers),
        timeout_ms: args.timeout.map(ms),
        disabled: args.disabled,
    })
}

fn parse_header(text: &str) -> Result<(String, String), Failure> {
    let (name, value) = text
        .split_once(':')
        .ok_or_else(|| Failure::usage(format!("{text:?} is no header: write Name: value")))?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

fn print(mut endpoint: Endpoint) {
    let secret = endpoint.secret.take();
    print_table(vec![endpoint]);
    if let Some(secret) = secret {
        output::line(&format!("\n{}", secret.secret));
        output::note(KEEP_IT);
    }
}

fn print_table(endpoints: Vec<Endpoint>) {
    let rows = endpoints.into_iter().map(|endpoint| {
        [
            endpoint.name,
            endpoint.url,
            endpoint.header_names.join(","),
            optional(endpoint.timeout_ms),
            endpoint.disabled.to_string(),
            endpoint.version.to_string(),
        ]
    });
    output::table(
        ["name", "url", "headers", "timeout_ms", "disabled", "version"],
        rows,
    );
}

fn print_secrets(secrets: Vec<EndpointSecret>) {
    let rows = secrets.into_iter().map(|secret| {
        [
            secret.id.to_string(),
            output::time(secret.created_at),
            optional_time(secret.expires_at),
        ]
    });
    output::table(["id", "created_at", "expires_at"], rows);
}
