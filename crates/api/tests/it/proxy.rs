//! A network to Postgres that can be broken.

use std::net::SocketAddr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

pub(crate) struct Proxy {
    addr: SocketAddr,
    target: String,
    /// Accepts, and owns the connections; nothing while the network is broken.
    network: JoinSet<()>,
}

impl Proxy {
    /// A proxy for the server of this URL.
    pub(crate) async fn start(url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let mut proxy = Self {
            addr,
            target: server(url).to_owned(),
            network: JoinSet::new(),
        };
        proxy.listen(listener);
        proxy
    }

    /// The URL by way of the proxy.
    pub(crate) fn url(&self, url: &str) -> String {
        url.replace(server(url), &self.addr.to_string())
    }

    /// Breaks all connections, and refuses new ones.
    pub(crate) async fn break_network(&mut self) {
        self.network.shutdown().await;
    }

    pub(crate) async fn restore_network(&mut self) {
        let listener = TcpListener::bind(self.addr).await.unwrap();
        self.listen(listener);
    }

    fn listen(&mut self, listener: TcpListener) {
        let target = self.target.clone();
        self.network.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (mut client, _) = listener.accept().await.unwrap();
                let mut server = TcpStream::connect(&target).await.unwrap();
                connections.spawn(async move { drop(copy_bidirectional(&mut client, &mut server).await) });
            }
        });
    }
}

/// Host and port of a URL that has both.
fn server(url: &str) -> &str {
    let (_, rest) = url.split_once('@').unwrap();
    rest.split('/').next().unwrap()
}
