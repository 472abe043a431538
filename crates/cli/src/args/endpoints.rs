//! `tandem endpoints …`

use std::time::Duration;

use clap::{Args, Subcommand};
use domain::EndpointName;
use runtime::duration;

use super::ApiArgs;

#[derive(Debug, Args)]
pub(crate) struct EndpointsArgs {
    #[command(flatten)]
    pub(crate) api: ApiArgs,
    #[command(subcommand)]
    pub(crate) command: EndpointsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum EndpointsCommand {
    /// List endpoints by name
    List {
        /// The most endpoints
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
    /// Show an endpoint
    Get {
        /// Its name
        name: EndpointName,
    },
    /// Make an endpoint, or change the one that is there; a new one's signing secret is printed once
    Put(PutEndpointArgs),
    /// Delete an endpoint with its secrets; its jobs fail for good
    Delete {
        /// Its name
        name: EndpointName,
        /// Only this version
        #[arg(long)]
        if_version: Option<u32>,
    },
    /// List the signing secrets of an endpoint, without the secrets themselves
    Secrets {
        /// Its name
        name: EndpointName,
    },
    /// Make a new signing secret, which is printed once; the old ones sign too until the overlap has passed
    RotateSecret {
        /// Its name
        name: EndpointName,
        /// How long the old secrets go on signing, at most 7d; 0s for a secret that has leaked
        #[arg(long, default_value = "24h", value_parser = duration::parse)]
        overlap: Duration,
    },
}

#[derive(Debug, Args)]
pub(crate) struct PutEndpointArgs {
    /// Its name
    pub(crate) name: EndpointName,
    /// Where it is
    #[arg(long = "target", value_name = "URL")]
    pub(crate) target: String,
    /// A header for every request, as `Name: value`; may be repeated. Without any, those that are there stay
    #[arg(long = "header", conflicts_with = "no_headers")]
    pub(crate) headers: Vec<String>,
    /// Remove the headers that are there
    #[arg(long)]
    pub(crate) no_headers: bool,
    /// How long an exchange may take, if a job does not say otherwise
    #[arg(long, value_parser = duration::parse)]
    pub(crate) timeout: Option<Duration>,
    /// Have its jobs wait, until it is put without this
    #[arg(long)]
    pub(crate) disabled: bool,
    /// Change only this version
    #[arg(long)]
    pub(crate) if_version: Option<u32>,
}
