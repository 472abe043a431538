//! `tandem dev`: everything on this machine, in one process and a private Postgres.

mod folder;
mod services;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use local_postgres::LocalPostgres;
use runtime::Shutdown;
use runtime::shutdown::DrainLimits;
use runtime::telemetry::Logging;
use tokio::net::TcpListener;

use self::folder::Folder;
use self::services::Services;
use crate::admin::{self, KeyRequest, Keyring};
use crate::args::DevArgs;
use crate::failure::{ExitStatus, Failure};
use crate::output;

/// The tenant that is made.
const TENANT: &str = "dev";
/// How many ports are tried when the first one is taken.
const PORTS: u16 = 20;

pub(crate) async fn run(args: DevArgs) -> Result<ExitStatus, Failure> {
    let shutdown = Shutdown::on_signals()?;
    logging()?.init()?;
    worker::quiet_panics();
    let folder = Folder::open(&args.folder)?;
    let postgres = start_postgres(folder.path().join("postgres")).await?;
    // Whatever happens in between, Postgres is stopped in order, and only after everything that uses it.
    let outcome = serve(&args, &folder, &postgres, &shutdown).await;
    output::note("stopping Postgres");
    tokio::task::spawn_blocking(move || postgres.stop(local_postgres::StopMode::Fast)).await??;
    outcome
}

async fn start_postgres(data_dir: std::path::PathBuf) -> Result<LocalPostgres, Failure> {
    output::note("starting Postgres");
    let settings = [("max_connections", "100"), ("shared_buffers", "128MB")];
    let config = local_postgres::Config {
        data_dir,
        port: None,
        settings: settings
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
        bin_dir: None,
    };
    let postgres = tokio::task::spawn_blocking(move || LocalPostgres::start(&config)).await??;
    if let Some(note) = postgres.note() {
        output::note(note);
    }
    Ok(postgres)
}

async fn serve(
    args: &DevArgs,
    folder: &Folder,
    postgres: &LocalPostgres,
    shutdown: &Shutdown,
) -> Result<ExitStatus, Failure> {
    let database_url = postgres.url("postgres");
    store::migrate(&database_url).await?;
    let keyring = folder.keyring()?;
    let access = access(folder, &database_url, &keyring).await?;
    let listener = bind(args.port).await?;
    let url = format!("http://{}", listener.local_addr()?);
    folder.write_env(&url, &access, &database_url)?;

    let services = Services::build(&database_url, keyring, args, shutdown).await?;
    greet(&url, &access.api_key, folder.path());
    let limits = DrainLimits {
        finish: std::time::Duration::from_secs(5),
        hand_back: services.worker_config.hand_back + services.worker_config.stop_grace,
    };
    let stores = services.stores.clone();
    let (drain, ()) = tokio::join!(shutdown.wait_for_tasks(limits), services.run(listener, shutdown));
    for store in stores {
        store.close().await;
    }
    match drain.exit_code() {
        0 => Ok(ExitStatus::Done),
        _ => Err(Failure::new("not everything ended in time")),
    }
}

/// What a client needs: the key, and the secret that signs what the tenant's jobs send.
pub(crate) struct Access {
    pub(crate) api_key: String,
    pub(crate) webhook_secret: String,
}

/// The tenant and its key: those of the last run, as long as the database knows them.
async fn access(folder: &Folder, database_url: &str, keyring: &Keyring) -> Result<Access, Failure> {
    let store = admin::open_owner(database_url).await?;
    let tenant_id = match store.tenant_by_name(TENANT).await? {
        Some(tenant) => tenant.id,
        // Whoever tries things out is everybody at once, the operator too.
        None => admin::create_tenant(&store, TENANT, true).await?.id,
    };
    let webhook_secret = store.webhook_secret(tenant_id).await?.unwrap_or_default();
    let kept = match folder.read_key() {
        Some(key) => {
            let known = store.authenticate(key.id()).await?;
            let stored = known.filter(|known| known.live && known.tenant_id == tenant_id);
            keyring
                .hasher
                .verify(&key, stored.as_ref().map(|known| &known.secret_hash[..]))
                .then_some(key)
        }
        None => None,
    };
    let key = match kept {
        Some(key) => key,
        None => {
            let scopes = domain::Scope::ALL.into_iter().collect();
            let request = KeyRequest {
                tenant_id,
                name: "tandem dev",
                scopes,
                expires_in: None,
            };
            admin::create_key(&store, keyring, &request).await?
        }
    };
    store.close().await;
    Ok(Access {
        api_key: key.expose().to_owned(),
        webhook_secret,
    })
}

/// The port that was asked for, or the next free one.
async fn bind(port: u16) -> Result<TcpListener, Failure> {
    let mut last = None;
    for port in (port..=port.saturating_add(PORTS)).filter(|candidate| *candidate == port || port != 0) {
        match TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await {
            Ok(listener) => return Ok(listener),
            Err(error) => last = Some(error),
        }
    }
    Err(match last {
        Some(error) => error.into(),
        None => Failure::new("there is no port to listen on"),
    })
}

fn greet(url: &str, api_key: &str, folder: &Path) {
    let folder = folder.display();
    output::note(&format!(
        "\nTandem runs at {url} (its API: {url}/docs). Ctrl-C stops it; its data stays in {folder}/.\n\n\
         In another terminal, have something that receives:\n\n    \
         cargo tandem receive\n\n\
         and in a third one submit a job that calls it:\n"
    ));
    output::line(&format!(
        "curl -i {url}/api/jobs -H 'X-API-Key: {api_key}' -H 'Content-Type: application/json' \\\n  \
         -d '{{\"kind\": \"http.request\", \"payload\": {{\"url\": \"http://127.0.0.1:9000/hook\", \"body\": {{\"hello\": \"world\"}}}}}}'"
    ));
    output::note(&format!(
        "\nor, with the command line:\n\n    source {folder}/env\n    cargo tandem jobs list\n"
    ));
}

fn logging() -> Result<Logging, Failure> {
    let mut env = runtime::Env::from_process();
    let logging = Logging::from_env(&mut env);
    Ok(env.finish(|| logging)?)
}
