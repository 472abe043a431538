//! `tandem audit …`: who did what, and whether the log that tells it is whole.

use std::pin::pin;

use client::{AuditEntry, AuditFilter, Client};
use futures::TryStreamExt as _;
use serde_json::json;

use crate::access;
use crate::args::{AuditArgs, AuditCommand, AuditListArgs, KnownHead};
use crate::failure::{ExitStatus, Failure};
use crate::output::{self, optional};

pub(crate) async fn run(args: AuditArgs) -> Result<ExitStatus, Failure> {
    let json = args.api.json;
    let client = access::connect(&args.api)?;
    match args.command {
        AuditCommand::List(list) => {
            let limit = list.limit;
            let entries = client.audit(&filter(list)).limit(limit);
            access::show_list(entries, json, print_table).await?;
        }
        AuditCommand::Verify { since } => verify(&client, since.as_ref(), json).await?,
    }
    Ok(ExitStatus::Done)
}

fn filter(list: AuditListArgs) -> AuditFilter {
    AuditFilter {
        action: list.action,
        target: list.target,
        key_id: list.key_id,
        after: list.after,
        before: list.before,
    }
}

fn print_table(entries: Vec<AuditEntry>) {
    let rows = entries.into_iter().map(|AuditEntry(entry)| {
        [
            entry.number.to_string(),
            output::time(entry.at),
            entry.action,
            entry.target,
            optional(entry.key_id),
            optional(entry.request_id),
        ]
    });
    output::table(["number", "at", "action", "target", "key_id", "request_id"], rows);
}

/// Reads the log from its newest entry to its first, and computes every hash anew.
async fn verify(client: &Client, since: Option<&KnownHead>, json: bool) -> Result<(), Failure> {
    let mut head: Option<AuditEntry> = None;
    let mut next: Option<AuditEntry> = None;
    let mut count: u64 = 0;
    let mut entries = pin!(client.audit(&AuditFilter::default()).stream());
    while let Some(entry) = entries.try_next().await? {
        entry.check(next.as_deref()).map_err(broken)?;
        if let Some(known) = since.filter(|known| known.number == entry.number) {
            known.check(&entry)?;
        }
        count += 1;
        head.get_or_insert_with(|| entry.clone());
        next = Some(entry);
    }
    let Some(head) = head else {
        return Err(Failure::new(
            "the audit log is empty: at least the tenant was made once",
        ));
    };
    if let Some(first) = next.filter(|first| first.number != 1) {
        return Err(Failure::new(format!("entry {} is missing", first.number - 1)));
    }
    if let Some(known) = since.filter(|known| known.number > head.number) {
        let message = format!(
            "entry {} is missing: the log ends with {}",
            known.number, head.number
        );
        return Err(Failure::new(message));
    }
    let known_head = format!("{}:{}", head.number, head.hash);
    if json {
        output::json(&json!({ "entries": count, "head": known_head }));
    } else {
        output::line(&format!("{count} entries, none changed, missing or inserted"));
        output::line(&format!("head {known_head}"));
        output::note(
            "Keep the head: `tandem audit verify --since HEAD` tells whether the log was made anew since.",
        );
    }
    Ok(())
}

impl KnownHead {
    fn check(&self, entry: &AuditEntry) -> Result<(), Failure> {
        if entry.hash == self.hash {
            return Ok(());
        }
        let message = format!(
            "entry {} is not the one that was known: the log was made anew",
            self.number
        );
        Err(Failure::new(message))
    }
}

fn broken(chain: domain::BrokenChain) -> Failure {
    Failure::new(format!("the audit log was tampered with: {chain}"))
}
