//! `tandem kinds …`: what jobs can be.

use serde_json::Value;

use crate::args::{KindsArgs, KindsCommand};
use crate::client::Client;
use crate::failure::{ExitStatus, Failure};
use crate::output;
use crate::output::plain;

pub(crate) async fn run(args: KindsArgs) -> Result<ExitStatus, Failure> {
    let client = Client::new(&args.api)?;
    let KindsCommand::List = args.command;
    let answer = client.get("/api/kinds", &[]).await?;
    let kinds = answer["kinds"].as_array().cloned().unwrap_or_default();
    if args.api.json {
        output::json(&kinds);
        return Ok(ExitStatus::Done);
    }
    let columns = ["name", "live", "schema", "registered_at"];
    let row = |kind: &Value| {
        let schema = if kind["schema"].is_null() { "no" } else { "yes" };
        vec![
            plain(&kind["name"]),
            plain(&kind["live"]),
            schema.to_owned(),
            plain(&kind["registered_at"]),
        ]
    };
    output::table(&columns, kinds.iter().map(row).collect());
    Ok(ExitStatus::Done)
}
