//! A TCP connection that a test can cut or hold up, and whose requests to SQS it counts.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What becomes of connections.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Way {
    /// They are passed on.
    Open,
    /// They are ended, new ones at once: the server is down.
    Refused,
    /// Nothing gets through, and nobody is told: the network is cut. What was sent arrives when it is mended.
    Held,
}

#[derive(Clone, Copy)]
struct State {
    way: Way,
    /// How often all connections were ended.
    cuts: u32,
    /// How often the connections of then were left hanging.
    strandings: u32,
}

/// A request that went through.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) at: Instant,
    /// What was asked of SQS, such as `SendMessageBatch`.
    pub(crate) action: String,
}

pub(crate) struct Proxy {
    addr: SocketAddr,
    state: watch::Sender<State>,
    requests: Arc<Mutex<Vec<Request>>>,
    connections: Arc<Mutex<Vec<Instant>>>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    /// Passes connections on to an address such as `127.0.0.1:5432`.
    pub(crate) async fn to(upstream: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let state = watch::Sender::new(State {
            way: Way::Open,
            cuts: 0,
            strandings: 0,
        });
        let requests = Arc::<Mutex<Vec<Request>>>::default();
        let connections = Arc::<Mutex<Vec<Instant>>>::default();
        let link = Link {
            upstream: upstream.to_owned(),
            state: state.subscribe(),
            requests: Arc::clone(&requests),
        };
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, link, Arc::clone(&connections)));
        Self {
            addr,
            state,
            requests,
            connections,
            _tasks: tasks,
        }
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    pub(crate) fn set(&self, way: Way) {
        self.state.send_modify(|state| state.way = way);
    }

    /// Ends the connections that there are.
    pub(crate) fn cut(&self) {
        self.state.send_modify(|state| state.cuts += 1);
    }

    /// Nothing gets through on the connections that there are, for ever, and neither side is told: the host behind them
    /// is gone. New ones work: another host has taken its place.
    pub(crate) fn strand(&self) {
        self.state.send_modify(|state| state.strandings += 1);
    }

    /// How many connections were begun since a moment, whatever became of them.
    pub(crate) fn connections(&self, since: Instant) -> usize {
        let connections = self.connections.lock().unwrap();
        connections.iter().filter(|at| **at >= since).count()
    }

    /// The requests to SQS so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

#[derive(Clone)]
struct Link {
    upstream: String,
    state: watch::Receiver<State>,
    requests: Arc<Mutex<Vec<Request>>>,
}

async fn accept(listener: TcpListener, link: Link, accepted: Arc<Mutex<Vec<Instant>>>) {
    let mut connections = JoinSet::new();
    while let Ok((inner, _)) = listener.accept().await {
        accepted.lock().unwrap().push(Instant::now());
        let link = link.clone();
        connections.spawn(async move {
            let mut state = link.state.clone();
            let cuts = state.borrow().cuts;
            let ended = state.wait_for(|state| state.way == Way::Refused || state.cuts != cuts);
            tokio::select! {
                () = pass(inner, link) => {}
                _ = ended => {}
            }
        });
    }
}

async fn pass(inner: TcpStream, mut link: Link) {
    let era = link.state.borrow().strandings;
    open(&mut link.state, era).await;
    let Ok(outer) = TcpStream::connect(&link.upstream).await else {
        return;
    };
    for stream in [&inner, &outer] {
        stream.set_nodelay(true).unwrap();
    }
    let ((from_inner, to_inner), (from_outer, to_outer)) = (inner.into_split(), outer.into_split());
    let mut sqs = Watcher::new(Arc::clone(&link.requests));
    let there = copy(from_inner, to_outer, (link.state.clone(), era), |bytes| {
        sqs.look(bytes)
    });
    let back = copy(from_outer, to_inner, (link.state, era), |_| {});
    tokio::join!(there, back);
}

/// Waits until a connection of this era may pass something on.
async fn open(state: &mut watch::Receiver<State>, era: u32) {
    drop(
        state
            .wait_for(|state| state.way == Way::Open && state.strandings == era)
            .await,
    );
}

/// Passes on what one side says until it ends.
async fn copy(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    (mut state, era): (watch::Receiver<State>, u32),
    mut look: impl FnMut(&[u8]),
) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let Ok(len) = from.read(&mut buffer).await else {
            return;
        };
        open(&mut state, era).await;
        look(&buffer[..len]);
        if len == 0 || to.write_all(&buffer[..len]).await.is_err() {
            return;
        }
    }
}

const TARGET: &[u8] = b"x-amz-target: AmazonSQS.";

/// Finds the requests to SQS in what a client sends.
struct Watcher {
    /// What may be the beginning of a header.
    rest: Vec<u8>,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Watcher {
    fn new(requests: Arc<Mutex<Vec<Request>>>) -> Self {
        Self {
            rest: Vec::new(),
            requests,
        }
    }

    fn look(&mut self, bytes: &[u8]) {
        self.rest.extend_from_slice(bytes);
        let find = |text: &[u8], what: &[u8]| text.windows(what.len()).position(|window| window == what);
        while let Some(start) = find(&self.rest, TARGET) {
            let action = start + TARGET.len();
            let Some(len) = find(&self.rest[action..], b"\r\n") else {
                return;
            };
            let name = String::from_utf8_lossy(&self.rest[action..action + len]).into_owned();
            self.requests.lock().unwrap().push(Request {
                at: Instant::now(),
                action: name,
            });
            self.rest.drain(..action + len);
        }
        let useless = self.rest.len().saturating_sub(TARGET.len());
        self.rest.drain(..useless);
    }
}
