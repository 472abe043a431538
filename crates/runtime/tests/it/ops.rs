use std::net::SocketAddr;

use runtime::ops::{Check, Ops, healthcheck, probe, serve};
use runtime::telemetry::metrics_handle;
use runtime::{Shutdown, metric};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// Runs `test` while the listener answers.
async fn with_ops<T>(ops: Ops, test: impl AsyncFnOnce(SocketAddr) -> T) -> T {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::select! {
        never = serve(listener, ops) => match never {},
        result = test(addr) => result,
    }
}

fn ops(shutdown: &Shutdown) -> Ops {
    let shutdown = shutdown.clone();
    let ready = probe(move || std::future::ready(vec![Check::not_draining(&shutdown)]));
    Ops {
        health: probe(async || Vec::new()),
        ready,
        metrics: metrics_handle(),
    }
}

/// The status line, the headers and the body of the answer.
async fn ask(addr: SocketAddr, request: &str) -> (String, String, String) {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let request = format!("{request} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let (status, headers) = head.split_once("\r\n").unwrap();
    (status.to_owned(), headers.to_owned(), body.to_owned())
}

fn parsed(body: &str) -> Value {
    serde_json::from_str(body).unwrap()
}

#[tokio::test]
async fn readiness_goes_red_while_draining_and_health_does_not() {
    let shutdown = Shutdown::new();
    with_ops(ops(&shutdown), async |addr| {
        let (status, headers, body) = ask(addr, "GET /ready").await;
        assert_eq!(status, "HTTP/1.1 200 OK");
        assert!(headers.contains("content-type: application/json"), "{headers}");
        assert_eq!(
            parsed(&body),
            json!({ "status": "ok", "checks": { "lifecycle": "ok" } })
        );

        shutdown.begin();
        let (status, _, body) = ask(addr, "GET /ready").await;
        assert_eq!(status, "HTTP/1.1 503 Service Unavailable");
        assert_eq!(
            parsed(&body),
            json!({ "status": "failing", "checks": { "lifecycle": "draining" } })
        );

        let (status, _, body) = ask(addr, "GET /health").await;
        assert_eq!(
            (status.as_str(), parsed(&body)),
            ("HTTP/1.1 200 OK", json!({ "status": "ok", "checks": {} }))
        );
    })
    .await;
}

#[tokio::test]
async fn metrics_are_there_and_nothing_else_is() {
    with_ops(ops(&Shutdown::new()), async |addr| {
        metric::HEARTBEATS.with(["ok".into()]).increment(1);
        let (status, headers, body) = ask(addr, "GET /metrics").await;
        assert_eq!(status, "HTTP/1.1 200 OK");
        assert!(
            headers.contains("content-type: text/plain; version=0.0.4"),
            "{headers}"
        );
        assert!(
            body.contains("tandem_heartbeats_total{result=\"ok\"} 1"),
            "{body}"
        );

        let (status, headers, body) = ask(addr, "GET /").await;
        assert_eq!(status, "HTTP/1.1 404 Not Found");
        assert!(
            headers.contains("content-type: application/problem+json"),
            "{headers}"
        );
        assert_eq!(
            parsed(&body),
            json!({ "type": "about:blank", "title": "Not Found", "status": 404 })
        );

        let (status, headers, _) = ask(addr, "POST /health").await;
        assert_eq!(status, "HTTP/1.1 405 Method Not Allowed");
        assert!(headers.contains("allow: GET, HEAD"), "{headers}");

        let (status, _, body) = ask(addr, "HEAD /health").await;
        assert_eq!((status.as_str(), body.as_str()), ("HTTP/1.1 200 OK", ""));
    })
    .await;
}

#[tokio::test]
async fn the_healthcheck_follows_health() {
    let check = async |addr| {
        tokio::task::spawn_blocking(move || healthcheck(addr))
            .await
            .unwrap()
    };

    let healthy = ops(&Shutdown::new());
    with_ops(healthy.clone(), async |addr| check(addr).await.unwrap()).await;

    let stuck = || {
        std::future::ready(vec![Check {
            name: "loop",
            result: Err("has not moved".to_owned()),
        }])
    };
    let told = with_ops(
        Ops {
            health: probe(stuck),
            ..healthy
        },
        check,
    )
    .await
    .unwrap_err();
    assert_eq!(
        told.to_string(),
        "the answer is \"HTTP/1.1 503 Service Unavailable\""
    );

    // Bound but not listening: no other test can get this port.
    let nobody = TcpSocket::new_v4().unwrap();
    nobody.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let refused = check(nobody.local_addr().unwrap()).await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
}
