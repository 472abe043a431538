//! One of everything, of one tenant.

use domain::{Scope, TenantId};
use http::Method;
use runtime::random;
use serde_json::{Value, json};

use crate::app::TestApp;

/// The ids and names of what a tenant has.
pub(super) struct Things {
    pub(super) tenant_id: TenantId,
    /// Waits to be run.
    pub(super) job: String,
    /// Was cancelled.
    pub(super) cancelled_job: String,
    /// The name of a schedule.
    pub(super) schedule: String,
    pub(super) user: i64,
    pub(super) key: String,
    /// Its URL holds the id of the job.
    pub(super) endpoint: String,
    /// Differs from that of all other things.
    pub(super) unique: String,
}

impl Things {
    /// Makes them anew, so that what was done to the last ones does not matter.
    pub(super) async fn make(app: &TestApp, tenant_id: TenantId) -> Self {
        let unique = random::id().simple().to_string();
        let maker = app.key(tenant_id, &Scope::ALL).await;
        let job = maker.submit(&json!({ "kind": "k", "tags": [unique] })).await;
        let cancelled_job = maker.submit(&json!({ "kind": "k" })).await;
        maker
            .post(&format!("/api/jobs/{cancelled_job}/cancel"), &Value::Null)
            .await
            .ok(200);
        let schedule = format!("s-{unique}");
        let daily = json!({ "cron": "@daily", "job": { "kind": "k" } });
        maker
            .put(&format!("/api/schedules/{schedule}"), &daily)
            .await
            .ok(201);
        // Seen in whatever shows the lane.
        let pause = json!({ "reason": unique });
        maker.post("/api/queues/default/pause", &pause).await.ok(200);
        let email = format!("{unique}@example.com");
        let user = maker
            .post("/api/users", &json!({ "name": unique, "email": email }))
            .await
            .ok(201);
        let key = maker
            .post("/api/keys", &json!({ "name": unique, "scopes": ["ops"] }))
            .await
            .ok(201);
        let endpoint = format!("e{unique}");
        let put = maker
            .request(Method::PUT, &format!("/api/endpoints/{endpoint}"))
            .header("content-type", "application/json")
            .body(
                json!({ "url": format!("https://{job}.example/") })
                    .to_string()
                    .into(),
            );
        maker.send(put.unwrap()).await.ok(201);
        Self {
            tenant_id,
            endpoint,
            job,
            cancelled_job,
            schedule,
            user: user["id"].as_i64().unwrap(),
            key: key["key"]["id"].as_str().unwrap().to_owned(),
            unique,
        }
    }
}
