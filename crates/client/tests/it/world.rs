//! An api and somebody with a key.

use std::num::NonZeroU32;
use std::ops::Deref;

use client::Client;
use testkit::world::{RateLimit, Setup};

/// What jobs of this kind do is up to the test.
pub(crate) const KIND: &str = "test.echo";

pub(crate) struct World {
    pub(crate) client: Client,
    world: testkit::World,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(Setup::default()).await
    }

    /// With a rate limit that a test reaches.
    pub(crate) async fn limited(per_second: u32, burst: u32) -> Self {
        let limit = |limit| NonZeroU32::new(limit).unwrap();
        let rate_limit = RateLimit {
            per_second: limit(per_second),
            burst: limit(burst),
        };
        Self::with(Setup {
            rate_limit,
            ..Setup::default()
        })
        .await
    }

    /// With an api that holds no answer back until a job's end.
    pub(crate) async fn without_places_to_wait() -> Self {
        Self::with(Setup {
            max_waiting: 0,
            ..Setup::default()
        })
        .await
    }

    async fn with(setup: Setup) -> Self {
        let world = testkit::World::with(Setup {
            operator: true,
            ..setup
        })
        .await;
        let client = Client::new(&world.url, world.key.expose()).unwrap();
        Self { client, world }
    }

    /// Has the client go another way to the api.
    pub(crate) fn reach_at(&mut self, url: &str) {
        self.client = Client::new(url, self.key.expose()).unwrap();
    }
}

impl Deref for World {
    type Target = testkit::World;

    fn deref(&self) -> &Self::Target {
        &self.world
    }
}
