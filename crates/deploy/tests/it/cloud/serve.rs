//! The server: AWS' protocols, and what can go wrong with them.

use std::io;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Response, StatusCode};
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Notify;

use super::{Cloud, Said, World, answer, cbor};

/// What goes wrong with a call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fault {
    /// 400 `ThrottlingException`.
    Throttled,
    /// 500 without a word.
    Broken,
    /// It takes effect, and the connection breaks in the middle of the answer.
    Unheard,
    /// 400 `AccessDeniedException`.
    Denied,
    /// 400 `UnrecognizedClientException`: credentials that AWS has not given to anybody.
    Stranger,
    /// 200 and a page, as a proxy answers that wants somebody to log in.
    Page,
}

/// When the caller is killed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum When {
    /// Before its call takes effect.
    Before,
    /// After that, and before it hears of it.
    After,
}

/// The caller is killed at the change with this number, from 0.
#[derive(Clone, Debug)]
pub(crate) struct Kill {
    pub(crate) at: usize,
    pub(crate) when: When,
    /// Told when the time has come.
    pub(crate) now: Arc<Notify>,
}

#[derive(Debug, Default)]
pub(super) struct Faults {
    /// By call: how often it goes wrong from now on.
    calls: Vec<(String, Fault, u32)>,
    kill: Option<Kill>,
    changes: usize,
}

impl Faults {
    fn next(&mut self, call: &str) -> Option<Fault> {
        let (_, fault, left) = self
            .calls
            .iter_mut()
            .find(|(of, _, left)| (of == call || of == "*") && *left > 0)?;
        *left -= 1;
        Some(*fault)
    }
}

/// Calls that change something begin so.
fn changes(call: &str) -> bool {
    ["Register", "Update", "Run", "Create", "Stop", "Continue", "Put"]
        .iter()
        .any(|verb| call.starts_with(verb))
}

impl Cloud {
    pub(super) async fn of(mut world: World) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        world.url.clone_from(&url);
        let cloud = Self {
            world: Arc::new(Mutex::new(world)),
            faults: Arc::default(),
            url,
        };
        let router = Router::new()
            .route("/", post(of_json))
            .route(
                "/service/GraniteServiceVersion20100801/operation/{call}",
                post(of_cbor),
            )
            .route("/blobs/{digest}", get(blob))
            .with_state(cloud.clone());
        tokio_util::task::TaskTracker::new().spawn(async move { axum::serve(listener, router).await });
        cloud
    }

    /// The next calls of this name go wrong; `*` is any.
    pub(crate) fn fault(&self, call: &str, fault: Fault, times: u32) {
        self.faults
            .lock()
            .unwrap()
            .calls
            .push((call.to_owned(), fault, times));
    }

    /// The caller is killed at a change. Counting begins anew.
    pub(crate) fn kill(&self, kill: Option<Kill>) {
        let mut faults = self.faults.lock().unwrap();
        faults.kill = kill;
        faults.changes = 0;
    }

    /// The kill that is due with this change.
    fn due(&self, call: &str) -> Option<Kill> {
        let mut faults = self.faults.lock().unwrap();
        if !changes(call) {
            return None;
        }
        let number = faults.changes;
        faults.changes += 1;
        faults.kill.clone().filter(|kill| kill.at == number)
    }

    async fn say(&self, call: &str, body: &Value) -> Result<Said, Fault> {
        let fault = self.faults.lock().unwrap().next(call);
        if let Some(fault) = fault.filter(|it| *it != Fault::Unheard) {
            return Err(fault);
        }
        let due = self.due(call);
        if let Some(kill) = due.as_ref().filter(|kill| matches!(kill.when, When::Before)) {
            kill.now.notify_one();
            std::future::pending::<()>().await;
        }
        let said = answer(&mut self.world(), call, body);
        if let Some(kill) = due {
            kill.now.notify_one();
            std::future::pending::<()>().await;
        }
        fault.map_or(Ok(said), Err)
    }
}

async fn of_json(State(cloud): State<Cloud>, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let target = headers["x-amz-target"].to_str().unwrap();
    let call = target.rsplit('.').next().unwrap();
    let body = serde_json::from_slice(&body).unwrap();
    let said = cloud.say(call, &body).await;
    let write = |value: &Value| serde_json::to_vec(value).unwrap();
    respond(said, "application/x-amz-json-1.1", write)
}

async fn of_cbor(State(cloud): State<Cloud>, Path(call): Path<String>, body: Bytes) -> Response<Body> {
    let said = cloud.say(&call, &cbor::read(&body)).await;
    respond(said, "application/cbor", cbor::write)
}

async fn blob(State(cloud): State<Cloud>, Path(digest): Path<String>) -> Response<Body> {
    let said = cloud.world().blob(&digest).ok_or(("NoSuchKey", digest));
    respond(Ok(said), "application/json", |value| {
        serde_json::to_vec(value).unwrap()
    })
}

fn respond(said: Result<Said, Fault>, media_type: &str, write: impl Fn(&Value) -> Vec<u8>) -> Response<Body> {
    let refuse = |code: &str, message: &str| write(&json!({ "__type": code, "message": message }));
    let (status, body) = match said {
        Ok(Ok(answer)) => (StatusCode::OK, write(&answer).into()),
        Ok(Err((code, message))) => (StatusCode::BAD_REQUEST, refuse(code, &message).into()),
        Err(Fault::Throttled) => (
            StatusCode::BAD_REQUEST,
            refuse("ThrottlingException", "Rate exceeded").into(),
        ),
        Err(Fault::Denied) => (
            StatusCode::BAD_REQUEST,
            refuse("AccessDeniedException", "not authorized").into(),
        ),
        Err(Fault::Stranger) => (
            StatusCode::BAD_REQUEST,
            refuse(
                "UnrecognizedClientException",
                "The security token included in the request is invalid.",
            )
            .into(),
        ),
        Err(Fault::Page) => (StatusCode::OK, "<html>Log in\n</html>".into()),
        Err(Fault::Broken) => (StatusCode::INTERNAL_SERVER_ERROR, Body::empty()),
        Err(Fault::Unheard) => {
            let broken =
                futures::stream::iter([Err::<Bytes, _>(io::Error::from(io::ErrorKind::ConnectionReset))]);
            (StatusCode::OK, Body::from_stream(broken))
        }
    };
    let response = Response::builder()
        .status(status)
        .header("content-type", media_type);
    response
        .header("smithy-protocol", "rpc-v2-cbor")
        .body(body)
        .unwrap()
}
