//! `tandem kinds …`: what jobs can be.

use client::Kind;

use crate::access;
use crate::args::{KindsArgs, KindsCommand};
use crate::failure::{ExitStatus, Failure};
use crate::output;

pub(crate) async fn run(args: KindsArgs) -> Result<ExitStatus, Failure> {
    let client = access::connect(&args.api)?;
    let KindsCommand::List = args.command;
    access::show(client.kinds(), args.api.json, print_table).await?;
    Ok(ExitStatus::Done)
}

fn print_table(kinds: Vec<Kind>) {
    let rows = kinds.into_iter().map(|kind| {
        let schema = if kind.schema.is_some() { "yes" } else { "no" };
        [
            kind.name,
            kind.live.to_string(),
            schema.to_owned(),
            output::time(kind.registered_at),
        ]
    });
    output::table(["name", "live", "schema", "registered_at"], rows);
}
