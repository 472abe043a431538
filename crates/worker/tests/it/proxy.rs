//! A connection to Postgres that a test can cut.

use std::net::SocketAddr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

/// Passes connections on to the database, while it is not cut.
#[derive(Debug)]
pub(crate) struct Proxy {
    /// The database's URL through the proxy.
    pub(crate) url: String,
    up: watch::Sender<bool>,
}

impl Proxy {
    pub(crate) async fn to(url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = listener.local_addr().unwrap();
        let (login, rest) = url.rsplit_once('@').unwrap();
        let (server, database) = rest.split_once('/').unwrap();
        let upstream: SocketAddr = server.parse().unwrap();
        let (up, is_up) = watch::channel(true);
        // It ends with the test's runtime.
        drop(TaskTracker::new().spawn(accept(listener, upstream, is_up)));
        Self {
            url: format!("{login}@{here}/{database}"),
            up,
        }
    }

    /// Ends all connections and refuses new ones.
    pub(crate) fn cut(&self) {
        self.up.send_replace(false);
    }

    pub(crate) fn mend(&self) {
        self.up.send_replace(true);
    }
}

async fn accept(listener: TcpListener, upstream: SocketAddr, is_up: watch::Receiver<bool>) {
    let tasks = TaskTracker::new();
    while let Ok((mut inner, _)) = listener.accept().await {
        let mut is_up = is_up.clone();
        tasks.spawn(async move {
            if !*is_up.borrow_and_update() {
                return;
            }
            let mut outer = TcpStream::connect(upstream).await.unwrap();
            tokio::select! {
                _ = copy_bidirectional(&mut inner, &mut outer) => {}
                _ = is_up.wait_for(|up| !*up) => {}
            }
        });
    }
}
