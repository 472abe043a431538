//! An API key that is kept in a secret: whoever may read the secret may use it, and it is in no log.

use domain::{Scopes, TenantId};
use runtime::Secret;
use runtime::credential::{ApiKey, KEY_ENVIRONMENT, KeyEnvironment, KeyHasher};
use runtime::secrets_manager::StoredSecret;
use store::{NewApiKey, Store};

use crate::failure::Failure;

/// What a key is called, and what it may do.
pub(crate) struct KeyPlan {
    pub(crate) name: &'static str,
    pub(crate) scopes: Scopes,
}

/// What keys that are held by secrets are made with, by whoever sets the database up.
pub(crate) struct Founding<'a> {
    pub(crate) store: &'a Store,
    pub(crate) environment: &'a KeyEnvironment,
    pub(crate) hasher: &'a KeyHasher,
}

impl Founding<'_> {
    /// The key of the secret, once the database knows it as a key of this tenant. The secret has it first: a key that is only
    /// in the database is with nobody. One that does not work any more is exchanged.
    pub(crate) async fn ensure_key(
        &self,
        secret: &StoredSecret,
        tenant_id: TenantId,
        plan: &KeyPlan,
    ) -> Result<ApiKey, Failure> {
        let key = match secret.read().await? {
            Some(text) => parse(secret, &text, self.environment)?,
            None => {
                let first = ApiKey::generate(self.environment);
                let held = secret.fill(&Secret::new(first.expose().to_owned())).await?;
                parse(secret, &held, self.environment)?
            }
        };
        let Some(known) = self.store.authenticate(key.id()).await? else {
            self.insert(&key, tenant_id, plan).await?;
            return Ok(key);
        };
        if known.live && self.hasher.verify(&key, Some(&known.secret_hash)) {
            return Ok(key);
        }
        let next = ApiKey::generate(self.environment);
        secret.replace(&Secret::new(next.expose().to_owned())).await?;
        self.insert(&next, tenant_id, plan).await?;
        Ok(next)
    }

    async fn insert(&self, key: &ApiKey, tenant_id: TenantId, plan: &KeyPlan) -> Result<(), Failure> {
        let new = NewApiKey {
            id: key.id(),
            tenant_id,
            user_id: None,
            name: plan.name,
            secret_hash: &self.hasher.hash(key),
            scopes: &plan.scopes,
            expires_at: None,
        };
        Ok(self.store.create_api_key(&new).await?)
    }
}

/// The key that a secret holds.
///
/// # Errors
/// When that is none, or one of another environment; nothing of it is told.
pub(crate) fn parse(
    secret: &StoredSecret,
    text: &Secret<String>,
    environment: &KeyEnvironment,
) -> Result<ApiKey, Failure> {
    let arn = secret.arn();
    let key: ApiKey = text.expose().parse().map_err(|error| {
        Failure::new(format!(
            "the secret {arn} must hold an API key or nothing: {error}"
        ))
    })?;
    if key.environment() != environment {
        return Err(Failure::new(format!(
            "the secret {arn} holds a key of another environment than {} says",
            KEY_ENVIRONMENT.name
        )));
    }
    Ok(key)
}
