//! What an environment on AWS is set up with: its schema, its programs' logins, its pepper. Each step looks at what is there,
//! so that a run which was cut off anywhere is followed by one that goes on.

use runtime::credential::{DatabaseLogin, DatabasePlace, KeyHasher, pepper};
use runtime::random;
use runtime::secrets_manager::StoredSecret;
use store::{Login, LoginOutcome, Role, Setup};

use crate::args::MigrateArgs;
use crate::failure::{ExitStatus, Failure};
use crate::output;

/// A program's login: where it is kept, what it may become, and what it is called unless its secret says something else.
struct LoginPlan {
    secret: StoredSecret,
    role: Role,
    name: &'static str,
}

/// What is to be there besides the schema.
struct Plan {
    logins: Vec<LoginPlan>,
    pepper: Option<StoredSecret>,
}

/// Brings the schema up to date, and makes the programs' logins and the pepper where there is none.
pub(crate) async fn migrate(args: &MigrateArgs) -> Result<ExitStatus, Failure> {
    let plan = Plan::of(args).await;
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
        plan.carry_out(&mut setup).await?;
        setup.end().await?;
    }
    Ok(ExitStatus::Done)
}

impl Plan {
    async fn of(args: &MigrateArgs) -> Self {
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
        Self { logins, pepper }
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
        if problems.is_empty() {
            return Ok(());
        }
        Err(Failure::new(problems.join("\n")))
    }

    async fn carry_out(&self, setup: &mut Setup) -> Result<(), Failure> {
        let (host, port, name) = setup.place();
        let place = DatabasePlace {
            host: host.to_owned(),
            port,
            name: name.to_owned(),
        };
        for plan in &self.logins {
            plan.carry_out(setup, &place).await?;
        }
        if let Some(secret) = &self.pepper {
            // Whoever fills it afterwards finds this one.
            let value = secret.fill(&pepper()).await?;
            KeyHasher::of_environment(&value).map_err(|error| Failure::new(unusable(secret, &error)))?;
            output::note("the pepper of API keys is in its secret");
        }
        Ok(())
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
