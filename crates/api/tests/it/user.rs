//! Somebody who sends requests to an api, with a key or without one.

use axum::Router;
use axum::body::Body;
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use runtime::credential::ApiKey;
use serde_json::Value;
use tower::ServiceExt;

use crate::answer::Answer;

/// Somebody who sends requests.
#[derive(Clone)]
pub(crate) struct User<'a> {
    pub(crate) router: &'a Router,
    pub(crate) key: Option<ApiKey>,
}

impl User<'_> {
    pub(crate) fn key_text(&self) -> &str {
        self.key.as_ref().unwrap().expose()
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path).body(Body::empty()).unwrap())
            .await
    }

    /// Sends JSON.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_text(path, body.to_string()).await
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Answer {
        let request = self
            .request(Method::PATCH, path)
            .header("content-type", "application/json");
        self.send(request.body(body.to_string().into()).unwrap()).await
    }

    pub(crate) async fn post_text(&self, path: &str, body: impl Into<Body>) -> Answer {
        self.send(self.json_request(path).body(body.into()).unwrap())
            .await
    }

    /// Submits a job and gives its id.
    pub(crate) async fn submit(&self, body: &Value) -> String {
        let answer = self.post("/api/jobs", body).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    pub(crate) fn json_request(&self, path: &str) -> http::request::Builder {
        self.request(Method::POST, path)
            .header("content-type", "application/json")
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> http::request::Builder {
        let request = Request::builder().method(method).uri(path);
        match &self.key {
            Some(key) => request.header("x-api-key", key.expose()),
            None => request,
        }
    }

    /// Reads what need not be text.
    pub(crate) async fn get_bytes(&self, path: &str) -> Vec<u8> {
        let request = self.request(Method::GET, path).body(Body::empty()).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        response.into_body().collect().await.unwrap().to_bytes().to_vec()
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer {
            status: head.status,
            headers: head.headers,
            text: String::from_utf8(body.to_vec()).unwrap(),
        }
    }
}
