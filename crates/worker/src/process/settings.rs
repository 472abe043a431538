//! What can be set about the `worker` process.

use std::net::SocketAddr;
use std::time::Duration;

use domain::BreakerPolicy;
use runtime::database::{Connections, DatabaseSource};
use runtime::env::one_of;
use runtime::lanes::Lanes;
use runtime::process::Process;
use runtime::telemetry::Telemetry;
use runtime::{Env, Setting, database, lanes, telemetry};
use store::PoolConfig;

use crate::handlers::Targets;
use crate::{Config, MaintenanceConfig};

const CONCURRENCY: Setting = Setting::with_default(
    "TANDEM_WORKER_CONCURRENCY",
    "100",
    "How many jobs run at a time, over all lanes.",
)
.range(1, 10_000);
const TENANT_SLOTS: Setting = Setting::with_default(
    "TANDEM_TENANT_SLOTS_PERCENT",
    "90",
    "How many of them one tenant may take at most, in percent, where the database is the queue: the others' jobs start at \
     once, however many it has and however long they run. 100 for all, if there is one tenant.",
)
.range(1, 100);
const LEASE: Setting = Setting::with_default(
    "TANDEM_LEASE_SECS",
    "30",
    "How long a worker that sends no heartbeat keeps its attempts. With the sweep, a dead worker's jobs start again \
     5 s later.",
)
.range(3, 3_600);
const HEARTBEAT: Setting =
    Setting::with_default("TANDEM_HEARTBEAT_SECS", "10", "The time between two heartbeats.").range(1, 1_200);
const VISIBILITY: Setting = Setting::with_default(
    "TANDEM_VISIBILITY_SECS",
    "30",
    "How long a received message stays hidden from other workers; renewed while its job runs.",
)
.range(2, 43_200);
const DRAIN: Setting = Setting::with_default(
    "TANDEM_DRAIN_SECS",
    "90",
    "How long running jobs may go on after SIGTERM; then they are handed back, without spending the attempt.",
)
.range(0, 86_400);
const STOP_TIMEOUT: Setting = Setting::with_default(
    "TANDEM_STOP_TIMEOUT_SECS",
    "120",
    "When the platform kills the process after SIGTERM: the stop timeout of the container, on Fargate 120 at most.",
)
.range(1, 86_400);
const RETENTION: Setting = Setting::with_default(
    "TANDEM_RETENTION_DAYS",
    "30",
    "How many days jobs are kept after their end. Living jobs and dead letters are kept longer.",
)
.range(1, 3_650);
const TEST_HANDLERS: Setting = Setting::with_default(
    "TANDEM_TEST_HANDLERS",
    "false",
    "Whether jobs of the kinds test.echo, test.sleep and test.fail are run. For development.",
);
const HTTP_TARGETS: Setting = Setting::with_default(
    "TANDEM_HTTP_TARGETS",
    "public",
    "Where http.request may send: public; any, which reaches this network too (metadata services, databases); or local, \
     which is this machine alone.",
);
const BREAKER_FAILURES: Setting = Setting::with_default(
    "TANDEM_BREAKER_FAILURES",
    "10",
    "After how many failures in a row http.request gives a target a rest, for 1 to 30 s at a time; 0 for never.",
)
.range(0, 1_000_000);
const OPS_ADDR: Setting = Setting::optional(
    "TANDEM_OPS_ADDR",
    "Where /health, /ready and /metrics are answered, such as 0.0.0.0:9090; nowhere, if not set.",
);
const HOST: Setting = Setting::optional(
    "HOSTNAME",
    "Where this process runs, for people who read the database.",
);

/// What `--help` says.
pub(super) const PROCESS: Process = Process {
    name: "worker",
    about: "Runs the jobs that the api has stored.",
    settings: &[
        database::SETTINGS,
        lanes::SETTINGS,
        &[
            &CONCURRENCY,
            &TENANT_SLOTS,
            &LEASE,
            &HEARTBEAT,
            &VISIBILITY,
            &DRAIN,
            &STOP_TIMEOUT,
            &RETENTION,
            &TEST_HANDLERS,
            &HTTP_TARGETS,
            &BREAKER_FAILURES,
            &OPS_ADDR,
            &HOST,
        ],
        telemetry::SETTINGS,
    ],
};

