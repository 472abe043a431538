//! `tandem keys …`: API keys of the tenant, by the api; and the first ones, at the database.

use std::time::Duration;

use client::{CreatedKey, Key, NewKey, Open, RotateKey, UserId};

use crate::args::{CreateKeyArgs, KeysArgs, KeysCommand};
use crate::failure::{ExitStatus, Failure};
use crate::output::{self, optional, optional_time};
use crate::{access, admin};

pub(crate) async fn run(args: KeysArgs) -> Result<ExitStatus, Failure> {
    let (api, json) = (&args.api, args.api.json);
    match args.command {
        KeysCommand::List { limit } => {
            let client = access::connect(api)?;
            access::show_list(client.keys().limit(limit), json, print_table).await?;
        }
        KeysCommand::Get { id } => {
            let client = access::connect(api)?;
            access::show(client.key(id), json, |key| print_table(vec![key])).await?;
        }
        KeysCommand::Create(create) => match &create.tenant {
            Some(tenant) => admin::create_first_key(tenant, &create, json).await?,
            None => {
                let client = access::connect(api)?;
                access::show(client.create_key(&new_key(create)?), json, print_new).await?;
            }
        },
        KeysCommand::Rotate {
            id,
            overlap,
            expires_at,
        } => {
            let rotation = RotateKey {
                overlap_secs: Some(overlap.as_secs()),
                expires_at,
            };
            let client = access::connect(api)?;
            access::show(client.rotate_key(id, rotation), json, print_new).await?;
        }
        KeysCommand::Revoke {
            id,
            at_database,
            database_url,
        } => {
            if at_database {
                admin::revoke_key(&database_url, id).await?;
            } else {
                access::connect(api)?.revoke_key(id).await?;
            }
            output::note(&format!(
                "key {id} is revoked; every api process refuses it within five seconds"
            ));
        }
    }
    Ok(ExitStatus::Done)
}

fn new_key(create: CreateKeyArgs) -> Result<NewKey, Failure> {
    Ok(NewKey {
        name: create.name,
        scopes: create.scopes,
        user_id: create.user_id.map(UserId),
        expires_at: create.expires_in.map(from_now).transpose()?,
    })
}

/// The time that lies so far ahead.
pub(crate) fn from_now(wait: Duration) -> Result<chrono::DateTime<chrono::Utc>, Failure> {
    Ok(runtime::clock::now() + chrono::Duration::from_std(wait)?)
}

/// The key alone on standard output, so that a script can take it.
fn print_new(CreatedKey { api_key, .. }: CreatedKey) {
    output::line(&api_key);
    output::note("Keep it safe: it can't be read again.");
}

fn print_table(keys: Vec<Key>) {
    let columns = [
        "id",
        "name",
        "scopes",
        "live",
        "created_at",
        "expires_at",
        "last_used_at",
        "replaced_by",
    ];
    let rows = keys.into_iter().map(|key| {
        let scopes: Vec<&str> = key.scopes.iter().map(Open::as_str).collect();
        let scopes = scopes.join(",");
        [
            key.id,
            key.name,
            scopes,
            key.live.to_string(),
            output::time(key.created_at),
            optional_time(key.expires_at),
            optional_time(key.last_used_at),
            optional(key.replaced_by),
        ]
    });
    output::table(columns, rows);
}
