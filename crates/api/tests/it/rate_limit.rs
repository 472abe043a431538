//! How often a key may ask.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use api::RateLimit;
use domain::Scope;
use testkit::eventually;

use crate::app::{SOON, TestApp};

async fn app(per_second: u32, burst: u32) -> TestApp {
    let number = |number| NonZeroU32::new(number).unwrap();
    let limit = RateLimit {
        per_second: number(per_second),
        burst: number(burst),
    };
    TestApp::with(|parts| parts.config.auth.rate_limit = limit).await
}

#[tokio::test]
async fn a_burst_passes_and_then_the_key_must_wait() {
    let app = app(1, 3).await;
    let other = app.user().await;
    // After a second the bucket has one more: of a machine that stood still for so long nothing can be said.
    let answers = eventually("four requests within a second", SOON, async || {
        let user = app.user().await;
        let begun = Instant::now();
        let mut answers = Vec::new();
        for _ in 0..4 {
            answers.push(user.get("/api/jobs").await);
        }
        (begun.elapsed() < Duration::from_secs(1)).then_some(answers)
    })
    .await;
    let (refused, passed) = answers.split_last().unwrap();
    for (answer, remaining) in passed.iter().zip([2, 1, 0]) {
        answer.ok(200);
        assert!(
            answer
                .header("ratelimit")
                .starts_with(&format!("\"default\";r={remaining};t="))
        );
        assert_eq!(answer.header("ratelimit-policy"), "\"default\";q=1;w=1");
    }
    refused.problem(429, "rate_limited");
    assert!((1..=2).contains(&refused.header("retry-after").parse::<u32>().unwrap()));
    assert!(refused.header("ratelimit").starts_with("\"default\";r=0;t="));
    other.get("/api/jobs").await.ok(200);
}

#[tokio::test]
async fn the_defaults_are_a_hundred_a_second_and_ten_at_once() {
    let default = RateLimit::default();
    assert_eq!((default.per_second.get(), default.burst.get()), (100, 10));
}

#[tokio::test]
async fn a_tenant_may_have_limits_of_its_own() {
    let app = app(1, 1).await;
    let tenant = app.tenant().await;
    app.sql("update tenant set rate_limit_per_second = 7, rate_limit_burst = 100")
        .await;
    let user = app.key(tenant, &[Scope::JobsRead]).await;
    for _ in 0..50 {
        let answer = user.get("/api/jobs").await;
        answer.ok(200);
        assert_eq!(answer.header("ratelimit-policy"), "\"default\";q=7;w=1");
    }
}

#[tokio::test]
async fn a_wrong_key_uses_up_nobodys_limit() {
    let app = app(1, 1).await;
    let user = app.user().await;
    for _ in 0..5 {
        app.anon().get("/api/jobs").await.problem(401, "unauthenticated");
    }
    user.get("/api/jobs").await.ok(200);
}

#[tokio::test]
async fn what_needs_no_key_has_no_limit() {
    let app = app(1, 1).await;
    for _ in 0..5 {
        app.anon().get("/health").await.ok(200);
        app.anon().get("/problems/internal").await.ok(200);
    }
}
