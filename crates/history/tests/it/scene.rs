//! Plays a run: what clients, workers and the database would have written.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::written::Written;

/// What a client submits.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) tenant: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) behaviour: &'static str,
    pub(crate) max_attempts: u32,
    pub(crate) run_in_secs: Option<i64>,
}

/// A job that the receiver takes.
pub(crate) const HTTP: Plan = Plan {
    tenant: "acme",
    kind: "http.request",
    behaviour: "ok",
    max_attempts: 30,
    run_in_secs: None,
};

/// A job without an effect.
pub(crate) const ECHO: Plan = Plan {
    kind: "test.echo",
    ..HTTP
};

/// A job that lives.
pub(crate) struct Life {
    pub(crate) id: Uuid,
    pub(crate) n: u64,
    plan: Plan,
    state: &'static str,
    created_at: DateTime<Utc>,
    scheduled_for: Option<DateTime<Utc>>,
    run_at: DateTime<Utc>,
    version: u32,
    attempt: u32,
    spent: u32,
    running: Option<(DateTime<Utc>, &'static str)>,
    error_code: Option<&'static str>,
    discarded: bool,
}

impl Life {
    /// Takes back that the last attempt counts.
    pub(crate) fn unspend(&mut self) {
        self.spent -= 1;
    }
}

/// A run under way.
pub(crate) struct Scene {
    pub(crate) now: DateTime<Utc>,
    written: Written,
    next: u64,
}

/// A time as everybody writes it.
pub(crate) fn text(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// The time in a value, moved.
pub(crate) fn moved(value: &Value, secs: f64) -> Value {
    let at: DateTime<Utc> = serde_json::from_value(value.clone()).unwrap();
    text(at + TimeDelta::milliseconds((secs * 1000.0) as i64)).into()
}

/// Tenants and workers are known by a number made of their name.
pub(crate) fn id_of(name: &str) -> Uuid {
    let number = name
        .bytes()
        .fold(7_u128, |sum, byte| sum * 257 + u128::from(byte));
    Uuid::from_u128(number)
}

impl Scene {
    pub(crate) fn new() -> Self {
        let now = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        let mut written = Written {
            run: json!({
                "scenario": "everything", "backend": "postgres", "seed": 7, "commit": "0123abc", "profile": "debug", "started_at": text(now),
                "lease_secs": 6.0, "sweep_secs": 5.0, "drain_limit_secs": 60.0, "allow_5xx": true,
            }),
            clients: Vec::new(),
            receiver: Vec::new(),
            faults: Vec::new(),
            processes: vec![
                json!({ "process": "worker-1", "incarnation": 1, "stale_completions": 0, "panics": 0, "errors_logged": 1 }),
                json!({ "process": "worker-2", "incarnation": 1, "stale_completions": 2, "rejected_completions": 1, "panics": 3, "errors_logged": 4 }),
            ],
            database: Vec::new(),
        };
        for tenant in ["acme", "globex"] {
            written.add("tenant", json!({ "id": id_of(tenant), "name": tenant }));
        }
        for host in ["worker-1-i1", "worker-1-i2", "worker-2-i1"] {
            let times = json!({ "id": id_of(host), "host": host, "started_at": text(now), "heartbeat_at": text(now) });
            written.add("worker", times);
        }
        Self {
            now,
            written,
            next: 1,
        }
    }

    pub(crate) fn wait(&mut self, secs: f64) {
        self.now += TimeDelta::milliseconds((secs * 1000.0) as i64);
    }

    /// Time passes with everything that happens.
    fn tick(&mut self) -> DateTime<Utc> {
        self.wait(0.01);
        self.now
    }

    fn client(&mut self, op: u64, op_type: &str, phase: &str, mut line: Value) {
        line["at"] = text(self.tick()).into();
        line["client"] = 1.into();
        line["op"] = op.into();
        line["type"] = op_type.into();
        line["phase"] = phase.into();
        self.written.clients.push(line);
    }

    /// An operation with one exchange and its end.
    pub(crate) fn operation(&mut self, op_type: &str, invoke: Value, end: &str, answer: Value) {
        let op = self.next;
        self.next += 1;
        self.client(op, op_type, "invoke", invoke);
        let exchange =
            json!({ "status": answer["status"], "error": null, "api": "api-1", "latency_ms": 12.5 });
        self.client(op, op_type, "try", exchange);
        self.client(op, op_type, end, answer);
    }

    /// A submit; its end is `ok`, `fail` or `info`.
    pub(crate) fn submit_ending(&mut self, plan: Plan, end: &str) -> Life {
        let n = self.next;
        let id = Uuid::from_u128((0x0190_u128 << 112) | u128::from(n));
        let scheduled_for = plan.run_in_secs.map(|secs| self.now + TimeDelta::seconds(secs));
        let created_at = self.now + TimeDelta::milliseconds(15);
        let life = Life {
            id,
            n,
            plan,
            state: if scheduled_for.is_some() {
                "scheduled"
            } else {
                "queued"
            },
            created_at,
            scheduled_for,
            run_at: scheduled_for.unwrap_or(created_at),
            version: 1,
            attempt: 0,
            spent: 0,
            running: None,
            error_code: None,
            discarded: false,
        };
        self.submit_again(&life, end, false);
        life
    }

    /// A submit with the same key and body as an earlier one.
    pub(crate) fn submit_again(&mut self, life: &Life, end: &str, replayed: bool) {
        let Plan {
            tenant,
            kind,
            behaviour,
            max_attempts,
            ..
        } = life.plan;
        let invoke = json!({
            "key": format!("key-{}", life.n), "tenant": tenant, "kind": kind, "n": life.n,
            "run_at": life.scheduled_for.map(text), "max_attempts": max_attempts, "behaviour": behaviour,
        });
        let answer = match end {
            "ok" => json!({ "job_id": life.id, "status": 202, "replayed": replayed }),
            "fail" => json!({ "status": 422 }),
            _ => json!({}),
        };
        self.operation("submit", invoke, end, answer);
    }

    pub(crate) fn submit(&mut self, plan: Plan) -> Life {
        self.submit_ending(plan, "ok")
    }

    /// Records an event of a job, which leads it to a state.
    pub(crate) fn event(
        &mut self,
        life: &mut Life,
        event: &'static str,
        state: &'static str,
        attempt: Option<u32>,
    ) {
        let at = self.tick();
        life.version += 1;
        life.state = state;
        let row = json!({
            "job_id": life.id, "number": life.version, "tenant_id": id_of(life.plan.tenant), "at": text(at),
            "event": event, "attempt": attempt,
        });
        self.written.add("job_event", row);
    }

    pub(crate) fn promote(&mut self, life: &mut Life) {
        self.now = self.now.max(life.run_at);
        self.event(life, "promoted", "queued", None);
    }

    pub(crate) fn start(&mut self, life: &mut Life, host: &'static str) {
        life.attempt += 1;
        life.spent += 1;
        self.event(life, "started", "running", Some(life.attempt));
        life.running = Some((self.now, host));
    }

    pub(crate) fn deliver(&mut self, life: &Life, answer: u16) {
        let request = self.written.receiver.len();
        let at = text(self.tick());
        self.written.receiver.push(json!({
            "at": at, "request": request, "webhook_id": life.id, "attempt": life.attempt, "tenant": life.plan.tenant,
            "n": life.n, "answer": answer,
        }));
        let at = text(self.tick());
        self.written
            .receiver
            .push(json!({ "at": at, "request": request, "answered": true }));
    }

    /// The effect of a job that has one.
    pub(crate) fn deliver_if_http(&mut self, life: &Life) {
        if life.plan.kind == HTTP.kind {
            self.deliver(life, 200);
        }
    }

    /// Ends the running attempt.
    pub(crate) fn end(&mut self, life: &mut Life, event: &'static str, error_code: Option<&'static str>) {
        let state = match event {
            "retry_scheduled" | "snoozed" => "scheduled",
            "released" | "lease_expired" => "queued",
            end => end,
        };
        let (started_at, host) = life.running.take().unwrap();
        self.event(life, event, state, Some(life.attempt));
        if matches!(event, "snoozed" | "released") {
            life.spent -= 1;
        }
        match state {
            "scheduled" => life.run_at = self.now + TimeDelta::seconds(1),
            "queued" => life.run_at = self.now,
            _ => {}
        }
        life.error_code = error_code;
        let row = json!({
            "job_id": life.id, "attempt": life.attempt, "tenant_id": id_of(life.plan.tenant), "worker_id": id_of(host),
            "started_at": text(started_at), "finished_at": text(self.now), "event": event, "error_code": error_code,
            "error_message": null,
        });
        self.written.add("attempt", row);
    }

    pub(crate) fn fault(&mut self, fault: &str, process: &str, incarnation: u32, detail: Value) {
        let at = text(self.tick());
        let mut line = json!({ "at": at, "fault": fault, "process": process, "incarnation": incarnation });
        line["detail"] = detail;
        self.written.faults.push(line);
    }

    pub(crate) fn redrive(&mut self, life: &mut Life) {
        let answer = json!({ "status": 202 });
        self.operation("redrive", json!({ "job_id": life.id }), "ok", answer);
        self.event(life, "redriven", "queued", None);
        (life.spent, life.run_at, life.error_code) = (0, self.now, None);
    }

    pub(crate) fn discard(&mut self, life: &mut Life) {
        let answer = json!({ "status": 200 });
        self.operation("discard", json!({ "job_id": life.id }), "ok", answer);
        self.event(life, "discarded", "failed", None);
        life.discarded = true;
    }

    /// A cancel that was answered with this status.
    pub(crate) fn ask_for_the_end(&mut self, life: &Life, status: u16) {
        self.operation(
            "cancel",
            json!({ "job_id": life.id }),
            "ok",
            json!({ "status": status }),
        );
    }

    /// Writes the rows of a job as they are at the end; answers its id.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "nothing happens to the job any more"
    )]
    pub(crate) fn keep(&mut self, life: Life) -> Uuid {
        let Life { id, n, plan, .. } = life;
        let tenant_id = id_of(plan.tenant);
        let payload = match (plan.kind, plan.behaviour) {
            ("http.request", _) => {
                json!({ "url": format!("http://127.0.0.1:9/hook/{}/{n}", plan.tenant) })
            }
            (_, "panic") => json!({ "message": "no", "panic": true }),
            _ => json!({ "n": n }),
        };
        let has_result = life.state == "succeeded" && plan.kind != "test.sleep";
        let row = json!({
            "id": id, "tenant_id": tenant_id, "state": life.state, "attempt": life.attempt,
            "attempts_spent": life.spent, "max_attempts": plan.max_attempts, "version": life.version,
            "created_at": text(life.created_at), "run_at": text(life.run_at),
            "scheduled_for": life.scheduled_for.map(text), "kind": plan.kind, "queue": "default",
            "result": has_result.then_some(&payload), "error_code": life.error_code, "payload": payload,
        });
        self.written.add("job", row);
        let key = json!({ "tenant_id": tenant_id, "key": format!("key-{n}"), "job_ids": [id], "request_hash": "\\x00" });
        self.written.add("idempotency", key);
        let mut token = json!({ "job_id": id, "tenant_id": tenant_id });
        let place = match life.state {
            "scheduled" => "due",
            "queued" => "outbox",
            "running" => "claim",
            "failed" if !life.discarded => "dead_letter",
            _ => return id,
        };
        if let Some((started_at, host)) = life.running {
            token["worker_id"] = json!(id_of(host));
            token["attempt"] = life.attempt.into();
            token["started_at"] = text(started_at).into();
        }
        self.written.add(place, token);
        id
    }

    /// The faults are over, and nothing is left to do.
    pub(crate) fn done(mut self) -> Written {
        self.written.run["faults_ended_at"] = text(self.now).into();
        self.wait(10.0);
        self.written.run["drained_at"] = text(self.now).into();
        self.written
    }
}
