//! What can be set about the api. Plain values: who reads them from the environment is the binary.

use std::num::NonZeroU32;
use std::time::Duration;

/// Every setting, with defaults that suit a process of two cores.
#[derive(Clone, Copy, Debug, Default)]
pub struct Config {
    /// Who may ask, and how often.
    pub auth: AuthConfig,
    /// How much work is taken on at a time.
    pub limits: Limits,
    /// How submits are grouped.
    pub submit: SubmitConfig,
    /// How connections are treated.
    pub server: ServerConfig,
}

/// Who may ask, and how often.
#[derive(Clone, Copy, Debug)]
pub struct AuthConfig {
    /// How long what is known about an API key is believed: so long may a revoked key go on working.
    pub key_cache_ttl: Duration,
    /// For tenants that have no limit of their own.
    pub rate_limit: RateLimit,
}

/// How often one API key may ask.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct RateLimit {
    /// Requests per second in the long run.
    pub per_second: NonZeroU32,
    /// Requests at once after a pause.
    pub burst: NonZeroU32,
}

/// How much work is taken on at a time. What exceeds it is refused at once, with `Retry-After`.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Requests under way, those that wait for a job's end included; health checks are not counted.
    pub max_in_flight: usize,
    /// Requests that wait for a job's end. A further one is answered without waiting.
    pub max_waiting: usize,
    /// Streams of a job's events that are open at a time. They are not counted among the requests under way, and no
    /// time limit ends them.
    pub max_streams: usize,
    /// Memory for the bodies of requests, from their arrival until their jobs are stored.
    pub max_body_memory_bytes: usize,
    /// How long one request may take, its waiting for a job's end not counted.
    pub request_timeout: Duration,
    /// How long a client may take to send a body.
    pub body_timeout: Duration,
    /// How often a request that waits for a job's end looks by itself.
    pub wait_sweep_interval: Duration,
    /// How often the process looks for events of jobs that are streamed, all of them at a time.
    pub stream_look_interval: Duration,
    /// How often a stream shows that it is alive, and looks whether its API key still is: so long, and
    /// [`AuthConfig::key_cache_ttl`], may the stream of a revoked key go on.
    pub stream_check_interval: Duration,
}

/// How submits are grouped.
#[derive(Clone, Copy, Debug)]
pub struct SubmitConfig {
    /// Transactions under way at a time.
    pub lanes: usize,
    /// Requests that wait for a lane. A further one is refused.
    pub queue_len: usize,
    /// How long a request waits for a lane before it is refused.
    pub patience: Duration,
}

/// How connections are treated.
#[derive(Clone, Copy, Debug)]
pub struct ServerConfig {
    /// The most connections; further ones wait in the operating system.
    pub max_connections: usize,
    /// How long a client may take to send the head of its next request. As this is also how long an idle
    /// connection is kept, it must exceed the load balancer's own idle timeout (60 s by default on AWS):
    /// otherwise the balancer sends a request into a connection that is just being closed, and its client
    /// reads 502.
    pub head_timeout: Duration,
    /// How long the requests under way may go on once the process drains.
    pub drain: Duration,
}

impl Default for AuthConfig {
    fn default() -> Self {
        Self {
            key_cache_ttl: Duration::from_secs(3),
            rate_limit: RateLimit::default(),
        }
    }
}

impl Default for RateLimit {
    fn default() -> Self {
        Self {
            per_second: NonZeroU32::new(100).expect("100 is not 0"),
            burst: NonZeroU32::new(10).expect("10 is not 0"),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_in_flight: 2_048,
            max_waiting: 1_024,
            max_streams: 2_048,
            max_body_memory_bytes: 256 << 20,
            request_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(8),
            wait_sweep_interval: Duration::from_secs(2),
            stream_look_interval: Duration::from_millis(250),
            stream_check_interval: Duration::from_millis(1_500),
        }
    }
}

impl Default for SubmitConfig {
    fn default() -> Self {
        Self {
            lanes: 3,
            queue_len: 1_024,
            // A healthy database empties the whole line in a fraction of a second.
            patience: Duration::from_secs(2),
        }
    }
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            max_connections: 8_192,
            head_timeout: Duration::from_secs(75),
            drain: Duration::from_secs(30),
        }
    }
}
