//! A small correct history in which everything happens that may.

use serde_json::json;
use uuid::Uuid;

use crate::scene::{ECHO, HTTP, Life, Plan, Scene};
use crate::written::Written;

/// The jobs of the history, each known by what happened to it.
pub(crate) struct Cast {
    /// Succeeded at once, without an effect.
    pub(crate) echo: Uuid,
    pub(crate) echo_n: u64,
    /// Succeeded at once, with an effect.
    pub(crate) plain: Uuid,
    /// Succeeded on its third attempt.
    pub(crate) retried: Uuid,
    pub(crate) retried_n: u64,
    /// Succeeded after the worker of its first attempt was killed, when the effect had happened already.
    pub(crate) crashed: Uuid,
    /// Was started again later at its own wish.
    pub(crate) snoozed: Uuid,
    /// Was handed back once.
    pub(crate) released: Uuid,
    /// Was cancelled before it started.
    pub(crate) cancelled: Uuid,
    /// Was cancelled while a worker handed it back.
    pub(crate) aborted: Uuid,
    /// Failed all its attempts.
    pub(crate) failed: Uuid,
    pub(crate) failed_n: u64,
    /// Panicked; its payload does not tell its number.
    pub(crate) panicked: Uuid,
    /// Failed, and again after somebody retried it.
    pub(crate) redriven: Uuid,
    /// Failed, and somebody decided to leave it at that.
    pub(crate) discarded: Uuid,
    /// Started when it was due.
    pub(crate) scheduled: Uuid,
    pub(crate) scheduled_n: u64,
    /// Exists, but its submitter never learned that.
    pub(crate) unknown: Uuid,
    pub(crate) unknown_n: u64,
    /// All its attempts died with their workers.
    pub(crate) doomed: Uuid,
}

/// A history that must hold.
pub(crate) fn correct() -> (Written, Cast) {
    let mut scene = Scene::new();
    let (echo, echo_n) = once(&mut scene, ECHO);
    let (plain, _) = once(&mut scene, HTTP);
    let (retried, retried_n) = retried(&mut scene);
    let crashed = crashed(&mut scene);
    let snoozed = interrupted(&mut scene, "snoozed");
    let released = interrupted(&mut scene, "released");
    let (cancelled, aborted) = cancelled(&mut scene);
    replayed(&mut scene);
    let failing = scene.submit(Plan {
        behaviour: "always_fail",
        max_attempts: 2,
        ..HTTP
    });
    let failed_n = failing.n;
    let failed = failed(&mut scene, failing);
    let panicking = scene.submit(Plan {
        kind: "test.fail",
        behaviour: "panic",
        max_attempts: 1,
        ..HTTP
    });
    let panicked = fail_once(&mut scene, panicking, |_, _| {});
    let unknown_kind = Plan {
        kind: "no.such",
        behaviour: "unknown_kind",
        max_attempts: 1,
        ..HTTP
    };
    let job = scene.submit(unknown_kind);
    let redriven = fail_once(&mut scene, job, |scene, job| {
        scene.redrive(job);
        scene.start(job, "worker-2-i1");
        scene.end(job, "failed", Some("unknown_kind"));
    });
    let job = scene.submit(unknown_kind);
    let discarded = fail_once(&mut scene, job, Scene::discard);
    let (scheduled, scheduled_n) = scheduled(&mut scene);
    // One that was not stored, one that was, and one that was refused.
    scene.submit_ending(ECHO, "info");
    let job = scene.submit_ending(ECHO, "info");
    let unknown_n = job.n;
    let unknown = run_once(&mut scene, job);
    scene.submit_ending(HTTP, "fail");
    let doomed = doomed(&mut scene);
    scene.fault("postgres_up", "postgres", 2, json!(null));
    scene.wait(1.5);
    once(&mut scene, ECHO);
    let cast = Cast {
        echo,
        echo_n,
        plain,
        retried,
        retried_n,
        crashed,
        snoozed,
        released,
        cancelled,
        aborted,
        failed,
        failed_n,
        panicked,
        redriven,
        discarded,
        scheduled,
        scheduled_n,
        unknown,
        unknown_n,
        doomed,
    };
    (scene.done(), cast)
}

fn once(scene: &mut Scene, plan: Plan) -> (Uuid, u64) {
    let job = scene.submit(plan);
    let n = job.n;
    (run_once(scene, job), n)
}

fn run_once(scene: &mut Scene, mut job: Life) -> Uuid {
    scene.start(&mut job, "worker-2-i1");
    scene.deliver_if_http(&job);
    scene.end(&mut job, "succeeded", None);
    scene.keep(job)
}

