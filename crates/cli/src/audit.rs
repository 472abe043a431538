//! `tandem audit …`: who did what, and whether the log that tells it is whole.

use chrono::{DateTime, Utc};
use domain::{AuditEntry, AuditHash, RequestId};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::args::{AuditArgs, AuditCommand, AuditListArgs, KnownHead};
use crate::client::Client;
use crate::failure::{ExitStatus, Failure};
use crate::output::{self, plain};

/// The api's largest page.
const PAGE: usize = 100;

pub(crate) async fn run(args: AuditArgs) -> Result<ExitStatus, Failure> {
    let json = args.api.json;
    let client = Client::new(&args.api)?;
    match args.command {
        AuditCommand::List(list) => {
            let limit = list.limit;
            let entries = client.list("/api/audit", "entries", &filter(list), limit).await?;
            if json {
                output::json(&entries);
            } else {
                print_table(&entries);
            }
        }
        AuditCommand::Verify { since } => verify(&client, since.as_ref(), json).await?,
    }
    Ok(ExitStatus::Done)
}

fn filter(list: AuditListArgs) -> Vec<(&'static str, String)> {
    let time = |time: DateTime<Utc>| time.to_rfc3339();
    [
        ("action", list.action),
        ("target", list.target),
        ("key_id", list.key_id),
        ("after", list.after.map(time)),
        ("before", list.before.map(time)),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
    .collect()
}

fn print_table(entries: &[Value]) {
    let columns = ["number", "at", "action", "target", "key_id", "request_id"];
    let row = |entry: &Value| columns.iter().map(|name| plain(&entry[*name])).collect();
    output::table(&columns, entries.iter().map(row).collect());
}

/// Reads the log from its newest entry to its first, and computes every hash anew.
async fn verify(client: &Client, since: Option<&KnownHead>, json: bool) -> Result<(), Failure> {
    let mut head: Option<AuditEntry> = None;
    let mut next: Option<AuditEntry> = None;
    let mut entries: i64 = 0;
    let mut cursor = None;
    loop {
        let page = page(client, cursor.as_deref()).await?;
        for entry in page.entries {
            entry.check(next.as_ref()).map_err(broken)?;
            if let Some(known) = since.filter(|known| known.number == entry.number) {
                known.check(&entry)?;
            }
            entries += 1;
            if head.is_none() {
                head = Some(entry.clone());
            }
            next = Some(entry);
        }
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
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
        output::json(&serde_json::json!({ "entries": entries, "head": known_head }));
    } else {
        output::line(&format!("{entries} entries, none changed, missing or inserted"));
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

struct Page {
    entries: Vec<AuditEntry>,
    next_cursor: Option<String>,
}

async fn page(client: &Client, cursor: Option<&str>) -> Result<Page, Failure> {
    let mut query = vec![("limit", PAGE.to_string())];
    query.extend(cursor.map(|cursor| ("cursor", cursor.to_owned())));
    // As text, because the details are hashed byte for byte.
    let text = client.get_text("/api/audit", &query).await?;
    let shown: ShownPage = serde_json::from_str(&text)?;
    let entries: Option<Vec<AuditEntry>> = shown.entries.into_iter().map(Shown::read).collect();
    Ok(Page {
        entries: entries.ok_or_else(|| Failure::new("the api shows entries that are none"))?,
        next_cursor: shown.next_cursor,
    })
}

#[derive(Deserialize)]
struct ShownPage {
    entries: Vec<Shown>,
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
struct Shown {
    tenant_id: Uuid,
    number: i64,
    at: DateTime<Utc>,
    key_id: Option<String>,
    request_id: Option<String>,
    action: String,
    target: String,
    details: Box<RawValue>,
    previous_hash: String,
    hash: String,
}

impl Shown {
    fn read(self) -> Option<AuditEntry> {
        Some(AuditEntry {
            tenant_id: self.tenant_id.into(),
            number: self.number,
            at: self.at,
            key_id: self.key_id,
            request_id: match self.request_id {
                Some(id) => Some(RequestId::parse(&id)?),
                None => None,
            },
            action: self.action,
            target: self.target,
            details: self.details.get().to_owned(),
            previous_hash: AuditHash::parse(&self.previous_hash)?,
            hash: AuditHash::parse(&self.hash)?,
        })
    }
}
