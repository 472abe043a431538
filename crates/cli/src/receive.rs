//! `tandem receive`: shows the requests that jobs of kind `http.request` make, for trying things out.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use client::webhook::Verifier;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::args::ReceiveArgs;
use crate::failure::{ExitStatus, Failure};
use crate::output;

const MAX_BODY_BYTES: usize = 1024 * 1024;

/// How requests are answered, and checked.
struct Receiver {
    status: StatusCode,
    /// `None` when nothing is checked.
    verifier: Option<Verifier>,
}

pub(crate) async fn run(args: ReceiveArgs) -> Result<ExitStatus, Failure> {
    let secrets = args.webhook_secret;
    let verifier = (!secrets.is_empty()).then(|| Verifier::new(secrets));
    let receiver = Arc::new(Receiver {
        status: StatusCode::from_u16(args.status)?,
        verifier: verifier.transpose()?,
    });
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, args.port))).await?;
    output::note(&format!(
        "receiving on http://{}/; Ctrl-C ends",
        listener.local_addr()?
    ));
    tokio::select! {
        () = serve(listener, receiver) => {}
        ended = tokio::signal::ctrl_c() => ended?,
    }
    Ok(ExitStatus::Done)
}

async fn serve(listener: TcpListener, receiver: Arc<Receiver>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                let receiver = Arc::clone(&receiver);
                connections.spawn(async move {
                    let service = service_fn(|request| answer(&receiver, request));
                    let http = hyper::server::conn::http1::Builder::new();
                    // A caller that goes away has nothing to be told.
                    drop(http.serve_connection(TokioIo::new(stream), service).await);
                });
            }
        }
    }
}

async fn answer(
    receiver: &Receiver,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, MAX_BODY_BYTES).collect().await else {
        return Ok(respond(
            StatusCode::PAYLOAD_TOO_LARGE,
            "the body is too large or broke off",
        ));
    };
    let body = body.to_bytes();
    let header = |name: &str| {
        head.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or("-")
            .to_owned()
    };
    let signature = match &receiver.verifier {
        None => "not checked",
        Some(verifier) if verifier.verify(&head.headers, &body).is_ok() => "valid",
        Some(_) => "INVALID",
    };
    output::line(&format!(
        "{} {}  webhook-id {}  attempt {}  signature {signature}  {}",
        head.method,
        head.uri,
        header("webhook-id"),
        header("tandem-attempt"),
        String::from_utf8_lossy(&body),
    ));
    Ok(respond(
        receiver.status,
        &json!({ "received_bytes": body.len() }).to_string(),
    ))
}

fn respond(status: StatusCode, body: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body.to_owned()));
    *response.status_mut() = status;
    response.headers_mut().insert(
        "content-type",
        hyper::header::HeaderValue::from_static("application/json"),
    );
    response
}
