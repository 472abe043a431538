//! What can be set about the `api` process.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use api::{AuthConfig, Config, Limits, RateLimit, ServerConfig};
use runtime::credential::{KEY_ENVIRONMENT, KEY_PEPPER, KeyEnvironment, KeyHasher};
use runtime::database::{Connections, DatabaseSource};
use runtime::lanes::Lanes;
use runtime::process::Process;
use runtime::telemetry::Telemetry;
use runtime::{Env, Setting, database, lanes, telemetry};
use store::PoolConfig;

const ADDR: Setting = Setting::with_default("TANDEM_API_ADDR", "127.0.0.1:8080", "Where the api listens.");
const REQUEST_TIMEOUT: Setting = Setting::with_default(
    "TANDEM_REQUEST_TIMEOUT_MS",
    "10000",
    "How long one request may take, its waiting for a job's end not counted.",
)
.range(1_000, 60_000);
const RATE_LIMIT_PER_SECOND: Setting = Setting::with_default(
    "TANDEM_RATE_LIMIT_PER_SECOND",
    "100",
    "Requests per second and API key, for tenants without a limit of their own; each process counts for itself.",
)
.range(1, 1_000_000);
const RATE_LIMIT_BURST: Setting = Setting::with_default(
    "TANDEM_RATE_LIMIT_BURST",
    "10",
    "Requests of an API key at once, after a pause.",
)
.range(1, 1_000_000);
const DRAIN: Setting = Setting::with_default(
    "TANDEM_API_DRAIN_SECS",
    "30",
    "How long requests under way may go on after SIGTERM.",
)
.range(1, 300);

/// What `--help` says.
pub(crate) const PROCESS: Process = Process {
    name: "api",
    about: "Takes jobs over REST and stores them in Postgres.",
    settings: &[
        database::SETTINGS,
        lanes::SETTINGS,
        &[
            &ADDR,
            &KEY_PEPPER,
            &KEY_ENVIRONMENT,
            &RATE_LIMIT_PER_SECOND,
            &RATE_LIMIT_BURST,
            &REQUEST_TIMEOUT,
            &DRAIN,
        ],
        telemetry::SETTINGS,
    ],
};

/// Everything that is set.
pub(crate) struct Settings {
    pub(crate) addr: SocketAddr,
    pub(crate) database: DatabaseSource,
    pub(crate) pool: PoolConfig,
    pub(crate) lanes: Lanes,
    pub(crate) hasher: KeyHasher,
    pub(crate) key_environment: KeyEnvironment,
    pub(crate) config: Config,
}

/// Reads all of it, and notes all that is wrong.
pub(crate) fn read(env: &mut Env<'_>) -> (Option<Telemetry>, Option<Settings>) {
    let addr = env.get(&ADDR);
    let database = DatabaseSource::from_env(env);
    // One connection listens for ended jobs; the rest serve.
    let connections = Connections::from_env(env, 2);
    let lanes = Lanes::from_env(env);
    let environment: Option<KeyEnvironment> = env.get(&KEY_ENVIRONMENT);
    let hasher = environment
        .as_ref()
        .and_then(|environment| KeyHasher::from_env(env, environment));
    let per_second: Option<u32> = env.get(&RATE_LIMIT_PER_SECOND);
    let burst: Option<u32> = env.get(&RATE_LIMIT_BURST);
    let request_timeout: Option<Duration> = env.get(&REQUEST_TIMEOUT);
    let drain: Option<Duration> = env.get(&DRAIN);
    if let (Some(request_timeout), Some(drain)) = (request_timeout, drain)
        && drain < request_timeout
    {
        env.contradiction(
            &[&DRAIN, &REQUEST_TIMEOUT],
            "the first must not be shorter than the second",
        );
    }
    let telemetry = Telemetry::from_env(env);
    let settings = || {
        let (connections, request_timeout) = (connections?, request_timeout?);
        let rate_limit = RateLimit {
            per_second: NonZeroU32::new(per_second?)?,
            burst: NonZeroU32::new(burst?)?,
        };
        Some(Settings {
            addr: addr?,
            database: database?,
            pool: PoolConfig {
                max_connections: connections.max,
                min_connections: connections.min,
                // A statement that outlives its request helps nobody.
                statement_timeout: request_timeout,
                ..PoolConfig::default()
            },
            lanes: lanes?,
            hasher: hasher?,
            key_environment: environment?,
            config: Config {
                auth: AuthConfig {
                    rate_limit,
                    ..AuthConfig::default()
                },
                limits: Limits {
                    request_timeout,
                    ..Limits::default()
                },
                server: ServerConfig {
                    drain: drain?,
                    ..ServerConfig::default()
                },
                ..Config::default()
            },
        })
    };
    (telemetry, settings())
}
