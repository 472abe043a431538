//! The operator's commands: they talk to the database, as its owner.

use std::time::Duration;

use domain::{KeyId, Scopes, TenantId};
use runtime::Env;
use runtime::credential::{ApiKey, KEY_ENVIRONMENT, KeyEnvironment, KeyHasher, webhook_secret};
use serde_json::json;
use store::{NewApiKey, NewTenant, PoolConfig, Role, Store, TenantLimits};

use crate::args::CreateKeyArgs;
use crate::failure::Failure;
use crate::keys::from_now;
use crate::output;

/// Makes a tenant, and prints it.
pub(crate) async fn found_tenant(
    database_url: &str,
    name: &str,
    operator: bool,
    as_json: bool,
) -> Result<(), Failure> {
    let store = open_owner(database_url).await?;
    let tenant = create_tenant(&store, name, operator).await?;
    store.close().await;
    if as_json {
        output::json(&json!({ "id": tenant.id, "name": name, "webhook_secret": tenant.webhook_secret }));
    } else {
        let row = [tenant.id.to_string(), name.to_owned(), tenant.webhook_secret];
        output::table(["id", "name", "webhook_secret"], [row]);
    }
    Ok(())
}

/// Revokes a key of any tenant.
pub(crate) async fn revoke_key(database_url: &str, id: KeyId) -> Result<(), Failure> {
    let store = open_owner(database_url).await?;
    let known = store.revoke_any_api_key(id.as_str()).await?;
    store.close().await;
    if known {
        Ok(())
    } else {
        Err(Failure::new(format!("there is no key {id}")))
    }
}

/// Makes a key for a tenant, and prints it.
pub(crate) async fn create_first_key(
    tenant: &str,
    args: &CreateKeyArgs,
    as_json: bool,
) -> Result<(), Failure> {
    let keyring = Keyring::from_process()?;
    let store = open_owner(args.database_url.as_deref().unwrap_or_default()).await?;
    let tenant = store.tenant_by_name(tenant).await?.ok_or_else(|| {
        Failure::new(format!(
            "there is no tenant {tenant:?}; tandem tenants create makes one"
        ))
    })?;
    let new = KeyRequest {
        tenant_id: tenant.id,
        name: &args.name,
        scopes: args.scopes.iter().copied().collect(),
        expires_in: args.expires_in,
    };
    let key = create_key(&store, &keyring, &new).await?;
    store.close().await;
    if as_json {
        output::json(
            &json!({ "api_key": key.expose(), "tenant": tenant.name, "scopes": new.scopes.to_strings() }),
        );
    } else {
        output::line(key.expose());
        output::note("Keep it safe: it can't be read again.");
    }
    Ok(())
}

pub(crate) async fn open_owner(database_url: &str) -> Result<Store, Failure> {
    let config = PoolConfig {
        max_connections: 2,
        min_connections: 0,
        ..PoolConfig::default()
    };
    Ok(Store::open_url(database_url, Role::Owner, config).await?)
}

pub(crate) struct CreatedTenant {
    pub(crate) id: TenantId,
    pub(crate) webhook_secret: String,
}

pub(crate) async fn create_tenant(
    store: &Store,
    name: &str,
    operator: bool,
) -> Result<CreatedTenant, Failure> {
    let id = TenantId(runtime::random::id());
    let webhook_secret = webhook_secret().expose().clone();
    let new = NewTenant {
        id,
        name,
        webhook_secret: &webhook_secret,
        limits: TenantLimits::default(),
    };
    store
        .found_tenant(&new, operator)
        .await
        .map_err(|error| match error {
            store::Error::Conflict { constraint } if constraint == "tenant_name_key" => {
                Failure::new(format!("there is a tenant {name:?} already"))
            }
            store::Error::Conflict { constraint } if constraint == "tenant_name_length" => {
                Failure::new("a tenant's name has 1 to 100 characters")
            }
            error => error.into(),
        })?;
    Ok(CreatedTenant { id, webhook_secret })
}

/// What keys of one environment are made with.
pub(crate) struct Keyring {
    pub(crate) environment: KeyEnvironment,
    pub(crate) hasher: KeyHasher,
}

impl Keyring {
    fn from_process() -> Result<Self, Failure> {
        let mut env = Env::from_process();
        let environment: Option<KeyEnvironment> = env.get(&KEY_ENVIRONMENT);
        let hasher = environment
            .as_ref()
            .and_then(|environment| KeyHasher::from_env(&mut env, environment));
        Ok(env.finish(|| {
            Some(Self {
                environment: environment?,
                hasher: hasher?,
            })
        })?)
    }
}

/// A key to be made.
pub(crate) struct KeyRequest<'a> {
    pub(crate) tenant_id: TenantId,
    pub(crate) name: &'a str,
    pub(crate) scopes: Scopes,
    pub(crate) expires_in: Option<Duration>,
}

pub(crate) async fn create_key(
    store: &Store,
    keyring: &Keyring,
    request: &KeyRequest<'_>,
) -> Result<ApiKey, Failure> {
    let key = ApiKey::generate(&keyring.environment);
    let hash = keyring.hasher.hash(&key);
    let expires_at = request.expires_in.map(from_now).transpose()?;
    let new = NewApiKey {
        id: key.id(),
        tenant_id: request.tenant_id,
        user_id: None,
        name: request.name,
        secret_hash: &hash,
        scopes: &request.scopes,
        expires_at,
    };
    store.create_api_key(&new).await?;
    Ok(key)
}
