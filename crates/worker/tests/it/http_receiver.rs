//! A receiver that answers with whatever bytes a test wants, at whatever pace.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::TaskTracker;

/// What it does with a connection, after the request has come.
#[derive(Clone, Debug)]
pub(crate) enum Behaviour {
    /// Sends this, then closes.
    Say(Vec<u8>),
    /// Sends the first, and then the second without end.
    Endless(&'static str, Vec<u8>),
    /// Sends the text, and then a byte every few milliseconds without end.
    Drip(&'static str),
    /// Says nothing, and does not close.
    Silent,
}

/// A receiver on loopback.
#[derive(Debug)]
pub(crate) struct Receiver {
    pub(crate) url: String,
    /// Bytes that it got rid of.
    pub(crate) sent_bytes: Arc<AtomicUsize>,
}

impl Receiver {
    pub(crate) async fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let sent_bytes = Arc::<AtomicUsize>::default();
        let (tasks, sent) = (TaskTracker::new(), Arc::clone(&sent_bytes));
        let connections = tasks.clone();
        tasks.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, behaviour.clone(), Arc::clone(&sent)));
            }
        });
        Self { url, sent_bytes }
    }
}

/// Ends when the client goes away.
async fn serve(mut stream: TcpStream, behaviour: Behaviour, sent: Arc<AtomicUsize>) {
    let mut request = [0; 16 * 1024];
    if stream.read(&mut request).await.is_err() {
        return;
    }
    let write = async |stream: &mut TcpStream, bytes: &[u8]| {
        let written = stream.write_all(bytes).await.is_ok();
        sent.fetch_add(bytes.len(), Ordering::SeqCst);
        written
    };
    match behaviour {
        Behaviour::Say(bytes) => {
            write(&mut stream, &bytes).await;
        }
        Behaviour::Endless(head, bytes) => {
            write(&mut stream, head.as_bytes()).await;
            while write(&mut stream, &bytes).await {}
        }
        Behaviour::Drip(head) => {
            write(&mut stream, head.as_bytes()).await;
            while write(&mut stream, b"x").await {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        Behaviour::Silent => {
            drop(stream.read(&mut request).await);
        }
    }
}
