//! The first tenant, which operates the others, and its first key: kept in a secret, so that it is in no log.

use domain::{Scope, Scopes, TenantId};
use runtime::Env;
use runtime::credential::{KEY_ENVIRONMENT, KeyEnvironment, KeyHasher};
use runtime::secrets_manager::StoredSecret;
use store::{Setup, Store};

use crate::admin::{create_tenant, open_owner};
use crate::args::FoundOperatorArgs;
use crate::failure::{ExitStatus, Failure};
use crate::held_key::{Founding, KeyPlan};
use crate::output;

/// What the key is called.
const KEY_NAME: &str = "first key";

/// Makes the tenant and the key, as far as they are not there.
pub(crate) async fn found(args: &FoundOperatorArgs) -> Result<ExitStatus, Failure> {
    let mut env = Env::from_process();
    let environment: Option<KeyEnvironment> = env.get(&KEY_ENVIRONMENT);
    let environment = env.finish(|| environment)?;
    let hasher = read_hasher(&args.pepper_secret).await?;
    let url = &args.database.database_url;
    let setup = Setup::begin(url).await?;
    let store = open_owner(url).await?;
    let tenant_id = ensure_tenant(&store, &args.name).await?;
    let founding = Founding {
        store: &store,
        environment: &environment,
        hasher: &hasher,
    };
    let plan = KeyPlan {
        name: KEY_NAME,
        scopes: Scopes::from_iter([Scope::Admin]),
    };
    let secret = StoredSecret::new(&args.key_secret).await;
    let key = founding.ensure_key(&secret, tenant_id, &plan).await?;
    store.close().await;
    setup.end().await?;
    output::note(&format!(
        "the key {} of the tenant {:?} is in the secret {}",
        key.id(),
        args.name,
        args.key_secret
    ));
    Ok(ExitStatus::Done)
}

async fn read_hasher(arn: &str) -> Result<KeyHasher, Failure> {
    let pepper = StoredSecret::new(arn).await.read().await?;
    let pepper = pepper.ok_or_else(|| {
        Failure::new(format!(
            "the secret {arn} has no pepper yet; tandem migrate puts one there"
        ))
    })?;
    KeyHasher::of_environment(&pepper).map_err(|error| Failure::new(format!("the secret {arn} {error}")))
}

async fn ensure_tenant(store: &Store, name: &str) -> Result<TenantId, Failure> {
    match store.tenant_by_name(name).await? {
        Some(tenant) if tenant.operator => Ok(tenant.id),
        Some(_) => Err(Failure::new(format!(
            "there is a tenant {name:?} that does not operate the others; choose another --name"
        ))),
        None => Ok(create_tenant(store, name, true).await?.id),
    }
}
