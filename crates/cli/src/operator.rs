//! The first tenant, which operates the others, and its first key: kept in a secret, so that it is in no log.

use domain::{Scope, Scopes, TenantId};
use runtime::credential::{ApiKey, KEY_ENVIRONMENT, KeyEnvironment, KeyHasher};
use runtime::secrets_manager::StoredSecret;
use runtime::{Env, Secret};
use store::{NewApiKey, Setup, Store};

use crate::admin::{create_tenant, open_owner};
use crate::args::FoundOperatorArgs;
use crate::failure::{ExitStatus, Failure};
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
        store,
        secret: StoredSecret::new(&args.key_secret).await,
        environment,
        hasher,
        tenant_id,
    };
    let key = founding.ensure_key().await?;
    founding.store.close().await;
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

/// What a key is made with.
struct Founding {
    store: Store,
    secret: StoredSecret,
    environment: KeyEnvironment,
    hasher: KeyHasher,
    tenant_id: TenantId,
}

impl Founding {
    /// The key of the secret, once the database knows it. The secret has it first: a key that is only in the database is
    /// with nobody.
    async fn ensure_key(&self) -> Result<ApiKey, Failure> {
        let held = self.secret.read().await?;
        let key = match held {
            Some(text) => self.read(&text)?,
            None => {
                let first = ApiKey::generate(&self.environment);
                let held = self.secret.fill(&Secret::new(first.expose().to_owned())).await?;
                self.read(&held)?
            }
        };
        let Some(known) = self.store.authenticate(key.id()).await? else {
            self.insert(&key).await?;
            return Ok(key);
        };
        if known.live && self.hasher.verify(&key, Some(&known.secret_hash)) {
            return Ok(key);
        }
        let next = ApiKey::generate(&self.environment);
        self.secret
            .replace(&Secret::new(next.expose().to_owned()))
            .await?;
        self.insert(&next).await?;
        Ok(next)
    }

    fn read(&self, text: &Secret<String>) -> Result<ApiKey, Failure> {
        let arn = self.secret.arn();
        let key: ApiKey = text.expose().parse().map_err(|error| {
            Failure::new(format!(
                "the secret {arn} must hold an API key or nothing: {error}"
            ))
        })?;
        if key.environment() != &self.environment {
            return Err(Failure::new(format!(
                "the secret {arn} holds a key of another environment than {} says",
                KEY_ENVIRONMENT.name
            )));
        }
        Ok(key)
    }

    async fn insert(&self, key: &ApiKey) -> Result<(), Failure> {
        let new = NewApiKey {
            id: key.id(),
            tenant_id: self.tenant_id,
            user_id: None,
            name: KEY_NAME,
            secret_hash: &self.hasher.hash(key),
            scopes: &Scopes::from_iter([Scope::Admin]),
            expires_at: None,
        };
        Ok(self.store.create_api_key(&new).await?)
    }
}
