//! Tenants: who sees and changes which.

use domain::{Scope, Scopes, TenantId};
use store::{Error, NewApiKey, NewTenant, Tenant, TenantChange, TenantLimits};
use testkit::actor;

use crate::world::{World, random};

async fn create(world: &World, by: TenantId, name: &str, key: &str) -> Result<Tenant, Error> {
    let id = TenantId(random());
    let new = NewTenant {
        id,
        name,
        webhook_secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        limits: TenantLimits {
            max_running_jobs: Some(5),
            ..TenantLimits::default()
        },
    };
    let scopes: Scopes = [Scope::Admin].into_iter().collect();
    let first_key = NewApiKey {
        id: key,
        tenant_id: id,
        user_id: None,
        name: "first key",
        secret_hash: &[7; 32],
        scopes: &scopes,
        expires_at: None,
    };
    let made = world
        .api
        .create_tenant(&actor(by), &new, &first_key, None)
        .await?;
    Ok(made.made().expect("it has no key, so nothing was made before"))
}

#[tokio::test]
async fn an_operator_makes_tenants_with_their_first_key() {
    let world = World::new().await;
    let operator = world.db.operator_tenant().await;
    let acme = create(&world, operator, "Acme", "0123456789abcdef")
        .await
        .unwrap();
    assert!(!acme.operator && acme.limits.max_running_jobs == Some(5));
    let key = world.api.authenticate("0123456789abcdef").await.unwrap().unwrap();
    assert!(key.live && key.tenant_id == acme.id && !key.operator);
    let taken = create(&world, operator, "Acme", "fedcba9876543210")
        .await
        .unwrap_err();
    assert!(
        matches!(&taken, Error::Conflict { constraint } if constraint == "tenant_name_key"),
        "{taken:?}"
    );
    let actions = async |tenant_id| {
        let filter = store::AuditFilter::default();
        let log = world.api.list_audit(tenant_id, &filter, None, 10).await.unwrap();
        log.into_iter().map(|entry| entry.action).collect::<Vec<_>>()
    };
    assert_eq!(actions(operator).await, ["tenant.create", "tenant.create"]);
    assert_eq!(actions(acme.id).await, ["key.create"]);
}

#[tokio::test]
async fn only_an_operator_sees_and_changes_the_others() {
    let world = World::new().await;
    let operator = world.db.operator_tenant().await;
    let ids = async |caller| {
        let tenants = world.api.list_tenants(caller, None, 10).await.unwrap();
        tenants.iter().map(|tenant| tenant.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(operator).await.len(), 2);
    assert_eq!(ids(world.tenant_id).await, [world.tenant_id]);
    assert!(
        world
            .api
            .tenant(world.tenant_id, operator)
            .await
            .unwrap()
            .is_none()
    );

    let change = || TenantChange {
        max_queued_jobs: Some(Some(7)),
        ..TenantChange::default()
    };
    let changed = world
        .api
        .update_tenant(&actor(operator), world.tenant_id, change())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(changed.limits.max_queued_jobs, Some(7));
    for (by, of) in [(world.tenant_id, world.tenant_id), (world.tenant_id, operator)] {
        let refused = world.api.update_tenant(&actor(by), of, change()).await;
        assert_eq!(refused.unwrap(), None);
    }
    let forged = create(&world, world.tenant_id, "Mine", "0123456789abcdef").await;
    assert!(forged.is_err());
}

#[tokio::test]
async fn what_is_not_named_stays_and_null_takes_a_limit_away() {
    let world = World::new().await;
    let operator = world.db.operator_tenant().await;
    let acme = create(&world, operator, "Acme", "0123456789abcdef")
        .await
        .unwrap();
    let update = async |change| {
        let changed = world.api.update_tenant(&actor(operator), acme.id, change).await;
        changed.unwrap().unwrap()
    };
    let renamed = update(TenantChange {
        name: Some("Acme Ltd".to_owned()),
        rate_limit_per_second: Some(Some(3)),
        ..TenantChange::default()
    })
    .await;
    assert_eq!(renamed.name, "Acme Ltd");
    assert_eq!(renamed.limits.max_running_jobs, Some(5));
    let key = world.api.authenticate("0123456789abcdef").await.unwrap().unwrap();
    assert_eq!(key.rate_limit_per_second, Some(3));
    let freed = update(TenantChange {
        max_running_jobs: Some(None),
        ..TenantChange::default()
    })
    .await;
    assert_eq!(freed.limits.max_running_jobs, None);
    assert_eq!(freed.limits.rate_limit_per_second, Some(3));
    let same = update(TenantChange::default()).await;
    assert_eq!(same, freed, "what changes nothing is no change");
}
