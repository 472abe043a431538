//! The api, as whoever runs the command reaches it; and its answers, as they are shown.

use std::time::Duration;

use client::{Call, Client, Pages};
use serde::de::DeserializeOwned;

use crate::args::ApiArgs;
use crate::failure::Failure;
use crate::output;

/// How long one try may take; a person who waits longer presses Ctrl-C.
const TIMEOUT: Duration = Duration::from_secs(60);

pub(crate) fn connect(args: &ApiArgs) -> Result<Client, Failure> {
    if args.api_key.is_empty() {
        return Err(Failure::new(
            "no API key: set TANDEM_API_KEY, or give --api-key; after `tandem dev`: source .tandem/env",
        ));
    }
    let builder = Client::builder(&args.url, &args.api_key)
        .user_agent(concat!("tandem/", env!("CARGO_PKG_VERSION")))
        .timeout(TIMEOUT);
    Ok(builder.build()?)
}

/// Makes a call and shows its answer: as the api wrote it, or as `tell` does.
pub(crate) async fn show<T: DeserializeOwned>(
    call: Call<'_, T>,
    json: bool,
    tell: impl FnOnce(T),
) -> Result<(), Failure> {
    if json {
        output::json(&call.verbatim().await?);
    } else {
        tell(call.await?);
    }
    Ok(())
}

/// Reads a list and shows it: as the api wrote its entries, or as `tell` does.
pub(crate) async fn show_list<T: DeserializeOwned>(
    list: Pages<'_, T>,
    json: bool,
    tell: impl FnOnce(Vec<T>),
) -> Result<(), Failure> {
    if json {
        output::json(&list.verbatim().all().await?);
    } else {
        tell(list.all().await?);
    }
    Ok(())
}
