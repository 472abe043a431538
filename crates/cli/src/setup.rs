//! What an environment on AWS is set up with: its schema, its programs' logins, its pepper, and the key that its releases are
//! verified with. Each step looks at what is there, so that a run which was cut off anywhere is followed by one that goes on.

use domain::{Scope, Scopes, TenantId};
use runtime::credential::{DatabaseLogin, DatabasePlace, KEY_ENVIRONMENT, KeyEnvironment, KeyHasher, pepper};
use runtime::secrets_manager::StoredSecret;
use runtime::{Env, random};
use store::{Login, LoginOutcome, Role, Setup, Store};

use crate::admin::{create_tenant, open_owner};
use crate::args::MigrateArgs;
use crate::failure::{ExitStatus, Failure};
use crate::held_key::{self, Founding, KeyPlan};
use crate::output;

/// Whose key verifies releases, and what the key is called. Its jobs are among nobody else's.
const VERIFIER: &str = "tandem-verify";

/// A program's login: where it is kept, what it may become, and what it is called unless its secret says something else.
struct LoginPlan {
    secret: StoredSecret,
    role: Role,
    name: &'static str,
}

/// The key that releases are verified with: where it is kept, and which environment it is for.
struct VerifyKeyPlan {
    secret: StoredSecret,
    environment: KeyEnvironment,
}

/// What is to be there besides the schema.
struct Plan {
    logins: Vec<LoginPlan>,
    pepper: Option<StoredSecret>,
    verify_key: Option<VerifyKeyPlan>,
    /// The ARN of the administrator's secret, for who rotates the logins.
    administrator: Option<String>,
}

/// Brings the schema up to date, and makes the programs' logins, the pepper and the key that verifies releases where there is
/// none.
pub(crate) async fn migrate(args: &MigrateArgs) -> Result<ExitStatus, Failure> {
    let plan = Plan::of(args).await?;
    plan.check().await?;
    let url = &args.database.database_url;
    let migrated = store::migrate(url).await?;
    let to = migrated.to;
    output::note(&match migrated.from {
        Some(from) if from == to => format!("the schema is at version {to} already"),
        Some(from) => format!("the schema went from version {from} to {to}"),
        None => format!("the schema was made, at version {to}"),
    });
    if !plan.is_empty() {
        let mut setup = Setup::begin(url).await?;
        plan.carry_out(&mut setup, url).await?;
        setup.end().await?;
    }
    Ok(ExitStatus::Done)
}

impl Plan {
    async fn of(args: &MigrateArgs) -> Result<Self, Failure> {
        let wanted = [
            (&args.api_login_secret, Role::Api, "tandem_api_login"),
            (&args.worker_login_secret, Role::Worker, "tandem_worker_login"),
        ];
        let mut logins = Vec::new();
        for (arn, role, name) in wanted {
            if let Some(arn) = arn {
                let secret = StoredSecret::new(arn).await;
                logins.push(LoginPlan { secret, role, name });
            }
        }
        let pepper = match &args.pepper_secret {
            Some(arn) => Some(StoredSecret::new(arn).await),
            None => None,
        };
        let verify_key = match &args.verify_key_secret {
            Some(arn) => Some(VerifyKeyPlan::of(arn).await?),
            None => None,
        };
        Ok(Self {
            logins,
            pepper,
            verify_key,
            administrator: args.master_secret.clone(),
        })
    }

    fn is_empty(&self) -> bool {
        self.logins.is_empty() && self.pepper.is_none()
    }

    /// Whether the secrets that have values have usable ones: before anything is changed, and all of them at once.
    async fn check(&self) -> Result<(), Failure> {
        let mut problems = Vec::new();
        for LoginPlan { secret, .. } in &self.logins {
            match secret.read().await {
                Ok(Some(value)) => {
                    let login = DatabaseLogin::parse(&value);
                    problems.extend(login.err().map(|error| unusable(secret, &error)));
                }
                Ok(None) => {}
                Err(error) => problems.push(runtime::error_chain(&error).to_string()),
            }
        }
        if let Some(secret) = &self.pepper {
            match secret.read().await {
                Ok(Some(value)) => {
                    let hasher = KeyHasher::of_environment(&value);
                    problems.extend(hasher.err().map(|error| unusable(secret, &error)));
                }
                Ok(None) => {}
                Err(error) => problems.push(runtime::error_chain(&error).to_string()),
            }
        }
        if let Some(VerifyKeyPlan { secret, environment }) = &self.verify_key {
            match secret.read().await {
                Ok(Some(value)) => {
                    let key = held_key::parse(secret, &value, environment);
                    problems.extend(key.err().map(|error| error.to_string()));
                }
                Ok(None) => {}
                Err(error) => problems.push(runtime::error_chain(&error).to_string()),
            }
        }
        if problems.is_empty() {
            return Ok(());
        }
        Err(Failure::new(problems.join("\n")))
    }

