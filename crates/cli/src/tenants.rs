//! `tandem tenants …`: by the api; and the first ones, at the database.

use serde_json::{Map, Value, json};

use crate::admin;
use crate::args::{TenantsArgs, TenantsCommand};
use crate::client::Client;
use crate::failure::{ExitStatus, Failure};
use crate::output::{self, plain};

pub(crate) async fn run(args: TenantsArgs) -> Result<ExitStatus, Failure> {
    let (api, as_json) = (&args.api, args.api.json);
    match args.command {
        TenantsCommand::Create {
            name,
            operator,
            database_url: Some(database_url),
        } => admin::found_tenant(&database_url, &name, operator, as_json).await?,
        TenantsCommand::Create { name, .. } => {
            let body = json!({ "name": name });
            let made = Client::new(api)?.post_json("/api/tenants", &body).await?;
            print_new(&made, as_json);
        }
        TenantsCommand::List { limit } => {
            let client = Client::new(api)?;
            let tenants = client.list("/api/tenants", "tenants", &[], limit).await?;
            if as_json {
                output::json(&tenants);
            } else {
                print_table(&tenants);
            }
        }
        TenantsCommand::Get { id } => {
            let tenant = Client::new(api)?.get(&format!("/api/tenants/{id}"), &[]).await?;
            print(tenant, as_json);
        }
        TenantsCommand::Update {
            id,
            name,
            rate_limit_per_second,
            rate_limit_burst,
            max_running_jobs,
            max_queued_jobs,
        } => {
            let mut change = Map::new();
            change.extend(name.map(|name| ("name".to_owned(), json!(name))));
            for (field, limit) in [
                ("rate_limit_per_second", rate_limit_per_second),
                ("rate_limit_burst", rate_limit_burst),
                ("max_running_jobs", max_running_jobs),
                ("max_queued_jobs", max_queued_jobs),
            ] {
                change.extend(limit.map(|limit| (field.to_owned(), json!(limit.0))));
            }
            let client = Client::new(api)?;
            let tenant = client
                .patch(&format!("/api/tenants/{id}"), &change.into())
                .await?;
            print(tenant, as_json);
        }
    }
    Ok(ExitStatus::Done)
}

fn print_new(made: &Value, as_json: bool) {
    if as_json {
        output::json(made);
        return;
    }
    let columns = ["id", "name", "api_key", "webhook_secret"];
    let tenant = &made["tenant"];
    let row = [
        &tenant["id"],
        &tenant["name"],
        &made["api_key"],
        &made["webhook_secret"],
    ];
    output::table(&columns, vec![row.into_iter().map(plain).collect()]);
    output::note("Keep them safe: they can't be read again.");
}

fn print(tenant: Value, as_json: bool) {
    if as_json {
        output::json(&tenant);
    } else {
        print_table(&[tenant]);
    }
}

fn print_table(tenants: &[Value]) {
    let columns = [
        "id",
        "name",
        "operator",
        "rate_limit_per_second",
        "rate_limit_burst",
        "max_running_jobs",
        "max_queued_jobs",
    ];
    let row = |tenant: &Value| columns.iter().map(|name| plain(&tenant[*name])).collect();
    output::table(&columns, tenants.iter().map(row).collect());
}
