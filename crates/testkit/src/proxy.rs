//! A network that can be broken.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;

/// Passes connections on to a server while the network is whole.
#[derive(Debug)]
pub struct Proxy {
    addr: SocketAddr,
    target: String,
    /// Accepts, and owns the connections; nothing while the network is broken.
    network: JoinSet<()>,
    accepted: Arc<AtomicUsize>,
    /// Keeps the port while the network is broken.
    nobody: Option<TcpSocket>,
}

/// An address that refuses connections, and no other test can get, for as long as the socket lives: it is bound, and
/// not listened on.
///
/// # Panics
/// When there is no port.
#[must_use]
pub fn nobody_there() -> (TcpSocket, SocketAddr) {
    let nobody = keep("127.0.0.1:0".parse().unwrap());
    let addr = nobody.local_addr().unwrap();
    (nobody, addr)
}

fn keep(addr: SocketAddr) -> TcpSocket {
    let nobody = TcpSocket::new_v4().unwrap();
    // Connections from before may still be ending on it.
    nobody.set_reuseaddr(true).unwrap();
    nobody.bind(addr).unwrap();
    nobody
}

impl Proxy {
    /// A proxy for the server of this URL.
    ///
    /// # Panics
    /// When there is no port to listen on.
    pub async fn start(url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let mut proxy = Self {
            addr,
            target: server(url).to_owned(),
            network: JoinSet::new(),
            accepted: Arc::default(),
            nobody: None,
        };
        proxy.listen(listener);
        proxy
    }

    /// The URL by way of the proxy.
    #[must_use]
    pub fn url(&self, url: &str) -> String {
        url.replace(server(url), &self.addr.to_string())
    }

    /// Breaks all connections, and refuses new ones.
    ///
    /// # Panics
    /// When somebody else has taken the port at this moment.
    pub async fn break_network(&mut self) {
        self.network.shutdown().await;
        self.nobody = Some(keep(self.addr));
    }

    /// Accepts connections again.
    ///
    /// # Panics
    /// When the network is not broken.
    #[expect(clippy::unused_async, reason = "listening needs the test's runtime")]
    pub async fn restore_network(&mut self) {
        let listener = self.nobody.take().unwrap().listen(1_024).unwrap();
        self.listen(listener);
    }

    /// How many connections were accepted so far.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::Relaxed)
    }

    fn listen(&mut self, listener: TcpListener) {
        let (target, accepted) = (self.target.clone(), Arc::clone(&self.accepted));
        self.network.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (mut client, _) = listener.accept().await.unwrap();
                accepted.fetch_add(1, Ordering::Relaxed);
                let mut server = TcpStream::connect(&target).await.unwrap();
                connections.spawn(async move { drop(copy_bidirectional(&mut client, &mut server).await) });
            }
        });
    }
}

/// Host and port of a URL that has both.
fn server(url: &str) -> &str {
    let (_, rest) = url.split_once("://").unwrap();
    let authority = rest.split('/').next().unwrap();
    authority.rsplit_once('@').map_or(authority, |(_, server)| server)
}
