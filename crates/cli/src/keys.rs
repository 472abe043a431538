//! `tandem keys …`: API keys of the tenant, by the api; and the first ones, at the database.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::admin;
use crate::args::{CreateKeyArgs, KeysArgs, KeysCommand};
use crate::client::Client;
use crate::failure::{ExitStatus, Failure};
use crate::output::{self, plain};

pub(crate) async fn run(args: KeysArgs) -> Result<ExitStatus, Failure> {
    let (api, as_json) = (&args.api, args.api.json);
    match args.command {
        KeysCommand::List { limit } => {
            let keys = Client::new(api)?.list("/api/keys", "keys", &[], limit).await?;
            if as_json {
                output::json(&keys);
            } else {
                print_table(&keys);
            }
        }
        KeysCommand::Get { id } => {
            let key = Client::new(api)?.get(&format!("/api/keys/{id}"), &[]).await?;
            print(key, as_json);
        }
        KeysCommand::Create(create) => match &create.tenant {
            Some(tenant) => admin::create_first_key(tenant, &create, as_json).await?,
            None => print_new(&issue(&Client::new(api)?, &create).await?, as_json),
        },
        KeysCommand::Rotate {
            id,
            overlap,
            expires_at,
        } => {
            let mut body = json!({ "overlap_secs": overlap.as_secs() });
            if let Some(expires_at) = expires_at {
                body["expires_at"] = json!(expires_at);
            }
            let client = Client::new(api)?;
            let made = client.post_json(&format!("/api/keys/{id}/rotate"), &body).await?;
            print_new(&made, as_json);
        }
        KeysCommand::Revoke {
            id,
            at_database,
            database_url,
        } => {
            if at_database {
                admin::revoke_key(&database_url, id).await?;
            } else {
                Client::new(api)?.post(&format!("/api/keys/{id}/revoke")).await?;
            }
            output::note(&format!(
                "key {id} is revoked; every api process refuses it within five seconds"
            ));
        }
    }
    Ok(ExitStatus::Done)
}

async fn issue(client: &Client, create: &CreateKeyArgs) -> Result<Value, Failure> {
    let mut body = Map::new();
    body.insert("name".to_owned(), json!(create.name));
    body.insert("scopes".to_owned(), json!(create.scopes));
    if let Some(user_id) = create.user_id {
        body.insert("user_id".to_owned(), json!(user_id));
    }
    if let Some(expires_in) = create.expires_in {
        body.insert("expires_at".to_owned(), json!(from_now(expires_in)?));
    }
    client.post_json("/api/keys", &body.into()).await
}

/// The time that lies so far ahead.
pub(crate) fn from_now(wait: Duration) -> Result<chrono::DateTime<chrono::Utc>, Failure> {
    Ok(runtime::clock::now() + chrono::Duration::from_std(wait)?)
}

/// The key alone on standard output, so that a script can take it.
fn print_new(made: &Value, as_json: bool) {
    if as_json {
        output::json(made);
        return;
    }
    output::line(&plain(&made["api_key"]));
    output::note("Keep it safe: it can't be read again.");
}

fn print(key: Value, as_json: bool) {
    if as_json {
        output::json(&key);
    } else {
        print_table(&[key]);
    }
}

fn print_table(keys: &[Value]) {
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
    let cell = |value: &Value| match value {
        Value::Array(scopes) => scopes.iter().map(plain).collect::<Vec<_>>().join(","),
        value => plain(value),
    };
    let row = |key: &Value| columns.iter().map(|name| cell(&key[*name])).collect();
    output::table(&columns, keys.iter().map(row).collect());
}
