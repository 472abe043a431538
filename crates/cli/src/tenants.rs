//! `tandem tenants …`: by the api; and the first ones, at the database.

use client::{ChangeTenant, CreatedTenant, NewTenant, Tenant};

use crate::args::{TenantsArgs, TenantsCommand};
use crate::failure::{ExitStatus, Failure};
use crate::output::{self, optional};
use crate::{access, admin};

pub(crate) async fn run(args: TenantsArgs) -> Result<ExitStatus, Failure> {
    let (api, json) = (&args.api, args.api.json);
    match args.command {
        TenantsCommand::Create {
            name,
            operator,
            database_url: Some(database_url),
        } => admin::found_tenant(&database_url, &name, operator, json).await?,
        TenantsCommand::Create { name, .. } => {
            let new = NewTenant {
                name,
                ..NewTenant::default()
            };
            let client = access::connect(api)?;
            access::show(client.create_tenant(&new), json, print_new).await?;
        }
        TenantsCommand::List { limit } => {
            let client = access::connect(api)?;
            access::show_list(client.tenants().limit(limit), json, print_table).await?;
        }
        TenantsCommand::Get { id } => {
            access::show(access::connect(api)?.tenant(id), json, print).await?;
        }
        TenantsCommand::Update {
            id,
            name,
            rate_limit_per_second,
            rate_limit_burst,
            max_running_jobs,
            max_queued_jobs,
        } => {
            let change = ChangeTenant {
                name,
                rate_limit_per_second: rate_limit_per_second.map(|limit| limit.0),
                rate_limit_burst: rate_limit_burst.map(|limit| limit.0),
                max_running_jobs: max_running_jobs.map(|limit| limit.0),
                max_queued_jobs: max_queued_jobs.map(|limit| limit.0),
            };
            let client = access::connect(api)?;
            access::show(client.update_tenant(id, &change), json, print).await?;
        }
    }
    Ok(ExitStatus::Done)
}

fn print_new(made: CreatedTenant) {
    let row = [
        made.tenant.id.to_string(),
        made.tenant.name,
        made.api_key,
        made.webhook_secret,
    ];
    output::table(["id", "name", "api_key", "webhook_secret"], [row]);
    output::note("Keep them safe: they can't be read again.");
}

fn print(tenant: Tenant) {
    print_table(vec![tenant]);
}

fn print_table(tenants: Vec<Tenant>) {
    let columns = [
        "id",
        "name",
        "operator",
        "rate_limit_per_second",
        "rate_limit_burst",
        "max_running_jobs",
        "max_queued_jobs",
    ];
    let rows = tenants.into_iter().map(|tenant| {
        [
            tenant.id.to_string(),
            tenant.name,
            tenant.operator.to_string(),
            optional(tenant.rate_limit_per_second),
            optional(tenant.rate_limit_burst),
            optional(tenant.max_running_jobs),
            optional(tenant.max_queued_jobs),
        ]
    });
    output::table(columns, rows);
}