/// Everything that is set.
pub(super) struct Settings {
    pub(super) database: DatabaseSource,
    pub(super) pool: PoolConfig,
    pub(super) lanes: Lanes,
    pub(super) config: Config,
    pub(super) drain: Duration,
    pub(super) test_handlers: bool,
    pub(super) targets: Targets,
    pub(super) breaker: BreakerPolicy,
    pub(super) ops_addr: Option<SocketAddr>,
    pub(super) host: String,
}

/// Reads all of it, and notes all that is wrong.
pub(super) fn read(env: &mut Env<'_>) -> (Option<Telemetry>, Option<Settings>) {
    let database = DatabaseSource::from_env(env);
    let lanes = Lanes::from_env(env);
    // One listens, one leads, and each lane receives while outcomes and heartbeats are recorded.
    let lane_count = lanes
        .as_ref()
        .map_or(1, |lanes| u32::try_from(lanes.names.len()).unwrap_or(u32::MAX));
    let connections = Connections::from_env(env, lane_count.saturating_add(4));
    let config = read_config(env, lane_count);
    let drain = read_drain(env);
    let test_handlers = env.get(&TEST_HANDLERS);
    let targets = env.get_with(&HTTP_TARGETS, |text| {
        let known = [
            ("public", Targets::Public),
            ("any", Targets::Any),
            ("local", Targets::Local),
        ];
        one_of(text, &known)
    });
    let breaker_failures: Option<u32> = env.get(&BREAKER_FAILURES);
    let ops_addr = env.get(&OPS_ADDR);
    let host: Option<String> = env.get(&HOST);
    let telemetry = Telemetry::from_env(env);
    let settings = || {
        let connections = connections?;
        Some(Settings {
            database: database?,
            pool: PoolConfig {
                max_connections: connections.max,
                min_connections: connections.min,
                ..PoolConfig::default()
            },
            lanes: lanes?,
            config: config?,
            drain: drain?,
            test_handlers: test_handlers?,
            targets: targets?,
            breaker: BreakerPolicy {
                failures: breaker_failures?,
                ..BreakerPolicy::default()
            },
            ops_addr,
            host: host.unwrap_or_else(|| "unknown".to_owned()),
        })
    };
    (telemetry, settings())
}

fn read_config(env: &mut Env<'_>, lane_count: u32) -> Option<Config> {
    let concurrency: Option<usize> = env.get(&CONCURRENCY);
    let (lease, heartbeat): (Option<Duration>, Option<Duration>) = (env.get(&LEASE), env.get(&HEARTBEAT));
    let visibility: Option<Duration> = env.get(&VISIBILITY);
    let keep_days: Option<u32> = env.get(&RETENTION);
    let tenant_slots_percent: Option<u32> = env.get(&TENANT_SLOTS);
    if concurrency.is_some_and(|concurrency| concurrency < lane_count as usize) {
        env.contradiction(
            &[&CONCURRENCY, &lanes::QUEUES],
            "there must be at least one job at a time for each lane",
        );
    }
    if let (Some(lease), Some(heartbeat)) = (lease, heartbeat)
        && heartbeat * 3 > lease
    {
        let message = "the lease must last for three heartbeats, so that one may be lost and one be late";
        env.contradiction(&[&LEASE, &HEARTBEAT], message);
    }
    let keep_days = i32::try_from(keep_days?).ok();
    Some(Config {
        concurrency: concurrency?,
        tenant_slots_percent: tenant_slots_percent?,
        lease: lease?,
        heartbeat: heartbeat?,
        visibility: visibility?,
        maintenance: MaintenanceConfig {
            keep_days: keep_days?,
            ..MaintenanceConfig::default()
        },
        ..Config::default()
    })
}

/// The drain, the handing back that follows it, and a margin must fit before the platform kills the process.
fn read_drain(env: &mut Env<'_>) -> Option<Duration> {
    let (drain, stop): (Option<Duration>, Option<Duration>) = (env.get(&DRAIN), env.get(&STOP_TIMEOUT));
    let (drain, stop) = (drain?, stop?);
    let defaults = Config::default();
    let needed = drain + defaults.hand_back + defaults.stop_grace + Duration::from_secs(2);
    if needed > stop {
        let message = format!(
            "draining takes {} s with what follows it, and the process would be killed before",
            needed.as_secs()
        );
        env.contradiction(&[&DRAIN, &STOP_TIMEOUT], message);
    }
    Some(drain)
}