fn retried(scene: &mut Scene) -> (Uuid, u64) {
    let mut job = scene.submit(Plan {
        behaviour: "fail_first",
        ..HTTP
    });
    for _ in 0..2 {
        scene.start(&mut job, "worker-2-i1");
        scene.deliver(&job, 500);
        scene.end(&mut job, "retry_scheduled", Some("target_refused"));
        scene.promote(&mut job);
    }
    scene.start(&mut job, "worker-2-i1");
    scene.deliver(&job, 200);
    scene.end(&mut job, "succeeded", None);
    let n = job.n;
    (scene.keep(job), n)
}

fn crashed(scene: &mut Scene) -> Uuid {
    let mut job = scene.submit(HTTP);
    scene.start(&mut job, "worker-1-i1");
    scene.deliver(&job, 200);
    scene.fault("kill", "worker-1", 1, json!(null));
    scene.fault("exit", "worker-1", 1, json!({ "code": null, "signal": 9 }));
    scene.wait(7.0);
    scene.end(&mut job, "lease_expired", Some("worker_lost"));
    scene.start(&mut job, "worker-2-i1");
    scene.deliver(&job, 200);
    scene.end(&mut job, "succeeded", None);
    scene.keep(job)
}

fn interrupted(scene: &mut Scene, event: &'static str) -> Uuid {
    let mut job = scene.submit(HTTP);
    scene.start(&mut job, "worker-2-i1");
    scene.end(&mut job, event, None);
    if event == "snoozed" {
        scene.promote(&mut job);
    }
    scene.start(&mut job, "worker-1-i2");
    scene.deliver(&job, 204);
    scene.end(&mut job, "succeeded", None);
    scene.keep(job)
}

fn cancelled(scene: &mut Scene) -> (Uuid, Uuid) {
    let mut waiting = scene.submit(Plan {
        run_in_secs: Some(20),
        ..HTTP
    });
    scene.event(&mut waiting, "cancelled", "cancelled", None);
    scene.ask_for_the_end(&waiting, 200);
    let mut running = scene.submit(HTTP);
    scene.start(&mut running, "worker-2-i1");
    scene.ask_for_the_end(&running, 202);
    // Handed back, so the attempt is not spent; but nobody wants it to start again.
    scene.end(&mut running, "cancelled", None);
    running.unspend();
    (scene.keep(waiting), scene.keep(running))
}

/// Submitted again with the same key.
fn replayed(scene: &mut Scene) {
    let mut job = scene.submit(HTTP);
    scene.submit_again(&job, "ok", true);
    scene.submit_again(&job, "info", true);
    scene.start(&mut job, "worker-2-i1");
    scene.deliver(&job, 200);
    scene.end(&mut job, "succeeded", None);
    scene.keep(job);
}

fn failed(scene: &mut Scene, mut job: Life) -> Uuid {
    scene.start(&mut job, "worker-2-i1");
    scene.deliver(&job, 500);
    scene.end(&mut job, "retry_scheduled", Some("target_refused"));
    scene.promote(&mut job);
    scene.start(&mut job, "worker-2-i1");
    scene.deliver(&job, 500);
    scene.end(&mut job, "failed", Some("target_refused"));
    scene.keep(job)
}

fn fail_once(scene: &mut Scene, mut job: Life, then: impl FnOnce(&mut Scene, &mut Life)) -> Uuid {
    scene.start(&mut job, "worker-2-i1");
    scene.end(&mut job, "failed", Some("handler_error"));
    then(scene, &mut job);
    scene.keep(job)
}

fn scheduled(scene: &mut Scene) -> (Uuid, u64) {
    let mut job = scene.submit(Plan {
        tenant: "globex",
        run_in_secs: Some(5),
        ..HTTP
    });
    scene.promote(&mut job);
    let n = job.n;
    (run_once(scene, job), n)
}

fn doomed(scene: &mut Scene) -> Uuid {
    let mut job = scene.submit(Plan {
        max_attempts: 2,
        ..HTTP
    });
    scene.start(&mut job, "worker-1-i2");
    scene.fault("stop", "worker-1", 2, json!(null));
    scene.wait(8.0);
    scene.end(&mut job, "lease_expired", Some("worker_lost"));
    scene.fault("continue", "worker-1", 2, json!(null));
    // Nothing was done to this worker.
    scene.start(&mut job, "worker-2-i1");
    scene.wait(7.0);
    scene.end(&mut job, "failed", Some("worker_lost"));
    scene.keep(job)
}
