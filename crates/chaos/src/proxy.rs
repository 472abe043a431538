//! What stands between the workers and SQS: a TCP proxy that can fail as networks do.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context as _, Result};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

/// What becomes of connections.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Mode {
    /// They reach the server.
    Pass,
    /// They are closed at once.
    Refuse,
    /// They stay open, and nothing comes through.
    Silence,
}

/// The running proxy; it ends with this value.
#[derive(Debug)]
pub(crate) struct Proxy {
    addr: SocketAddr,
    mode: watch::Sender<Mode>,
    _stop: DropGuard,
}

impl Mode {
    /// Its name in the history.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Refuse => "refuse",
            Self::Silence => "silence",
        }
    }
}

impl Proxy {
    pub(crate) async fn start(server: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .context("the proxy can't listen")?;
        let addr = listener.local_addr().context("the proxy has no address")?;
        let (mode, told) = watch::channel(Mode::Pass);
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        TaskTracker::new()
            .spawn(async move { stopped.run_until_cancelled(accept(listener, server, told)).await });
        Ok(Self {
            addr,
            mode,
            _stop: stop.drop_guard(),
        })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    pub(crate) fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }
}

async fn accept(listener: TcpListener, server: SocketAddr, mode: watch::Receiver<Mode>) {
    let connections = TaskTracker::new();
    loop {
        // A connection that was lost before it was taken is its client's matter.
        if let Ok((client, _)) = listener.accept().await {
            connections.spawn(connection(client, server, mode.clone()));
        }
    }
}

/// Ends with the connection, or when the mode changes: what was open under another one is cut.
async fn connection(mut client: TcpStream, server: SocketAddr, mut mode: watch::Receiver<Mode>) {
    let found = *mode.borrow_and_update();
    let serving = async {
        match found {
            Mode::Pass => {
                if let Ok(mut server) = TcpStream::connect(server).await {
                    // Either side may break off at any time.
                    drop(copy_bidirectional(&mut client, &mut server).await);
                }
            }
            Mode::Refuse => {}
            Mode::Silence => std::future::pending().await,
        }
    };
    tokio::select! {
        () = serving => {}
        // With the proxy gone nothing changes any more, and nothing passes either.
        _ = mode.changed() => {}
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::time::timeout;

    use super::*;

    const SOON: Duration = Duration::from_secs(20);

    /// What a client hears that says something: `None` when it hears nothing for so long.
    async fn heard(proxy: &Proxy, patience: Duration) -> Option<Vec<u8>> {
        let mut client = TcpStream::connect(proxy.addr).await.unwrap();
        drop(client.write_all(b"hello").await);
        drop(client.shutdown().await);
        let mut answer = Vec::new();
        let read = client.read_to_end(&mut answer);
        timeout(patience, read).await.ok()?.ok();
        Some(answer)
    }

    #[tokio::test]
    async fn connections_pass_are_closed_or_go_silent() {
        let echo = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let server = echo.local_addr().unwrap();
        TaskTracker::new().spawn(async move {
            while let Ok((mut client, _)) = echo.accept().await {
                let (mut read, mut write) = client.split();
                drop(tokio::io::copy(&mut read, &mut write).await);
            }
        });
        let proxy = Proxy::start(server).await.unwrap();
        assert_eq!(heard(&proxy, SOON).await, Some(b"hello".to_vec()));
        proxy.set(Mode::Refuse);
        assert_eq!(heard(&proxy, SOON).await, Some(Vec::new()));
        proxy.set(Mode::Silence);
        assert_eq!(heard(&proxy, Duration::from_millis(300)).await, None);
        proxy.set(Mode::Pass);
        assert_eq!(heard(&proxy, SOON).await, Some(b"hello".to_vec()));
    }
}