    async fn carry_out(&self, setup: &mut Setup, url: &str) -> Result<(), Failure> {
        let (host, port, name) = setup.place();
        let place = DatabasePlace {
            host: host.to_owned(),
            port,
            name: name.to_owned(),
            administrator: self.administrator.clone(),
        };
        for plan in &self.logins {
            plan.carry_out(setup, &place).await?;
        }
        let Some(secret) = &self.pepper else {
            return Ok(());
        };
        // Whoever fills it afterwards finds this one.
        let value = secret.fill(&pepper()).await?;
        let hasher =
            KeyHasher::of_environment(&value).map_err(|error| Failure::new(unusable(secret, &error)))?;
        output::note("the pepper of API keys is in its secret");
        match &self.verify_key {
            Some(plan) => plan.carry_out(url, &hasher).await,
            None => Ok(()),
        }
    }
}

impl VerifyKeyPlan {
    async fn of(arn: &str) -> Result<Self, Failure> {
        let mut env = Env::from_process();
        let environment: Option<KeyEnvironment> = env.get(&KEY_ENVIRONMENT);
        Ok(Self {
            secret: StoredSecret::new(arn).await,
            environment: env.finish(|| environment)?,
        })
    }

    async fn carry_out(&self, url: &str, hasher: &KeyHasher) -> Result<(), Failure> {
        let store = open_owner(url).await?;
        let founding = Founding {
            store: &store,
            environment: &self.environment,
            hasher,
        };
        let plan = KeyPlan {
            name: VERIFIER,
            scopes: Scopes::from_iter([Scope::JobsRead, Scope::JobsWrite]),
        };
        let tenant_id = ensure_verifier(&store).await?;
        let key = founding.ensure_key(&self.secret, tenant_id, &plan).await?;
        store.close().await;
        output::note(&format!(
            "the key {} of the tenant {VERIFIER:?}, which verifies releases, is in its secret",
            key.id()
        ));
        Ok(())
    }
}

async fn ensure_verifier(store: &Store) -> Result<TenantId, Failure> {
    match store.tenant_by_name(VERIFIER).await? {
        // Whoever may read the secret would be too near to the others' tenants.
        Some(tenant) if tenant.operator => Err(Failure::new(format!(
            "the tenant {VERIFIER:?} must not operate others: its key verifies releases"
        ))),
        Some(tenant) => Ok(tenant.id),
        None => Ok(create_tenant(store, VERIFIER, false).await?.id),
    }
}

impl LoginPlan {
    async fn carry_out(&self, setup: &mut Setup, place: &DatabasePlace) -> Result<(), Failure> {
        // The secret first: a password that nobody knows would have to be changed again.
        let first = DatabaseLogin::generate(self.name).to_secret(place);
        let value = self.secret.fill(&first).await?;
        let login =
            DatabaseLogin::parse(&value).map_err(|error| Failure::new(unusable(&self.secret, &error)))?;
        let name = &login.username;
        let outcome = setup
            .ensure_login(&Login {
                name,
                password: login.password.expose(),
                verifier: login.verifier(&random::secret_bytes()).expose(),
                role: self.role,
            })
            .await?;
        let arn = self.secret.arn();
        output::note(&match outcome {
            LoginOutcome::Kept => format!("the login {name:?} works"),
            LoginOutcome::Made => format!("the login {name:?} was made"),
            LoginOutcome::Changed => format!("the login {name:?} was changed to what its secret says"),
            LoginOutcome::Refused => {
                return Err(Failure::new(format!(
                    "the database refuses the login {name:?} of the secret {arn}, though its password and role are right: \
                     look at pg_hba.conf, and whether the login has run out"
                )));
            }
            LoginOutcome::Reserved => {
                return Err(Failure::new(format!(
                    "the secret {arn} must have the username of a login of its own, not {name:?}, which has another use"
                )));
            }
        });
        Ok(())
    }
}

/// What is wrong with a secret's value, without the value.
fn unusable(secret: &StoredSecret, error: &dyn std::fmt::Display) -> String {
    format!("the secret {} {error}", secret.arn())
}
