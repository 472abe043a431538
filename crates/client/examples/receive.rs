//! Receives what jobs of kind `http.request` send, and does what they ask for once: `receive ADDRESS`.
//!
//! `TANDEM_WEBHOOK_SECRET` is the signing secret of the tenant or of an endpoint; during a rotation both, with a comma.

#![expect(clippy::print_stdout, reason = "a program for people")]
#![expect(
    clippy::disallowed_methods,
    reason = "a program that is configured by its environment"
)]

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use client::webhook::Verifier;
use http::{HeaderMap, StatusCode};
use tokio::net::TcpListener;

struct Receiver {
    verifier: Verifier,
    /// What was done already. A program that outlives its process keeps this in its database, in the transaction of what it
    /// does.
    done: Mutex<HashSet<String>>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let address = std::env::args().nth(1).context("usage: receive ADDRESS")?;
    let secrets = std::env::var("TANDEM_WEBHOOK_SECRET")?;
    let receiver = Receiver {
        verifier: Verifier::new(secrets.split(','))?,
        done: Mutex::default(),
    };
    let listener = TcpListener::bind(&address).await?;
    println!("receiving on http://{}/", listener.local_addr()?);
    let router = Router::new().fallback(receive).with_state(Arc::new(receiver));
    axum::serve(listener, router).await?;
    Ok(())
}

/// The body is checked as it came: what reads and writes JSON again would change it.
async fn receive(State(receiver): State<Arc<Receiver>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    if receiver.verifier.verify(&headers, &body).is_err() {
        println!("refused a message that is not from the platform");
        return StatusCode::UNAUTHORIZED;
    }
    // Each attempt of a job has the same id, and more than one may get through.
    let id = headers["webhook-id"].to_str().unwrap_or_default().to_owned();
    let mut done = receiver.done.lock().unwrap_or_else(PoisonError::into_inner);
    if done.insert(id.clone()) {
        println!("{id}: {}", String::from_utf8_lossy(&body));
    }
    StatusCode::NO_CONTENT
}
